"""Tasks that reply: the real protocol, tried twice with one memory, as Airflow does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.state_store import StateStore

from airflow_provider_rsvp._tasks.memory import TaskStateMemory
from airflow_provider_rsvp.bulk import send_replies
from airflow_provider_rsvp.exceptions import PassingError, RsvpError
from airflow_provider_rsvp.model import EventReference, Outcome, ParticipationStatus, Reply
from airflow_provider_rsvp.plans import PlannedReply
from airflow_provider_rsvp.replying import ReplyOptions, set_participation_status
from airflow_provider_rsvp.turns import Turns
from explore.reaches import LeaseReach, Leases, StepwiseReach
from explore.scheduler import Process
from explore.service import REQUEST_TIMEOUT, ModelClient, Service, invitation

TRIES = 2
RETRY_DELAY = 5.0
"""Seconds that Airflow may wait before the second try; it may also begin at once."""
OPTIONS = ReplyOptions(settle_timeout=REQUEST_TIMEOUT)
LEASE = 3 * REQUEST_TIMEOUT
TURN_TIMEOUT = 2 * LEASE


@dataclass(frozen=True)
class Parts:
    """What the repliers are made of; a planted bug is another one of these."""

    client: Callable[[Service, Process, str], ModelClient] = ModelClient
    memory: Callable[[Any, str], Any] = TaskStateMemory
    reach: Callable[[Process], Any] = StepwiseReach
    lease: float | None = None
    """Seconds of a lease; None where turns last as long as their process."""
    request_timeout: float = REQUEST_TIMEOUT


@dataclass(frozen=True)
class Task:
    """
    What a replier is to do.

    :param decision: its name
    :param replies: the status for each event
    :param bulk: whether they are sent as many replies are
    """

    decision: str
    replies: tuple[tuple[str, ParticipationStatus], ...]
    bulk: bool = False


@dataclass
class Ending:
    """How a reply of a task ended: with an outcome, an error, or, of many, both."""

    task: Task
    event: str
    status: ParticipationStatus
    outcome: Outcome | None
    error: Exception | None
    tries: int


@dataclass
class Replier:
    """A task over its tries."""

    task: Task
    service: Service
    leases: Leases
    parts: Parts
    store: StateStore = field(default_factory=StateStore)
    tries: int = 0
    process: Process | None = None
    endings: list[Ending] | None = None
    _reach: Any = None
    _client: Any = None

    @property
    def alive(self) -> bool:
        """Whether it is in the middle of a try."""
        return self.process is not None

    @property
    def done(self) -> bool:
        """Whether no other try follows."""
        return self.endings is not None

    def begin(self, delay: float) -> None:
        """Begin a try after a delay."""
        self.tries += 1
        name = f"{self.task.decision}{self.tries}"
        self.process = Process(name, self.service.clock)
        if self.parts.lease is None:
            self._reach = self.parts.reach(self.process)
        else:
            self._reach = LeaseReach(self.leases, self.process, self.service.clock, self.parts.lease)
        self._client = self.parts.client(self.service, self.process, self.task.decision)
        self.process.learn(delay)
        self.process.start(self._try(delay))

    def crash(self) -> None:
        """Stop in the middle of it all."""
        self.end()
        self._reach.crash()

    def end(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.end()
            self.process = None

    def conclude(self) -> None:
        """Note how a try ended, if it did."""
        if self.process is None or not self.process.done:
            return
        results = self.process.result()
        self.end()
        if self.tries < TRIES and any(isinstance(error, PassingError) for _, error in results):
            return
        self.endings = [
            Ending(self.task, event, status, outcome, error, self.tries)
            for (event, status), (outcome, error) in zip(self.task.replies, results, strict=True)
        ]

    def state(self) -> object:
        """Return all that what it does later depends on."""
        if self.process is not None:
            return self.task.decision, self.tries, self.process.trace, sorted(self.store.items())
        if self.endings is None:
            return self.task.decision, self.tries, sorted(self.store.items())
        return self.task.decision, [(each.outcome, each.error, each.tries) for each in self.endings]

    async def _try(self, delay: float) -> list[tuple[Outcome | None, Exception | None]]:
        if delay:
            await asyncio.sleep(delay)
        turns = Turns(
            "model", [self._reach], timeout=TURN_TIMEOUT, request_timeout=self.parts.request_timeout
        )
        memory = self.parts.memory(self.store, "replies")
        if not isinstance(self._reach, LeaseReach):
            return await self._reply(turns, memory)
        renewing = asyncio.ensure_future(self._reach.renew())
        try:
            return await self._reply(turns, memory)
        finally:
            renewing.cancel()

    async def _reply(self, turns: Turns, memory: Any) -> list[tuple[Outcome | None, Exception | None]]:
        if self.task.bulk:
            planned = [
                PlannedReply(
                    reference=EventReference(event_id=event),
                    reply=Reply(status=status),
                    planned=invitation(
                        EventReference(event_id=event), ParticipationStatus.NEEDS_ACTION, None
                    ),
                )
                for event, status in self.task.replies
            ]
            lines = await send_replies(self._client, planned, options=OPTIONS, memory=memory, turns=turns)
            return [(line.outcome, line.error) for line in lines]
        [(event, status)] = self.task.replies
        try:
            outcome = await set_participation_status(
                self._client,
                EventReference(event_id=event),
                Reply(status=status),
                options=OPTIONS,
                memory=memory,
                turns=turns,
            )
        except RsvpError as error:
            return [(None, error)]
        return [(outcome, None)]
