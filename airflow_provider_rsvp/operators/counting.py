"""Counting replies where Airflow sends its metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_rsvp.bulk import Report

try:
    from airflow.sdk.observability.stats import Stats
except ImportError:  # Airflow 3.1 has it here only
    from airflow.stats import Stats


def count_replies(report: Report, context: Context) -> None:
    """Add the outcomes of a report to the counters ``rsvp.replies.replied`` and so on, tagged with DAG and task."""
    tags = {"dag_id": context["ti"].dag_id, "task_id": context["ti"].task_id}
    for result, count in report.counts.items():
        if count:
            Stats.incr(f"rsvp.replies.{result}", count, tags=tags)
