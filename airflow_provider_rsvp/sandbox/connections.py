"""Airflow connections to the sandbox, as dicts and as lines for a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping

from airflow_provider_rsvp.sandbox.wire import Service


def connections(services: Iterable[Service], origin: str) -> dict[str, dict[str, object]]:
    """All connections that the services offer, by connection id."""
    return {
        conn_id: connection
        for service in services
        for conn_id, connection in service.connections(origin).items()
    }


def export_line(conn_id: str, connection: Mapping[str, object]) -> str:
    """Write a line for a shell that defines the connection for Airflow."""
    return f"export AIRFLOW_CONN_{conn_id.upper()}={shlex.quote(json.dumps(connection))}"
