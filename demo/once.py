"""Running a DAG once, without a scheduler."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.models import DagRun
    from airflow.sdk import DAG


def run_once(dag: DAG, **options: Any) -> DagRun:
    """
    Run a DAG with ``dag.test()``.

    Airflow 3.1 builds its API for each task, which takes a second; later versions build it once, and so does this.
    """
    from airflow.sdk.execution_time import supervisor

    if not hasattr(supervisor.in_process_api_server, "cache_info"):
        supervisor.in_process_api_server = functools.lru_cache(maxsize=1)(supervisor.in_process_api_server)
    return dag.test(**options)
