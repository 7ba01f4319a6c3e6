"""
Calendar objects as events with times (RFC 5545): series, their overridden instances, and zones.

Nothing here trusts the object: what cannot be read is a ``ValueError`` or an error of this package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any

import pendulum
from dateutil.rrule import rrulestr
from icalendar import Calendar, Component
from icalendar.prop import vRecur

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import TimeRange
from airflow_provider_rsvp.services.caldav.instances import Instance
from airflow_provider_rsvp.services.caldav.lines import Block, Document, Line, unfolded
from airflow_provider_rsvp.times import UTC, parse_instant, parse_zone

_READABLE_RULES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_LONGEST_INTERVAL = 10_000
_MOST_INSTANCES = 10_000
_EXACT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Event:
    """
    One ``VEVENT`` of an object.

    :param wall: the start as it is written, without a zone
    :param zone: the zone in which it is written; None for an all-day event
    :param end_zone: the zone in which the end is written, where it is written at all
    :param instance: which instance of the series it stands for, or None
    """

    component: Component = field(repr=False)
    block: Block
    lines: tuple[Line, ...] = field(repr=False)
    time: TimeRange
    wall: datetime
    zone: tzinfo | None
    end_zone: tzinfo | None
    instance: Instance | None

    @property
    def length(self) -> timedelta:
        """How long it takes; for an all-day event in days."""
        length = _moment(self.time.end, UTC) - _moment(self.time.start, UTC)
        return timedelta(seconds=length.total_seconds())

    def first(self, name: str) -> Line | None:
        """Return the event's first line of a name."""
        return next((line for line in self.lines if line.name == name), None)

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
        return self.instance is None and any(line.name in ("RRULE", "RDATE") for line in self.lines)

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
class Occurrence:
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

    :param method: what an object says that was put there as it came by mail; None usually
    """

    document: Document = field(repr=False)
    events: tuple[Event, ...]
    method: str | None

    @classmethod
    def read(cls, data: bytes, floating: tzinfo) -> CalendarObject:
        """
        Return the object that an iCalendar text stands for.

        :param floating: the zone in which times without one are read
        :raises ValueError: it is none, or holds no event
        :raises InvalidInputError: a time or zone in it does not exist
        """
        document = Document.read(data)
        calendar = Calendar.from_ical(unfolded(data))
        if calendar.name != "VCALENDAR":
            raise ValueError("no VCALENDAR")
        zones = _Zones(calendar, floating)
        components = [each for each in calendar.subcomponents if each.name == "VEVENT"]
        blocks = document.blocks("VEVENT")
        if not components or len(components) != len(blocks):
            raise ValueError("no VEVENT")
        events = tuple(
            _event(component, block, document.own_lines(block), zones)
            for component, block in zip(components, blocks, strict=True)
        )
        method = calendar.get("METHOD")
        return cls(document, events, str(method).upper() if method else None)

    @property
    def master(self) -> Event | None:
        """The event itself or its series; None where only single instances of a series are known."""
        return next((event for event in self.events if event.instance is None), None)

    @property
    def overrides(self) -> Mapping[Instance, Event]:
        """The instances that have a ``VEVENT`` of their own."""
        return {event.instance: event for event in self.events if event.instance is not None}

    @property
    def uid(self) -> str | None:
        """The UID, which all its events share."""
        return self.events[0].uid

    def occurrence(self, instance: Instance) -> Occurrence | None:
        """
        Return one instance of the series, or None where there is none of that start.

        :raises ValueError: the series' rule cannot be read
        """
        override = self.overrides.get(instance)
        if override is not None:
            return Occurrence(instance, override, override.time)
        master = self.master
        if master is None or not master.recurs:
            return None
        wall = master.clock(instance)
        found = wall in _walls(master, wall - _EXACT, wall + _EXACT) and master.instance_at(wall) == instance
        return Occurrence(instance, master, master.at(wall)) if found else None

    def between(
        self, start: pendulum.DateTime, end: pendulum.DateTime, floating: tzinfo
    ) -> Iterator[Occurrence]:
        """
        Return what of the object lies in a window, by start; all instances of a series.

        :param floating: the zone in which the days of all-day events begin
        :raises ValueError: the series' rule cannot be read
        """
        found = [
            Occurrence(event.instance, event, event.time)
            for event in self.events
            if event.instance is not None or not event.recurs
        ]
        master = self.master
        if master is not None and master.recurs:
            length = master.length + timedelta(days=1)
            first, last = (clock(moment, master.zone or floating) for moment in (start, end))
            for wall in _walls(master, first - length, last + timedelta(days=1)):
                instance = master.instance_at(wall)
                if instance not in self.overrides:
                    found.append(Occurrence(instance, master, master.at(wall)))
        found = [each for each in found if _overlaps(each.time, start, end, floating)]
        yield from sorted(found, key=lambda each: _moment(each.time.start, floating))


def zone_of(text: str) -> tzinfo:
    """
    Return the zone of a calendar's own ``VTIMEZONE`` (RFC 4791, section 5.2.2).

    :raises ValueError: it holds none
    """
    calendar = Calendar.from_ical(text)
    zones = _Zones(calendar, UTC)
    (name,) = zones.defined
    return zones[name]


class _Zones:
    """
    The zones that an object names: those that everybody knows, and those that it defines itself.

    Not left to the library, which remembers a definition for the objects that come later.
    """

    def __init__(self, calendar: Component, floating: tzinfo) -> None:
        self.floating = floating
        self.defined = {
            str(each.get("TZID")): each for each in calendar.subcomponents if each.name == "VTIMEZONE"
        }

    def __getitem__(self, name: str) -> tzinfo:
        try:
            return parse_zone(name, field="TZID")
        except InvalidInputError:
            definition: Any = self.defined.get(name)
            if definition is None:
                raise
        zone: tzinfo = definition.to_tz(lookup_tzid=False)
        return zone


def _event(component: Component, block: Block, lines: tuple[Line, ...], zones: _Zones) -> Event:
    wall, zone = _written(component["DTSTART"], zones)
    start = _at(wall, zone)
    end, end_zone = _end(component, start, zones)
    instance: Instance | None = None
    if component.get("RECURRENCE-ID") is not None:
        original = _at(*_written(component["RECURRENCE-ID"], zones))
        instance = original.in_timezone(UTC) if isinstance(original, pendulum.DateTime) else original
    return Event(component, block, lines, TimeRange(start, end), wall, zone, end_zone, instance)


def _end(component: Component, start: Instance, zones: _Zones) -> tuple[Instance, tzinfo | None]:
    if component.get("DTEND") is not None:
        wall, zone = _written(component["DTEND"], zones)
        return _at(wall, zone), zone
    if component.get("DURATION") is not None:
        duration: Any = component["DURATION"]
        return start + duration.dt, None
    return (start if isinstance(start, datetime) else start.add(days=1)), None


def _written(value: Any, zones: _Zones) -> tuple[datetime, tzinfo | None]:
    """Return a time or date as it is written, and its zone; None for a date."""
    moment = value.dt
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time()), None
    return _with_zone(moment, value.params.get("TZID"), zones)


def _with_zone(moment: datetime, name: str | None, zones: _Zones) -> tuple[datetime, tzinfo]:
    if name and str(name).upper() != "UTC":
        return moment.replace(tzinfo=None), zones[str(name)]
    if moment.tzinfo is not None:
        return moment.astimezone(UTC).replace(tzinfo=None), UTC
    return moment, zones.floating


def _at(wall: datetime, zone: tzinfo | None) -> Instance:
    return _date(wall) if zone is None else _instant(wall, zone)


def _instant(wall: datetime, zone: tzinfo) -> pendulum.DateTime:
    if isinstance(zone, pendulum.Timezone | pendulum.FixedTimezone):
        return parse_instant(wall, field="time", timezone=zone)
    # Of a zone that the object itself defines, only the moments are kept.
    return parse_instant(wall.replace(tzinfo=zone).astimezone(UTC), field="time")


def _date(moment: datetime) -> pendulum.Date:
    return pendulum.date(moment.year, moment.month, moment.day)


def _walls(master: Event, first: datetime, last: datetime) -> list[datetime]:
    """
    Return the starts of a series by its own clock, overridden instances included.

    :raises ValueError: the rule cannot be read, or says more than a calendar can mean
    """
    component = master.component
    found = {master.wall} if first <= master.wall <= last else set()
    for rule in _list(component.get("RRULE")):
        text = _rule(rule, master)
        for wall in rrulestr(text, dtstart=master.wall).between(first, last, inc=True):
            found.add(wall)
            if len(found) > _MOST_INSTANCES:
                raise ValueError("it means more instances than a calendar can hold")
    zones = _Zones(Component(), master.zone or UTC)
    found |= {wall for wall in _dates(component, "RDATE", master, zones) if first <= wall <= last}
    return sorted(found - set(_dates(component, "EXDATE", master, zones)))


def _rule(rule: object, master: Event) -> str:
    """Return a rule as text, with its end by the series' own clock."""
    if not isinstance(rule, vRecur):
        raise ValueError("it is malformed")
    (frequency,) = rule.get("FREQ") or [""]
    if str(frequency).upper() not in _READABLE_RULES:
        raise ValueError("it means more than one instance a day, or is malformed")
    if str((rule.get("RSCALE") or ["GREGORIAN"])[0]).upper() != "GREGORIAN":
        raise ValueError("it is of another than the Gregorian calendar")
    interval = int((rule.get("INTERVAL") or [1])[0])
    if not 0 < interval <= _LONGEST_INTERVAL:
        raise ValueError("its interval is none")
    changed: Any = vRecur(rule)
    if rule.get("UNTIL"):
        (until,) = rule["UNTIL"]
        if not isinstance(until, datetime):
            until = datetime.combine(until, time.max if master.zone else time())
        elif until.tzinfo is not None:
            until = until.astimezone(master.zone or UTC).replace(tzinfo=None)
        changed["UNTIL"] = [until.replace(microsecond=0)]
    return str(changed.to_ical().decode())


