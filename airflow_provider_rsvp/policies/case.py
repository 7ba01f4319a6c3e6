"""One invitation, or one series as a whole, as the rules see it; and the calendar that it is on."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import pendulum

from airflow_provider_rsvp.model import Invitation, ParticipationStatus, Recurrence, TimeRange
from airflow_provider_rsvp.policies.availability.availability import Availability
from airflow_provider_rsvp.policies.availability.busy_times import BusyTimes, Interval
from airflow_provider_rsvp.policies.availability.held_time import held_as, is_out_of_office
from airflow_provider_rsvp.policies.availability.working_time import LOOKED_AT, WorkingTime, Zone, zone_of
from airflow_provider_rsvp.times import format_when

HELD: Final = (ParticipationStatus.ACCEPTED, ParticipationStatus.TENTATIVE)
"""The statuses with which an event can hold time."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """
    One time at which an event takes place.

    :param start: seconds since 1970-01-01 UTC
    :param end: seconds since 1970-01-01 UTC, exclusive
    """

    time: TimeRange
    start: float
    end: float

    @classmethod
    def of(cls, time: TimeRange, zone: Zone) -> Occurrence:
        """Return a time as seconds; a date begins at midnight in ``zone``."""
        return cls(time, _seconds(time.start, zone), _seconds(time.end, zone))


class MailboxCalendar:
    """
    What is known about one mailbox's time.

    :param availability: when its owner is available
    :param events: the events that are on the calendar or may be, by a unique key
    """

    def __init__(self, availability: Availability, events: Mapping[str, Invitation]) -> None:
        self.availability = availability
        self.zone = zone_of(availability.timezone)
        self.working = WorkingTime(availability) if availability.working_hours else None
        self._offered: list[tuple[float, float]] = []
        self._index = {key: index for index, key in enumerate(events)}
        intervals = [self._interval(event) for event in events.values()]
        self.held = {status: BusyTimes(intervals) for status in HELD}
        for key, event in events.items():
            status = held_as(event)
            if status is not None:
                self.hold(key, status)
        self.leave = BusyTimes.present([*self._leave(), *self._out_of_office(events.values())])

    def hold(self, key: str, status: ParticipationStatus) -> None:
        """Let an event hold its time as accepted or tentative; with any other status, let it hold none."""
        for held, times in self.held.items():
            times.put(self._index[key], present=held is status)

    def taken_until(self, start: float, end: float, but: frozenset[str]) -> float | None:
        """Return the end of something that overlaps ``start..end``, or None if all of it is free."""
        for times in (*self.held.values(), self.leave):
            found = times.overlapping(start, end, but)
            if found is not None:
                return found.end
        # Slots that were offered do not overlap each other, so only the last one that starts earlier can overlap.
        place = bisect_left(self._offered, (end, end)) - 1
        if place >= 0 and self._offered[place][1] > start:
            return self._offered[place][1]
        return None

    def offer(self, start: float, end: float) -> None:
        """Mark a free slot as offered, so that it is not offered again."""
        insort(self._offered, (start, end))

    def when(self, moment: date) -> str:
        """Return a time in the mailbox's zone, or a date, as people read it."""
        if isinstance(moment, datetime):
            return format_when(pendulum.instance(moment).in_timezone(self.availability.timezone))
        return format_when(moment)

    def _interval(self, event: Invitation) -> Interval:
        occurrence = Occurrence.of(event.time, self.zone)
        return Interval(occurrence.start, occurrence.end, event.subject, keys_of(event))

    def _leave(self) -> Iterable[Interval]:
        for leave in self.availability.leave:
            if isinstance(leave.start, datetime):
                span = f"from {self.when(leave.start)} to {self.when(leave.end)}"
            else:
                span = f"from {self.when(leave.start)} through {self.when(leave.end - timedelta(days=1))}"
            label = f"the leave '{leave.name}' {span}" if leave.name else f"the leave {span}"
            yield Interval(_seconds(leave.start, self.zone), _seconds(leave.end, self.zone), label)

    def _out_of_office(self, events: Iterable[Invitation]) -> Iterable[Interval]:
        if not self.availability.out_of_office:
            return
        for event in events:
            if is_out_of_office(event):
                interval = self._interval(event)
                label = f"the out-of-office time '{interval.label}'"
                yield Interval(interval.start, interval.end, label, interval.keys)


class Case:
    """
    One invitation, or one series as a whole, to decide on.

    Searches are made once, however many rules ask for the result.

    :param invitation: the invitation; for a series, the event that represents it
    :param occurrences: when it takes place from now on, in order; at least one
    :param now: seconds since 1970-01-01 UTC
    :param calendar: the calendar of the invited mailbox
    :param my_domains: domains, as globs, of organizers who are not external
    """

    def __init__(
        self,
        invitation: Invitation,
        occurrences: Sequence[Occurrence],
        now: float,
        calendar: MailboxCalendar,
        my_domains: tuple[str, ...] = (),
    ) -> None:
        self.invitation = invitation
        self.occurrences = occurrences
        self.now = now
        self.calendar = calendar
        self.my_domains = my_domains
        self.keys = keys_of(invitation)
        self._conflicts: dict[ParticipationStatus, list[Interval | None]] = {}
        self._outside: int | None = None
        self._leave: list[Interval | None] | None = None

    @property
    def recurring(self) -> bool:
        """Whether it is a series or part of one."""
        return self.invitation.recurrence is not Recurrence.SINGLE

    def conflicts(self, statuses: Iterable[ParticipationStatus]) -> list[Interval]:
        """Return the first conflicting event for each occurrence that overlaps an event held as one of the statuses."""
        found = [self._conflicts_with(status) for status in statuses]
        firsts = (next((each for each in row if each is not None), None) for row in zip(*found, strict=True))
        return [first for first in firsts if first is not None]

    def absences(self) -> list[Interval]:
        """Return the first leave or out-of-office time for each occurrence that overlaps one."""
        if self._leave is None:
            self._leave = self._overlaps(self.calendar.leave)
        return [each for each in self._leave if each is not None]

    def outside_working_hours(self) -> int | None:
        """Return how many occurrences lie partly or wholly outside working hours; None if the hours are not known."""
        working = self.calendar.working
        if working is None:
            return None
        if self._outside is None:
            self._outside = sum(not _inside(occurrence, working) for occurrence in self.occurrences)
        return self._outside

    def _conflicts_with(self, status: ParticipationStatus) -> list[Interval | None]:
        if status not in self._conflicts:
            self._conflicts[status] = self._overlaps(self.calendar.held[status])
        return self._conflicts[status]

    def _overlaps(self, times: BusyTimes) -> list[Interval | None]:
        return [times.overlapping(each.start, each.end, self.keys) for each in self.occurrences]


def keys_of(event: Invitation) -> frozenset[str]:
    """Return the keys that an event shares with its copies and with the instances of its series."""
    reference = event.reference
    ids = {f"id {each}" for each in (reference.event_id, event.series_id) if each is not None}
    if reference.ical_uid is not None:
        ids.add(f"uid {reference.ical_uid}")
    return frozenset(ids)


def _inside(occurrence: Occurrence, working: WorkingTime) -> bool:
    if not occurrence.time.all_day:
        return working.covers(occurrence.start, occurrence.end)
    first = occurrence.time.start.toordinal()
    end = min(max(occurrence.time.end.toordinal(), first + 1), first + LOOKED_AT)
    return all(working.is_working_day(date.fromordinal(day)) for day in range(first, end))


def _seconds(moment: date, zone: Zone) -> float:
    if isinstance(moment, datetime):
        return moment.timestamp()
    return zone.midnight(moment)
