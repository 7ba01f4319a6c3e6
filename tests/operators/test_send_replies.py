"""``SendRepliesOperator``: many replies in one task, each with its own outcome."""

from __future__ import annotations

import copy
import csv
import json
import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.sdk import Asset
from support.bulk import (
    Task,
    accounts,
    counts,
    mails_per_event,
    planned_events,
    plans,
)
from support.replies import reply
from support.services import SERVICES
from support.state_store import StateStore

from airflow_provider_rsvp._tasks import metrics
from airflow_provider_rsvp.exceptions import PassingError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.plans import PlannedReply
from airflow_provider_rsvp.sandbox import Sandbox

MAILBOXES, INVITATIONS = 3, 90
RELEASE = {"name": "the release", "when": {"subject": "release"}, "then": {"action": "accept"}}


@pytest.fixture
def crowd(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    sandbox.reset(bulk={"mailboxes": MAILBOXES, "invitations": INVITATIONS}, limits=False)
    for conn_id, connection in sandbox.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return sandbox


def refused(replies: Any, match: str, **options: Any) -> None:
    with pytest.raises(AirflowFailException, match=match):
        Task().send(replies, **options)


@pytest.mark.parametrize("service", SERVICES)
class TestOfEachService:
    def test_one_mail_for_each_reply_and_true_outcomes(self, crowd: Sandbox, service: str) -> None:
        plan = plans(accounts(service, MAILBOXES))

        report = Task().send(plan)

        assert counts(report) == {"replied": INVITATIONS}
        assert set(mails_per_event(crowd).values()) == {1}
        assert len(mails_per_event(crowd)) == len(set(planned_events(plan))) == INVITATIONS
        assert {(line["status_before"], line["status_after"]) for line in report["outcomes"]} == {
            ("needs-action", "accepted")
        }
        assert all(line["verified"] for line in report["outcomes"])

    def test_sending_it_again_sends_nothing_new(self, crowd: Sandbox, service: str) -> None:
        plan = plans(accounts(service, MAILBOXES))
        Task().send(plan)
        sent = crowd.mail()

        assert counts(Task().send(plan)) == {"unchanged": INVITATIONS}
        assert crowd.mail() == sent

    def test_takes_few_requests(self, crowd: Sandbox, service: str) -> None:
        plan = plans(accounts(service, MAILBOXES))
        before = len(crowd.requests())

        Task().send(plan)

        # Cronofy and Google have no batch for replies; there a look and a reading back are shared.
        one_by_one = INVITATIONS + 10 * MAILBOXES
        most = {"bitrix24": 4 * MAILBOXES, "graph": 30}.get(service, one_by_one)
        assert len(crowd.requests()) - before <= most

    def test_a_dry_run_sends_nothing_and_says_what_it_would_send(self, crowd: Sandbox, service: str) -> None:
        task = Task()
        plan = plans(accounts(service, MAILBOXES))

        report = task.send(plan, dry_run=True)

        assert counts(report) == {"skipped": INVITATIONS}
        assert report["dry_run"] is True
        assert all("'accepted' would be sent" in line["detail"] for line in report["outcomes"])
        assert crowd.mail() == []
        # What a dry run found settles nothing.
        assert counts(task.send(plan)) == {"replied": INVITATIONS}

    def test_what_changed_since_the_plan_is_skipped_with_the_reason(
        self, crowd: Sandbox, service: str
    ) -> None:
        plan = plans(accounts(service, 1))
        answered, cancelled = planned_events(plan)[:2]
        mailbox = plan[0]["decisions"][0]["invitation"]["mailbox"]
        by_hand = "tentative" if "tentative" in SERVICES[service].statuses else "declined"
        reply(plan[0]["conn_id"], by_hand, event_id=answered, mailbox=mailbox)
        crowd.cancel(service, cancelled)
        already = mails_per_event(crowd)

        report = Task().send(plan)

        told = {line["event_id"]: line for line in report["outcomes"] if line["outcome"] == "skipped"}
        assert set(told) == {answered, cancelled}
        assert "answered by hand" in told[answered]["detail"]
        assert "cancelled" in told[cancelled]["detail"] or "gone" in told[cancelled]["detail"]
        assert mails_per_event(crowd)[service, answered] == already[service, answered]
        assert mails_per_event(crowd)[service, cancelled] == already[service, cancelled]


class TestFailures:
    def test_one_failure_loses_no_other_and_a_retry_touches_only_what_is_not_settled(
        self, crowd: Sandbox
    ) -> None:
        plan = plans(accounts("graph", MAILBOXES))
        unlucky = planned_events(plan)[7]
        crowd.faults(
            [{"operation": "send", "kind": "status", "status": 403, "event_id": unlucky, "times": None}]
        )
        task = Task()

        report = task.send(plan)

        assert counts(report) == {"replied": INVITATIONS - 1, "failed": 1}
        assert not task.retried
        assert "PermissionDeniedError" in str(task.pushed["error"])
        crowd.faults([])
        before = len(crowd.requests())
        again = task.send(plan)
        assert counts(again) == {"replied": INVITATIONS}
        assert len(crowd.requests()) - before == 3
        assert set(mails_per_event(crowd).values()) == {1}

    @pytest.mark.parametrize("service", SERVICES)
    def test_what_may_pass_is_tried_again(self, crowd: Sandbox, service: str) -> None:
        plan = plans(accounts(service, MAILBOXES))
        unlucky = planned_events(plan)[::9]
        crowd.faults(
            [
                {
                    "service": service,
                    "operation": "send",
                    "kind": "status",
                    "status": 500,
                    "event_id": event_id,
                }
                for event_id in unlucky
            ]
        )
        task = Task()

        report = task.send(plan, settle_timeout=0.3)

        assert counts(report) == {"replied": INVITATIONS - len(unlucky), "failed": len(unlucky)}
        assert isinstance(task.pushed["error"], PassingError)
        assert task.retried
        assert counts(task.send(plan)) == {"replied": INVITATIONS}
        assert set(mails_per_event(crowd).values()) == {1}

    def test_credentials_that_are_refused_stop_the_rest(self, crowd: Sandbox, connect: Any) -> None:
        plan = plans(accounts("graph", MAILBOXES))
        broken = connect("msgraph_calendar_default", password="wrong")
        for each in plan:
            each["conn_id"] = broken
        task = Task()

        report = task.send(plan)

        assert counts(report) == {"failed": INVITATIONS}
        assert not task.retried
        assert crowd.mail() == []

    def test_without_a_state_store_a_retry_looks_again_and_sends_nothing_twice(self, crowd: Sandbox) -> None:
        plan = plans(accounts("bitrix24", MAILBOXES))
        crowd.faults([{"operation": "batch", "kind": "cut", "when": "after", "skip": 1}])
        task = Task(store=None)
        task.send(plan, settle_timeout=0.3)

        report = task.send(plan)

        assert report["counts"]["failed"] == 0
        assert set(mails_per_event(crowd).values()) == {1}
        assert len(mails_per_event(crowd)) == INVITATIONS


class TestKilledHalfway:
    class Killed(BaseException):
        """What ends the process in the middle of a try."""

    @pytest.mark.parametrize("service", SERVICES)
    @pytest.mark.parametrize("writes", [1, 2, 3])
    def test_it_picks_up_where_it_was(self, crowd: Sandbox, service: str, writes: int) -> None:
        """The try dies at the n-th write to the state store: of intents, of more intents, of outcomes."""
        plan = plans(accounts(service, MAILBOXES))
        killed = self.Killed

        class Mortal(StateStore):
            left = writes

            def set(self, key: str, value: Any) -> None:
                super().set(key, copy.deepcopy(value))
                self.left -= 1
                if self.left == 0:
                    raise killed

        task = Task(store=Mortal())
        with pytest.raises(BaseException) as died:  # noqa: PT011 - a group of them, as tasks run side by side
            task.send(plan)
        assert not isinstance(died.value, AssertionError)
        halfway = len(crowd.mail())

        report = task.send(plan, settle_timeout=0.3)

        assert halfway < INVITATIONS or writes > 1
        assert counts(report) == {"replied": INVITATIONS}
        assert set(mails_per_event(crowd).values()) == {1}


class TestTheFuse:
    def test_a_plan_above_it_sends_nothing(self, crowd: Sandbox) -> None:
        plan = plans(accounts("graph", MAILBOXES))
        before = len(crowd.requests())

        refused(plan, rf"max_replies: {INVITATIONS} replies are to be sent, and at most 89", max_replies=89)

        assert len(crowd.requests()) == before
        assert counts(Task().send(plan, max_replies=INVITATIONS)) == {"replied": INVITATIONS}

    @pytest.mark.parametrize("limit", ["many", -1, True, None])
    def test_it_is_a_whole_number(self, crowd: Sandbox, limit: Any) -> None:
        refused(plans(accounts("graph", 1)), "max_replies: .* is not a whole number", max_replies=limit)


class TestBadInput:
    def test_a_plan_for_another_connection(self, crowd: Sandbox) -> None:
        refused(
            plans(accounts("graph", 1)),
            "the plan was made for connection 'msgraph_calendar_default', not for 'cronofy_default'",
            conn_id="cronofy_default",
        )

    def test_a_plan_that_is_too_old(self, crowd: Sandbox) -> None:
        (plan,) = plans(accounts("graph", 1))
        plan["created_at"] = pendulum.now("UTC").subtract(hours=3).isoformat()

        refused(plan, "max_age: the plan was made at", max_age=timedelta(hours=2))
        refused(plan, "max_age: the plan was made at", max_age="7200")
        refused(plan, "is not a number of seconds", max_age="soon")
        assert crowd.mail() == []
        assert counts(Task().send(plan, max_age=4 * 3600)) == {"replied": INVITATIONS // MAILBOXES}

    def test_what_the_service_cannot_express_is_named_and_nothing_is_sent(self, crowd: Sandbox) -> None:
        policy = {
            "rules": [{"name": "perhaps", "when": {"subject": "bulk"}, "then": {"action": "tentative"}}]
        }
        plan = plans(accounts("bitrix24", 1), policy, on_unsupported="skip")
        plan[0]["decisions"][0]["reply"]["status"] = "accepted"
        plan[0]["decisions"][0]["unsupported"] = None

        refused(plan, r"(?s)29 of the replies cannot be sent, so nothing was sent.*Bulk meeting.*'tentative'")
        assert crowd.mail() == []
        assert counts(Task().send(plan, on_unsupported="skip")) == {"replied": 1}

    def test_what_a_person_added_since_is_checked_again(self, crowd: Sandbox) -> None:
        (plan,) = plans(accounts("cronofy", 1))
        plan["decisions"][0]["reply"]["comment"] = "See you there."

        refused(plan, r"(?s)1 of the replies cannot be sent.*carries no comments")

    @pytest.mark.parametrize(
        ("replies", "match"),
        [
            ("accepted", "replies: expected a plan or a list, not str"),
            ([17], r"replies\[0\]: expected a mapping, not int"),
            ([{"event_id": "1", "status": "accepted", "state": "x"}], r"replies\[0\].state: is not known"),
            ([{"event_id": "1", "status": "perhaps"}], r"replies\[0\].status: 'perhaps' is not one of"),
            ([{"status": "accepted"}], r"replies\[0\].event_id: give the event's id"),
            (
                [{"event_id": "1", "status": "accepted"}, {"event_id": "1", "status": "declined"}],
                "event 1 is to be answered with 'accepted' and with 'declined'",
            ),
        ],
    )
    def test_replies_that_are_none(self, sandbox: Sandbox, replies: Any, match: str) -> None:
        refused(replies, match, conn_id="bitrix24_default")

    def test_replies_that_name_no_connection(self, sandbox: Sandbox) -> None:
        refused([{"event_id": "1", "status": "accepted"}], "conn_id: is required")

    def test_a_report_file_of_an_unknown_kind(self, crowd: Sandbox) -> None:
        refused(plans(accounts("graph", 1)), "ends neither with", report_path="report.xlsx")
        assert crowd.mail() == []


class TestPlainReplies:
    def test_they_need_no_plan_and_the_same_one_twice_is_one(self, sandbox: Sandbox) -> None:
        replies = [
            {"event_id": sandbox.event_id("bitrix24", slug), "status": status}
            for slug, status in (("release", "accepted"), ("lunch", "declined"), ("release", "accepted"))
        ]

        report = Task().send(replies, conn_id="bitrix24_default")

        assert counts(report) == {"replied": 2}
        assert sorted(mail["status"] for mail in sandbox.mail()) == ["accepted", "declined"]

    def test_an_event_that_is_not_there_fails(self, sandbox: Sandbox) -> None:
        task = Task()
        report = task.send([{"event_id": "999999", "status": "accepted"}], conn_id="bitrix24_default")

        assert counts(report) == {"failed": 1}
        assert "EventNotFoundError" in report["outcomes"][0]["detail"]


class TestTheSameEventTwice:
    @pytest.mark.parametrize("status", ["accepted", "declined"])
    def test_under_two_names_gets_one_reply(self, sandbox: Sandbox, status: str) -> None:
        mailbox = "alice@contoso.example"
        replies: list[dict[str, Any]] = [
            {"ical_uid": "release@sandbox.example", "status": "accepted"},
            {"event_id": sandbox.event_id("graph", "release", mailbox), "status": status},
            {
                "event_id": sandbox.event_id("graph", "lunch", mailbox),
                "mailbox": mailbox,
                "status": "accepted",
            },
        ]
        task = Task()

        report = task.send(replies, conn_id="msgraph_calendar_default")

        assert counts(report) == {"replied": 2, "skipped": 1}
        assert "Another of the replies is for the same event" in str(report["outcomes"])
        assert set(mails_per_event(sandbox).values()) == {1}
        # The next try of the task does not take it up again.
        assert counts(task.send(replies, conn_id="msgraph_calendar_default")) == counts(report)
        assert len(sandbox.mail()) == 2

    def test_given_to_the_hook_twice_it_is_sent_once(self, sandbox: Sandbox) -> None:
        planned = PlannedReply.from_arguments(
            {"event_id": sandbox.event_id("bitrix24", "release"), "status": "accepted"}
        )

        settled = get_calendar_hook("bitrix24_default").send_replies([planned, planned])

        assert [str(each.outcome.result) for each in settled] == ["replied", "replied"]
        assert len(sandbox.mail()) == 1


class TestAConnectionThatIsIncomplete:
    def test_fails_before_anything_is_sent_on_another(self, sandbox: Sandbox, connect: Any) -> None:
        (plan,) = plans([{"conn_id": "bitrix24_default"}], {"rules": [RELEASE]})
        broken = {**plan, "conn_id": connect("bitrix24_default", password=None, login="")}

        refused([plan, broken], "ConfigurationError: Connection 'changed'")

        assert sandbox.mail() == []


class TestTheReport:
    def test_goes_to_a_file(self, crowd: Sandbox, tmp_path: Path) -> None:
        as_csv, as_json = tmp_path / "new" / "report.csv", tmp_path / "report.json"
        plan = plans(accounts("graph", 1))
        Task().send(plan, report_path=f"file://{as_csv}")
        report = Task().send(plan, report_path=f"file://{as_json}")

        with as_csv.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["outcome"] for row in rows] == ["replied"] * 30
        assert {row["rule"] for row in rows} == {"everything suits"}
        assert json.loads(as_json.read_text()) == report

    def test_no_cell_of_a_table_is_a_formula(self, crowd: Sandbox, tmp_path: Path) -> None:
        plan = plans(accounts("graph", 1))
        crowd.faults([{"operation": "send", "kind": "status", "status": 403}])
        plan[0]["decisions"][0]["invitation"]["subject"] = '=HYPERLINK("https://elsewhere.example")'
        path = tmp_path / "report.csv"
        Task().send(plan[:1], report_path=f"file://{path}", dry_run=True)

        with path.open(newline="") as file:
            assert not [row for row in csv.reader(file) for cell in row if cell.startswith("=")]

    def test_counts_go_with_the_event_of_each_asset(self, crowd: Sandbox) -> None:
        asset = Asset("replies_sent")
        task = Task()
        operator = SendRepliesOperator(task_id="send", replies=plans(accounts("graph", 1)), outlets=[asset])

        operator.execute(task.context())

        assert task.events[asset].extra == {
            "dry_run": False,
            "replied": 30,
            "unchanged": 0,
            "skipped": 0,
            "failed": 0,
        }

    def test_each_try_counts_what_it_settled(self, crowd: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        counted: list[tuple[str, int, dict[str, str]]] = []
        stats = SimpleNamespace(incr=lambda name, count, tags: counted.append((name, count, tags)))
        monkeypatch.setattr(metrics, "Stats", stats)
        plan = plans(accounts("bitrix24", 1))
        crowd.faults(
            [{"operation": "send", "event_id": planned_events(plan)[0], "kind": "status", "status": 500}]
        )
        task, tags = Task(), {"dag_id": "bulk", "task_id": "send"}

        task.send(plan, dry_run=True)
        assert counted == []
        task.send(plan, settle_timeout=0.3)
        assert sorted(counted) == [("rsvp.replies.failed", 1, tags), ("rsvp.replies.replied", 29, tags)]
        counted.clear()
        assert counts(task.send(plan)) == {"replied": 30}
        assert counted == [("rsvp.replies.replied", 1, tags)]

    def test_progress_is_logged_while_it_runs(
        self, crowd: Sandbox, capsys: pytest.CaptureFixture[str]
    ) -> None:
        operator = SendRepliesOperator(task_id="send", replies=plans(accounts("graph", MAILBOXES)))
        operator.execute(Task().context())

        said = re.findall(r"(\d+) of 90 replies settled: \1 replied", capsys.readouterr().out)
        assert said == ["25", "50", "75", "90"]
