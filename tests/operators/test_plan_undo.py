"""Undo: a plan that restores the statuses from before the replies of a report, and names what it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.bulk import Task, counts, mails_per_event
from support.replies import look, reply
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.operators.plan_undo import PlanUndoOperator
from airflow_provider_rsvp.plans import Plan, Report, plan_from_report
from airflow_provider_rsvp.sandbox import Sandbox

CONNECTIONS = {each.name: each.conn_id for each in SERVICES.values()}
TAKING_BACK = [each.name for each in SERVICES.values() if "needs-action" in each.statuses]
CAROL = "carol@contoso.example"
"""Her mailbox keeps what she declines."""


def reference(sandbox: Sandbox, service: str, slug: str) -> dict[str, Any]:
    """Return how an event is addressed; on Microsoft Graph, in a mailbox that keeps declined events."""
    if service == "graph":
        return {"event_id": sandbox.event_id(service, slug, CAROL), "mailbox": CAROL}
    return {"event_id": sandbox.event_id(service, slug)}


def sent(conn_id: str, *replies: dict[str, Any], **options: Any) -> dict[str, Any]:
    return Task().send(list(replies), conn_id=conn_id, **options)


def undone(report: Any, **options: Any) -> Plan:
    task = Task()
    options = {"report": report, **options} if report is not None else options
    plan = Plan.from_plain(PlanUndoOperator(task_id="undo", **options).execute(task.context()))
    assert task.pushed["markdown"] == plan.as_markdown()
    return plan


def status(conn_id: str, where: dict[str, Any]) -> str:
    return str(look(conn_id, **where).status)


def statuses_mailed(sandbox: Sandbox) -> list[str]:
    return [str(mail["status"]) for mail in sandbox.mail()]


class TestRoundTrip:
    @pytest.mark.parametrize("service", CONNECTIONS)
    def test_what_stood_before_stands_again_and_the_organizer_was_told_each_time(
        self, sandbox: Sandbox, service: str
    ) -> None:
        conn_id, where = CONNECTIONS[service], reference(sandbox, service, "release")
        reply(conn_id, "accepted", **where)
        decline = {**where, "status": "declined"}
        report = sent(conn_id, decline)

        plan = undone(report)
        assert [str(each.reply.status) for each in plan.replies if each.reply] == ["accepted"]
        back = Task().send(plan.to_plain())
        assert status(conn_id, where) == "accepted"
        again = sent(conn_id, decline)

        assert [counts(each) for each in (report, back, again)] == [{"replied": 1}] * 3
        assert status(conn_id, where) == "declined"
        assert statuses_mailed(sandbox) == ["accepted", "declined", "accepted", "declined"]
        assert set(mails_per_event(sandbox).values()) == {4}

    @pytest.mark.parametrize("service", CONNECTIONS)
    def test_undoing_twice_sends_nothing_more(self, sandbox: Sandbox, service: str) -> None:
        conn_id, where = CONNECTIONS[service], reference(sandbox, service, "release")
        reply(conn_id, "accepted", **where)
        plan = undone(sent(conn_id, {**where, "status": "declined"})).to_plain()
        Task().send(plan)

        assert counts(Task().send(plan)) == {"unchanged": 1}
        assert len(sandbox.mail()) == 3

    @pytest.mark.parametrize("service", TAKING_BACK)
    def test_an_answer_is_taken_back_where_the_service_can(self, sandbox: Sandbox, service: str) -> None:
        conn_id, where = CONNECTIONS[service], reference(sandbox, service, "release")
        plan = undone(sent(conn_id, {**where, "status": "accepted"}))

        report = Task().send(plan.to_plain())

        assert counts(report) == {"replied": 1}
        assert status(conn_id, where) == "needs-action"
        told = "tells the organizer 'declined'" in report["outcomes"][0]["detail"]
        assert told == (service == "bitrix24")

    def test_a_series_is_restored_as_a_whole(self, sandbox: Sandbox) -> None:
        where = {"event_id": sandbox.event_id("graph", "training")}
        whole = {**where, "scope": "series"}
        sent("msgraph_calendar_default", {**whole, "status": "tentative"})
        plan = undone(sent("msgraph_calendar_default", {**whole, "status": "accepted"}))

        report = Task().send(plan.to_plain())

        assert counts(report) == {"replied": 1}
        assert str(look("msgraph_calendar_default", scope="series", **where).status) == "tentative"
        assert len(sandbox.mail()) == 3

    def test_with_a_comment_or_silently(self, sandbox: Sandbox) -> None:
        where = reference(sandbox, "graph", "release")
        reply("msgraph_calendar_default", "accepted", **where)
        report = sent("msgraph_calendar_default", {**where, "status": "declined"})

        Task().send(undone(report, comment="That was a mistake.").to_plain())
        assert sandbox.mail()[-1]["comment"] == "That was a mistake."

        report = sent("msgraph_calendar_default", {**where, "status": "declined"})
        told = len(sandbox.mail())
        Task().send(undone(report, notify_organizer="False").to_plain())
        assert len(sandbox.mail()) == told
        assert status("msgraph_calendar_default", where) == "accepted"


class TestWhatIsLeft:
    @pytest.mark.parametrize("service", [name for name in SERVICES if name not in TAKING_BACK])
    def test_no_answer_cannot_be_restored_and_is_named(self, sandbox: Sandbox, service: str) -> None:
        conn_id, where = CONNECTIONS[service], reference(sandbox, service, "release")
        report = sent(conn_id, {**where, "status": "accepted"})

        with pytest.raises(
            AirflowFailException,
            match=r"(?s)1 of the replies cannot be sent.*'Release go/no-go'.*needs-action",
        ):
            undone(report)
        plan = undone(report, on_unsupported="skip")
        assert counts(Task().send(plan.to_plain(), on_unsupported="skip")) == {}
        assert len(sandbox.mail()) == 1

    def test_an_event_that_was_seen_to_be_gone_is_named(self, sandbox: Sandbox) -> None:
        """Cronofy no longer shows what was declined in an Exchange calendar."""
        where = {
            "event_id": sandbox.event_id("cronofy", "exchange-sync"),
            "calendar_id": "cal_alice@exchange-main_02",
        }
        reply("cronofy_default", "accepted", **where)
        report = sent("cronofy_default", {**where, "status": "declined"})

        with pytest.raises(AirflowFailException, match=r"(?s)'Account review'.*deleted the event when it"):
            undone(report)
        (line,) = undone(report, on_unsupported="skip").decisions
        assert line.reply is None
        assert line.reason == "It was accepted, then declined."

    @pytest.mark.parametrize("slugs", [["release"], ["release", "lunch", "board", "review"]])
    def test_what_outlook_deleted_is_skipped_and_named_when_it_is_sent(
        self, sandbox: Sandbox, slugs: list[str]
    ) -> None:
        """Microsoft Graph shows a deleted item as declined; that it cannot be answered shows only then."""
        events = [sandbox.event_id("graph", slug, "alice@contoso.example") for slug in slugs]
        for event_id in events:
            reply("msgraph_calendar_default", "accepted", event_id=event_id)
        replies = [{"event_id": event_id, "status": "declined"} for event_id in events]
        plan = undone(sent("msgraph_calendar_default", *replies))
        already = len(sandbox.mail())

        report = Task().send(plan.to_plain())

        assert counts(report) == {"skipped": len(slugs)}
        assert all("removed from the calendar" in line["detail"] for line in report["outcomes"])
        assert len(sandbox.mail()) == already

    def test_what_was_changed_by_hand_since_is_skipped(self, sandbox: Sandbox) -> None:
        where = reference(sandbox, "cronofy", "release")
        reply("cronofy_default", "accepted", **where)
        plan = undone(sent("cronofy_default", {**where, "status": "declined"}))
        reply("cronofy_default", "tentative", **where)

        report = Task().send(plan.to_plain())

        assert counts(report) == {"skipped": 1}
        assert "answered by hand" in report["outcomes"][0]["detail"]
        assert status("cronofy_default", where) == "tentative"

    def test_what_was_unchanged_skipped_or_failed_is_left(self, sandbox: Sandbox) -> None:
        where = {slug: reference(sandbox, "bitrix24", slug) for slug in ("release", "lunch", "board")}
        reply("bitrix24_default", "accepted", **where["release"])
        planned = undone(sent("bitrix24_default", {**where["lunch"], "status": "declined"})).to_plain()
        reply("bitrix24_default", "accepted", **where["lunch"])
        sandbox.faults(
            [
                {
                    "operation": "send",
                    "event_id": where["board"]["event_id"],
                    "kind": "status",
                    "status": 500,
                    "times": None,
                }
            ]
        )
        report = Task().send(
            [
                planned,
                {**where["release"], "status": "accepted"},
                {**where["board"], "status": "accepted"},
            ],
            conn_id="bitrix24_default",
            settle_timeout=0.3,
        )
        assert counts(report) == {"skipped": 1, "unchanged": 1, "failed": 1}

        plan = undone(report)

        assert plan.replies == ()
        reasons = {each.invitation.subject: each.reason for each in plan.decisions}
        assert reasons["Release go/no-go"] == "Nothing was sent: unchanged."
        assert reasons["Lunch with the new colleagues"] == "Nothing was sent: skipped."
        # Of a reply whose outcome is unclear nobody may say that it was not sent.
        assert [reason for reason in reasons.values() if "The reply failed" in reason and "Unclear" in reason]

    def test_a_status_that_stood_before_is_left(self, sandbox: Sandbox) -> None:
        where = reference(sandbox, "graph", "release")
        reply("msgraph_calendar_default", "accepted", **where)
        report = sent("msgraph_calendar_default", {**where, "status": "accepted"}, force=True)
        assert counts(report) == {"replied": 1}

        (line,) = undone(report).decisions
        assert line.reply is None
        assert line.reason == "The status was 'accepted' before as well."


class TestAfterARetry:
    """What an earlier try settled is in the report as it was."""

    @pytest.mark.parametrize("service", CONNECTIONS)
    def test_plain_replies_of_an_earlier_try_are_undone(self, sandbox: Sandbox, service: str) -> None:
        conn_id = CONNECTIONS[service]
        where = {slug: reference(sandbox, service, slug) for slug in ("release", "standup")}
        for each in where.values():
            reply(conn_id, "accepted", **each)
        unlucky = {"operation": "send", "kind": "status", "status": 500}
        sandbox.faults([{**unlucky, "event_id": where["standup"]["event_id"]}])
        task = Task()
        replies = [{**each, "status": "declined"} for each in where.values()]
        first = task.send(replies, conn_id=conn_id, settle_timeout=0.3)
        assert counts(first) == {"replied": 1, "failed": 1}
        report = task.send(replies, conn_id=conn_id)

        plan = undone(report)

        assert {each.invitation.subject for each in plan.replies} == {"Release go/no-go", "Daily standup"}
        assert counts(Task().send(plan.to_plain())) == {"replied": 2}
        assert [status(conn_id, each) for each in where.values()] == ["accepted"] * 2


class TestReportsThatAreNone:
    @pytest.fixture
    def report(self, sandbox: Sandbox) -> dict[str, Any]:
        return sent("bitrix24_default", {**reference(sandbox, "bitrix24", "release"), "status": "accepted"})

    def test_of_another_connection(self, report: dict[str, Any]) -> None:
        with pytest.raises(
            AirflowFailException, match="it is from connection bitrix24_default, not from cronofy"
        ):
            undone(report, conn_id="cronofy_default")

    def test_of_several_connections(self, report: dict[str, Any]) -> None:
        report["outcomes"].append({**report["outcomes"][0], "conn_id": "bitrix24_boris"})

        with pytest.raises(
            AirflowFailException, match=r"from several connections \(bitrix24_boris, bitrix24_default\)"
        ):
            undone(report)

    def test_of_a_dry_run(self, sandbox: Sandbox) -> None:
        dry = sent(
            "bitrix24_default",
            {**reference(sandbox, "bitrix24", "release"), "status": "accepted"},
            dry_run=True,
        )

        with pytest.raises(AirflowFailException, match="it is from a dry run"):
            undone(dry)
        with pytest.raises(InvalidInputError, match="it is from a dry run"):
            plan_from_report(Report.from_plain(dry))

    def test_an_empty_one_makes_an_empty_plan(self, sandbox: Sandbox) -> None:
        assert undone(sent("bitrix24_default")).decisions == ()

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            (lambda report: report.pop("outcomes"), "'outcomes' is missing"),
            (lambda report: report["outcomes"][0].pop("reply"), r"outcomes\[0\]: 'reply' is missing"),
            (lambda report: report["outcomes"][0].update(outcome="sent"), r"outcomes\[0\].outcome: 'sent'"),
            (
                lambda report: report["outcomes"][0].update(event_id=None, ical_uid=None),
                r"outcomes\[0\]: event_id",
            ),
            (lambda report: report["outcomes"][0].update(start="soon"), r"outcomes\[0\]"),
            (
                lambda report: report["outcomes"][0].update(status_before="maybe"),
                r"outcomes\[0\].status_before",
            ),
        ],
    )
    def test_a_malformed_one(
        self, report: dict[str, Any], change: Callable[[dict[str, Any]], None], match: str
    ) -> None:
        change(report)

        with pytest.raises(AirflowFailException, match=match):
            undone(report)

    def test_none_at_all(self) -> None:
        operator = PlanUndoOperator(task_id="undo", report={})
        operator.report = None

        with pytest.raises(AirflowFailException, match="report: there is none"):
            operator.execute(Task().context())

    def test_both_or_neither(self) -> None:
        for given in ({}, {"report": {}, "report_path": "report.json"}):
            with pytest.raises(InvalidInputError, match="give exactly one"):
                PlanUndoOperator(task_id="undo", **given)


class TestFiles:
    def test_a_report_in_a_file_is_undone(self, sandbox: Sandbox, tmp_path: Path) -> None:
        path = f"file://{tmp_path}/reports/sent.json"
        where = reference(sandbox, "bitrix24", "release")
        sent("bitrix24_default", {**where, "status": "accepted"}, report_path=path)

        Task().send(undone(None, report_path=path).to_plain())

        assert status("bitrix24_default", where) == "needs-action"

    @pytest.mark.parametrize(
        ("name", "text", "match"),
        [
            ("report.csv", "conn_id", "is not a '.json'"),
            ("report.json", "{", "report: is not JSON"),
            ("report.json", json.dumps([1]), "expected a mapping"),
            ("report.json", None, "there is no file"),
        ],
    )
    def test_a_file_that_holds_none(self, tmp_path: Path, name: str, text: str | None, match: str) -> None:
        if text is not None:
            (tmp_path / name).write_text(text)

        with pytest.raises(AirflowFailException, match=match):
            undone(None, report_path=f"file://{tmp_path}/{name}")
