"""A run that is late answers a meeting: the notifier as a deadline alert of a running Airflow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from airflow import sdk
from airflow.executors import workloads
from support.running_airflow import RunningAirflow, running_airflow, wait_until

from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.sandbox.graph import ids

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(300)]

PAGE = (Path(__file__).parents[2] / "docs" / "waiting.md").read_text()
(EXAMPLE,) = (each for each in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "DeadlineAlert" in each)
KINDS = ["AsyncCallback"] + (["SyncCallback"] if hasattr(workloads, "ExecuteCallback") else [])
if not hasattr(sdk, "AsyncCallback"):
    EXAMPLE = EXAMPLE.replace("import DAG, ", "import DAG\nfrom airflow.sdk.definitions.deadline import ")
CONNECTION, EVENT = "msgraph_calendar_default", ids.default("alice", "review")
RELEASE, BOARD, PLANNING = (ids.default("alice", slug) for slug in ("release", "board", "planning"))
CASES = {
    "late": {},
    "unknown_event": {EVENT: ids.default("alice", "nowhere")},
    "wrong_token": {CONNECTION: "wrong_token"},
    "stored": {CONNECTION: "stored", EVENT: RELEASE},
    "delegated": {CONNECTION: "msgraph_calendar_delegated", EVENT: BOARD},
    "killed": {EVENT: PLANNING},
}
UNTIL_THE_TEST_SAYS_SO = """
    from pathlib import Path
    from time import sleep
    from airflow.sdk import task

    @task
    def load():
        while not Path({gate!r}).exists():
            sleep(0.2)

    load()
"""
WRONG_TOKEN = token_hex(16)


def dag_file(dag_id: str, kind: str, gate: Path, changes: dict[str, str]) -> str:
    """Return the example of the page under another name, with a short deadline, and changed as the case asks for."""
    text = EXAMPLE.replace("AsyncCallback", kind)
    for old, new in {
        '"nightly_load"': repr(dag_id),
        '"@daily"': "None",
        "timedelta(hours=2)": "timedelta(seconds=1)",
        "    ...\n": UNTIL_THE_TEST_SAYS_SO.format(gate=str(gate)),
        **changes,
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def connections(running_sandbox: Sandbox) -> dict[str, Any]:
    connections: dict[str, Any] = running_sandbox.connections()
    static = connections["msgraph_calendar_static"]
    connections["wrong_token"] = {**static, "extra": {**static["extra"], "access_token": WRONG_TOKEN}}
    return connections


@pytest.fixture(scope="module")
def airflow(
    connections: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningAirflow]:
    home = tmp_path_factory.mktemp("airflow")
    dags = {
        f"{case}_{kind}.py": dag_file(f"{case}_{kind}", kind, home / "gate", changes)
        for kind in KINDS
        for case, changes in CASES.items()
    }
    env = {f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(each) for conn_id, each in connections.items()}
    env["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "DEBUG"
    env["AIRFLOW__CORE__PARALLELISM"] = "32"
    env["AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD"] = "5"
    env["AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC"] = "1"
    with running_airflow(home, dags, env) as running:
        running.wait_until_ready(len(dags))
        running.store_connection("stored", connections["msgraph_calendar_static"])
        yield running


def start(airflow: RunningAirflow, dag_id: str, *callbacks: str) -> None:
    """Start a run, and wait until it is late and the callbacks of the DAG's runs have ended so."""
    airflow.trigger(dag_id)
    wait_until(
        lambda: airflow.deadline_callbacks(dag_id) == list(callbacks),
        seconds=90,
        what=lambda: f"the callbacks end: {airflow.deadline_callbacks(dag_id)} {airflow.log()}",
    )


def nothing_shows(airflow: RunningAirflow, connections: dict[str, Any]) -> None:
    """Search for the connections' secrets in all that Airflow has written."""
    extras = ("access_token", "refresh_token", "client_secret")
    secrets = {
        str(each["extra"][name]) for each in connections.values() for name in extras if name in each["extra"]
    }
    secrets |= {str(each["password"]) for each in connections.values() if each.get("password")}
    files = [*airflow.home.glob("airflow.db*"), *airflow.home.rglob("*.log")]
    written = b"".join(each.read_bytes() for each in files)
    assert b"SetParticipationStatusNotifier" in written
    assert {secret for secret in secrets if secret.encode() in written} == set()


@pytest.mark.parametrize("kind", KINDS)
def test_the_organizer_is_told_once(
    kind: str, sandbox: Sandbox, airflow: RunningAirflow, connections: dict[str, Any]
) -> None:
    dag_id = f"late_{kind}"
    start(airflow, dag_id, "success")
    (mail,) = sandbox.mail()
    assert (mail["event_id"], mail["status"]) == (EVENT, "tentative")
    assert re.fullmatch(rf"{dag_id} is late: it was due by 20\d\d-.*", str(mail["comment"]))

    start(airflow, dag_id, "success", "success")
    assert sandbox.mail() == [mail]
    nothing_shows(airflow, connections)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("unknown_event", "The id is wrong, of another mailbox"),
        ("wrong_token", "The access token is not accepted; get a new one."),
    ],
)
def test_what_went_wrong_is_in_the_log(
    case: str, says: str, kind: str, sandbox: Sandbox, airflow: RunningAirflow, connections: dict[str, Any]
) -> None:
    start(airflow, f"{case}_{kind}", "failed")
    assert sandbox.mail() == []
    assert says in airflow.whole_log()
    nothing_shows(airflow, connections)


@pytest.mark.parametrize("case", ["stored", "delegated"])
def test_in_the_triggerer_any_connection_will_do(
    case: str, sandbox: Sandbox, airflow: RunningAirflow, connections: dict[str, Any]
) -> None:
    start(airflow, f"{case}_AsyncCallback", "success")
    assert [mail["status"] for mail in sandbox.mail()] == ["tentative"]
    nothing_shows(airflow, connections)


@pytest.mark.skipif("SyncCallback" not in KINDS, reason="needs callbacks in the executor")
@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("stored", "Airflow does not let this process read connection 'stored'"),
        ("delegated", "Refresh tokens are not used without it"),
    ],
)
def test_in_the_executor_what_airflow_keeps_is_out_of_reach(
    case: str, says: str, sandbox: Sandbox, airflow: RunningAirflow, connections: dict[str, Any]
) -> None:
    start(airflow, f"{case}_SyncCallback", "failed")
    assert sandbox.requests() == []
    assert says in airflow.whole_log()
    nothing_shows(airflow, connections)


def test_a_triggerer_that_dies_while_it_sends(sandbox: Sandbox, airflow: RunningAirflow) -> None:
    """The callback runs once more, and sees what it had sent."""
    dag_id = "killed_AsyncCallback"
    sandbox.faults(
        [{"service": "graph", "operation": "send", "kind": "hang", "seconds": 120, "when": "after"}]
    )
    airflow.trigger(dag_id)
    wait_until(lambda: bool(sandbox.mail()), seconds=90, what=airflow.log)
    airflow.kill("triggerer")
    looked = len(sandbox.requests())
    triggerer = airflow.start("triggerer")
    try:
        wait_until(
            lambda: airflow.deadline_callbacks(dag_id) == ["success"],
            seconds=120,
            what=lambda: f"the callback ends: {airflow.deadline_callbacks(dag_id)} {airflow.log()}",
        )
    finally:
        airflow.kill("triggerer")
        triggerer.wait(20)
    assert len(sandbox.requests()) > looked
    assert [mail["status"] for mail in sandbox.mail()] == ["tentative"]
