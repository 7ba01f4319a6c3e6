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

import pendulum

from airflow_provider_rsvp.exceptions import (
    EditConflictError,
    EventNotFoundError,
    MalformedResponseError,
    RsvpError,
    UnclearOutcomeError,
)
from airflow_provider_rsvp.model import (
    EventReference,
    Invitation,
    Obstacle,
    Outcome,
    ParticipationStatus,
    Reply,
    Result,
    Scope,
)
from airflow_provider_rsvp.preconditions import (
    against_event,
    against_plan,
    against_reply,
    against_service,
    check,
    proposal_as_comment,
)
from airflow_provider_rsvp.replying.memory import Intent, NoMemory, ReplyMemory
from airflow_provider_rsvp.replying.options import ReplyOptions
from airflow_provider_rsvp.services.client import ReplyClient, Sent
from airflow_provider_rsvp.text import same_wording
from airflow_provider_rsvp.times import UTC

log = logging.getLogger(__name__)

_BEGINNINGS = 3
"""How often the protocol begins, if the event changes between the look and the sending."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
"""Seconds between two looks while reading back."""


def check_request(client: ReplyClient, reference: EventReference, reply: Reply, scope: Scope) -> None:
    """
    Check everything about a reply that can be checked without a request.

    :raises InvalidInputError: the event's id or a combination of arguments is impossible
    :raises UnsupportedByServiceError: the service cannot express the reply
    """
    reply.check_time(pendulum.now(UTC))
    check(against_service(client.capabilities, client.service, reference, reply, scope))
    client.check(reference, reply, scope)


async def set_participation_status(
    client: ReplyClient,
    reference: EventReference,
    reply: Reply,
    *,
    scope: Scope = Scope.INSTANCE,
    options: ReplyOptions | None = None,
    planned: Invitation | None = None,
    memory: ReplyMemory | None = None,
    key: str = "reply",
    steps_at: int = logging.INFO,
) -> Outcome:
    """
    Answer one invitation: look, skip if the answer stands, send once, read back.

    :param planned: the invitation as it was when the reply was chosen; if it is another now, nothing is sent, unless
        ``options.force``
    :param memory: what the task's earlier tries noted
    :param key: under which the memory keeps this reply
    :param steps_at: the level at which the steps are logged
    :raises PermanentError: it cannot be done; nothing was sent
    :raises UnclearOutcomeError: a reply may have gone out; try again later, beginning with a look
    :raises PassingError: the service did not serve; try again later
    """
    options = options or ReplyOptions()
    asked = reply
    if options.degrade:
        reply = proposal_as_comment(client.capabilities, asked)
    check_request(client, reference, reply, scope)
    protocol = _Protocol(client, reply, options, memory or NoMemory(), key, steps_at)
    outcome = await protocol.run(reference, scope, planned)
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
        options: ReplyOptions,
        memory: ReplyMemory,
        key: str,
        steps_at: int,
    ) -> None:
        self._client = client
        self._reply = reply
        self._options = options
        self._memory = memory
        self._key = key
        self._steps_at = steps_at
        self._began_again = False

    async def run(self, reference: EventReference, scope: Scope, planned: Invitation | None) -> Outcome:
        for _ in range(_BEGINNINGS - 1):
            try:
                return await self._run_once(reference, scope, planned)
            except EditConflictError as error:
                log.log(self._steps_at, "%s Beginning again with a look.", error)
                self._began_again = True
        return await self._run_once(reference, scope, planned)

    async def _run_once(self, reference: EventReference, scope: Scope, planned: Invitation | None) -> Outcome:
        force = self._options.force
        intent = self._memory.intent(self._key)
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
        if invitation.obstacle in (Obstacle.OWN, Obstacle.NOT_INVITED):
            check(against_event(invitation))
        stands = invitation.status is self._reply.status and not self._comment_differs(invitation)
        if stands and intent is not None:
            return self._sent_earlier(invitation, intent)
        if stands and self._began_again:
            return self._shown_after_all(invitation)
        if stands and (self._memory.retried or not force):
            return self._unchanged(invitation)
        if planned is not None and not force:
            check(against_plan(planned, invitation))
        check(against_event(invitation))
        check(against_reply(invitation, self._reply, scope))
        if self._options.dry_run:
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
        await self._memory.note_intent(self._key, intent)
        log.log(self._steps_at, "Sending '%s' for %r.", self._reply.status, invitation.subject)
        try:
            sent = await self._client.send(invitation, self._reply)
        except (UnclearOutcomeError, MalformedResponseError) as unclear:
            log.warning("%s Reading back to find out.", unclear)
            return await self._settle_unclear(invitation, unclear)
        except RsvpError:
            # The service refused, or was never reached: this try sent nothing. What an earlier one sent still counts.
            if earlier is None:
                await self._memory.forget(self._key)
            else:
                await self._memory.note_intent(self._key, earlier)
            raise
        if not self._options.verify and self._client.capabilities.response_is_proof:
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
                f"{unclear} It did not show within {self._options.settle_timeout:g} s. "
                "The next try looks again before it sends."
            )
        detail = f"The service's answer was unclear, but reading back shows it. {seen.detail}".strip()
        return self._replied(invitation, None, invitation.status, detail, after=seen.status)

    async def _seen(self, invitation: Invitation) -> _Seen | None:
        """Return what proves that the reply took effect, or None if nothing did in time."""
        pauses = _pauses(self._options.settle_timeout)
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
            f"({invitation.reference}), but reading back did not show it within {self._options.settle_timeout:g} s."
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
        return pendulum.now(UTC) < intent.noted_at.add(seconds=self._options.settle_timeout)

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


def _pauses(within: float) -> Iterator[float]:
    """Yield the pauses between looks: doubling, and so many seconds in all."""
    left, pause = within, _FIRST_PAUSE
    while left > 0:
        step = min(pause, left)
        yield step
        left -= step
        pause = min(2 * pause, _LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What proves that a reply took effect; no status where the event is gone."""

    status: ParticipationStatus | None
    detail: str
