"""
Two thousand invitations in twenty mailboxes of each service, while everything goes wrong now and then.

The whole of a DAG through Airflow, twice: one mail for each invitation that was decided on, none else, true outcomes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG
from support.bulk import accounts, counts, mails_per_event
from support.dagruns import outcome, run
from support.services import SERVICES

from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.services import bitrix24, cronofy
from airflow_provider_rsvp.services.wire import Bucket

pytestmark = [pytest.mark.airflow, pytest.mark.any_airflow, pytest.mark.timeout(600)]

POLICY = {
    "rules": [
        {
            "name": "every tenth stays open",
            "when": {"subject": "meeting [0-9]*0$"},
            "then": {"action": "leave"},
        },
        {"name": "odd ones do not suit", "when": {"subject": "[13579]$"}, "then": {"action": "decline"}},
        {"name": "the others do", "when": {"subject": "bulk"}, "then": {"action": "accept"}},
    ]
}
MAILBOXES, INVITATIONS = 20, 2000
DECIDED = INVITATIONS - INVITATIONS // 10


def faults(service: str) -> list[dict[str, Any]]:
    """Whatever can go wrong with a request, before and after it took effect, a number of times each."""
    kinds: list[dict[str, Any]] = [
        {"kind": "status", "status": 429, "headers": {"Retry-After": "0.02"}},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 500, "when": "after"},
        {"kind": "status", "status": 502},
        {"kind": "status", "status": 503, "headers": {"Retry-After": "0.02"}},
        {"kind": "status", "status": 504, "when": "after"},
        {"kind": "cut"},
        {"kind": "cut", "when": "after"},
        {"kind": "truncated", "when": "after"},
        {"kind": "malformed"},
        {"kind": "html", "when": "after"},
        {"kind": "slow", "seconds": 0.02},
    ]
    operations = ["send", "observe", "list"] + (["batch"] if SERVICES[service].batches else [])
    return [
        {
            "service": service,
            "operation": operation,
            # One task lists all mailboxes, so a listing that fails costs it a whole try.
            "times": 1 if operation == "list" else 3,
            "probability": 0.1,
            "seed": seed,
            **kind,
        }
        for seed, (operation, kind) in enumerate(
            (operation, kind) for operation in operations for kind in kinds
        )
    ]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services without the documented limits, which would take minutes here and are proven elsewhere."""
    for module in (bitrix24, cronofy):
        limits = replace(module.DIALECT.limits, buckets=(Bucket(1_000_000, 1_000_000),))
        monkeypatch.setattr(module, "DIALECT", replace(module.DIALECT, limits=limits))


def workflow(service: str) -> DAG:
    with DAG(
        f"bulk_{service}", schedule=None, default_args={"retries": 15, "retry_delay": timedelta()}
    ) as dag:
        plan = PlanRepliesOperator.partial(task_id="plan", policy=POLICY, end="+60d").expand_kwargs(
            accounts(service, MAILBOXES)
        )
        SendRepliesOperator(task_id="send", replies=plan.output, max_replies=INVITATIONS, settle_timeout=1.5)
    return dag


@pytest.mark.parametrize("service", SERVICES)
def test_one_mail_for_each_decided_invitation_and_none_else(
    sandbox: Sandbox, database: None, monkeypatch: pytest.MonkeyPatch, hurried: None, service: str
) -> None:
    sandbox.reset(
        bulk={"mailboxes": MAILBOXES, "invitations": INVITATIONS}, limits=False, cronofy_settle=0.05
    )
    for conn_id, connection in sandbox.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    sandbox.faults(faults(service))

    tasks = run(workflow(service))

    report = outcome(tasks["send"])
    mails = mails_per_event(sandbox)
    assert tasks["send"].state == "success"
    assert set(mails.values()) == {1}
    assert len(mails) == DECIDED
    assert len(report["outcomes"]) == DECIDED
    assert report["counts"]["failed"] == 0
    assert counts(report) == {"replied": DECIDED}
    wanted = {line["subject"]: line["reply"]["status"] for line in report["outcomes"]}
    assert {mail["subject"]: mail["status"] for mail in sandbox.mail()} == wanted
    assert sum(rule["struck"] for rule in sandbox.faults()) >= 20

    sandbox.faults(faults(service))
    again = run(workflow(service))

    # What was declined is gone from an Outlook calendar; on the others it is answered, and not pending any more.
    assert again["send"].state == "success"
    assert counts(outcome(again["send"])) == {}
    assert mails_per_event(sandbox) == mails
