"""Goes through all runs of a situation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pendulum

from airflow_provider_rsvp.model import ParticipationStatus
from airflow_provider_rsvp.turns import process as turns_of_process
from explore.checks import violations
from explore.reaches import Leases
from explore.repliers import RETRY_DELAY, TRIES, Parts, Replier, Task
from explore.scheduler import Choices, Clock, digest
from explore.service import Event, Kind, Service

_BEGINNING = pendulum.datetime(2029, 12, 1, tz="UTC")
_FOREVER = 10_000.0


@dataclass(frozen=True)
class Situation:
    """
    What is gone through.

    :param faults: how often the service misbehaves at most
    :param crashes: how many first tries crash at most
    :param by_hand: what a person may set the first event to, once
    :param cut_off: how many processes may lose touch with the server of the leases
    :param flights_die: whether a request that is under way when its process crashes has its effect then, or never
    """

    name: str
    kind: Kind
    tasks: tuple[Task, ...]
    parts: Parts = field(default_factory=Parts)
    faults: int = 1
    crashes: int = 1
    by_hand: tuple[ParticipationStatus, ...] = ()
    cut_off: int = 0
    flights_die: bool = False


@dataclass
class Findings:
    """What going through a situation showed."""

    runs: int = 0
    states: int = 0
    leaves: int = 0
    """Runs to their end; the others led to a state that was seen before."""
    mails: int = 0
    complete: bool = False
    seconds: float = 0.0
    violations: dict[str, list[str]] = field(default_factory=dict)
    """What was violated, with the shortest trace that shows it."""


def explore(situation: Situation, *, seconds: float = _FOREVER, until: str | None = None) -> Findings:
    """
    Go through all runs.

    :param seconds: after which it ends, incomplete
    :param until: ends at the first violation whose sentence holds this
    """
    findings = Findings()
    began = time.process_time()
    choices = Choices()
    seen: set[bytes] = set()
    clock = Clock()
    with _quiet(clock):
        while True:
            clock.now = 0.0
            run = _Run(situation, choices, clock, seen)
            try:
                whole = run.go()
            finally:
                for replier in run.repliers:
                    replier.end()
            findings.runs += 1
            if whole:
                findings.leaves += 1
                findings.mails += len(run.service.mails)
                for sentence in run.violations():
                    shortest = findings.violations.get(sentence)
                    if shortest is None or len(run.log) < len(shortest):
                        findings.violations[sentence] = run.log
            if until is not None and any(until in sentence for sentence in findings.violations):
                break
            if not choices.advance():
                findings.complete = True
                break
            if time.process_time() - began > seconds:
                break
    if not findings.mails:
        findings.violations["No reply was ever sent."] = []
    findings.states = len(seen)
    findings.seconds = time.process_time() - began
    return findings


@contextmanager
def _quiet(clock: Clock) -> Iterator[None]:
    """Let nobody log, and everybody read the time off the clock."""

    def now(tz: object = None) -> pendulum.DateTime:
        return _BEGINNING.add(seconds=clock.now)

    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with mock.patch.object(pendulum, "now", now):
            yield
    finally:
        logging.disable(before)


class _Run:
    """One run of a situation."""

    def __init__(self, situation: Situation, choices: Choices, clock: Clock, seen: set[bytes]) -> None:
        self._situation = situation
        self._choices = choices
        self._clock = clock
        self._seen = seen
        self._crashes = situation.crashes
        self._by_hand = bool(situation.by_hand)
        self._cut_off = situation.cut_off
        self.log: list[str] = []
        self.stuck = False
        names = {event: None for task in situation.tasks for event, _ in task.replies}
        self.service = Service(
            situation.kind, clock, choices, situation.faults, {name: Event() for name in names}
        )
        self._leases = Leases()
        self.repliers = [
            Replier(task, self.service, self._leases, situation.parts) for task in situation.tasks
        ]

    def go(self) -> bool:
        """Go on until nothing is left to do; return False where this leads to what was seen."""
        turns_of_process._begin_anew()
        while True:
            for replier in self.repliers:
                replier.conclude()
            if all(replier.done for replier in self.repliers) and not self.service.flights:
                return True
            if self._choices.fresh:
                state = digest(
                    self._clock.now,
                    self._crashes,
                    self._by_hand,
                    self._cut_off,
                    self.service.state(),
                    self._leases.state(),
                    [replier.state() for replier in self.repliers],
                )
                if state in self._seen:
                    return False
                self._seen.add(state)
            actions = list(self._actions())
            if not actions:
                self.stuck = True
                return True
            what, action = self._choices.choose(actions)
            self.log.append(f"{self._clock.now:5.2f} {what}")
            action()

    def violations(self) -> Iterator[str]:
        """Yield what is wrong at the end of the run, as sentences."""
        if self.stuck:
            yield "Everybody waits for ever."
        endings = [ending for replier in self.repliers for ending in replier.endings or []]
        yield from violations(self.service, endings)

    def _actions(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield what may happen next."""
        begins = next((each for each in self.repliers if not each.done and not each.alive), None)
        if begins is not None:
            # When a try begins is nobody's business before its first step.
            yield f"{begins.task.decision} begins a try", lambda: begins.begin(0.0)
            if begins.tries:
                yield f"{begins.task.decision} begins a try later", lambda: begins.begin(RETRY_DELAY)
            return
        stepping = False
        for replier in self.repliers:
            for number, what in enumerate(replier.process.steps if replier.process else ()):
                stepping = True
                yield f"{replier.task.decision}: {what}", lambda r=replier, n=number: r.process.take_step(n)
        for number, flight in enumerate(self.service.flights):
            yield f"{flight.decision}'s reply arrives", lambda n=number: self._arrive(n)
        due = self._next_time()
        if not stepping and due is not None and all(flight.by > due for flight in self.service.flights):
            yield f"until {due:.2f}", lambda: self._wait(due)
        late = [event for event in self.service.events.values() if event.shown is not event.status]
        for event in late:
            yield "it shows", lambda e=event: self._show(e)
        for replier in self.repliers:
            if replier.alive and self._crashes and replier.tries < TRIES:
                yield f"{replier.task.decision} crashes", lambda r=replier: self._crash(r)
        if self._by_hand:
            for status in self._situation.by_hand:
                yield f"'{status}' by hand", lambda s=status: self._answer_by_hand(s)
        if self._cut_off:
            for replier in self.repliers:
                if replier.process is not None:
                    name = replier.process.name
                    yield f"{name} is cut off", lambda n=name: self._cut(n)

    def _next_time(self) -> float | None:
        times = [replier.process.next_timer() for replier in self.repliers if replier.process is not None]
        times += [event.shows_at for event in self.service.events.values() if event.shown is not event.status]
        return min((each for each in times if each is not None), default=None)

    def _wait(self, until: float) -> None:
        self._clock.now = until
        for event in self.service.events.values():
            if event.shows_at <= until:
                event.shown = event.status
        for replier in self.repliers:
            if replier.process is not None:
                replier.process.run()

    def _arrive(self, number: int) -> None:
        self.service.apply(self.service.flights.pop(number))

    def _show(self, event: Event) -> None:
        event.shown = event.status

    def _crash(self, replier: Replier) -> None:
        self._crashes -= 1
        replier.crash()
        if self._situation.flights_die:
            for flight in [each for each in self.service.flights if each.decision == replier.task.decision]:
                self.service.flights.remove(flight)
                if self._choices.choose((True, False)):
                    self.service.apply(flight)

    def _answer_by_hand(self, status: ParticipationStatus) -> None:
        self._by_hand = False
        self.service.answer_by_hand(next(iter(self.service.events)), status)

    def _cut(self, process: str) -> None:
        self._cut_off -= 1
        self._leases.cut_off.add(process)
