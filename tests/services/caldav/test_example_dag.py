"""The example DAG, run by Airflow on Cyrus: what it answers, and what Bob is told."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from support.cyrus_server import PASSWORD

from demo.home import prepare, settings
from demo.runs import Run, run_dags


@pytest.mark.airflow
@pytest.mark.timeout(300)
def test_it_answers_on_a_real_server(cyrus, sandbox):
    events = {name: cyrus.invite(SUMMARY=name) for name in ("accept", "tentative", "decline")}
    connection = {"conn_type": "caldav", "host": cyrus.url, "login": "alice", "password": PASSWORD}
    with tempfile.TemporaryDirectory(prefix="rsvp-caldav-") as folder:
        home = Path(folder)
        log = home / "airflow.log"
        environment = settings(home, sandbox.url, {"caldav_default": connection})
        try:
            prepare(home, environment, log)
            conf = {name: event.event_id for name, event in events.items()}
            (run,) = run_dags([Run("rsvp_caldav", conf)], environment, log)
        finally:
            if log.exists():
                sys.stdout.write(log.read_text())

    assert (run.state, run.errors) == ("success", [])
    assert {outcome["subject"]: outcome["status_after"] for outcome in run.outcomes} == {
        "accept": "accepted",
        "tentative": "tentative",
        "decline": "declined",
    }
    assert {name: event.told for name, event in events.items()} == {
        "accept": [["accepted"]],
        "tentative": [["tentative"]],
        "decline": [],
    }
    assert "If the month-end close is done by then." in events["tentative"].replies[0]
