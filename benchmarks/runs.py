"""Running one contender in a fresh process, and what was measured of it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.child import MARK

_TIMEOUT = 300.0


@dataclass(frozen=True)
class Run:
    """
    One run of one contender.

    :param wall: seconds
    :param cpu: seconds of the contender's own process
    :param peak: the most memory of its process, in MiB
    :param before: the same, when it was ready and had not begun
    :param result: what the contender tells of its work
    """

    wall: float
    cpu: float
    peak: float
    before: float
    result: Any = None


class ContenderError(Exception):
    """A contender did not do its job; the text is the end of what it wrote."""


def run(module: str, job: dict[str, Any], ready: Callable[[], None] | None = None) -> Run:
    """
    Run a contender.

    :param module: below :mod:`benchmarks`
    :param ready: called when it is ready, right before it begins
    :raises ContenderError: it failed
    """
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", f"benchmarks.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            before = _told(process)
            if before is not None:
                if ready is not None:
                    ready()
                process.stdin.write("go\n")
                process.stdin.flush()
                told = _told(process)
                process.wait(_TIMEOUT)
                if told is not None:
                    return Run(told["wall"], told["cpu"], told["peak"], before["peak"], told["result"])
        finally:
            process.kill()
            process.communicate()
        errors.seek(0)
        raise ContenderError(f"{module} failed:\n{errors.read()[-3000:]}")


def _told(process: subprocess.Popen[str]) -> dict[str, Any] | None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(MARK):
            found: dict[str, Any] = json.loads(line.removeprefix(MARK))
            return found
    return None
