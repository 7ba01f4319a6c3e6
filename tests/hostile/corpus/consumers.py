"""
Everything that reads or answers invitations, as Airflow runs it, but for the scheduler.

Each consumer gets a mailbox in which hostile invitations lie between two good ones, does what it is for, hands all that
it shows to the evidence, and returns which of the events it saw. ``CONSUMERS`` names them all.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import unquote

import pendulum
import pytest
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, BaseOperator, task
from airflow.sdk.execution_time.context import ConnectionAccessor, OutletEventAccessors, VariableAccessor
from airflow.sdk.execution_time.xcom import XCom
from hostile.corpus.evidence import Evidence
from hostile.corpus.mailbox import AFTER, BEFORE, Laid, Mailbox
from support.state_store import StateStore

from airflow_provider_rsvp._tasks.links import EventLink
from airflow_provider_rsvp._tasks.report_files import read_report
from airflow_provider_rsvp.decorators.rsvp import RsvpDecoratedOperator
from airflow_provider_rsvp.exceptions import RsvpError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.notifications.set_participation_status import SetParticipationStatusNotifier
from airflow_provider_rsvp.operators.approve_replies import ApproveRepliesOperator
from airflow_provider_rsvp.operators.list_invitations import ListInvitationsOperator
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator, reply_arguments
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.plans import Plan, Report
from airflow_provider_rsvp.sensors.invitation import InvitationSensor
from airflow_provider_rsvp.sensors.participation_status import ParticipationStatusSensor
from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # Airflow 3.1 has it here only
    from airflow.exceptions import TaskDeferred

EVERYTHING = ("answered", "cancelled", "drafts", "own", "unanswerable")
WINDOW = {"start": "now", "end": "+60d"}
REFUSALS = (RsvpError, AirflowFailException)
_SETTLE = 1.0
_FIRES_WITHIN = 10.0


@dataclass
class Seen:
    """
    What a consumer saw.

    :param neighbours: the subjects of the good invitations that it listed, planned, announced or answered
    :param hostile: the hostile cases that it showed, and why it could not answer one
    :param lists: whether it shows all invitations, so that one it does not show has vanished
    """

    neighbours: set[str] = field(default_factory=set)
    hostile: dict[str, str] = field(default_factory=dict)
    lists: bool = False


class TaskInstance(SimpleNamespace):
    """A task instance, as far as operators and Airflow's own rendering use one."""

    def __init__(self, returned: Mapping[str, Any] | None = None, map_index: int = -1) -> None:
        super().__init__(try_number=1, dag_id="hostile", task_id="task", map_index=map_index, run_id="run")
        self.returned = dict(returned or {})
        self.pushed: dict[str, Any] = {}

    def xcom_pull(self, task_ids: Any = None, key: str = "return_value", **_: Any) -> Any:
        return self.returned.get(task_ids if isinstance(task_ids, str) else task_ids[0])

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        self.pushed[key] = value

    def get_relevant_upstream_map_indexes(self, **_: Any) -> None:
        return None


@dataclass
class Run:
    """
    One consumer's run on a mailbox.

    :param answer: what the events are answered with; None for the first status that the service takes
    """

    box: Mailbox
    laid: Laid
    evidence: Evidence
    log: Any

    def context(self, returned: Mapping[str, Any] | None = None, map_index: int = -1) -> Any:
        """Return a context with what a stranger's template would reach for."""
        return {
            "ti": TaskInstance(returned, map_index),
            "params": {},
            "dag": DAG("hostile", schedule=None),
            "dag_run": SimpleNamespace(conf={}),
            "outlet_events": OutletEventAccessors(),
            "task_state_store": StateStore(),
            "conn": ConnectionAccessor(),
            "var": {
                "value": VariableAccessor(deserialize_json=False),
                "json": VariableAccessor(deserialize_json=True),
            },
        }

    def logging(self, runs: Any) -> Any:
        """Have an operator, trigger or notifier log where the evidence is taken."""
        # Airflow has no public way to give one a logger.
        runs._log = runs._cached_logger = self.log
        return runs

    def execute(self, operator: Any, context: Any) -> Any:
        """Render and execute an operator, as Airflow does, and take what it gives to XCom."""
        operator.render_template_fields(context)
        operator = context.get("task", operator)
        self.evidence.rendered(
            {
                name: getattr(operator, name)
                for name in operator.template_fields
                if _plain(getattr(operator, name))
            }
        )
        try:
            result = self.logging(operator).execute(context)
        finally:
            for key, value in context["ti"].pushed.items():
                self.evidence.markdown(value) if key == "markdown" else self.evidence.xcom(
                    value, f"XCom {key}"
                )
        self.evidence.xcom(result)
        return result

    def seen_in(self, rows: Any, *, lists: bool = False) -> Seen:
        """Return which events are among rows that name their event ids."""
        seen = Seen(lists=lists)
        shown = {str(row.get("event_id")): row for row in rows}
        for subject, event_id in self.laid.neighbours.items():
            row = shown.get(event_id)
            if row is not None and row.get("cannot_respond") is None:
                seen.neighbours.add(subject)
        for case, event_id in self.laid.hostile.items():
            # Of a path, it does not matter which characters are percent-encoded.
            name = unquote(str(event_id))
            for shown_id, row in shown.items():
                if unquote(shown_id) == name or (name and unquote(shown_id).startswith(f"{name}#")):
                    seen.hostile[case] = str(row.get("cannot_respond") or "")
        # What has no usable id is shown under a name of its own.
        unnamed = [row for name, row in shown.items() if name.startswith("unreadable-")]
        for case, row in zip(
            [case for case in self.laid.hostile if case not in seen.hostile], unnamed, strict=False
        ):
            seen.hostile[case] = str(row.get("cannot_respond") or "")
        return seen


