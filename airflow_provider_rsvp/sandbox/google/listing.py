"""Collections of events: what is asked for, pages, and what changed since a sync token was given out."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_rsvp.sandbox.google import events
from airflow_provider_rsvp.sandbox.google.errors import SYNC_ENDED, refuse
from airflow_provider_rsvp.sandbox.wire import Call
from airflow_provider_rsvp.sandbox.world import Copy, Mailbox

_LARGEST_PAGE = 2500
_BARRED_WITH_SYNC = frozenset(
    {
        "iCalUID",
        "orderBy",
        "privateExtendedProperty",
        "q",
        "sharedExtendedProperty",
        "timeMax",
        "timeMin",
        "updatedMin",
    }
)
_UNSERVED = frozenset({"privateExtendedProperty", "q", "sharedExtendedProperty", "updatedMin"})
_GIVES_NO_SYNC_TOKEN = frozenset({"iCalUID", "orderBy"})
_STANDARD = frozenset({"alt", "fields", "key", "prettyPrint", "quotaUser", "userIp"})
_PAGING = frozenset({"pageToken", "syncToken", "timeMin", "timeMax"})


@dataclass(frozen=True, slots=True)
class _Position:
    """
    A place in a listing.

    ``since`` and ``until`` are positions in the mailbox's list of changes, the first of which is 0 for all events;
    ``asked`` is what must stay the same from request to request.
    """

    epoch: str
    asked: str
    since: int
    until: int
    skip: int
    issued: float

    def token(self) -> str:
        """Write the place as a page token or a sync token."""
        return urlsafe_b64encode(json.dumps(astuple(self)).encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Collection:
    """What is listed: the events of a calendar, or the instances of a series."""

    mailbox: Mailbox
    calendar_id: str
    role: str
    epoch: str
    sync_lifetime: float | None
    page_size: int

    def events(self, call: Call) -> dict[str, object]:
        """Show a page of the calendar's events."""
        if unserved := _UNSERVED & set(call.query):
            raise refuse(400, "badRequest", f"The sandbox does not serve {min(unserved)}.")
        if "orderBy" in call.query and not _flag(call, "singleEvents"):
            raise refuse(
                400, "badRequest", "The requested ordering is not available for the particular query."
            )
        at = self._position(call)
        if at.since:
            copies = list(dict.fromkeys(self.mailbox.changes[at.since : at.until]))
        else:
            copies = [copy for copy in self.mailbox.agenda() if self._wanted(call, copy)]
        single = _flag(call, "singleEvents")
        copies = [copy for copy in copies if copy.calendar_id == self.calendar_id and _unfolded(copy, single)]
        return self._page(call, copies, at, syncs=not _GIVES_NO_SYNC_TOKEN & set(call.query))

    def instances(self, call: Call, series: Copy) -> dict[str, object]:
        """Show a page of the instances of a series."""
        start = call.query.get("originalStart")
        copies = [
            copy
            for copy in series.occurrences
            if self._wanted(call, copy) and (start is None or _starts(copy, start))
        ]
        return self._page(call, copies, self._position(call), syncs=False)

    def _wanted(self, call: Call, copy: Copy) -> bool:
        begin, end = _bound(call, "timeMin"), _bound(call, "timeMax")
        if begin is not None and end is not None and end <= begin:
            raise refuse(400, "timeRangeEmpty", "The specified time range is empty.")
        types, uid = call.query.getall("eventTypes", []), call.query.get("iCalUID")
        meeting = copy.meeting
        return (
            (begin is None or meeting.end > begin)
            and (end is None or meeting.start < end)
            and (uid is None or (meeting.series or meeting).ical_uid == uid)
            and (not types or events.kind(copy) in types)
            and (_flag(call, "showDeleted") or not (meeting.cancelled or copy.deleted))
        )

    def _position(self, call: Call) -> _Position:
        asked = json.dumps(
            sorted((name, value) for name, value in call.query.items() if name not in _STANDARD | _PAGING)
        )
        page, sync = call.query.get("pageToken"), call.query.get("syncToken")
        if sync is not None and (barred := _BARRED_WITH_SYNC & set(call.query)):
            raise refuse(400, "badRequest", f"Sync token cannot be used with {min(barred)}.")
        now = len(self.mailbox.changes)
        if page is None and sync is None:
            return _Position(self.epoch, asked, 0, now, 0, time.time())
        at = _read(page or sync or "")
        if at.asked != asked:
            raise refuse(
                400, "badRequest", "The query differs from the one that the token was given out for."
            )
        if at.epoch != self.epoch:
            raise (
                refuse(410, *SYNC_ENDED) if page is None else refuse(400, "badRequest", "Invalid page token.")
            )
        if page is not None:
            return at
        if self.sync_lifetime is not None and time.time() - at.issued > self.sync_lifetime:
            raise refuse(410, *SYNC_ENDED)
        return _Position(self.epoch, asked, at.until, now, 0, time.time())

    def _page(self, call: Call, copies: Sequence[Copy], at: _Position, *, syncs: bool) -> dict[str, object]:
        size = min(_count(call, "maxResults", 250), self.page_size, _LARGEST_PAGE)
        zone = read_zone(call, self.mailbox)
        most = _count(call, "maxAttendees", 0) or None
        body: dict[str, object] = {
            "kind": "calendar#events",
            "etag": f'"p{at.until}"',
            "summary": self.mailbox.calendars[self.calendar_id].name,
            "description": "",
            "updated": "2026-01-01T00:00:00.000Z",
            "timeZone": self.mailbox.zone,
            "accessRole": self.role,
            "defaultReminders": [{"method": "popup", "minutes": 10}],
            "items": [
                events.show(copy, self.mailbox, zone, most) for copy in copies[at.skip : at.skip + size]
            ],
        }
        if at.skip + size < len(copies):
            following = _Position(at.epoch, at.asked, at.since, at.until, at.skip + size, at.issued)
            body["nextPageToken"] = following.token()
        elif syncs:
            body["nextSyncToken"] = at.token()
        return body


