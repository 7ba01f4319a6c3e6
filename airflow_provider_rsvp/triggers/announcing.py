"""Which invitations an event trigger announces, and where it stores what it has announced."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import pendulum
from asgiref.sync import sync_to_async

from airflow_provider_rsvp.triggers.reading import WatchedCalendar, redacted, retry_forever
from airflow_provider_rsvp.waiting.invitations import KnownInvitations

try:
    from airflow.triggers.shared_stream import SharedStreamProducer
except ImportError:  # Airflow before 3.3
    SharedStreamProducer = object  # type: ignore[assignment, misc]

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem

    from airflow_provider_rsvp.model import Invitation
    from airflow_provider_rsvp.services.client import Changes
    from airflow_provider_rsvp.waiting.invitations import CalendarWatch

_STORED_AFTER = 10.0
"""Seconds after which the triggerer has surely stored an event, where Airflow does not confirm it."""

_KEY = "rsvp_announced"

log = logging.getLogger(__name__)


class Poll:
    """
    One reading of a calendar, which several triggers may share.

    :param changes: what it found
    :param calendar: what was read
    """

    def __init__(self, changes: Changes, calendar: WatchedCalendar) -> None:
        self.changes = changes
        self._calendar = calendar
        self._saves: list[Callable[[], Awaitable[None]]] = []

    def read_all_next(self) -> None:
        """Make the next poll read the whole window."""
        self._calendar.read_all_next()

    def when_stored(self, save: Callable[[], Awaitable[None]]) -> None:
        """Call ``save`` once Airflow has stored the events of this poll, and not before."""
        self._saves.append(save)

    async def stored(self) -> None:
        """Airflow has stored the events of this poll. A save that fails is made up for after a later poll."""
        for save in self._saves:
            try:
                await save()
            except Exception as error:
                log.error("What was announced could not be saved yet. %s", redacted(error))


async def _polls(watch: CalendarWatch) -> AsyncIterator[Poll]:
    calendar = WatchedCalendar(watch)
    while True:
        changes = await retry_forever(
            calendar.read,
            failure_timeout=watch.failure_timeout,
            pause=watch.poll_interval,
            what=f"Watching {watch}",
        )
        yield Poll(changes, calendar)


async def unconfirmed_polls(watch: CalendarWatch) -> AsyncIterator[Poll]:
    """Poll where Airflow does not confirm that it has stored an event: ten seconds are taken to be enough."""
    settling = min(_STORED_AFTER, watch.poll_interval)
    async for poll in _polls(watch):
        yield poll
        await asyncio.sleep(settling)
        await poll.stored()
        await asyncio.sleep(watch.poll_interval - settling)


class ConfirmedPolls(SharedStreamProducer):
    """
    Polls where Airflow confirms that it has stored the events of a poll (3.3 and later).

    :param watch: what to poll, and how often
    """

    def __init__(self, watch: CalendarWatch) -> None:
        self._watch = watch

    async def open_stream(self) -> AsyncIterator[tuple[Poll, Poll]]:
        """Poll again and again."""
        async for poll in _polls(self._watch):
            yield poll, poll
            await asyncio.sleep(self._watch.poll_interval)

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Confirm the polls whose events are all stored. What the others announced is announced again."""
        for item in batch:
            if not item.outcome.failed:
                poll: Any = item.broker_payload
                await poll.stored()


class Store(Protocol):
    """Keeps the hashes of announced invitations over a restart of the triggerer."""

    async def load(self) -> dict[str, str]:
        """Return what was saved last; nothing at first."""

    async def save(self, hashes: dict[str, str]) -> None:
        """Replace what was saved last."""


class AssetStore:
    """
    The state store of the watched asset (Airflow 3.3 and later).

    :param state: the trigger's ``asset_state_store``
    :param key: tells the watchers of one asset apart
    """

    def __init__(self, state: Any, key: str) -> None:
        self._state = state
        self._key = f"{_KEY}_{key}"

    async def load(self) -> dict[str, str]:
        """Return what was saved last; nothing at first."""
        value = await self._state.aget(self._key)
        return dict(value) if isinstance(value, dict) else {}

    async def save(self, hashes: dict[str, str]) -> None:
        """Replace what was saved last."""
        await self._state.aset(self._key, hashes)


class VariableStore:
    """
    An Airflow Variable, where there is no state store of an asset.

    :param key: tells triggers apart
    """

    def __init__(self, key: str) -> None:
        self._name = f"{_KEY}_{key}"

    async def load(self) -> dict[str, str]:
        """Return what was saved last; nothing at first."""
        from airflow_provider_rsvp.hooks.secrets import variables

        text = await sync_to_async(variables().get)(self._name, None)
        value = json.loads(text) if text else {}
        return dict(value) if isinstance(value, dict) else {}

    async def save(self, hashes: dict[str, str]) -> None:
        """Replace what was saved last."""
        from airflow_provider_rsvp.hooks.secrets import variables

        await sync_to_async(variables().set)(self._name, json.dumps(hashes))


class Announcer:
    """
    Picks the invitations of each poll that one trigger announces, and stores what it has announced.

    :param watch: which invitations it announces
    :param asset_state: the trigger's ``asset_state_store``; None if Airflow gave it none
    """

    def __init__(self, watch: CalendarWatch, asset_state: Any) -> None:
        self._watch = watch
        self._asset_state = asset_state
        self._store: Store
        self._saved: dict[str, str] = {}
        self._known: KnownInvitations | None = None
        self._saw_window = False
        self._failure: str | None = None

    async def pick(self, poll: Poll) -> list[Invitation]:
        """
        Return the invitations of a poll that are to be announced.

        None if that fails: the next poll reads the whole window and makes up for it, and the triggers that share this
        poll do not wait. An error that persists is logged once.
        """
        failure, new = None, []
        try:
            new = await self._pick(poll)
        except Exception as error:
            self._saw_window, failure = False, redacted(error)
            if failure != self._failure:
                log.error("Watching %s: %s", self._watch, failure)
        self._failure = failure
        if not self._saw_window:
            poll.read_all_next()
        return new

    async def _pick(self, poll: Poll) -> list[Invitation]:
        if self._known is None:
            self._store, self._saved = await self._load()
            self._known = KnownInvitations(self._watch, self._saved)
        # A trigger that joins others has missed their first poll; changes alone would not show it what is there.
        self._saw_window = self._saw_window or poll.changes.complete
        return self._known.update(poll.changes, pendulum.now("UTC")) if self._saw_window else []

    def save(self, poll: Poll) -> None:
        """Have what was announced so far saved once Airflow has stored the event of a poll."""
        if self._known is None:
            return
        hashes = self._known.hashes

        async def save() -> None:
            if hashes != self._saved:
                await self._store.save(hashes)
                self._saved = hashes

        poll.when_stored(save)

    async def _load(self) -> tuple[Store, dict[str, str]]:
        watch = self._watch
        told_apart_by = [watch.conn_id, watch.mailbox, watch.calendar_id, watch.filter, watch.answered]
        key = hashlib.sha256(json.dumps(told_apart_by, sort_keys=True).encode()).hexdigest()[:16]
        if self._asset_state is not None:
            asset_store = AssetStore(self._asset_state, key)
            # Airflow raises this where several assets share one trigger, which then has no store of its own.
            with suppress(ValueError):
                return asset_store, await asset_store.load()
        variable_store = VariableStore(key)
        return variable_store, await variable_store.load()
