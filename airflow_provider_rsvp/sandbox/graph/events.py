"""How Graph shows an event (docs: event resource type)."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from airflow_provider_rsvp.sandbox.graph import ids, zones
from airflow_provider_rsvp.sandbox.graph.prefer import Preferences
from airflow_provider_rsvp.sandbox.world import Copy, Person, Status

RESPONSE = {
    Status.NEEDS_ACTION: "notResponded",
    Status.ACCEPTED: "accepted",
    Status.TENTATIVE: "tentativelyAccepted",
    Status.DECLINED: "declined",
}
_SHOW_AS = {
    Status.NEEDS_ACTION: "tentative",
    Status.ACCEPTED: "busy",
    Status.TENTATIVE: "tentative",
    Status.DECLINED: "free",
}
_NEVER = "0001-01-01T00:00:00Z"


def name_in_ids(copy: Copy) -> str:
    """Return what the copy is called inside its ids."""
    return copy.meeting.slug


def event_id(copy: Copy, immutable: bool) -> str:
    """Return the event's id of the wanted kind."""
    return ids.immutable(copy.mailbox, name_in_ids(copy)) if immutable else copy.event_id


def first_event_id(copy: Copy, immutable: bool) -> str:
    """Return the id that the event had before it was moved anywhere."""
    return (ids.immutable if immutable else ids.default)(copy.mailbox, name_in_ids(copy))


def kind(copy: Copy) -> str:
    """Return the event's type."""
    if copy.meeting.repeat is not None:
        return "seriesMaster"
    return "singleInstance" if copy.master is None else "occurrence"


def show(copy: Copy, preferences: Preferences, version: str) -> dict[str, object]:
    """Show the event with all its properties."""
    meeting = copy.meeting
    this_id = event_id(copy, preferences.immutable)
    stamp = copy.updated.strftime("%Y%m%d%H%M%S%f")
    shown: dict[str, object] = {
        "@odata.etag": f'W/"{stamp}"',
        "id": this_id,
        "createdDateTime": _utc(meeting.created),
        "lastModifiedDateTime": _utc(copy.updated),
        "changeKey": stamp,
        "categories": [],
        "originalStart": _utc(meeting.start) if copy.master else None,
        "originalStartTimeZone": zones.windows(meeting.zone),
        "originalEndTimeZone": zones.windows(meeting.zone),
        "iCalUId": meeting.ical_uid,
        "reminderMinutesBeforeStart": 15,
        "isReminderOn": True,
        "hasAttachments": False,
        "subject": f"Canceled: {meeting.subject}" if meeting.cancelled else meeting.subject,
        "bodyPreview": meeting.description,
        "importance": "normal",
        "sensitivity": "normal",
        "isAllDay": meeting.all_day,
        "isCancelled": meeting.cancelled,
        "isOrganizer": copy.organizing,
        "responseRequested": meeting.response_requested,
        "seriesMasterId": event_id(copy.master, preferences.immutable) if copy.master else None,
        "showAs": "busy" if copy.organizing else _SHOW_AS[copy.status],
        "type": kind(copy),
        "webLink": "https://outlook.office365.com/owa/"
        f"?itemid={quote(this_id, safe='')}&exvsurl=1&path=/calendar/item",
        "isOnlineMeeting": False,
        "onlineMeetingProvider": "unknown",
        "onlineMeeting": None,
        "allowNewTimeProposals": meeting.proposals_allowed,
        "isDraft": meeting.draft,
        "hideAttendees": False,
        "recurrence": _recurrence(copy),
        "responseStatus": _response(copy),
        "body": {"contentType": "text", "content": meeting.description},
        "start": _time(copy, meeting.start, preferences),
        "end": _time(copy, meeting.end, preferences),
        "location": {"displayName": meeting.location, "locationType": "default"},
        "attendees": _attendees(copy),
        "organizer": {"emailAddress": _address(meeting.organizer)},
    }
    if version == "beta":
        shown["uid"] = (meeting.series or meeting).ical_uid
        shown["occurrenceId"] = (
            f"OID.{event_id(copy.master, preferences.immutable)}.{meeting.start:%Y-%m-%d}"
            if copy.master
            else None
        )
    return shown


def date_time(moment: datetime, preferences: Preferences) -> dict[str, object]:
    """Write a dateTimeTimeZone in the preferred zone."""
    wall = moment.astimezone(preferences.zone)
    return {"dateTime": wall.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0", "timeZone": preferences.zone_name}


def _time(copy: Copy, moment: datetime, preferences: Preferences) -> dict[str, object]:
    if copy.meeting.all_day:
        return {"dateTime": f"{moment:%Y-%m-%d}T00:00:00.0000000", "timeZone": preferences.zone_name}
    return date_time(moment, preferences)


def _response(copy: Copy) -> dict[str, object]:
    if copy.organizing:
        return {"response": "organizer", "time": _NEVER}
    return {
        "response": RESPONSE[copy.status],
        "time": _utc(copy.answered) if copy.answered else _NEVER,
    }


def _attendees(copy: Copy) -> list[dict[str, object]]:
    """Show the attendees with what the organizer was told by each."""
    shown = []
    for entry in copy.meeting.attendees.values():
        response = "none" if entry.status is Status.NEEDS_ACTION else RESPONSE[entry.status]
        attendee: dict[str, object] = {
            "type": entry.kind,
            "status": {"response": response, "time": _utc(entry.answered) if entry.answered else _NEVER},
            "emailAddress": _address(entry.person),
        }
        if entry.proposed_time is not None and copy.organizing:
            start, end = (
                {"dateTime": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": "UTC"}
                for moment in entry.proposed_time
            )
            attendee["proposedNewTime"] = {"start": start, "end": end}
        shown.append(attendee)
    return shown


def _recurrence(copy: Copy) -> dict[str, object] | None:
    meeting = copy.meeting
    if meeting.repeat is None:
        return None
    weekly = meeting.repeat.freq == "WEEKLY"
    pattern: dict[str, object] = {
        "type": "weekly" if weekly else "daily",
        "interval": meeting.repeat.interval,
    }
    if weekly:
        pattern["daysOfWeek"] = [meeting.start.strftime("%A").lower()]
    return {
        "pattern": pattern,
        "range": {
            "type": "numbered",
            "startDate": f"{meeting.start:%Y-%m-%d}",
            "endDate": "0001-01-01",
            "recurrenceTimeZone": zones.windows(meeting.zone),
            "numberOfOccurrences": meeting.repeat.count,
        },
    }


def _address(person: Person) -> dict[str, object]:
    return {"name": person.name, "address": person.address}


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
