"""Instances of a series, by their starts as first planned (RFC 5545, section 3.8.4.4)."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import pendulum

from airflow_provider_rsvp.times import UTC

Instance: TypeAlias = pendulum.DateTime | pendulum.Date
"""A time in UTC, or a date."""


def instance_text(instance: Instance) -> str:
    """Return an instance as iCalendar writes it: ``20270105T100000Z``, or ``20270105``."""
    # strftime does not pad a year of fewer than four digits on every platform.
    if isinstance(instance, pendulum.DateTime):
        utc = instance.in_timezone(UTC)
        return f"{_day(utc)}T{utc.hour:02d}{utc.minute:02d}{utc.second:02d}Z"
    return _day(instance)


def parse_instance(text: str) -> Instance:
    """
    Return the instance that :func:`instance_text` wrote.

    :raises ValueError: it is malformed
    """
    if len(text) == len("20270105"):
        day = datetime.strptime(text, "%Y%m%d")
        return pendulum.date(day.year, day.month, day.day)
    moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ")
    return pendulum.instance(moment, tz=UTC)


def _day(day: pendulum.Date) -> str:
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"
