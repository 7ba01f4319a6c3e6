"""What is explored: every class of services, with one replier and with two."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_rsvp.model import ParticipationStatus
from explore.explorer import Situation
from explore.repliers import LEASE, Parts, Task
from explore.service import BatchedClient, Kind

_ACCEPTED, _DECLINED = ParticipationStatus.ACCEPTED, ParticipationStatus.DECLINED
_ACCEPT = (("event-1", _ACCEPTED),)
_DECLINE = (("event-1", _DECLINED),)
_LEASES = Parts(lease=LEASE)

PLAIN = Kind("plain")
CONDITIONAL = Kind("conditional", conditional=True, proves=True)
SHOWS_LATE = Kind("shows late", shows_late=True, faults=("lost", "response lost", "refused", "held back"))
DELETES = Kind("deletes on decline", deletes=True, proves=True)

ASSUMPTIONS = {
    "all": (
        "a reply takes effect within request_timeout of its leaving, and shows within settle_timeout of it",
        "a process is not halted between its last look at the clock and its request",
        "what stands as a task was about to set it counts as its own, although somebody else may have set the same",
    ),
    PLAIN.name: (
        "of two repliers: a request dies with its process, or leases keep the turn until it has taken effect",
    ),
    CONDITIONAL.name: (),
    SHOWS_LATE.name: (
        "a refusal for load had no effect; a reply takes effect at once or never, and shows later",
        "of two repliers: none crashes, nor loses its turn, before its reply shows",
    ),
    DELETES.name: ("of two repliers: as for plain services",),
}
"""What is taken for granted, for each class."""


def situations(*, full: bool) -> Iterator[Situation]:
    """
    Yield what is explored.

    :param full: whether two things may go wrong with the service in one run, and not one only
    """
    faults = 2 if full else 1
    for kind in (PLAIN, CONDITIONAL, SHOWS_LATE, DELETES):
        yield from _one(kind, faults, full)
        yield from _two(kind, faults, full)
        yield from _many(kind, full)


def _one(kind: Kind, faults: int, full: bool) -> Iterator[Situation]:
    accept, hands = (Task("A", _ACCEPT),), (ParticipationStatus.TENTATIVE, _ACCEPTED)
    if not kind.shows_late:
        yield Situation("one accepts", kind, accept, faults=faults, by_hand=hands if full else hands[:1])
    else:
        # A status may show at any moment, which makes for many more orders.
        yield Situation("one accepts", kind, accept, faults=faults)
        if full:
            yield Situation("one accepts, and a person answers", kind, accept, by_hand=hands)
    yield Situation("one declines", kind, (Task("A", _DECLINE),), faults=faults)


def _two(kind: Kind, faults: int, full: bool) -> Iterator[Situation]:
    for name, tasks in (
        ("two accept", (Task("A", _ACCEPT), Task("B", _ACCEPT))),
        ("one accepts, one declines", (Task("A", _ACCEPT), Task("B", _DECLINE))),
    ):
        yield Situation(
            name,
            kind,
            tasks,
            faults=faults,
            crashes=0 if kind.shows_late else 1,
            flights_die=not kind.conditional,
        )
        if not kind.shows_late:
            yield Situation(
                f"{name}, and a lease cannot be renewed", kind, tasks, _LEASES, crashes=0, cut_off=1
            )
            if full:
                yield Situation(f"{name}, with leases", kind, tasks, _LEASES)


def _many(kind: Kind, full: bool) -> Iterator[Situation]:
    many = Task("A", (*_ACCEPT, ("event-2", _ACCEPTED)), bulk=True)
    if not kind.shows_late:
        yield Situation("many in a batch", kind, (many,), Parts(client=BatchedClient))
    if full or kind is PLAIN:
        yield Situation("many, one by one", kind, (many,))
    if full:
        yield Situation(
            "one of many, and a single one",
            kind,
            (Task("A", _ACCEPT, bulk=True), Task("B", _DECLINE)),
            crashes=0 if kind.shows_late else 1,
            flights_die=not kind.conditional,
        )
