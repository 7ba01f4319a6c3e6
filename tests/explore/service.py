"""A model of a calendar service that may misbehave in all the ways that a replier cannot see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pendulum

from airflow_provider_rsvp.exceptions import (
    EditConflictError,
    EventNotFoundError,
    SendRefusedError,
    ServiceUnavailableError,
    UnclearOutcomeError,
)
from airflow_provider_rsvp.model import (
    Capabilities,
    EventReference,
    Invitation,
    ParticipationStatus,
    Reply,
    Scope,
    TimeRange,
)
from airflow_provider_rsvp.services.client import CalendarClient, Sent, Window
from explore.scheduler import Choices, Clock, Process

REQUEST_TIMEOUT = 1.0
SHOWN_AFTER = 0.5
"""Seconds for which a service that shows late may show what stood before."""
_HELD_BACK = 2.5
"""Seconds for which a client may hold a request back, because the service asks for fewer."""
_REFUSALS_END = 60.0
BY_HAND = "by hand"

_START = pendulum.datetime(2030, 1, 1, tz="UTC")
_TIME = TimeRange(_START, _START.add(hours=1))


@dataclass(frozen=True)
class Kind:
    """
    A class of services.

    :param conditional: whether it refuses a reply to a version of the event that is not the present one
    :param shows_late: whether it may show what stood before for a while
    :param deletes: whether it deletes what one declines
    :param proves: whether its response proves that the status was set
    :param faults: what may become of a reply that is sent, other than that it is done
    """

    name: str
    conditional: bool = False
    shows_late: bool = False
    deletes: bool = False
    proves: bool = False
    faults: tuple[str, ...] = ("lost", "response lost", "late", "refused", "refused though done", "held back")


@dataclass
class Event:
    """An event as it is, and as it is shown."""

    status: ParticipationStatus | None = ParticipationStatus.NEEDS_ACTION
    shown: ParticipationStatus | None = ParticipationStatus.NEEDS_ACTION
    shows_at: float = 0.0
    version: int = 0


@dataclass(frozen=True)
class Mail:
    """
    What the organizer received.

    :param repeats: whether the mail before it, with nothing in between, said the same
    """

    decision: str
    event: str
    status: ParticipationStatus
    repeats: bool


@dataclass(frozen=True)
class Flight:
    """A reply that is under way, and takes effect by some time."""

    decision: str
    event: str
    status: ParticipationStatus
    version: int
    by: float


@dataclass
class Service:
    """The service's state, which the processes share."""

    kind: Kind
    clock: Clock
    choices: Choices
    faults: int
    events: dict[str, Event]
    mails: list[Mail] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)
    history: list[tuple[str, str, ParticipationStatus]] = field(default_factory=list)
    """Who set which event to what."""

    def misbehave(self, *ways: str) -> str:
        """Return how the service misbehaves now; empty if it does not."""
        if not self.faults:
            return ""
        way = self.choices.choose(("", *ways))
        self.faults -= bool(way)
        return way

    def apply(self, reply: Flight) -> bool:
        """Set a status; return whether the service did."""
        event = self.events[reply.event]
        if event.status is None or (self.kind.conditional and reply.version != event.version):
            return False
        before = [(who, status) for who, name, status in self.history if name == reply.event][-1:]
        repeats = any(who != BY_HAND and status is reply.status for who, status in before)
        self.mails.append(Mail(reply.decision, reply.event, reply.status, repeats))
        self._set(reply.decision, reply.event, reply.status)
        return True

    def answer_by_hand(self, name: str, status: ParticipationStatus) -> None:
        """Set a status as a person does in the calendar."""
        self._set(BY_HAND, name, status)

    def _set(self, who: str, name: str, status: ParticipationStatus) -> None:
        self.history.append((who, name, status))
        event = self.events[name]
        event.version += 1
        event.status = None if self.kind.deletes and status is ParticipationStatus.DECLINED else status
        if self.kind.shows_late:
            event.shows_at = self.clock.now + SHOWN_AFTER
        else:
            event.shown = event.status

    def state(self) -> object:
        """Return all that what happens later depends on."""
        return self.faults, self.events, self.mails, self.flights, self.history


