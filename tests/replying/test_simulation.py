"""
Thousands of replies, many at once, through a service that fails at random: none twice, none lost, none untrue.

A failure names its seed in the test's id; ``-k "graph-7"`` runs that one again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from typing import Any

import pytest
from support.services import SERVICES
from support.state_store import StateStore

from airflow_provider_rsvp._tasks.memory import TaskStateMemory
from airflow_provider_rsvp.exceptions import PassingError
from airflow_provider_rsvp.hooks.base import Calendar, get_calendar_hook
from airflow_provider_rsvp.model import EventReference, Outcome, ParticipationStatus, Reply
from airflow_provider_rsvp.plans import PlannedReply, ReportLine
from airflow_provider_rsvp.replying import ReplyOptions, set_participation_status
from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = [pytest.mark.any_airflow, pytest.mark.slow]

INVITATIONS = 60
AT_ONCE = 8
TRIES = 25
OPTIONS = ReplyOptions(settle_timeout=0.5)
SEEDS = range(6)
STATUSES = {
    each.name: [status for status in each.statuses if status != "needs-action"] for each in SERVICES.values()
}
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "cut"},
    {"kind": "cut", "when": "after"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 500, "when": "after"},
    {"kind": "status", "status": 502, "when": "after"},
    {"kind": "status", "status": 504},
    {"kind": "status", "status": 504, "when": "after"},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "0.01"}},
    {"kind": "status", "status": 503, "headers": {"Retry-After": "0.01"}},
    {"kind": "malformed", "when": "after"},
    {"kind": "truncated", "when": "after"},
    {"kind": "empty", "when": "after"},
    {"kind": "no_effect"},
)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("service", SERVICES)
def test_none_twice_none_lost_none_untrue(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, service: str, seed: int
) -> None:
    wanted = _prepare(sandbox, monkeypatch, service, random.Random(f"{service} {seed}"))
    mailbox = SERVICES[service].bulk_mailbox(1)

    outcomes = asyncio.run(_reply_to_all(SERVICES[service].bulk_conn_id(1), mailbox, wanted))

    sandbox.faults([])
    mails = [(mail["event_id"], mail["status"]) for mail in sandbox.mail() if mail["event_id"] in wanted]
    assert len(wanted) == INVITATIONS
    assert {event: outcome.result for event, outcome in outcomes.items()} == dict.fromkeys(wanted, "replied")
    assert sorted(mails) == sorted(wanted.items())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("service", SERVICES)
def test_nor_in_bulk(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, service: str, seed: int) -> None:
    wanted = _prepare(sandbox, monkeypatch, service, random.Random(f"bulk {service} {seed}"))
    mailbox = SERVICES[service].bulk_mailbox(1)

    # By their subjects, as Outlook shows an event under several ids.
    by_subject = {
        str(row["subject"]): wanted[str(row["event_id"])]
        for row in sandbox.invitations()
        if row["event_id"] in wanted
    }

    settled = _send_again_and_again(SERVICES[service].bulk_conn_id(1), mailbox, by_subject)

    sandbox.faults([])
    mails = [(mail["subject"], mail["status"]) for mail in sandbox.mail()]
    assert {each.outcome.subject: each.outcome.result for each in settled} == dict.fromkeys(
        by_subject, "replied"
    )
    assert sorted(mails) == sorted(by_subject.items())


def _prepare(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, service: str, dice: random.Random
) -> dict[str, str]:
    """Fill a mailbox, let the service fail at random, and return how each event is to be answered."""
    sandbox.reset(limits=False, cronofy_settle=0.01, bulk={"mailboxes": 1, "invitations": INVITATIONS})
    for conn_id, connection in sandbox.connections().items():
        if connection["conn_type"] == "bitrix24":
            connection["extra"] = {"requests_per_second": 10_000, "burst": 10_000}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    wanted = {
        str(row["event_id"]): dice.choice(STATUSES[service])
        for row in sandbox.invitations()
        if row["service"] == service and str(row["subject"]).startswith("Bulk")
    }
    sandbox.faults(
        [
            {
                **fault,
                "service": service,
                "operation": dice.choice(("send", "send", "observe", "batch")),
                "times": None,
                "probability": round(dice.uniform(0.02, 0.12), 3),
                "seed": dice.randrange(1_000_000),
            }
            for fault in FAULTS
        ]
    )
    return wanted


async def _reply_to_all(conn_id: str, mailbox: str | None, wanted: dict[str, str]) -> dict[str, Outcome]:
    places = asyncio.Semaphore(AT_ONCE)
    async with get_calendar_hook(conn_id).calendar() as calendar:

        async def reply(event_id: str, status: str) -> Outcome:
            async with places:
                return await _try_again_and_again(
                    calendar,
                    EventReference(event_id=event_id, mailbox=mailbox),
                    Reply(status=ParticipationStatus(status)),
                )

        outcomes = await asyncio.gather(*(reply(*item) for item in wanted.items()))
    return dict(zip(wanted, outcomes, strict=True))


async def _try_again_and_again(calendar: Calendar, reference: EventReference, reply: Reply) -> Outcome:
    """As Airflow does, with one state store for all tries."""
    memory = TaskStateMemory(StateStore(), "reply")
    for _ in range(TRIES - 1):
        try:
            return await set_participation_status(
                calendar.client, reference, reply, memory=memory, options=OPTIONS
            )
        except PassingError:
            continue
    return await set_participation_status(calendar.client, reference, reply, memory=memory, options=OPTIONS)


def _send_again_and_again(conn_id: str, mailbox: str | None, wanted: dict[str, str]) -> list[ReportLine]:
    """As Airflow does, with one state store for all tries, which take the replies as a listing planned them."""
    hook = get_calendar_hook(conn_id)
    store = StateStore()
    replies: list[PlannedReply] = []
    while not replies:
        with contextlib.suppress(PassingError):
            replies = [
                PlannedReply(
                    reference=event.reference,
                    reply=Reply(status=ParticipationStatus(wanted[event.subject])),
                    planned=event,
                )
                for event in hook.list_invitations("now", "+60d", mailbox=mailbox)
                if event.subject in wanted
            ]
    for _ in range(TRIES):
        settled = hook.send_replies(replies, options=OPTIONS, memory=TaskStateMemory(store, "replies"))
        if not any(each.may_pass for each in settled):
            break
    return settled
