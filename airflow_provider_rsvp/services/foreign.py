"""
Reading events that strangers wrote: each by itself, so that a malformed one cannot hide the others.

An event that cannot be read becomes an invitation that cannot be answered and says why; the others are read as if it
were not there.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from airflow_provider_rsvp.exceptions import MalformedResponseError, RsvpError
from airflow_provider_rsvp.model import (
    Attendee,
    EventReference,
    FreeBusy,
    Invitation,
    TimeRange,
    is_id,
)
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.wire import excerpt, expect, reading
from airflow_provider_rsvp.text import clean_line

log = logging.getLogger(__name__)

MOST_ATTENDEES = 5_000
"""An event with more keeps no attendees."""

_REMEMBERED_WARNINGS = 1024


def read_row(
    row: object,
    read: Callable[[dict[str, Any]], Invitation],
    *,
    what: str,
    window: Window,
    id_field: str,
    subject_field: str,
    mailbox: str | None = None,
    calendar_id: str | None = None,
) -> Invitation:
    """
    Return the invitation that one row of a listing stands for; see :func:`read_event`.

    :param row: as the service wrote it: an object, if it is an event
    :param read: reads an object
    :param id_field: what the service calls the event's id
    :param subject_field: what it calls the subject
    """
    fields = row if isinstance(row, dict) else {}
    event_id = fields.get(id_field)
    return read_event(
        lambda: read(event_fields(row, what)),
        what=what,
        window=window,
        # Without an id, the whole row is fingerprinted; it is wrapped so that a plain text does not pass for an id.
        event_id=[row] if event_id is None else event_id,
        subject=fields.get(subject_field),
        mailbox=mailbox,
        calendar_id=calendar_id,
    )


def read_event(
    read: Callable[[], Invitation],
    *,
    what: str,
    window: Window,
    event_id: object,
    subject: object = None,
    mailbox: str | None = None,
    calendar_id: str | None = None,
) -> Invitation:
    """
    Return the invitation that an event stands for; one that cannot be answered where it cannot be read.

    :param read: reads the event
    :param what: the request in words, for the warning
    :param window: of the listing; its start stands in for the event's time
    :param event_id: the event's id as the service wrote it, whatever its type
    :param subject: the event's subject, likewise
    """
    (invitation,) = read_events(
        lambda: [read()],
        what=what,
        window=window,
        event_id=event_id,
        subject=subject,
        mailbox=mailbox,
        calendar_id=calendar_id,
    )
    return invitation


def read_events(
    read: Callable[[], Sequence[Invitation]],
    *,
    what: str,
    window: Window,
    event_id: object,
    subject: object = None,
    mailbox: str | None = None,
    calendar_id: str | None = None,
) -> Sequence[Invitation]:
    """Return the invitations that one object of a calendar stands for; like :func:`read_event`."""
    try:
        with reading(what):
            return read()
    except MalformedResponseError as error:
        reason = str(error).removeprefix(f"Could not {what}: ").removeprefix("the response is malformed: ")
        invitation = unreadable(
            window,
            event_id=event_id,
            subject=subject,
            mailbox=mailbox,
            calendar_id=calendar_id,
            why=f"it cannot be read: {excerpt(reason)}.",
        )
        _warn_once(what, str(invitation.reference), str(invitation.cannot_respond))
        return [invitation]


def unreadable(
    window: Window,
    *,
    event_id: object,
    why: str,
    subject: object = None,
    mailbox: str | None = None,
    calendar_id: str | None = None,
) -> Invitation:
    """
    Return what a listing shows in place of an event that cannot be read: an invitation that cannot be answered.

    A malformed id is replaced by its fingerprint, so that the event can still be told from others.
    """
    try:
        reference = EventReference.parse(
            event_id=event_id,  # type: ignore[arg-type]
            mailbox=mailbox,
            calendar_id=calendar_id,
        )
    except ValueError:
        name = f"unreadable-{_fingerprint(event_id)}"
        reference = EventReference(event_id=name, mailbox=mailbox, calendar_id=calendar_id)
    return Invitation(
        reference=reference,
        subject=subject if isinstance(subject, str) else "",
        time=TimeRange(window.start, window.start),
        status=None,
        cannot_respond=why,
        is_readable=False,
        free_busy=FreeBusy.FREE,
    )


class Search:
    """
    Looks for one event among many, skipping those that cannot be read.

    :param what: the request in words
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self.problem: MalformedResponseError | None = None
        """Why the first skipped event could not be read; None if none was skipped."""

    @contextmanager
    def passing_over(self) -> Iterator[None]:
        """Skip what cannot be read, and remember the problem."""
        try:
            with reading(self._what):
                yield
        except MalformedResponseError as problem:
            self.problem = self.problem or problem

    def not_found(self, error: RsvpError) -> RsvpError:
        """
        Return what to raise where the event was not found.

        The reply protocol concludes from a missing event that it was declined, so an event that may be one of those
        skipped must not count as missing.
        """
        return self.problem or error


def event_fields(row: object, what: str) -> dict[str, Any]:
    """
    Return what a row of a listing says of an event.

    :raises MalformedResponseError: it is not an event
    """
    fields: dict[str, Any] = expect(row, dict, what, "an event")
    return fields


def foreign_id(value: object) -> str | None:
    """Return an id by which an event can be addressed, or None where it is malformed."""
    return value if isinstance(value, str) and is_id(value) else None


def foreign_uid(value: object) -> str | None:
    """Return an iCalendar UID by which an event can be found, or None where it is malformed."""
    return foreign_id(value)


def foreign_texts(value: object) -> tuple[str, ...]:
    """Return the texts in a list; empty where the value is not a list."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def read_attendees(
    values: Sequence[object], read: Callable[[object], Attendee]
) -> tuple[Attendee, ...] | None:
    """Return who is invited, in the order of the service; None where there are too many to keep."""
    return None if len(values) > MOST_ATTENDEES else tuple([read(each) for each in values])


def forget_warnings() -> None:
    """Warn of every event again, as a new process; for tests that look for a warning."""
    _warn_once.cache_clear()


def _fingerprint(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of too many digits; lists within lists
        text = type(value).__name__
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


@lru_cache(maxsize=_REMEMBERED_WARNINGS)
def _warn_once(what: str, event: str, why: str) -> None:
    """Warn once per process: a trigger reads the same event each time it looks."""
    log.warning("Could not %s completely: %s: %s", what, clean_line(event), why)
