"""An Airflow that lives in one folder: its settings, and its database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from demo.invitations import SANDBOX

PROJECT = Path(__file__).resolve().parent.parent
EXAMPLES = PROJECT / "example_dags"
ON_A_REAL_SERVER = frozenset({"rsvp_caldav"})
"""The examples for which there is nothing in the sandbox."""

POOLS = {
    "rsvp_msgraph": {"slots": 4, "description": "Replies to Microsoft Graph that may be under way at once"},
    "rsvp_department": {"slots": 2, "description": "Calendars of the department that are read at once"},
}
"""The pools that the examples use, as ``airflow pools import`` takes them."""


def settings(home: Path, sandbox: str, connections: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """
    Return the environment of an Airflow in ``home`` that has the example DAGs and these connections.

    :param sandbox: the address of the sandbox, which makes new invitations for each run
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    return {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), kept.get("PYTHONPATH")])),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database(home)}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        SANDBOX: sandbox,
        **{f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(each) for conn_id, each in connections.items()},
    }


def database(home: Path) -> Path:
    """Return the path of the database; each version of Airflow has its own."""
    return home / f"airflow-{version('apache-airflow')}.db"


def prepare(home: Path, environment: Mapping[str, str], log: Path) -> bool:
    """
    Create the database, unless it exists.

    :return: whether it was created
    :raises subprocess.CalledProcessError: Airflow failed
    """
    home.mkdir(parents=True, exist_ok=True)
    pools = json.dumps({name: {**pool, "include_deferred": False} for name, pool in POOLS.items()})
    made = database(home).with_suffix(".made")
    if database(home).exists() and made.exists() and made.read_text() == pools:
        return False
    database(home).unlink(missing_ok=True)
    airflow(["db", "migrate"], environment, log)
    file = home / "pools.json"
    file.write_text(pools)
    airflow(["pools", "import", str(file)], environment, log)
    made.write_text(pools)
    return True


def airflow(arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
    """
    Run an ``airflow`` command, and append its output to the log.

    :raises subprocess.CalledProcessError: it failed
    """
    with log.open("a") as output:
        subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=True,
        )
