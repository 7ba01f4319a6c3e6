"""How Bitrix24 shows an event: a row, or one row per instance of a series (docs: calendar event fields)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta

from airflow_provider_rsvp.sandbox.world import Copy, Status

STATUS = {
    Status.NEEDS_ACTION: "Q",
    Status.ACCEPTED: "Y",
    Status.TENTATIVE: "M",
    Status.DECLINED: "N",
}
HOST = "H"
_DAY = timedelta(days=1)


def parent_id(copy: Copy) -> str:
    """Return the id of the organizer's row, which the whole family shares."""
    return next((each.event_id for each in copy.meeting.copies.values() if each.organizing), copy.event_id)


def status(copy: Copy) -> str:
    """Return the status letter; the organizer's own row is always H."""
    return HOST if copy.organizing else STATUS[copy.status]


def host(copy: Copy) -> Copy | None:
    """Find the organizer's row."""
    return next((each for each in copy.meeting.copies.values() if each.organizing), None)


def in_window(copies: Iterable[Copy], start: datetime, end: datetime) -> Iterator[dict[str, object]]:
    """List the rows in a window that is as coarse as the service's: the last day counts in full."""
    end += timedelta(seconds=86399)
    for copy in copies:
        yield from _instances(copy, start, end)


def _instances(copy: Copy, start: datetime, end: datetime) -> Iterator[dict[str, object]]:
    meeting = copy.meeting
    if meeting.repeat is None:
        if meeting.end >= start and meeting.start <= end:
            yield show(copy)
        return
    length, row = meeting.end - meeting.start, show(copy)
    for index, first in enumerate(meeting.repeat.starts(meeting.start)):
        if first + length >= start and first <= end:
            yield row | _dates(copy, first, first + length) | {"RINDEX": index}


def show(copy: Copy) -> dict[str, object]:
    """Show the row, of a series with the dates of its first instance."""
    meeting = copy.meeting
    organizer = host(copy) or copy
    family = list(meeting.copies.values())
    is_meeting = bool(meeting.attendees)
    first, last = _stamps(copy)
    row: dict[str, object] = {
        "ID": copy.event_id,
        "PARENT_ID": parent_id(copy),
        "DELETED": "N",
        "CAL_TYPE": "user",
        "OWNER_ID": copy.mailbox,
        "NAME": meeting.subject,
        **_dates(copy, meeting.start, meeting.end),
        "ORIGINAL_DATE_FROM": None,
        "TZ_FROM": "" if meeting.all_day else meeting.zone,
        "TZ_TO": "" if meeting.all_day else meeting.zone,
        "TZ_OFFSET_FROM": _offset(copy, meeting.start),
        "TZ_OFFSET_TO": _offset(copy, meeting.end),
        "DATE_FROM_TS_UTC": str(first),
        "DATE_TO_TS_UTC": str(last),
        "DT_SKIP_TIME": "Y" if meeting.all_day else "N",
        "DT_LENGTH": int((meeting.end - meeting.start).total_seconds()),
        "EVENT_TYPE": None,
        "CREATED_BY": organizer.mailbox,
        "DATE_CREATE": _portal(meeting.created),
        "TIMESTAMP_X": _portal(copy.updated),
        "PRIVATE_EVENT": "1" if meeting.private else "",
        "ACCESSIBILITY": "busy",
        "IMPORTANCE": "normal",
        "IS_MEETING": is_meeting,
        "MEETING_STATUS": status(copy) if is_meeting else "",
        "MEETING_HOST": organizer.mailbox if is_meeting else "0",
        "LOCATION": meeting.location,
        "REMIND": [],
        "COLOR": "",
        "RRULE": "",
        "EXDATE": "",
        "DAV_XML_ID": meeting.ical_uid,
        "G_EVENT_ID": "",
        "VERSION": "1",
        "ATTENDEES_CODES": [f"U{each.mailbox}" for each in family] if is_meeting else [],
        "RECURRENCE_ID": None,
        "RELATIONS": "",
        "SECTION_ID": copy.calendar_id,
        "SECT_ID": copy.calendar_id,
        "ATTENDEE_LIST": [
            {"id": int(each.mailbox), "entryId": each.event_id, "status": status(each)} for each in family
        ]
        if is_meeting
        else [],
        "attendeesEntityList": [{"entityId": "user", "id": int(each.mailbox)} for each in family]
        if is_meeting
        else [],
        "~USER_OFFSET_FROM": 0,
        "~USER_OFFSET_TO": 0,
    }
    if is_meeting:
        row["MEETING"] = {
            "HOST_NAME": meeting.organizer.name,
            "NOTIFY": meeting.notify,
            "REINVITE": False,
            "ALLOW_INVITE": False,
            "HIDE_GUESTS": False,
            "OPEN": meeting.open,
            "MEETING_CREATOR": organizer.mailbox,
            "LANGUAGE_ID": "en",
            "MAIL_FROM": meeting.organizer.address,
        }
    if meeting.repeat is not None:
        until = meeting.repeat.starts(meeting.start)[-1]
        row["RRULE"] = {
            "FREQ": meeting.repeat.freq,
            "INTERVAL": meeting.repeat.interval,
            "UNTIL": until.strftime("%m/%d/%Y"),
            "~UNTIL": until.strftime("%m/%d/%Y"),
            "UNTIL_TS": _midnight(until),
        }
    if meeting.series is not None:
        series = next((each for each in meeting.series.copies.values() if each.organizing), None)
        row["RECURRENCE_ID"] = int(series.event_id) if series else None
        row["ORIGINAL_DATE_FROM"] = _portal(meeting.start)
    return row


def _dates(copy: Copy, start: datetime, end: datetime) -> dict[str, object]:
    """Wall times; the end of an all-day event is its last day."""
    if copy.meeting.all_day:
        last = end - _DAY
        return {
            "DATE_FROM": start.strftime("%m/%d/%Y"),
            "DATE_TO": last.strftime("%m/%d/%Y"),
            "DATE_FROM_FORMATTED": start.strftime("%a %b %d %Y"),
            "DATE_TO_FORMATTED": last.strftime("%a %b %d %Y"),
        }
    return {
        "DATE_FROM": _portal(start),
        "DATE_TO": _portal(end),
        "DATE_FROM_FORMATTED": start.strftime("%a %b %d %Y %H:%M:%S"),
        "DATE_TO_FORMATTED": end.strftime("%a %b %d %Y %H:%M:%S"),
    }


def _stamps(copy: Copy) -> tuple[int, int]:
    """Unix times; of a series the start of its first instance and the day after its last."""
    meeting = copy.meeting
    if meeting.repeat is not None:
        until = meeting.repeat.starts(meeting.start)[-1]
        return int(meeting.start.timestamp()), _midnight(until) + 86400
    if meeting.all_day:
        return _midnight(meeting.start), _midnight(meeting.end - _DAY)
    return int(meeting.start.timestamp()), int(meeting.end.timestamp())


def _midnight(moment: datetime) -> int:
    """Return when that date starts on the server, which runs in UTC."""
    return int(datetime.combine(moment.date(), time(), UTC).timestamp())


def _offset(copy: Copy, moment: datetime) -> str:
    offset = moment.utcoffset()
    return "0" if copy.meeting.all_day or offset is None else str(int(offset.total_seconds()))


def _portal(moment: datetime) -> str:
    """Write the portal's own date format."""
    return moment.strftime("%m/%d/%Y %I:%M:%S %p").replace("AM", "am").replace("PM", "pm")
