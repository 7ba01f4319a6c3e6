"""Changing an event: a guest's answer, and what a list of attendees does to the others (docs: events, patch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_rsvp.sandbox.google import events
from airflow_provider_rsvp.sandbox.google.errors import refuse
from airflow_provider_rsvp.sandbox.wire import Call
from airflow_provider_rsvp.sandbox.world import Attendee, Copy, Mailbox, Person, Status, World

_SHARED = frozenset(
    {"summary", "description", "location", "start", "end", "recurrence", "status", "visibility"}
)
_SEND_UPDATES = ("all", "externalOnly", "none")


@dataclass(frozen=True, slots=True)
class _Entry:
    """An attendee as the body names one; without a status, theirs is reset."""

    address: str
    status: Status
    comment: str | None
    kind: str


def check_version(call: Call, copy: Copy, mailbox: Mailbox) -> None:
    """Refuse a change to a version that the caller has not seen (RFC 9110, section 13.1.1)."""
    wanted = call.headers.get("If-Match", "*").strip()
    if wanted != "*" and events.etag(copy, mailbox) not in [each.strip() for each in wanted.split(",")]:
        raise refuse(412)


def apply(call: Call, copy: Copy, mailbox: Mailbox, world: World) -> None:
    """Do what the body says."""
    body = call.data
    if not isinstance(body, Mapping):
        raise refuse(400, "parseError", "Parse Error")
    updates = call.query.get("sendUpdates", "none")
    if updates not in _SEND_UPDATES:
        raise refuse(400, "invalidParameter", f"Invalid value '{updates}' for sendUpdates.")
    if _SHARED & set(body) and not copy.organizing:
        raise refuse(
            403, "forbiddenForNonOrganizer", "Shared properties can only be changed by the organizer."
        )
    if unserved := set(body) - {"attendees", "attendeesOmitted"}:
        raise refuse(400, "badRequest", f"The sandbox does not change {min(unserved)}.")
    entries = _entries(body.get("attendees"))
    mine = next((entry for entry in entries if entry.address.casefold() == mailbox.person.key), None)
    if mine is None and body.get("attendeesOmitted") is True:
        raise refuse(400, "invalid", "Invalid attendee.")
    if not call.effective:
        return
    if body.get("attendeesOmitted") is not True and "attendees" in body:
        _replace(copy, entries, world)
    if mine is not None and not copy.organizing:
        _answer(copy, mine, world, mailbox, updates)


def _entries(value: object) -> list[_Entry]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise refuse(400, "invalid", "Invalid value for attendees.")
    return [_entry(each) for each in value]


def _entry(value: object) -> _Entry:
    given = value if isinstance(value, Mapping) else {}
    address, comment = given.get("email"), given.get("comment")
    status = events.STATUS.get(given.get("responseStatus", "needsAction"))
    if not isinstance(address, str) or "@" not in address:
        raise refuse(400, "required", "Missing attendee email.")
    if status is None or not isinstance(comment, str | None):
        raise refuse(400, "invalid", "Invalid attendee.")
    kind = next((name for name in ("optional", "resource") if given.get(name) is True), "required")
    return _Entry(address, status, comment, kind)


def _replace(copy: Copy, entries: list[_Entry], world: World) -> None:
    """Replace the event's list: whoever is not on the new one is uninvited."""
    for meeting in (copy.meeting, *copy.meeting.occurrences):
        before = meeting.attendees
        meeting.attendees = {}
        for entry in entries:
            known = before.get(entry.address.casefold())
            person = known.person if known else Person(entry.address, entry.address)
            attendee = Attendee(person, entry.status, kind=entry.kind, comment=entry.comment or "")
            meeting.attendees[person.key] = attendee
        for each in meeting.copies.values():
            world.touch(each)


def _answer(copy: Copy, mine: _Entry, world: World, mailbox: Mailbox, updates: str) -> None:
    world.answer(copy, mine.status)
    for meeting in (copy.meeting, *copy.meeting.occurrences):
        if mine.comment is not None:
            meeting.attendees[mailbox.person.key].comment = mine.comment
    organizer = copy.meeting.organizer.key.partition("@")[2]
    outside = organizer != mailbox.person.key.partition("@")[2]
    if updates == "all" or (updates == "externalOnly" and outside):
        world.tell(copy, mine.status, comment=mine.comment or None)
    else:
        world.let_see(copy, mine.status)