def hook(run: Run) -> Seen:
    """``hook.list_invitations`` and what its values say of themselves."""
    with get_calendar_hook(run.box.conn_id) as calendar:
        found = calendar.list_invitations("now", "+60d")
    for each in found:
        run.evidence.xcom(
            {
                **each.to_plain(),
                "body": each.body,
                "comment": each.comment,
                "categories": list(each.categories or ()),
            },
            "invitation",
        )
        for answer in each.attendees or ():
            run.evidence.log(f"{answer.person}")
        run.evidence.log(f"{each.reference} {each.organizer}")
    return run.seen_in([each.to_plain() for each in found], lists=True)


def listing(run: Run) -> Seen:
    """``ListInvitationsOperator``."""
    rows = run.execute(
        ListInvitationsOperator(task_id="list", conn_id=run.box.conn_id, include=EVERYTHING, **WINDOW),
        run.context(),
    )
    return run.seen_in(rows, lists=True)


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


def _planned(run: Run) -> dict[str, Any]:
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
    made = _planned(run)
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
    return run.seen_in(_replies(approve(run, _planned(run))))


def sending(run: Run) -> Seen:
    """``SendRepliesOperator`` on an approved plan, twice; the report in all its forms."""
    approved = approve(run, _planned(run))
    with tempfile.TemporaryDirectory() as folder:
        report = _send(run, approved, f"{folder}/report.csv")
        run.evidence.csv(Path(folder, "report.csv").read_text(encoding="utf-8"))
        again = _send(run, approved, f"{folder}/report.json")
        run.evidence.xcom(json.loads(Path(folder, "report.json").read_text(encoding="utf-8")), "report.json")
        read = read_report(f"{folder}/report.json")
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
            settle_timeout=_SETTLE,
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


class _AssetStateStore(dict[str, Any]):
    async def aget(self, key: str) -> Any:
        return self.get(key)

    async def aset(self, key: str, value: Any) -> None:
        self[key] = value


