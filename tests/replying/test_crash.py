"""A task process is killed with SIGKILL at each step of the protocol; its next try ends it rightly."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from airflow.sdk import Context
from support.running_airflow import RunningAirflow, running_airflow, wait_until
from support.services import SERVICES

from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        "task_state_store" not in Context.__annotations__, reason="needs the task state store of Airflow 3.3"
    ),
]

DAG_FILE = """
import pendulum
from airflow.sdk import DAG
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

patient = {{"retries": 1, "retry_delay": pendulum.duration(seconds=1)}}
for dag_id, arguments in {dags!r}.items():
    with DAG(dag_id, schedule=None, default_args=patient):
        SetParticipationStatusOperator(task_id="reply", request_timeout=60, **arguments)
for dag_id, arguments in {bulk!r}.items():
    with DAG(dag_id, schedule=None, default_args=patient):
        SendRepliesOperator(task_id="reply", request_timeout=60, **arguments)
"""

REPLIES = {each.name: (each.conn_id, "declined") for each in SERVICES.values()}


@dataclass(frozen=True)
class Step:
    """Where the task is when it dies: the service hangs there."""

    name: str
    slug: str

    def rules(self, service: str) -> list[dict[str, Any]]:
        places: dict[str, dict[str, Any]] = {
            "look": {"operation": SERVICES[service].look},
            "send": {"operation": "send"},
            "sent": {"operation": "send", "when": "after"},
            "read_back": {"operation": "observe", "skip": SERVICES[service].looks},
        }
        rules = [{"service": service, "kind": "hang", "seconds": 120, **places[self.name]}]
        if self.name == "read_back" and SERVICES[service].shows:
            # The response to the sending shows the status; only an unclear one is read back.
            rules.append({"service": service, "operation": "send", "kind": "cut", "when": "after"})
        return rules


BULK = ("planning", "release", "board", "lunch")

STEPS = (
    Step("look", "planning"),
    Step("send", "release"),
    Step("sent", "board"),
    Step("read_back", "lunch"),
)


@pytest.fixture(scope="module")
def airflow(running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAirflow]:
    dags = {
        f"{service}_{step.name}": {
            "conn_id": conn_id,
            "event_id": running_sandbox.event_id(service, step.slug),
            "status": status,
        }
        for service, (conn_id, status) in REPLIES.items()
        for step in STEPS
    }
    bulk = {
        f"{service}_bulk": {
            "conn_id": conn_id,
            "replies": [
                {"event_id": running_sandbox.event_id(service, slug), "status": status} for slug in BULK
            ],
        }
        for service, (conn_id, status) in REPLIES.items()
    }
    connections = {
        f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(connection)
        for conn_id, connection in running_sandbox.connections().items()
    }
    home = tmp_path_factory.mktemp("airflow")
    with running_airflow(home, {"crash.py": DAG_FILE.format(dags=dags, bulk=bulk)}, connections) as running:
        running.wait_until_ready(len(dags) + len(bulk))
        yield running


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_one_mail_and_the_right_outcome(sandbox: Sandbox, airflow: RunningAirflow, step: Step) -> None:
    sandbox.faults([rule for service in REPLIES for rule in step.rules(service)])
    for service in REPLIES:
        airflow.trigger(f"{service}_{step.name}")
    _wait_until_all_hang(sandbox, airflow)
    _kill_clients_of(sandbox)

    tasks = [(f"{service}_{step.name}", "reply") for service in REPLIES]
    _wait_until_ended(airflow, tasks)
    for (service, (_, status)), task in zip(REPLIES.items(), tasks, strict=True):
        instance, outcome = airflow.task_instances()[task], airflow.returned(*task)
        event_id = sandbox.event_id(service, step.slug)
        mails = [mail["status"] for mail in sandbox.mail() if mail["event_id"] == event_id]
        assert (instance.state, instance.try_number) == ("success", 2), airflow.task_logs()
        assert outcome["outcome"] == "replied"
        assert mails == [status]


def test_many_replies_are_picked_up_where_they_were(sandbox: Sandbox, airflow: RunningAirflow) -> None:
    """Some have gone out and are seen, some are on their way, when the task dies."""
    # Of batches the second is the sending; the other services are sent to one by one.
    sandbox.faults(
        [
            {
                "service": each.name,
                "operation": "batch" if each.batches else "send",
                "skip": 1,
                "kind": "hang",
                "seconds": 120,
                "when": "after",
            }
            for each in SERVICES.values()
        ]
    )
    for service in REPLIES:
        airflow.trigger(f"{service}_bulk")
    _wait_until_all_hang(sandbox, airflow)
    _kill_clients_of(sandbox)

    tasks = [(f"{service}_bulk", "reply") for service in REPLIES]
    _wait_until_ended(airflow, tasks)
    for (service, (_, status)), task in zip(REPLIES.items(), tasks, strict=True):
        instance, report = airflow.task_instances()[task], airflow.returned(*task)
        events = [sandbox.event_id(service, slug) for slug in BULK]
        mails = [(mail["event_id"], mail["status"]) for mail in sandbox.mail() if mail["event_id"] in events]
        assert (instance.state, instance.try_number) == ("success", 2), airflow.task_logs()
        assert report["counts"]["replied"] == len(events)
        assert sorted(mails) == sorted((event, status) for event in events)


def _wait_until_all_hang(sandbox: Sandbox, airflow: RunningAirflow) -> None:
    wait_until(
        lambda: all(rule["struck"] for rule in sandbox.faults()),
        seconds=90,
        what=lambda: f"every service hangs: {sandbox.faults()} {airflow.log()}",
    )


def _wait_until_ended(airflow: RunningAirflow, tasks: list[tuple[str, str]]) -> None:
    wait_until(
        lambda: all(airflow.task_instances()[task].state in ("success", "failed") for task in tasks),
        seconds=120,
        what=lambda: f"the tasks end: {airflow.task_instances()} {airflow.log()}",
    )


def _kill_clients_of(sandbox: Sandbox) -> None:
    """Kill the task processes: what holds a connection to the sandbox, other than the sandbox itself."""
    port = urlsplit(sandbox.url).port
    clients = {each.pid for each in psutil.net_connections("tcp") if each.raddr and each.raddr.port == port}
    for client in clients - {None, os.getpid()}:
        os.kill(client, signal.SIGKILL)