class ModelClient(CalendarClient):
    """
    A replier's client of the model service.

    :param decision: whose replies these are; the same for all tries
    """

    service = "model"

    def __init__(self, service: Service, process: Process, decision: str) -> None:
        kind = service.kind
        self.capabilities = Capabilities(
            statuses=frozenset(ParticipationStatus),
            comment=False,
            silent=False,
            proposed_time=False,
            scopes=frozenset(Scope),
            mailboxes=False,
            ical_uid=False,
            response_is_proof=kind.proves,
            batch_size=1,
        )
        self.model = service
        self.process = process
        self.decision = decision

    async def observe(self, reference: EventReference, scope: Scope) -> Invitation:
        """Look."""
        await self.process.step("look")
        event = self.model.events[reference.event_id or ""]
        seen, version = event.shown, event.version
        await self._fetch(seen, version)
        if seen is None:
            raise EventNotFoundError("There is no such event.")
        return invitation(reference, seen, version)

    async def read_status(self, invitation: Invitation) -> ParticipationStatus | None:
        """Read back."""
        await self.process.step("read back")
        event = self.model.events[invitation.reference.event_id or ""]
        seen = event.shown
        await self._fetch(seen, event.version)
        if seen is None:
            raise EventNotFoundError("There is no such event.")
        return seen

    async def _fetch(self, *seen: object) -> None:
        way = self.model.misbehave("fails", "takes long")
        self.process.learn(way, seen)
        if way == "fails":
            raise ServiceUnavailableError("It fails.")
        if way == "takes long":
            await asyncio.sleep(REQUEST_TIMEOUT)

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        """Send."""
        await self.process.step("send")
        way = self.model.misbehave(*self.model.kind.faults)
        self.process.learn(way)
        if way == "held back":
            await asyncio.sleep(_HELD_BACK)
            return await self.send(invitation, reply)
        return await self.post(self.flight(invitation, reply), way)

    def flight(self, invitation: Invitation, reply: Reply) -> Flight:
        """Return the request for a reply."""
        assert isinstance(invitation.version, int)
        event = invitation.reference.event_id or ""
        return Flight(
            self.decision, event, reply.status, invitation.version, self.model.clock.now + REQUEST_TIMEOUT
        )

    async def post(self, reply: Flight, way: str) -> Sent:
        """Make the request, and return or raise what came of it."""
        if way == "late":
            self.model.flights.append(reply)
            await asyncio.sleep(REQUEST_TIMEOUT)
            raise UnclearOutcomeError("No response came in time.")
        if way == "lost":
            raise UnclearOutcomeError("The connection was cut.")
        if way == "refused":
            raise SendRefusedError("It asks for fewer requests.", limit=_REFUSALS_END)
        was = self.model.events[reply.event].status
        done = self.model.apply(reply)
        self.process.learn(done, was)
        if way == "response lost":
            raise UnclearOutcomeError("The connection was cut.")
        if way == "refused though done":
            raise SendRefusedError("It asks for fewer requests.", limit=_REFUSALS_END)
        if done:
            return Sent(organizer_notified=True)
        if was is None:
            raise EventNotFoundError("There is no such event.")
        raise EditConflictError("The event was changed meanwhile; nothing was sent.")

    async def list_invitations(
        self, window: Window, *, mailbox: str | None = None, calendar_id: str | None = None
    ) -> AsyncIterator[Invitation]:
        """List nothing: so few replies are looked at one by one."""
        return
        yield


def invitation(
    reference: EventReference, status: ParticipationStatus | None, version: int | None
) -> Invitation:
    """Return an event of the model as it is shown."""
    return Invitation(reference=reference, subject="A meeting", time=_TIME, status=status, version=version)


class BatchedClient(ModelClient):
    """A client that sends the replies of one moment in one request."""

    def __init__(self, service: Service, process: Process, decision: str) -> None:
        super().__init__(service, process, decision)
        self._gathered: list[tuple[Flight, asyncio.Future[Sent]]] = []
        self._posting: asyncio.Task[None] | None = None

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        """Send together with others."""
        future = self.process.create_future()
        self._gathered.append((self.flight(invitation, reply), future))
        if len(self._gathered) == 1:
            self._posting = asyncio.ensure_future(self._post_all())
        return await future

    async def _post_all(self) -> None:
        await self.process.step("send a batch")
        gathered = [each for each in self._gathered if not each[1].done()]
        self._gathered.clear()
        way = self.model.misbehave(
            "lost", "response lost", "late", "refused", "refused though done", "the last refused"
        )
        self.process.learn(way)
        results = await self.carry([reply for reply, _ in gathered], way)
        for (_, future), result in zip(gathered, results, strict=True):
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

    async def carry(self, batch: list[Flight], way: str) -> list[Sent | BaseException]:
        """Make the request for a batch, and return what came of each reply in it."""
        ways = [way] * len(batch)
        if way == "the last refused":
            ways = [""] * (len(batch) - 1) + ["refused"]
        posts = [self.post(reply, each) for reply, each in zip(batch, ways, strict=True)]
        return await asyncio.gather(*posts, return_exceptions=True)