async def _first_event(trigger: Any) -> Any:
    """Return what a trigger fires with first; a trigger that logs an error before is as good as blind."""
    failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not failed.done():
                failed.set_result(record.getMessage())

    handler, fired = Failing(logging.ERROR), trigger.run()
    logging.getLogger("airflow_provider_rsvp").addHandler(handler)
    first = asyncio.ensure_future(anext(fired))
    try:
        await asyncio.wait({first, failed}, timeout=_FIRES_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        if first.done():
            return first.result().payload
        raise AirflowFailException(failed.result() if failed.done() else "the trigger does not fire")
    finally:
        logging.getLogger("airflow_provider_rsvp").removeHandler(handler)
        first.cancel()
        await asyncio.wait({first})
        await fired.aclose()


def _announced(run: Run, **options: Any) -> list[dict[str, Any]]:
    async def first() -> Any:
        trigger = NewInvitationTrigger(
            conn_id=run.box.conn_id, failure_timeout=0.0, poll_interval=0.01, **options
        )
        trigger.asset_state_store = _AssetStateStore()
        return await _first_event(run.logging(trigger))

    payload = asyncio.run(first())
    run.evidence.xcom(payload, "event")
    invitations: list[dict[str, Any]] = payload["invitations"]
    return invitations


def trigger(run: Run) -> Seen:
    """``NewInvitationTrigger``, one look."""
    return run.seen_in(_announced(run))


def trigger_with_filter(run: Run) -> Seen:
    """``NewInvitationTrigger`` with a filter that looks at what strangers wrote."""
    return run.seen_in(
        _announced(run, filter={"subject": r"(\w|\W|^$)", "not": {"organizer": {"domain": "nobody.example"}}})
    )


def invitation_sensor(run: Run) -> Seen:
    """``InvitationSensor`` that pokes."""
    sensor = InvitationSensor(
        task_id="sensor", conn_id=run.box.conn_id, deferrable=False, failure_timeout=0.0
    )
    poked = run.logging(sensor).poke(run.context())
    run.evidence.xcom(poked.xcom_value)
    return run.seen_in(poked.xcom_value or ())


def deferred_sensor(run: Run) -> Seen:
    """``InvitationSensor`` that waits in the triggerer and is woken."""
    sensor = InvitationSensor(task_id="sensor", conn_id=run.box.conn_id, existing=False, failure_timeout=0.0)
    run.logging(sensor)
    try:
        sensor.execute(run.context())
    except TaskDeferred as deferred:
        waiting = deferred.trigger
    else:
        raise AssertionError("it does not defer")
    # As if nothing had been known, so that all that lies there is new.
    waiting.known = {}

    async def woken() -> Any:
        return await _first_event(run.logging(waiting))

    event = asyncio.run(woken())
    run.evidence.xcom(event, "event")
    rows = sensor.execute_complete(run.context(), event)
    run.evidence.xcom(rows)
    return run.seen_in(rows or ())


def _one_by_one(run: Run, answer: Callable[[str, dict[str, Any]], Any]) -> Seen:
    """Run something for each event by itself: what fails for a hostile one is a refusal, if it says so clearly."""
    seen = Seen()
    for subject, event_id in run.laid.neighbours.items():
        answer(subject, {"event_id": event_id})
        seen.neighbours.add(subject)
    for case, event_id in run.laid.hostile.items():
        try:
            answer(case, {"event_id": event_id})
        except REFUSALS as error:
            run.evidence.error(error)
            seen.hostile[case] = str(error)
        else:
            seen.hostile[case] = ""
    return seen


def _status(run: Run) -> str:
    return "declined" if run.box.service == "bitrix24" else "tentative"


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
            status=_status(run),
            settle_timeout=_SETTLE,
        )
        outcome = run.execute(made, run.context({"list": rows}))
        with mock.patch.object(XCom, "get_value", return_value=outcome):
            run.evidence.link("Open event", EventLink().get_link(made, ti_key=None))  # type: ignore[arg-type]
        run.execute(made, run.context({"list": rows}))

    return _one_by_one(run, answer)


