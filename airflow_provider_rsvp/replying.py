"""
The reply protocol: one reply, provably.

.. code-block:: text

    observe ─ gone, and this task had declined it ─────────────► replied
        │─── already so ───────────────────────────────────────► unchanged
        │─── not allowed ──────────────────────────────────────► permanent error
        ▼
    note the intent ─► send once ─► settled ─► read back ──────► replied
                            ├─────► changed since the look, and refused for it ─► observe again
                            └─────► unclear ─► read back ─ seen ► replied
                                                   └─ not seen ─► passing error; the next try observes again

A reply is mail to a person: nothing here sends twice without having looked in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import pendulum

from airflow_provider_rsvp.exceptions import (
    CannotRespondError,
    DraftEventError,
    EditConflictError,
    EventCancelledError,
    EventNotFoundError,
    MalformedResponseError,
    NotAnInvitationError,
    NotAsPlannedError,
    OwnEventError,
    ProposalNotAllowedError,
    ReadOnlyCalendarError,
    RsvpError,
    UnclearOutcomeError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.model import (
    Capabilities,
    EventReference,
    Invitation,
    Outcome,
    ParticipationStatus,
    Recurrence,
    Reply,
    Result,
    Scope,
)
from airflow_provider_rsvp.services.client import ReplyClient, Sent
from airflow_provider_rsvp.text import same_wording
from airflow_provider_rsvp.times import UTC, format_when, parse_instant

log = logging.getLogger(__name__)

_BEGINNINGS = 3
"""How often the protocol begins, if the event changes between the look and the sending."""


@dataclass(frozen=True, slots=True)
class Intent:
    """
    A reply that was about to be sent, as an earlier try noted it.

    :param before: the status that stood before it
    """

    status: ParticipationStatus
    before: ParticipationStatus | None
    noted_at: pendulum.DateTime

    def to_dict(self) -> dict[str, Any]:
        """Return the intent as JSON-plain values."""
        return {
            "status": self.status.value,
            "before": self.before.value if self.before else None,
            "noted_at": self.noted_at.isoformat(),
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Self:
        """Return the intent that :meth:`to_dict` wrote."""
        before = value.get("before")
        return cls(
            status=ParticipationStatus(value["status"]),
            before=ParticipationStatus(before) if before else None,
            noted_at=parse_instant(value["noted_at"], field="noted_at"),
        )


class IntentMemory(Protocol):
    """Remembers the intent of one reply from one try of a task to the next."""

    @property
    def retried(self) -> bool:
        """Whether an earlier try may have sent the reply without a note being left."""

    async def load(self) -> Intent | None:
        """Return the intent that an earlier try noted, or None."""

    async def save(self, intent: Intent) -> None:
        """Note the intent, before anything is sent."""

    async def clear(self) -> None:
        """Forget the intent: the service refused it, so nothing was sent."""


class NoMemory:
    """Remembers nothing: for replies outside a task, or a task's first try."""

    def __init__(self, *, retried: bool = False) -> None:
        self._retried = retried

    @property
    def retried(self) -> bool:
        """Whether this is not the first try."""
        return self._retried

    async def load(self) -> Intent | None:
        """Return None."""
        return None

    async def save(self, intent: Intent) -> None:
        """Do nothing."""

    async def clear(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Settling:
    """
    How long to read back until a reply shows.

    :param within: seconds, after the first look, for which to keep looking
    :param first_pause: seconds before the second look; doubles up to ``longest_pause``
    """

    within: float = 30.0
    first_pause: float = 0.25
    longest_pause: float = 5.0

    def pauses(self) -> Iterator[float]:
        """Return the pauses between looks; their sum is ``within``."""
        left, pause = self.within, self.first_pause
        while left > 0:
            step = min(pause, left)
            yield step
            left -= step
            pause = min(2 * pause, self.longest_pause)


def check_reply(capabilities: Capabilities, service: str, reply: Reply, scope: Scope) -> None:
    """
    Check that a service can express a reply.

    :raises UnsupportedByServiceError: it cannot; says what it can
    """
    if reply.status not in capabilities.statuses:
        can = ", ".join(f"'{status}'" for status in ParticipationStatus if status in capabilities.statuses)
        raise UnsupportedByServiceError(f"status: {service} cannot be told '{reply.status}'; it can: {can}.")
    if reply.comment and not capabilities.comment:
        raise UnsupportedByServiceError(f"comment: {service} carries no comments; drop it.")
    if not reply.notify_organizer and not capabilities.silent:
        raise UnsupportedByServiceError(
            f"notify_organizer: {service} always tells the organizer; False is not possible."
        )
    if reply.proposed_time is not None and not capabilities.proposed_time:
        instead = (
            " Or set degrade=True, and the time goes into the comment; or propose it by hand, where the event's "
            "link leads."
            if capabilities.comment
            else ""
        )
        raise UnsupportedByServiceError(
            f"proposed_start: {service} carries no proposed times; drop proposed_start and proposed_end.{instead}"
        )
    if scope not in capabilities.scopes:
        raise UnsupportedByServiceError(
            f"scope: {service} has no reply to a whole series; answer its instances one by one."
        )


def proposal_as_comment(capabilities: Capabilities, reply: Reply) -> Reply:
    """
    Return the reply with its proposed time as a sentence of the comment, where a service carries only comments.

    :raises InvalidInputError: the proposed time has passed
    """
    proposed = reply.proposed_time
    if proposed is None or capabilities.proposed_time or not capabilities.comment:
        return reply
    reply.check_time(pendulum.now(UTC))
    sentence = f"Proposed new time: {format_when(proposed.start)} to {format_when(proposed.end)}."
    comment = f"{reply.comment.rstrip()} {sentence}" if reply.comment else sentence
    return replace(reply, comment=comment, proposed_time=None)


def check_mailbox(client: ReplyClient, mailbox: str | None) -> None:
    """
    Check that a connection can act for a mailbox.

    :raises UnsupportedByServiceError: it acts for its own user only
    """
    if mailbox is not None and not client.capabilities.mailboxes:
        raise UnsupportedByServiceError(
            f"mailbox: a {client.service} connection acts only for its own user; use one connection per user."
        )


def check_reference(client: ReplyClient, reference: EventReference) -> None:
    """
    Check that a connection can find an event by what a reference gives.

    :raises UnsupportedByServiceError: the service shows no UIDs, or acts for its own user only
    """
    if reference.event_id is None and not client.capabilities.ical_uid:
        raise UnsupportedByServiceError(
            f"ical_uid: {client.service} does not show iCalendar UIDs; give the event_id."
        )
    check_mailbox(client, reference.mailbox)


def check_request(client: ReplyClient, reference: EventReference, reply: Reply, scope: Scope) -> None:
    """
    Check everything about a reply that can be checked without a request.

    :raises InvalidInputError: the event's id or a combination of arguments is impossible
    :raises UnsupportedByServiceError: the service cannot express the reply
    """
    reply.check_time(pendulum.now(UTC))
    check_reply(client.capabilities, client.service, reply, scope)
    check_reference(client, reference)
    client.check(reference, reply, scope)


def check_attendance(invitation: Invitation) -> None:
    """
    Check that an event is an invitation at all.

    :raises NotAnInvitationError: the mailbox is not among those invited, or is the organizer
    """
    if invitation.is_organizer:
        raise OwnEventError(
            f"{_named(invitation)}: this mailbox is the organizer and cannot answer its own event."
        )
    if not invitation.is_attendee:
        raise NotAnInvitationError(
            f"{_named(invitation)}: the mailbox is not invited to it, or it is not a meeting."
        )


def check_invitation(invitation: Invitation, reply: Reply, scope: Scope) -> None:
    """
    Check that an event can be answered as asked, as it stands now.

    :raises PermanentError: one of its kinds, which says why not
    """
    what = _named(invitation)
    if invitation.is_cancelled:
        raise EventCancelledError(f"{what}: the organizer cancelled it; there is nothing to answer.")
    if invitation.is_draft:
        raise DraftEventError(f"{what}: it is a draft that has not been sent yet.")
    if invitation.is_read_only:
        raise ReadOnlyCalendarError(f"{what}: its calendar is read-only for this connection.")
    if invitation.cannot_respond is not None:
        raise CannotRespondError(f"{what}: {invitation.cannot_respond}")
    if scope is Scope.INSTANCE and invitation.recurrence is Recurrence.SERIES:
        raise UnsupportedByServiceError(
            f"scope: {what} is a whole series. Use scope='series' if the answer is meant for all of it, or "
            "give the id of one instance."
        )
    if reply.proposed_time is not None and not invitation.can_propose:
        raise ProposalNotAllowedError(
            f"{what}: the organizer takes no proposed times for it. Answer without one."
        )


def check_as_planned(planned: Invitation, invitation: Invitation) -> None:
    """
    Check that an invitation is as it was when the reply to it was planned, in all that a person is shown of it.

    :raises NotAsPlannedError: it was renamed, moved, cancelled or answered since, or has another organizer
    """
    if invitation.is_cancelled and not planned.is_cancelled:
        raise NotAsPlannedError("The organizer cancelled it since the reply was planned.")
    if invitation.status is not planned.status:
        raise NotAsPlannedError(
            f"It was answered by hand since the reply was planned: it was {planned.status or 'not shown'} and "
            f"is {invitation.status or 'not shown'} now."
        )
    if invitation.subject != planned.subject:
        raise NotAsPlannedError(
            f"It was renamed since the reply was planned: from {planned.subject!r} to {invitation.subject!r}."
        )
    # A plan that was made of a report knows no organizer.
    if planned.organizer is not None and invitation.organizer != planned.organizer:
        raise NotAsPlannedError(
            f"It has another organizer since the reply was planned: it was {planned.organizer} and "
            f"is {invitation.organizer or 'not shown'} now."
        )
    # A series is planned by one of its instances, whose time is not that of the series.
    same = planned.reference.event_id == invitation.reference.event_id
    if same and invitation.time != planned.time:
        raise NotAsPlannedError(
            f"It was moved since the reply was planned: from {planned.time.start.isoformat()} to "
            f"{invitation.time.start.isoformat()}."
        )


def _named(invitation: Invitation) -> str:
    return f"{invitation.subject!r} ({invitation.reference})"


async def set_participation_status(
    client: ReplyClient,
    reference: EventReference,
    reply: Reply,
    *,
    scope: Scope = Scope.INSTANCE,
    force: bool = False,
    verify: bool = True,
    degrade: bool = False,
    memory: IntentMemory | None = None,
    settling: Settling | None = None,
    planned: Invitation | None = None,
    dry_run: bool = False,
    steps_at: int = logging.INFO,
) -> Outcome:
    """
    Answer one invitation: look, skip if the answer stands, send once, read back.

    :param force: send although the status already stands; still at most once per task run
    :param verify: read back after a clear answer too; always done where the answer proves nothing
    :param degrade: write a proposed time into the comment where the service carries comments but no proposed times
    :param memory: what the task's earlier tries noted
    :param planned: the invitation as it was when the reply was chosen; if it is another now, nothing is sent, unless
        ``force``
    :param dry_run: look and check, and send nothing; the outcome is ``skipped`` where it would have been sent
    :param steps_at: the level at which the steps are logged
    :raises PermanentError: it cannot be done; nothing was sent
    :raises UnclearOutcomeError: a reply may have gone out; try again later, beginning with a look
    :raises PassingError: the service did not serve; try again later
    """
    asked = reply
    if degrade:
        reply = proposal_as_comment(client.capabilities, asked)
    check_request(client, reference, reply, scope)
    protocol = _Protocol(client, reply, verify, memory or NoMemory(), settling or Settling(), steps_at)
    outcome = await protocol.run(reference, scope, force, planned, dry_run)
    if reply is asked or outcome.result is not Result.REPLIED:
        return outcome
    degraded = f"{client.service} carries no proposed times, so the proposed time is in the comment."
    return replace(outcome, detail=f"{outcome.detail} {degraded}")


class _Protocol:
    """One run of the protocol for one reply."""

    def __init__(
        self,
        client: ReplyClient,
        reply: Reply,
        verify: bool,
        memory: IntentMemory,
        settling: Settling,
        steps_at: int,
    ) -> None:
        self._client = client
        self._reply = reply
        self._verify = verify or not client.capabilities.response_is_proof
        self._memory = memory
        self._settling = settling
        self._steps_at = steps_at
        self._began_again = False

    async def run(
        self,
        reference: EventReference,
        scope: Scope,
        force: bool,
        planned: Invitation | None,
        dry_run: bool,
    ) -> Outcome:
        for _ in range(_BEGINNINGS - 1):
            try:
                return await self._run_once(reference, scope, force, planned, dry_run)
            except EditConflictError as error:
                log.log(self._steps_at, "%s Beginning again with a look.", error)
                self._began_again = True
        return await self._run_once(reference, scope, force, planned, dry_run)

    async def _run_once(
        self,
        reference: EventReference,
        scope: Scope,
        force: bool,
        planned: Invitation | None,
        dry_run: bool,
    ) -> Outcome:
        intent = await self._memory.load()
        if intent is not None and intent.status is not self._reply.status:
            intent = None
        try:
            invitation = await self._client.observe(reference, scope)
        except EventNotFoundError as error:
            return self._gone_before(reference, intent, error)
        log.log(
            self._steps_at,
            "Looked at %r (%s): my status is %s.",
            invitation.subject,
            invitation.reference,
            invitation.status or "not shown",
        )
        check_attendance(invitation)
        stands = invitation.status is self._reply.status and not self._comment_differs(invitation)
        if stands and intent is not None:
            return self._sent_earlier(invitation, intent)
        if stands and self._began_again:
            return self._shown_after_all(invitation)
        if stands and (self._memory.retried or not force):
            return self._unchanged(invitation)
        if planned is not None and not force:
            check_as_planned(planned, invitation)
        check_invitation(invitation, self._reply, scope)
        if dry_run:
            return self._not_sent(invitation)
        if (
            intent is not None
            and invitation.status is not self._reply.status
            and self._may_still_show(intent)
        ):
            log.log(self._steps_at, "An earlier try was about to send it; looking whether it shows.")
            seen = await self._seen(invitation)
            if seen is not None:
                return self._sent_earlier(invitation, intent, seen)
        return await self._send(invitation, intent)

    async def _send(self, invitation: Invitation, earlier: Intent | None) -> Outcome:
        intent = Intent(self._reply.status, invitation.status, pendulum.now(UTC))
        await self._memory.save(intent)
        log.log(self._steps_at, "Sending '%s' for %r.", self._reply.status, invitation.subject)
        try:
            sent = await self._client.send(invitation, self._reply)
        except (UnclearOutcomeError, MalformedResponseError) as unclear:
            log.warning("%s Reading back to find out.", unclear)
            return await self._settle_unclear(invitation, unclear)
        except RsvpError:
            # The service refused, or was never reached: this try sent nothing. What an earlier one sent still counts.
            await (self._memory.clear() if earlier is None else self._memory.save(earlier))
            raise
        if not self._verify:
            return self._replied(invitation, sent, invitation.status, "", verified=False)
        shown = _Seen(sent.status, "") if sent.status is self._reply.status else None
        seen = shown or await self._seen(invitation)
        if seen is None:
            raise self._not_seen(invitation)
        if invitation.status is self._reply.status and not self._client.capabilities.response_is_proof:
            stood = "The status stood before, so reading back cannot tell whether the reply went out again."
            return self._replied(
                invitation, sent, invitation.status, stood, after=seen.status, verified=False
            )
        return self._replied(invitation, sent, invitation.status, seen.detail, after=seen.status)

    async def _settle_unclear(self, invitation: Invitation, unclear: RsvpError) -> Outcome:
        if invitation.status is self._reply.status:
            # It stood before, so that it stands now proves nothing.
            raise UnclearOutcomeError(
                f"{unclear} The status stood before, so reading back cannot tell. Look at the organizer's side."
            )
        seen = await self._seen(invitation)
        if seen is None:
            raise UnclearOutcomeError(
                f"{unclear} It did not show within {self._settling.within:g} s. "
                "The next try looks again before it sends."
            )
        detail = f"The response was unclear, but reading back shows it. {seen.detail}".strip()
        return self._replied(invitation, None, invitation.status, detail, after=seen.status)

    async def _seen(self, invitation: Invitation) -> _Seen | None:
        """Return what proves that the reply took effect, or None if nothing did in time."""
        pauses = self._settling.pauses()
        while True:
            try:
                status = await self._client.read_status(invitation)
            except EventNotFoundError:
                if self._reply.status is ParticipationStatus.DECLINED:
                    return _Seen(None, "The event is gone from the calendar, as declined events are here.")
                status = None
            except RsvpError as error:
                # A reply may be out: whatever goes wrong now must not pass for "nothing was sent".
                log.log(self._steps_at, "Could not read back yet: %s", error)
                status = None
            if status is self._reply.status:
                return _Seen(status, "")
            pause = next(pauses, None)
            if pause is None:
                return None
            await asyncio.sleep(pause)

    def _not_seen(self, invitation: Invitation) -> RsvpError:
        said = (
            f"{self._client.service} took '{self._reply.status}' for {invitation.subject!r} "
            f"({invitation.reference}), but reading back did not show it within {self._settling.within:g} s."
        )
        return UnclearOutcomeError(f"{said} The next try looks again before it sends.")

    def _comment_differs(self, invitation: Invitation) -> bool:
        """Whether the service shows my present comment, and it is surely not the one to be sent."""
        wanted, present = self._reply.comment, invitation.comment
        if not wanted or present is None:
            return False
        return not same_wording(wanted, present)

    def _gone_before(
        self, reference: EventReference, intent: Intent | None, error: EventNotFoundError
    ) -> Outcome:
        if self._reply.status is not ParticipationStatus.DECLINED:
            raise error
        if intent is None:
            if self._memory.retried:
                raise EventNotFoundError(
                    f"{error} An earlier try of this task may have declined it, which can delete the event."
                )
            raise error
        return Outcome(
            result=Result.REPLIED,
            service=self._client.service,
            reference=reference,
            reply=self._reply,
            before=intent.before,
            organizer_notified=self._reply.notify_organizer,
            verified=True,
            detail="An earlier try of this task declined it; the event is gone from the calendar since.",
        )

    def _may_still_show(self, intent: Intent) -> bool:
        return pendulum.now(UTC) < intent.noted_at.add(seconds=self._settling.within)

    def _sent_earlier(self, invitation: Invitation, intent: Intent, seen: _Seen | None = None) -> Outcome:
        if intent.before is self._reply.status:
            verified = False
            detail = (
                f"'{self._reply.status}' stood before and stands now. An earlier try of this task was about to "
                "send it again; it is sent once at most, so it was not sent another time."
            )
        else:
            verified = True
            detail = f"An earlier try of this task sent '{self._reply.status}'; it stands now."
        return self._outcome(
            invitation,
            Result.REPLIED,
            before=intent.before,
            after=seen.status if seen else invitation.status,
            notified=self._reply.notify_organizer,
            verified=verified,
            detail=detail,
        )

    def _shown_after_all(self, invitation: Invitation) -> Outcome:
        """Return the outcome where a proxy may have repeated the sending, and was told that the event had changed."""
        return self._outcome(
            invitation,
            Result.REPLIED,
            before=None,
            after=invitation.status,
            notified=self._reply.notify_organizer,
            verified=True,
            detail="The service said that the event had changed meanwhile; it shows the reply now.",
        )

    def _unchanged(self, invitation: Invitation) -> Outcome:
        detail = f"'{self._reply.status}' already stands; nothing was sent."
        if self._memory.retried:
            detail += " An earlier try of this task may have sent it."
        return self._outcome(
            invitation,
            Result.UNCHANGED,
            before=invitation.status,
            after=invitation.status,
            notified=False,
            verified=True,
            detail=detail,
        )

    def _not_sent(self, invitation: Invitation) -> Outcome:
        return self._outcome(
            invitation,
            Result.SKIPPED,
            before=invitation.status,
            after=None,
            notified=False,
            verified=False,
            detail=f"A dry run: '{self._reply.status}' would be sent.",
        )

    def _replied(
        self,
        invitation: Invitation,
        sent: Sent | None,
        before: ParticipationStatus | None,
        detail: str,
        *,
        after: ParticipationStatus | None = None,
        verified: bool = True,
    ) -> Outcome:
        notes = [sent.note if sent else None, detail]
        return self._outcome(
            invitation,
            Result.REPLIED,
            before=before,
            after=after,
            notified=sent.organizer_notified if sent else self._reply.notify_organizer,
            verified=verified,
            detail=" ".join(note for note in notes if note)
            or ("Sent, and seen when read back." if verified else "Sent; not read back."),
        )

    def _outcome(
        self,
        invitation: Invitation,
        result: Result,
        *,
        before: ParticipationStatus | None,
        after: ParticipationStatus | None,
        notified: bool,
        verified: bool,
        detail: str,
    ) -> Outcome:
        return Outcome(
            result=result,
            service=self._client.service,
            reference=invitation.reference,
            reply=self._reply,
            subject=invitation.subject,
            time=invitation.time,
            before=before,
            after=after,
            organizer_notified=notified,
            verified=verified,
            detail=detail,
            link=invitation.link,
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What proves that a reply took effect; no status where the event is gone."""

    status: ParticipationStatus | None
    detail: str
