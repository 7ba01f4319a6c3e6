"""What comes from a service is data: no way of handing it on makes Airflow render it as a template."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pendulum
import pytest
from airflow.sdk import DAG, task, task_group
from dagruns import outcome, run
from spoiling import PAYROLL, TEMPLATE, TEXTS, leaks

from airflow_provider_rsvp.decorators.rsvp import rsvp_task
from airflow_provider_rsvp.operators.list_invitations import ListInvitationsOperator
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator, reply_arguments
from airflow_provider_rsvp.operators.plan_undo import PlanUndoOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = pytest.mark.airflow

CONN_ID = "msgraph_calendar_default"
ALICE = "alice@contoso.example"
POLICY = {
    "rules": [
        {
            "name": "hostile",
            "when": {"subject": "hostile"},
            "then": {"action": "decline", "comment": "{{ invitation.subject }}"},
        }
    ]
}
SUBJECTS = sorted(f"Hostile {text}" for text in TEXTS)


@pytest.fixture(autouse=True)
def invited(sandbox: Sandbox, database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Some strangers have invited Alice."""
    monkeypatch.setenv("AIRFLOW_VAR_PAYROLL_KEY", PAYROLL)
    for number, text in enumerate(TEXTS):
        sandbox.invite(
            service="graph",
            mailbox=ALICE,
            subject=f"Hostile {text}",
            slug=f"{{{{1234567*7654321}}}}-{number}",
            organizer="{{1234567*7654321}}@evil.example",
            start=pendulum.now("UTC").add(days=1, hours=number).isoformat(),
        )
    yield
    assert leaks(sandbox.mail(), sandbox.requests()) == []


def new_dag(dag_id: str, **options: Any) -> DAG:
    return DAG(dag_id, schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC"), **options)


@task
def hostile() -> list[dict[str, Any]]:
    """The hostile rows, as a task of the DAG's author lists them."""
    from airflow_provider_rsvp.hooks.base import get_calendar_hook

    with get_calendar_hook(CONN_ID) as hook:
        found = hook.list_invitations("now", "+14d")
    return [
        {"event_id": each.reference.event_id, "ical_uid": each.reference.ical_uid, "subject": each.subject}
        for each in found
        if each.subject.startswith("Hostile")
    ]


@task
def of_each(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def arguments(row: dict[str, Any]) -> dict[str, Any]:
    return {"event_id": row["event_id"], "status": "declined", "comment": row["subject"]}


def pair(both: tuple[str, str]) -> dict[str, Any]:
    return {"event_id": both[0], "status": "declined", "comment": both[1]}


def by_uid(row: dict[str, Any]) -> dict[str, Any]:
    return {"ical_uid": row["ical_uid"], "status": "declined", "comment": row["subject"]}


REPLY = {"task_id": "reply", "conn_id": CONN_ID}


def planned() -> None:
    """As rsvp_planned and rsvp_on_invitation do."""
    plan = PlanRepliesOperator(task_id="plan", conn_id=CONN_ID, policy=POLICY)
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(task(reply_arguments)(plan.output))


def listed() -> None:
    """As the README does, with a comment out of the row."""

    def reply_to(row: dict[str, Any]) -> dict[str, Any]:
        return {"mailbox": row["mailbox"], "event_id": row["event_id"], "comment": row["subject"]}

    @task
    def only_hostile(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if row["subject"].startswith("Hostile")]

    rows = ListInvitationsOperator(task_id="list", conn_id=CONN_ID)
    SetParticipationStatusOperator.partial(**REPLY, status="declined").expand_kwargs(
        only_hostile(rows.output).map(reply_to)
    )


def mapped_function() -> None:
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(hostile().map(arguments))


def mapped_by_uid() -> None:
    """The UID too is a template."""
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(hostile().map(by_uid))


def mapped_xcom() -> None:
    @task
    def given(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [arguments(row) for row in rows]

    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(given(hostile()))


def mapped_over_partial_values() -> None:
    """What is mapped takes the place of what the author wrote."""
    SetParticipationStatusOperator.partial(**REPLY, comment="{{ ds }}", status="accepted").expand_kwargs(
        hostile().map(arguments), strict=False
    )


def list_of_xcoms() -> None:
    @task
    def one(rows: list[dict[str, Any]], index: int) -> dict[str, Any]:
        return arguments(rows[index])

    rows = hostile()
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(
        [one.override(task_id=f"one_{index}")(rows, index) for index in range(len(TEXTS))]
    )


def zipped() -> None:
    rows = hostile()
    ids = of_each.override(task_id="ids")(rows, "event_id")
    subjects = of_each.override(task_id="subjects")(rows, "subject")
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(ids.zip(subjects).map(pair))


def concatenated() -> None:
    @task
    def some(rows: list[dict[str, Any]], first: int, last: int) -> list[dict[str, Any]]:
        return [arguments(row) for row in rows[first:last]]

    rows = hostile()
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(
        some.override(task_id="some")(rows, 0, 1).concat(some.override(task_id="others")(rows, 1, 3))
    )


def task_group_of_each() -> None:
    @task_group
    def each(event_id: str, comment: str) -> None:
        SetParticipationStatusOperator(**REPLY, event_id=event_id, comment=comment, status="declined")

    @task
    def pairs(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"event_id": row["event_id"], "comment": row["subject"]} for row in rows]

    each.expand_kwargs(pairs(hostile()))


def sent() -> None:
    plan = PlanRepliesOperator(task_id="plan", conn_id=CONN_ID, policy=POLICY)
    SendRepliesOperator(task_id="send", replies=plan.output)


def sent_in_a_list() -> None:
    plan = PlanRepliesOperator(task_id="plan", conn_id=CONN_ID, policy=POLICY)
    SendRepliesOperator(task_id="send", replies=[plan.output])


def sent_each() -> None:
    """As docs/bulk.md does."""
    plan = PlanRepliesOperator.partial(task_id="plan", policy=POLICY).expand(conn_id=[CONN_ID])
    SendRepliesOperator.partial(task_id="send").expand(replies=plan.output)


def sent_by_arguments() -> None:
    @task
    def chunks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"conn_id": CONN_ID, "replies": [arguments(row) for row in rows]}]

    SendRepliesOperator.partial(task_id="send").expand_kwargs(chunks(hostile()))


def decorated() -> None:
    """``@task.rsvp``, whose function gets what is mapped."""

    @task
    def first(rows: list[dict[str, Any]]) -> str:
        return next(row["event_id"] for row in rows if row["subject"] == SUBJECTS[0])

    rows = hostile()

    @rsvp_task(conn_id=CONN_ID, event_id=first(rows))
    def reply(invitation: Any, comment: str) -> dict[str, Any]:
        return {"status": "declined", "comment": f"{invitation.subject} {comment}"}

    reply.expand_kwargs(rows.map(lambda row: {"comment": row["subject"]}))


ALL_SUBJECTS = (
    planned,
    listed,
    mapped_function,
    mapped_by_uid,
    mapped_xcom,
    mapped_over_partial_values,
    list_of_xcoms,
    zipped,
    concatenated,
    task_group_of_each,
    sent,
    sent_in_a_list,
    sent_each,
    sent_by_arguments,
)
"""The ways in which each reply has the invitation's subject as its comment."""


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
            rows = hostile()
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
            rows = hostile()
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
            rows = hostile()
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
            rows = hostile()
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
