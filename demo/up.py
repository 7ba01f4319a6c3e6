"""``python -m demo.up``: Airflow with its UI and the example DAGs, and the sandbox, until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow_provider_rsvp.get_provider_info import get_provider_info
from airflow_provider_rsvp.sandbox import Sandbox
from demo.home import PROJECT, airflow, prepare, settings

HOME = PROJECT / ".airflow" / "up"
LOG = HOME / "up.log"
PLUGINS = PROJECT / "demo" / "plugins"
LOOPBACK = "127.0.0.1"
HEALTHY_WITHIN = 120.0
LAST_LINES = 25


def main() -> int:
    """Start both, and wait until they are told to stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        ui_port, sandbox_port = free_port("UI_PORT", 8080), free_port("SANDBOX_PORT", 8765)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    HOME.mkdir(parents=True, exist_ok=True)
    LOG.write_text("")
    ui = f"http://{LOOPBACK}:{ui_port}"
    try:
        with Sandbox(host=LOOPBACK, port=sandbox_port) as sandbox:
            print("Starting Airflow; this takes half a minute ...", flush=True)
            environment = settings(HOME, sandbox.url, {}) | ui_settings(ui_port)
            prepare(HOME, environment, LOG)
            keep_connections(sandbox.connections(), environment)
            with standalone(environment) as airflow_process:
                wait_until_healthy(ui, airflow_process)
                print(f"  Airflow:     {ui}  (no login needed)")
                print(f"  The sandbox: {sandbox.url}")
                print(f"  The log:     {LOG.relative_to(PROJECT)}")
                print("Trigger an example DAG, and see on the sandbox's page what the organizers receive.")
                print(
                    "Each new run gets new invitations. DAGs with a schedule are paused until you start them."
                )
                print("Ctrl-C ends both.", flush=True)
                airflow_process.wait()
                raise StartError("Airflow ended.")
    except KeyboardInterrupt:
        print("\nBoth have ended.")
        return 0
    except (StartError, OSError, subprocess.CalledProcessError) as error:
        print(f"{error}\nThe end of {LOG.relative_to(PROJECT)}:\n", file=sys.stderr)
        print("\n".join(LOG.read_text().splitlines()[-LAST_LINES:]), file=sys.stderr)
        return 1


class StartError(Exception):
    """Airflow did not start."""


def free_port(name: str, default: int) -> int:
    """
    Return the port that an environment variable names.

    :raises ValueError: it is not a port, or the port is in use
    """
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"{name}: {text!r} is no port.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, int(text)))
        except OSError:
            raise ValueError(
                f"Port {text} is taken. Choose another: make up {name}={int(text) + 1}"
            ) from None
    return int(text)


def ui_settings(port: int) -> dict[str, str]:
    """Return the settings that open Airflow's UI to anyone on this machine, and to nobody else."""
    return {
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(HOME / "logs"),
    }


def keep_connections(connections: Mapping[str, Mapping[str, Any]], environment: Mapping[str, str]) -> None:
    """Put the connections into the database, where the UI lists them."""
    file = HOME / "connections.json"
    file.write_text(json.dumps({conn_id: for_the_ui(each) for conn_id, each in connections.items()}))
    airflow(["connections", "import", "--overwrite", str(file)], environment, LOG)


def for_the_ui(connection: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a connection in the form that works best in the UI.

    The UI shows only the extra fields that the connection names. Up to Airflow 3.3.2 it reads a missing port as 0,
    and then refuses to test the connection because its address seems to have changed.
    """
    types = {each["connection-type"]: each for each in get_provider_info()["connection-types"]}
    fields = dict.fromkeys(types[connection["conn_type"]]["conn-fields"])
    return {"port": 0, **connection, "extra": json.dumps(fields | connection.get("extra", {}))}


@contextmanager
def standalone(environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``airflow standalone``, and stop it with all processes that it started."""
    with LOG.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(10)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue


def wait_until_healthy(ui: str, process: subprocess.Popen[bytes]) -> None:
    """
    Wait for the UI and the scheduler.

    :raises StartError: they did not start in time
    """
    end = time.monotonic() + HEALTHY_WITHIN
    while time.monotonic() < end:
        if process.poll() is not None:
            raise StartError("Airflow did not start.")
        try:
            with urllib.request.urlopen(f"{ui}/api/v2/monitor/health", timeout=5) as answer:
                if json.load(answer)["scheduler"]["status"] == "healthy":
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.5)
    raise StartError(f"Airflow is not there after {HEALTHY_WITHIN:.0f} seconds.")


if __name__ == "__main__":
    sys.exit(main())
