"""The side of a measurement that is measured: a process that gets ready, waits for the word, works, and tells."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MARK = "@measured "
"""Begins the lines that are for the parent; all else on the output is the contender's own."""


def serve(prepare: Callable[[dict[str, Any]], Callable[[], Any]]) -> None:
    """
    Do one job, which comes on the input.

    :param prepare: imports what it needs, and returns the work; only the work is measured
    """
    job = json.loads(sys.stdin.readline())
    work = prepare(job)
    _tell({"peak": _peak()})
    sys.stdin.readline()
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    _tell({"wall": wall, "cpu": cpu, "peak": _peak(), "result": result})


def _tell(values: dict[str, Any]) -> None:
    sys.stdout.write(f"\n{MARK}{json.dumps(values)}\n")
    sys.stdout.flush()


def _peak() -> float:
    """Return the most memory that the process held, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage tells on Linux includes the parent's, from before the program was started.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 / (1024 if sys.platform == "darwin" else 1)
