"""Conditions on when the event takes place, and on what else takes place at that time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from airflow_provider_rsvp.exceptions import PolicyError
from airflow_provider_rsvp.model import ParticipationStatus
from airflow_provider_rsvp.plans.reading import Reader, format_length
from airflow_provider_rsvp.policies.case import HELD, Case
from airflow_provider_rsvp.policies.conditions.arguments import (
    check_span,
    integer,
    parse_status,
    parse_statuses,
    within,
    without_empty,
)
from airflow_provider_rsvp.policies.conditions.base import Condition, Not


@dataclass(frozen=True, slots=True)
class Duration(Condition):
    """
    How long it lasts; a whole day lasts 24 hours.

    :param min_minutes: at least this many minutes
    :param max_minutes: at most this many minutes
    """

    key = "duration"
    min_minutes: int | None = None
    max_minutes: int | None = None

    def __post_init__(self) -> None:
        check_span(self.min_minutes, self.max_minutes, "min_minutes", "max_minutes")

    def holds(self, case: Case) -> bool | None:
        """Whether the duration lies between the two, both included."""
        return within(_minutes(case), self.min_minutes, self.max_minutes)

    def fact(self, case: Case) -> str:
        """Say how long."""
        return f"it lasts {_spoken(timedelta(minutes=_minutes(case)))}"

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read a mapping of ``min_minutes``, ``max_minutes``."""
        parts = reader.mapping(("min_minutes", "max_minutes"))
        return reader.build(lambda: cls(integer(parts, "min_minutes"), integer(parts, "max_minutes")))

    def to_plain(self) -> Any:
        """Return the mapping."""
        return without_empty(min_minutes=self.min_minutes, max_minutes=self.max_minutes)


@dataclass(frozen=True, slots=True)
class LeadTime(Condition):
    """
    How long it is until the event starts; for a series, until its next occurrence starts.

    :param less_than: it starts sooner than this from now, or has started
    :param more_than: it starts later than this from now
    """

    key = "lead_time"
    less_than: timedelta | None = None
    more_than: timedelta | None = None

    def __post_init__(self) -> None:
        for name in ("less_than", "more_than"):
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, timedelta) or value < timedelta(0) or value.total_seconds() % 60:
                raise PolicyError(name, f"{value!r} is no length of time in whole minutes.")
            object.__setattr__(self, name, timedelta(seconds=value.total_seconds()))
        if self.less_than is None and self.more_than is None:
            raise PolicyError("", "give less_than or more_than.")
        if self.less_than is not None and self.more_than is not None and self.less_than <= self.more_than:
            raise PolicyError(
                "",
                "nothing starts both sooner than less_than and later than more_than; use 'any' for one of the two.",
            )

    def holds(self, case: Case) -> bool | None:
        """Whether it starts so soon, and so late."""
        lead = _lead(case)
        return (self.less_than is None or lead < self.less_than.total_seconds()) and (
            self.more_than is None or lead > self.more_than.total_seconds()
        )

    def fact(self, case: Case) -> str:
        """Say when it starts."""
        lead = _lead(case)
        return "it has started" if lead <= 0 else f"it starts in {_spoken(timedelta(seconds=lead))}"

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read a mapping of ``less_than``, ``more_than``."""
        parts = reader.mapping(("less_than", "more_than"))
        lengths = {name: part.length() for name, part in parts.items()}
        return reader.build(lambda: cls(**lengths))

    def to_plain(self) -> Any:
        """Return the mapping."""
        return {
            name: format_length(length)
            for name, length in (("less_than", self.less_than), ("more_than", self.more_than))
            if length is not None
        }


@dataclass(frozen=True, slots=True)
class _Share(Condition):
    """
    Something is true for an event, or for enough occurrences of a series.

    :param percent_over: for more than this many percent of the occurrences
    :param instances_over: for more than this many occurrences
    """

    percent_over: float = 0
    instances_over: int = 0

    def __post_init__(self) -> None:
        percent, count = self.percent_over, self.instances_over
        if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent < 100:
            raise PolicyError("percent_over", f"{percent!r} is not a number from 0 to below 100.")
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise PolicyError("instances_over", f"{count!r} is not a whole number from 0 on.")

    def _exceeded(self, count: int, case: Case) -> bool:
        if len(case.occurrences) == 1:
            return count > 0
        total = len(case.occurrences)
        return count > self.instances_over and count * 100 > self.percent_over * total

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read true, false for the opposite, or a mapping."""
        if isinstance(reader.value, bool):
            return cls() if reader.value else Not(cls())
        parts = reader.mapping(cls._names())
        return reader.build(lambda: cls._of(parts))

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return ("percent_over", "instances_over")

    @classmethod
    def _of(cls, parts: Mapping[str, Reader]) -> Self:
        return cls(
            percent_over=parts["percent_over"].number() if "percent_over" in parts else 0,
            instances_over=parts["instances_over"].integer() if "instances_over" in parts else 0,
        )

    def to_plain(self) -> Any:
        """Return true, or the mapping."""
        return {
            name: getattr(self, name) for name in ("percent_over", "instances_over") if getattr(self, name)
        } or True


