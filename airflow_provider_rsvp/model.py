"""
The vocabulary of the package, as plain values.

Names follow RFC 5545 (iCalendar) and RFC 5546 (iTIP). Nothing here does I/O or knows a service.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import pendulum

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.text import LONGEST_TEXT, clean_line, clean_text, is_unbroken
from airflow_provider_rsvp.times import FIRST_YEAR, LAST_YEAR, UTC, parse_instant

_LONGEST_ID = 1024
_LONGEST_LINK = 4096
_LONGEST_QUOTE = 100
_MOST_CATEGORIES = 100
_E = TypeVar("_E", bound=StrEnum)


class ParticipationStatus(StrEnum):
    """An attendee's answer (RFC 5545, section 3.2.12, PARTSTAT)."""

    NEEDS_ACTION = "needs-action"
    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"

    @classmethod
    def parse(cls, value: Any) -> Self:
        """
        Return the status that ``value`` names, in any case and with ``_`` or ``-``.

        :raises InvalidInputError: it names no status
        """
        return _parse_enum(cls, value, "status")


class Scope(StrEnum):
    """What a reply to a recurring event covers."""

    INSTANCE = "instance"
    SERIES = "series"

    @classmethod
    def parse(cls, value: Any) -> Self:
        """
        Return the scope that ``value`` names.

        :raises InvalidInputError: it names no scope
        """
        return _parse_enum(cls, value, "scope")


class Recurrence(StrEnum):
    """What an event is within a recurrence set (RFC 5545, section 3.8.5)."""

    SINGLE = "single"
    INSTANCE = "instance"
    SERIES = "series"


class Sensitivity(StrEnum):
    """Who may see an event (RFC 5545, section 3.8.1.3, CLASS)."""

    PUBLIC = "public"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"


class FreeBusy(StrEnum):
    """How an event blocks the mailbox's time (RFC 5545, section 3.2.9, FBTYPE)."""

    FREE = "free"
    BUSY = "busy"
    TENTATIVE = "busy-tentative"
    OUT_OF_OFFICE = "busy-unavailable"


class Obstacle(StrEnum):
    """Why an event cannot be answered from a calendar."""

    OWN = "own"
    NOT_INVITED = "not-invited"
    CANCELLED = "cancelled"
    DRAFT = "draft"
    READ_ONLY = "read-only"
    REFUSED = "refused"


class Result(StrEnum):
    """What happened to one reply."""

    REPLIED = "replied"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Person:
    """An organizer or attendee, as far as the service names them; blank text becomes None."""

    address: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        _clean(self, "address", "name")
        for part in ("address", "name"):
            if getattr(self, part) == "":
                object.__setattr__(self, part, None)

    def __str__(self) -> str:
        if self.name and self.address and self.name != self.address:
            return f"{self.name} <{self.address}>"
        return self.name or self.address or "unknown"


@dataclass(frozen=True, slots=True)
class Attendee:
    """
    Someone who is invited, and how they answered, as far as the service says.

    :param status: their answer; None where it is not known
    :param required: False for someone optional and for a room (RFC 5545, section 3.2.16, ROLE); None where the service
        does not say
    """

    person: Person
    status: ParticipationStatus | None
    required: bool | None = None


