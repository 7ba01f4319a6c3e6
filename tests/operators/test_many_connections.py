"""One task of a running Airflow sends on many connections side by side, and speaks with Airflow meanwhile."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from support.running_airflow import running_airflow, wait_until
from support.services import SERVICES

from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(300)]

# Each of another person. Those with refresh tokens keep what they get in Airflow's Variables.
CONNECTIONS = [conn_id for each in SERVICES.values() for conn_id in each.people]
DAG_FILE = """
from airflow.sdk import DAG
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator

policy = {{"rules": [{{"name": "releases", "when": {{"subject": ["release"]}}, "then": "accept"}}]}}
with DAG("many_connections", schedule=None):
    plan = PlanRepliesOperator.partial(task_id="plan", policy=policy, end="+7d").expand(conn_id={conn_ids!r})
    SendRepliesOperator(task_id="send", replies=plan.output, max_replies=100)
"""


def test_all_are_answered_in_one_task(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    connections = sandbox.connections()
    env = {f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(connections[conn_id]) for conn_id in CONNECTIONS}
    dags = {"many.py": DAG_FILE.format(conn_ids=list(CONNECTIONS))}
    with running_airflow(tmp_path_factory.mktemp("airflow"), dags, env) as airflow:
        airflow.wait_until_ready(1)
        airflow.trigger("many_connections")
        wait_until(
            lambda: airflow.runs("many_connections") in (["success"], ["failed"]),
            seconds=120,
            what=lambda: f"the run ends: {airflow.task_instances()} {airflow.task_logs()[-4000:]}",
        )
        report = airflow.returned("many_connections", "send")

    assert report["counts"]["replied"] == len(CONNECTIONS)
    answered = Counter(str(mail["service"]) for mail in sandbox.mail() if mail["status"] == "accepted")
    assert answered == {each.name: len(each.people) for each in SERVICES.values()}
