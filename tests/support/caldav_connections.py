"""Connections to the servers that the tests of CalDAV start."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.cyrus_server import PASSWORD

MAIL_PASSWORD = "sandbox-mail-9Xw4"
_FIELDS = ("host", "login", "password")


def set_connection(monkeypatch: pytest.MonkeyPatch, conn_id: str, host: str, **values: Any) -> str:
    """Define Alice's connection but for some values; None takes one away."""
    connection: dict[str, Any] = {"conn_type": "caldav", "host": host, "login": "alice", "password": PASSWORD}
    for name, value in values.items():
        place = connection if name in _FIELDS else connection.setdefault("extra", {})
        place[name] = value
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return conn_id


def set_mail_connection(monkeypatch: pytest.MonkeyPatch, port: int, password: str = MAIL_PASSWORD) -> None:
    """Define ``mail_server``."""
    extra = {"disable_ssl": True, "disable_tls": True, "timeout": 2, "retry_limit": 0}
    connection = {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "login": "mailer",
        "password": password,
        "extra": extra,
    }
    monkeypatch.setenv("AIRFLOW_CONN_MAIL_SERVER", json.dumps(connection))
