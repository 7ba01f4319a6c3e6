"""The consumers that reply to one event, or are mapped over several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

from airflow.sdk import DAG, BaseOperator, task
from airflow.sdk.execution_time.xcom import XCom
from hostile.corpus.bulk import plan_of
from hostile.corpus.run import SETTLE, Run, Seen, one_by_one, refused, rows_of, status_of, those

from airflow_provider_rsvp.decorators.rsvp import RsvpDecoratedOperator
from airflow_provider_rsvp.notifications.set_participation_status import SetParticipationStatusNotifier
from airflow_provider_rsvp.operators.plan_replies import reply_arguments
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator


def operator(run: Run) -> Seen:
    """``SetParticipationStatusOperator``, whose author's template pulls what a stranger wrote; and its link."""

    def answer(name: str, event: dict[str, Any]) -> None:
        rows = [{**event, "subject": run.laid.subjects.get(name, name)}]
        made = SetParticipationStatusOperator(
            task_id="reply",
            conn_id=run.box.conn_id,
            event_id="{{ ti.xcom_pull(task_ids='list')[0]['event_id'] }}"
            if isinstance(event["event_id"], str)
            else event["event_id"],
            comment="About {{ ti.xcom_pull(task_ids='list')[0]['subject'] }}" if run.box.comments else None,
            status=status_of(run),
            settle_timeout=SETTLE,
        )
        outcome = run.execute(made, run.context({"list": rows}))
        (link,) = made.operator_extra_links
        with mock.patch.object(XCom, "get_value", return_value=outcome):
            run.evidence.link("Open event", link.get_link(made, ti_key=None))  # type: ignore[arg-type]
        run.execute(made, run.context({"list": rows}))

    return one_by_one(run, answer)


def mapped(run: Run) -> Seen:
    """``SetParticipationStatusOperator`` mapped over a listing, in each way that Airflow has for it."""
    seen = Seen()
    rows = [row for row in rows_of(run) if row["can_respond"]]
    if run.box.comments:
        arguments = [{"event_id": row["event_id"], "comment": f"About {row['subject']}"} for row in rows]
    else:
        arguments = [{"event_id": row["event_id"]} for row in rows]
    fixed = {
        "task_id": "reply",
        "conn_id": run.box.conn_id,
        "status": status_of(run),
        "settle_timeout": SETTLE,
    }

    def ways() -> Iterator[Any]:
        for native in (False, True):
            with DAG("hostile", schedule=None, render_template_as_native_obj=native):
                listed = BaseOperator(task_id="list")
                yield SetParticipationStatusOperator.partial(**fixed).expand_kwargs(listed.output)
            with DAG("hostile", schedule=None, render_template_as_native_obj=native):
                listed = BaseOperator(task_id="list")
                yield SetParticipationStatusOperator.partial(**fixed).expand_kwargs(listed.output.map(dict))
            with DAG("hostile", schedule=None, render_template_as_native_obj=native):
                listed = BaseOperator(task_id="list")
                yield SetParticipationStatusOperator.partial(**fixed).expand(
                    event_id=listed.output.map(lambda row: row["event_id"])
                )

    rendered = 0
    for number, made in enumerate(ways()):
        for index, row in enumerate(arguments):
            context = run.context({"list": arguments}, map_index=index)
            made.render_template_fields(context)
            unmapped = context["task"]
            values = {name: getattr(unmapped, name) for name in ("event_id", "comment", "status")}
            run.evidence.rendered(values)
            if values["event_id"] != row["event_id"]:
                run.evidence.leaked.append(
                    f"rendered: event_id {row['event_id']!r} became {values['event_id']!r}"[:200]
                )
            if number % 3 != 2 and values["comment"] != row.get("comment"):
                run.evidence.leaked.append(
                    f"rendered: {row.get('comment')!r} became {values['comment']!r}"[:300]
                )
            rendered += 1
            if number == 0:
                with refused(run, seen, row["event_id"]):
                    run.evidence.xcom(run.logging(unmapped).execute(context))
    assert rendered == 6 * len(arguments)
    return those(run, rows, seen)


def planned_and_mapped(run: Run) -> Seen:
    """``reply_arguments`` of a plan, mapped with ``expand_kwargs`` as the documentation says."""
    seen = Seen()
    plan = plan_of(run)
    arguments = reply_arguments(plan)
    run.evidence.xcom(arguments)
    with DAG("hostile", schedule=None):
        planned = BaseOperator(task_id="plan")
        made = SetParticipationStatusOperator.partial(
            task_id="reply", conn_id=run.box.conn_id, settle_timeout=SETTLE
        ).expand_kwargs(task(reply_arguments)(planned.output))
    for index, row in enumerate(arguments):
        context = run.context({"plan": plan, "reply_arguments": arguments}, map_index=index)
        made.render_template_fields(context)
        unmapped = context["task"]
        values = {name: getattr(unmapped, name) for name in ("event_id", "comment")}
        run.evidence.rendered(values)
        if values != {name: row[name] for name in values}:
            run.evidence.leaked.append(f"rendered: {row!a} became {values!a}"[:300])
        with refused(run, seen, row["event_id"]):
            run.evidence.xcom(run.logging(unmapped).execute(context))
    return those(run, arguments, seen)


def decorator(run: Run) -> Seen:
    """``@task.rsvp``, whose function repeats what the stranger wrote."""

    def decide(invitation: Any) -> dict[str, Any]:
        run.evidence.xcom(invitation.to_plain(), "invitation")
        said = {"status": status_of(run)}
        if run.box.comments:
            said["comment"] = f"{invitation.subject}, {invitation.organizer}, {invitation.body}"[:500]
        return said

    def answer(_: str, event: dict[str, Any]) -> None:
        made = RsvpDecoratedOperator(
            task_id="reply",
            conn_id=run.box.conn_id,
            python_callable=decide,
            event_id="{{ ti.xcom_pull(task_ids='list') }}",
            settle_timeout=SETTLE,
        )
        context = run.context({"list": event["event_id"]})
        made.render_template_fields(context)
        run.evidence.xcom(run.logging(made).execute(context))

    return one_by_one(run, answer)


def notifier(run: Run) -> Seen:
    """``SetParticipationStatusNotifier``, whose author's template pulls what a stranger wrote."""

    def answer(_: str, event: dict[str, Any]) -> None:
        made = SetParticipationStatusNotifier(
            conn_id=run.box.conn_id,
            event_id="{{ ti.xcom_pull(task_ids='list') }}",
            status=status_of(run),
            settle_timeout=SETTLE,
        )
        run.logging(made)(run.context({"list": event["event_id"]}))

    return one_by_one(run, answer)
