"""How Cronofy shows an event, and how it reads the times of a request (docs: Read Events, data types)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from airflow_provider_rsvp.sandbox.world import Copy, Person, Status

STATUS = {
    Status.NEEDS_ACTION: "needs_action",
    Status.ACCEPTED: "accepted",
    Status.TENTATIVE: "tentative",
    Status.DECLINED: "declined",
}


def show(copy: Copy, *, localized: bool, google_event_id: bool) -> dict[str, object]:
    """Show the event as ``GET /v1/events`` lists it."""
    meeting = copy.meeting
    when = _when(copy, localized)
    shown: dict[str, object] = {
        "calendar_id": copy.calendar_id,
        "event_uid": copy.event_id,
        "summary": meeting.subject,
        "description": meeting.description,
        "start": when(meeting.start),
        "end": when(meeting.end),
        "deleted": copy.deleted,
        "created": utc(meeting.created),
        "updated": utc(copy.updated),
        "location": {"description": meeting.location},
        "participation_status": STATUS[copy.status],
        "attendees": [
            {
                "email": entry.person.address,
                "display_name": entry.person.name,
                "status": STATUS[entry.status],
            }
            for entry in meeting.attendees.values()
        ],
        "organizer": _person(meeting.organizer),
        "transparency": "opaque",
        "status": "cancelled" if meeting.cancelled else "confirmed",
        "categories": [],
        "recurring": meeting.series is not None,
        "event_private": False,
        "options": {
            "delete": True,
            "update": copy.organizing,
            "change_participation_status": copy.changeable and not copy.organizing,
        },
    }
    if meeting.series is not None:
        shown["series_identifier"] = f"series_{meeting.series.slug}"
    if google_event_id:
        shown["google_event_id"] = meeting.slug
    if copy.managed:
        shown["event_id"] = meeting.slug
    return shown


def utc(moment: datetime) -> str:
    """Write a moment as Cronofy does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(value: str, zone: ZoneInfo) -> datetime:
    """Read a date (midnight in the zone) or a moment; ValueError for milliseconds and anything else."""
    if len(value) == len("2026-01-31"):
        return datetime.combine(date.fromisoformat(value), datetime.min.time(), zone)
    moment = datetime.fromisoformat(value)
    if moment.microsecond:
        raise ValueError(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _person(person: Person) -> dict[str, object]:
    return {"email": person.address, "display_name": person.name}


def _when(copy: Copy, localized: bool) -> Callable[[datetime], object]:
    meeting = copy.meeting

    def show_time(moment: datetime) -> object:
        if meeting.all_day:
            shown = moment.date().isoformat()
            return {"time": shown, "tzid": meeting.zone} if localized else shown
        if localized:
            return {"time": moment.isoformat(timespec="seconds"), "tzid": meeting.zone}
        return utc(moment)

    return show_time
