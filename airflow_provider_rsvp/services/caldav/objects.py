"""
Calendar objects as events with times (RFC 5545): series, their overridden instances, and zones.

Objects are not trusted: what cannot be read raises a ``ValueError`` or an error of this package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo

import pendulum

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import TimeRange
from airflow_provider_rsvp.services.caldav.instances import Instance
from airflow_provider_rsvp.services.caldav.lines import Block, ContentLine, Document
from airflow_provider_rsvp.services.caldav.recurrence import Rule, Work
from airflow_provider_rsvp.services.caldav.values import read_duration, read_moment, read_moments
from airflow_provider_rsvp.services.caldav.zones import Zones, clock
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.times import UTC, beginning, parse_instant

_MOST_INSTANCES = 2_000
_MOST_RULES = 4
_MOST_DATES = 5_000
_FIRST_YEAR, _LAST_YEAR = 2, 9997
_ONCE = ("DTSTART", "DTEND", "DURATION", "RECURRENCE-ID")
_EXACT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Event:
    """
    One ``VEVENT`` of an object.

    :param place: which of the object's ``VEVENT`` components it is
    :param named: the first line of each name
    :param wall: the start as it is written, without a zone
    :param zone: the zone in which it is written; None for an all-day event
    :param end_zone: the zone in which the end is written, where it is written at all
    :param instance: which instance of the series it stands for, or None
    """

    place: int
    block: Block
    lines: tuple[ContentLine, ...] = field(repr=False)
    named: Mapping[str, ContentLine] = field(repr=False, compare=False)
    zones: Zones = field(repr=False, compare=False)
    time: TimeRange
    wall: datetime
    zone: tzinfo | None
    end_zone: tzinfo | None
    instance: Instance | None

    @property
    def length(self) -> timedelta:
        """How long it takes; for an all-day event in days."""
        length = beginning(self.time.end, UTC) - beginning(self.time.start, UTC)
        return timedelta(seconds=length.total_seconds())

    def first(self, name: str) -> ContentLine | None:
        """Return the event's first line of a name."""
        return self.named.get(name)

    def value(self, name: str) -> str | None:
        """Return the value of the event's first line of a name."""
        line = self.first(name)
        return line.value.strip() if line is not None else None

    @property
    def uid(self) -> str | None:
        """The event's UID."""
        return self.value("UID") or None

    @property
    def recurs(self) -> bool:
        """Whether it is a series."""
        return self.instance is None and ("RRULE" in self.named or "RDATE" in self.named)

    def at(self, wall: datetime) -> TimeRange:
        """Return the time of the instance that starts at a time of the event's own clock."""
        if self.zone is None:
            return TimeRange(_date(wall), _date(wall + self.length))
        start = _instant(wall, self.zone)
        return TimeRange(start, start + self.length)

    def clock(self, instance: Instance) -> datetime:
        """Return the start of an instance by the event's own clock."""
        if self.zone is None or not isinstance(instance, datetime):
            return datetime.combine(instance, self.wall.time() if self.zone else time())
        return clock(instance, self.zone)

    def instance_at(self, wall: datetime) -> Instance:
        """Return the instance that starts at a time of the event's own clock."""
        if self.zone is None:
            return _date(wall)
        return _instant(wall, self.zone).in_timezone(UTC)


@dataclass(frozen=True, slots=True)
class EventOccurrence:
    """
    One event of a window.

    :param instance: which instance of a series; None for a single event
    :param event: what describes it: its own ``VEVENT``, or the series'
    """

    instance: Instance | None
    event: Event
    time: TimeRange


