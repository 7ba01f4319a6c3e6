"""Looking at many invitations with few requests: one listing instead of one look at each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any, TypeVar

import pendulum

from airflow_provider_rsvp.exceptions import SameEventError
from airflow_provider_rsvp.model import (
    EventReference,
    Invitation,
    ParticipationStatus,
    Recurrence,
    Reply,
    Scope,
    TimeRange,
)
from airflow_provider_rsvp.plans.planned_reply import PlannedReply
from airflow_provider_rsvp.services.client import CalendarClient, Sent, Shown, Window
from airflow_provider_rsvp.times import UTC
from airflow_provider_rsvp.turns import Turns

_T = TypeVar("_T")
_FEWEST = 3
"""Fewer invitations than this are looked at one by one."""
_LONGEST_WINDOW_DAYS = 92
_OTHERS_PER_REPLY, _OTHERS = 10, 250
"""How many other events may be read before the listing costs more than it saves."""
_READ_AT_A_TIME = 50
"""Events to read before other coroutines run, so that replies that are ready need not wait for the whole listing."""

_Key = tuple[str | None, pendulum.DateTime | None]
Claims = dict[str, tuple[str, EventReference, Scope]]
"""The connection, reference and scope of the reply that found each event first, across all connections of a task."""


class ListedCalendar:
    """
    A :class:`~airflow_provider_rsvp.services.client.ReplyClient` for some replies on one calendar.

    Looks, and reads back, by listing the days of the invitations; it reads one by one what the listing does not show.
    It reads back once all replies that are still under way wait for it.

    :param replies: replies for one mailbox and calendar; call :meth:`leave` at the end of each
    :param claims: the events that the task's replies have found
    :param turns: gives the events their names
    :param conn_id: the connection of these replies
    :param all_sent: set once no reply is left to send
    """

    def __init__(
        self,
        client: CalendarClient,
        replies: Sequence[PlannedReply],
        claims: Claims,
        turns: Turns,
        conn_id: str,
        all_sent: asyncio.Event,
    ) -> None:
        self.service = client.service
        self.capabilities = client.capabilities
        self._client = client
        self._claims = claims
        self._turns = turns
        self._conn_id = conn_id
        self._reference = replies[0].reference
        self._window = _window([each.planned.time for each in replies if each.planned is not None])
        self._expected = {_key(each.reference) for each in replies if each.planned is not None}
        self._found: dict[_Key, Invitation] = {}
        self._under_way = len(replies)
        self._all_sent = all_sent
        self._waiting: list[tuple[Invitation, asyncio.Future[ParticipationStatus | None]]] = []
        self._looks: set[asyncio.Task[None]] = set()

    async def look(self) -> None:
        """Read the invitations; call this before the first reply."""
        self._found = await self._listed(self._expected, self._invitations)

    def leave(self) -> None:
        """Stop waiting for one of the replies: it has ended."""
        self._under_way -= 1
        self._read_back_if_all_wait()

    def turn_of(self, reference: EventReference) -> str:
        """Return the text that identifies an event when its turn is taken."""
        return self._client.turn_of(reference)

    def identity(self, invitation: Invitation) -> str:
        """Return the text that tells an event, once looked at, from all others."""
        return self._client.identity(invitation)

    def check(self, reference: EventReference, reply: Reply, scope: Scope) -> None:
        """Check what can be checked without a request."""
        self._client.check(reference, reply, scope)

    async def observe(self, reference: EventReference, scope: Scope) -> Invitation:
        """
        Return the event from the listing, or read it.

        :raises SameEventError: another reply has found the same event
        """
        found = self._found.pop(_key(reference), None)
        if found is None or not _stands_for(found.recurrence, scope):
            found = await self._client.observe(reference, scope)
        event = self._turns.name(f"identity {self._client.identity(found)}")
        claim = (self._conn_id, reference, scope)
        if self._claims.setdefault(event, claim) != claim:
            raise SameEventError("Another of the replies is for the same event, so this one was not sent.")
        return found

    async def read_status(self, invitation: Invitation) -> ParticipationStatus | None:
        """Read back the status, together with those of all other replies that wait for it."""
        future: asyncio.Future[ParticipationStatus | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((invitation, future))
        self._read_back_if_all_wait()
        return await future

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        """Send one reply."""
        return await self._client.send(invitation, reply)

    def _read_back_if_all_wait(self) -> None:
        if len(self._waiting) < self._under_way:
            return
        self._all_sent.set()
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        look = asyncio.ensure_future(self._read_back(waiting))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def _read_back(
        self, waiting: list[tuple[Invitation, asyncio.Future[ParticipationStatus | None]]]
    ) -> None:
        try:
            found = await self._listed(
                {_key(invitation.reference) for invitation, _ in waiting}, self._statuses
            )
        except Exception as error:
            for _, future in waiting:
                _fail(future, error)
            return
        await asyncio.gather(*(self._tell(invitation, future, found) for invitation, future in waiting))

    async def _tell(
        self,
        invitation: Invitation,
        future: asyncio.Future[ParticipationStatus | None],
        found: dict[_Key, ParticipationStatus | None],
    ) -> None:
        key = _key(invitation.reference)
        try:
            status = found[key] if key in found else await self._client.read_status(invitation)
        except Exception as error:
            _fail(future, error)
        else:
            if not future.done():
                future.set_result(status)

    async def _invitations(self, window: Window) -> AsyncIterator[tuple[EventReference, Invitation]]:
        listing = self._client.list_invitations(
            window, mailbox=self._reference.mailbox, calendar_id=self._reference.calendar_id
        )
        async for invitation in listing:
            yield invitation.reference, invitation

    def _statuses(self, window: Window) -> AsyncIterator[Shown]:
        return self._client.list_statuses(
            window, mailbox=self._reference.mailbox, calendar_id=self._reference.calendar_id
        )

    async def _listed(
        self,
        wanted: Collection[_Key],
        listing: Callable[[Window], AsyncIterator[tuple[EventReference, _T]]],
    ) -> dict[_Key, _T]:
        """Return the wanted events that a listing shows; nothing if a listing is of no use."""
        found: dict[_Key, _T] = {}
        twice: set[_Key] = set()
        if self._window is None or len(wanted) < _FEWEST:
            return found
        others = _OTHERS + _OTHERS_PER_REPLY * len(wanted)
        read = 0
        try:
            async for reference, shown in listing(self._window):
                read += 1
                if read % _READ_AT_A_TIME == 0:
                    await asyncio.sleep(0)
                key = _key(reference)
                if key not in wanted:
                    others -= 1
                elif key in found:
                    twice.add(key)
                else:
                    found[key] = shown
                if others < 0:
                    break
        except Exception:
            # Looking at each event meets the same error again, with a better message.
            return {}
        return {key: shown for key, shown in found.items() if key not in twice}


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _key(reference: EventReference) -> _Key:
    return reference.event_id, reference.original_start


def _stands_for(recurrence: Recurrence, scope: Scope) -> bool:
    """Whether a listed event is the one that a look with this scope would read."""
    return recurrence is not (Recurrence.INSTANCE if scope is Scope.SERIES else Recurrence.SERIES)


def _window(times: Sequence[TimeRange]) -> Window | None:
    """Return the shortest window that covers all the times; None if there are no times, or it would be too long."""
    if not times:
        return None
    start = min(_instant(each.start) for each in times)
    end = max(_instant(each.end) for each in times)
    if any(each.all_day for each in times):
        # A day begins and ends at different instants in different zones.
        start, end = start.subtract(days=1), end.add(days=1)
    window = Window(start.subtract(seconds=1), end.add(seconds=1))
    return window if (window.end - window.start).total_days() <= _LONGEST_WINDOW_DAYS else None


def _instant(value: pendulum.DateTime | pendulum.Date) -> pendulum.DateTime:
    if isinstance(value, pendulum.DateTime):
        return value if value.tzinfo is UTC else value.in_timezone(UTC)
    return pendulum.datetime(value.year, value.month, value.day)
