"""Invitations start a DAG in a running Airflow, whose triggerer is killed with SIGKILL and started again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pendulum
import pytest
from airflow.triggers.base import BaseEventTrigger
from support.running_airflow import RunningAirflow, running_airflow, wait_until

from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not hasattr(BaseEventTrigger, "shared_stream_key"),
        reason="needs the asset state store of Airflow 3.3",
    ),
]

DAG_FILE = """
from airflow.sdk import DAG, Asset, AssetWatcher, task
from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger

for name in ("wanted", "other"):
    trigger = NewInvitationTrigger(
        conn_id="msgraph_calendar_static", filter={"subject": ["^" + name]}, poll_interval=1
    )
    asset = Asset(name + "_invitations", watchers=[AssetWatcher("mailbox_" + name, trigger=trigger)])
    with DAG("on_" + name, schedule=[asset], max_active_runs=1):

        @task
        def answer(dag):
            if dag.dag_id != "on_wanted":
                return
            from airflow_provider_rsvp.hooks.base import get_calendar_hook
            from airflow_provider_rsvp.model import Reply

            with get_calendar_hook("msgraph_calendar_static") as hook:
                for each in hook.list_invitations("now", "+14d"):
                    if each.pending and each.subject.startswith("Wanted"):
                        hook.set_participation_status(each.reference, Reply.parse(status="accepted"))

        answer()
"""
ALICE = "alice@contoso.example"


@pytest.fixture
def airflow(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAirflow]:
    env = {
        f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(connection)
        for conn_id, connection in sandbox.connections().items()
    }
    env["AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD"] = "5"
    env["AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC"] = "1"
    home = tmp_path_factory.mktemp("airflow")
    with running_airflow(home, {"on_invitation.py": DAG_FILE}, env) as running:
        running.wait_until_ready(2)
        yield running


def polls(sandbox: Sandbox) -> int:
    return sum("/calendarView/delta" in str(each["path"]) for each in sandbox.requests())


def test_nothing_is_lost_and_nothing_comes_twice(sandbox: Sandbox, airflow: RunningAirflow) -> None:
    def invite(*subjects: str) -> None:
        for subject in subjects:
            start = pendulum.now("UTC").add(days=3).isoformat()
            sandbox.invite(service="graph", mailbox=ALICE, subject=subject, start=start)

    def accepted() -> Counter[str]:
        return Counter(str(mail["subject"]) for mail in sandbox.mail() if mail["status"] == "accepted")

    def wait_for_mail(*subjects: str) -> None:
        wait_until(
            lambda: set(accepted()) >= set(subjects),
            seconds=120,
            what=lambda: f"{subjects} are answered: {accepted()} {airflow.asset_events()} {airflow.log()}",
        )

    def wait_for_polls(more: int) -> None:
        begun = polls(sandbox)
        wait_until(
            lambda: polls(sandbox) >= begun + more,
            seconds=120,
            what=lambda: f"the calendar is polled: {polls(sandbox)} {airflow.log()}",
        )

    wait_for_polls(2)
    invite(
        "Wanted 1", "Other 1"
    )  # nobody answers the latter, so it would be announced again if it were forgotten
    wait_for_mail("Wanted 1")
    wait_for_polls(3)  # so that what was announced has been saved
    airflow.kill("triggerer")
    burst = [f"Wanted {number}" for number in range(2, 8)]
    invite(*burst, "Other 2", "Neither")
    triggerer = airflow.start("triggerer")
    try:
        wait_for_mail(*burst)
        wait_for_polls(3)
        sandbox.faults([{"kind": "status", "status": 401, "times": 3}])
        invite("Wanted 8")
        wait_for_mail("Wanted 8")
        wait_for_polls(3)
    finally:
        airflow.kill("triggerer")
        triggerer.wait(20)

    assert accepted() == dict.fromkeys(["Wanted 1", *burst, "Wanted 8"], 1)
    announced = Counter(each["event_id"] for event in airflow.asset_events() for each in event["invitations"])
    assert sorted(announced.values()) == [1] * 10
    assert len(airflow.runs("on_wanted")) <= 4
    assert len(airflow.runs("on_other")) == 2
    # A permanent failure ends no watch: Airflow would restart it a second later.
    log = (airflow.home / "standalone.log").read_text()
    assert log.count("CredentialsError") == 3
    assert "exited with error" not in log
