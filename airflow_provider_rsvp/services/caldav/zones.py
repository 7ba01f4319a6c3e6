"""
Zones: those that everybody knows, and those that a calendar object defines itself (RFC 5545, section 3.6.5).

The iCalendar library is not asked: it follows the rules of a definition for as long as they go, and remembers a
definition for the objects that come later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone, tzinfo
from itertools import islice

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.services.caldav.lines import Block, ContentLine, Document
from airflow_provider_rsvp.services.caldav.recurrence import Rule, Work
from airflow_provider_rsvp.services.caldav.values import read_moment, read_moments, read_offset, read_wall
from airflow_provider_rsvp.times import UTC, parse_zone

_MOST_ZONES = 50
_MOST_OBSERVANCES = 200
_MOST_DATES = 1_000
_NEAR = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class _Change:
    """
    A change of the clocks.

    :param at: by the clock before it
    """

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def utc(self) -> datetime:
        """When it happens."""
        return self.at - self.before

    def shows(self, fold: int) -> datetime:
        """Return from which time on the clock shows the time after it (PEP 495 for what comes twice or never)."""
        other = self.utc + self.after
        return min(self.at, other) if fold else max(self.at, other)


@dataclass(frozen=True, slots=True)
class _Observance:
    """A part of a definition: from when on which offset is in use."""

    before: timedelta
    after: timedelta
    dates: tuple[datetime, ...]
    rules: tuple[Rule, ...]

    @classmethod
    def read(cls, lines: Sequence[ContentLine]) -> _Observance:
        start = read_wall(_value(lines, "DTSTART"))
        before, after = (read_offset(_value(lines, name)) for name in ("TZOFFSETFROM", "TZOFFSETTO"))

        def until(text: str) -> datetime:
            moment = read_moment(text)
            if not isinstance(moment, datetime):
                return datetime.combine(moment, time.max)
            return moment.replace(tzinfo=None) + (before if moment.tzinfo is not None else timedelta())

        rules = tuple(Rule.read(line.value, start, until) for line in lines if line.name == "RRULE")
        if any(rule.frequency != "YEARLY" or rule.count is not None for rule in rules):
            raise ValueError("the rule of a zone is not read")
        texts = (line.value for line in lines if line.name == "RDATE")
        dates = (each for each in read_moments(texts, _MOST_DATES) if isinstance(each, datetime))
        return cls(
            before, after, tuple(sorted({start, *(each.replace(tzinfo=None) for each in dates)})), rules
        )

    def near(self, first: datetime, last: datetime, work: Work) -> Iterator[_Change]:
        """Return its changes in a time, and the last one before it."""
        found = {each for each in self.dates if each <= last}
        for rule in self.rules:
            end = min(first, rule.until or first)
            found.update(rule.between(end - _NEAR, end, work))
            found.update(rule.between(first, last, work))
        earlier = max((each for each in found if each < first), default=None)
        for each in found:
            if each >= first or each == earlier:
                yield _Change(each, self.before, self.after)


class DefinedZone(tzinfo):
    """A zone as an object defines it."""

    def __init__(self, observances: Sequence[_Observance], work: Work) -> None:
        self._observances = observances
        self._work = work
        self._years: dict[int, list[_Change]] = {}

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        """Return the offset at a time of the zone's own clock."""
        if moment is None:
            return None
        wall = moment.replace(tzinfo=None, fold=0)
        return self._offset(wall.year, lambda change: change.shows(moment.fold) <= wall)

    def dst(self, moment: datetime | None) -> timedelta | None:
        """Return None: which part of an offset is for the summer is not asked."""
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        """Return None: only the offsets are asked for."""
        return None

    def fromutc(self, moment: datetime) -> datetime:
        """Return what the zone's clock shows at a time in UTC."""
        utc = moment.replace(tzinfo=None)
        wall = utc + self._offset(utc.year, lambda change: change.utc <= utc)
        local = wall.replace(tzinfo=self)
        return local if local.utcoffset() == wall - utc else local.replace(fold=1)

    def _offset(self, year: int, passed: Callable[[_Change], bool]) -> timedelta:
        changes = self._changes(year)
        now = next((change for change in reversed(changes) if passed(change)), None)
        return now.after if now else changes[0].before

    def _changes(self, year: int) -> list[_Change]:
        """Return what is in use in a year, and the years beside it, in order; never empty."""
        if year not in self._years:
            first, last = datetime(max(year - 1, 1), 1, 1), datetime(min(year + 1, 9999), 12, 31)
            found = (change for each in self._observances for change in each.near(first, last, self._work))
            changes = sorted(found, key=lambda change: change.utc)
            self._years[year] = changes or [
                _Change(each.dates[0], each.before, each.after)
                for each in sorted(self._observances, key=lambda each: each.dates[0])
            ]
        return self._years[year]


class Zones:
    """
    The zones that an object names.

    :param floating: the zone in which times without one are read
    """

    def __init__(self, document: Document, floating: tzinfo, work: Work) -> None:
        self.floating = floating
        self._document = document
        self._work = work
        self._read: dict[str, tzinfo] = {}
        self._defined: dict[str, Block] = {}
        self._components = document.components()
        blocks = (block for block in self._components if (block.depth, block.name) == (1, "VTIMEZONE"))
        for block in islice(blocks, _MOST_ZONES):
            name = next((line.value for line in document.own_lines(block) if line.name == "TZID"), None)
            if name is not None:
                self._defined.setdefault(name.strip(), block)

    @property
    def defined(self) -> tuple[str, ...]:
        """The names of those that the object defines itself."""
        return tuple(self._defined)

    def __getitem__(self, name: str) -> tzinfo:
        """
        Return the zone that a name stands for: the one that everybody knows, else the object's own.

        :raises InvalidInputError: there is none
        :raises ValueError: its definition cannot be read
        """
        if name not in self._read:
            try:
                self._read[name] = parse_zone(name, field="TZID")
            except InvalidInputError:
                block = self._defined.get(name)
                if block is None:
                    raise
                self._read[name] = self._definition(block)
        return self._read[name]

    def _definition(self, block: Block) -> tzinfo:
        parts = [
            each
            for each in self._components
            if each.name in ("STANDARD", "DAYLIGHT") and block.first < each.first < block.last
        ]
        if not 0 < len(parts) <= _MOST_OBSERVANCES:
            raise InvalidInputError("the definition of a zone says nothing, or too much")
        return DefinedZone([_Observance.read(self._document.own_lines(each)) for each in parts], self._work)


def zone_of(text: str) -> tzinfo:
    """
    Return the zone of a calendar's own ``VTIMEZONE`` (RFC 4791, section 5.2.2).

    :raises ValueError: it holds none
    """
    # It is the user's own, and stays in use for long.
    zones = Zones(Document.read(text.encode(errors="replace")), UTC, Work(None))
    (name,) = zones.defined
    return zones[name]


def clock(moment: datetime, zone: tzinfo) -> datetime:
    """Return what a clock of the zone shows, as a plain time: pendulum's cannot stand in every zone."""
    utc = moment.astimezone(UTC)
    plain = datetime.combine(utc.date(), utc.time(), timezone.utc)  # noqa: UP017 - datetime.UTC is not our UTC
    return plain.astimezone(zone).replace(tzinfo=None)


def _value(lines: Sequence[ContentLine], name: str) -> str:
    value = next((line.value.strip() for line in lines if line.name == name), None)
    if value is None:
        raise ValueError(f"no {name}")
    return value
