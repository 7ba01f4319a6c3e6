"""The calendar client for CalDAV; needs the iCalendar library."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from airflow_provider_rsvp.exceptions import (
    ChangeTokenExpiredError,
    EventNotFoundError,
    InvalidInputError,
    MalformedResponseError,
    RejectedByServiceError,
)
from airflow_provider_rsvp.model import (
    Account,
    EventReference,
    Invitation,
    ParticipationStatus,
    Recurrence,
    Reply,
    Scope,
)
from airflow_provider_rsvp.services.caldav import CAPABILITIES, SERVICE, Software
from airflow_provider_rsvp.services.caldav.discovery import Collection, Home, Silence, discover
from airflow_provider_rsvp.services.caldav.instances import instance_text
from airflow_provider_rsvp.services.caldav.invitations import HeldInvitation, InvitationReader
from airflow_provider_rsvp.services.caldav.itip import Mailer
from airflow_provider_rsvp.services.caldav.lines import Document, unescaped
from airflow_provider_rsvp.services.caldav.marks import Marks
from airflow_provider_rsvp.services.caldav.places import EventId, below_home, normal, path_of
from airflow_provider_rsvp.services.caldav.sending import Sending
from airflow_provider_rsvp.services.caldav.store import Store
from airflow_provider_rsvp.services.caldav.xml import (
    CALDAV,
    CALENDAR_SERVER,
    DAV,
    ResourceResponse,
    multiget,
    query_by_time,
    query_by_uid,
    sync_collection,
)
from airflow_provider_rsvp.services.client import CalendarClient, Changes, Sent, Window
from airflow_provider_rsvp.services.foreign import read_events
from airflow_provider_rsvp.services.wire import Exchange, Pages, reading

_DATA = f"{CALDAV}calendar-data"
_TOKENS = (f"{DAV}sync-token", f"{CALENDAR_SERVER}getctag")
_SYNC, _CTAG = "sync:", "ctag:"
_AT_ONCE = 50
_SUBJECT = re.compile(r"^SUMMARY[^:\r\n]{0,100}:([^\r\n]{1,1000})", re.MULTILINE | re.IGNORECASE)


class CalDAVCalendar(CalendarClient):
    """
    The calendars of one user of a CalDAV server.

    :param exchange: carries requests to the server's host
    :param account: whose events these are: users may have events of their own under the same ids
    :param start: the path at which the server is looked for; ``/`` for the host's own
    :param addresses: the user's own addresses, beside those that the server names
    :param calendar_id: which calendar, where a reference names none; None for the server's default
    :param software: what the server is, where it does not say itself
    :param mailer: how mail is sent; None where the connection names no mail connection
    :param marks: by which what this package wrote is known
    :param is_own_link: whether an address lies on the configured host
    """

    service = SERVICE
    capabilities = CAPABILITIES

    def __init__(
        self,
        exchange: Exchange,
        *,
        account: str,
        marks: Marks,
        is_own_link: Callable[[str], bool],
        start: str = "/",
        addresses: Iterable[str] = (),
        calendar_id: str | None = None,
        software: Software = Software.AUTO,
        mailer: Mailer | None = None,
    ) -> None:
        self._store = Store(exchange)
        self._account = account.casefold()
        self.start = start
        self.addresses = tuple(addresses)
        self.calendar_id = calendar_id
        self._software = software
        self._mailer = mailer
        self._marks = marks
        self._is_own_link = is_own_link
        self._known: Home | None = None

    def turn_of(self, reference: EventReference) -> str:
        """Return the user and the object, which a series shares with its instances: an answer writes all of it."""
        path, _, _ = (reference.event_id or str(reference.ical_uid)).partition("#")
        return f"{self._account} {normal(path)}"

    def identity(self, invitation: Invitation) -> str:
        """Return the event's id below the home that the server names, whichever login led there."""
        home = self._known.path if self._known is not None else self._account
        return f"{home}{invitation.reference.event_id}"

    def check(self, reference: EventReference, reply: Reply, scope: Scope) -> None:
        """Check the form of the ids, and what no server can express."""
        if reference.event_id is not None:
            event_id = EventId.parse(reference.event_id)
            if reference.calendar_id is not None and event_id.calendar_id != below_home(
                reference.calendar_id, "calendar_id"
            ):
                raise InvalidInputError(
                    f"calendar_id: the event lies in {event_id.calendar_id!r}, as its id says, and not in "
                    f"{reference.calendar_id!r}."
                )
        if reply.comment and not reply.notify_organizer:
            raise InvalidInputError(
                "comment: a comment goes to an organizer who is notified; drop it or set notify_organizer=True."
            )
        if reply.proposed_time is not None and scope is Scope.SERIES:
            raise InvalidInputError(
                "proposed_start: a time is proposed for one event, not for a whole series; answer one instance."
            )

    async def observe(self, reference: EventReference, scope: Scope) -> Invitation:
        """Read one event; with ``series``, the series that an instance belongs to."""
        held = await self._held(reference, scope)
        return replace(held.invitation, version=held)

    async def read_status(self, invitation: Invitation) -> ParticipationStatus | None:
        """Read the object again."""
        series = invitation.recurrence is Recurrence.SERIES
        reference = EventReference(event_id=invitation.reference.event_id)
        return (await self._held(reference, Scope.SERIES if series else Scope.INSTANCE)).invitation.status

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        """Write the answer into the object; where the server sends no replies itself, mail one."""
        home = await self._home()
        sending = Sending(self._store, self._reader(home), self._mailer, self._held)
        return await sending.send(invitation, reply)

    async def list_invitations(
        self, window: Window, *, mailbox: str | None = None, calendar_id: str | None = None
    ) -> AsyncIterator[Invitation]:
        """Read the events of a window; instances of a series come one by one."""
        home = await self._home()
        for invitation in await self._window(home, home.calendar(calendar_id or self.calendar_id), window):
            yield invitation

    async def changes(
        self,
        window: Window,
        since: str | None,
        *,
        mailbox: str | None = None,
        calendar_id: str | None = None,
    ) -> Changes:
        """
        Read what changed on a calendar since a token was given out; without one, or if it has ended, everything.

        With reports of changes (RFC 6578) where the server has them, else with the calendar's tag.
        """
        home = await self._home()
        calendar = home.calendar(calendar_id or self.calendar_id)
        if since is not None and since.startswith(_SYNC):
            try:
                return await self._changed(home, calendar, window, since.removeprefix(_SYNC))
            except ChangeTokenExpiredError:
                since = None
        # The token is read first: what changes in between is reported again next time.
        token = await self._token(calendar)
        if since is not None and since == token:
            return Changes((), token, complete=False)
        return Changes(tuple(await self._window(home, calendar, window)), token, complete=True)

    async def account(self) -> Account:
        """Read who the user is, which calendars there are, and what the server can do."""
        home = await self._home()
        mail = (each for each in home.addresses if each.startswith("mailto:"))
        addresses = ", ".join(sorted(each.removeprefix("mailto:") for each in mail))
        writable = [each for each in home.calendars if not each.read_only]
        notes = [
            f"{len(writable)} of {len(home.calendars)} calendars can be answered from: "
            + (", ".join(f"{each.name} ({each.calendar_id})" for each in writable) or "none")
            + ".",
            *self._abilities(home),
        ]
        return Account(who=f"{home.name} <{addresses}>", notes=tuple(notes))

    def _abilities(self, home: Home) -> Iterator[str]:
        server = home.server
        if server.schedules:
            yield "The server sends replies to organizers itself."
            silent = server.silence is not Silence.NOT_AT_ALL
            yield f"It {'can' if silent else 'cannot'} be told not to (notify_organizer=False)."
            yield f"It {'carries' if server.comments else 'does not carry'} comments."
        elif self._mailer is None:
            yield (
                "The server sends no replies to organizers, and the connection names no mail connection "
                "(smtp_conn_id), so answers can only be set silently (notify_organizer=False)."
            )
        else:
            yield "The server sends no replies to organizers; they are mailed."
        yield f"Proposed times {'cannot be sent' if self._mailer is None else 'are mailed'}."

    async def _home(self) -> Home:
        if self._known is None:
            self._known = await discover(self._store, self.start, self._software, self.addresses)
        return self._known

    def _reader(self, home: Home) -> InvitationReader:
        return InvitationReader(home, self._marks, self._is_own_link)

    async def _held(self, reference: EventReference, scope: Scope) -> HeldInvitation:
        what = f"read {reference}"
        home = await self._home()
        if reference.event_id is not None:
            event_id = EventId.parse(reference.event_id)
        else:
            event_id = await self._find(home, reference)
        resource = await self._store.get(home.path + event_id.path, what)
        reader = self._reader(home)
        with reading(what):
            # Reading a large object would block the event loop for too long.
            return await asyncio.to_thread(reader.chosen, resource, event_id, reference, scope)

    async def _find(self, home: Home, reference: EventReference) -> EventId:
        """Return where the object with a UID lies: in the calendar that is named, else in any, the default first."""
        what = f"find {reference}"
        named = reference.calendar_id or self.calendar_id
        calendars = (
            [home.calendar(named)] if named else sorted(home.calendars, key=lambda each: each != home.default)
        )
        for calendar in calendars:
            multistatus = await self._store.report(calendar.path, query_by_uid(str(reference.ical_uid)), what)
            path = await asyncio.to_thread(_with_uid, multistatus.responses, str(reference.ical_uid), what)
            if path is not None:
                return EventId(path.removeprefix(home.path))
        raise EventNotFoundError(f"The server shows no {reference}.")

    async def _window(self, home: Home, calendar: Collection, window: Window) -> list[Invitation]:
        what = f"list the events of {calendar.calendar_id}"
        start, end = instance_text(window.start), instance_text(window.end)
        multistatus = await self._store.report(calendar.path, query_by_time(start, end), what)
        return await self._read(home, calendar, multistatus.responses, window, what)

    async def _changed(self, home: Home, calendar: Collection, window: Window, token: str) -> Changes:
        what = f"list what changed in {calendar.calendar_id}"
        changed: dict[str, None] = {}
        pages = Pages(what)
        more = True
        while more:
            multistatus = await self._store.report(calendar.path, sync_collection(token), what, depth="0")
            with reading(what):
                responses = pages.read(list(multistatus.responses))
                paths = {path_of(each.href, what): each.status for each in responses}
                # A status of the calendar itself says that the response was cut short (RFC 6578, section 3.6).
                more = paths.pop(calendar.path, None) == 507 and multistatus.sync_token not in (None, token)
                token = multistatus.sync_token or token
            if more:
                pages.following(token)
            for path, status in paths.items():
                changed.pop(path, None)
                if status != 404:
                    changed[path] = None
        found: list[Invitation] = []
        paths_left = list(changed)
        while paths_left:
            asked, paths_left = paths_left[:_AT_ONCE], paths_left[_AT_ONCE:]
            multistatus = await self._store.report(calendar.path, multiget(asked), what, depth="0")
            found += await self._read(home, calendar, multistatus.responses, window, what)
        return Changes(tuple(found), f"{_SYNC}{token}", complete=False)

    async def _read(
        self,
        home: Home,
        calendar: Collection,
        responses: Sequence[ResourceResponse],
        window: Window,
        what: str,
    ) -> list[Invitation]:
        """Return the events that responses hold, each object read by itself."""
        reader = self._reader(home)

        def read() -> list[Invitation]:
            found: list[Invitation] = []
            for response in responses:
                if response.status == 507:
                    raise RejectedByServiceError(
                        f"Could not {what}: there are too many events; choose a shorter window."
                    )
                # A deleted object has a status; some servers list the calendar itself, too.
                elsewhere = response.status is not None or _path_of(response) == calendar.path
                if response.text(_DATA) is not None or not elsewhere:
                    found += _events(reader, response, calendar, window, what)
            return found

        return await asyncio.to_thread(read)

    async def _token(self, calendar: Collection) -> str | None:
        what = f"read what version {calendar.calendar_id} has"
        multistatus = await self._store.properties(calendar.path, _TOKENS, what)
        with reading(what):
            sync, tag = (multistatus.responses[0].text(name) for name in _TOKENS)
        if sync is not None:
            return f"{_SYNC}{sync}"
        return f"{_CTAG}{tag}" if tag is not None else None


