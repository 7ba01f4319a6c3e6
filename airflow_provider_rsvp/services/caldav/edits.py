"""
The changes that an attendee makes to a calendar object, and no others (RFC 6638, section 3.2.2.1).

An event is named by its place among the object's ``VEVENT`` components.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from airflow_provider_rsvp.model import ParticipationStatus
from airflow_provider_rsvp.services.caldav.lines import Document, Line, escaped, unescaped
from airflow_provider_rsvp.services.caldav.objects import CalendarObject, Occurrence, clock

MARK = "X-AIRFLOW-RSVP"
"""The parameter by which this package knows what it wrote itself."""

_COMMENT = "comment"
_OF_A_SERIES = frozenset({"RRULE", "RDATE", "EXDATE", "EXRULE"})


def attendee_lines(document: Document, place: int, mine: frozenset[str]) -> tuple[int, ...]:
    """Return the numbers of an event's ``ATTENDEE`` lines that name one of my addresses."""
    block = document.blocks("VEVENT")[place]
    return tuple(
        number
        for number in block.own
        if document.lines[number].name == "ATTENDEE" and document.lines[number].addresses & mine
    )


def with_attendee_parameter(
    document: Document, places: Sequence[int], mine: frozenset[str], name: str, value: str | None
) -> Document:
    """Return the object with a parameter of my ``ATTENDEE`` lines changed, or for None taken away."""
    numbers = [number for place in places for number in attendee_lines(document, place, mine)]
    return document.changed(numbers, lambda line: line.with_parameter(name, value))


def with_status(
    document: Document, places: Sequence[int], mine: frozenset[str], status: ParticipationStatus
) -> Document:
    """Return the object with my participation status changed."""
    return with_attendee_parameter(document, places, mine, "PARTSTAT", status.upper())


def with_organizer_parameter(
    document: Document, places: Sequence[int], name: str, value: str | None
) -> Document:
    """Return the object with a parameter of the ``ORGANIZER`` changed, or for None taken away."""
    blocks = document.blocks("VEVENT")
    numbers = [number for place in places for number in blocks[place].own]
    return document.changed(
        numbers, lambda line: line.with_parameter(name, value) if line.name == "ORGANIZER" else line
    )


def own_comment(lines: Sequence[Line]) -> str | None:
    """Return the comment that this package wrote into an event, or None."""
    return next((unescaped(line.value) for line in lines if _is_own_comment(line)), None)


def with_comment(document: Document, places: Sequence[int], comment: str | None) -> Document:
    """Return the object with my comment to an event in place of my earlier one; the organizer's own stay."""
    for place in places:
        block = document.blocks("VEVENT")[place]
        document = document.changed(block.own, lambda line: None if _is_own_comment(line) else line)
        if comment:
            last = document.blocks("VEVENT")[place].last
            line = Line.write("COMMENT", escaped(comment), ((MARK, _COMMENT),), document.line_break)
            document = document.inserted(last, (line,))
    return document


def with_override(obj: CalendarObject, occurrence: Occurrence) -> tuple[Document, int]:
    """
    Return the object with an instance that is described by its series described by an event of its own.

    That event has all that the series has, alarms included, but for what makes it a series
    (RFC 5545, section 3.8.4.4).

    :return: the object, and the new event's place
    """
    document, master = obj.document, occurrence.event
    assert occurrence.instance is not None
    start = master.clock(occurrence.instance)
    lines: list[Line] = []
    for number in range(master.block.first, master.block.last + 1):
        line = document.lines[number]
        if number not in master.block.own:
            lines.append(line)
        elif line.name == "DTSTART":
            value = _value(start, line)
            lines.append(Line.write(line.key, value, line.parameters, document.line_break))
            lines.append(Line.write("RECURRENCE-ID", value, line.parameters, document.line_break))
        elif line.name == "DTEND":
            end = _end(occurrence, master.end_zone)
            lines.append(Line.write(line.key, _value(end, line), line.parameters, document.line_break))
        elif line.name not in _OF_A_SERIES:
            lines.append(line)
    after = document.blocks("VEVENT")[-1].last + 1
    return document.inserted(after, lines), len(obj.events)


def _end(occurrence: Occurrence, zone: tzinfo | None) -> datetime:
    end = occurrence.time.end
    if isinstance(end, datetime) and zone is not None:
        return clock(end, zone)
    return datetime(end.year, end.month, end.day)


def _value(wall: datetime, like: Line) -> str:
    """Return a time as a line writes it: as a date, in UTC, or by a clock."""
    if "T" not in like.value.upper():
        return f"{wall.year:04d}{wall:%m%d}"
    return f"{wall.year:04d}{wall:%m%dT%H%M%S}" + ("Z" if like.value.strip().upper().endswith("Z") else "")


def _is_own_comment(line: Line) -> bool:
    return line.name == "COMMENT" and line.parameter(MARK) == _COMMENT
