"""Ours: one task that sends all replies, each looked at before and read back after."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from benchmarks.child import serve
from benchmarks.contenders.replies import FIRST, offer_connections


class _Store:
    """Airflow's task state store: a file takes the place of the API server, so that what is noted is out of memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w")  # noqa: SIM115 - open as long as the process

    def get(self, key: str, default: Any = None) -> Any:
        """Return the default, as nothing is noted before a first try."""
        return default

    def set(self, key: str, value: Any) -> None:
        """Note a value."""
        self._file.write(json.dumps(value))
        self._file.flush()


def prepare(job: dict[str, Any]) -> Callable[[], Any]:
    """Return the task."""
    rates = job.get("rates")
    if rates:
        job["connections"][FIRST[job["service"]]]["extra"] |= rates
    offer_connections(job)
    import logging

    # What the task imports when it runs.
    import aiohttp  # noqa: F401
    import airflow.providers.http.hooks.http  # noqa: F401

    import airflow_provider_rsvp._tasks.memory
    import airflow_provider_rsvp._tasks.metrics
    import airflow_provider_rsvp._tasks.report_files
    import airflow_provider_rsvp.bulk
    import airflow_provider_rsvp.hooks.errors
    import airflow_provider_rsvp.preconditions  # noqa: F401
    from airflow_provider_rsvp.hooks.base import get_calendar_hook
    from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator

    logging.disable(logging.WARNING)
    get_calendar_hook(FIRST[job["service"]])
    operator = SendRepliesOperator(task_id="send", replies=job["plan"], max_replies=1_000_000)
    ti = SimpleNamespace(try_number=1, dag_id="bench", task_id="send", xcom_push=None)
    context: Any = {"ti": ti, "params": {}, "task_state_store": _Store()}
    profile = job.get("profile")

    def work() -> Any:
        if profile:
            import cProfile

            with cProfile.Profile() as profiler:
                report = operator.execute(context)
            profiler.dump_stats(profile)
        else:
            report = operator.execute(context)
        return report["counts"]

    return work


if __name__ == "__main__":
    serve(prepare)
