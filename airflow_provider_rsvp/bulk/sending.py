"""
Sending many replies, each through the one reply protocol.

Mailboxes are answered in parallel, and each mailbox's replies in chunks, so that the sending follows soon after the
look, and memory does not grow with their number. While one chunk is read back, the next one is under way. If the
service takes batches, two chunks overlap from the first look on, and a chunk is large enough to fill the batches. A
reply that fails never affects another.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_rsvp.bulk.looking import Claims, ListedCalendar
from airflow_provider_rsvp.exceptions import (
    CredentialsError,
    EventCancelledError,
    EventNotFoundError,
    NotAsPlannedError,
    RsvpError,
    SameEventError,
    ThrottledError,
    UnclearOutcomeError,
    UntrustedHostError,
)
from airflow_provider_rsvp.model import (
    Invitation,
    Outcome,
    ParticipationStatus,
    Result,
    Scope,
    TimeRange,
)
from airflow_provider_rsvp.plans.plain import time_range_from_plain
from airflow_provider_rsvp.plans.planned_reply import PlannedReply
from airflow_provider_rsvp.plans.reading import Reader
from airflow_provider_rsvp.plans.report import ReportLine
from airflow_provider_rsvp.replying import NoMemory, ReplyMemory, ReplyOptions, set_participation_status
from airflow_provider_rsvp.services.client import CalendarClient
from airflow_provider_rsvp.times import timestamp
from airflow_provider_rsvp.turns import ProcessReach, Turn, Turns

log = logging.getLogger(__name__)

_CHUNK = 100
"""Replies that are looked at, sent and read back together."""
_BATCHES = 20
"""Batches that a chunk fills if all replies are for one mailbox."""
_OVERLAPPING = 2
"""Chunks of one calendar that are looked at and sent at once if the service takes batches."""
_SIDE_BY_SIDE = 64
"""Mailboxes that are answered for in parallel."""
_LONGEST_DETAIL, _LONGEST_SUBJECT = 300, 100

_ENDS_CONNECTION = (CredentialsError, UntrustedHostError)
"""Errors of the whole connection, after which no other reply is tried."""


async def send_replies(
    client: CalendarClient,
    replies: Sequence[PlannedReply],
    *,
    options: ReplyOptions | None = None,
    memory: ReplyMemory | None = None,
    turns: Turns | None = None,
    claims: Claims | None = None,
    progress: Callable[[ReportLine], None] | None = None,
    conn_id: str = "",
) -> list[ReportLine]:
    """
    Answer many invitations, and return one line for each, in the order of the replies.

    An invitation that was deleted, moved, cancelled or answered by hand after its reply was planned is skipped, and so
    is the second of two replies to the same event. A series is answered before its instances: the reply to an instance
    counts for it, and the reply to the series for all others.

    :param memory: what the task's earlier tries noted; replies that they settled are left alone
    :param turns: where to take the events' turns; by default, turns keep out other repliers in this process only
    :param claims: the events that other replies of the same task have found, on any connection
    :param progress: called once for each reply, when it is settled
    :param conn_id: the connection that the lines name
    """
    options = options or ReplyOptions()
    sender = _Sender(
        client,
        options,
        NoMemory() if memory is None or options.dry_run else memory,
        turns or Turns(client.service, [ProcessReach()]),
        {} if claims is None else claims,
        progress or (lambda line: None),
        conn_id,
    )
    return await sender.send(replies)


def failed_lines(
    replies: Sequence[PlannedReply], error: Exception, *, service: str, conn_id: str
) -> list[ReportLine]:
    """
    Return the lines of replies on a connection that failed as a whole; any of them may have been sent before.

    :param error: why it failed
    """
    why = error if isinstance(error, RsvpError) else _unexpected(error)
    return [
        ReportLine(
            outcome=Outcome(
                result=Result.FAILED,
                service=service,
                reference=each.reference,
                reply=each.reply,
                subject=each.planned.subject if each.planned else None,
                time=each.planned.time if each.planned else None,
                link=each.planned.link if each.planned else None,
                organizer_notified=None,
                detail=f"{type(why).__name__}: {why}",
            ),
            scope=each.scope,
            rule=each.rule,
            reason=each.reason,
            conn_id=conn_id,
            error=why,
        )
        for each in replies
    ]


def _unexpected(error: Exception) -> UnclearOutcomeError:
    """Log where an error arose, and return what may be told of it: its message is left out, as it may hold a secret."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.warning("Unexpected %s.\n%s", type(error).__name__, where)
    return UnclearOutcomeError(
        f"Unexpected {type(error).__name__}; the task's log says where. The reply may or may not have been sent; the "
        "next try looks first."
    )


