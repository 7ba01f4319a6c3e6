"""One consumer's run on a mailbox: what it is given, how it is run as Airflow runs it, and what it saw."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from airflow.sdk import DAG
from airflow.sdk.execution_time.context import ConnectionAccessor, OutletEventAccessors, VariableAccessor
from hostile.corpus.evidence import Evidence
from hostile.corpus.mailbox import Laid, Mailbox
from support.state_store import StateStore

from airflow_provider_rsvp.exceptions import RsvpError
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.operators.list_invitations import ListInvitationsOperator

EVERYTHING = ("answered", "cancelled", "drafts", "own", "unanswerable")
WINDOW = {"start": "now", "end": "+60d"}
REFUSALS = (RsvpError, AirflowFailException)
SETTLE = 1.0


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


def one_by_one(run: Run, answer: Callable[[str, dict[str, Any]], Any]) -> Seen:
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


def status_of(run: Run) -> str:
    return "declined" if run.box.service == "bitrix24" else "tentative"


def rows_of(run: Run) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run.execute(
        ListInvitationsOperator(task_id="list", conn_id=run.box.conn_id, include=EVERYTHING, **WINDOW),
        run.context(),
    )
    return rows


@contextmanager
def refused(run: Run, seen: Seen, event_id: str) -> Iterator[None]:
    try:
        yield
    except REFUSALS as error:
        run.evidence.error(error)
        if event_id in run.laid.neighbours.values():
            raise
        seen.hostile |= {case: str(error) for case, each in run.laid.hostile.items() if str(each) == event_id}


def those(run: Run, rows: Any, seen: Seen) -> Seen:
    found = run.seen_in(rows)
    return Seen(found.neighbours, {**found.hostile, **seen.hostile})


def _plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
