"""What tasks take through a real scheduler: the whole of one, and of many."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from support.running_airflow import RunningAirflow, running_airflow, wait_until

from benchmarks.contenders.replies import FIRST, connection, targets
from benchmarks.sandbox import SandboxProcess
from benchmarks.stats import Sample, seconds, times
from benchmarks.table import Table

MAPPED = 100
REPLIES = 1000
LATENCY = 0.02
ONES = 5

_DAG = """
import datetime, json, pathlib
from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

given = json.loads(pathlib.Path({given!r}).read_text())
asks = [
    dict(endpoint=given["endpoint"], data=json.dumps({{"eventId": event, "status": "Y"}})) for event in given["mapped"]
]
http = dict(http_conn_id="bench_http", method="POST", headers={{"Content-Type": "application/json"}})

with DAG("one_http", schedule=None):
    HttpOperator(task_id="send", **http, **asks[0])
with DAG("one_reply", schedule=None):
    SetParticipationStatusOperator(
        task_id="send", conn_id=given["conn_id"], event_id=given["mapped"][1], status="accepted", force=True
    )
with DAG("many_http", schedule=None, max_active_tasks={mapped}):
    HttpOperator.partial(task_id="send", **http).expand_kwargs(asks)
with DAG("many_replies", schedule=None):
    plan = PlanRepliesOperator(
        task_id="plan",
        conn_id=given["conn_id"],
        end="+70d",
        policy={{"rules": [{{"name": "all", "when": {{"subject": "bulk"}}, "then": {{"action": "accept"}}}}]}},
    )
    SendRepliesOperator(task_id="send", replies=plan.output, max_replies=1_000_000)
"""


def tables(
    sandbox: SandboxProcess, plan: Callable[[str, int, int], Any], note: Callable[[str], None]
) -> list[Table]:
    """
    Run the DAGs, and return what they took.

    :param plan: resets the sandbox and plans replies: of a service, so many mailboxes, so many replies
    :param note: told what is under way
    """
    job = {"service": "bitrix24", "connections": sandbox.connections(), "plan": plan("bitrix24", 1, REPLIES)}
    job["connections"] = sandbox.connections()
    given = connection(job)
    events = [each.event_id for each in targets(job)]
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        home = Path(folder)
        settings = home / "given.json"
        settings.write_text(
            json.dumps(
                {
                    "endpoint": f"rest/{given['login']}/{given['password']}/calendar.meeting.status.set",
                    "conn_id": FIRST["bitrix24"],
                    "mapped": events[-MAPPED:],
                }
            )
        )
        given["extra"] |= {"requests_per_second": 1000, "burst": 1000}
        env = {
            "AIRFLOW_CONN_BENCH_HTTP": json.dumps({"conn_type": "http", "host": given["host"]}),
            f"AIRFLOW_CONN_{FIRST['bitrix24'].upper()}": json.dumps(given),
        }
        sandbox.reset(bulk={"mailboxes": 1, "invitations": REPLIES}, limits=False, latency=LATENCY)
        note("starting Airflow")
        dag = _DAG.format(given=str(settings), mapped=MAPPED)
        with running_airflow(home, {"bench.py": dag}, env) as airflow:
            airflow.wait_until_ready(4)
            return _measured(airflow, note)


def _measured(airflow: RunningAirflow, note: Callable[[str], None]) -> list[Table]:
    # Nothing is counted of the first run of each, which warms up what a worker reads.
    ones: dict[str, list[float]] = {"one_http": [], "one_reply": []}
    for number in range(ONES + 1):
        for dag_id, found in ones.items():
            note(f"{dag_id} {number}")
            took = _run(airflow, dag_id)
            if number:
                found.append(took)
    note("1,000 replies in one task")
    many_replies = _run(airflow, "many_replies")
    note(f"{MAPPED} mapped tasks")
    many_http = _run(airflow, "many_http")
    http, reply = Sample(ones["one_http"]), Sample(ones["one_reply"])
    scaled = many_http * REPLIES / MAPPED
    one = Table(
        "One task",
        "From queued to ended, of one task through the scheduler; each sends one reply to Bitrix24. "
        f"Medians of {ONES} runs, taken in turn.",
        ("task", "requests", "s", "ratio"),
        (
            ("`HttpOperator`, send only", "1", str(http), "1"),
            (
                "`SetParticipationStatusOperator`: look, send, read back",
                "3",
                str(reply),
                times(reply.median / http.median),
            ),
        ),
    )
    many = Table(
        "Many replies through the scheduler",
        f"{REPLIES:,} replies to Bitrix24 at {LATENCY * 1000:g} ms, from the first task queued to the last one ended, "
        "`LocalExecutor` with 4 processes, SQLite. One run each.",
        ("way", "s", "ratio"),
        (
            ("`PlanRepliesOperator` and `SendRepliesOperator`: two tasks", seconds(many_replies), "1"),
            (
                f"mapped `HttpOperator`, send only: {MAPPED} tasks took {seconds(many_http)} s; times "
                f"{REPLIES // MAPPED}",
                f"{seconds(scaled)} (extrapolated)",
                times(scaled / many_replies),
            ),
        ),
    )
    return [one, many]


def _run(airflow: RunningAirflow, dag_id: str) -> float:
    """Run a DAG; return the seconds from its first task queued to its last one ended."""
    before = _ended(airflow, dag_id)
    airflow.trigger(dag_id)
    wait_until(
        lambda: len(_ended(airflow, dag_id)) > len(before),
        seconds=400,
        what=lambda: f"{dag_id} ends. {airflow.log()}",
    )
    run_id = (set(_ended(airflow, dag_id)) - set(before)).pop()
    rows = _rows(
        airflow,
        "select state, queued_dttm, end_date from task_instance where dag_id = ? and run_id = ?",
        dag_id,
        run_id,
    )
    failed = [state for state, _, _ in rows if state != "success"]
    if failed:
        raise RuntimeError(f"{dag_id}: tasks ended as {failed}.\n{airflow.task_logs()[-3000:]}")
    queued = min(datetime.fromisoformat(queued) for _, queued, _ in rows)
    return (max(datetime.fromisoformat(end) for _, _, end in rows) - queued).total_seconds()


def _ended(airflow: RunningAirflow, dag_id: str) -> list[str]:
    rows = _rows(
        airflow, "select run_id from dag_run where dag_id = ? and state in ('success', 'failed')", dag_id
    )
    return [run_id for (run_id,) in rows]


def _rows(airflow: RunningAirflow, query: str, *values: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{airflow.home}/airflow.db?mode=ro", uri=True, timeout=30)) as base:
        return base.execute(query, values).fetchall()
