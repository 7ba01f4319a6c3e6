"""Importing one module, or parsing one DAG file, as Airflow's DAG processor does it in a fresh process."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from benchmarks.child import serve


def prepare(job: dict[str, Any]) -> Callable[[], Any]:
    """Return the import; Airflow's own settings and ``DAG`` are there already."""
    from airflow.sdk import DAG

    DAG("imported", schedule=None)

    def work() -> None:
        for name in job["modules"]:
            importlib.import_module(name)
        if "file" in job:
            exec(compile(job["file"], "dag.py", "exec"), {"__name__": "dag"})

    return work


if __name__ == "__main__":
    serve(prepare)
