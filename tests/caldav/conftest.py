"""Cyrus with Alice's connection to it, and a proxy in between that can misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import cyrus_server
import pytest
from caldav_proxy import Proxy
from cyrus_server import PASSWORD, Cyrus

_FIELDS = ("host", "login", "password")


@pytest.fixture(scope="session")
def running_cyrus() -> Iterator[Cyrus]:
    with cyrus_server.running() as cyrus:
        yield cyrus


@pytest.fixture(scope="session")
def running_proxy(running_cyrus: Cyrus) -> Iterator[Proxy]:
    with Proxy(running_cyrus.url) as proxy:
        yield proxy


@pytest.fixture
def proxy(running_proxy: Proxy) -> Iterator[Proxy]:
    running_proxy.faults()
    yield running_proxy
    running_proxy.faults()


@pytest.fixture
def cyrus(running_cyrus: Cyrus, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Cyrus:
    """A server, to which ``caldav_default`` is Alice's connection through the proxy."""
    set_connection(monkeypatch, "caldav_default", proxy.url)
    return running_cyrus


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Define a connection, and return its id."""

    def define(host: str, conn_id: str = "caldav_changed", **values: Any) -> str:
        return set_connection(monkeypatch, conn_id, host, **values)

    return define


def set_connection(monkeypatch: pytest.MonkeyPatch, conn_id: str, host: str, **values: Any) -> str:
    """Define Alice's connection but for some values; None takes one away."""
    connection: dict[str, Any] = {"conn_type": "caldav", "host": host, "login": "alice", "password": PASSWORD}
    for name, value in values.items():
        place = connection if name in _FIELDS else connection.setdefault("extra", {})
        place[name] = value
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return conn_id
