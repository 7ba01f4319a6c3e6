"""One event that is named in several ways: one mail, whoever names it, and in however many tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from support.bulk import Task, counts, mails_per_event, plans
from support.replies import reply
from support.services import SERVICES

from airflow_provider_rsvp.bulk.looking import Claims
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.model import EventReference, Outcome, ParticipationStatus, Reply, Result
from airflow_provider_rsvp.plans import ReportLine
from airflow_provider_rsvp.plans.planned_reply import PlannedReply
from airflow_provider_rsvp.replying import ReplyOptions
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.sandbox.graph import ids

SLUG = "release"
Named = tuple[str, dict[str, Any]]
"""A connection, and the arguments that name the event there."""
Name = Callable[[Mapping[str, Any]], Named]
"""Names the event that the sandbox shows."""


@dataclass(frozen=True)
class Names:
    """Two names of one event of a service, for a sandbox."""

    service: str
    what: str
    names: Callable[[Sandbox], tuple[Named, Named]]

    def __str__(self) -> str:
        return f"{self.service}-{self.what}"


def event_id(sandbox: Sandbox, service: str) -> str:
    return sandbox.event_id(service, SLUG, mailbox=SERVICES[service].mailbox)


def _names(service: str, what: str, first: Name, second: Name) -> Names:
    def names(sandbox: Sandbox) -> tuple[Named, Named]:
        (event,) = (
            each
            for each in sandbox.invitations()
            if (each["service"], each["mailbox"], each["slug"]) == (service, SERVICES[service].mailbox, SLUG)
        )
        event["id"] = event_id(sandbox, service)
        return first(event), second(event)

    return Names(service, what, names)


def _on(conn_id: str, **fields: str) -> Name:
    """Name an event by some of its fields."""
    return lambda event: (conn_id, {name: event[field] for name, field in fields.items()})


GRAPH, GRAPH_USER = "msgraph_calendar_default", "msgraph_calendar_delegated"
GOOGLE, GOOGLE_USER = "google_calendar_default", "google_calendar_user"
NAMES = [
    _names(
        "graph",
        "mailbox in other letters",
        _on(GRAPH, event_id="id", mailbox="mailbox"),
        lambda event: (GRAPH, {"event_id": event["id"], "mailbox": event["mailbox"].upper()}),
    ),
    _names(
        "graph",
        "usual mailbox and its address",
        _on(GRAPH, event_id="id"),
        _on(GRAPH, event_id="id", mailbox="mailbox"),
    ),
    _names(
        "graph",
        "signed-in user and their address",
        _on(GRAPH_USER, event_id="id"),
        _on(GRAPH_USER, event_id="id", mailbox="mailbox"),
    ),
    _names("graph", "two connections", _on(GRAPH_USER, event_id="id"), _on(GRAPH, event_id="id")),
    _names("graph", "id and UID", _on(GRAPH, event_id="id"), _on(GRAPH, ical_uid="ical_uid")),
    _names(
        "graph",
        "usual and immutable id",
        _on(GRAPH, event_id="id"),
        lambda event: (GRAPH, {"event_id": ids.immutable(event["mailbox"], SLUG)}),
    ),
    _names(
        "graph",
        "default and named calendar",
        _on(GRAPH, event_id="id"),
        _on(GRAPH, event_id="id", calendar_id="calendar_id"),
    ),
    _names(
        "graph",
        "UID on the default and on a named calendar",
        _on(GRAPH, ical_uid="ical_uid"),
        _on(GRAPH_USER, ical_uid="ical_uid", calendar_id="calendar_id"),
    ),
    _names(
        "google",
        "mailbox in other letters",
        _on(GOOGLE, event_id="id", mailbox="mailbox"),
        lambda event: (GOOGLE, {"event_id": event["id"], "mailbox": event["mailbox"].upper()}),
    ),
    _names(
        "google",
        "usual mailbox and its address",
        _on(GOOGLE, event_id="id"),
        _on(GOOGLE, event_id="id", mailbox="mailbox"),
    ),
    _names(
        "google",
        "signed-in user and their address",
        _on(GOOGLE_USER, event_id="id"),
        _on(GOOGLE_USER, event_id="id", mailbox="mailbox"),
    ),
    _names("google", "two connections", _on(GOOGLE_USER, event_id="id"), _on(GOOGLE, event_id="id")),
    _names("google", "id and UID", _on(GOOGLE, event_id="id"), _on(GOOGLE, ical_uid="ical_uid")),
    _names(
        "google",
        "default and named calendar",
        _on(GOOGLE, event_id="id"),
        _on(GOOGLE, event_id="id", calendar_id="calendar_id"),
    ),
    _names(
        "cronofy",
        "two connections",
        _on("cronofy_default", event_id="id"),
        _on("cronofy_refresh", event_id="id"),
    ),
    _names(
        "cronofy",
        "default and named calendar",
        _on("cronofy_default", event_id="id"),
        _on("cronofy_default", event_id="id", calendar_id="calendar_id"),
    ),
    _names(
        "bitrix24",
        "two connections",
        _on("bitrix24_default", event_id="id"),
        _on("bitrix24_oauth", event_id="id"),
    ),
    _names(
        "bitrix24",
        "number with zeros",
        _on("bitrix24_default", event_id="id"),
        lambda event: ("bitrix24_default", {"event_id": f"00{event['id']}"}),
    ),
    _names(
        "bitrix24",
        "id and UID",
        _on("bitrix24_default", event_id="id"),
        _on("bitrix24_default", ical_uid="ical_uid", original_start="start"),
    ),
]


@pytest.fixture(params=NAMES, ids=str)
def named(sandbox: Sandbox, database: None, request: pytest.FixtureRequest) -> tuple[Named, Named]:
    found: tuple[Named, Named] = request.param.names(sandbox)
    return found


def answer(named: Named, status: str = "accepted") -> Coroutine[Any, Any, Outcome]:
    """Answer the event as a task of its own does."""
    conn_id, arguments = named
    return get_calendar_hook(conn_id).aset_participation_status(
        EventReference.parse(**arguments),
        Reply(status=ParticipationStatus.parse(status)),
        options=ReplyOptions(settle_timeout=2.0),
    )


async def send_in_one_task(*replies: tuple[Named, str]) -> list[ReportLine]:
    """Answer the events as one task that sends many replies on several connections."""
    claims: Claims = {}
    sent = await asyncio.gather(
        *(
            get_calendar_hook(conn_id).asend_replies(
                [PlannedReply.from_arguments({**arguments, "status": status})],
                options=ReplyOptions(settle_timeout=2.0),
                claims=claims,
            )
            for (conn_id, arguments), status in replies
        )
    )
    return [line for lines in sent for line in lines]


def test_two_tasks_at_once_send_one_mail(sandbox: Sandbox, named: tuple[Named, Named]) -> None:
    # The first is still under way when the second looks.
    sandbox.faults([{"operation": "send", "kind": "slow", "seconds": 1.0}])

    async def both() -> list[Outcome]:
        return await asyncio.gather(*(answer(each) for each in named))

    outcomes = asyncio.run(both())

    assert list(mails_per_event(sandbox).values()) == [1]
    assert sorted(str(outcome.result) for outcome in outcomes) == ["replied", "unchanged"]
    assert sandbox.faults()[0]["struck"] == 1


@pytest.mark.parametrize("agree", [True, False])
def test_one_task_sends_the_first_and_skips_the_second(
    sandbox: Sandbox, named: tuple[Named, Named], agree: bool
) -> None:
    first, second = named
    # Declining deletes the event on some services.
    other = "declined" if first[0].startswith("bitrix24") else "tentative"

    lines = asyncio.run(send_in_one_task((first, "accepted"), (second, "accepted" if agree else other)))

    assert list(mails_per_event(sandbox).values()) == [1]
    assert sorted(str(line.outcome.result) for line in lines) == ["replied", "skipped"]
    (skipped,) = (line for line in lines if line.outcome.result is Result.SKIPPED)
    assert "Another of the replies is for the same event" in skipped.outcome.detail


@pytest.mark.parametrize("service", ["graph", "google"])
def test_replies_that_contradict_each_other_are_refused_whatever_the_letters_of_the_mailbox(
    sandbox: Sandbox, service: str
) -> None:
    each = SERVICES[service]
    before = len(sandbox.requests())
    replies = [
        {"event_id": event_id(sandbox, service), "mailbox": mailbox, "status": status}
        for mailbox, status in ((each.mailbox, "accepted"), (each.mailbox.upper(), "declined"))
    ]

    with pytest.raises(AirflowFailException, match="is to be answered with 'accepted' and with 'declined'"):
        Task().send(replies, conn_id=each.conn_id)

    assert len(sandbox.requests()) == before
    assert not sandbox.mail()


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("service", ["graph", "google"])
def test_the_usual_mailbox_is_looked_at_once_however_it_is_named(
    sandbox: Sandbox, service: str, named: bool
) -> None:
    each = SERVICES[service]
    event = ids.immutable(each.mailbox, SLUG) if service == "graph" else event_id(sandbox, service)

    reply(each.conn_id, "accepted", event_id=event, mailbox=each.mailbox if named else None, verify=False)

    assert [each["operation"] for each in sandbox.requests()].count("observe") == 1


class TestASeries:
    """It is answered before its instances: what an instance is answered counts for it."""

    @pytest.fixture(params=["graph", "google"])
    def plan(self, sandbox: Sandbox, request: pytest.FixtureRequest) -> Any:
        """A plan that declines the second of five instances, and then accepts the whole series."""
        each = SERVICES[request.param]
        then = {"action": "accept", "scope": "instance"}
        policy = {"rules": [{"name": "all", "when": {"subject": "training"}, "then": then}]}
        (plan,) = plans([{"conn_id": each.conn_id, "mailboxes": [each.mailbox]}], policy)
        instances = [line for line in plan["decisions"] if line["reply"]]
        assert len(instances) == 5
        instances[1]["reply"]["status"] = "tentative"
        instances[4]["scope"] = "series"
        return {**plan, "decisions": [instances[1], instances[4]]}

    def statuses(self, sandbox: Sandbox, plan: Any) -> list[str]:
        mailbox = plan["decisions"][0]["invitation"]["mailbox"]
        return [
            each["status"]
            for each in sandbox.invitations()
            if each["mailbox"] == mailbox and each["slug"].startswith("training-")
        ]

    def test_leaves_the_answer_to_one_instance_alone(self, sandbox: Sandbox, plan: Any) -> None:
        report = Task().send(plan)

        assert counts(report) == {"replied": 2}
        assert self.statuses(sandbox, plan) == ["accepted", "tentative", "accepted", "accepted", "accepted"]
        assert [mail["status"] for mail in sandbox.mail()] == ["accepted", "tentative"]
        # What stood before the task, so that an undo goes back to it.
        assert [line["status_before"] for line in report["outcomes"]] == ["needs-action"] * 2

    def test_is_not_taken_for_an_answer_by_hand_by_a_retry(self, sandbox: Sandbox, plan: Any) -> None:
        instance = plan["decisions"][0]["invitation"]["event_id"]
        sandbox.faults([{"operation": "send", "event_id": instance, "kind": "cut"}])
        task = Task()

        report = task.send(plan, settle_timeout=0.3)
        assert counts(report) == {"replied": 1, "failed": 1}
        report = task.send(plan)

        assert counts(report) == {"replied": 2}
        assert [mail["status"] for mail in sandbox.mail()] == ["accepted", "tentative"]

    def test_answered_by_hand_to_something_else_is_left_alone(self, sandbox: Sandbox, plan: Any) -> None:
        invitation = plan["decisions"][0]["invitation"]
        name = next(
            each["service"] for each in sandbox.invitations() if each["mailbox"] == invitation["mailbox"]
        )
        sandbox.answer(name, invitation["event_id"], invitation["mailbox"], "declined")

        report = Task().send({**plan, "decisions": plan["decisions"][:1]})

        assert counts(report) == {"skipped": 1}
        assert not sandbox.mail() or [mail["status"] for mail in sandbox.mail()] == ["declined"]

    @pytest.mark.parametrize("service", ["graph", "google"])
    def test_is_one_event_by_its_own_id_and_by_that_of_an_instance(
        self, sandbox: Sandbox, service: str
    ) -> None:
        each = SERVICES[service]
        replies = [
            {
                "event_id": sandbox.event_id(service, slug, mailbox=each.mailbox),
                "status": status,
                "scope": "series",
            }
            for slug, status in (("training", "accepted"), ("training-2", "tentative"))
        ]

        report = Task().send(replies, conn_id=each.conn_id)

        assert counts(report) == {"replied": 1, "skipped": 1}
        assert len(sandbox.mail()) == 1
