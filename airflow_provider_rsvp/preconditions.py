"""
What may be answered, and how: defined once, for callers that raise errors and callers that report.

Each function yields reasons against a reply. None of them makes a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import pendulum

from airflow_provider_rsvp.exceptions import (
    CannotRespondError,
    DraftEventError,
    EventCancelledError,
    NotAnInvitationError,
    NotAsPlannedError,
    OwnEventError,
    PermanentError,
    ProposalNotAllowedError,
    ReadOnlyCalendarError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.model import (
    Capabilities,
    EventReference,
    Invitation,
    Obstacle,
    ParticipationStatus,
    Recurrence,
    Reply,
    Scope,
)
from airflow_provider_rsvp.times import UTC, format_when


@dataclass(frozen=True, slots=True)
class Reason:
    """
    Why a reply cannot be sent. ``str()`` gives the sentence for a report.

    :param kind: the error to raise
    :param about: the argument or event that it is about; the error's message begins with it
    :param sentence: what prevents the reply, and what to do
    """

    kind: type[PermanentError]
    about: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence

    def error(self) -> PermanentError:
        """Return the error to raise for this reason."""
        return self.kind(f"{self.about}: {self.sentence}" if self.about else self.sentence)


def check(reasons: Iterable[Reason]) -> None:
    """
    Raise the error of the first reason, if there is one.

    :raises PermanentError: there is a reason; its kind says which error
    """
    for reason in reasons:
        raise reason.error()


def sentences(reasons: Iterable[Reason]) -> str | None:
    """Return all reasons as sentences; None if there are none."""
    return " ".join(map(str, reasons)) or None


def against_service(
    capabilities: Capabilities, service: str, reference: EventReference, reply: Reply, scope: Scope
) -> Iterator[Reason]:
    """Yield why a service cannot carry a reply, according to its capabilities."""

    def unsupported(about: str, sentence: str) -> Reason:
        return Reason(UnsupportedByServiceError, about, sentence)

    if reply.status not in capabilities.statuses:
        can = ", ".join(f"'{status}'" for status in ParticipationStatus if status in capabilities.statuses)
        yield unsupported("status", f"{service} cannot be told '{reply.status}'; it can: {can}.")
    if reply.comment and not capabilities.comment:
        yield unsupported("comment", f"{service} carries no comments; drop it.")
    if not reply.notify_organizer and not capabilities.silent:
        yield unsupported("notify_organizer", f"{service} always tells the organizer; False is not possible.")
    if reply.proposed_time is not None and not capabilities.proposed_time:
        instead = (
            " Or set degrade=True to write the time into the comment; or open the event's link and propose it by "
            "hand."
            if capabilities.comment
            else ""
        )
        yield unsupported(
            "proposed_start",
            f"{service} carries no proposed times; drop proposed_start and proposed_end.{instead}",
        )
    if scope not in capabilities.scopes:
        yield unsupported(
            "scope", f"{service} has no reply to a whole series; answer its instances one by one."
        )
    yield from against_reference(capabilities, service, reference)


def against_reference(
    capabilities: Capabilities, service: str, reference: EventReference
) -> Iterator[Reason]:
    """Yield why a connection cannot find an event by its reference."""
    if reference.event_id is None and not capabilities.ical_uid:
        yield Reason(
            UnsupportedByServiceError,
            "ical_uid",
            f"{service} does not show iCalendar UIDs; give the event_id.",
        )
    yield from against_mailbox(capabilities, service, reference.mailbox)


def against_mailbox(capabilities: Capabilities, service: str, mailbox: str | None) -> Iterator[Reason]:
    """Yield why a connection cannot act for a mailbox."""
    if mailbox is not None and not capabilities.mailboxes:
        yield Reason(
            UnsupportedByServiceError,
            "mailbox",
            f"A connection to {service} acts only for its own user; use one connection per user.",
        )


_OBSTACLES: dict[Obstacle, tuple[type[PermanentError], str]] = {
    Obstacle.OWN: (OwnEventError, "This mailbox is the organizer and cannot answer its own event."),
    Obstacle.NOT_INVITED: (
        NotAnInvitationError,
        "The mailbox is not invited to it, or it is not a meeting.",
    ),
    Obstacle.CANCELLED: (EventCancelledError, "The organizer cancelled it; there is nothing to answer."),
    Obstacle.DRAFT: (DraftEventError, "It is a draft that has not been sent yet."),
    Obstacle.READ_ONLY: (ReadOnlyCalendarError, "Its calendar is read-only for this connection."),
}


def against_event(invitation: Invitation) -> Iterator[Reason]:
    """Yield why an event takes no reply at all now."""
    obstacle = invitation.obstacle
    if obstacle is None:
        return
    kind, sentence = _OBSTACLES.get(
        obstacle, (CannotRespondError, f"It takes no reply: {invitation.cannot_respond}")
    )
    yield Reason(kind, _named(invitation), sentence)


def against_reply(invitation: Invitation, reply: Reply, scope: Scope) -> Iterator[Reason]:
    """Yield why an event that takes replies does not take this one."""
    if scope is Scope.INSTANCE and invitation.recurrence is Recurrence.SERIES:
        yield Reason(
            UnsupportedByServiceError,
            "scope",
            f"{_named(invitation)} is a whole series. Use scope='series' if the answer is meant for all of it, or "
            "give the id of one instance.",
        )
    if reply.proposed_time is not None and not invitation.can_propose:
        yield Reason(
            ProposalNotAllowedError,
            _named(invitation),
            "The organizer takes no proposed times for it. Answer without one.",
        )


def against_plan(
    planned: Invitation, invitation: Invitation, series_status: ParticipationStatus | None = None
) -> Iterator[Reason]:
    """
    Yield how an invitation differs from the one that was planned, in the fields that a person is shown.

    :param series_status: the status that the same task gave to the event's series, which may show at the event
    """

    def changed(sentence: str) -> Reason:
        return Reason(NotAsPlannedError, "", sentence)

    if invitation.is_cancelled and not planned.is_cancelled:
        yield changed("The organizer cancelled it after the reply was planned.")
    if invitation.status is not planned.status and (
        series_status is None or invitation.status is not series_status
    ):
        yield changed(
            f"It was answered by hand after the reply was planned: it was {planned.status or 'not shown'} and "
            f"is {invitation.status or 'not shown'} now."
        )
    if invitation.subject != planned.subject:
        yield changed(
            f"It was renamed after the reply was planned: from {planned.subject!r} to {invitation.subject!r}."
        )
    # A plan made from a report does not know the organizer.
    if planned.organizer is not None and invitation.organizer != planned.organizer:
        yield changed(
            f"Its organizer changed after the reply was planned: it was {planned.organizer} and "
            f"is {invitation.organizer or 'not shown'} now."
        )
    # A series is planned from one of its instances, which has another time than the series.
    same = planned.reference.event_id == invitation.reference.event_id
    if same and invitation.time != planned.time:
        yield changed(
            f"It was moved after the reply was planned: from {planned.time.start.isoformat()} to "
            f"{invitation.time.start.isoformat()}."
        )


def proposal_as_comment(capabilities: Capabilities, reply: Reply) -> Reply:
    """
    Return the reply with its proposed time as a sentence of the comment, if the service carries only comments.

    :raises InvalidInputError: the proposed time has passed
    """
    proposed = reply.proposed_time
    if proposed is None or capabilities.proposed_time or not capabilities.comment:
        return reply
    reply.check_time(pendulum.now(UTC))
    sentence = f"Proposed new time: {format_when(proposed.start)} to {format_when(proposed.end)}."
    comment = f"{reply.comment.rstrip()} {sentence}" if reply.comment else sentence
    return replace(reply, comment=comment, proposed_time=None)


def _named(invitation: Invitation) -> str:
    return f"{invitation.subject!r} ({invitation.reference})"
