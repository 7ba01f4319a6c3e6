"""Invitations and replies as JSON-plain values and back, as a plan carries them through XCom."""

from __future__ import annotations

from typing import Any

import pendulum

from airflow_provider_rsvp.exceptions import InvalidInputError
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
from airflow_provider_rsvp.policies.reading import PolicyError, Reader
from airflow_provider_rsvp.times import parse_instant


def invitation_to_plain(invitation: Invitation) -> dict[str, Any]:
    """Return an invitation as JSON-plain values, complete but for its body."""
    return {
        **invitation.to_dict(),
        "is_attendee": invitation.is_attendee,
        "is_draft": invitation.is_draft,
        "is_read_only": invitation.is_read_only,
        "cannot_respond": invitation.cannot_respond,
        "comment": invitation.comment,
        "categories": None if invitation.categories is None else list(invitation.categories),
        "sensitivity": str(invitation.sensitivity) if invitation.sensitivity else None,
        "free_busy": str(invitation.free_busy) if invitation.free_busy else None,
    }


def invitation_from_plain(reader: Reader) -> Invitation:
    """
    Return the invitation that :func:`invitation_to_plain` wrote.

    :raises PolicyError: it did not
    """
    parts = reader.mapping(
        required=("event_id", "subject", "start", "end", "all_day", "status", "recurrence")
    )
    original = _text(parts, "original_start")
    address, name = _text(parts, "organizer"), _text(parts, "organizer_name")
    status = _text(parts, "status")
    try:
        return Invitation(
            reference=EventReference(
                event_id=_text(parts, "event_id"),
                ical_uid=_text(parts, "ical_uid"),
                original_start=parse_instant(original, field="original_start") if original else None,
                mailbox=_text(parts, "mailbox"),
                calendar_id=_text(parts, "calendar_id"),
            ),
            subject=_text(parts, "subject") or "",
            time=time_range_from_plain(reader, all_day=parts["all_day"].flag()),
            status=ParticipationStatus.parse(status) if status else None,
            organizer=Person(address, name) if address or name else None,
            recurrence=Recurrence(parts["recurrence"].choice(tuple(Recurrence))),
            series_id=_text(parts, "series_id"),
            is_organizer=_flag(parts, "is_organizer", default=False),
            is_attendee=_flag(parts, "is_attendee", default=True),
            is_cancelled=_flag(parts, "is_cancelled", default=False),
            is_draft=_flag(parts, "is_draft", default=False),
            is_read_only=_flag(parts, "is_read_only", default=False),
            cannot_respond=_text(parts, "cannot_respond"),
            response_requested=_flag(parts, "response_requested", default=True),
            can_propose=_flag(parts, "can_propose", default=False),
            attendees=parts["attendees"].integer() if _given(parts, "attendees") else None,
            required=parts["required"].flag() if _given(parts, "required") else None,
            comment=_text(parts, "comment"),
            link=_text(parts, "link"),
            categories=tuple(each.text() for each in parts["categories"].elements())
            if _given(parts, "categories")
            else None,
            sensitivity=Sensitivity(parts["sensitivity"].choice(tuple(Sensitivity)))
            if _given(parts, "sensitivity")
            else None,
            free_busy=FreeBusy(parts["free_busy"].choice(tuple(FreeBusy)))
            if _given(parts, "free_busy")
            else None,
        )
    except PolicyError:
        raise
    except InvalidInputError as error:
        reader.fail(str(error))


def reply_from_plain(reader: Reader) -> Reply:
    """
    Return the reply that :meth:`~airflow_provider_rsvp.model.Reply.to_dict` wrote.

    :raises PolicyError: it did not
    """
    allowed = ("status", "comment", "notify_organizer", "proposed_time")
    parts = reader.mapping(allowed, required=("status",))
    proposed = parts.get("proposed_time")
    try:
        return Reply(
            status=ParticipationStatus.parse(parts["status"].text()),
            comment=_text(parts, "comment"),
            notify_organizer=_flag(parts, "notify_organizer", default=True),
            proposed_time=time_range_from_plain(proposed, all_day=False)
            if proposed and proposed.value
            else None,
        )
    except PolicyError:
        raise
    except InvalidInputError as error:
        reader.fail(str(error))


def time_range_from_plain(reader: Reader, *, all_day: bool | None = None) -> TimeRange:
    """
    Return the time range whose parts are ``start`` and ``end``.

    :param all_day: whether they are dates; None where their form tells
    :raises PolicyError: one is missing or is none
    """
    parts = reader.mapping(required=("start", "end"))
    if all_day is None:
        all_day = "T" not in parts["start"].text()
    if not all_day:
        start, end = (parse_instant(parts[name].text(), field=name) for name in ("start", "end"))
        return TimeRange(start, end)
    first, last = (parts[name].date() for name in ("start", "end"))
    return TimeRange(
        pendulum.Date(first.year, first.month, first.day), pendulum.Date(last.year, last.month, last.day)
    )


def _given(parts: dict[str, Reader], name: str) -> bool:
    return name in parts and parts[name].value is not None


def _text(parts: dict[str, Reader], name: str) -> str | None:
    """Return a text, which may be empty, or None."""
    if not _given(parts, name):
        return None
    value = parts[name].value
    if not isinstance(value, str):
        parts[name].fail(f"expected a text, not {value!r}.")
    return value


def _flag(parts: dict[str, Reader], name: str, *, default: bool) -> bool:
    return parts[name].flag() if _given(parts, name) else default
