"""When a person is available (RFC 7953): zone, working hours, holidays, leave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Self

import pendulum

from airflow_provider_rsvp.exceptions import PolicyError
from airflow_provider_rsvp.plans.reading import Reader, shown
from airflow_provider_rsvp.policies.availability.holidays import parse_holidays
from airflow_provider_rsvp.policies.files import Files
from airflow_provider_rsvp.times import FIRST_YEAR, LAST_YEAR

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_DAY = 24 * 60


@dataclass(frozen=True, slots=True, order=True)
class Hours:
    """
    Part of a day, in wall-clock time.

    :param start: minutes after midnight
    :param end: minutes after midnight, exclusive; 1440 is the end of the day
    :raises PolicyError: the end is not after the start, or they lie outside the day
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not (0 <= self.start < _DAY and 0 < self.end <= _DAY):
            raise PolicyError("", f"{self} does not lie within 00:00-24:00.")
        if self.end <= self.start:
            raise PolicyError(
                "",
                f"{self} ends before it starts; a night is two entries, such as 22:00-24:00 and, "
                "on the next day, 00:00-06:00.",
            )

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (self.start, self.end))

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Return the hours that text such as ``09:00-17:30`` gives.

        :raises PolicyError: the text is malformed, or no such hours exist
        """
        match = _HOURS.fullmatch(text.strip())
        if match is None or int(match[2]) > 59 or int(match[4]) > 59:
            raise PolicyError("", f"{shown(text)} are no hours such as '09:00-17:30'.")
        return cls(int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4]))


@dataclass(frozen=True, slots=True)
class Leave:
    """
    A time of absence: two times, or the dates of its first day and the day after its last.

    :param start: a time, or the first day
    :param end: a time, or the day after the last; exclusive
    :param name: the name that people see
    :raises PolicyError: the end is not after the start, or one is a time and the other a date
    """

    start: pendulum.DateTime | date
    end: pendulum.DateTime | date
    name: str | None = None

    def __post_init__(self) -> None:
        timed = isinstance(self.start, datetime)
        if timed != isinstance(self.end, datetime):
            raise PolicyError("", "give two times or two dates, not one of each.")
        for moment in (self.start, self.end):
            if isinstance(moment, datetime) and moment.tzinfo is None:
                raise PolicyError("", f"{moment.isoformat()} has no time zone.")
            if not FIRST_YEAR <= moment.year <= LAST_YEAR:
                raise PolicyError("", f"{moment.isoformat()} is too far away for any calendar.")
        if self.end <= self.start:
            if timed:
                raise PolicyError(
                    "end", f"{self.end.isoformat()} is not after the start {self.start.isoformat()}."
                )
            last = self.end - timedelta(days=1)
            raise PolicyError("last_day", f"{last} is before the first day {self.start}.")

    @classmethod
    def days(cls, first_day: date, last_day: date, name: str | None = None) -> Self:
        """
        Return the leave from one day to another, both included.

        :raises PolicyError: the last day is before the first, or too far away for any calendar
        """
        if last_day.year > LAST_YEAR:
            raise PolicyError("last_day", f"{last_day.isoformat()} is too far away for any calendar.")
        return cls(first_day, last_day + timedelta(days=1), name)

    @classmethod
    def from_plain(cls, reader: Reader, zone: str) -> Self:
        """Read ``{first_day, last_day}`` or ``{start, end}``, each with an optional ``name``."""
        parts = reader.mapping(("first_day", "last_day", "start", "end", "name"))
        name = parts["name"].text() if "name" in parts else None
        given = set(parts) - {"name"}
        if given == {"first_day", "last_day"}:
            return reader.build(lambda: cls.days(parts["first_day"].date(), parts["last_day"].date(), name))
        if given != {"start", "end"}:
            reader.fail("give first_day and last_day (dates, both included), or start and end (times).")
        start, end = parts["start"].instant(zone), parts["end"].instant(zone)
        return reader.build(lambda: cls(start, end, name))

    def to_plain(self) -> dict[str, Any]:
        """Return what :meth:`from_plain` reads."""
        named = {"name": self.name} if self.name else {}
        if isinstance(self.start, datetime):
            return {"start": self.start.isoformat(), "end": self.end.isoformat(), **named}
        last = self.end - timedelta(days=1)
        return {"first_day": self.start.isoformat(), "last_day": last.isoformat(), **named}


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """
    When a person can be met.

    :param timezone: the person's zone, an IANA or Windows name
    :param working_hours: the hours worked on each weekday (``mon`` ... ``sun``); empty if not known
    :param holidays: days on which nobody works
    :param leave: the person's absences
    :param out_of_office: whether out-of-office events on the person's calendar are absences too
    :raises PolicyError: the zone or a weekday is not known, or hours of one day overlap
    """

    timezone: str = "UTC"
    working_hours: Mapping[str, tuple[Hours, ...]] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()
    leave: tuple[Leave, ...] = ()
    out_of_office: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "timezone", Reader(self.timezone, "timezone", error=PolicyError).zone())
        hours = {day: tuple(sorted(self.working_hours[day])) for day in WEEKDAYS if day in self.working_hours}
        for day in self.working_hours:
            if day not in WEEKDAYS:
                raise PolicyError(f"working_hours.{day}", f"is no weekday; these are: {', '.join(WEEKDAYS)}.")
        for day, stretches in hours.items():
            for earlier, later in pairwise(stretches):
                if later.start < earlier.end:
                    raise PolicyError(f"working_hours.{day}", f"{earlier} and {later} overlap.")
        object.__setattr__(
            self, "working_hours", MappingProxyType({day: hours[day] for day in hours if hours[day]})
        )
        object.__setattr__(self, "holidays", frozenset(self.holidays))
        object.__setattr__(self, "leave", tuple(self.leave))

    def __hash__(self) -> int:
        return hash(
            (self.timezone, tuple(self.working_hours.items()), self.holidays, self.leave, self.out_of_office)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        values = (self.timezone, dict(self.working_hours), self.holidays, self.leave, self.out_of_office)
        return _availability, values

    @classmethod
    def from_plain(cls, reader: Reader, files: Files, default: Availability | None = None) -> Availability:
        """
        Read an availability.

        :param files: the files that ``holidays_file`` may name
        :param default: the availability from which missing keys are taken
        """
        allowed = ("timezone", "working_hours", "holidays", "holidays_file", "leave", "out_of_office")
        parts = reader.mapping(allowed)
        if default is None and "timezone" not in parts:
            reader.fail("'timezone' is missing.")
        changes: dict[str, Any] = {}
        if "timezone" in parts:
            changes["timezone"] = parts["timezone"].zone()
        zone = changes["timezone"] if default is None or "timezone" in changes else default.timezone
        if "working_hours" in parts:
            changes["working_hours"] = _read_hours(parts["working_hours"])
        if "holidays" in parts or "holidays_file" in parts:
            changes["holidays"] = frozenset(_read_holidays(parts, files))
        if "leave" in parts:
            changes["leave"] = tuple(Leave.from_plain(element, zone) for element in parts["leave"].elements())
        if "out_of_office" in parts:
            changes["out_of_office"] = parts["out_of_office"].flag()
        return reader.build(lambda: replace(default or cls(), **changes))

    def to_plain(self) -> dict[str, Any]:
        """Return what :meth:`from_plain` reads, with the holidays written out."""
        return {
            "timezone": self.timezone,
            "working_hours": {
                day: [str(each) for each in hours] for day, hours in self.working_hours.items()
            },
            "holidays": [day.isoformat() for day in sorted(self.holidays)],
            "leave": [each.to_plain() for each in self.leave],
            "out_of_office": self.out_of_office,
        }


def _availability(
    timezone: str,
    working_hours: Mapping[str, tuple[Hours, ...]],
    holidays: frozenset[date],
    leave: tuple[Leave, ...],
    out_of_office: bool,
) -> Availability:
    return Availability(
        timezone=timezone,
        working_hours=working_hours,
        holidays=holidays,
        leave=leave,
        out_of_office=out_of_office,
    )


def _read_hours(reader: Reader) -> dict[str, tuple[Hours, ...]]:
    """Read ``{"mon-thu": "09:00-17:00", "fri": ["09:00-12:00", "13:00-15:00"]}``."""
    found: dict[str, tuple[Hours, ...]] = {}
    for key, element in reader.mapping().items():
        texts = () if element.value == [] else element.texts()
        hours = tuple(element.build(lambda text=text: Hours.parse(text)) for text in texts)  # type: ignore[misc]
        for day in _weekdays(element, key):
            if day in found:
                element.fail(f"'{day}' is given twice.")
            found[day] = hours
    return found


def _weekdays(reader: Reader, key: str) -> Iterable[str]:
    first, _, last = key.strip().lower().partition("-")
    last = last or first
    if first not in WEEKDAYS or last not in WEEKDAYS:
        reader.fail(f"is no weekday; write one of {', '.join(WEEKDAYS)}, or a span such as 'mon-fri'.")
    begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
    return WEEKDAYS[begin : end + 1] if begin <= end else WEEKDAYS[begin:] + WEEKDAYS[: end + 1]


def _read_holidays(parts: Mapping[str, Reader], files: Files) -> Iterable[date]:
    if "holidays" in parts:
        for element in parts["holidays"].elements():
            yield element.date()
    if "holidays_file" in parts:
        reader = parts["holidays_file"]
        text = files.read(reader)
        yield from reader.build(lambda: parse_holidays(text))
