"""Reaches whose every step the scheduler holds: the real one of a process, and a lease as a cluster keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from airflow_provider_rsvp.exceptions import TurnsUnavailableError
from airflow_provider_rsvp.turns import ProcessReach
from explore.scheduler import Clock, Process, at_once

_RENEWALS_IN_A_LEASE = 4


class StepwiseReach:
    """The real :class:`ProcessReach`; what a replier holds is given back when it crashes."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._real = ProcessReach()
        self._held: set[str] = set()

    async def take(self, names: Sequence[str], holder: str) -> set[str]:
        await self._process.step("take the turn")
        free = await self._real.take(names, self._process.name)
        self._held |= free
        self._process.learn(sorted(free))
        return free

    async def give_back(self, names: Collection[str]) -> None:
        await self._process.step("give back the turn")
        self._held -= set(names)
        await self._real.give_back(names)

    async def holder(self, name: str) -> str | None:
        return "another replier"

    def lasts_until(self, name: str) -> float | None:
        return self._real.lasts_until(name)

    def crash(self) -> None:
        """Lose what is held, as the kernel takes its locks back."""
        at_once(self._real.give_back(self._held))


class Leases:
    """What the server of the leases knows: who has each, and until when."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, float]] = {}
        self.cut_off: set[str] = set()
        """The processes that cannot reach the server."""

    def state(self) -> object:
        return sorted(self.held.items()), sorted(self.cut_off)


class LeaseReach:
    """
    Leases as ``ClusterReach`` keeps them: they end by themselves, are renewed, and cannot be while the server is away.

    A crash takes nothing back.
    """

    def __init__(self, leases: Leases, process: Process, clock: Clock, lease: float) -> None:
        self._leases = leases
        self._process = process
        self._clock = clock
        self._lease = lease
        self._ends: dict[str, float] = {}

    async def take(self, names: Sequence[str], holder: str) -> set[str]:
        await self._process.step("take the turn")
        self._reach()
        taken = set()
        for name in names:
            _, end = self._leases.held.get(name, ("", 0.0))
            if end <= self._clock.now:
                self._hold(name)
                taken.add(name)
        self._process.learn(sorted(taken))
        return taken

    async def give_back(self, names: Collection[str]) -> None:
        await self._process.step("give back the turn")
        for name in names:
            self._ends.pop(name, None)
            if self._is_ours(name) and self._process.name not in self._leases.cut_off:
                del self._leases.held[name]

    async def holder(self, name: str) -> str | None:
        return "another replier"

    def lasts_until(self, name: str) -> float | None:
        return self._ends.get(name, 0.0)

    async def renew(self) -> None:
        """Renew what is held, again and again."""
        while True:
            await asyncio.sleep(self._lease / _RENEWALS_IN_A_LEASE)
            if not self._ends:
                continue
            await self._process.step("renew the turn")
            for name in list(self._ends):
                renewed = self._is_ours(name) and self._process.name not in self._leases.cut_off
                if renewed:
                    self._hold(name)
                self._process.learn(renewed)

    def crash(self) -> None:
        """Keep the leases: they end by themselves."""

    def _reach(self) -> None:
        if self._process.name in self._leases.cut_off:
            self._process.learn("cut off")
            raise TurnsUnavailableError("The server of the leases cannot be reached.")

    def _is_ours(self, name: str) -> bool:
        holder, end = self._leases.held.get(name, ("", 0.0))
        return holder == self._process.name and end > self._clock.now

    def _hold(self, name: str) -> None:
        end = self._clock.now + self._lease
        self._leases.held[name] = (self._process.name, end)
        self._ends[name] = end
