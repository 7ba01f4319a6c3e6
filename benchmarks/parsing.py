"""What a DAG file pays for importing the package, beside what it pays for Airflow's ``HttpOperator``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_rsvp.get_provider_info import get_provider_info
from benchmarks.runs import run
from benchmarks.stats import Sample, times
from benchmarks.table import Table

RUNS = 3
_HTTP = "airflow.providers.http.operators.http"
_FILES = {
    "`HttpOperator`": f"""
from airflow.sdk import DAG
from {_HTTP} import HttpOperator
with DAG("parsed", schedule=None):
    for number in range(100):
        HttpOperator(task_id=f"send{{number}}", http_conn_id="http", endpoint="reply", data="{{{{ params.x }}}}")
""",
    "`SetParticipationStatusOperator`": """
from airflow.sdk import DAG
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
with DAG("parsed", schedule=None):
    for number in range(100):
        SetParticipationStatusOperator(
            task_id=f"send{number}", conn_id="calendar", event_id="{{ params.x }}", status="accepted"
        )
""",
}


def table(note: Callable[[str], None]) -> Table:
    """Import and parse everything, in turn."""
    jobs: dict[str, dict[str, Any]] = {f"`import {_HTTP}`": {"modules": [_HTTP]}}
    jobs |= {f"`import {name}`": {"modules": [name]} for name in _modules()}
    imports = len(jobs)
    jobs |= {
        f"a DAG file of 100 tasks, {name}": {"modules": [], "file": text} for name, text in _FILES.items()
    }
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(RUNS):
        note(f"parsing {turn + 1} of {RUNS}")
        for name, job in jobs.items():
            found[name].append(run("contenders.importing", job).cpu * 1000)
    samples = {name: Sample(values) for name, values in found.items()}
    names = list(samples)
    yardsticks = {
        name: samples[names[0] if number < imports else names[imports]] for number, name in enumerate(names)
    }
    return Table(
        "Parsing a DAG file",
        f"CPU milliseconds in a fresh process that has imported `airflow.sdk.DAG`; medians of {RUNS} runs taken in "
        "turn.",
        ("what", "CPU ms", "ratio to `HttpOperator`"),
        [
            (name, str(sample), times(sample.median / yardsticks[name].median))
            for name, sample in samples.items()
        ],
    )


def _modules() -> Iterator[str]:
    """Yield the public modules: those that the provider names to Airflow."""
    info = get_provider_info()
    for part in ("operators", "sensors", "triggers", "hooks"):
        for entry in info[part]:
            yield from entry["python-modules"]
    for path in (*info["notifications"], *(each["class-name"] for each in info["task-decorators"])):
        yield path.rpartition(".")[0]
