"""Invitations and replies as JSON-plain values and back, as a plan carries them through XCom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pendulum

from airflow_provider_rsvp.exceptions import InvalidInputError, MalformedValueError
from airflow_provider_rsvp.model import (
    EventReference,
    FreeBusy,
    Invitation,
    ParticipationStatus,
    Person,
    Recurrence,
    Reply,
    Sensitivity,
    TimeRange,
)
from airflow_provider_rsvp.plans.reading import Reader
from airflow_provider_rsvp.times import parse_instant

_T = TypeVar("_T")
_REQUIRED = ("event_id", "subject", "start", "end", "all_day", "status", "recurrence")


def invitation_to_plain(invitation: Invitation) -> dict[str, Any]:
    """Return an invitation as JSON-plain values, without its body, attendees and version."""
    return {
        **invitation.to_plain(),
        "is_attendee": invitation.is_attendee,
        "is_draft": invitation.is_draft,
        "is_read_only": invitation.is_read_only,
        "cannot_respond": invitation.cannot_respond,
        "is_readable": invitation.is_readable,
        "comment": invitation.comment,
        "categories": None if invitation.categories is None else list(invitation.categories),
        "sensitivity": invitation.sensitivity.value if invitation.sensitivity else None,
        "free_busy": invitation.free_busy.value if invitation.free_busy else None,
    }


def invitation_from_plain(reader: Reader) -> Invitation:
    """
    Return the invitation that :func:`invitation_to_plain` wrote.

    :raises MalformedValueError: the value is not what it writes
    """
    plain = reader.plain(required=_REQUIRED)
    original = text_from_plain(reader, "original_start")
    address, name = text_from_plain(reader, "organizer"), text_from_plain(reader, "organizer_name")
    status = text_from_plain(reader, "status")
    try:
        return Invitation(
            reference=EventReference(
                event_id=text_from_plain(reader, "event_id"),
                ical_uid=text_from_plain(reader, "ical_uid"),
                original_start=parse_instant(original, field="original_start") if original else None,
                mailbox=text_from_plain(reader, "mailbox"),
                calendar_id=text_from_plain(reader, "calendar_id"),
            ),
            subject=text_from_plain(reader, "subject") or "",
            time=time_range_from_plain(reader, all_day=flag_from_plain(reader, "all_day")),
            status=ParticipationStatus.parse(status) if status else None,
            organizer=Person(address, name) if address or name else None,
            recurrence=Recurrence(reader.key("recurrence", plain["recurrence"]).choice(tuple(Recurrence))),
            series_id=text_from_plain(reader, "series_id"),
            is_organizer=flag_from_plain(reader, "is_organizer"),
            is_attendee=flag_from_plain(reader, "is_attendee", default=True),
            is_cancelled=flag_from_plain(reader, "is_cancelled"),
            is_draft=flag_from_plain(reader, "is_draft"),
            is_read_only=flag_from_plain(reader, "is_read_only"),
            cannot_respond=text_from_plain(reader, "cannot_respond"),
            is_readable=flag_from_plain(reader, "is_readable", default=True),
            response_requested=flag_from_plain(reader, "response_requested", default=True),
            can_propose=flag_from_plain(reader, "can_propose"),
            attendee_count=_read(reader, "attendee_count", Reader.integer),
            required=_read(reader, "required", Reader.flag),
            comment=text_from_plain(reader, "comment"),
            link=text_from_plain(reader, "link"),
            categories=_read(
                reader, "categories", lambda part: tuple(each.text() for each in part.elements())
            ),
            sensitivity=_read(
                reader, "sensitivity", lambda part: Sensitivity(part.choice(tuple(Sensitivity)))
            ),
            free_busy=_read(reader, "free_busy", lambda part: FreeBusy(part.choice(tuple(FreeBusy)))),
        )
    except MalformedValueError:
        raise
    except InvalidInputError as error:
        reader.fail(str(error))


def reply_from_plain(reader: Reader) -> Reply:
    """
    Return the reply that :meth:`~airflow_provider_rsvp.model.Reply.to_plain` wrote.

    :raises MalformedValueError: the value is not what it writes
    """
    plain = reader.plain(("status", "comment", "notify_organizer", "proposed_time"), required=("status",))
    try:
        return Reply(
            status=ParticipationStatus.parse(reader.key("status", plain["status"]).text()),
            comment=text_from_plain(reader, "comment"),
            notify_organizer=flag_from_plain(reader, "notify_organizer", default=True),
            proposed_time=_read(
                reader, "proposed_time", lambda part: time_range_from_plain(part, all_day=False)
            ),
        )
    except MalformedValueError:
        raise
    except InvalidInputError as error:
        reader.fail(str(error))


def time_range_from_plain(reader: Reader, *, all_day: bool | None = None) -> TimeRange:
    """
    Return the time range whose parts are ``start`` and ``end``.

    :param all_day: whether they are dates; None to tell by their form
    :raises MalformedValueError: one is missing, or is not a date or time
    """
    plain = reader.plain(required=("start", "end"))
    begin, finish = (reader.key(name, plain[name]) for name in ("start", "end"))
    if all_day is None:
        all_day = "T" not in begin.text()
    if not all_day:
        return TimeRange(
            parse_instant(begin.text(), field="start"), parse_instant(finish.text(), field="end")
        )
    first, last = begin.date(), finish.date()
    return TimeRange(
        pendulum.Date(first.year, first.month, first.day), pendulum.Date(last.year, last.month, last.day)
    )


def text_from_plain(reader: Reader, name: str) -> str | None:
    """
    Return the text under a key, which may be empty; None if the key is missing.

    :raises MalformedValueError: the value is not text
    """
    value = reader.value.get(name)
    if value is not None and not isinstance(value, str):
        reader.key(name, value).fail(f"expected text, not {value!r}.")
    return value


def flag_from_plain(reader: Reader, name: str, *, default: bool = False) -> bool:
    """
    Return the bool under a key.

    :raises MalformedValueError: the value is neither true nor false
    """
    value = reader.value.get(name)
    if value is None:
        return default
    return value if isinstance(value, bool) else reader.key(name, value).flag()


def _read(reader: Reader, name: str, read: Callable[[Reader], _T]) -> _T | None:
    value = reader.value.get(name)
    return None if value is None else read(reader.key(name, value))
