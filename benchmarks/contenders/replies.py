"""What the contenders are given: the sandbox's connections, and a plan of the replies."""

from __future__ import annotations

import json
import os
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

FIRST = {"graph": "msgraph_calendar_default", "bitrix24": "bitrix24_bulk_1", "cronofy": "cronofy_bulk_1"}
"""The connection that the replies of each service are sent on."""


@dataclass(frozen=True)
class Target:
    """An invitation that is to be accepted; the times are UTC, in ISO 8601."""

    event_id: str
    mailbox: str | None
    calendar_id: str | None
    start: str
    end: str


def targets(job: dict[str, Any]) -> list[Target]:
    """Return the invitations that a job is about."""
    return [
        Target(*(line["invitation"][name] for name in ("event_id", "mailbox", "calendar_id", "start", "end")))
        for line in job["plan"]["decisions"]
        if line["reply"]
    ]


def connection(job: dict[str, Any]) -> dict[str, Any]:
    """Return the connection to the job's service."""
    found: dict[str, Any] = job["connections"][FIRST[job["service"]]]
    return found


def webhook(job: dict[str, Any]) -> str:
    """Return the address of the Bitrix24 webhook."""
    given = connection(job)
    return f"{given['host']}/rest/{given['login']}/{given['password']}/"


def token_form(given: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return where an application gets its token for Graph, and the form to post there."""
    form = {
        "grant_type": "client_credentials",
        "client_id": given["login"],
        "client_secret": given["password"],
        "scope": f"{given['host']}/.default",
    }
    return f"{given['host']}/{given['extra']['tenant_id']}/oauth2/v2.0/token", form


def graph_token(job: dict[str, Any]) -> str:
    """Get a token for Graph."""
    url, form = token_form(connection(job))
    with urllib.request.urlopen(url, data=urllib.parse.urlencode(form).encode(), timeout=30) as answer:
        token: str = json.load(answer)["access_token"]
        return token


def offer_connections(job: dict[str, Any]) -> None:
    """Let Airflow know the connections, before it is imported."""
    for conn_id, given in job["connections"].items():
        os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(given)


def check(done: bool, what: str) -> None:
    """End with an error if something was not done."""
    if not done:
        raise RuntimeError(f"{what}: not done.")
