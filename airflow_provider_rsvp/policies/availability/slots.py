"""The next free slot within working hours."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_rsvp.policies.availability.working_time import PROBE, WorkingTime, Zone


def next_free_slot(
    working: WorkingTime,
    zone: Zone,
    taken_until: Callable[[float, float], float | None],
    *,
    after: float,
    before: float,
    length: float,
    step: int,
) -> float | None:
    """
    Return the start of the first free slot, in seconds since 1970-01-01 UTC, or None.

    A slot starts at a multiple of ``step`` in wall-clock time, and lies within working time.

    :param taken_until: returns the end of something that overlaps a start and an end, or None if nothing does
    :param after: the slot starts later than this, in seconds since 1970-01-01 UTC
    :param before: the slot starts earlier than this, in seconds since 1970-01-01 UTC
    :param length: the slot's length in seconds; more than 0
    :param step: the step in seconds; it divides a day
    """
    for begin, end in working.periods(after, before + length):
        start = on_the_step(zone, max(begin, after), step)
        if start <= after:
            start = on_the_step(zone, after + 1, step)
        while start < before and start + length <= end:
            taken = taken_until(start, start + length)
            if taken is None:
                return start
            start = on_the_step(zone, taken, step)
    return None


def on_the_step(zone: Zone, moment: float, step: int) -> float:
    """Return the first moment from ``moment`` on at which the local time of day is a multiple of ``step`` seconds."""
    whole = -int(-moment // 1)
    ahead = zone.offset(whole)
    start = -(-(whole + ahead) // step) * step - ahead
    if start - whole <= PROBE and zone.offset(start) == ahead:
        return start
    for begin, end, ahead in zone.segments(whole, whole + 2 * step + 86400):
        start = -(-(begin + ahead) // step) * step - ahead
        if start < end:
            return start
    raise AssertionError("a stretch longer than a step holds one")  # pragma: no cover
