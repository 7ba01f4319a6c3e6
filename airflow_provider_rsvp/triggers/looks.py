"""Looks at a calendar, and what is to be kept once Airflow has stored what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

try:
    from airflow.triggers.shared_stream import SharedStreamProducer
except ImportError:  # Airflow before 3.3
    SharedStreamProducer = object  # type: ignore[assignment, misc]

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem

    from airflow_provider_rsvp.services.client import Changes

_STORED_AFTER = 10.0
"""Seconds after which the triggerer has surely stored an event, where Airflow does not say so."""


class Look:
    """
    What one look at a calendar found.

    :param changes: what changed since the look before; all of the calendar at the first
    """

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self._saves: list[Callable[[], Awaitable[None]]] = []

    def when_stored(self, save: Callable[[], Awaitable[None]]) -> None:
        """Have something called once Airflow has stored the events that came of this look, and not before."""
        self._saves.append(save)

    async def stored(self) -> None:
        """Call what waits for it."""
        for save in self._saves:
            await save()


async def unconfirmed(looks: AsyncIterator[Look], *, pause: float) -> AsyncIterator[Look]:
    """
    Yield looks where Airflow does not say when it has stored an event: it is taken to have after ten seconds.

    :param pause: seconds between two looks
    """
    settling = min(_STORED_AFTER, pause)
    async for look in looks:
        yield look
        await asyncio.sleep(settling)
        await look.stored()
        await asyncio.sleep(pause - settling)


class ConfirmedLooks(SharedStreamProducer):
    """
    Yields looks where Airflow says when it has stored the events that came of one (3.3 and later).

    :param looks: the looks, without pauses
    :param pause: seconds between two looks
    """

    def __init__(self, looks: AsyncIterator[Look], *, pause: float) -> None:
        self._looks = looks
        self._pause = pause

    async def open_stream(self) -> AsyncIterator[tuple[Look, Look]]:
        """Look again and again."""
        async for look in self._looks:
            yield look, look
            await asyncio.sleep(self._pause)

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Keep what came of looks whose events are all stored; of the others it is to come again."""
        for item in batch:
            if not item.outcome.failed:
                look: Any = item.broker_payload
                await look.stored()
