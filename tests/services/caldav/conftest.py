"""Cyrus with Alice's connection to it, and a proxy in between that can misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import cyrus_server, radicale_server
from support.caldav_connections import MAIL_PASSWORD, set_connection, set_mail_connection
from support.caldav_proxy import Proxy
from support.cyrus_server import ALICE, Cyrus
from support.radicale_server import Radicale
from support.smtp_sink import SmtpSink


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "running_cyrus" in getattr(item, "fixturenames", ()):
            item.add_marker("cyrus")


@pytest.fixture(autouse=True)
def clock() -> None:
    """Time passes as it does: the servers are other processes."""


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


@pytest.fixture(scope="session")
def running_radicale() -> Iterator[Radicale]:
    with radicale_server.running() as radicale:
        yield radicale


@pytest.fixture(scope="session")
def radicale_proxy(running_radicale: Radicale) -> Iterator[Proxy]:
    with Proxy(running_radicale.url) as proxy:
        yield proxy


@pytest.fixture
def radicale(
    running_radicale: Radicale, radicale_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Radicale]:
    """A server without scheduling: ``caldav_plain`` has no mail connection, ``caldav_mail`` has one."""
    radicale_proxy.faults()
    set_connection(monkeypatch, "caldav_plain", radicale_proxy.url, addresses=ALICE)
    set_connection(
        monkeypatch, "caldav_mail", radicale_proxy.url, addresses=ALICE, smtp_conn_id="mail_server"
    )
    yield running_radicale
    radicale_proxy.faults()


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpSink]:
    """A mail server, to which ``mail_server`` is the connection."""
    with SmtpSink(MAIL_PASSWORD) as sink:
        set_mail_connection(monkeypatch, sink.port)
        yield sink


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Define a connection, and return its id."""

    def define(host: str, conn_id: str = "caldav_changed", **values: Any) -> str:
        return set_connection(monkeypatch, conn_id, host, **values)

    return define
