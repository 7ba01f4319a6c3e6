"""
Reading the days of an iCalendar file (RFC 5545), such as a public holiday calendar.

Each ``VEVENT`` counts whose ``DTSTART`` is a date, up to its ``DTEND`` (exclusive) or for its ``DURATION`` in
days or weeks. Events with a time of day and cancelled events are skipped. Recurring events are rejected rather
than read wrongly: publish the file with each year written out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from airflow_provider_rsvp.exceptions import PolicyError

_LINE = re.compile(r"([A-Za-z0-9-]+)((?:;[^=:;]+=(?:\"[^\"]*\"|[^\";:]*))*):(.*)", re.DOTALL)
_DAYS = re.compile(r"\+?P(\d{1,4})([DW])")
_LONGEST_EVENT = 400


def parse_holidays(text: str) -> frozenset[date]:
    """
    Return the days that the all-day events in iCalendar text cover.

    :raises PolicyError: the text is not iCalendar, a date is malformed, an event recurs, or there are no days
    """
    if not text.lstrip("\ufeff \r\n").upper().startswith("BEGIN:VCALENDAR"):
        raise PolicyError("", "is not an iCalendar file (it does not begin with BEGIN:VCALENDAR).")
    days: set[date] = set()
    for event in _events(text.lstrip("\ufeff \r\n")):
        days.update(_days(event))
    if not days:
        raise PolicyError("", "holds no all-day event.")
    return frozenset(days)


_Event = dict[str, tuple[int, str]]
"""The line number and value of each property, by name."""


def _events(text: str) -> Iterator[_Event]:
    event: _Event | None = None
    inner = 0
    for number, line in _unfolded(text):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        name, value = match[1].upper(), match[3].strip()
        if name == "BEGIN" and value.upper() == "VEVENT":
            event, inner = {}, 0
        elif event is None:
            continue
        elif name == "BEGIN":
            inner += 1
        elif name == "END" and value.upper() == "VEVENT":
            yield event
            event = None
        elif name == "END":
            inner -= 1
        elif not inner:
            event.setdefault(name, (number, value))


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Yield the content lines (RFC 5545, section 3.1) with the number of the line on which each begins."""
    parts: list[str] = []
    began = 0
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if line[:1] in (" ", "\t"):
            parts.append(line[1:])
            continue
        if any(parts):
            yield began, "".join(parts)
        parts, began = [line], number
    if any(parts):
        yield began, "".join(parts)


def _days(event: _Event) -> Iterator[date]:
    if event.get("STATUS", (0, ""))[1].upper() == "CANCELLED" or "DTSTART" not in event:
        return
    line, text = event["DTSTART"]
    if "T" in text.upper():
        return
    for name in ("RRULE", "RDATE"):
        if name in event:
            raise PolicyError("", f"line {event[name][0]}: a recurring event ({name}); write each year out.")
    start = _date(line, text)
    end = start + timedelta(days=1)
    if "DTEND" in event:
        end = max(end, _date(*event["DTEND"]))
    elif "DURATION" in event:
        match = _DAYS.fullmatch(event["DURATION"][1].upper())
        if match is None:
            raise PolicyError(
                "", f"line {event['DURATION'][0]}: the DURATION is not a number of days such as P1D."
            )
        end = max(end, start + timedelta(days=int(match[1]) * (7 if match[2] == "W" else 1)))
    if (end - start).days > _LONGEST_EVENT:
        raise PolicyError("", f"line {line}: an event of {(end - start).days} days is no holiday.")
    for offset in range((end - start).days):
        yield start + timedelta(days=offset)


def _date(line: int, text: str) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        raise PolicyError("", f"line {line}: is not a date such as 20261225.") from None
