"""
The reply protocol: sends one reply, once, and proves that it arrived.

.. code-block:: text

    take the event's turn, whatever name it was given by; keep it until the outcome is settled
    observe ─ gone, and this task was about to decline it ─────► replied, not verified
        │─── already so ───────────────────────────────────────► unchanged
        │─── answered otherwise since this task may have sent ─► unclear
        │─── not allowed ──────────────────────────────────────► permanent error
        ▼
    note the intent ─► send once ─► settled ─► read back ──────► replied
                            ├─────► refused: changed since the look, or for load ─► observe again
                            └─────► unclear ─► read back ─ seen ► replied
                                                   └─ not seen ─► passing error; the next try observes again

A reply is mail to a person: nothing here sends it a second time without looking in between.
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
    SendRefusedError,
    ThrottledError,
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
from airflow_provider_rsvp.turns import ProcessReach, Turn, Turns

log = logging.getLogger(__name__)

_BEGINNINGS = 3
"""How often the protocol starts if the event keeps changing between the look and the sending."""
_GONE = "The event is gone from the calendar, as declined events are here."
_NAMES = 3
"""How many references one event may have: the one asked for, the one found, and the one found by that."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
"""Shortest and longest pause between two looks while reading back, in seconds."""
_MOST_REFUSALS = 50
"""How often to send a reply that the service keeps refusing for load."""
_REFUSAL_PAUSE = 0.05
"""Half the shortest wait after the first refusal, in seconds; it doubles each time, as some services ask for none."""


