"""A loop over Airflow's ``HttpHook``: send only, or look, send and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from benchmarks.child import serve
from benchmarks.contenders.replies import Target, check, connection, graph_token, targets

_CONNECTION = "bench_http"

Step = tuple[str, str, dict[str, Any] | None]
"""A method, an endpoint, and a body or query."""


def steps(service: str, given: dict[str, Any], target: Target) -> tuple[Step, Step, Step]:
    """Return the requests that look, send and read back."""
    if service == "graph":
        event = f"v1.0/users/{target.mailbox}/events/{target.event_id}"
        return (
            ("GET", event, None),
            ("POST", f"{event}/accept", {"sendResponse": True}),
            ("GET", event, {"$select": "responseStatus"}),
        )
    if service == "bitrix24":
        rest = f"rest/{given['login']}/{given['password']}"
        return (
            ("GET", f"{rest}/calendar.event.getbyid", {"id": target.event_id}),
            ("POST", f"{rest}/calendar.meeting.status.set", {"eventId": target.event_id, "status": "Y"}),
            ("GET", f"{rest}/calendar.meeting.status.get", {"eventId": target.event_id}),
        )
    days = {"tzid": "Etc/UTC", "from": target.start[:19] + "Z", "to": target.end[:19] + "Z"}
    calendar, event = (quote(str(part), safe="") for part in (target.calendar_id, target.event_id))
    return (
        ("GET", "v1/events", days),
        ("POST", f"v1/calendars/{calendar}/events/{event}/participation_status", {"status": "accepted"}),
        ("GET", "v1/events", days),
    )


def prepare(job: dict[str, Any]) -> Callable[[], Any]:
    """Return the loop."""
    given = connection(job)
    os.environ[f"AIRFLOW_CONN_{_CONNECTION.upper()}"] = json.dumps(
        {"conn_type": "http", "host": given["host"]}
    )
    import logging

    from airflow.providers.http.hooks.http import HttpHook

    logging.disable(logging.WARNING)
    hooks = {method: HttpHook(method=method, http_conn_id=_CONNECTION) for method in ("GET", "POST")}
    asked = targets(job)

    def ask(step: Step, headers: dict[str, str]) -> None:
        method, endpoint, data = step
        body: Any = json.dumps(data) if data and method == "POST" else data
        answer = hooks[method].run(endpoint, data=body, headers=headers)
        check(answer.status_code < 300, endpoint)

    def work() -> int:
        headers = {"Content-Type": "application/json"}
        if job["service"] != "bitrix24":
            token = graph_token(job) if job["service"] == "graph" else given["password"]
            headers["Authorization"] = f"Bearer {token}"
        for target in asked:
            look, send, read_back = steps(job["service"], given, target)
            for step in (look, send, read_back) if job["verified"] else (send,):
                ask(step, headers)
        return len(asked)

    return work


if __name__ == "__main__":
    serve(prepare)
