"""How Google shows an event (docs: event resource)."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from airflow_provider_rsvp.sandbox.google import ids, seed
from airflow_provider_rsvp.sandbox.world import Attendee, Copy, Mailbox, Person, Status

RESPONSE = {
    Status.NEEDS_ACTION: "needsAction",
    Status.ACCEPTED: "accepted",
    Status.TENTATIVE: "tentative",
    Status.DECLINED: "declined",
}
STATUS = {name: status for status, name in RESPONSE.items()}


def show(copy: Copy, mailbox: Mailbox, zone: str, max_attendees: int | None = None) -> dict[str, object]:
    """Show the event as it appears on its calendar; of a cancelled one not much is left."""
    head: dict[str, object] = {"kind": "calendar#event", "etag": etag(copy, mailbox), "id": copy.event_id}
    if copy.meeting.cancelled or copy.deleted:
        return head | {"status": "cancelled"}
    return head | _content(copy, mailbox, zone, max_attendees)


def etag(copy: Copy, mailbox: Mailbox) -> str:
    """Name the version: another one whenever anything that is shown changed."""
    content = _content(copy, mailbox, "UTC", None) | {"cancelled": copy.meeting.cancelled or copy.deleted}
    return f'"{int(hashlib.sha256(json.dumps(content).encode()).hexdigest()[:13], 16)}"'


def kind(copy: Copy) -> str:
    """Return the event's type."""
    return seed.EVENT_TYPES.get(copy.meeting.slug, "default")


def is_exception(copy: Copy) -> bool:
    """Return whether an instance has become an event of its own, as one that was answered by itself has."""
    return copy.master is not None and copy.status is not copy.master.status


def _content(copy: Copy, mailbox: Mailbox, zone: str, max_attendees: int | None) -> dict[str, object]:
    meeting = copy.meeting
    organizer = _person(meeting.organizer, mailbox)
    shown: dict[str, object] = {
        "status": "confirmed",
        "htmlLink": ids.link(copy.event_id, copy.calendar_id),
        "created": _stamp(meeting.created),
        "updated": _stamp(copy.updated),
        "summary": meeting.subject,
        "description": meeting.description,
        "creator": organizer,
        "organizer": organizer,
        "start": _time(meeting.start, zone, meeting.zone, all_day=meeting.all_day),
        "end": _time(meeting.end, zone, meeting.zone, all_day=meeting.all_day),
        "iCalUID": (meeting.series or meeting).ical_uid,
        "sequence": 0,
        "reminders": {"useDefault": True},
        "eventType": kind(copy),
    }
    if shown["eventType"] == "workingLocation":
        shown["workingLocationProperties"] = {"type": "homeOffice", "homeOffice": {}}
    if meeting.location:
        shown["location"] = meeting.location
    if meeting.slug in seed.TRANSPARENT:
        shown["transparency"] = "transparent"
    if meeting.private:
        shown["visibility"] = "private"
    if meeting.repeat is not None:
        rule = f"RRULE:FREQ={meeting.repeat.freq};COUNT={meeting.repeat.count}"
        interval = meeting.repeat.interval
        shown["recurrence"] = [rule if interval == 1 else f"{rule};INTERVAL={interval}"]
    if copy.master is not None:
        shown["recurringEventId"] = copy.master.event_id
        shown["originalStartTime"] = _time(meeting.start, zone, meeting.zone, all_day=meeting.all_day)
    entries = [_attendee(entry, copy, mailbox) for entry in meeting.attendees.values()]
    if max_attendees is not None and len(entries) > max_attendees:
        entries = [entry for entry in entries if entry.get("self")]
        shown["attendeesOmitted"] = True
    if entries:
        shown["attendees"] = entries
    return shown


def _attendee(entry: Attendee, copy: Copy, mailbox: Mailbox) -> dict[str, object]:
    mine = entry.person.key == mailbox.person.key
    shown: dict[str, object] = {
        "email": entry.person.address,
        "displayName": entry.person.name,
        "responseStatus": RESPONSE[copy.status if mine else entry.status],
    }
    if mine:
        shown["self"] = True
    if entry.kind != "required":
        shown[entry.kind] = True
    if entry.comment:
        shown["comment"] = entry.comment
    return shown


def _person(person: Person, mailbox: Mailbox) -> dict[str, object]:
    shown: dict[str, object] = {"email": person.address, "displayName": person.name}
    return shown | {"self": True} if person.key == mailbox.person.key else shown


def _time(moment: datetime, zone: str, own_zone: str, *, all_day: bool) -> dict[str, object]:
    if all_day:
        return {"date": f"{moment:%Y-%m-%d}"}
    wall = moment.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
    return {"dateTime": wall.replace("+00:00", "Z"), "timeZone": own_zone}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
