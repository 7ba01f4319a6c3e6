"""What the explorer has to find: bugs in parts that look like the real ones, and what the assumptions leave out."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from airflow_provider_rsvp._tasks.memory import TaskStateMemory
from airflow_provider_rsvp.exceptions import SendRefusedError
from airflow_provider_rsvp.model import Invitation, ParticipationStatus, Reply
from airflow_provider_rsvp.replying import Intent
from airflow_provider_rsvp.services.client import Sent
from explore.explorer import Situation
from explore.reaches import StepwiseReach
from explore.repliers import Parts, Task
from explore.service import REQUEST_TIMEOUT, BatchedClient, Flight, Kind, ModelClient


class EverybodysReach(StepwiseReach):
    """Gives the turn to whoever asks."""

    async def take(self, names: Sequence[str], holder: str) -> set[str]:
        await self._process.step("take the turn")
        return set(names)

    async def give_back(self, names: Collection[str]) -> None:
        await self._process.step("give back the turn")


class RepeatingClient(ModelClient):
    """Sends again what was refused for load, without a look."""

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        try:
            return await super().send(invitation, reply)
        except SendRefusedError:
            return await super().send(invitation, reply)


class RepostingClient(BatchedClient):
    """Posts a whole batch again where it was refused for load."""

    async def carry(self, batch: list[Flight], way: str) -> list[Sent | BaseException]:
        results = await super().carry(batch, way)
        if all(isinstance(each, SendRefusedError) for each in results):
            return await super().carry(batch, "")
        return results


class LateMemory(TaskStateMemory):
    """Notes an intent when the reply is sent already."""

    async def note_intent(self, key: str, intent: Intent) -> None:
        self._noting = asyncio.ensure_future(self._note_later(key, intent))

    async def _note_later(self, key: str, intent: Intent) -> None:
        await asyncio.sleep(REQUEST_TIMEOUT / 10)
        await super().note_intent(key, intent)


@dataclass(frozen=True)
class Plant:
    """
    A bug, or an assumption that does not hold, in a situation where it shows.

    :param tells: a part of the sentence that says what it breaks
    """

    situation: Situation
    tells: str


_PLAIN = Kind("plain")
_ACCEPT = (("event-1", ParticipationStatus.ACCEPTED),)
_BOTH = (*_ACCEPT, ("event-2", ParticipationStatus.ACCEPTED))
_ONE = (Task("A", _ACCEPT),)
_TWO = (Task("A", _ACCEPT), Task("B", _ACCEPT))

PLANTS = tuple(
    Plant(situation, tells)
    for tells, situation in (
        (
            "twice in a row",
            Situation("no turn", _PLAIN, _TWO, Parts(reach=EverybodysReach), faults=0, crashes=0),
        ),
        (
            "twice in a row",
            Situation(
                "a lease shorter than the request",
                _PLAIN,
                _TWO,
                Parts(lease=REQUEST_TIMEOUT / 2, request_timeout=0.0),
                crashes=0,
                cut_off=1,
            ),
        ),
        (
            "2 mails for one decision",
            Situation(
                "a refused reply is sent again without a look",
                _PLAIN,
                _ONE,
                Parts(client=RepeatingClient),
                crashes=0,
            ),
        ),
        (
            "2 mails for one decision",
            Situation(
                "a refused batch is posted again",
                _PLAIN,
                (Task("A", _BOTH, bulk=True),),
                Parts(client=RepostingClient),
                crashes=0,
            ),
        ),
        (
            "the organizer is said not to be told, and was",
            Situation(
                "the intent is noted after the sending", _PLAIN, _ONE, Parts(memory=LateMemory), faults=0
            ),
        ),
    )
)

_SHOWS_LATE = Kind("shows late", shows_late=True, faults=("refused though done",))

NEEDED = tuple(
    Plant(situation, tells)
    for tells, situation in (
        (
            "2 mails for one decision",
            Situation(
                "a service that shows late refuses a reply that took effect", _SHOWS_LATE, _ONE, crashes=0
            ),
        ),
        (
            "twice in a row",
            Situation("one of two crashes before its reply shows", _SHOWS_LATE, _TWO),
        ),
        (
            "twice in a row",
            Situation("one of two crashes, and its request lives on without a lease", _PLAIN, _TWO),
        ),
        (
            "2 mails for one decision",
            Situation(
                "the status is set back to what it was",
                _PLAIN,
                _ONE,
                by_hand=(ParticipationStatus.NEEDS_ACTION,),
            ),
        ),
    )
)
"""What breaks a promise where an assumption does not hold."""