class _Sender:
    def __init__(
        self,
        client: CalendarClient,
        options: ReplyOptions,
        memory: ReplyMemory,
        turns: Turns,
        claims: Claims,
        progress: Callable[[ReportLine], None],
        conn_id: str,
    ) -> None:
        self._conn_id = conn_id
        self._client = client
        self._options = options
        self._memory = memory
        self._turns = turns
        self._claims = claims
        self._progress = progress
        self._lines: dict[str, ReportLine] = {}
        self._series: dict[tuple[str, str], ParticipationStatus] = {}
        """What the series were answered, by their mailboxes and ids."""
        self._broken: RsvpError | None = None

    async def send(self, replies: Sequence[PlannedReply]) -> list[ReportLine]:
        calendars: dict[tuple[str, str | None], list[PlannedReply]] = defaultdict(list)
        for each in {each.key: each for each in replies}.values():
            noted = self._memory.outcome(each.key)
            if noted is not None:
                self._settle(each, self._line(each, self._outcome_from_plain(each, noted), earlier=True))
            else:
                calendars[(each.reference.mailbox or "").casefold(), each.reference.calendar_id].append(each)
        at_once = asyncio.Semaphore(_SIDE_BY_SIDE)
        async with asyncio.TaskGroup() as group:
            for calendar in calendars.values():
                group.create_task(self._answer_calendar(calendar, at_once))
        return [self._lines[each.key] for each in replies]

    async def _answer_calendar(self, replies: list[PlannedReply], at_once: asyncio.Semaphore) -> None:
        async with at_once:
            for scope in (Scope.SERIES, Scope.INSTANCE):
                await self._answer_in_chunks([each for each in replies if each.scope is scope])

    async def _answer_in_chunks(self, replies: list[PlannedReply]) -> None:
        capabilities = self._client.capabilities
        batched = capabilities.batch_size > 1
        # If one connection answers for many mailboxes, their replies fill the batches together.
        alone = batched and not capabilities.mailboxes
        size = max(_CHUNK, _BATCHES * capabilities.batch_size) if alone else _CHUNK
        places = asyncio.Semaphore(_OVERLAPPING if batched else 1)
        async with asyncio.TaskGroup() as group:
            for chunk in _chunks(replies, size):
                await places.acquire()
                if self._broken is not None:
                    places.release()
                    self._give_up(chunk, self._broken)
                    continue
                all_sent = asyncio.Event()
                group.create_task(self._answer_chunk(chunk, all_sent))
                group.create_task(_release_when(all_sent, places))

    def _give_up(self, chunk: Sequence[PlannedReply], error: RsvpError) -> None:
        for each in chunk:
            self._settle(
                each, self._failed(each, error, "Not tried, because the connection failed earlier. ")
            )

    async def _answer_chunk(self, chunk: Sequence[PlannedReply], all_sent: asyncio.Event) -> None:
        """
        Answer the events whose turns are free together; an event that another task is answering delays none of them.

        :param all_sent: set when no reply is left to send, except those that wait for their turn
        """
        names = {each.key: self._turns.name(self._client.turn_of(each.reference)) for each in chunk}
        free = await self._turns.take_free(names.values())
        had = {key: turn for key, name in names.items() if (turn := free.pop(name, None)) is not None}
        try:
            await self._answer_all(chunk, had, all_sent)
        finally:
            for turn in had.values():
                await turn.give_back()
        try:
            await self._memory.write()
        except Exception as error:
            # Without the notes, a later try looks at these events again. The report must not be lost.
            log.warning("Could not note the outcomes for a later try (%s).", type(error).__name__)

    async def _answer_all(
        self, chunk: Sequence[PlannedReply], had: Mapping[str, Turn], all_sent: asyncio.Event
    ) -> None:
        together = [each for each in chunk if each.key in had and _is_listed(each)]
        alone = [each for each in chunk if each.key in had and not _is_listed(each)]
        async with asyncio.TaskGroup() as waiting:
            for each in chunk:
                if each.key not in had:
                    waiting.create_task(self._answer(each, self._calendar([each], asyncio.Event()), None))
            async with asyncio.TaskGroup() as group:
                for each in alone:
                    calendar = self._calendar([each], asyncio.Event())
                    group.create_task(self._answer(each, calendar, had[each.key]))
                if together:
                    calendar = self._calendar(together, all_sent)
                    await calendar.look()
                    for each in together:
                        group.create_task(self._answer(each, calendar, had[each.key]))
            all_sent.set()

    def _calendar(self, replies: Sequence[PlannedReply], all_sent: asyncio.Event) -> ListedCalendar:
        return ListedCalendar(self._client, replies, self._claims, self._turns, self._conn_id, all_sent)

    async def _answer(self, each: PlannedReply, calendar: ListedCalendar, turn: Turn | None) -> None:
        try:
            line = await self._outcome(each, calendar, turn)
        finally:
            calendar.leave()
            if turn is not None:
                await turn.give_back()
        if line.error is None:
            self._memory.settle(each.key, _outcome_to_plain(each, line.outcome))
        elif isinstance(line.error, _ENDS_CONNECTION):
            self._broken = line.error
        self._settle(each, line)

    async def _outcome(self, each: PlannedReply, calendar: ListedCalendar, turn: Turn | None) -> ReportLine:
        series_status = self._series.get(_series_of(each)) if each.scope is Scope.INSTANCE else None
        try:
            outcome = await set_participation_status(
                calendar,
                each.reference,
                each.reply,
                scope=each.scope,
                options=self._options,
                planned=each.planned,
                series_status=series_status,
                memory=self._memory,
                key=each.key,
                turns=self._turns,
                turn=turn,
                steps_at=logging.DEBUG,
            )
        except (NotAsPlannedError, SameEventError) as reason:
            return self._line(each, self._without_effect(each, Result.SKIPPED, str(reason)))
        except (EventCancelledError, EventNotFoundError) as gone:
            if each.planned is None or self._options.force:
                return self._failed(each, gone)
            detail = f"It was cancelled or removed from the calendar after the reply was planned. {gone}"
            return self._line(each, self._without_effect(each, Result.SKIPPED, detail))
        except RsvpError as error:
            return self._failed(each, error)
        except Exception as error:
            # The report must tell about replies that were sent.
            return self._failed(each, _unexpected(error))
        if each.planned is None:
            return self._line(each, outcome)
        if outcome.result is Result.REPLIED and series_status is not None and outcome.before is series_status:
            # Who undoes both goes back to what stood before the series was answered.
            outcome = replace(outcome, before=each.planned.status)
        return self._line(each, _sharing(outcome, each.planned))

    def _settle(self, each: PlannedReply, line: ReportLine) -> None:
        self._lines[each.key] = line
        if each.scope is Scope.SERIES and line.outcome.result in (Result.REPLIED, Result.UNCHANGED):
            self._series[_series_of(each)] = each.reply.status
        self._progress(line)

    def _line(
        self,
        each: PlannedReply,
        outcome: Outcome,
        *,
        error: RsvpError | None = None,
        earlier: bool = False,
    ) -> ReportLine:
        return ReportLine(
            outcome=outcome,
            scope=each.scope,
            rule=each.rule,
            reason=each.reason,
            conn_id=self._conn_id,
            error=error,
            earlier=earlier,
        )

    def _failed(self, each: PlannedReply, error: RsvpError, prefix: str = "") -> ReportLine:
        detail = f"{prefix}{type(error).__name__}: {error}"
        outcome = self._without_effect(each, Result.FAILED, detail)
        if (
            isinstance(error, UnclearOutcomeError | ThrottledError)
            or self._memory.intent(each.key) is not None
        ):
            outcome = replace(outcome, organizer_notified=None)
        return self._line(each, outcome, error=error)

    def _without_effect(self, each: PlannedReply, result: Result, detail: str) -> Outcome:
        planned = each.planned
        return Outcome(
            result=result,
            service=self._client.service,
            reference=each.reference,
            reply=each.reply,
            subject=planned.subject if planned else None,
            time=planned.time if planned else None,
            link=planned.link if planned else None,
            detail=detail,
        )

    def _outcome_from_plain(self, each: PlannedReply, note: dict[str, Any]) -> Outcome:
        planned = each.planned
        return Outcome(
            result=Result(note["result"]),
            service=self._client.service,
            reference=each.reference,
            reply=each.reply,
            subject=planned.subject if planned else note["subject"],
            time=planned.time if planned else _time(note["time"]),
            before=ParticipationStatus(note["before"]) if note["before"] else None,
            after=ParticipationStatus(note["after"]) if note["after"] else None,
            organizer_notified=note["notified"],
            verified=note["verified"],
            gone=note["gone"],
            detail=note["detail"],
            link=planned.link if planned else None,
        )


