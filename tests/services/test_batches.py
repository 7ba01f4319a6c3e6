"""The batches of Microsoft Graph and Bitrix24 on the wire: what they hold, and what becomes of a broken one."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

import pytest
from support.bulk import Task, accounts, counts, mails_per_event, planned_events, plans
from support.services import SERVICES

from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import EventReference, Invitation, Scope
from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = pytest.mark.any_airflow

BATCHING = [each.name for each in SERVICES.values() if each.batches]
MAILBOXES, INVITATIONS = 2, 60


@pytest.fixture
def crowd(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    sandbox.reset(bulk={"mailboxes": MAILBOXES, "invitations": INVITATIONS})
    for conn_id, connection in sandbox.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return sandbox


def batches(sandbox: Sandbox, before: int = 0) -> list[Any]:
    """What the batches held: requests of Graph, commands of Bitrix24."""
    bodies = [each["body"] for each in sandbox.requests()[before:] if each["operation"] == "batch"]
    return [body.get("requests") or body["cmd"] for body in bodies]


def actions(held: Iterable[Any]) -> Counter[str]:
    """How often each event was asked to be answered."""
    return Counter(
        found[1] or found[2]
        for batch in held
        for command in ([each["url"] for each in batch] if isinstance(batch, list) else batch.values())
        if (found := re.search(r"events/([^/]+)/accept$|status\.set\?eventId=(\d+)", command))
    )


def mailbox_of(url: str) -> str:
    return url.split("/")[2]


class TestWhatABatchHolds:
    def test_graph_takes_twenty_and_four_of_each_mailbox(self, crowd: Sandbox) -> None:
        plan = plans(accounts("graph", MAILBOXES))
        before = len(crowd.requests())

        report = Task().send(plan)

        held = batches(crowd, before)
        assert counts(report) == {"replied": INVITATIONS}
        assert max(len(batch) for batch in held) == 4 * MAILBOXES
        assert max(max(Counter(mailbox_of(each["url"]) for each in batch).values()) for batch in held) == 4
        assert not [each for batch in held for each in batch if "dependsOn" in each]

    def test_graph_never_takes_more_than_twenty(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sandbox.reset(bulk={"mailboxes": 8, "invitations": 64})
        plan = plans(accounts("graph", 8))
        before = len(sandbox.requests())

        report = Task().send(plan)

        sizes = [len(batch) for batch in batches(sandbox, before)]
        assert counts(report) == {"replied": 64}
        assert max(sizes) == 20

    def test_bitrix24_takes_fifty_commands_and_reads_after_each_setting(self, crowd: Sandbox) -> None:
        plan = plans(accounts("bitrix24", 1))
        before = len(crowd.requests())

        report = Task().send(plan)

        held = batches(crowd, before)
        assert counts(report) == {"replied": INVITATIONS // MAILBOXES}
        assert sorted(len(batch) for batch in held) == [10, 50]
        for batch in held:
            names = list(batch)
            for first, second in zip(names[::2], names[1::2], strict=True):
                assert batch[first].startswith("calendar.meeting.status.set?")
                assert batch[second].startswith("calendar.meeting.status.get?")
                events = [parse_qs(batch[name].partition("?")[2])["eventId"] for name in (first, second)]
                assert events[0] == events[1]

    @pytest.mark.parametrize("service", BATCHING)
    def test_each_gets_its_own_answer_in_whatever_order_they_come(self, crowd: Sandbox, service: str) -> None:
        (plan,) = plans(accounts(service, 1))
        told = {line["invitation"]["event_id"]: line["invitation"]["subject"] for line in plan["decisions"]}
        before = len(crowd.requests())

        async def work() -> list[Invitation]:
            references = [
                EventReference(event_id=event_id, mailbox=SERVICES[service].bulk_mailbox(1))
                for event_id in told
            ]
            async with get_calendar_hook(plan["conn_id"]).calendar(batched=True) as calendar:
                looks = (calendar.client.observe(reference, Scope.INSTANCE) for reference in references)
                return await asyncio.gather(*looks)

        found = asyncio.run(work())

        assert [(each.reference.event_id, each.subject) for each in found] == list(told.items())
        assert 1 < len(batches(crowd, before)) < len(told)


FAULTS = {
    "429": {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
    "503 with Retry-After": {"kind": "status", "status": 503, "headers": {"Retry-After": "0"}},
    "401": {"kind": "status", "status": 401},
    "500": {"kind": "status", "status": 500},
    "cut": {"kind": "cut"},
    "html": {"kind": "html"},
    "empty": {"kind": "empty"},
    "truncated": {"kind": "truncated"},
    "another form": {"kind": "status", "status": 200, "body": {"value": []}},
}
REFUSALS = {"429", "503 with Retry-After", "401"}
"""After these surely nothing was done."""
CASES = [
    (service, name, when, verify)
    for service in BATCHING
    for name in FAULTS
    for when in ("before", "after")
    for verify in (True, False)
    # What Bitrix24 says is read back always.
    if not (name in REFUSALS and when == "after") and (verify or service == "graph")
]


@pytest.mark.parametrize(("service", "name", "when", "verify"), CASES)
def test_a_broken_batch_costs_no_mail_and_no_reply(
    crowd: Sandbox, database: None, service: str, name: str, when: str, verify: bool
) -> None:
    if name == "401":
        # A webhook has nothing that could be renewed.
        service_accounts = [{"conn_id": "bitrix24_oauth"}] if service == "bitrix24" else accounts("graph", 1)
    else:
        service_accounts = accounts(service, 1)
    policy = {"rules": [{"name": "all", "when": {"all_day": False}, "then": {"action": "accept"}}]}
    plan = plans(service_accounts, policy, on_unsupported="skip")
    asked = set(planned_events(plan))
    before = len(crowd.requests())
    crowd.faults([{"service": service, "operation": "batch", "when": when, **FAULTS[name]}])
    task = Task()

    report = task.send(plan, settle_timeout=0.3, verify=verify)

    assert crowd.faults()[0]["struck"] == 1
    if name in REFUSALS or when == "after":
        # A reply to a series on Bitrix24 covers an instance of it that was moved, whose own reply then changes nothing.
        covered = report["counts"]["unchanged"]
        assert covered <= (1 if service == "bitrix24" and name == "401" else 0)
        assert report["counts"]["replied"] + covered == len(asked)
    else:
        assert report["counts"]["failed"] > 0
        assert {
            line["detail"].partition(":")[0] for line in report["outcomes"] if line["outcome"] == "failed"
        } == {"UnclearOutcomeError"}
        assert task.retried
        report = task.send(plan, verify=verify)
        # A reply to a series on Bitrix24 covers an instance of it that was moved, whose own reply then changes nothing.
        covered = report["counts"]["unchanged"]
        assert covered <= (1 if service == "bitrix24" and name == "401" else 0)
        assert report["counts"]["replied"] + covered == len(asked)
    told = {line["event_id"] for line in report["outcomes"] if line["organizer_notified"]}
    mails = mails_per_event(crowd)
    assert set(mails.values()) == {1}
    assert len(mails) == len(told)
    assert len(batches(crowd, before)) > 1


@pytest.mark.parametrize("service", BATCHING)
@pytest.mark.parametrize("status", [429, 424])
def test_of_a_batch_only_what_was_refused_for_load_is_repeated(
    crowd: Sandbox, service: str, status: int
) -> None:
    if (service, status) == ("bitrix24", 424):
        pytest.skip("Only Microsoft Graph has this status.")
    plan = plans(accounts(service, 1))
    unlucky = planned_events(plan)[3]
    before = len(crowd.requests())
    crowd.faults(
        [
            {
                "operation": "send",
                "event_id": unlucky,
                "kind": "status",
                "status": status,
                "headers": {"Retry-After": "0"},
            }
        ]
    )

    report = Task().send(plan)

    assert counts(report) == {"replied": INVITATIONS // MAILBOXES}
    assert crowd.faults()[0]["struck"] == 1
    in_batches = actions(batches(crowd, before))
    alone = [each for each in crowd.requests()[before:] if each["operation"] == "send"]
    assert max(in_batches.values()) + len(alone) == 2
    assert sum(in_batches.values()) + len(alone) == INVITATIONS // MAILBOXES + 1
    assert set(mails_per_event(crowd).values()) == {1}


MENTION_ONE = {
    "graph": {"responses": [{"id": "1", "status": 202}, {"id": "x", "status": 202}, 7, {"id": "2"}]},
    "bitrix24": {"result": {"result": {"1_set": True, "1_get": "Y"}, "result_error": []}},
}


class TestAnAnswerThatLeavesSomeOut:
    @pytest.mark.parametrize("service", BATCHING)
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_is_unclear_for_these_and_read_back(self, crowd: Sandbox, service: str, when: str) -> None:
        plan = plans(accounts(service, 1))
        rule = {"service": service, "operation": "batch", "kind": "status", "status": 200, "when": when}
        crowd.faults([{**rule, "body": MENTION_ONE[service]}])
        task, before = Task(), len(crowd.requests())

        report = task.send(plan, settle_timeout=0.3)

        told_unclear = {"after": "response was unclear", "before": "does not mention it"}[when]
        unclear = [line for line in report["outcomes"] if told_unclear in line["detail"]]
        # Bitrix24 has two commands for each reply. One reply was mentioned.
        asked = len(batches(crowd, before)[0]) // {"graph": 1, "bitrix24": 2}[service]
        assert len(unclear) == asked - 1 > 0
        assert {line["outcome"] for line in unclear} == {"replied" if when == "after" else "failed"}
        crowd.faults([])
        if when == "before":
            # What was mentioned was not done either: Graph's word is proof only once it is read back.
            report = task.send(plan)
        assert set(mails_per_event(crowd).values()) == {1}
        if (service, when) != ("bitrix24", "before"):
            assert counts(report) == {"replied": INVITATIONS // MAILBOXES}
            assert len(mails_per_event(crowd)) == INVITATIONS // MAILBOXES


class TestBitrix24:
    def test_of_the_looks_in_a_batch_only_what_was_refused_for_load_is_repeated(self, crowd: Sandbox) -> None:
        plan = plans(accounts("bitrix24", 1))
        events = planned_events(plan)[:6]
        rule = {"operation": "observe", "event_id": events[2], "kind": "status", "status": 503}
        crowd.faults([rule])
        before = len(crowd.requests())

        # Replies without a plan are looked at one by one.
        replies = [{"event_id": event_id, "status": "accepted"} for event_id in events]
        report = Task().send(replies, conn_id="bitrix24_bulk_1")

        assert counts(report) == {"replied": len(events)}
        assert crowd.faults()[0]["struck"] == 1
        looks = Counter(
            command
            for batch in batches(crowd, before)
            for command in batch.values()
            if command.startswith("calendar.event.getbyid")
        )
        assert sorted(looks.values()) == [1] * 5 + [2]

    def test_a_setting_that_was_claimed_and_not_done_is_not_believed(self, crowd: Sandbox) -> None:
        plan = plans(accounts("bitrix24", 1))
        unlucky = planned_events(plan)[0]
        crowd.faults([{"operation": "send", "event_id": unlucky, "kind": "no_effect"}])
        task = Task()

        report = task.send(plan, settle_timeout=0.3)

        assert counts(report) == {"replied": INVITATIONS // MAILBOXES - 1, "failed": 1}
        assert counts(task.send(plan)) == {"replied": INVITATIONS // MAILBOXES}
        assert set(mails_per_event(crowd).values()) == {1}

    def test_what_the_batch_showed_is_not_read_back(self, crowd: Sandbox) -> None:
        plan = plans(accounts("bitrix24", 1))
        before = len(crowd.requests())

        Task().send(plan)

        assert [each["operation"] for each in crowd.requests()[before:]] == ["list", "batch", "batch"]