@dataclass(frozen=True, slots=True)
class TimeRange:
    """
    A start and an exclusive end: two times with a zone, or two dates for an all-day event.

    :raises InvalidInputError: one is a time and the other a date, the end is before the start, or one is too far away
        to calculate with
    """

    start: pendulum.DateTime | pendulum.Date
    end: pendulum.DateTime | pendulum.Date

    def __post_init__(self) -> None:
        if isinstance(self.start, datetime) != isinstance(self.end, datetime):
            raise InvalidInputError("start and end: give two times or two dates, not one of each.")
        if self.start.year < FIRST_YEAR or self.end.year > LAST_YEAR:
            raise InvalidInputError(
                f"start and end: {self.start.isoformat()} to {self.end.isoformat()} is too far away for any "
                "calendar."
            )
        if self.end < self.start:
            raise InvalidInputError(
                f"start and end: the end {self.end.isoformat()} is before the start {self.start.isoformat()}."
            )

    @property
    def all_day(self) -> bool:
        """Whether the range is a pair of dates."""
        return not isinstance(self.start, datetime)

    def to_plain(self) -> dict[str, str]:
        """Return ``{"start": ISO 8601, "end": ISO 8601}``."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat()}

    @classmethod
    def proposed(
        cls,
        start: str | datetime | None,
        end: str | datetime | None,
        *,
        timezone: str | tzinfo | None = None,
    ) -> Self | None:
        """
        Return the proposed time that two arguments of a task give, or None if both are missing.

        :raises InvalidInputError: one of them is missing or has no zone, or the end is not after the start
        """
        if not start and not end:
            return None
        if not start or not end:
            missing = "proposed_end" if start else "proposed_start"
            raise InvalidInputError(f"{missing}: a proposed time needs a start and an end.")
        first = parse_instant(start, field="proposed_start", timezone=timezone)
        last = parse_instant(end, field="proposed_end", timezone=timezone)
        if last <= first:
            raise InvalidInputError(
                f"proposed_end: {last.isoformat()} is not after proposed_start {first.isoformat()}."
            )
        return cls(first, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReference:
    """
    What identifies an invitation.

    :param event_id: the service's id of the event on this calendar
    :param ical_uid: the iCalendar UID (RFC 5545, section 3.8.4.7), the same in every mailbox
    :param original_start: the instance's start as first scheduled (RFC 5545, section 3.8.4.4, RECURRENCE-ID)
    :param mailbox: the owner of the calendar; default is the connection's own user
    :param calendar_id: which calendar of the mailbox; default is the service's default calendar
    :raises InvalidInputError: neither or both of ``event_id`` and ``ical_uid`` are given, or one is malformed
    """

    event_id: str | None = None
    ical_uid: str | None = None
    original_start: pendulum.DateTime | None = None
    mailbox: str | None = None
    calendar_id: str | None = None

    def __post_init__(self) -> None:
        if self.event_id is None and self.ical_uid is None:
            raise InvalidInputError("event_id: give the event's id, or ical_uid.")
        for name in ("event_id", "ical_uid", "mailbox", "calendar_id"):
            value = getattr(self, name)
            if value is not None:
                _check_id(name, value)

    def __str__(self) -> str:
        what = f"event {self.event_id}" if self.event_id is not None else f"event with UID {self.ical_uid}"
        if self.original_start is not None:
            what += f" of {self.original_start.isoformat()}"
        if self.mailbox is not None:
            what += f" in {self.mailbox}"
        # An id goes back to its service unchanged; it is cleaned only where it is shown.
        return clean_line(what)

    def to_plain(self) -> dict[str, str | None]:
        """Return the reference as JSON-plain values."""
        start = self.original_start
        return {
            "mailbox": self.mailbox,
            "calendar_id": self.calendar_id,
            "event_id": self.event_id,
            "ical_uid": self.ical_uid,
            "original_start": start.isoformat() if start is not None else None,
        }

    @classmethod
    def parse(
        cls,
        *,
        event_id: str | int | None = None,
        ical_uid: str | None = None,
        original_start: str | datetime | None = None,
        mailbox: str | None = None,
        calendar_id: str | None = None,
        timezone: str | tzinfo | None = None,
    ) -> Self:
        """
        Return the reference that a task's arguments give.

        :raises InvalidInputError: an argument is malformed, or they contradict each other
        """
        if event_id is not None and ical_uid is not None:
            raise InvalidInputError("event_id and ical_uid: give one of the two, not both.")
        if isinstance(event_id, bool) or not isinstance(event_id, str | int | None):
            raise InvalidInputError(f"event_id: expected text, not {type(event_id).__name__}.")
        return cls(
            event_id=str(event_id) if isinstance(event_id, int) else event_id,
            ical_uid=ical_uid,
            original_start=(
                parse_instant(original_start, field="original_start", timezone=timezone)
                if original_start
                else None
            ),
            mailbox=mailbox or None,
            calendar_id=calendar_id or None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    The reply to send (RFC 5546, sections 3.2.3 REPLY and 3.2.7 COUNTER).

    :param status: the answer, or its name
    :param comment: text for the organizer; cleaned, so that a service can store it as it is
    :param notify_organizer: whether the organizer is told
    :param proposed_time: a start and end proposed instead of the organizer's
    :raises InvalidInputError: the parts contradict each other, or the comment is too long
    """

    status: ParticipationStatus
    comment: str | None = None
    notify_organizer: bool = True
    proposed_time: TimeRange | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", ParticipationStatus.parse(self.status))
        if self.comment is not None:
            object.__setattr__(self, "comment", _clean_comment(self.comment))
        if self.proposed_time is None:
            return
        if self.status not in (ParticipationStatus.TENTATIVE, ParticipationStatus.DECLINED):
            raise InvalidInputError(
                f"proposed_start: a proposed time goes with 'tentative' or 'declined', not with '{self.status}'."
            )
        if not self.notify_organizer:
            raise InvalidInputError(
                "notify_organizer: a proposed time reaches the organizer only with notify_organizer=True."
            )
        if self.proposed_time.all_day:
            raise InvalidInputError("proposed_start: propose times of day, not dates.")

    @classmethod
    def parse(
        cls,
        *,
        status: str,
        comment: str | None = None,
        notify_organizer: bool | str = True,
        proposed_start: str | datetime | None = None,
        proposed_end: str | datetime | None = None,
        timezone: str | tzinfo | None = None,
    ) -> Self:
        """
        Return the reply that a task's arguments give.

        :raises InvalidInputError: an argument is malformed, or they contradict each other
        """
        return cls(
            status=ParticipationStatus.parse(status),
            comment=comment or None,
            notify_organizer=parse_flag(notify_organizer, "notify_organizer"),
            proposed_time=TimeRange.proposed(proposed_start, proposed_end, timezone=timezone),
        )

    def check_time(self, now: pendulum.DateTime) -> None:
        """
        Check that the proposed time is still in the future.

        :raises InvalidInputError: it has passed
        """
        if self.proposed_time is not None and self.proposed_time.start <= now:
            raise InvalidInputError(
                f"proposed_start: {self.proposed_time.start.isoformat()} has passed (it is now {now.isoformat()})."
            )

    def to_plain(self) -> dict[str, Any]:
        """Return the reply as JSON-plain values."""
        return {
            "status": self.status.value,
            "comment": self.comment,
            "notify_organizer": self.notify_organizer,
            "proposed_time": self.proposed_time.to_plain() if self.proposed_time else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """
    What a service can express.

    :param statuses: the participation statuses that can be set
    :param comment: whether a reply carries a comment
    :param silent: whether a reply can be sent without telling the organizer
    :param proposed_time: whether a reply can carry a proposed time
    :param scopes: what a reply to a recurring event can cover
    :param mailboxes: whether one connection can answer for other mailboxes
    :param ical_uid: whether an event is found by its iCalendar UID
    :param response_is_proof: whether a successful response means that the status was set
    :param batch_size: how many replies fit into one request; 1 if the service has no batches
    """

    statuses: frozenset[ParticipationStatus]
    comment: bool
    silent: bool
    proposed_time: bool
    scopes: frozenset[Scope]
    mailboxes: bool
    ical_uid: bool
    response_is_proof: bool
    batch_size: int

    def to_plain(self) -> dict[str, Any]:
        """Return the capabilities as JSON-plain values."""
        return {
            "statuses": sorted(self.statuses),
            "comment": self.comment,
            "silent": self.silent,
            "proposed_time": self.proposed_time,
            "scopes": sorted(self.scopes),
            "mailboxes": self.mailboxes,
            "ical_uid": self.ical_uid,
            "response_is_proof": self.response_is_proof,
            "batch_size": self.batch_size,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """
    An event as it is on one calendar, in the terms of RFC 5545.

    Text that others wrote is cleaned and cut to length when the value is made (:mod:`airflow_provider_rsvp.text`), so
    that neither clients nor consumers have to.

    :param reference: identifies exactly this event; its ``event_id`` is always set
    :param status: the mailbox's own answer; None where the service does not say
    :param recurrence: a single event, one instance of a series, or the series
    :param series_id: the series' own event id, for an instance
    :param is_attendee: whether the mailbox is invited
    :param cannot_respond: why the service takes no reply to this event; None if it does
    :param is_readable: whether the event could be read; if not, ``cannot_respond`` says why, and ``time`` is a
        placeholder
    :param response_requested: False if the organizer asked for no reply (RSVP=FALSE)
    :param can_propose: whether the organizer takes proposed times
    :param comment: the mailbox's own current comment, where the service shows it
    :param link: a link to the event in its calendar; None where the service gave no plain web address
    :param body: the description as plain text, or its beginning; None where the service does not show it
    :param categories: the mailbox's categories (RFC 5545, section 3.8.1.2); None where the service has none
    :param sensitivity: who may see the event; None where the service does not say
    :param free_busy: how the event blocks the mailbox's time; None where the service does not say
    :param attendees: who is invited and how they answered; None where the service does not show it; not in
        :meth:`to_plain`
    :param version: what the service's client needs to change exactly this version of the event; opaque to all other
        code, not in :meth:`to_plain`, and not kept in plans
    """

    reference: EventReference
    subject: str
    time: TimeRange
    status: ParticipationStatus | None
    organizer: Person | None = None
    recurrence: Recurrence = Recurrence.SINGLE
    series_id: str | None = None
    is_organizer: bool = False
    is_attendee: bool = True
    is_cancelled: bool = False
    is_draft: bool = False
    is_read_only: bool = False
    cannot_respond: str | None = None
    is_readable: bool = True
    response_requested: bool = True
    can_propose: bool = False
    attendee_count: int | None = None
    required: bool | None = None
    comment: str | None = None
    link: str | None = None
    body: str | None = None
    categories: tuple[str, ...] | None = None
    sensitivity: Sensitivity | None = None
    free_busy: FreeBusy | None = None
    attendees: tuple[Attendee, ...] | None = None
    version: object | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        _clean(self, "subject", "cannot_respond")
        _clean(self, "comment", "body", clean=clean_text)
        if self.organizer == Person():
            object.__setattr__(self, "organizer", None)
        if self.categories:
            categories = (clean_line(each) for each in self.categories[:_MOST_CATEGORIES])
            object.__setattr__(self, "categories", tuple(each for each in categories if each))
        if self.link is not None and not _is_web_address(self.link):
            object.__setattr__(self, "link", None)

    @property
    def pending(self) -> bool:
        """Whether the invitation waits for an answer and can get one."""
        return self.status is ParticipationStatus.NEEDS_ACTION and self.can_respond

    @property
    def can_respond(self) -> bool:
        """Whether the event can be answered from this calendar."""
        return self.obstacle is None

    @property
    def obstacle(self) -> Obstacle | None:
        """The first reason why the event cannot be answered from this calendar; None if it can."""
        if self.is_organizer:
            return Obstacle.OWN
        if not self.is_attendee:
            return Obstacle.NOT_INVITED
        if self.is_cancelled:
            return Obstacle.CANCELLED
        if self.is_draft:
            return Obstacle.DRAFT
        if self.is_read_only:
            return Obstacle.READ_ONLY
        return None if self.cannot_respond is None else Obstacle.REFUSED

    def to_plain(self) -> dict[str, Any]:
        """Return the invitation as JSON-plain values."""
        return {
            **self.reference.to_plain(),
            "subject": self.subject,
            **self.time.to_plain(),
            "all_day": self.time.all_day,
            "status": self.status.value if self.status else None,
            "organizer": self.organizer.address if self.organizer else None,
            "organizer_name": self.organizer.name if self.organizer else None,
            "recurrence": self.recurrence.value,
            "series_id": self.series_id,
            "is_organizer": self.is_organizer,
            "is_cancelled": self.is_cancelled,
            "attendee_count": self.attendee_count,
            "required": self.required,
            "can_respond": self.can_respond,
            "cannot_respond": self.cannot_respond,
            "can_propose": self.can_propose,
            "response_requested": self.response_requested,
            "link": self.link,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What happened to one reply.

    Its text is cleaned like that of an :class:`Invitation`.

    :param result: ``replied``, ``unchanged``, ``skipped`` or ``failed``
    :param time: when the event takes place; None where that was not seen
    :param before: the status before the reply
    :param after: the status after the reply; None if it was not read back or the event is gone
    :param gone: whether the event was gone from the calendar after it was declined
    :param organizer_notified: whether this reply told the organizer; None where that is not known
    :param verified: whether the service showed the result after the reply was sent
    :param detail: one sentence for a person
    """

    result: Result
    service: str
    reference: EventReference
    reply: Reply
    subject: str | None = None
    time: TimeRange | None = None
    before: ParticipationStatus | None = None
    after: ParticipationStatus | None = None
    organizer_notified: bool | None = False
    verified: bool = False
    gone: bool = False
    detail: str = ""
    link: str | None = None

    def __post_init__(self) -> None:
        _clean(self, "subject", "detail")

    def describe(self) -> str:
        """Return the outcome as one line for a log."""
        after = "gone" if self.gone else self.after or self.reply.status
        return (
            f"{self.result.upper()}: {(self.subject or str(self.reference))!r} on {self.service}, "
            f"{self.before or 'not shown'} → {after}. {self.detail}"
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the outcome as JSON-plain values, as it goes to XCom."""
        return {
            "outcome": self.result.value,
            "service": self.service,
            **self.reference.to_plain(),
            "subject": self.subject,
            **(self.time.to_plain() if self.time else {"start": None, "end": None}),
            "status_before": self.before.value if self.before else None,
            "status_after": self.after.value if self.after else None,
            "organizer_notified": self.organizer_notified,
            "verified": self.verified,
            "gone": self.gone,
            "reply": self.reply.to_plain(),
            "detail": self.detail,
            "link": self.link,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    The account that a connection signs in to, as far as the service says.

    :param who: its name or address
    :param permissions: what the token may do, in the service's own words; empty where the service does not say
    :param token_expires_at: when the access token expires; None where it is not known
    :param notes: sentences on what the connection can and cannot do
    """

    who: str
    permissions: tuple[str, ...] = ()
    token_expires_at: pendulum.DateTime | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        _clean(self, "who")
        for name in ("permissions", "notes"):
            object.__setattr__(self, name, tuple(clean_line(each) for each in getattr(self, name)))

    def describe(self) -> str:
        """Return the account as sentences for a person."""
        sentences = [f"Connected as {self.who}."]
        if self.permissions:
            sentences.append(f"Permissions: {', '.join(self.permissions)}.")
        sentences.extend(self.notes)
        if self.token_expires_at is not None:
            ends = self.token_expires_at.in_timezone(UTC).format("YYYY-MM-DD HH:mm")
            sentences.append(f"The access token expires {ends} UTC.")
        return " ".join(sentences)


def parse_flag(value: Any, field_name: str) -> bool:
    """
    Return a bool that may have been rendered to text.

    :raises InvalidInputError: it is neither True nor False
    """
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "false"):
        return text == "true"
    raise InvalidInputError(f"{field_name}: {value!r} is neither True nor False.")


def _clean(value: object, *names: str, clean: Callable[[str], str] = clean_line) -> None:
    """Clean some attributes of a value that is being made, and cut them to length; None stays None."""
    for name in names:
        text = getattr(value, name)
        if text is not None:
            cleaned = clean(text)
            if cleaned is not text:
                object.__setattr__(value, name, cleaned)


def _clean_comment(comment: object) -> str | None:
    if not isinstance(comment, str):
        raise InvalidInputError(f"comment: expected text, not {type(comment).__name__}.")
    if len(comment) > LONGEST_TEXT:
        raise InvalidInputError(
            f"comment: {len(comment)} characters are too many; at most {LONGEST_TEXT} are allowed."
        )
    return clean_text(comment) or None


def _parse_enum(cls: type[_E], value: Any, field_name: str) -> _E:
    try:
        return cls(value.strip().lower().replace("_", "-"))
    except (AttributeError, ValueError):
        allowed = ", ".join(f"'{member}'" for member in cls)
        raise InvalidInputError(f"{field_name}: {value!r} is not one of {allowed}.") from None


def is_id(value: object) -> bool:
    """Return whether a value has the form of an event's id or UID, in any service."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and is_unbroken(value)


def _check_id(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidInputError(f"{name}: expected text, not {type(value).__name__}.")
    if not value:
        raise InvalidInputError(f"{name}: is empty.")
    if len(value) > _LONGEST_ID:
        raise InvalidInputError(f"{name}: {len(value)} characters are too many for an id.")
    if not is_unbroken(value):
        raise InvalidInputError(
            f"{name}: {value[:_LONGEST_QUOTE]!r} holds white space or control characters."
        )


def _is_web_address(link: str) -> bool:
    """Whether a link leads where it seems to: ``https`` or ``http``, a host, and no user name before it."""
    if len(link) > _LONGEST_LINK or not is_unbroken(link) or "\\" in link:
        return False
    try:
        parts = urlsplit(link)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
