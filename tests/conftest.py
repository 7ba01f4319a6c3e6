"""
What all tests share: an Airflow home of their own, and a sandbox that is as new for every test.

The environment is set before Airflow is imported for the first time.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from support import airflow_home  # noqa: F401 - before anything imports Airflow
from support.clock import CLOCK, Policy
from support.stored_tokens import forget_stored_tokens

from airflow_provider_rsvp.redaction import forget_secrets
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.transport.tokens import forget_grants

# A machine that is busy for a moment fails no test. ``--hypothesis-profile new`` looks at new examples each time.
settings.register_profile("new", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("new"), derandomize=True)
settings.load_profile("same")

asyncio.set_event_loop_policy(Policy())

_FIELDS = ("conn_type", "host", "login", "password", "port", "schema", "extra")


_LONGEST = (
    "test_secrets.py",
    "notifications/test_deadline_alert.py",
    "bulk/test_proof.py",
    "replying/test_crash.py",
    "services/caldav/test_faults.py",
    "replying/test_simulation.py",
    "triggers/test_event_driven.py",
    "replying/test_fault_matrix.py",
    "operators/test_approve_replies.py",
    "docs/test_example_dags.py",
    "hostile/test_templates_running.py",
    "hostile/test_corpus.py",
    "hostile/test_hostile_responses.py",
)
"""They begin first, so that none is left to one worker at the end; of those with an Airflow, not all at once."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {Path(__file__).parent / name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    """Let the waits of event loops take no time; tests that wait for another process override it."""
    with CLOCK.control():
        yield


@pytest.fixture(autouse=True)
def no_secrets() -> None:
    """Blot no secret of another test out of what this one compares."""
    forget_secrets()


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(
    running_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Sandbox]:
    """A sandbox with fresh calendars, no faults, and Airflow connections to it in the environment."""
    if "database" in request.fixturenames:
        request.getfixturevalue("database")
        forget_stored_tokens()
    running_sandbox.faults([])
    running_sandbox.reset()
    forget_grants()
    for conn_id, connection in running_sandbox.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    yield running_sandbox
    running_sandbox.faults([])


@pytest.fixture
def connect(running_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Define a connection like one of the sandbox's but for some fields, and return its id.

    What is no field of a connection goes to the extra; None takes a field away.
    """

    def define(like: str, **changes: Any) -> str:
        connection = copy.deepcopy(running_sandbox.connections()[like])
        for name, value in changes.items():
            place = connection if name in _FIELDS else connection.setdefault("extra", {})
            place[name] = value
        return _set_connection(monkeypatch, connection)

    return define


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Define a connection of some type from nothing, and return its id."""

    def define(conn_type: str, **values: Any) -> str:
        fields = {name: values.pop(name) for name in tuple(values) if name in _FIELDS}
        return _set_connection(monkeypatch, {"conn_type": conn_type, **fields, "extra": values})

    return define


def _set_connection(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> str:
    monkeypatch.setenv("AIRFLOW_CONN_CHANGED", json.dumps(connection))
    return "changed"


@pytest.fixture(scope="session")
def database() -> None:
    """Airflow's own database, in the tests' Airflow home."""
    from airflow.utils.db import initdb

    initdb()