@dataclass(frozen=True, slots=True)
class CalendarObject:
    """
    An object of a calendar: one event, or a series with the instances that differ from it (RFC 4791, section 4.1).

    :param master: the event itself or its series; None where only single instances of a series are known
    :param overrides: the instances that have a ``VEVENT`` of their own
    :param method: the iTIP method of an object that was stored as it came by mail; usually None
    :param work: how much may still be computed to expand it
    """

    document: Document = field(repr=False)
    events: tuple[Event, ...]
    master: Event | None
    overrides: Mapping[Instance, Event]
    method: str | None
    work: Work = field(repr=False, compare=False)

    @classmethod
    def read(cls, data: bytes, floating: tzinfo) -> CalendarObject:
        """
        Return the object that an iCalendar text stands for.

        :param floating: the zone in which times without one are read
        :raises ValueError: it is not iCalendar, or holds no event
        :raises InvalidInputError: a time or zone in it does not exist, or it takes too much work
        """
        document = Document.read(data)
        components = document.components()
        outer = [block for block in components if block.depth == 0]
        blocks = [block for block in components if (block.depth, block.name) == (1, "VEVENT")]
        if [block.name for block in outer] != ["VCALENDAR"]:
            raise InvalidInputError("it is not one VCALENDAR")
        if not blocks:
            raise InvalidInputError("it holds no VEVENT")
        work = Work()
        zones = Zones(document, floating, work)
        events = tuple(
            _event(place, block, document.own_lines(block), zones) for place, block in enumerate(blocks)
        )
        masters = [event for event in events if event.instance is None]
        overrides = {event.instance: event for event in events if event.instance is not None}
        # If two claimed to be the same event, it would be unclear which one is answered.
        if len(masters) > 1 or len(masters) + len(overrides) < len(events):
            raise InvalidInputError("two of its VEVENTs claim to be the same event")
        if len({event.uid for event in events}) > 1:
            raise InvalidInputError("its VEVENTs have more than one UID")
        method = next((line.value for line in document.own_lines(outer[0]) if line.name == "METHOD"), "")
        master = masters[0] if masters else None
        return cls(document, events, master, overrides, method.strip().upper() or None, work)

    @property
    def uid(self) -> str | None:
        """The UID, which all its events share."""
        return self.events[0].uid

    def occurrence(self, instance: Instance) -> EventOccurrence | None:
        """
        Return one instance of the series, or None where there is none of that start.

        :raises ValueError: the series' rule cannot be read
        """
        override = self.overrides.get(instance)
        if override is not None:
            return EventOccurrence(instance, override, override.time)
        master = self.master
        if master is None or not master.recurs:
            return None
        wall = master.clock(instance)
        found = (
            wall in _walls(master, wall - _EXACT, wall + _EXACT, self.work)
            and master.instance_at(wall) == instance
        )
        return EventOccurrence(instance, master, master.at(wall)) if found else None

    def within(self, window: Window, floating: tzinfo) -> Iterator[EventOccurrence]:
        """
        Return what of the object lies in a window, by start; all instances of a series.

        :param floating: the zone in which the days of all-day events begin
        :raises ValueError: the series' rule cannot be read
        """
        found = [
            EventOccurrence(event.instance, event, event.time)
            for event in self.events
            if event.instance is not None or not event.recurs
        ]
        master = self.master
        if master is not None and master.recurs:
            length = master.length + timedelta(days=1)
            first, last = (clock(moment, master.zone or floating) for moment in (window.start, window.end))
            for wall in _walls(master, first - length, last + timedelta(days=1), self.work):
                instance = master.instance_at(wall)
                if instance not in self.overrides:
                    found.append(EventOccurrence(instance, master, master.at(wall)))
        found = [each for each in found if window.covers(each.time, floating)]
        yield from sorted(found, key=lambda each: beginning(each.time.start, floating))


def _event(place: int, block: Block, lines: tuple[ContentLine, ...], zones: Zones) -> Event:
    named: dict[str, ContentLine] = {}
    for line in lines:
        if named.setdefault(line.name, line) is not line and line.name in _ONCE:
            raise InvalidInputError(f"its {line.name} is given twice")
    if "DTSTART" not in named:
        raise InvalidInputError("its DTSTART is missing")
    wall, zone = _written(named["DTSTART"], zones)
    start = _at(wall, zone)
    end, end_zone = _end(named, start, zones)
    for moment in (start, end):
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise InvalidInputError(f"{moment.isoformat()} is too far away for any calendar")
    instance: Instance | None = None
    if "RECURRENCE-ID" in named:
        original = _at(*_written(named["RECURRENCE-ID"], zones))
        instance = original.in_timezone(UTC) if isinstance(original, pendulum.DateTime) else original
    return Event(place, block, lines, named, zones, TimeRange(start, end), wall, zone, end_zone, instance)


