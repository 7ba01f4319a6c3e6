"""Invitations that are templates, met by a running Airflow: each example DAG, and each documented way of mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import mappings
from support.running_airflow import RunningAirflow, running_airflow, wait_until
from support.spoiling import PAYROLL, SECRETS, TEMPLATE, invite, leaks, spoil

from airflow_provider_rsvp.operators.approve_replies import ApproveRepliesOperator
from airflow_provider_rsvp.plans.tables import escape_markdown
from airflow_provider_rsvp.sandbox import Sandbox
from demo.home import EXAMPLES, ON_A_REAL_SERVER

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]

WAYS = {
    way.__name__: f"bulk{number}@contoso.example"
    for number, way in enumerate(
        (
            mappings.listed,
            mappings.sent_each,
            mappings.decorated,
        ),
        start=1,
    )
}
DAG_FILE = """
import re
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context
from support import mappings

# All in one file, which one process reads; a task reads its own DAG alone. They run at once, and soon again where
# something fails for the moment.
wanted = get_parsing_context().dag_id
again = {{"retries": 3, "retry_delay": 1}}
for name, mailbox in {ways!r}.items():
    if wanted in (None, name):
        with DAG(name, schedule="@once", default_args=again):
            getattr(mappings, name)(mailbox)

for path in {examples!r}:
    if wanted not in (None, Path(path).stem):
        continue
    text = Path(path).read_text()
    text = text.replace("timedelta(seconds=30)", "timedelta(seconds=1)")
    text = re.sub(r'pool="[^"]*"', 'pool="default_pool"', text)
    if Path(path).stem not in {by_hand!r}:
        text = re.sub(r'schedule=(None|"[^"]*")', 'schedule="@once"', text)
    exec(compile(text, path, "exec"), {{"__name__": Path(path).stem, "__file__": path}})
"""
DAGS = sorted({file.stem for file in EXAMPLES.glob("*.py")} - ON_A_REAL_SERVER)
BY_HAND = {"rsvp_callback", "rsvp_undo"}


@dataclass(frozen=True)
class Ended:
    """What is left when all runs have ended."""

    airflow: RunningAirflow
    mail: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    question: dict[str, Any]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    with Sandbox(bulk={"mailboxes": len(WAYS), "invitations": len(WAYS)}) as sandbox:
        spoil(sandbox)
        for mailbox in WAYS.values():
            invite(sandbox, mailbox)
        for attendee in ("bob@contoso.example", "carol@contoso.example"):
            sandbox.answer("graph", sandbox.event_id("graph", "approval"), attendee, "accepted")
        env = {
            f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(connection)
            for conn_id, connection in sandbox.connections().items()
        }
        env["AIRFLOW_VAR_PAYROLL_KEY"] = PAYROLL
        env["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] = "True"
        env["AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"] = "300"
        env["AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT"] = "300"
        env["PYTHONPATH"] = f"{Path(mappings.__file__).parents[1]}:{Path(__file__).parents[2]}"
        examples = [str(EXAMPLES / f"{dag_id}.py") for dag_id in DAGS]
        file = DAG_FILE.format(ways=WAYS, examples=examples, by_hand=BY_HAND)
        with running_airflow(tmp_path_factory.mktemp("airflow"), {"hostile.py": file}, env) as airflow:
            airflow.wait_until_ready(len(DAGS) + len(WAYS), seconds=300)
            question = run_all(airflow)
            yield Ended(airflow, sandbox.mail(), sandbox.requests(), question)


def run_all(airflow: RunningAirflow) -> dict[str, Any]:
    """Run all DAGs, and return what the one that asks a person asked."""
    airflow.unpause_all()
    airflow.trigger("rsvp_callback", healthy=False)
    # It takes back what rsvp_offboarding sends.
    wait_for(airflow, ["rsvp_offboarding"])
    airflow.trigger("rsvp_undo")
    wait_until(
        lambda: airflow.waits_for_a_person("rsvp_approval", "approve"),
        seconds=300,
        what=lambda: f"rsvp_approval asks. {airflow.task_logs()[-4000:]}",
    )
    question = airflow.question("rsvp_approval", "approve")
    airflow.answer("rsvp_approval", "approve", ApproveRepliesOperator.ALL, lines="", comment="")
    wait_for(airflow, [*WAYS, *DAGS])
    return question


def wait_for(airflow: RunningAirflow, dags: list[str]) -> None:
    def running() -> list[str]:
        states = {dag_id: airflow.runs(dag_id) for dag_id in dags}
        return [dag_id for dag_id, each in states.items() if not each or {*each} & {"queued", "running"}]

    wait_until(lambda: not running(), seconds=300, what=lambda: f"{running()} end. {airflow.log()}")


def test_all_runs_end_as_they_should(ended: Ended) -> None:
    states = {dag_id: ended.airflow.runs(dag_id)[0] for dag_id in (*WAYS, *DAGS)}
    assert states == {
        dag_id: "failed" if dag_id == "rsvp_callback" else "success" for dag_id in (*WAYS, *DAGS)
    }, ended.airflow.task_logs()[-8000:]


def test_nothing_was_rendered(ended: Ended) -> None:
    """Not in what organizers got, nor in what the services were asked, nor anywhere in Airflow."""
    assert leaks(ended.mail, ended.requests) == []
    database = b"".join(file.read_bytes() for file in ended.airflow.home.glob("airflow.db*"))
    kept = {"database": database.decode(errors="replace"), "logs": ended.airflow.task_logs()}
    assert {name: [each for each in SECRETS if each in text] for name, text in kept.items()} == {
        "database": [],
        "logs": [],
    }


@pytest.mark.parametrize("way", WAYS)
def test_organizers_get_what_strangers_wrote(ended: Ended, way: str) -> None:
    comments = sorted(mail["comment"] for mail in ended.mail if mail["mailbox"] == WAYS[way])
    subjects = mappings.SUBJECTS
    if way == "decorated":
        # One invitation, answered once with its subject and with one of those that the function was mapped over.
        assert len(comments) == 1
        assert comments[0] in {f"{subjects[0]} {each}" for each in subjects}
    else:
        assert comments == subjects


def test_the_examples_say_it_word_for_word(ended: Ended) -> None:
    late = f" {TEMPLATE} is outside my working hours. Would this suit you?"
    assert [mail["comment"] for mail in ended.mail if (mail["comment"] or "").endswith(late)] != []
    assert escape_markdown(TEMPLATE) in ended.question["body"]
    names = ended.airflow.map_names("rsvp_mapped", "accept")
    assert len(names) == 5
    assert [name for name in names if not name.endswith(f" {TEMPLATE}")] == []
