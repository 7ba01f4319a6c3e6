"""Taking turns: through all reaches or not at all, and never waiting with one in hand."""

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
"""Seconds between two attempts to take a turn that another replier has."""


class Reach(Protocol):
    """How far a turn keeps others out. Its methods never wait for another replier."""

    async def take(self, names: Sequence[str], holder: str) -> set[str]:
        """
        Take the turns that are free.

        :param holder: who takes them, as a line that others are shown
        :return: the names of those that were
        :raises TurnsUnavailableError: it cannot be said which are free
        """

    async def give_back(self, names: Collection[str]) -> None:
        """Give back turns that were taken here."""

    async def holder(self, name: str) -> str | None:
        """Return who has a turn, as a line; None where that is not known."""

    def lasts_until(self, name: str) -> float | None:
        """Return until when a turn is surely held, on the event loop's clock; None until it is given back."""


class Turn:
    """
    The right to answer one event.

    :param name: of the event, as :meth:`Turns.name` makes it
    """

    def __init__(self, turns: Turns, name: str) -> None:
        self._turns = turns
        self.name = name
        self._held = True

    async def give_back(self) -> None:
        """Let the next replier have it; does nothing a second time."""
        if self._held:
            self._held = False
            await self._turns.give_back([self.name])

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """
        Send within the turn: what is under way when the turn can no longer outlast a request is cancelled.

        :raises TurnsUnavailableError: the turn is about to end; nothing was sent
        :raises UnclearOutcomeError: it was, while a request was under way
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
        """Return when a request must have left, so that it ends before the turn does."""
        until = self._turns.lasts_until(self.name)
        assert until is not None
        return until - self._turns.request_timeout

    async def _prolong(self, limit: asyncio.Timeout) -> None:
        """Move the deadline along as the turn is renewed."""
        while True:
            await asyncio.sleep(_LONGEST_PAUSE)
            limit.reschedule(self._deadline())


class Turns:
    """
    The turns of the events of one service.

    :param place: the service and where it is, so that its events are told from those of others
    :param reaches: from the nearest to the farthest
    :param timeout: seconds to wait for a turn that another replier has
    :param request_timeout: seconds that a request takes at most
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
        Return the name of an event's turn, which tells nobody what the event is.

        :param identity: tells the event from all others at this place
        """
        return hashlib.sha256(f"{self._place}\n{identity}".encode()).hexdigest()[:32]

    async def take(self, name: str) -> Turn:
        """
        Take a turn, or wait for it.

        :raises TurnTakenError: another replier has had it for longer than the timeout; says who
        :raises TurnsUnavailableError: for that long, it could not be said whose turn it is
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
                    f"Another task is answering this event: {await self._holder(name)}. It did not end within "
                    f"{self._timeout:g} s. Nothing was sent."
                )
            await asyncio.sleep(min(pause, max(give_up - clock(), 0)))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def take_free(self, names: Iterable[str]) -> dict[str, Turn]:
        """Take those of some turns that nobody has; none where that cannot be said."""
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
        """Return until when a turn is surely held, on the event loop's clock; None until it is given back."""
        ends = [end for reach in self._reaches if (end := reach.lasts_until(name)) is not None]
        return min(ends, default=None)

    async def _take_all(self, names: Sequence[str]) -> list[str]:
        """Take those turns that are free in every reach; of those that are not, keep nothing."""
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
    """Return who this is, for others who wait: the task that Airflow runs here, or the process; and since when."""
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