@dataclass(frozen=True, slots=True)
class OutsideWorkingHours(_Share):
    """
    Part of it lies outside my working hours; for an all-day event, it covers a day on which I do not work.

    :param percent_over: for a series: more than this many percent of its occurrences do
    :param instances_over: for a series: more than this many of its occurrences do
    """

    key = "outside_working_hours"

    def holds(self, case: Case) -> bool | None:
        """Whether enough of it lies outside."""
        count = case.outside_working_hours()
        return None if count is None else self._exceeded(count, case)

    def fact(self, case: Case) -> str:
        """Say how much of it lies outside."""
        count = case.outside_working_hours()
        if not count:
            return "it is within my working hours"
        return f"{_of_occurrences(count, case, 'is', 'are')} outside my working hours"


@dataclass(frozen=True, slots=True)
class DuringLeave(_Share):
    """
    Part of it falls into my leave, or into an out-of-office time on my calendar.

    :param percent_over: for a series: more than this many percent of its occurrences do
    :param instances_over: for a series: more than this many of its occurrences do
    """

    key = "during_leave"

    def holds(self, case: Case) -> bool | None:
        """Whether enough of it does."""
        return self._exceeded(len(case.absences()), case)

    def fact(self, case: Case) -> str:
        """Name the leave."""
        absences = case.absences()
        if not absences:
            return "it falls into no leave of mine"
        return f"{_of_occurrences(len(absences), case, 'falls', 'fall')} into {absences[0].label}"


@dataclass(frozen=True, slots=True)
class Conflict(_Share):
    """
    It takes place at the same time as something on my calendar.

    :param percent_over: for a series: more than this many percent of its occurrences do
    :param instances_over: for a series: more than this many of its occurrences do
    :param held: how the other event holds its time: ``accepted``, like my own meetings and appointments, or
        ``tentative``
    """

    key = "conflict"
    held: tuple[ParticipationStatus, ...] = (ParticipationStatus.ACCEPTED,)

    def __post_init__(self) -> None:
        _Share.__post_init__(self)
        held = parse_statuses(self.held, "held")
        for status in held:
            if status not in HELD:
                raise PolicyError("held", f"'{status}' holds no time; give 'accepted', 'tentative' or both.")
        if not held:
            raise PolicyError("held", "is empty; give 'accepted', 'tentative' or both.")
        object.__setattr__(self, "held", held)

    def holds(self, case: Case) -> bool | None:
        """Whether enough of it does."""
        return self._exceeded(len(case.conflicts(self.held)), case)

    def fact(self, case: Case) -> str:
        """Name the event that takes place at the same time."""
        conflicts = case.conflicts(self.held)
        if not conflicts:
            return f"it conflicts with nothing that is {' or '.join(self.held)}"
        what = _of_occurrences(len(conflicts), case, "conflicts", "conflict")
        if len(conflicts) == 1:
            return f"{what} with '{conflicts[0].label}'"
        return f"{what} with my calendar, the first with '{conflicts[0].label}'"

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return ("held", "percent_over", "instances_over")

    @classmethod
    def _of(cls, parts: Mapping[str, Reader]) -> Self:
        return cls(
            percent_over=parts["percent_over"].number() if "percent_over" in parts else 0,
            instances_over=parts["instances_over"].integer() if "instances_over" in parts else 0,
            held=tuple(parse_status(each, "held") for each in parts["held"].texts())
            if "held" in parts
            else (ParticipationStatus.ACCEPTED,),
        )

    def to_plain(self) -> Any:
        """Return true, or the mapping."""
        share = _Share.to_plain(self)
        if self.held == (ParticipationStatus.ACCEPTED,):
            return share
        return {"held": [str(status) for status in self.held], **(share if isinstance(share, dict) else {})}


def _minutes(case: Case) -> float:
    occurrence = case.occurrences[0]
    if occurrence.time.all_day:
        return (occurrence.time.end.toordinal() - occurrence.time.start.toordinal()) * 24 * 60
    return (occurrence.end - occurrence.start) / 60


def _lead(case: Case) -> float:
    return case.occurrences[0].start - case.now


def _spoken(length: timedelta) -> str:
    """Return a length of time as people say it, in at most two units."""
    minutes = int(length.total_seconds() // 60)
    if minutes == 0:
        return "no time at all" if not length else "less than a minute"
    parts = ((minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute"))
    spoken = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count]
    return " ".join(spoken[:2])


def _of_occurrences(count: int, case: Case, singular: str, plural: str) -> str:
    total = len(case.occurrences)
    if total == 1:
        return f"it {singular}"
    return f"{count} of its {total} occurrences {singular if count == 1 else plural}"
