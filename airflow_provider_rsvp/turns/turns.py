"""Taking turns: in all reaches or in none, and never waiting while holding one."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import pendulum

from airflow_provider_rsvp.exceptions import TurnsUnavailableError, TurnTakenError, UnclearOutcomeError
from airflow_provider_rsvp.text import clean_line

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
"""Shortest and longest pause between two attempts to take a turn that another replier holds, in seconds."""


class Reach(Protocol):
    """How far away a turn keeps others out. Its methods never wait for another replier."""

    async def take(self, names: Sequence[str], holder: str) -> set[str]:
        """
        Take the turns that are free.

        :param holder: one line that tells other repliers who takes them
        :return: the names of the turns that were free
        :raises TurnsUnavailableError: whether they are free cannot be found out
        """

    async def give_back(self, names: Collection[str]) -> None:
        """Give back turns that were taken from this reach."""

    async def holder(self, name: str) -> str | None:
        """Return who holds a turn, in one line; None if that is not known."""

    def lasts_until(self, name: str) -> float | None:
        """Return until when a turn is certain to be held, on the event loop's clock; None if until it is given back."""


class Turn:
    """
    The right to answer one event.

    :param name: the event's name, as :meth:`Turns.name` returns it
    """

    def __init__(self, turns: Turns, name: str) -> None:
        self._turns = turns
        self.name = name
        self._held = True

    async def give_back(self) -> None:
        """Give the turn to the next replier; a second call does nothing."""
        if self._held:
            self._held = False
            await self._turns.give_back([self.name])

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """
        Send within the turn; cancel the request if the turn might expire before it ends.

        :raises TurnsUnavailableError: the turn was about to expire, so nothing was sent
        :raises UnclearOutcomeError: the turn was about to expire while a request was under way
        """
        if self._turns.lasts_until(self.name) is None:
            yield
            return
        deadline = self._deadline()
        if deadline <= asyncio.get_running_loop().time():
            raise TurnsUnavailableError(
                "The turn for this event can no longer be relied on. Nothing was sent."
            )
        try:
            async with asyncio.timeout_at(deadline) as limit:
                watching = asyncio.ensure_future(self._prolong(limit))
                try:
                    yield
                finally:
                    watching.cancel()
        except TimeoutError:
            if not limit.expired():
                raise
            raise UnclearOutcomeError(
                "The turn for this event could not be renewed while the reply was under way; it may or may not have "
                "been sent."
            ) from None

    def _deadline(self) -> float:
        """Return the latest time to start a request, so that it ends before the turn expires."""
        until = self._turns.lasts_until(self.name)
        assert until is not None
        return until - self._turns.request_timeout

    async def _prolong(self, limit: asyncio.Timeout) -> None:
        """Move the deadline as the turn is renewed."""
        while True:
            await asyncio.sleep(_LONGEST_PAUSE)
            limit.reschedule(self._deadline())


class Turns:
    """
    The turns of the events of one service.

    :param place: the service and its address, which tell its events from those of others
    :param reaches: the reaches, from the nearest to the farthest
    :param timeout: how long to wait for a turn that another replier holds, in seconds
    :param request_timeout: how long a request takes at most, in seconds
    """

    def __init__(
        self, place: str, reaches: Sequence[Reach], *, timeout: float = 120.0, request_timeout: float = 30.0
    ) -> None:
        self._place = place
        self._reaches = tuple(reaches)
        self._timeout = timeout
        self.request_timeout = request_timeout

    def name(self, identity: str) -> str:
        """
        Return the name of an event's turn: a hash, so that it does not reveal the event.

        :param identity: text that tells the event from all others at this place
        """
        return hashlib.sha256(f"{self._place}\n{identity}".encode()).hexdigest()[:32]

    async def take(self, name: str) -> Turn:
        """
        Take a turn, or wait for it.

        :raises TurnTakenError: another replier held it for longer than the timeout; the message names it
        :raises TurnsUnavailableError: for that long, whose turn it is could not be found out
        """
        clock = asyncio.get_running_loop().time
        give_up = clock() + self._timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                if await self._take_all([name]):
                    return Turn(self, name)
            except TurnsUnavailableError:
                if clock() >= give_up:
                    raise
            if clock() >= give_up:
                raise TurnTakenError(
                    f"Another task is answering this event: {await self._holder(name)}. It did not finish within "
                    f"{self._timeout:g} s. Nothing was sent."
                )
            await asyncio.sleep(min(pause, max(give_up - clock(), 0)))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def take_free(self, names: Iterable[str]) -> dict[str, Turn]:
        """Take those of the turns that nobody holds; take none if that cannot be found out."""
        try:
            taken = await self._take_all(sorted(set(names)))
        except TurnsUnavailableError:
            return {}
        return {name: Turn(self, name) for name in taken}

    async def give_back(self, names: Collection[str]) -> None:
        """Give back turns, the farthest reach first."""
        for reach in reversed(self._reaches):
            await reach.give_back(names)

    def lasts_until(self, name: str) -> float | None:
        """Return until when a turn is certain to be held, on the event loop's clock; None if until it is given back."""
        ends = [end for reach in self._reaches if (end := reach.lasts_until(name)) is not None]
        return min(ends, default=None)

    async def _take_all(self, names: Sequence[str]) -> list[str]:
        """Take the turns that are free in every reach; give back the others in the reaches where they were free."""
        taken = list(names)
        holder = this_replier()
        for depth, reach in enumerate(self._reaches):
            if not taken:
                break
            try:
                free = await reach.take(taken, holder)
            except BaseException:
                await self._give_back_nearer(depth, taken)
                raise
            await self._give_back_nearer(depth, [name for name in taken if name not in free])
            taken = [name for name in taken if name in free]
        return taken

    async def _give_back_nearer(self, depth: int, names: Collection[str]) -> None:
        if names:
            for reach in reversed(self._reaches[:depth]):
                await reach.give_back(names)

    async def _holder(self, name: str) -> str:
        for reach in self._reaches:
            holder = await reach.holder(name)
            if holder:
                return clean_line(holder)
        return "it is not known which one"


def this_replier() -> str:
    """Return what other repliers are told about this one: the task that Airflow runs here, or the process; the time."""
    parts = [
        f"{what} {os.environ[name]!r}"
        for what, name in (
            ("dag", "AIRFLOW_CTX_DAG_ID"),
            ("task", "AIRFLOW_CTX_TASK_ID"),
            ("run", "AIRFLOW_CTX_DAG_RUN_ID"),
        )
        if os.environ.get(name)
    ]
    who = ", ".join(parts) or os.path.basename(sys.argv[0] or "python")
    return f"{who} (process {os.getpid()}), since {pendulum.now('UTC').to_iso8601_string()}"
