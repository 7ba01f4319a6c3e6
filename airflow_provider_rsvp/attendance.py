"""Whether those who are waited for have answered, and whether they still can."""

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
class Standing:
    """
    How far it has come.

    :param reached: whether it is as was waited for
    :param impossible: why it can no longer come to be; None while it can
    :param detail: who has answered how, as a sentence
    """

    reached: bool
    impossible: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Awaited:
    """
    Whose answers are waited for, and which.

    :param who: ``me``, ``required`` for all required attendees, or addresses
    :param statuses: the answers that count
    :param quorum: how many of them must have answered so; None for all
    """

    who: tuple[str, ...]
    statuses: frozenset[ParticipationStatus]
    quorum: int | None = None

    @classmethod
    def parse(
        cls, who: str | Sequence[str], status: str | Sequence[str], quorum: int | str | None = None
    ) -> Self:
        """
        Return what a task's arguments stand for.

        :raises InvalidInputError: an argument is malformed
        """
        people = _texts(who, "attendees")
        if len(people) > 1 and {ME, REQUIRED} & set(people):
            raise InvalidInputError("attendees: give 'me', 'required', or addresses, not a mixture.")
        statuses = frozenset(ParticipationStatus.parse(each) for each in _texts(status, "status"))
        if ParticipationStatus.NEEDS_ACTION in statuses:
            raise InvalidInputError("status: 'needs-action' is no answer that could be waited for.")
        if quorum is None or quorum == "":
            return cls(people, statuses)
        if isinstance(quorum, bool) or not str(quorum).isdecimal() or int(quorum) < 1:
            raise InvalidInputError(f"quorum: {quorum!r} is not a whole number from 1 on.")
        return cls(people, statuses, int(quorum))

    def standing(self, invitation: Invitation, service: str, now: pendulum.DateTime) -> Standing:
        """
        Return how far an invitation has come.

        :raises UnsupportedByServiceError: the service does not show the answers
        :raises NotAnInvitationError: one of those waited for is not invited, or there are too few of them
        """
        people = self._people(invitation, service)
        wanted = self.quorum or len(people)
        if wanted > len(people):
            raise NotAnInvitationError(
                f"quorum: {wanted} are waited for, but only {len(people)} are invited."
            )
        reached = [each for each in people if each.status in self.statuses]
        declined = [each for each in people if _is_lost(each, self.statuses)]
        detail = (
            f"{len(reached)} of {len(people)} have answered "
            f"{' or '.join(repr(str(status)) for status in sorted(self.statuses))}; {wanted} are waited for."
        )
        if invitation.is_cancelled:
            return Standing(False, "the organizer cancelled it", detail)
        if len(reached) >= wanted:
            return Standing(True, None, detail)
        if len(people) - len(declined) < wanted:
            names = ", ".join(str(each.person) for each in declined)
            return Standing(False, f"{names} declined", detail)
        if _end(invitation) <= now:
            return Standing(False, "it is over", detail)
        return Standing(False, None, detail)

    def _people(self, invitation: Invitation, service: str) -> list[Attendee]:
        if self.who == (ME,):
            if invitation.status is None:
                raise NotAnInvitationError(
                    f"attendees: {service} shows no answer of this mailbox; is it invited?"
                )
            return [Attendee(Person(name="this mailbox"), invitation.status)]
        if invitation.attendees is None:
            raise UnsupportedByServiceError(
                f"attendees: {service} does not show how others answered; only 'me' can be waited for."
            )
        if self.who == (REQUIRED,):
            return _required(invitation)
        by_address = {(each.person.address or "").casefold(): each for each in invitation.attendees}
        missing = [address for address in self.who if address.casefold() not in by_address]
        if missing:
            raise NotAnInvitationError(
                f"attendees: {', '.join(missing)} cannot be found among the {len(by_address)} attendees that "
                f"{service} shows."
            )
        return [by_address[address.casefold()] for address in dict.fromkeys(self.who)]


def _required(invitation: Invitation) -> list[Attendee]:
    """Return the required attendees; where the service does not say who is, all but the organizer."""
    organizer = ((invitation.organizer and invitation.organizer.address) or "").casefold()
    people = [
        each
        for each in invitation.attendees or ()
        if each.required is not False and (each.person.address or "").casefold() != organizer
    ]
    if not people:
        raise NotAnInvitationError("attendees: the event has no required attendee but its organizer.")
    return people


def _is_lost(attendee: Attendee, statuses: frozenset[ParticipationStatus]) -> bool:
    return attendee.status is ParticipationStatus.DECLINED and attendee.status not in statuses


def _end(invitation: Invitation) -> pendulum.DateTime:
    end = invitation.time.end
    if isinstance(end, datetime):
        return end
    # A date ends somewhere on earth up to half a day after it does in UTC.
    return pendulum.datetime(end.year, end.month, end.day, tz=UTC).add(hours=12)


def _texts(value: str | Iterable[str], field: str) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else tuple(value)
    if not texts or not all(isinstance(each, str) and each.strip() for each in texts):
        raise InvalidInputError(f"{field}: expected a text or several, none of them empty.")
    return tuple(each.strip() for each in texts)
