"""A running Airflow: scheduler, DAG processor, API server and triggerer, each a process of its own."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import psutil


@dataclass(frozen=True)
class TaskInstance:
    task_id: str
    state: str | None
    try_number: int


class ServerError(Exception):
    """Airflow's API server failed."""


class RunningAirflow:
    """What a test may ask of it; answers come from its database."""

    def __init__(self, home: Path, address: str, env: Mapping[str, str], log: IO[bytes]) -> None:
        self.home = home
        self.address = address
        self._env = env
        self._log = log
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start one of Airflow's parts."""
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", *command],
            env=dict(self._env),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def kill(self, part: str) -> None:
        """Kill one of this Airflow's parts, all its processes, with SIGKILL."""
        processes = [
            process
            for process in psutil.process_iter(["cmdline", "environ"])
            if part in " ".join(process.info["cmdline"] or ())
            and (process.info["environ"] or {}).get("AIRFLOW_HOME") == str(self.home)
        ]
        assert processes, f"There is no {part}."
        _kill(processes)

    def end(self) -> None:
        """Kill all of it; what is in its folder is not needed any more."""
        # By their session: those that give themselves a title have no environment to be known by.
        sessions = {process.pid for process in self._started}
        _kill([process for process in psutil.process_iter() if _session(process) in sessions])
        for process in self._started:
            process.wait()

    def asset_events(self) -> list[dict[str, Any]]:
        """What triggers fired, in their order."""
        rows = self._rows("select extra from asset_event order by id")
        return [json.loads(extra)["payload"] for (extra,) in rows]

    def runs(self, dag_id: str) -> list[str]:
        """The states of a DAG's runs."""
        return [state for (state,) in self._rows("select state from dag_run where dag_id = ?", dag_id)]

    def wait_until_ready(self, dags: int, seconds: float = 120) -> None:
        """Wait until Airflow has found this many DAGs and answers requests."""
        wait_until(
            lambda: len(self._rows("select dag_id from serialized_dag")) >= dags and self._answers(),
            seconds=seconds,
            what=lambda: f"{dags} DAGs are known. {self.log()}",
        )

    def unpause_all(self) -> None:
        """Let all DAGs run by their schedules."""
        self._ask("PATCH", "/api/v2/dags?dag_id_pattern=%25&limit=100", {"is_paused": False})

    def trigger(self, dag_id: str, **conf: Any) -> None:
        """Start a run, as the UI does."""
        # With an id of ours, so that it can be asked for again and is one run all the same.
        body = {"logical_date": None, "dag_run_id": f"manual__{uuid4()}", "conf": conf}
        self._ask_once("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)

    def store_connection(self, conn_id: str, connection: Mapping[str, Any]) -> None:
        """Keep a connection in the database, as the UI does."""
        extra = json.dumps(connection.get("extra") or {})
        self._ask("POST", "/api/v2/connections", {**connection, "connection_id": conn_id, "extra": extra})

    def deadline_callbacks(self, dag_id: str) -> list[str]:
        """The states of the callbacks of the deadlines that the DAG's runs have missed, the oldest first."""
        runs = "from deadline join dag_run on dag_run.id = deadline.dagrun_id"
        where = "where dag_run.dag_id = ? order by dag_run.id"
        # Airflow before 3.2 has no table of callbacks.
        rows = self._rows(
            f"select callback.state {runs} join callback on callback.id = deadline.callback_id {where}",
            dag_id,
        ) or self._rows(f"select deadline.callback_state {runs} {where}", dag_id)
        return [state for (state,) in rows]

    def question(self, dag_id: str, task_id: str) -> dict[str, Any]:
        """What a task of the DAG's only run asks a person, as the UI reads it; empty if it asks nothing yet."""
        try:
            return self._ask("GET", self._question_path(dag_id, task_id))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return {}

    def waits_for_a_person(self, dag_id: str, task_id: str, *, times: int = 1) -> bool:
        """Whether a task asks a person for the so-many-th time, and the scheduler has seen its process end."""
        # An answer that comes before that makes Airflow fail the task: "finished with state success, but the task
        # instance's state attribute is queued". No person is so quick.
        log = self.whole_log()
        seen = log.count(f"TaskInstance Finished: dag_id={dag_id}, task_id={task_id},") >= times
        return seen and bool(self.question(dag_id, task_id))

    def clear(self, dag_id: str, *task_ids: str) -> None:
        """Clear tasks of the DAG's only run, as the UI does, and none that come after them."""
        body = {
            "dry_run": False,
            "only_failed": False,
            "task_ids": list(task_ids),
            "dag_run_id": self._run(dag_id),
        }
        self._ask("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", body)

    def answer(self, dag_id: str, task_id: str, option: str, **entered: str) -> None:
        """Answer the question of a task, as the UI does: with all fields of its form, the hidden ones too."""
        form = self.question(dag_id, task_id)["params"]
        filled = {name: field["value"] for name, field in form.items()} | entered
        body = {"chosen_options": [option], "params_input": filled}
        self._ask_once("PATCH", self._question_path(dag_id, task_id), body)

    def task_instances(self) -> dict[tuple[str, str], TaskInstance]:
        """The task instances by DAG id and task id."""
        rows = self._rows("select dag_id, task_id, state, try_number from task_instance")
        return {(dag, task): TaskInstance(task, state, number) for dag, task, state, number in rows}

    def map_names(self, dag_id: str, task_id: str) -> list[str]:
        """What the UI calls the instances of a mapped task."""
        rows = self._rows(
            "select rendered_map_index from task_instance where dag_id = ? and task_id = ? and map_index >= 0",
            dag_id,
            task_id,
        )
        return [name for (name,) in rows]

    def returned(self, dag_id: str, task_id: str) -> Any:
        """What a task gave to XCom."""
        rows = self._rows(
            "select value from xcom where key = 'return_value' and dag_id = ? and task_id = ?",
            dag_id,
            task_id,
        )
        return json.loads(rows[0][0]) if rows else None

    def log(self) -> str:
        """The end of what Airflow's processes wrote."""
        return self.whole_log()[-4000:]

    def whole_log(self) -> str:
        """What Airflow's processes wrote."""
        return (self.home / "standalone.log").read_text(errors="replace")

    def task_logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in (self.home / "logs").rglob("*.log"))

    def task_log(self, dag_id: str, task_id: str) -> str:
        """What a task of a DAG wrote, in all its tries."""
        paths = (self.home / "logs").glob(f"dag_id={dag_id}/run_id=*/task_id={task_id}/*.log")
        return "\n".join(path.read_text(errors="replace") for path in sorted(paths))

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/api/v2/version", timeout=5):
                return True
        except OSError:
            return False

    def _question_path(self, dag_id: str, task_id: str) -> str:
        run_id = urllib.parse.quote(self._run(dag_id), safe="")
        return f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"

    def _run(self, dag_id: str) -> str:
        rows = self._rows("select run_id from dag_run where dag_id = ?", dag_id)
        return rows[0][0] if rows else "none"

    def _ask_once(self, method: str, path: str, body: dict[str, Any]) -> None:
        """Ask for what can be done once; an earlier try may have done it, whose answer was late."""
        try:
            self._ask(method, path, body)
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        token = self._request("GET", "/auth/token", {})["access_token"]
        # On SQLite, Airflow answers 500 now and then: a request that writes from the API server's event loop waits
        # for another's lock, whose commit waits for the event loop, until SQLite gives up after 5 s.
        for _ in range(4):
            with suppress(ServerError, TimeoutError):
                return self._request(method, path, {"Authorization": f"Bearer {token}"}, body)
        return self._request(method, path, {"Authorization": f"Bearer {token}"}, body)

    def _request(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        request = urllib.request.Request(
            self.address + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                result: dict[str, Any] = json.load(answer)
                return result
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise
            raise ServerError(
                f"{method} {path}: {error.read().decode(errors='replace')}\n{self.log()}"
            ) from None

    def _rows(self, query: str, *values: str) -> list[Any]:
        try:
            with closing(
                sqlite3.connect(f"file:{self.home}/airflow.db?mode=ro", uri=True, timeout=10)
            ) as base:
                return base.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            # The database is not there yet, or busy for a moment.
            return []


@contextmanager
def running_airflow(home: Path, dags: Mapping[str, str], env: Mapping[str, str]) -> Iterator[RunningAirflow]:
    """
    Run Airflow with some DAG files until the block ends.

    :param dags: the text of each DAG file, by its name
    """
    folder = home / "dags"
    folder.mkdir(parents=True)
    for name, text in dags.items():
        (folder / name).write_text(text)
    api, worker_log, trigger_log = (_free_port() for _ in range(3))
    settings = {
        # Airflow starts its parts by the name of its command.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{api}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(api),
        "AIRFLOW__API__BASE_URL": f"http://localhost:{api}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_log),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_log),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    }
    whole = {**os.environ, **settings, **env}
    with open(home / "standalone.log", "wb") as log:
        running = RunningAirflow(home, f"http://localhost:{api}", whole, log)
        running.start("standalone")
        try:
            yield running
        finally:
            running.end()


def wait_until(done: Callable[[], bool], *, seconds: float, what: Callable[[], str]) -> None:
    """Look again and again until something is so, or fail with a description after a generous time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"It did not come about within {seconds:g} s: {what()}")
        time.sleep(0.2)


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return None


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=20)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