def mapped(run: Run) -> Seen:
    """``SetParticipationStatusOperator`` mapped over a listing, in each way that Airflow has for it."""
    seen = Seen()
    rows = [row for row in _rows(run) if row["can_respond"]]
    if run.box.comments:
        arguments = [{"event_id": row["event_id"], "comment": f"About {row['subject']}"} for row in rows]
    else:
        arguments = [{"event_id": row["event_id"]} for row in rows]
    fixed = {
        "task_id": "reply",
        "conn_id": run.box.conn_id,
        "status": _status(run),
        "settle_timeout": _SETTLE,
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
                with _refused(run, seen, row["event_id"]):
                    run.evidence.xcom(run.logging(unmapped).execute(context))
    assert rendered == 6 * len(arguments)
    return _those(run, rows, seen)


def planned_and_mapped(run: Run) -> Seen:
    """``reply_arguments`` of a plan, mapped with ``expand_kwargs`` as the documentation says."""
    seen = Seen()
    plan = _planned(run)
    arguments = reply_arguments(plan)
    run.evidence.xcom(arguments)
    with DAG("hostile", schedule=None):
        planned = BaseOperator(task_id="plan")
        made = SetParticipationStatusOperator.partial(
            task_id="reply", conn_id=run.box.conn_id, settle_timeout=_SETTLE
        ).expand_kwargs(task(reply_arguments)(planned.output))
    for index, row in enumerate(arguments):
        context = run.context({"plan": plan, "reply_arguments": arguments}, map_index=index)
        made.render_template_fields(context)
        unmapped = context["task"]
        values = {name: getattr(unmapped, name) for name in ("event_id", "comment")}
        run.evidence.rendered(values)
        if values != {name: row[name] for name in values}:
            run.evidence.leaked.append(f"rendered: {row!a} became {values!a}"[:300])
        with _refused(run, seen, row["event_id"]):
            run.evidence.xcom(run.logging(unmapped).execute(context))
    return _those(run, arguments, seen)


def _rows(run: Run) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run.execute(
        ListInvitationsOperator(task_id="list", conn_id=run.box.conn_id, include=EVERYTHING, **WINDOW),
        run.context(),
    )
    return rows


@contextmanager
def _refused(run: Run, seen: Seen, event_id: str) -> Iterator[None]:
    try:
        yield
    except REFUSALS as error:
        run.evidence.error(error)
        if event_id in run.laid.neighbours.values():
            raise
        seen.hostile |= {case: str(error) for case, each in run.laid.hostile.items() if str(each) == event_id}


def _those(run: Run, rows: Any, seen: Seen) -> Seen:
    found = run.seen_in(rows)
    return Seen(found.neighbours, {**found.hostile, **seen.hostile})


def decorator(run: Run) -> Seen:
    """``@task.rsvp``, whose function repeats what the stranger wrote."""

    def decide(invitation: Any) -> dict[str, Any]:
        run.evidence.xcom(invitation.to_plain(), "invitation")
        said = {"status": _status(run)}
        if run.box.comments:
            said["comment"] = f"{invitation.subject}, {invitation.organizer}, {invitation.body}"[:500]
        return said

    def answer(_: str, event: dict[str, Any]) -> None:
        made = RsvpDecoratedOperator(
            task_id="reply",
            conn_id=run.box.conn_id,
            python_callable=decide,
            event_id="{{ ti.xcom_pull(task_ids='list') }}",
            settle_timeout=_SETTLE,
        )
        context = run.context({"list": event["event_id"]})
        made.render_template_fields(context)
        run.evidence.xcom(run.logging(made).execute(context))

    return _one_by_one(run, answer)


def notifier(run: Run) -> Seen:
    """``SetParticipationStatusNotifier``, whose author's template pulls what a stranger wrote."""

    def answer(_: str, event: dict[str, Any]) -> None:
        made = SetParticipationStatusNotifier(
            conn_id=run.box.conn_id,
            event_id="{{ ti.xcom_pull(task_ids='list') }}",
            status=_status(run),
            settle_timeout=_SETTLE,
        )
        run.logging(made)(run.context({"list": event["event_id"]}))

    return _one_by_one(run, answer)


def status_sensor(run: Run) -> Seen:
    """``ParticipationStatusSensor``: it looks, defers, and its trigger looks."""

    def answer(_: str, event: dict[str, Any]) -> None:
        waiting = ParticipationStatusSensor(
            task_id="sensor",
            conn_id=run.box.conn_id,
            event_id=event["event_id"],
            attendees="me",
            failure_timeout=0.0,
            status="accepted",
        )
        try:
            run.logging(waiting).execute(run.context())
        except TaskDeferred as deferred:
            looking: Any = deferred.trigger
        else:
            raise AssertionError("it does not defer")
        run.evidence.xcom(looking.serialize()[1], "trigger")
        # The deadline has it fire after one look; that nothing is decided shows in that the sensor waits again.
        looking.deadline = pendulum.now("UTC").isoformat()
        event = asyncio.run(_first_event(run.logging(looking)))
        assert event["failed"] is False
        with pytest.raises(TaskDeferred):
            waiting.execute_complete(run.context(), event)

    return _one_by_one(run, answer)


CONSUMERS: dict[str, Callable[[Run], Seen]] = {
    "hook": hook,
    "list": listing,
    "plan": planning,
    "approve": approving,
    "send": sending,
    "trigger": trigger,
    "trigger, filter": trigger_with_filter,
    "sensor": invitation_sensor,
    "sensor, deferred": deferred_sensor,
    "status sensor": status_sensor,
    "operator": operator,
    "mapped": mapped,
    "plan, mapped": planned_and_mapped,
    "decorator": decorator,
    "notifier": notifier,
}

GOOD = frozenset({BEFORE, AFTER})


def _plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
