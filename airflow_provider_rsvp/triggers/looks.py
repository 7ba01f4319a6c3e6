"""Looks at a calendar, and what is to be kept once Airflow has stored what came of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

try:
    from airflow.triggers.shared_stream import SharedStreamProducer
except ImportError:  # Airflow before 3.3
    SharedStreamProducer = object  # type: ignore[assignment, misc]

from airflow_provider_rsvp.triggers.retrying import redacted

if TYPE_CHECKING:
    import pendulum
    from airflow.triggers.shared_stream import AdvanceItem

    from airflow_provider_rsvp.services.client import Changes

_STORED_AFTER = 10.0
"""Seconds after which the triggerer has surely stored an event, where Airflow does not say so."""

log = logging.getLogger(__name__)


class Look:
    """
    What one look at a calendar found.

    :param changes: what changed since the look before; all of the calendar at the first
    :param day: when its window begins
    """

    def __init__(self, changes: Changes, day: pendulum.DateTime) -> None:
        self.changes = changes
        self._day = day
        self._all_next = False
        self._saves: list[Callable[[], Awaitable[None]]] = []

    def want_all_next(self) -> None:
        """Have the next look be at all of the calendar."""
        self._all_next = True

    def since(self, day: pendulum.DateTime) -> str | None:
        """Return from when on the next look asks for changes, in a window from that day on; None for all of it."""
        return None if self._all_next or day != self._day else self.changes.token

    def when_stored(self, save: Callable[[], Awaitable[None]]) -> None:
        """Have something called once Airflow has stored the events that came of this look, and not before."""
        self._saves.append(save)

    async def stored(self) -> None:
        """Call what waits for it; who cannot save now may do so after the next look."""
        for save in self._saves:
            try:
                await save()
            except Exception as error:
                log.error("What was announced cannot be remembered yet. %s", redacted(error))


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
