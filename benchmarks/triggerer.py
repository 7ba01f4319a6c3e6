"""A triggerer of Airflow's own, with triggers that wait in it, and what it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

CONN_ID = "msgraph_calendar_default"
POLL = 30.0
"""Seconds between two looks."""
TICK = 0.02
"""Seconds after which the timer is to ring that shows how late the event loop is."""

_PROJECT = Path(__file__).resolve().parent.parent
_FERNET_KEY = "d2FpdGluZyBpbiBhIHRyaWdnZXJlciwgYSB0aG91cyE="
_CAPACITY = 2000
_PATIENCE = 180.0
_DAG_FILE = """
import json
from benchmarks.waiting import deferring, watching

given = json.loads({given!r})
watchers = watching({probe!r}, given["mailboxes"], given["share"])
if given["events"]:
    sensors = deferring(given["events"])
"""


@dataclass(frozen=True)
class Waiting:
    """
    What waits.

    :param mailboxes: whose new invitations are waited for
    :param share: how many watchers each of them has
    :param events: the events whose answers are waited for, as arguments of the sensor
    """

    mailboxes: Sequence[str] = ()
    share: int = 0
    events: Sequence[Mapping[str, str]] = ()

    @property
    def triggers(self) -> int:
        """How many triggers that makes."""
        return len(self.mailboxes) * self.share + len(self.events)


@dataclass(frozen=True)
class Process:
    """
    What one process took.

    :param cpu: seconds so far
    :param resident: MiB now
    """

    cpu: float
    resident: float


def make(home: Path, connections: Mapping[str, Any]) -> None:
    """
    Make an Airflow that has no triggers.

    :param home: a folder that is not there yet
    :param connections: by connection id; kept in Airflow's database
    """
    (home / "dags").mkdir(parents=True)
    _run(home, "airflow", "db", "migrate")
    given = home / "connections.json"
    given.write_text(json.dumps(connections))
    _run(home, "airflow", "connections", "import", str(given))


def fill(home: Path, waiting: Waiting) -> None:
    """Give it triggers: the watchers as Airflow itself makes them of a DAG file, and sensors that were deferred."""
    given = {"mailboxes": waiting.mailboxes, "share": waiting.share, "events": waiting.events}
    text = _DAG_FILE.format(given=json.dumps(given), probe=str(_probe(home)))
    (home / "dags" / "waiting.py").write_text(text)
    _run(home, "airflow", "dags", "reserialize")
    if waiting.events:
        events = home / "events.json"
        events.write_text(json.dumps(waiting.events))
        _run(home, "benchmarks.waiting", str(events))


class Triggerer:
    """A triggerer that runs; what it takes is told by a probe in its event loop, and by the system."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes]) -> None:
        self._home = home
        self._process = process

    def wait_for(self, triggers: int) -> None:
        """Wait until so many run."""
        deadline = time.monotonic() + _PATIENCE
        while not any(line["beside"] >= triggers for line in self._lines()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The triggers do not run: {self.log()[-4000:]}")
            time.sleep(0.5)

    def lags(self) -> list[float]:
        """Return the seconds by which each timer rang late in the event loop so far."""
        return [lag for line in self._lines() for lag in line["lags"]]

    def runner(self) -> Process:
        """Return what the process took that runs the triggers."""
        return _taken(self._lines()[-1]["runner"])

    def supervisor(self) -> Process:
        """Return what the process took that speaks with the database for it."""
        return _taken(self._lines()[-1]["supervisor"])

    def log(self) -> str:
        """Return all that it wrote."""
        return _log(self._home).read_text(errors="replace")

    def _lines(self) -> list[dict[str, Any]]:
        probe = _probe(self._home)
        return [json.loads(line) for line in probe.read_text().splitlines()] if probe.exists() else []


@contextmanager
def running(home: Path) -> Iterator[Triggerer]:
    """Run its triggerer until the block ends."""
    with _log(home).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "triggerer", "--capacity", str(_CAPACITY), "--skip-serve-logs"],
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Triggerer(home, process)
        finally:
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            for each in (process, *children):
                each.kill()
            process.wait()


def _run(home: Path, module: str, *arguments: str) -> None:
    with _log(home).open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=True,
        )


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_PROJECT), kept.get("PYTHONPATH")])),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": _FERNET_KEY,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _probe(home: Path) -> Path:
    return home / "probe.jsonl"


def _log(home: Path) -> Path:
    return home / "airflow.log"


def _taken(pid: int) -> Process:
    process = psutil.Process(pid)
    cpu = process.cpu_times()
    return Process(cpu.user + cpu.system, process.memory_info().rss / 1024 / 1024)
