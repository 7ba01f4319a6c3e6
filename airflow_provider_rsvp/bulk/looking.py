"""Looking at many invitations with few requests: one listing in place of a look at each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any, TypeVar

import pendulum

from airflow_provider_rsvp.exceptions import RsvpError, SameEventError
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
from airflow_provider_rsvp.times import UTC, timestamp

_T = TypeVar("_T")
_FEWEST = 3
"""Fewer than these are looked at one by one."""
_LONGEST_WINDOW_DAYS = 92
_OTHERS_PER_REPLY, _OTHERS = 10, 250
"""How many events that no reply is for may be read before the listing costs more than it saves."""
_READ_AT_A_TIME = 50
"""Events that are read before others get a turn: what is ready to be sent need not wait for all to be read."""

_Key = tuple[str | None, pendulum.DateTime | None]
Address = tuple[str | None, str | None, float]
"""Tells an event from all others of a connection, however its reference was written: mailbox, event id, start."""


class ListedCalendar:
    """
    A :class:`~airflow_provider_rsvp.services.client.ReplyClient` for some replies on one calendar.

    Looks, and reads back, by listing the days on which their invitations lie; what a listing does not show, it asks
    for one by one. Reading back waits until all replies that are still under way have come to it.

    :param replies: of one mailbox and calendar; :meth:`leave` is called at the end of each
    :param taken: the events that the connection's replies have come to, and how each was addressed
    """

    def __init__(
        self,
        client: CalendarClient,
        replies: Sequence[PlannedReply],
        taken: dict[Address, tuple[EventReference, Scope]],
    ) -> None:
        self.service = client.service
        self.capabilities = client.capabilities
        self._client = client
        self._taken = taken
        self._reference = replies[0].reference
        self._window = _window([each.planned.time for each in replies if each.planned is not None])
        self._expected = {_key(each.reference) for each in replies if each.planned is not None}
        self._found: dict[_Key, Invitation] = {}
        self._under_way = len(replies)
        self.all_sent = asyncio.Event()
        """Set when none of the replies is left to be sent."""
        self._waiting: list[tuple[Invitation, asyncio.Future[ParticipationStatus | None]]] = []
        self._looks: set[asyncio.Task[None]] = set()

    async def look(self) -> None:
        """Read the invitations, before the first reply."""
        self._found = await self._listed(self._expected, self._invitations)

    def leave(self) -> None:
        """Wait no longer for one of the replies: it has come to its end."""
        self._under_way -= 1
        self._read_back_if_all_wait()

    def check(self, reference: EventReference, reply: Reply, scope: Scope) -> None:
        """Check what can be checked without a request."""
        self._client.check(reference, reply, scope)

    async def observe(self, reference: EventReference, scope: Scope) -> Invitation:
        """
        Return the event as the listing showed it, or read it.

        :raises SameEventError: another reply has come to it
        """
        found = self._found.pop(_key(reference), None)
        if found is None or not _stands_for(found.recurrence, scope):
            found = await self._client.observe(reference, scope)
        address = (found.reference.mailbox, found.reference.event_id, timestamp(found.time.start))
        if self._taken.setdefault(address, (reference, scope)) != (reference, scope):
            raise SameEventError("Another of the replies is for the same event, so this one was not sent.")
        return found

    async def read_status(self, invitation: Invitation) -> ParticipationStatus | None:
        """Read back the status, together with all others that wait for theirs."""
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
        self.all_sent.set()
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
        """Return those of the wanted that a listing shows; none where a listing is of no use."""
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
        except RsvpError:
            # What went wrong shows again, and with better words, when each is looked at.
            return {}
        return {key: shown for key, shown in found.items() if key not in twice}


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _key(reference: EventReference) -> _Key:
    return reference.event_id, reference.original_start


def _stands_for(recurrence: Recurrence, scope: Scope) -> bool:
    """Whether a listed event is what a look with this scope is about."""
    return recurrence is not (Recurrence.INSTANCE if scope is Scope.SERIES else Recurrence.SERIES)


def _window(times: Sequence[TimeRange]) -> Window | None:
    """Return the shortest window that shows all the times; None if there is none, or it is too long."""
    if not times:
        return None
    start = min(_instant(each.start) for each in times)
    end = max(_instant(each.end) for each in times)
    if any(each.all_day for each in times):
        # A day begins and ends at other moments in other zones.
        start, end = start.subtract(days=1), end.add(days=1)
    window = Window(start.subtract(seconds=1), end.add(seconds=1))
    return window if (window.end - window.start).total_days() <= _LONGEST_WINDOW_DAYS else None


def _instant(value: pendulum.DateTime | pendulum.Date) -> pendulum.DateTime:
    if isinstance(value, pendulum.DateTime):
        return value if value.tzinfo is UTC else value.in_timezone(UTC)
    return pendulum.datetime(value.year, value.month, value.day)