def _dates(component: Component, name: str, master: Event, zones: _Zones) -> Iterator[datetime]:
    """Return the dates of ``RDATE`` or ``EXDATE`` by the series' own clock."""
    for values in _list(component.get(name)):
        zone_name = values.params.get("TZID")
        for value in values.dts:
            moment = value.dt[0] if isinstance(value.dt, tuple) else value.dt
            if not isinstance(moment, datetime):
                yield datetime.combine(moment, master.wall.time() if master.zone else time())
            elif zone_name and _same_zone(zone_name, master):
                yield moment.replace(tzinfo=None)
            else:
                wall, zone = _with_zone(moment, zone_name, zones)
                yield wall.replace(tzinfo=zone).astimezone(master.zone or UTC).replace(tzinfo=None)


def clock(moment: datetime, zone: tzinfo) -> datetime:
    """Return what a clock of the zone shows, as a plain time: pendulum's cannot stand in every zone."""
    utc = moment.astimezone(UTC)
    plain = datetime.combine(utc.date(), utc.time(), timezone.utc)  # noqa: UP017 - datetime.UTC is not our UTC
    return plain.astimezone(zone).replace(tzinfo=None)


def _same_zone(name: str, master: Event) -> bool:
    start = master.first("DTSTART")
    return start is not None and start.parameter("TZID") == name


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _overlaps(span: TimeRange, start: pendulum.DateTime, end: pendulum.DateTime, floating: tzinfo) -> bool:
    first, last = _moment(span.start, floating), _moment(span.end, floating)
    return first < end and (last > start or first == last == start)


def _moment(value: date, floating: tzinfo) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time(), floating)