def _is_listed(each: PlannedReply) -> bool:
    """
    Return whether a listing shows what a reply is for, so that it can be looked at and read back with others.

    A reply to a series has to find the series first, whose turn may be another's: nobody else is to wait for that.
    """
    return each.planned is not None and each.scope is Scope.INSTANCE


async def _release_when(event: asyncio.Event, places: asyncio.Semaphore) -> None:
    await event.wait()
    places.release()


def _series_of(each: PlannedReply) -> tuple[str, str]:
    """Return the mailbox and the id of the series that a reply is for, or that its instance belongs to."""
    series_id = each.planned.series_id if each.planned is not None else None
    return (each.reference.mailbox or "").casefold(), series_id or str(each.reference.event_id)


def _sharing(outcome: Outcome, planned: Invitation) -> Outcome:
    """Return the outcome with the plan's own objects where they are equal, so that thousands are not held twice."""
    if outcome.time is None:
        return replace(outcome, subject=planned.subject, time=planned.time)
    return replace(
        outcome,
        **{
            name: getattr(planned, name)
            for name in ("reference", "subject", "time", "link")
            if getattr(outcome, name) == getattr(planned, name)
        },
    )


def _outcome_to_plain(each: PlannedReply, outcome: Outcome) -> dict[str, Any]:
    """Return the part of an outcome that the reply does not hold; JSON-plain and short."""
    seen = {}
    if each.planned is None:
        seen = {
            "subject": outcome.subject[:_LONGEST_SUBJECT] if outcome.subject else None,
            "time": outcome.time.to_plain() if outcome.time else None,
        }
    return {
        **seen,
        "result": outcome.result.value,
        "before": outcome.before.value if outcome.before else None,
        "after": outcome.after.value if outcome.after else None,
        "notified": outcome.organizer_notified,
        "verified": outcome.verified,
        "gone": outcome.gone,
        "detail": outcome.detail[:_LONGEST_DETAIL],
    }


def _time(note: dict[str, str] | None) -> TimeRange | None:
    return time_range_from_plain(Reader(note)) if note else None


def _chunks(replies: list[PlannedReply], size: int) -> Iterator[list[PlannedReply]]:
    """Yield the replies in chunks that lie close together in time."""
    ordered = sorted(replies, key=_start)
    for first in range(0, len(ordered), size):
        yield ordered[first : first + size]


def _start(each: PlannedReply) -> float:
    return float("inf") if each.planned is None else timestamp(each.planned.time.start)
