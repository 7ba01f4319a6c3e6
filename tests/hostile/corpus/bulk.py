"""The consumers that plan, ask a person and send in bulk."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pendulum
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, BaseOperator
from hostile.corpus.run import REFUSALS, SETTLE, WINDOW, Run, Seen

from airflow_provider_rsvp.operators.approve_replies import ApproveRepliesOperator
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.plans import Plan, Report


def policy(run: Run) -> dict[str, Any]:
    """Return a policy that looks at everything that a stranger wrote, and repeats it."""
    accept: dict[str, Any] = {"action": "accept"}
    if run.box.comments:
        accept["comment"] = "About {{ invitation.subject }}, {{ invitation.organizer }}: yes."
    return {
        "rules": [
            {"name": "spam", "when": {"subject": r"casino.*win", "body": "team.*lunch"}, "then": "leave"},
            {
                "name": "ours",
                "when": {"organizer": {"address": "boss@*"}, "category": "urgent*"},
                "then": "leave",
            },
            {"name": "big", "when": {"attendee_count": {"min": 10_000}}, "then": "leave"},
            {"name": "all", "when": {"subject": r"(\w|\W|^$)"}, "then": accept},
        ]
    }


def plan_of(run: Run) -> dict[str, Any]:
    operator = PlanRepliesOperator(
        task_id="plan", conn_id=run.box.conn_id, policy=policy(run), on_unsupported="skip", **WINDOW
    )
    return run.execute(operator, run.context())


def _replies(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {**line["invitation"], "cannot_respond": None if line["reply"] else line["reason"]}
        for line in plan["decisions"]
    ]


def planning(run: Run) -> Seen:
    """``PlanRepliesOperator``, and the plan's tables."""
    made = plan_of(run)
    plan = Plan.from_plain(json.loads(json.dumps(made)))
    run.evidence.table(plan.as_text())
    run.evidence.markdown(plan.as_markdown())
    return run.seen_in(_replies(made))


@contextmanager
def _answering(question: dict[str, Any]) -> Iterator[None]:
    """Stand in for Airflow's part of asking a person, which needs its API server."""

    def ask(operator: Any, context: Any) -> None:
        question.update(subject=operator.subject, body=operator.body, plan=operator.params["plan"])

    def answer(operator: Any, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "responded_by_user": {"id": "1", "name": "Ada"}}

    with (
        mock.patch.object(HITLOperator, "execute", ask),
        mock.patch.object(HITLOperator, "execute_complete", answer),
    ):
        yield


def approve(run: Run, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Ask a person about a plan, and have all of it approved."""
    question: dict[str, Any] = {}
    context = run.context({"plan": plan})
    with DAG("hostile", schedule=None), _answering(question):
        planned = BaseOperator(task_id="plan")
        operator = ApproveRepliesOperator(task_id="approve", plan=planned.output)  # type: ignore[arg-type]
        run.execute(operator, context)
        run.evidence.xcom(question["subject"], "question")
        run.evidence.markdown(question["body"])
        event = {
            "chosen_options": [ApproveRepliesOperator.ALL],
            "params_input": {"lines": "", "comment": "", "plan": question["plan"]},
            "responded_at": pendulum.now("UTC"),
        }
        approved: dict[str, Any] = operator.execute_complete(context, event, shown=question["plan"])
    run.evidence.xcom(approved)
    return approved


def approving(run: Run) -> Seen:
    """``ApproveRepliesOperator``: the question, and what is approved."""
    return run.seen_in(_replies(approve(run, plan_of(run))))


def sending(run: Run) -> Seen:
    """``SendRepliesOperator`` on an approved plan, twice; the report in all its forms."""
    approved = approve(run, plan_of(run))
    with tempfile.TemporaryDirectory() as folder:
        report = _send(run, approved, f"{folder}/report.csv")
        run.evidence.csv(Path(folder, "report.csv").read_text(encoding="utf-8"))
        again = _send(run, approved, f"{folder}/report.json")
        written = Path(folder, "report.json").read_text(encoding="utf-8")
    run.evidence.xcom(json.loads(written), "report.json")
    read = Report.from_json(written)
    made = Report.from_plain(report)
    run.evidence.table(made.as_text())
    run.evidence.table(read.as_text())
    run.evidence.markdown(made.as_markdown())
    run.evidence.csv(made.as_csv())
    list(csv.reader(io.StringIO(made.as_csv())))
    rows = [
        {**line, "cannot_respond": None if line["outcome"] in ("replied", "unchanged") else line["detail"]}
        for line in report["outcomes"]
    ]
    assert {line["event_id"] for line in again["outcomes"]} == {line["event_id"] for line in rows}
    return run.seen_in(rows)


def _send(run: Run, approved: Mapping[str, Any], path: str) -> dict[str, Any]:
    context = run.context({"approve": approved})
    with DAG("hostile", schedule=None):
        operator = SendRepliesOperator(
            task_id="send",
            replies=BaseOperator(task_id="approve").output,  # type: ignore[arg-type]
            max_replies=10_000,
            on_unsupported="skip",
            report_path=f"file://{path}",
            settle_timeout=SETTLE,
        )
    try:
        report: dict[str, Any] = run.execute(operator, context)
    except REFUSALS as error:
        # Some replies failed: the report is in the XCom all the same.
        run.evidence.error(error)
        if "return_value" not in context["ti"].pushed:
            raise
        return dict(context["ti"].pushed["return_value"])
    return report
