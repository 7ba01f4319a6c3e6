"""
The changes that an attendee makes to a calendar object, and no others (RFC 6638, section 3.2.2.1).

An event is named by its place among the object's ``VEVENT`` components.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo

from airflow_provider_rsvp.model import ParticipationStatus
from airflow_provider_rsvp.services.caldav.lines import Block, ContentLine, Document, escaped, unescaped
from airflow_provider_rsvp.services.caldav.marks import MARK, Marks
from airflow_provider_rsvp.services.caldav.objects import CalendarObject, EventOccurrence
from airflow_provider_rsvp.services.caldav.zones import clock

_OF_A_SERIES = frozenset({"RRULE", "RDATE", "EXDATE", "EXRULE"})


def attendee_lines(document: Document, place: int, mine: frozenset[str]) -> tuple[int, ...]:
    """Return the numbers of an event's ``ATTENDEE`` lines that name one of my addresses."""
    return _attendee_lines(document, document.blocks("VEVENT")[place], mine)


def _attendee_lines(document: Document, block: Block, mine: frozenset[str]) -> tuple[int, ...]:
    return tuple(
        number
        for number in block.own
        if document.lines[number].name == "ATTENDEE" and document.lines[number].addresses & mine
    )


def with_mark(
    document: Document, places: Sequence[int], mine: frozenset[str], text: str, marks: Marks
) -> Document:
    """Return the object with a mark in my ``ATTENDEE`` lines, in place of what stood there."""
    return _with_own_lines(
        document,
        places,
        mine,
        lambda line, event: line.with_parameter(MARK, marks.made(text, event, line)),
    )


def without_strange_marks(
    document: Document, places: Sequence[int], mine: frozenset[str], marks: Marks
) -> Document:
    """Return the object without the marks in my ``ATTENDEE`` lines that are not ours."""
    return _with_own_lines(
        document,
        places,
        mine,
        lambda line, event: line if marks.found(event, line) else line.with_parameter(MARK, None),
    )


def with_status(
    document: Document, places: Sequence[int], mine: frozenset[str], status: ParticipationStatus
) -> Document:
    """Return the object with my participation status changed."""
    return _with_own_lines(
        document, places, mine, lambda line, _: line.with_parameter("PARTSTAT", status.upper())
    )


def _with_own_lines(
    document: Document,
    places: Sequence[int],
    mine: frozenset[str],
    change: Callable[[ContentLine, Sequence[ContentLine]], ContentLine],
) -> Document:
    """Return the object with my ``ATTENDEE`` lines changed, each by itself and the lines of its event."""
    blocks = document.blocks("VEVENT")
    changed: dict[int, ContentLine] = {}
    for place in places:
        event = document.own_lines(blocks[place])
        for number in _attendee_lines(document, blocks[place], mine):
            changed[number] = change(document.lines[number], event)
    return Document(tuple(changed.get(number, line) for number, line in enumerate(document.lines)))


def with_organizer_parameter(
    document: Document, places: Sequence[int], name: str, value: str | None
) -> Document:
    """Return the object with a parameter of the ``ORGANIZER`` changed, or for None taken away."""
    blocks = document.blocks("VEVENT")
    numbers = [number for place in places for number in blocks[place].own]
    return document.changed(
        numbers, lambda line: line.with_parameter(name, value) if line.name == "ORGANIZER" else line
    )


def own_comment(lines: Sequence[ContentLine], marks: Marks) -> str | None:
    """Return the comment that this package wrote into an event, or None."""
    return next((unescaped(line.value) for line in lines if marks.is_own_comment(line, lines)), None)


def with_comment(document: Document, places: Sequence[int], comment: str | None, marks: Marks) -> Document:
    """
    Return the object with my comment to an event in place of my earlier one; the organizer's own stay.

    A comment that is marked as mine and is not goes too.
    """
    blocks = document.blocks("VEVENT")
    dropped: set[int] = set()
    added: dict[int, ContentLine] = {}
    for block in (blocks[place] for place in places):
        event = document.own_lines(block)
        dropped.update(
            number
            for number, line in zip(block.own, event, strict=True)
            if line.name == "COMMENT" and line.parameter(MARK) is not None
        )
        if comment:
            text = escaped(comment)
            mark = marks.of_comment(unescaped(text), event)
            added[block.last] = ContentLine.write("COMMENT", text, ((MARK, mark),), document.line_break)
    lines: list[ContentLine] = []
    for number, line in enumerate(document.lines):
        if number in added:
            lines.append(added[number])
        if number not in dropped:
            lines.append(line)
    return Document(tuple(lines))


def with_override(obj: CalendarObject, occurrence: EventOccurrence) -> tuple[Document, int]:
    """
    Return the object with an instance that is described by its series described by an event of its own.

    That event has all that the series has, alarms included, but for what makes it a series
    (RFC 5545, section 3.8.4.4).

    :return: the object, and the new event's place
    """
    document, master = obj.document, occurrence.event
    assert occurrence.instance is not None
    start = master.clock(occurrence.instance)
    own = frozenset(master.block.own)
    lines: list[ContentLine] = []
    for number in range(master.block.first, master.block.last + 1):
        line = document.lines[number]
        if number not in own:
            lines.append(line)
        elif line.name == "DTSTART":
            value = _value(start, line)
            lines.append(ContentLine.write(line.key, value, line.parameters, document.line_break))
            lines.append(ContentLine.write("RECURRENCE-ID", value, line.parameters, document.line_break))
        elif line.name == "DTEND":
            end = _end(occurrence, master.end_zone)
            lines.append(ContentLine.write(line.key, _value(end, line), line.parameters, document.line_break))
        elif line.name not in _OF_A_SERIES:
            lines.append(line)
    after = document.blocks("VEVENT")[-1].last + 1
    return document.inserted(after, lines), len(obj.events)


def _end(occurrence: EventOccurrence, zone: tzinfo | None) -> datetime:
    end = occurrence.time.end
    if isinstance(end, datetime) and zone is not None:
        return clock(end, zone)
    return datetime(end.year, end.month, end.day)


def _value(wall: datetime, like: ContentLine) -> str:
    """Return a time as a line writes it: as a date, in UTC, or by a clock."""
    if "T" not in like.value.upper():
        return f"{wall.year:04d}{wall:%m%d}"
    return f"{wall.year:04d}{wall:%m%dT%H%M%S}" + ("Z" if like.value.strip().upper().endswith("Z") else "")
