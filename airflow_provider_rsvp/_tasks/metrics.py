"""Counts replies in Airflow's metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_rsvp.plans import ReportLine

try:
    from airflow.sdk.observability.stats import Stats
except ImportError:  # Airflow 3.1 has it here only
    from airflow.stats import Stats


def count_replies(lines: Iterable[ReportLine], context: Context) -> None:
    """Add the outcomes of this try to the counters ``rsvp.replies.replied`` and so on, tagged with DAG and task."""
    tags = {"dag_id": context["ti"].dag_id, "task_id": context["ti"].task_id}
    for result, count in Counter(each.outcome.result for each in lines if not each.earlier).items():
        Stats.incr(f"rsvp.replies.{result}", count, tags=tags)
