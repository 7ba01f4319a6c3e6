"""
Runs of example DAGs, one after another in one process of their own.

The process is needed because Airflow reads its settings when it is imported.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.invitations import invite_again
from demo.once import run_once

if TYPE_CHECKING:
    from airflow.models import DagRun
    from airflow.sdk import DAG, Context

ASK_A_PERSON = frozenset({"rsvp_approval"})
"""DAGs that wait for an answer, which nobody gives to a run without a scheduler."""


@dataclass(frozen=True)
class Run:
    """
    One run of a DAG.

    :param conf: the params that differ from the DAG's own
    :param state: how it ended
    :param names: the names of the mapped tasks, in the order of their index
    :param outcomes: what the replies returned, in the order in which they were made
    :param errors: why tasks failed
    """

    dag_id: str
    conf: dict[str, Any] = field(default_factory=dict)
    state: str = ""
    names: list[str] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def run_dags(runs: Sequence[Run], environment: Mapping[str, str], log: Path) -> list[Run]:
    """
    Run the DAGs, and return the runs as they ended.

    :raises subprocess.CalledProcessError: Airflow itself failed; the log says why
    """
    answer = log.with_suffix(".json")
    answer.unlink(missing_ok=True)
    with log.open("a") as output:
        subprocess.run(
            [sys.executable, "-m", "demo.runs", str(answer)],
            input=json.dumps([asdict(run) for run in runs]),
            text=True,
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            check=True,
        )
    return [Run(**run) for run in json.loads(answer.read_text())]


def main(answer: str) -> None:
    """Read runs from standard input, and write how they ended to a file."""
    runs = [Run(**run) for run in json.load(sys.stdin)]
    dags = example_dags()
    Path(answer).write_text(json.dumps([asdict(_run(dags[run.dag_id], run)) for run in runs]))


def example_dags() -> dict[str, DAG]:
    """Return the example DAGs by their ids."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]

    from demo.home import EXAMPLES

    bag = DagBag(str(EXAMPLES))
    if bag.import_errors:
        raise SystemExit("\n".join(f"{file}: {error}" for file, error in bag.import_errors.items()))
    return dict(bag.dags)


def _run(dag: DAG, run: Run) -> Run:
    invite_again(run.dag_id)
    errors: list[str] = []

    def note(context: Context) -> None:
        errors.append(f"{context['ti'].task_id}: {context['exception']}")

    for task in dag.tasks:
        task.retries = 0  # show a failure at once
        task.on_failure_callback = [note]
    ended = run_once(dag, run_conf=run.conf)
    names, outcomes = _returned(ended)
    return replace(run, state=str(ended.state), names=names, outcomes=outcomes, errors=errors)


def _returned(run: DagRun) -> tuple[list[str], list[dict[str, Any]]]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        tasks = run.get_task_instances(session=session)
        query: Any = XComModel.get_many(run_id=run.run_id, dag_ids=run.dag_id, key="return_value")
        returned = sorted(session.scalars(query), key=lambda each: each.timestamp)
        values = [XComModel.deserialize_value(each) for each in returned]
    mapped = sorted((each for each in tasks if each.map_index >= 0), key=lambda each: each.map_index)
    names = [str(each.rendered_map_index) for each in mapped]
    return names, [outcome for value in values if isinstance(value, dict) for outcome in _outcomes(value)]


def _outcomes(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the outcomes that a task returned: of one reply, or of many."""
    return [value] if "outcome" in value else value.get("outcomes", [])


if __name__ == "__main__":
    main(sys.argv[1])
