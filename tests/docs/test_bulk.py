"""The page on many replies: its examples can be parsed by Airflow, and it leaves no parameter or outcome out."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest
from airflow.sdk import DAG

from airflow_provider_rsvp.model import Result
from airflow_provider_rsvp.operators.approve_replies import ApproveRepliesOperator
from airflow_provider_rsvp.operators.plan_undo import PlanUndoOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.plans import Report, ReportLine

PAGE = (Path(__file__).parents[2] / "docs" / "bulk.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_dag_or_a_task(example: str) -> None:
    found: dict[str, object] = {}
    exec(example, found)
    tasks = (
        [found["tell"]]
        if "tell" in found
        else [found[name].dag for name in ("plan", "pending") if name in found]
    )  # type: ignore[attr-defined]
    assert tasks
    assert all(isinstance(each, DAG) or callable(each) for each in tasks)


@pytest.mark.parametrize("operator", [ApproveRepliesOperator, SendRepliesOperator, PlanUndoOperator])
def test_every_parameter_is_described(operator: type) -> None:
    parameters = set(inspect.signature(operator.__init__).parameters) - {"self", "kwargs"}
    assert {name for name in parameters if f"`{name}`" not in PAGE} == set()


def test_the_report_is_as_shown() -> None:
    shown = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])  # type: ignore[index]

    report = Report.from_plain(shown)

    assert list(report.to_plain()) == list(shown)
    (line,) = report.lines
    assert isinstance(line, ReportLine)
    assert list(line.to_plain()) == list(shown["outcomes"][0])
    assert report.counts == shown["counts"]
    assert {f"`{result}`" for result in Result} - set(re.findall(r"`[a-z]+`", PAGE)) == set()
