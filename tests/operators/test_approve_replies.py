"""``ApproveRepliesOperator``: a person's answer, given through Airflow's API as its UI does, and what is sent then."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bulk import Task, accounts, plans
from support.running_airflow import RunningAirflow, running_airflow, wait_until

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.operators.approve_replies import ApproveRepliesOperator, line_numbers
from airflow_provider_rsvp.plans import Plan
from airflow_provider_rsvp.sandbox import Sandbox
from demo.home import EXAMPLES

DAG_FILE = """
from datetime import timedelta

from airflow.sdk import DAG
from airflow_provider_rsvp.operators.approve_replies import ApproveRepliesOperator
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator

POLICY = {policy!r}

for dag_id, (mailbox, days, seconds) in {dags!r}.items():
    # The params of the DAG are not those of the question.
    with DAG(dag_id, schedule=None, params={{"comment": "of the DAG"}}):
        plan = PlanRepliesOperator(
            task_id="plan", conn_id="msgraph_calendar_default", policy=POLICY, mailboxes=mailbox, end=f"+{{days}}d",
            retries=3, retry_delay=timedelta(seconds=1),
        )
        approved = ApproveRepliesOperator(
            task_id="approve", plan=plan.output, response_timeout=timedelta(seconds=seconds), retries=2
        )
        SendRepliesOperator(task_id="send", replies=approved.output)