def _events(
    reader: InvitationReader, response: ResourceResponse, calendar: Collection, window: Window, what: str
) -> Sequence[Invitation]:
    data = response.text(_DATA)

    def read() -> list[Invitation]:
        if data is None:
            raise InvalidInputError("the server shows nothing of it")
        return list(reader.within(data.encode(errors="replace"), path_of(response.href, what), window))

    path = _path_of(response)
    subject = _SUBJECT.search(data) if data is not None else None
    return read_events(
        read,
        what=what,
        window=window,
        event_id=path.removeprefix(reader.home.path) if path is not None else response.href,
        subject=unescaped(subject[1]) if subject is not None else None,
        calendar_id=calendar.calendar_id,
    )


def _path_of(response: ResourceResponse) -> str | None:
    try:
        return path_of(response.href, "")
    except MalformedResponseError:
        return None


def _with_uid(responses: Sequence[ResourceResponse], uid: str, what: str) -> str | None:
    """Return the path of the object with a UID; a server may also return objects whose UID only contains it."""
    for response in responses:
        path = _path_of(response)
        if path is not None and _has_uid((response.text(_DATA) or "").encode(errors="replace"), uid):
            return path
    return None


def _has_uid(data: bytes, uid: str) -> bool:
    """Return whether an event of an object has a UID; alarms have UIDs of their own."""
    try:
        document = Document.read(data)
        lines = [line for block in document.blocks("VEVENT") for line in document.own_lines(block)]
    except ValueError:
        return False
    return any(line.name == "UID" and line.value.strip() == uid for line in lines)
