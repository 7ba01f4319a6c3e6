"""Sending many replies on the sandbox: the accounts of each service, and the operator as Airflow runs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.sandbox import Sandbox
from support.services import SERVICES
from support.state_store import StateStore

EVERYTHING = {
    "rules": [{"name": "everything suits", "when": {"subject": "bulk"}, "then": {"action": "accept"}}]
}


@dataclass
class Task:
    """One task instance over its tries: what its operator uses of the context."""

    store: StateStore | None = field(default_factory=StateStore)
    tries: int = 0
    pushed: dict[str, Any] = field(default_factory=dict)
    events: OutletEventAccessors = field(default_factory=OutletEventAccessors)

    def context(self) -> Any:
        self.tries += 1
        self.pushed.clear()
        ti = SimpleNamespace(try_number=self.tries, dag_id="bulk", task_id="send", xcom_push=self._push)
        context: dict[str, Any] = {"ti": ti, "params": {}, "outlet_events": self.events}
        if self.store is not None:
            context["task_state_store"] = self.store
        return context

    def send(self, replies: Any, **options: Any) -> dict[str, Any]:
        """Run one try; return the report, also where the task fails."""
        options = {"max_replies": 10_000, "settle_timeout": 2.0, **options}
        try:
            report: dict[str, Any] = SendRepliesOperator(task_id="send", replies=replies, **options).execute(
                self.context()
            )
        except Exception as error:
            if "return_value" not in self.pushed:
                raise
            self.pushed["error"] = error
            return dict(self.pushed["return_value"])
        return report

    @property
    def retried(self) -> bool:
        """Whether Airflow would try the task again."""
        error = self.pushed.get("error")
        return error is not None and not isinstance(error, AirflowFailException)

    def _push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def accounts(service: str, count: int) -> list[dict[str, Any]]:
    """Return how ``PlanRepliesOperator`` is told of the sandbox's first bulk mailboxes of a service."""
    each, numbers = SERVICES[service], range(1, count + 1)
    if each.domain:
        return [{"conn_id": each.conn_id, "mailboxes": [each.bulk_mailbox(number) for number in numbers]}]
    return [{"conn_id": each.bulk_conn_id(number)} for number in numbers]


def plans(where: Iterable[Mapping[str, Any]], policy: Any = None, **options: Any) -> list[dict[str, Any]]:
    """Plan a reply to whatever is pending."""
    return [
        PlanRepliesOperator(
            task_id="plan", policy=policy or EVERYTHING, **{"end": "+60d", **options, **account}
        ).execute(Task().context())
        for account in where
    ]


def counts(report: Mapping[str, Any]) -> dict[str, int]:
    """Return the outcomes that there are."""
    return {result: count for result, count in report["counts"].items() if count}


def mails_per_event(sandbox: Sandbox) -> Counter[tuple[str, str]]:
    return Counter((mail["service"], mail["event_id"]) for mail in sandbox.mail())


def planned_events(plan: Sequence[Mapping[str, Any]]) -> list[str]:
    return [line["invitation"]["event_id"] for each in plan for line in each["decisions"] if line["reply"]]
