"""What a listing of invitations shows: which events, and each series once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import Invitation, ParticipationStatus, Recurrence


class Kind(StrEnum):
    """The kinds of events that a listing leaves out unless it is asked for them."""

    ANSWERED = "answered"
    CANCELLED = "cancelled"
    DRAFTS = "drafts"
    OWN = "own"
    UNANSWERABLE = "unanswerable"

    @classmethod
    def parse_all(cls, values: Iterable[str] | str | None) -> frozenset[Kind]:
        """
        Return the kinds that the values name.

        :raises InvalidInputError: one of them names no kind
        """
        given = [values] if isinstance(values, str) else list(values or ())
        try:
            return frozenset(cls(value) for value in given)
        except ValueError:
            allowed = ", ".join(f"'{kind}'" for kind in cls)
            raise InvalidInputError(
                f"include: {given!r} contains something that is not one of {allowed}."
            ) from None


@dataclass(frozen=True, slots=True)
class Listed:
    """
    One line of a listing.

    :param invitation: the event; for a series, its first instance in the window
    :param instances: all instances of a series in the window; none for a single event
    """

    invitation: Invitation
    instances: tuple[Invitation, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return the line as JSON-plain values."""
        return {
            **self.invitation.to_plain(),
            "instances": [
                {"event_id": each.reference.event_id, **each.time.to_plain()} for each in self.instances
            ],
        }


def listed(invitations: Iterable[Invitation], include: frozenset[Kind] = frozenset()) -> list[Listed]:
    """
    Return the lines of a listing, sorted by start.

    Events to which the mailbox is not invited count as its own and are listed only with :attr:`Kind.OWN`. Events that
    have no answer yet but take no reply, and those that cannot be read, are listed only with
    :attr:`Kind.UNANSWERABLE`.
    """
    wanted = [each for each in invitations if _is_wanted(each, include)]
    wanted.sort(key=lambda each: each.time.start.isoformat())
    lines: dict[object, Listed] = {}
    for number, each in enumerate(wanted):
        key = _series_of(each) or number
        line = lines.get(key)
        if each.recurrence is not Recurrence.INSTANCE:
            lines[key] = Listed(each)
        elif line is None:
            lines[key] = Listed(each, (each,))
        else:
            lines[key] = replace(line, instances=(*line.instances, each))
    return list(lines.values())


def _series_of(invitation: Invitation) -> tuple[str | None, str | None, str] | None:
    if invitation.recurrence is not Recurrence.INSTANCE or invitation.series_id is None:
        return None
    return invitation.reference.mailbox, invitation.reference.calendar_id, invitation.series_id


def _is_wanted(invitation: Invitation, include: frozenset[Kind]) -> bool:
    if invitation.is_organizer or not invitation.is_attendee:
        return Kind.OWN in include
    if invitation.is_cancelled:
        return Kind.CANCELLED in include
    if invitation.is_draft:
        return Kind.DRAFTS in include
    if invitation.status is ParticipationStatus.NEEDS_ACTION or not invitation.is_readable:
        return invitation.can_respond or Kind.UNANSWERABLE in include
    return Kind.ANSWERED in include
