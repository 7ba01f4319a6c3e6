"""Values of iCalendar properties (RFC 5545, section 3.3), read with the iCalendar library."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from icalendar import vDDDTypes, vDuration, vUTCOffset

from airflow_provider_rsvp.exceptions import InvalidInputError

_READ: Any = vDDDTypes.from_ical
_DURATION: Any = vDuration.from_ical
_OFFSET: Any = vUTCOffset.from_ical


def read_moment(text: str) -> date:
    """
    Return a time, or a date.

    :raises ValueError: it is neither
    """
    moment = _READ(text.strip())
    if not isinstance(moment, date):
        raise InvalidInputError(f"{text[:40]!r} is neither a time nor a date")
    return moment


def read_moments(texts: Iterable[str], most: int) -> list[date]:
    """
    Return the times and dates that lists of them hold; for a period its start.

    :raises ValueError: one is malformed, or there are more than ``most``
    """
    values = list(texts)
    if sum(text.count(",") + 1 for text in values) > most:
        raise InvalidInputError("it names too many dates")
    return [read_moment(each.partition("/")[0]) for text in values for each in text.split(",")]


def read_wall(text: str) -> datetime:
    """
    Return a local time, without a zone.

    :raises ValueError: it is not one
    """
    moment = read_moment(text)
    if not isinstance(moment, datetime):
        raise InvalidInputError(f"{text[:40]!r} is not a time of day")
    return moment.replace(tzinfo=None)


def read_duration(text: str) -> timedelta:
    """
    Return a duration.

    :raises ValueError: it is not one
    """
    duration: timedelta = _DURATION(text.strip())
    return duration


def read_offset(text: str) -> timedelta:
    """
    Return an offset from UTC.

    :raises ValueError: it is not one
    """
    offset: timedelta = _OFFSET(text.strip())
    return offset