def _end(named: Mapping[str, ContentLine], start: Instance, zones: Zones) -> tuple[Instance, tzinfo | None]:
    if "DTEND" in named:
        wall, zone = _written(named["DTEND"], zones)
        return _at(wall, zone), zone
    if "DURATION" in named:
        return start + read_duration(named["DURATION"].value), None
    return (start if isinstance(start, datetime) else start.add(days=1)), None


def _written(line: ContentLine, zones: Zones) -> tuple[datetime, tzinfo | None]:
    """Return a time or date as it is written, and its zone; None for a date."""
    moment = read_moment(line.value)
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time()), None
    return _with_zone(moment, line.parameter("TZID"), zones)


def _with_zone(moment: datetime, name: str | None, zones: Zones) -> tuple[datetime, tzinfo]:
    if name and name.upper() != "UTC":
        return moment.replace(tzinfo=None), zones[name]
    if moment.tzinfo is not None:
        return moment.astimezone(UTC).replace(tzinfo=None), UTC
    return moment, zones.floating


def _at(wall: datetime, zone: tzinfo | None) -> Instance:
    return _date(wall) if zone is None else _instant(wall, zone)


def _instant(wall: datetime, zone: tzinfo) -> pendulum.DateTime:
    if isinstance(zone, pendulum.Timezone | pendulum.FixedTimezone):
        return parse_instant(wall, field="time", timezone=zone)
    # A zone that the object itself defines is not kept, only the moment.
    return parse_instant(wall.replace(tzinfo=zone).astimezone(UTC), field="time")


def _date(moment: datetime) -> pendulum.Date:
    return pendulum.date(moment.year, moment.month, moment.day)


def _walls(master: Event, first: datetime, last: datetime, work: Work) -> list[datetime]:
    """
    Return the starts of a series by its own clock, overridden instances included.

    :raises ValueError: the rule cannot be read, or has too many instances
    """
    found = {master.wall} if first <= master.wall <= last else set()
    rules = [line for line in master.lines if line.name == "RRULE"]
    if len(rules) > _MOST_RULES:
        raise ValueError("it has too many rules")
    for line in rules:
        for wall in _rule(line, master).between(first, last, work):
            found.add(wall)
            if len(found) > _MOST_INSTANCES:
                raise ValueError(f"it has more than {_MOST_INSTANCES} instances in this time")
    found |= {wall for wall in _dates(master, "RDATE") if first <= wall <= last}
    return sorted(found.difference(_dates(master, "EXDATE")))


def _rule(line: ContentLine, master: Event) -> Rule:
    """Return a rule, with its end by the series' own clock."""

    def until(text: str) -> datetime:
        moment = read_moment(text)
        if not isinstance(moment, datetime):
            return datetime.combine(moment, time(23, 59, 59) if master.zone else time())
        return clock(moment, master.zone or UTC) if moment.tzinfo is not None else moment

    return Rule.read(line.value, master.wall, until)


def _dates(master: Event, name: str) -> Iterator[datetime]:
    """
    Return the dates of ``RDATE`` or ``EXDATE`` by the series' own clock.

    :raises ValueError: one cannot be read, or there are too many
    """
    left = _MOST_DATES
    for line in (line for line in master.lines if line.name == name):
        zone_name = line.parameter("TZID")
        moments = read_moments([line.value], left)
        left -= len(moments)
        for moment in moments:
            if not isinstance(moment, datetime):
                yield datetime.combine(moment, master.wall.time() if master.zone else time())
            elif zone_name and _same_zone(zone_name, master):
                yield moment.replace(tzinfo=None)
            else:
                wall, zone = _with_zone(moment, zone_name, master.zones)
                yield clock(wall.replace(tzinfo=zone), master.zone or UTC)


def _same_zone(name: str, master: Event) -> bool:
    start = master.first("DTSTART")
    return start is not None and start.parameter("TZID") == name
