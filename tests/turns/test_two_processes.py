"""Two processes that answer the same events at the same moment: one mail for each event, with no set-up."""

from __future__ import annotations

import json
import multiprocessing
from typing import Any

import pytest
from support.bulk import SERVICES, Task, accounts, mails_per_event, plans

from airflow_provider_rsvp.sandbox import Sandbox

_CONTEXT = multiprocessing.get_context("spawn")


def _answer_one_by_one(barrier: Any, results: Any, conn_id: str, events: list[dict[str, Any]]) -> None:
    from support.replies import reply

    barrier.wait()
    results.put([str(reply(conn_id, "accepted", **event).result) for event in events])


def _answer_in_bulk(barrier: Any, results: Any, conn_id: str, plan: list[dict[str, Any]]) -> None:

    barrier.wait()
    report = Task().send(plan)
    results.put([line["outcome"] for line in report["outcomes"]])


def both(work: Any, conn_id: str, given: Any) -> list[list[str]]:
    """Let two processes do the same, and return what each says."""
    barrier, results = _CONTEXT.Barrier(2), _CONTEXT.Queue()
    processes = [
        _CONTEXT.Process(target=work, args=(barrier, results, conn_id, given), daemon=True) for _ in range(2)
    ]
    for process in processes:
        process.start()
    said = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    return said


@pytest.fixture
def plan(
    sandbox: Sandbox, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    sandbox.reset(bulk={"mailboxes": 1, "invitations": 12}, limits=False)
    for conn_id, connection in sandbox.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return plans(accounts(request.param, 1))


@pytest.mark.parametrize("plan", SERVICES, indirect=True)
class TestTwoProcesses:
    def test_one_mail_for_each_event_answered_by_itself(self, sandbox: Sandbox, plan: Any) -> None:
        lines = plan[0]["decisions"]
        events = [
            {name: line["invitation"][name] for name in ("event_id", "mailbox", "calendar_id")}
            for line in lines
        ]
        said = both(_answer_one_by_one, plan[0]["conn_id"], events)

        assert set(mails_per_event(sandbox).values()) == {1}
        assert [sorted(each) for each in zip(*said, strict=True)] == [["replied", "unchanged"]] * len(lines)

    def test_one_mail_for_each_event_answered_in_bulk(self, sandbox: Sandbox, plan: Any) -> None:
        said = both(_answer_in_bulk, plan[0]["conn_id"], plan)

        assert set(mails_per_event(sandbox).values()) == {1}
        assert [sorted(each) for each in zip(*said, strict=True)] == [["replied", "unchanged"]] * len(
            plan[0]["decisions"]
        )
