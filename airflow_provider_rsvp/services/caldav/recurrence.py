"""
Rules of recurrence (RFC 5545, section 3.3.10), with bounded work.

A rule is written by a stranger. Its candidate days are examined from near the window on, and each of them counts,
whether it matches or not: a rule that matches nothing is as cheap to refuse as one that matches often.
"""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Self

from airflow_provider_rsvp.exceptions import InvalidInputError

MOST_EXAMINED = 50_000
"""Days that are looked at for one object: every day of 130 years."""

_MOST_A_DAY = 24
_LONGEST_RULE = 5_000
_LONGEST_INTERVAL = 10_000
_LONGEST_COUNT = 1_000_000
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_RANGES = {
    "BYMONTH": (1, 12),
    "BYWEEKNO": (-53, 53),
    "BYYEARDAY": (-366, 366),
    "BYMONTHDAY": (-31, 31),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 59),
    "BYSETPOS": (-366, 366),
}
_PARTS = frozenset({*_RANGES, "FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "RSCALE"})


class Work:
    """
    How much may still be computed for an object.

    :param most: how much altogether; None for what the user wrote
    """

    def __init__(self, most: int | None = MOST_EXAMINED) -> None:
        self._left = most

    def spend(self, number: int) -> None:
        """
        Count what is looked at.

        :raises InvalidInputError: it is more than an object may cost
        """
        if self._left is None:
            return
        self._left -= number
        if self._left < 0:
            raise InvalidInputError("its recurrence takes too much work to compute")


@dataclass(frozen=True, slots=True)
class Rule:
    """
    A rule with the start of its series.

    Where a part is absent, RFC 5545 fills it in from the start; that is done when the rule is read.

    :param start: by the series' own clock, as all times here
    :param until: the last start that it may mean; None for no end
    :param weekdays: each with which one of its month or year it is; 0 for every one
    :param times: on each of its days
    :param positions: which starts of a period count (BYSETPOS); none for all
    """

    frequency: str
    interval: int
    start: datetime
    count: int | None
    until: datetime | None
    months: frozenset[int]
    weeks: frozenset[int]
    year_days: frozenset[int]
    month_days: frozenset[int]
    weekdays: frozenset[tuple[int, int]]
    times: tuple[time, ...]
    positions: frozenset[int]
    week_start: int

    @classmethod
    def read(cls, text: str, start: datetime, read_until: Callable[[str], datetime]) -> Self:
        """
        Return what the value of an ``RRULE`` says.

        :param read_until: reads the value of ``UNTIL`` by the series' own clock
        :raises ValueError: it cannot be read, or says more than a calendar can mean
        """
        parts = _parts(text)
        frequency = parts.get("FREQ", "")
        if frequency not in _FREQUENCIES:
            raise ValueError("it has more than one instance a day, or is malformed")
        if parts.get("RSCALE", "GREGORIAN") != "GREGORIAN":
            raise ValueError("it uses a calendar other than the Gregorian")
        start = start.replace(microsecond=0)
        weekdays = frozenset(_weekday(each) for each in _items(parts, "BYDAY"))
        if frequency in ("DAILY", "WEEKLY"):
            weekdays = frozenset((0, day) for _, day in weekdays)
        months, month_days = _numbers(parts, "BYMONTH"), _numbers(parts, "BYMONTHDAY")
        weeks, year_days = _numbers(parts, "BYWEEKNO"), _numbers(parts, "BYYEARDAY")
        if not (weeks or year_days or month_days or weekdays):
            if frequency == "YEARLY":
                months = months or frozenset({start.month})
            if frequency in ("YEARLY", "MONTHLY"):
                month_days = frozenset({start.day})
            elif frequency == "WEEKLY":
                weekdays = frozenset({(0, start.weekday())})
        return cls(
            frequency,
            _number(parts, "INTERVAL", _LONGEST_INTERVAL) or 1,
            start,
            _number(parts, "COUNT", _LONGEST_COUNT),
            read_until(parts["UNTIL"]) if "UNTIL" in parts else None,
            months,
            weeks,
            year_days,
            month_days,
            weekdays,
            _times(parts, start),
            _numbers(parts, "BYSETPOS"),
            _WEEKDAYS.index(parts.get("WKST", "MO")),
        )

    def between(self, first: datetime, last: datetime, work: Work) -> Iterator[datetime]:
        """
        Return the starts from ``first`` to ``last``, both included, in order.

        Without ``COUNT`` the periods before the window are skipped; with it, they are counted.

        :raises InvalidInputError: it takes more than ``work`` has left
        """
        left = self.count
        last = min(last, self.until) if self.until is not None else last
        begin = self.start if left is not None else max(first, self.start)
        for days in self._periods(begin.date(), last.date(), work):
            for moment in self._starts(days):
                if moment < self.start:
                    continue
                if moment > last or left == 0:
                    return
                if left is not None:
                    left -= 1
                if moment >= first:
                    yield moment
            if left == 0:
                return

    def _periods(self, begin: date, end: date, work: Work) -> Iterator[list[date]]:
        """Return the days that the rule means, period by period: from the one that holds a day on."""
        for number in itertools.count(self._period_of(begin)):
            try:
                candidates = self._candidates(number)
                if candidates is None:
                    return
            except (OverflowError, ValueError):
                return  # The calendar ends before the rule does.
            first, days = candidates
            if first > end:
                return
            work.spend(1 + len(days))
            yield [day for day in days if self._means(day)]

    def _period_of(self, day: date) -> int:
        """Return which of the rule's periods holds a day, or is the last one before it."""
        start = self.start.date()
        match self.frequency:
            case "YEARLY":
                passed = day.year - start.year
            case "MONTHLY":
                passed = 12 * (day.year - start.year) + day.month - start.month
            case "WEEKLY":
                passed = (day - self._week_of(start)).days // 7
            case _:
                passed = (day - start).days
        return passed // self.interval

    def _candidates(self, number: int) -> tuple[date, list[date]] | None:
        """
        Return the first day of a period, and those of its days that are worth a look.

        :raises ValueError: it lies beyond the last year
        """
        start, step = self.start.date(), number * self.interval
        match self.frequency:
            case "YEARLY":
                year = start.year + step
                months = sorted(self.months) if self.months else range(1, 13)
                days = [day for month in months for day in self._days_of_month(year, month)]
                return date(year, 1, 1), days
            case "MONTHLY":
                years, month = divmod(start.month - 1 + step, 12)
                first = date(start.year + years, month + 1, 1)
                wanted = not self.months or first.month in self.months
                return first, self._days_of_month(first.year, first.month) if wanted else []
            case "WEEKLY":
                first = self._week_of(start) + timedelta(weeks=step)
                week = (first + timedelta(days=each) for each in range(7))
                # The first week begins with the start.
                return first, [day for day in week if day >= start]
            case _:
                day = start + timedelta(days=step)
                return day, [day]

    def _days_of_month(self, year: int, month: int) -> list[date]:
        last = calendar.monthrange(year, month)[1]
        days = range(1, last + 1)
        if self.month_days:
            named = {each if each > 0 else last + 1 + each for each in self.month_days}
            return [date(year, month, day) for day in days if day in named]
        return [date(year, month, day) for day in days]

    def _means(self, day: date) -> bool:
        if self.months and day.month not in self.months:
            return False
        if self.weekdays and not self._is_weekday(day):
            return False
        if self.month_days:
            last = calendar.monthrange(day.year, day.month)[1]
            if day.day not in self.month_days and day.day - last - 1 not in self.month_days:
                return False
        if self.year_days:
            number, length = day.timetuple().tm_yday, 365 + calendar.isleap(day.year)
            if number not in self.year_days and number - length - 1 not in self.year_days:
                return False
        return not self.weeks or self._is_in_week(day)

    def _is_weekday(self, day: date) -> bool:
        weekday = day.weekday()
        if (0, weekday) in self.weekdays:
            return True
        if self.frequency == "YEARLY" and not self.months:
            number, length = day.timetuple().tm_yday, 365 + calendar.isleap(day.year)
        else:
            number, length = day.day, calendar.monthrange(day.year, day.month)[1]
        from_start, from_end = (number - 1) // 7 + 1, -((length - number) // 7 + 1)
        return (from_start, weekday) in self.weekdays or (from_end, weekday) in self.weekdays

    def _is_in_week(self, day: date) -> bool:
        """Return whether a day lies in one of the weeks of its year: each has four days in it, at least."""
        middle = self._week_of(day) + timedelta(days=3)
        number = (middle.timetuple().tm_yday - 1) // 7 + 1
        final = self._week_of(date(middle.year, 12, 28)) + timedelta(days=3)
        count = (final.timetuple().tm_yday - 1) // 7 + 1
        return number in self.weeks or number - count - 1 in self.weeks

    def _week_of(self, day: date) -> date:
        return day - timedelta(days=(day.weekday() - self.week_start) % 7)

    def _starts(self, days: list[date]) -> Iterator[datetime]:
        """Return the starts within a period, in order."""
        if not self.positions:
            return (datetime.combine(day, at) for day in days for at in self.times)
        starts = [datetime.combine(day, at) for day in days for at in self.times]
        chosen = {each - 1 if each > 0 else len(starts) + each for each in self.positions}
        return (moment for place, moment in enumerate(starts) if place in chosen)


def _parts(text: str) -> Mapping[str, str]:
    if len(text) > _LONGEST_RULE:
        raise ValueError("it is too long")
    parts: dict[str, str] = {}
    for each in filter(None, text.strip().upper().split(";")):
        name, _, value = each.partition("=")
        if name not in _PARTS or name in parts or not value:
            raise ValueError("it is malformed")
        parts[name] = value
    return parts


def _items(parts: Mapping[str, str], name: str) -> list[str]:
    return parts[name].split(",") if name in parts else []


def _number(parts: Mapping[str, str], name: str, most: int) -> int | None:
    if name not in parts:
        return None
    text = parts[name]
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 0 < int(text) <= most):
        raise ValueError(f"its {name.lower()} is malformed")
    return int(text)


def _numbers(parts: Mapping[str, str], name: str) -> frozenset[int]:
    lowest, highest = _RANGES[name]
    numbers = frozenset(int(each) for each in _items(parts, name))
    if any(not lowest <= each <= highest or (each == 0 and lowest < 0) for each in numbers):
        raise ValueError("it is malformed")
    return numbers


def _weekday(text: str) -> tuple[int, int]:
    number = int(text[:-2] or 0)
    if not -53 <= number <= 53:
        raise ValueError("it is malformed")
    return number, _WEEKDAYS.index(text[-2:])


def _times(parts: Mapping[str, str], start: datetime) -> tuple[time, ...]:
    """Return the times of day; of one that is named only in part, the rest is the start's."""
    hours = _numbers(parts, "BYHOUR") or {start.hour}
    minutes = _numbers(parts, "BYMINUTE") or {start.minute}
    seconds = _numbers(parts, "BYSECOND") or {start.second}
    if len(hours) * len(minutes) * len(seconds) > _MOST_A_DAY:
        raise ValueError(f"it has more than {_MOST_A_DAY} instances a day")
    return tuple(sorted(time(*each) for each in itertools.product(hours, minutes, seconds)))
