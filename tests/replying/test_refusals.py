"""A reply that a service refuses for load, before or after it took effect: one mail, and an outcome that is true."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.bulk import Task, accounts, counts, mails_per_event, plans
from support.replies import reply, sent
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import RejectedByServiceError
from airflow_provider_rsvp.model import Outcome, Result
from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = pytest.mark.any_airflow

INVITATIONS = 12
WAIT = {"Retry-After": "1"}
DEPENDENT = [
    {"error": {"code": "FailedDependency"}},
    {"responses": [{"id": str(number), "status": 424} for number in range(20)]},
    {"responses": [{"id": "1", "status": 429, "headers": WAIT}, {"id": "2", "status": 424}]},
]


@pytest.fixture
def crowd(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    sandbox.reset(bulk={"mailboxes": 1, "invitations": INVITATIONS}, limits=False)
    for conn_id, connection in sandbox.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return sandbox


def answer(sandbox: Sandbox, service: str) -> Outcome:
    each = SERVICES[service]
    return reply(
        each.conn_id, "accepted", event_id=sandbox.event_id(service, "release", mailbox=each.mailbox)
    )


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("service", SERVICES)
class TestOneReply:
    def test_is_sent_again_only_after_a_look(
        self, sandbox: Sandbox, service: str, status: int, when: str
    ) -> None:
        rule = {"operation": "send", "kind": "status", "status": status, "headers": WAIT, "when": when}
        sandbox.faults([rule])

        outcome = answer(sandbox, service)

        assert sandbox.faults()[0]["struck"] == 1
        assert len(sandbox.mail()) == 1
        assert (outcome.result, outcome.verified, outcome.gone) == (Result.REPLIED, True, False)
        assert [str(outcome.before), str(outcome.after)] == ["needs-action", "accepted"]
        if when == "before":
            assert outcome.organizer_notified is True
            assert len(sent(sandbox)) == 2
        else:
            # Somebody else may have answered in the same moment.
            assert outcome.organizer_notified is None
            assert "asks for fewer requests, but now shows that status" in outcome.detail
            assert len(sent(sandbox)) == 1

    def test_is_sent_once_however_often_it_is_refused(
        self, sandbox: Sandbox, service: str, status: int, when: str
    ) -> None:
        rule = {"operation": "send", "kind": "status", "status": status, "headers": WAIT}
        sandbox.faults([{**rule, "times": 3}, {**rule, "when": when}])

        outcome = answer(sandbox, service)

        assert outcome.result is Result.REPLIED
        assert len(sandbox.mail()) == 1
        assert len(sent(sandbox)) == (5 if when == "before" else 4)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("service", SERVICES)
def test_of_many_replies_each_is_sent_once(crowd: Sandbox, service: str, status: int, when: str) -> None:
    plan = plans(accounts(service, 1))
    batched = SERVICES[service].batches
    rule = {"kind": "status", "status": status, "headers": WAIT, "when": when, "times": 1 if batched else 5}
    crowd.faults([{**rule, "operation": "batch" if batched else "send"}])

    report = Task().send(plan)

    assert crowd.faults()[0]["struck"] == rule["times"]
    check_all_told(crowd, report, in_doubt=when == "after")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "body", DEPENDENT, ids=["without responses", "with responses", "with some responses"]
)
def test_a_batch_of_graph_that_failed_as_a_whole_is_looked_at(
    crowd: Sandbox, body: dict[str, Any], when: str
) -> None:
    plan = plans(accounts("graph", 1))
    crowd.faults(
        [{"operation": "batch", "kind": "status", "status": 424, "body": body, "headers": WAIT, "when": when}]
    )
    task = Task()

    report = task.send(plan, settle_timeout=0.5)
    if report["counts"]["failed"]:
        # What the response does not mention may have been done: the next try looks.
        assert when == "before"
        assert task.retried
        report = task.send(plan)

    assert crowd.faults()[0]["struck"] == 1
    check_all_told(crowd, report, in_doubt=when == "after")


def test_a_status_424_of_one_request_is_no_refusal_for_load(sandbox: Sandbox) -> None:
    sandbox.faults([{"operation": "send", "kind": "status", "status": 424, "headers": WAIT, "times": None}])

    with pytest.raises(RejectedByServiceError, match="424"):
        answer(sandbox, "graph")

    assert len(sent(sandbox)) == 1
    assert not sandbox.mail()


def check_all_told(sandbox: Sandbox, report: dict[str, Any], *, in_doubt: bool) -> None:
    """Check that there is one mail for each reply, and that no outcome says otherwise."""
    assert counts(report) == {"replied": INVITATIONS}
    mails = mails_per_event(sandbox)
    assert list(mails.values()) == [1] * INVITATIONS
    told = {line["organizer_notified"] for line in report["outcomes"]}
    assert False not in told
    assert (None in told) <= in_doubt
    assert {line["verified"] for line in report["outcomes"]} == {True}