def read_zone(call: Call, mailbox: Mailbox) -> str:
    """Read the time zone of the response; the calendar's own by default."""
    try:
        return ZoneInfo(call.query.get("timeZone") or mailbox.zone).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise refuse(400, "invalid", "Invalid time zone.") from None


def _read(token: str) -> _Position:
    try:
        epoch, asked, *numbers = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        since, until, skip, issued = (float(number) for number in numbers)
    except (ValueError, TypeError):
        raise refuse(400, "badRequest", "Invalid page or sync token.") from None
    return _Position(epoch, asked, int(since), int(until), int(skip), issued)


def _unfolded(copy: Copy, single: bool) -> bool:
    """Return whether a listing shows the instances of a series, or the series and its exceptions."""
    if single:
        return copy.meeting.repeat is None
    return copy.master is None or events.is_exception(copy)


def _starts(copy: Copy, text: str) -> bool:
    if copy.meeting.all_day:
        return f"{copy.meeting.start:%Y-%m-%d}" == text
    return copy.meeting.start == _moment(text, "originalStart")


def _flag(call: Call, name: str) -> bool:
    value = call.query.get(name, "false").casefold()
    if value not in ("true", "false"):
        raise refuse(400, "invalidParameter", f"Invalid boolean value: '{value}' for {name}.")
    return value == "true"


def _count(call: Call, name: str, default: int) -> int:
    value = call.query.get(name)
    if value is None:
        return default
    if not value.isdigit() or int(value) < 1:
        raise refuse(400, "invalidParameter", f"Invalid value '{value}' for {name}.")
    return int(value)


def _bound(call: Call, name: str) -> datetime | None:
    value = call.query.get(name)
    return None if value is None else _moment(value, name)


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise refuse(
            400, "badRequest", f"{name} must be an RFC3339 timestamp with mandatory time zone offset."
        )
    return moment
