"""Whether attendees have answered as awaited, and whether they still can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import pendulum

from airflow_provider_rsvp.exceptions import (
    InvalidInputError,
    NotAnInvitationError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.model import Attendee, Invitation, ParticipationStatus, Person
from airflow_provider_rsvp.times import UTC

ME = "me"
REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Progress:
    """
    How far the awaited answers have come in.

    :param reached: whether enough attendees have answered as awaited
    :param impossible: why they can no longer do so, as a clause; None while they can
    :param detail: how many have answered, as a sentence
    """

    reached: bool
    impossible: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class AwaitedAnswers:
    """
    Which attendees are to answer, and how.

    :param attendees: ``me``, ``required`` for all required attendees, or addresses
    :param statuses: the participation statuses that count
    :param quorum: how many of the attendees need one of them; None for all
    """

    attendees: tuple[str, ...]
    statuses: frozenset[ParticipationStatus]
    quorum: int | None = None

    @classmethod
    def parse(
        cls, attendees: str | Sequence[str], status: str | Sequence[str], quorum: int | str | None = None
    ) -> Self:
        """
        Return what the arguments of a task stand for.

        :raises InvalidInputError: an argument is malformed
        """
        people = _texts(attendees, "attendees")
        if len(people) > 1 and {ME, REQUIRED} & set(people):
            raise InvalidInputError("attendees: give 'me', 'required' or addresses, not a mixture.")
        statuses = frozenset(ParticipationStatus.parse(each) for each in _texts(status, "status"))
        if ParticipationStatus.NEEDS_ACTION in statuses:
            raise InvalidInputError("status: 'needs-action' means no answer yet; give a status to wait for.")
        if quorum is None or quorum == "":
            return cls(people, statuses)
        if isinstance(quorum, bool) or not str(quorum).isdecimal() or int(quorum) < 1:
            raise InvalidInputError(f"quorum: expected a whole number of at least 1, not {quorum!r}.")
        return cls(people, statuses, int(quorum))

    def progress(self, invitation: Invitation, service: str, now: pendulum.DateTime) -> Progress:
        """
        Return how far the answers to an invitation have come in.

        :param service: the name of its calendar service, for messages
        :raises UnsupportedByServiceError: the service does not show the answers
        :raises NotAnInvitationError: an attendee is not invited, or there are fewer attendees than the quorum
        """
        people = self._people(invitation, service)
        needed = self.quorum or len(people)
        if needed > len(people):
            raise NotAnInvitationError(
                f"quorum: {needed} answers are needed, but the attendees to wait for are {len(people)}."
            )
        answered = [each for each in people if each.status in self.statuses]
        declined = [each for each in people if _has_declined(each, self.statuses)]
        statuses = " or ".join(repr(str(status)) for status in sorted(self.statuses))
        detail = f"{len(answered)} of {len(people)} attendees answered {statuses}; {needed} needed."
        if invitation.is_cancelled:
            return Progress(False, "the organizer cancelled the event", detail)
        if len(answered) >= needed:
            return Progress(True, None, detail)
        if len(people) - len(declined) < needed:
            names = ", ".join(str(each.person) for each in declined)
            return Progress(False, f"{names} declined", detail)
        if _end(invitation) <= now:
            return Progress(False, "the event is over", detail)
        return Progress(False, None, detail)

    def _people(self, invitation: Invitation, service: str) -> list[Attendee]:
        if self.attendees == (ME,):
            if invitation.status is None:
                raise NotAnInvitationError(
                    f"attendees: {service} shows no participation status of this mailbox. Is it invited?"
                )
            return [Attendee(Person(name="this mailbox"), invitation.status)]
        if invitation.attendees is None:
            raise UnsupportedByServiceError(
                f"attendees: {service} does not show how others answered. Only 'me' works here."
            )
        if self.attendees == (REQUIRED,):
            return _required(invitation)
        by_address = {(each.person.address or "").casefold(): each for each in invitation.attendees}
        missing = [address for address in self.attendees if address.casefold() not in by_address]
        if missing:
            raise NotAnInvitationError(
                f"attendees: {', '.join(missing)} not found among the attendees that {service} shows "
                f"({len(by_address)})."
            )
        return [by_address[address.casefold()] for address in dict.fromkeys(self.attendees)]


def _required(invitation: Invitation) -> list[Attendee]:
    """Return the required attendees; if the service does not say who is required, all but the organizer."""
    organizer = ((invitation.organizer and invitation.organizer.address) or "").casefold()
    people = [
        each
        for each in invitation.attendees or ()
        if each.required is not False and (each.person.address or "").casefold() != organizer
    ]
    if not people:
        raise NotAnInvitationError("attendees: the event has no required attendee other than its organizer.")
    return people


def _has_declined(attendee: Attendee, statuses: frozenset[ParticipationStatus]) -> bool:
    return attendee.status is ParticipationStatus.DECLINED and attendee.status not in statuses


def _end(invitation: Invitation) -> pendulum.DateTime:
    end = invitation.time.end
    if isinstance(end, datetime):
        return end
    # In the westernmost time zone, a day ends twelve hours later than in UTC.
    return pendulum.datetime(end.year, end.month, end.day, tz=UTC).add(hours=12)


def _texts(value: str | Iterable[str], field: str) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else tuple(value)
    if not texts or not all(isinstance(each, str) and each.strip() for each in texts):
        raise InvalidInputError(f"{field}: expected text or a list of texts, none of them empty.")
    return tuple(each.strip() for each in texts)
