"""What comes from a service is data: no way of handing it on makes Airflow render it as a template."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pendulum
import pytest
from airflow.sdk import DAG, task
from support.dagruns import outcome, run
from support.mappings import ALL_SUBJECTS, CONN_ID, POLICY, REPLY, SUBJECTS, decorated, hostile, of_each
from support.spoiling import PAYROLL, TEMPLATE, TEXTS, invite, leaks

from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.plan_undo import PlanUndoOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = pytest.mark.airflow

ALICE = "alice@contoso.example"


@pytest.fixture(autouse=True)
def invited(sandbox: Sandbox, database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Some strangers have invited Alice."""
    monkeypatch.setenv("AIRFLOW_VAR_PAYROLL_KEY", PAYROLL)
    invite(sandbox, ALICE)
    yield
    assert leaks(sandbox.mail(), sandbox.requests()) == []


def new_dag(dag_id: str, **options: Any) -> DAG:
    return DAG(dag_id, schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC"), **options)


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
@pytest.mark.parametrize("way", ALL_SUBJECTS, ids=lambda way: way.__name__)
def test_organizers_get_what_strangers_wrote(way: Callable[[], None], native: bool, sandbox: Sandbox) -> None:
    with new_dag(f"{way.__name__}_{native}", render_template_as_native_obj=native) as dag:
        way()

    ended = run(dag)

    assert {ti.state for ti in ended.values()} == {"success"}
    assert sorted(mail["comment"] for mail in sandbox.mail()) == SUBJECTS
    assert told(ended) == []


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
class TestOthers:
    """What is like the above, and is told apart from what the author wrote."""

    def test_values_alone(self, native: bool, sandbox: Sandbox) -> None:
        with new_dag(f"alone_{native}", render_template_as_native_obj=native) as dag:
            rows = hostile(None)
            SetParticipationStatusOperator.partial(**REPLY, status="declined").expand(
                event_id=of_each.override(task_id="ids")(rows, "event_id"),
                comment=of_each.override(task_id="subjects")(rows, "subject"),
            )

        ended = run(dag)

        # Each comment with each event: the first sends, the others meet the answer.
        assert len(sandbox.mail()) == len(TEXTS)
        assert {mail["comment"] for mail in sandbox.mail()} <= set(SUBJECTS)
        assert told(ended) == []

    def test_an_argument_that_is_not_mapped(self, native: bool, sandbox: Sandbox) -> None:
        @task
        def last(rows: list[dict[str, Any]], name: str) -> str:
            return next(row[name] for row in rows if row["subject"] == f"Hostile {TEMPLATE}")

        with new_dag(f"plain_{native}", render_template_as_native_obj=native) as dag:
            rows = hostile(None)
            event_id = last.override(task_id="event_id")(rows, "event_id")
            comment = last.override(task_id="comment")(rows, "subject")
            SetParticipationStatusOperator(
                **REPLY, event_id=event_id, comment=comment, status="{{ 'declined' }}"
            )

        ended = run(dag)

        assert [mail["comment"] for mail in sandbox.mail()] == [f"Hostile {TEMPLATE}"]
        assert told(ended) == []

    def test_partial_holds_another_tasks_result(self, native: bool, sandbox: Sandbox) -> None:
        @task
        def text(rows: list[dict[str, Any]]) -> str:
            return next(row["subject"] for row in rows if TEMPLATE in row["subject"])

        with new_dag(f"partial_{native}", render_template_as_native_obj=native) as dag:
            rows = hostile(None)
            SetParticipationStatusOperator.partial(**REPLY, status="declined", comment=text(rows)).expand(
                event_id=of_each(rows, "event_id")
            )

        ended = run(dag)

        assert [mail["comment"] for mail in sandbox.mail()] == [f"Hostile {TEMPLATE}"] * len(TEXTS)
        assert told(ended) == []

    def test_what_an_authors_template_comes_to(self, native: bool, sandbox: Sandbox) -> None:
        """Rendered once, also where the task is tried again."""
        sandbox.faults(
            [{"service": "graph", "operation": "send", "kind": "status", "status": 503, "times": 1}]
        )
        with new_dag(f"pulled_{native}", render_template_as_native_obj=native) as dag:
            rows = hostile(None)
            SetParticipationStatusOperator.partial(
                **REPLY,
                status="declined",
                comment="{{ ti.xcom_pull('hostile')[ti.map_index].subject }}.",
                map_index_template="{{ task.comment }}",
                retries=2,
                retry_delay=pendulum.duration(seconds=0),
            ).expand(event_id=of_each(rows, "event_id"))

        ended = run(dag)

        assert sorted(mail["comment"] for mail in sandbox.mail()) == [f"{each}." for each in SUBJECTS]
        names = [ti.rendered_map_index for name, ti in ended.items() if name.startswith("reply[")]
        assert sorted(names) == [f"{each}." for each in SUBJECTS]
        assert told(ended) == []

    def test_a_function_gets_them(self, native: bool, sandbox: Sandbox) -> None:
        with new_dag(f"decorated_{native}", render_template_as_native_obj=native) as dag:
            decorated()

        ended = run(dag)

        # One event: the first answer is sent, and stands for the others.
        (mail,) = sandbox.mail()
        assert mail["comment"] in {f"{SUBJECTS[0]} {each}" for each in SUBJECTS}
        assert told(ended) == []

    def test_an_undo(self, native: bool, sandbox: Sandbox) -> None:
        @task
        def reports(report: dict[str, Any]) -> list[dict[str, Any]]:
            return [{"report": report, "comment": text} for text in TEXTS]

        with new_dag(f"undo_{native}", render_template_as_native_obj=native) as dag:
            plan = PlanRepliesOperator(task_id="plan", conn_id=CONN_ID, policy=POLICY)
            send = SendRepliesOperator(task_id="send", replies=plan.output)
            PlanUndoOperator.partial(task_id="undo", on_unsupported="skip").expand_kwargs(
                reports(send.output)
            )

        ended = run(dag)

        assert {ti.state for ti in ended.values()} == {"success"}
        subjects = {
            line["invitation"]["subject"]
            for name, ti in ended.items()
            if name.startswith("undo[")
            for line in outcome(ti)["decisions"]
        }
        assert subjects == set(SUBJECTS)
        assert told(ended) == []


def told(ended: dict[str, Any]) -> list[str]:
    """The secrets in what a run left in Airflow's database."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    ti = next(iter(ended.values()))
    with create_session() as session:
        where = {"dag_id": ti.dag_id, "run_id": ti.run_id}
        kept = [
            [row.value for row in session.query(XComModel).filter_by(**where)],
            [row.rendered_fields for row in session.query(RenderedTaskInstanceFields).filter_by(**where)],
            [each.rendered_map_index for each in ended.values()],
        ]
    assert any(kept)
    return leaks(kept)
