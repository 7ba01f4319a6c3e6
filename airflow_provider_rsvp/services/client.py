"""What every calendar service offers to the reply protocol and to the hooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Protocol

import pendulum

from airflow_provider_rsvp.exceptions import EditConflictError, InvalidInputError
from airflow_provider_rsvp.model import (
    Account,
    Capabilities,
    EventReference,
    Invitation,
    ParticipationStatus,
    Reply,
    Scope,
    TimeRange,
)
from airflow_provider_rsvp.times import UTC, beginning

_FIRST_DAY_BEGINS = timedelta(hours=14)
"""Before midnight in UTC, in Kiribati."""
_LAST_DAY_ENDS = timedelta(hours=12)
"""After midnight in UTC, on Baker Island."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    The events that a listing covers: those that end after ``start`` and begin before ``end``.

    :raises InvalidInputError: the end is not after the start
    """

    start: pendulum.DateTime
    end: pendulum.DateTime

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise InvalidInputError(
                f"window: the end {self.end.isoformat()} is not after the start {self.start.isoformat()}."
            )

    def covers(self, time: TimeRange, zone: tzinfo | None = None) -> bool:
        """
        Return whether an event lies in the window; one that takes no time does where it begins with the window, too.

        :param zone: in which the days of an all-day event begin; None where it is not known. The event then lies in
            the window if it does so anywhere on Earth: a day begins 14 hours before midnight in UTC at the earliest,
            and ends 12 hours after it at the latest.
        """
        start, end = (beginning(each, zone or UTC) for each in (time.start, time.end))
        if time.all_day and zone is None:
            start, end = start - _FIRST_DAY_BEGINS, end + _LAST_DAY_ENDS
        return start < self.end and (end > self.start or start >= self.start)


@dataclass(frozen=True, slots=True)
class Sent:
    """
    A reply that the service took.

    :param organizer_notified: whether the service tells the organizer
    :param note: what of the reply could not be delivered, as a sentence; None if all was
    :param status: the status that the service's own answer shows, read after the sending; None where it shows none
    """

    organizer_notified: bool
    note: str | None = None
    status: ParticipationStatus | None = None


Shown = tuple[EventReference, ParticipationStatus | None]
"""An event and the status that a listing shows for it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """
    What changed on a calendar since a token was given out.

    :param invitations: new or changed events, as they stand now
    :param token: for the next call; None where the service has no change feed, so that everything is read each time
    :param complete: whether all events of the window were read, because it was the first time or the token had ended
    """

    invitations: tuple[Invitation, ...]
    token: str | None
    complete: bool


def check_unchanged(seen: Invitation, now: Invitation) -> None:
    """
    Check that an event still stands as it was seen, where what was seen carries no version.

    :raises EditConflictError: it does not; nothing was sent
    """
    if (now.status, now.time, now.is_cancelled) != (seen.status, seen.time, seen.is_cancelled):
        raise EditConflictError(f"{seen.reference} was changed meanwhile; nothing was sent.")


class ReplyClient(Protocol):
    """
    What a reply needs of a calendar service.

    Every method raises the errors of :mod:`airflow_provider_rsvp.exceptions` and no others.
    """

    service: str
    capabilities: Capabilities

    def check(self, reference: EventReference, reply: Reply, scope: Scope) -> None:
        """
        Check what can be checked without a request, beyond :attr:`capabilities`.

        :raises InvalidInputError: the service cannot take this id or combination
        """

    async def observe(self, reference: EventReference, scope: Scope) -> Invitation:
        """
        Read one event as it stands now.

        :param scope: with ``series``, an instance's series is read instead
        :raises EventNotFoundError: it is not there
        """

    async def read_status(self, invitation: Invitation) -> ParticipationStatus | None:
        """
        Read back the status of an event that was observed, as cheaply as the service allows.

        :raises EventNotFoundError: it is no longer there
        """

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        """
        Ask the service once to set the participation status.

        To be called by the reply protocol only. An invitation without a version of this service is read again first.

        :raises EditConflictError: the event is not as it was seen; nothing was sent
        :raises UnclearOutcomeError: the request left and no clear response came
        """


class CalendarClient(ReplyClient, Protocol):
    """
    One account of a calendar service.

    Services inherit from it, for :meth:`list_statuses`.
    """

    def list_invitations(
        self, window: Window, *, mailbox: str | None = None, calendar_id: str | None = None
    ) -> AsyncIterator[Invitation]:
        """Read the events of a window, page by page."""

    async def list_statuses(
        self, window: Window, *, mailbox: str | None = None, calendar_id: str | None = None
    ) -> AsyncIterator[Shown]:
        """
        Read back the statuses of a window's events, page by page, as cheaply as the service allows.

        Events that cannot be read show none and are left out. By default the events are listed whole.
        """
        async for invitation in self.list_invitations(window, mailbox=mailbox, calendar_id=calendar_id):
            if invitation.is_readable:
                yield invitation.reference, invitation.status

    async def changes(
        self,
        window: Window,
        since: str | None,
        *,
        mailbox: str | None = None,
        calendar_id: str | None = None,
    ) -> Changes:
        """
        Read what is new or changed in a window since a token was given out; without one, all of it.

        What was deleted meanwhile is left out. An event may be among the changes although nothing about it changed.

        :param since: the token of an earlier call for the same window, mailbox and calendar; one that has ended
            counts as none
        """

    async def account(self) -> Account:
        """Say who the connection is and what it may do, with one harmless request or two."""
