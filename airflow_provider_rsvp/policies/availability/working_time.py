"""
Working hours as seconds since 1970-01-01 UTC.

Wall-clock time decides whether a moment lies in the working hours: its local date is a working day, and its
local time of day is within that day's hours. When clocks are turned back, an hour is worked twice; an hour that
they skip is not worked at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from airflow_provider_rsvp.policies.availability.availability import WEEKDAYS, Availability
from airflow_provider_rsvp.times import parse_zone

_DAY = 86400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST_DAY = date(9997, 12, 31).toordinal() - _EPOCH_DAY
LOOKED_AT = 366
"""The most days of one event that are checked, however long the event is."""

PROBE = 6 * 3600
"""Seconds between two checks of the offset; no zone changes its clocks twice within that time."""


class Zone:
    """
    The clocks of a time zone, in seconds since 1970-01-01 UTC.

    :param name: an IANA name
    """

    def __init__(self, name: str) -> None:
        self.tzinfo = parse_zone(name)

    def offset(self, moment: float) -> int:
        """Return how many seconds the clocks are ahead of UTC at a moment."""
        ahead = (_EPOCH + timedelta(seconds=moment)).astimezone(self.tzinfo).utcoffset()
        return int(ahead.total_seconds()) if ahead is not None else 0

    def midnight(self, day: date) -> float:
        """Return when a day begins; if the clocks skip midnight, the moment after the gap."""
        wall = (day.toordinal() - _EPOCH_DAY) * _DAY
        for start, end, ahead in self.segments(wall - _DAY, wall + 2 * _DAY):
            if wall - ahead < end:
                return max(wall - ahead, start)
        raise AssertionError("a zone has an offset at any time")  # pragma: no cover

    def segments(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """Return the stretches of ``start..end`` in which the offset is the same, each with its offset."""
        found = []
        begin, ahead = start, self.offset(start)
        moment = start
        while moment < end:
            following = min(moment + PROBE, end)
            if self.offset(following) != ahead:
                change = self._change(moment, following, ahead)
                found.append((begin, change, ahead))
                begin, ahead = change, self.offset(change)
            moment = following
        if begin < end:
            found.append((begin, end, ahead))
        return found

    def _change(self, before: int, after: int, ahead: int) -> int:
        """Return the first second at which the offset differs from ``ahead``."""
        while after - before > 1:
            middle = (before + after) // 2
            if self.offset(middle) == ahead:
                before = middle
            else:
                after = middle
        return after


@lru_cache(maxsize=512)
def zone_of(name: str) -> Zone:
    """Return the clocks of a zone."""
    return Zone(name)


class WorkingTime:
    """
    The working hours of one availability, in seconds since 1970-01-01 UTC.

    :param availability: the availability; if it has no hours, nothing is working time
    """

    def __init__(self, availability: Availability) -> None:
        self._availability = availability
        self._zone = zone_of(availability.timezone)
        self._by_date: dict[int, list[tuple[int, int]]] = {}
        self._by_utc_day: dict[int, list[tuple[int, int]]] = {}

    def covers(self, start: float, end: float) -> bool:
        """Whether all of ``start..end`` is working time; if the two are equal, whether the moment is."""
        reached = start
        end = min(end, start + LOOKED_AT * _DAY)
        for begin, stop in self._stretches(start):
            if stop <= reached:
                continue
            if begin > reached:
                return False
            if stop >= end:
                return True
            reached = stop
        return False

    def is_working_day(self, day: date) -> bool:
        """Whether a day has any working time."""
        return day not in self._availability.holidays and bool(
            self._availability.working_hours.get(WEEKDAYS[day.weekday()])
        )

    def periods(self, start: float, end: float) -> Iterator[tuple[float, float]]:
        """Yield the longest stretches of working time within ``start..end``, in order."""
        begin = stop = start
        for first, last in self._stretches(start):
            if first >= end:
                break
            if first > stop:
                if stop > begin:
                    yield begin, min(stop, end)
                begin = first
            stop = max(stop, last)
            if stop >= end:
                break
        if stop > begin:
            yield begin, min(stop, end)

    def _stretches(self, start: float) -> Iterator[tuple[int, int]]:
        """Yield the working time from ``start``'s UTC day on, in order."""
        if not self._availability.working_hours:
            return
        for day in range(int(start // _DAY), _LAST_DAY):
            yield from self._utc_day(day)

    def _utc_day(self, day: int) -> list[tuple[int, int]]:
        """Return the working time within one UTC day, across the local dates that it touches."""
        if day not in self._by_utc_day:
            begin, end = day * _DAY, (day + 1) * _DAY
            self._by_utc_day[day] = sorted(
                (max(first, begin), min(last, end))
                for local in (day - 1, day, day + 1)
                for first, last in self._date(local)
                if first < end and last > begin
            )
        return self._by_utc_day[day]

    def _date(self, day: int) -> list[tuple[int, int]]:
        """Return the working time of one local date, which is given in days since 1970-01-01."""
        if day not in self._by_date:
            local = date.fromordinal(day + _EPOCH_DAY)
            found = []
            if self.is_working_day(local):
                hours = self._availability.working_hours[WEEKDAYS[local.weekday()]]
                wall = day * _DAY
                for begin, end, ahead in self._zone.segments(wall - _DAY, wall + 2 * _DAY):
                    for each in hours:
                        first = max(wall + each.start * 60 - ahead, begin)
                        last = min(wall + each.end * 60 - ahead, end)
                        if first < last:
                            found.append((first, last))
            self._by_date[day] = found
        return self._by_date[day]