def check_request(client: ReplyClient, reference: EventReference, reply: Reply, scope: Scope) -> None:
    """
    Check all that can be checked about a reply without a request.

    :raises InvalidInputError: the event's id is malformed, or arguments contradict each other
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
    series_status: ParticipationStatus | None = None,
    memory: ReplyMemory | None = None,
    key: str = "reply",
    turns: Turns | None = None,
    turn: Turn | None = None,
    steps_at: int = logging.INFO,
) -> Outcome:
    """
    Answer one invitation: look, skip it if it already has this answer, send once, read back.

    :param planned: the invitation as it was when the reply was planned; if it has changed since, nothing is sent,
        unless ``options.force``
    :param series_status: the status that the same task gave to the event's series, which may show at the event
    :param memory: what the task's earlier tries noted
    :param key: the key of this reply in the memory
    :param turns: where to take the event's turn; by default, turns keep out other repliers in this process only
    :param turn: the event's turn, if the caller holds it; the caller gives it back
    :param steps_at: the level at which steps are logged
    :raises PermanentError: the reply cannot be sent, and was not
    :raises UnclearOutcomeError: a reply may have been sent; a later try looks first
    :raises TurnTakenError: another replier held the event's turn for too long; nothing was sent
    :raises PassingError: the service failed; try again later
    """
    options = options or ReplyOptions()
    asked = reply
    if options.degrade:
        reply = proposal_as_comment(client.capabilities, asked)
    check_request(client, reference, reply, scope)
    protocol = _Protocol(client, reply, options, memory or NoMemory(), key, series_status, steps_at)
    turns = turns or Turns(client.service, [ProcessReach()])
    outcome = await protocol.run(reference, scope, planned, turns, turn)
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
        series_status: ParticipationStatus | None,
        steps_at: int,
    ) -> None:
        self._client = client
        self._reply = reply
        self._options = options
        self._memory = memory
        self._key = key
        self._series_status = series_status
        self._steps_at = steps_at
        self._found: EventReference | None = None
        """The event's reference on its calendar."""
        self._before: ParticipationStatus | None = None
        self._refusal: RsvpError | None = None
        """Why the service refused the last attempt to send."""
        self._waited = False
        """Whether this run has waited for what an earlier try sent to show."""

    async def run(
        self,
        reference: EventReference,
        scope: Scope,
        planned: Invitation | None,
        turns: Turns,
        turn: Turn | None,
    ) -> Outcome:
        if turn is not None:
            outcome = await self._run_in_turn(reference, scope, planned, turns, turn)
            if outcome is not None:
                return outcome
        for _ in range(_NAMES):
            turn = await turns.take(turns.name(self._client.turn_of(self._found or reference)))
            try:
                outcome = await self._run_in_turn(reference, scope, planned, turns, turn)
            finally:
                await turn.give_back()
            if outcome is not None:
                return outcome
        raise EditConflictError(
            f"{reference} names a different event each time it is looked at; nothing was sent."
        )

    async def _run_in_turn(
        self,
        reference: EventReference,
        scope: Scope,
        planned: Invitation | None,
        turns: Turns,
        turn: Turn,
    ) -> Outcome | None:
        """Return the outcome; None if there is a reply to send, but the turn belongs to another event."""
        beginnings, refusals, refused = 1, 0, 0.0
        while True:
            try:
                invitation = await self._client.observe(reference, scope)
            except EventNotFoundError as error:
                return self._gone_before(reference, error)
            self._found = invitation.reference
            own = turns.name(self._client.turn_of(invitation.reference)) == turn.name
            intent = self._noted_intent()
            if own and intent is not None and self._may_come_yet(invitation, intent):
                log.log(self._steps_at, "An earlier try was about to send it; looking whether it shows.")
                self._waited = True
                seen = await self._seen(invitation)
                if seen is not None:
                    return self._sent_earlier(invitation, intent, seen)
                # Reading back may have failed, or somebody may have answered meanwhile.
                continue
            try:
                return await self._answer(invitation, scope, planned, turn, own)
            except EditConflictError as error:
                if beginnings == _BEGINNINGS:
                    raise
                beginnings += 1
                log.log(self._steps_at, "%s Looking again.", error)
                self._refusal = error
            except SendRefusedError as error:
                refusals += 1
                pause = min(_REFUSAL_PAUSE * 2.0**refusals, _LONGEST_PAUSE)
                refused += max(error.pause, pause)
                if refused > error.limit or refusals == _MOST_REFUSALS:
                    raise ThrottledError(
                        f"{error} It refused {refusals} times and asked for waits of {refused:.0f} s in all; this task "
                        f"may wait {error.limit:.0f} s. The reply may have been sent all the same: the next try looks "
                        "before it sends."
                    ) from None
                log.log(self._steps_at, "%s Looking again before sending again.", error)
                self._refusal = error
                # The session itself waits as long as the service asked, before the next request.
                await asyncio.sleep(pause)

    async def _answer(
        self, invitation: Invitation, scope: Scope, planned: Invitation | None, turn: Turn, own: bool
    ) -> Outcome | None:
        force = self._options.force
        intent = self._noted_intent()
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
        if stands and self._refusal is not None:
            if self._before is not self._reply.status:
                return self._shown_after_all(invitation, self._refusal)
            if isinstance(self._refusal, SendRefusedError):
                # It stood before, so that it stands now proves nothing, and it may have been sent.
                raise UnclearOutcomeError(
                    f"{self._refusal} The status stood before, so reading back cannot tell whether the reply was sent "
                    "again. Look at the organizer's side."
                )
        if stands and intent is not None:
            return self._sent_earlier(invitation, intent)
        if stands and (self._memory.retried or not force):
            return self._unchanged(invitation)
        self._check_not_overridden(invitation, intent)
        if planned is not None and not force:
            check(against_plan(planned, invitation, self._series_status))
        check(against_event(invitation))
        check(against_reply(invitation, self._reply, scope))
        if self._options.dry_run:
            return self._not_sent(invitation)
        if not own:
            return None
        return await self._send(invitation, intent, turn)

    def _noted_intent(self) -> Intent | None:
        """Return what this task, in this try or an earlier one, may have sent."""
        intent = self._memory.intent(self._key)
        if intent is None and isinstance(self._refusal, SendRefusedError):
            return Intent(self._reply.status, self._before)
        return intent if intent is not None and intent.status is self._reply.status else None

    async def _send(self, invitation: Invitation, earlier: Intent | None, turn: Turn) -> Outcome:
        self._before = invitation.status
        intent = Intent(self._reply.status, invitation.status)
        await self._memory.note_intent(self._key, intent)
        log.log(self._steps_at, "Sending '%s' for %r.", self._reply.status, invitation.subject)
        try:
            async with turn.sending():
                sent = await self._client.send(invitation, self._reply)
        except (UnclearOutcomeError, MalformedResponseError) as unclear:
            log.warning("%s Reading back to find out.", unclear)
            return await self._settle_unclear(invitation, unclear)
        except SendRefusedError:
            # The reply may have taken effect all the same, so the intent stays.
            raise
        except RsvpError:
            # The service refused, or was never reached: this try sent nothing. An earlier try's intent still counts.
            if earlier is None:
                await self._memory.forget(self._key)
            else:
                await self._memory.note_intent(self._key, earlier)
            raise
        if not self._options.verify and self._client.capabilities.response_is_proof:
            return self._replied(invitation, sent, invitation.status, "", verified=False)
        seen = _Seen(sent.status) if sent.status is self._reply.status else await self._seen(invitation)
        if seen is None:
            raise self._not_seen(invitation)
        if seen.status is None:
            # Only the response can prove that this reply removed the event.
            proven = self._client.capabilities.response_is_proof
            return self._replied(invitation, sent, invitation.status, _GONE, verified=proven, gone=True)
        if invitation.status is self._reply.status and not self._client.capabilities.response_is_proof:
            stood = "The status was the same before, so reading back cannot tell whether the reply was sent again."
            return self._replied(
                invitation, sent, invitation.status, stood, after=seen.status, verified=False
            )
        return self._replied(invitation, sent, invitation.status, "", after=seen.status)

    async def _settle_unclear(self, invitation: Invitation, unclear: RsvpError) -> Outcome:
        if invitation.status is self._reply.status:
            # The status was the same before, so seeing it now proves nothing.
            raise UnclearOutcomeError(
                f"{unclear} The status was the same before, so reading back cannot tell whether the reply was sent. "
                "Ask the organizer."
            )
        seen = await self._seen(invitation)
        if seen is None:
            raise UnclearOutcomeError(
                f"{unclear} It did not show within {self._options.settle_timeout:g} s. "
                "The next try looks again before it sends."
            )
        if seen.status is None:
            return self._replied(
                invitation,
                None,
                invitation.status,
                f"The response was unclear. {_GONE} Or somebody else deleted it. Whether the organizer was told is "
                "not known.",
                verified=False,
                gone=True,
            )
        return self._replied(
            invitation,
            None,
            invitation.status,
            "The response was unclear, but reading back shows it.",
            after=seen.status,
        )

    async def _seen(self, invitation: Invitation) -> _Seen | None:
        """Return the proof that the reply took effect, or None if none showed in time."""
        pauses = _pauses(self._options.settle_timeout)
        while True:
            try:
                status = await self._client.read_status(invitation)
            except EventNotFoundError:
                if self._reply.status is ParticipationStatus.DECLINED:
                    return _Seen(None)
                status = None
            except RsvpError as error:
                log.log(self._steps_at, "Could not read back yet: %s", error)
                status = None
            except Exception as error:
                # The reply may have been sent: no error from here on may claim that nothing was.
                log.warning("Could not read back yet: unexpected %s.", type(error).__name__)
                status = None
            if status is self._reply.status:
                return _Seen(status)
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
        """Whether the service shows my current comment, and it surely differs from the one to send."""
        wanted, present = self._reply.comment, invitation.comment
        if not wanted or present is None:
            return False
        return not same_wording(wanted, present)

    def _gone_before(self, reference: EventReference, error: EventNotFoundError) -> Outcome:
        intent = self._noted_intent()
        if self._reply.status is not ParticipationStatus.DECLINED:
            if intent is None:
                raise error
            raise UnclearOutcomeError(
                f"{error} This task may have sent '{intent.status}' before it went. Look at the organizer's side."
            )
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
            organizer_notified=None,
            verified=False,
            gone=True,
            detail="This task was about to decline it, and the event is now gone from the calendar: declined, or "
            "deleted by somebody else. Whether the organizer was told is not known.",
        )

    def _may_come_yet(self, invitation: Invitation, intent: Intent) -> bool:
        """Whether what an earlier try sent may be on its way still: that try may have ended in the middle of it."""
        over = self._waited or self._refusal is not None or self._options.dry_run
        return not over and invitation.status is intent.before is not self._reply.status

    def _check_not_overridden(self, invitation: Invitation, intent: Intent | None) -> None:
        """
        Check that nobody has answered otherwise since this task may have sent the reply.

        :raises UnclearOutcomeError: somebody has, so that the status cannot tell whether it was sent
        """
        if intent is not None and invitation.status not in (intent.before, intent.status):
            raise UnclearOutcomeError(
                f"This task may have sent '{intent.status}' before, and somebody has answered otherwise since: it was "
                f"{intent.before or 'not shown'} and is {invitation.status or 'not shown'} now. Nothing more is sent. "
                "Look at the organizer's side."
            )

    def _sent_earlier(self, invitation: Invitation, intent: Intent, seen: _Seen | None = None) -> Outcome:
        if intent.before is self._reply.status:
            verified = False
            detail = (
                f"The status was '{self._reply.status}' before and still is. An earlier try of this task was about to "
                "send it again; it is sent at most once, so this try did not send it."
            )
        else:
            verified = True
            detail = f"An earlier try of this task sent '{self._reply.status}', which is the status now."
        return self._outcome(
            invitation,
            Result.REPLIED,
            before=intent.before,
            after=seen.status if seen else invitation.status,
            notified=self._reply.notify_organizer,
            verified=verified,
            detail=detail,
        )

    def _shown_after_all(self, invitation: Invitation, refusal: RsvpError) -> Outcome:
        """
        Return the outcome if the service refused the reply, and shows its status all the same.

        A service that asks for fewer requests may have handled this one anyway. A service that found a newer version
        has not: somebody else answered, unless a proxy repeated the request.
        """
        changed = isinstance(refusal, EditConflictError)
        how = "because the event had changed" if changed else "because it asks for fewer requests"
        return self._outcome(
            invitation,
            Result.UNCHANGED if changed else Result.REPLIED,
            before=self._before,
            after=invitation.status,
            notified=None,
            verified=True,
            detail=f"The service refused '{self._reply.status}' {how}, but now shows that status. Whether this reply "
            "told the organizer is not known.",
        )

    def _unchanged(self, invitation: Invitation) -> Outcome:
        detail = f"The status is already '{self._reply.status}'; nothing was sent."
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
        gone: bool = False,
    ) -> Outcome:
        if sent is not None:
            notified: bool | None = sent.organizer_notified
        else:
            notified = None if gone else self._reply.notify_organizer
        notes = [sent.note if sent else None, detail]
        return self._outcome(
            invitation,
            Result.REPLIED,
            before=before,
            after=after,
            notified=notified,
            verified=verified,
            gone=gone,
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
        notified: bool | None,
        verified: bool,
        detail: str,
        gone: bool = False,
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
            gone=gone,
            detail=detail,
            link=invitation.link,
        )


def _pauses(within: float) -> Iterator[float]:
    """Yield the pauses between looks: they double, and add up to ``within`` seconds."""
    left, pause = within, _FIRST_PAUSE
    while left > 0:
        step = min(pause, left)
        yield step
        left -= step
        pause = min(2 * pause, _LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What reading back showed: the status that was sent, or None if the declined event is gone."""

    status: ParticipationStatus | None
