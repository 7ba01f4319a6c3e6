"""What measures a triggerer from within: a trigger that waits beside the others."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from benchmarks.triggerer import TICK

_WRITTEN_EVERY = 0.5
_TRIGGER = re.compile(r"\bID \d+\)?$")


class Probe(BaseEventTrigger):
    """
    Writes down how late its timer rings, and how many triggers run beside it.

    :param path: the file that is written, a line of JSON twice a second
    """

    def __init__(self, path: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.path = path

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"path": self.path}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Measure until the triggerer ends; yields nothing."""
        with Path(self.path).open("a", buffering=1) as file:  # noqa: ASYNC230 - a line is in the buffer at once
            while True:
                lags, written = [], time.monotonic()
                while (begun := time.monotonic()) < written + _WRITTEN_EVERY:
                    await asyncio.sleep(TICK)
                    lags.append(time.monotonic() - begun - TICK)
                line = {
                    "at": time.time(),
                    "lags": lags,
                    "beside": _running() - 1,
                    "runner": os.getpid(),
                    "supervisor": os.getppid(),
                }
                file.write(json.dumps(line) + "\n")
        yield


def _running() -> int:
    """Return how many triggers run in this event loop; Airflow ends the name of a trigger's task with its number."""
    return sum(_TRIGGER.search(task.get_name()) is not None for task in asyncio.all_tasks())