"""
POLICY = {
    "rules": [{"name": "no", "when": {"subject": "bulk"}, "then": {"action": "decline", "comment": "No."}}]
}
PATIENT, IMPATIENT = 3600, 3
DAGS = {
    "approve_all": ("bulk1@contoso.example", 60, PATIENT),
    "approve_some": ("bulk2@contoso.example", 60, PATIENT),
    "approve_none": ("bulk3@contoso.example", 60, PATIENT),
    "approve_with_a_comment": ("bulk4@contoso.example", 60, PATIENT),
    "approve_wrong_lines": ("bulk5@contoso.example", 60, PATIENT),
    "approve_nobody_answers": ("bulk6@contoso.example", 60, IMPATIENT),
    "approve_nothing_planned": ("bulk7@contoso.example", 0, PATIENT),
    "approve_after_a_change": ("bulk8@contoso.example", 60, PATIENT),
    "approve_an_earlier_question": ("bulk9@contoso.example", 60, PATIENT),
}
EXAMPLE = "rsvp_approval"
MAILBOXES = {dag_id: mailbox for dag_id, (mailbox, _, _) in DAGS.items()} | {EXAMPLE: "nora@contoso.example"}
TEMPLATE = "Bulk {{ 6 * 7 }} {% for %}"
INVITATIONS = 6
"""In each mailbox."""


@pytest.fixture(scope="module")
def crowd() -> Iterator[Sandbox]:
    with Sandbox(bulk={"mailboxes": len(DAGS), "invitations": INVITATIONS * len(DAGS)}) as sandbox:
        sandbox.invite(
            service="graph",
            mailbox=DAGS["approve_none"][0],
            subject=TEMPLATE,
            start=pendulum.now("UTC").add(days=3).isoformat(),
        )
        yield sandbox


@pytest.fixture(scope="module")
def airflow(crowd: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAirflow]:
    connections = {
        f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(connection)
        for conn_id, connection in crowd.connections().items()
    }
    home = tmp_path_factory.mktemp("airflow")
    files = {
        "approve.py": DAG_FILE.format(dags=DAGS, policy=POLICY),
        f"{EXAMPLE}.py": (EXAMPLES / f"{EXAMPLE}.py").read_text(),
    }
    with running_airflow(home, files, connections) as running:
        running.wait_until_ready(len(MAILBOXES))
        yield running


@pytest.fixture(scope="module")
def ended(crowd: Sandbox, airflow: RunningAirflow) -> Callable[[str], dict[str, Any]]:
    """Run all DAGs and answer what they ask; then tell of one what it gave, what it mailed, and how it ended."""
    for dag_id in MAILBOXES:
        airflow.trigger(dag_id)
    answers = {
        "approve_all": (ApproveRepliesOperator.ALL, {"lines": "", "comment": ""}),
        "approve_some": (ApproveRepliesOperator.SOME, {"lines": "1, 3-4", "comment": ""}),
        "approve_none": (ApproveRepliesOperator.NONE, {"lines": "1", "comment": ""}),
        "approve_with_a_comment": (ApproveRepliesOperator.ALL, {"lines": "", "comment": "Next time."}),
        "approve_wrong_lines": (ApproveRepliesOperator.SOME, {"lines": "1-99", "comment": ""}),
        EXAMPLE: (ApproveRepliesOperator.ALL, {"lines": "", "comment": ""}),
    }
    questions = {}
    for dag_id, (option, entered) in answers.items():
        questions[dag_id] = _asked(airflow, dag_id)
        airflow.answer(dag_id, "approve", option, **entered)
    # The plan changes while a person thinks; or the task asks again, and they answer what they were shown before.
    # Airflow itself goes on showing that: it never changes a question.
    changed, earlier = "approve_after_a_change", "approve_an_earlier_question"
    questions |= {dag_id: _asked(airflow, dag_id) for dag_id in (changed, earlier)}
    for dag_id, cleared in ((changed, ["plan"]), (earlier, ["plan", "approve"])):
        crowd.invite(
            service="graph",
            mailbox=MAILBOXES[dag_id],
            subject="A bulk meeting before all others",
            start=pendulum.now("UTC").add(hours=1).isoformat(),
        )
        airflow.clear(dag_id, *cleared)
        wait_until(
            lambda dag_id=dag_id: _planned_again(airflow, dag_id),  # type: ignore[misc]
            seconds=120,
            what=lambda dag_id=dag_id: f"{dag_id} plans again. {airflow.task_log(dag_id, 'plan')[-4000:]}",  # type: ignore[misc]
        )
    airflow.answer(changed, "approve", ApproveRepliesOperator.ALL)
    _asked(airflow, earlier, times=2)
    airflow.answer(
        earlier, "approve", ApproveRepliesOperator.ALL, plan=questions[earlier]["params"]["plan"]["value"]
    )
    wait_until(
        lambda: all((dag_id, "send") in _finished(airflow) for dag_id in MAILBOXES),
        seconds=180,
        what=lambda: f"all ends: {airflow.task_instances()} {airflow.task_logs()[-4000:]}",
    )

    def tell(dag_id: str) -> dict[str, Any]:
        mails = [mail for mail in crowd.mail() if mail["mailbox"] == MAILBOXES[dag_id]]
        return {
            "question": questions.get(dag_id),
            "comments": [mail["comment"] for mail in mails],
            "events": [mail["event_id"] for mail in mails],
            "states": [_finished(airflow)[dag_id, task] for task in ("approve", "send")],
            "log": airflow.task_log(dag_id, "approve"),
            "plan": airflow.returned(dag_id, "plan"),
            "approved": airflow.returned(dag_id, "approve"),
            "report": airflow.returned(dag_id, "send"),
        }

    return tell


@pytest.mark.airflow
@pytest.mark.timeout(500)
class TestInARunningAirflow:
    def test_all(self, ended: Callable[[str], dict[str, Any]]) -> None:
        found = ended("approve_all")

        assert found["states"] == ["success", "success"]
        assert found["comments"] == ["No."] * INVITATIONS
        assert found["report"]["counts"]["replied"] == INVITATIONS

    def test_the_question_shows_the_plan(self, ended: Callable[[str], dict[str, Any]]) -> None:
        found = ended("approve_all")

        assert found["question"]["body"] == Plan.from_plain(found["plan"]).as_markdown()
        assert found["question"]["body"].count("| Bulk meeting") == INVITATIONS
        assert set(found["question"]["params"]) == {"lines", "comment", "plan"}
        assert found["question"]["options"] == [
            ApproveRepliesOperator.ALL,
            ApproveRepliesOperator.SOME,
            ApproveRepliesOperator.NONE,
        ]

    def test_some_lines(self, ended: Callable[[str], dict[str, Any]]) -> None:
        found = ended("approve_some")

        lines = found["plan"]["decisions"]
        chosen = [lines[number - 1]["invitation"]["ical_uid"] for number in (1, 3, 4)]
        assert sorted(line["ical_uid"] for line in found["report"]["outcomes"]) == sorted(chosen)
        assert len(found["comments"]) == 3
        assert [line["reply"] is None for line in found["approved"]["decisions"]] == [
            number not in (1, 3, 4) for number in range(1, INVITATIONS + 1)
        ]

    @pytest.mark.parametrize("dag_id", ["approve_none", "approve_nobody_answers"])
    def test_none_and_no_answer_in_time_send_nothing(
        self, ended: Callable[[str], dict[str, Any]], dag_id: str
    ) -> None:
        found = ended(dag_id)

        assert found["states"] == ["success", "success"]
        assert found["comments"] == []
        assert found["report"]["outcomes"] == []
        assert {line["reason"][:13] for line in found["approved"]["decisions"]} == {"Not approved."}

    def test_what_strangers_wrote_is_no_template(self, ended: Callable[[str], dict[str, Any]]) -> None:
        found = ended("approve_none")

        assert r"Bulk {{ 6 \* 7 }} {% for %}" in found["question"]["body"]
        assert TEMPLATE in {line["invitation"]["subject"] for line in found["approved"]["decisions"]}

    def test_another_comment(self, ended: Callable[[str], dict[str, Any]]) -> None:
        assert ended("approve_with_a_comment")["comments"] == ["Next time."] * INVITATIONS

    def test_the_example(self, ended: Callable[[str], dict[str, Any]]) -> None:
        found = ended(EXAMPLE)

        assert found["question"]["subject"] == "May these replies of nora@contoso.example be sent?"
        assert set(found["question"]["params"]) == {"lines", "comment", "plan"}
        assert found["report"]["counts"]["failed"] == 0
        told = [line for line in found["report"]["outcomes"] if line["organizer_notified"]]
        assert len(found["comments"]) == len(told) > 5
        assert "Please ask my office for an appointment." in found["comments"]

    def test_lines_that_are_not_there_fail_the_task_and_nothing_is_sent(
        self, ended: Callable[[str], dict[str, Any]]
    ) -> None:
        found = ended("approve_wrong_lines")

        assert found["states"] == ["failed", "upstream_failed"]
        assert found["comments"] == []

    def test_a_plan_that_changed_while_a_person_thought_is_not_approved(
        self, ended: Callable[[str], dict[str, Any]]
    ) -> None:
        found = ended("approve_after_a_change")

        assert len(found["plan"]["decisions"]) == INVITATIONS + 1
        # Another try would ask again.
        assert found["states"] == ["failed", "upstream_failed"]
        assert "The plan changed after it was shown" in found["log"]
        assert found["comments"] == []

    def test_an_answer_to_an_earlier_question_approves_nothing(
        self, ended: Callable[[str], dict[str, Any]]
    ) -> None:
        found = ended("approve_an_earlier_question")

        assert found["states"] == ["failed", "upstream_failed"]
        assert "The answer does not match the question, or belongs to an earlier one" in found["log"]
        assert found["comments"] == []

    def test_the_digest_is_a_field_that_the_ui_hides(self, ended: Callable[[str], dict[str, Any]]) -> None:
        found = ended("approve_all")

        field = found["question"]["params"]["plan"]
        assert field["value"] == field["schema"]["const"] == Plan.from_plain(found["plan"]).digest

    def test_nobody_is_asked_about_nothing(
        self, ended: Callable[[str], dict[str, Any]], airflow: RunningAirflow
    ) -> None:
        found = ended("approve_nothing_planned")

        assert found["states"] == ["success", "success"]
        assert airflow.question("approve_nothing_planned", "approve") == {}
        assert found["approved"] == found["plan"]


def _asked(airflow: RunningAirflow, dag_id: str, *, times: int = 1) -> dict[str, Any]:
    """Return what a DAG asks, once it does."""
    wait_until(
        lambda: airflow.waits_for_a_person(dag_id, "approve", times=times),
        seconds=120,
        what=lambda: (
            f"{dag_id} asks: {airflow.task_instances()} {airflow.task_log(dag_id, 'approve')[-4000:]}"
        ),
    )
    return airflow.question(dag_id, "approve")


def _planned_again(airflow: RunningAirflow, dag_id: str) -> bool:
    """Whether the plan holds the invitation that came while a person thought."""
    plan = airflow.returned(dag_id, "plan") or {"decisions": []}
    done = airflow.task_instances()[dag_id, "plan"].state == "success"
    return done and len(plan["decisions"]) > INVITATIONS


def _finished(airflow: RunningAirflow) -> dict[tuple[str, str], str]:
    ends = ("success", "failed", "upstream_failed", "skipped")
    return {
        task: instance.state
        for task, instance in airflow.task_instances().items()
        if instance.state is not None and instance.state in ends
    }


def answered(plan: dict[str, Any], option: str, **entered: str) -> Plan:
    """Return what the operator makes of an answer that Airflow passes to it."""
    shown = Plan.from_plain(plan).digest
    event = {
        "chosen_options": [option],
        "params_input": {"lines": "", "comment": "", "plan": shown, **entered},
        "responded_at": pendulum.now("UTC"),
        "responded_by_user": {"id": "1", "name": "Ada"},
    }
    operator = ApproveRepliesOperator(task_id="approve", plan=plan)
    return Plan.from_plain(operator.execute_complete(Task().context(), event, shown=shown))


class TestAnswers:
    @pytest.fixture
    def plan(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        sandbox.reset(bulk={"mailboxes": 1, "invitations": 5}, limits=False)
        (plan,) = plans(accounts("graph", 1))
        return plan

    @pytest.mark.parametrize(
        ("lines", "match"),
        [
            ("", "lines: '' does not name lines"),
            ("all", "lines: 'all' does not name lines"),
            ("1,,2", "does not name lines"),
            ("-1", "does not name lines"),
            ("3-1", "lines: '3-1' runs backwards"),
            ("0", "the plan has no line 0; it has 5"),
            ("4-6", "the plan has no line 6; it has 5"),
            ("1-999999", "the plan has no line 6; it has 5"),
        ],
    )
    def test_lines_that_are_none(self, plan: dict[str, Any], lines: str, match: str) -> None:
        with pytest.raises(AirflowFailException, match=match):
            answered(plan, ApproveRepliesOperator.SOME, lines=lines)

    def test_lines_count_with_their_option_only(self, plan: dict[str, Any]) -> None:
        assert len(answered(plan, ApproveRepliesOperator.ALL, lines="nonsense").replies) == 5
        assert answered(plan, ApproveRepliesOperator.NONE, lines="1-5").replies == ()

    def test_an_empty_comment_keeps_what_was_planned(self, plan: dict[str, Any]) -> None:
        plan["decisions"][0]["reply"]["comment"] = "Sorry."

        kept = answered(plan, ApproveRepliesOperator.ALL, comment="  ")

        assert [each.reply.comment for each in kept.replies if each.reply] == ["Sorry."] + [None] * 4

    def test_a_silent_reply_gets_no_comment(self, plan: dict[str, Any]) -> None:
        plan["decisions"][0]["reply"]["notify_organizer"] = False

        changed = answered(plan, ApproveRepliesOperator.ALL, comment="Soon.")

        assert [each.reply.comment for each in changed.replies if each.reply] == [None] + ["Soon."] * 4

    def test_a_plan_that_is_none(self, sandbox: Sandbox) -> None:
        with pytest.raises(AirflowFailException, match="created_at"):
            ApproveRepliesOperator(task_id="approve", plan={"decisions": []}).execute(Task().context())


@given(st.sets(st.integers(1, 400), min_size=1, max_size=30), st.randoms())
def test_numbers_and_ranges_name_their_lines(wanted: set[int], dice: Any) -> None:
    parts, left = [], sorted(wanted)
    while left:
        first = last = left.pop(0)
        while left and left[0] == last + 1 and dice.random() < 0.7:
            last = left.pop(0)
        parts.append(str(first) if first == last else f"{first} - {last}")
    dice.shuffle(parts)

    assert line_numbers(dice.choice([",", ", ", " ; "]).join(parts)) == wanted


@given(st.text(alphabet="0123456789,;- x", max_size=12))
def test_any_text_names_lines_or_is_refused(text: str) -> None:
    with suppress(InvalidInputError):
        assert line_numbers(text)
