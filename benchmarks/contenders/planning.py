"""Plans the replies, once for all contenders: accept whatever is pending on the bulk mailboxes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from benchmarks.child import serve
from benchmarks.contenders.replies import FIRST, offer_connections

_EVERYTHING = {"rules": [{"name": "everything", "when": {"subject": "bulk"}, "then": {"action": "accept"}}]}


def prepare(job: dict[str, Any]) -> Callable[[], Any]:
    """Return what plans."""
    offer_connections(job)
    from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator

    boxes = (
        [f"bulk{number}@contoso.example" for number in range(1, job["mailboxes"] + 1)]
        if job["service"] == "graph"
        else None
    )
    operator = PlanRepliesOperator(
        task_id="plan", conn_id=FIRST[job["service"]], policy=_EVERYTHING, end="+70d", mailboxes=boxes
    )
    ti = SimpleNamespace(xcom_push=lambda key, value: None)
    context: Any = {"ti": ti, "params": {}}
    return lambda: operator.execute(context)


if __name__ == "__main__":
    serve(prepare)
