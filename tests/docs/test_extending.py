"""The methods that ``docs/extending.md`` asks for are all of them, and a client with just these works."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import textwrap
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pendulum

from airflow_provider_rsvp.bulk import send_replies
from airflow_provider_rsvp.exceptions import EventNotFoundError
from airflow_provider_rsvp.model import (
    Account,
    Capabilities,
    EventReference,
    Invitation,
    ParticipationStatus,
    Person,
    Reply,
    Result,
    Scope,
    TimeRange,
)
from airflow_provider_rsvp.plans.planned_reply import PlannedReply
from airflow_provider_rsvp.replying import set_participation_status
from airflow_provider_rsvp.services.client import CalendarClient, Changes, Sent, Window

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
TABLE = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
METHODS = {
    name: method
    for name, method in inspect.getmembers(CalendarClient, inspect.isfunction)
    if not name.startswith("_")
}
NOW = pendulum.now("UTC").start_of("hour")


def has_default(method: Any) -> bool:
    """Whether there is more to a method than its description."""
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(method))).body
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    return len(function.body) > 1


class Notebook(CalendarClient):
    """A calendar in memory, with the methods of the table that have no default."""

    service = "The notebook"
    capabilities = Capabilities(
        statuses=frozenset({ParticipationStatus.ACCEPTED}),
        comment=False,
        silent=False,
        proposed_time=False,
        scopes=frozenset(Scope),
        mailboxes=False,
        ical_uid=False,
        response_is_proof=False,
        batch_size=1,
    )

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.events = {
            name: Invitation(
                reference=EventReference(event_id=name),
                subject=name,
                time=TimeRange(NOW.add(hours=1), NOW.add(hours=2)),
                status=ParticipationStatus.NEEDS_ACTION,
                organizer=Person("olga@example.com", "Olga"),
            )
            for name in "abcd"
        }

    def check(self, reference: EventReference, reply: Reply, scope: Scope) -> None:
        pass

    async def observe(self, reference: EventReference, scope: Scope) -> Invitation:
        if reference.event_id not in self.events:
            raise EventNotFoundError(str(reference))
        return self.events[reference.event_id]

    async def read_status(self, invitation: Invitation) -> ParticipationStatus | None:
        return (await self.observe(invitation.reference, Scope.INSTANCE)).status

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        name = str(invitation.reference.event_id)
        self.sent.append(name)
        self.events[name] = replace(self.events[name], status=reply.status)
        return Sent(organizer_notified=True)

    async def list_invitations(
        self, window: Window, *, mailbox: str | None = None, calendar_id: str | None = None
    ) -> AsyncIterator[Invitation]:
        for invitation in self.events.values():
            yield invitation

    async def changes(
        self,
        window: Window,
        since: str | None,
        *,
        mailbox: str | None = None,
        calendar_id: str | None = None,
    ) -> Changes:
        return Changes(tuple(self.events.values()), None, complete=True)

    async def account(self) -> Account:
        return Account(who="The owner")


def test_the_table_names_every_method_and_says_which_have_a_default() -> None:
    named = {name: does for name, does in TABLE.items() if name in METHODS}

    assert set(named) == set(METHODS)
    assert {name for name, does in named.items() if does.startswith("has a default")} == {
        name for name, method in METHODS.items() if has_default(method)
    }


def test_a_client_written_by_the_table_sends_one_reply_and_many() -> None:
    client, accepted = Notebook(), Reply(status=ParticipationStatus.ACCEPTED)
    assert {name for name in vars(Notebook) if name in METHODS} == {
        name for name, method in METHODS.items() if not has_default(method)
    }

    outcome = asyncio.run(set_participation_status(client, EventReference(event_id="a"), accepted))
    replies = [
        PlannedReply(reference=EventReference(event_id=name), reply=accepted, planned=invitation)
        for name, invitation in Notebook().events.items()
        if name != "a"
    ]
    lines = asyncio.run(send_replies(client, replies))

    assert (outcome.result, outcome.verified) == (Result.REPLIED, True)
    assert [line.outcome.result for line in lines] == [Result.REPLIED] * 3
    assert sorted(client.sent) == ["a", "b", "c", "d"]
