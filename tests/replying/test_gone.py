"""A declined event that is gone: what its absence proves, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest
from support.bulk import Task
from support.replies import reply
from support.services import SERVICES

from airflow_provider_rsvp.model import Result
from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = pytest.mark.any_airflow

GRAPH = SERVICES["graph"]
# After the look before the sending, whoever asks is told that there is no such event.
VANISHED = {"operation": "observe", "kind": "status", "status": 404, "skip": 1, "times": None}
CUT = {"operation": "send", "kind": "cut"}


@pytest.fixture
def event(sandbox: Sandbox) -> dict[str, Any]:
    from airflow_provider_rsvp.sandbox.graph import ids

    return {"event_id": ids.immutable(GRAPH.mailbox, "release"), "mailbox": GRAPH.mailbox}


class TestAfterACutSending:
    def test_nothing_is_proven_by_one_that_somebody_else_deleted(
        self, sandbox: Sandbox, event: dict[str, Any]
    ) -> None:
        sandbox.faults([CUT, VANISHED])

        outcome = reply(GRAPH.conn_id, "declined", **event)

        assert not sandbox.mail()
        assert (outcome.result, outcome.gone, outcome.verified) == (Result.REPLIED, True, False)
        assert outcome.organizer_notified is None
        assert "Or somebody else deleted it. Whether the organizer was told is not known" in outcome.detail

    def test_nor_in_a_task_that_sends_many(self, sandbox: Sandbox, event: dict[str, Any]) -> None:
        sandbox.faults([CUT, VANISHED])

        report = Task().send([{**event, "status": "declined"}], conn_id=GRAPH.conn_id)

        (line,) = report["outcomes"]
        assert not sandbox.mail()
        assert (line["outcome"], line["verified"], line["organizer_notified"]) == ("replied", False, None)

    def test_nor_by_one_that_is_gone_when_the_retry_looks(
        self, sandbox: Sandbox, event: dict[str, Any]
    ) -> None:
        sandbox.faults([CUT, {**VANISHED, "status": 500, "skip": 1}])
        task, replies = Task(), [{**event, "status": "declined"}]
        report = task.send(replies, conn_id=GRAPH.conn_id, settle_timeout=0.3)
        assert report["counts"]["failed"] == 1
        sandbox.faults([{**VANISHED, "skip": 0}])

        report = task.send(replies, conn_id=GRAPH.conn_id)

        (line,) = report["outcomes"]
        assert not sandbox.mail()
        assert (line["outcome"], line["verified"], line["organizer_notified"]) == ("replied", False, None)
        assert "declined, or deleted by somebody else" in line["detail"]

    def test_an_accepted_one_that_is_gone_was_not_answered(
        self, sandbox: Sandbox, event: dict[str, Any]
    ) -> None:
        sandbox.faults([CUT, VANISHED])
        task = Task()

        report = task.send([{**event, "status": "accepted"}], conn_id=GRAPH.conn_id, settle_timeout=0.3)

        assert report["counts"]["failed"] == 1
        assert task.retried


def test_after_a_clear_response_of_a_service_whose_word_counts_it_was_this_reply(
    sandbox: Sandbox, event: dict[str, Any]
) -> None:
    sandbox.faults([VANISHED])

    outcome = reply(GRAPH.conn_id, "declined", **event)

    assert [mail["status"] for mail in sandbox.mail()] == ["declined"]
    assert (outcome.gone, outcome.verified, outcome.organizer_notified) == (True, True, True)
    assert outcome.after is None
