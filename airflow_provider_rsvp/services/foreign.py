"""
The door for events: each is read by itself, so that none can hide its neighbours.

An event is written by whoever sent the invitation. One that cannot be read becomes an invitation that cannot be
answered and says why; the others are read as if it were not there.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import lru_cache

from airflow_provider_rsvp.exceptions import InvalidInputError, MalformedAnswerError
from airflow_provider_rsvp.model import EventReference, FreeBusy, Invitation, TimeRange
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.wire import excerpt, reading
from airflow_provider_rsvp.text import clean_line

log = logging.getLogger(__name__)

_REMEMBERED_WARNINGS = 1024


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
    except MalformedAnswerError as error:
        invitation = unreadable(
            window,
            event_id=event_id,
            subject=subject,
            mailbox=mailbox,
            calendar_id=calendar_id,
            why=f"it cannot be read: {excerpt(str(error).rpartition('malformed: ')[2])}.",
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

    An id that is none is replaced by a fingerprint of it, so that the event is still told from others.
    """
    try:
        reference = EventReference.parse(
            event_id=event_id,  # type: ignore[arg-type]
            mailbox=mailbox,
            calendar_id=calendar_id,
        )
    except InvalidInputError:
        digest = hashlib.sha256(repr(event_id).encode(errors="replace")).hexdigest()[:16]
        reference = EventReference(event_id=f"unreadable-{digest}", mailbox=mailbox, calendar_id=calendar_id)
    return Invitation(
        reference=reference,
        subject=subject if isinstance(subject, str) else "",
        time=TimeRange(window.start, window.start),
        status=None,
        cannot_respond=why,
        free_busy=FreeBusy.FREE,
    )


def foreign_uid(value: object) -> str | None:
    """Return an iCalendar UID by which an event can be found, or None where it has none such."""
    if not isinstance(value, str):
        return None
    try:
        return EventReference(ical_uid=value).ical_uid
    except InvalidInputError:
        return None


@lru_cache(maxsize=_REMEMBERED_WARNINGS)
def _warn_once(what: str, event: str, why: str) -> None:
    """Warn once in a process: a watch meets the same event at each of its looks."""
    log.warning("Could not %s whole: %s: %s", what, clean_line(event), why)
