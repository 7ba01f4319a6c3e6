"""CalDAV in the fault matrix: Radicale behind a proxy that fails at every step, and what the organizer is mailed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex

from support import fault_matrix, radicale_server
from support.caldav_proxy import Proxy
from support.cyrus_server import ALICE, PASSWORD, partstats
from support.fault_matrix import Cell, Finding, Subject
from support.radicale_server import Radicale
from support.smtp_sink import SmtpSink

SUBJECT = Subject(
    "CalDAV by mail, accept",
    "caldav",
    "caldav_mail",
    "",
    "accepted",
    steps={
        "discover": {"operation": "discover"},
        "look": {"operation": "observe"},
        # A note in the event comes before the mail, and the status after it.
        "send": {"operation": "send"},
        "write": {"operation": "send", "skip": 1},
    },
)


@dataclass(frozen=True)
class Servers:
    radicale: Radicale
    proxy: Proxy
    sink: SmtpSink


@contextmanager
def running() -> Iterator[Servers]:
    """Start the servers, and define the connections to them for good."""
    with radicale_server.running() as radicale, Proxy(radicale.url) as proxy, SmtpSink() as sink:
        calendar = {
            "conn_type": "caldav",
            "host": proxy.url,
            "login": "alice",
            "password": PASSWORD,
            "extra": {"addresses": ALICE, "smtp_conn_id": "mail_server"},
        }
        extra = {"disable_ssl": True, "disable_tls": True, "timeout": 2, "retry_limit": 0}
        mail = {"conn_type": "smtp", "host": "127.0.0.1", "port": sink.port, "extra": extra}
        for conn_id, connection in {"caldav_mail": calendar, "mail_server": mail}.items():
            os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)
        yield Servers(radicale, proxy, sink)


def cells() -> list[Cell]:
    """All cells, but for a server that says "done" to a writing that it did not do: nothing can come of that."""
    untrue = ("no_effect", "malformed", "empty", "html")
    return [
        cell
        for cell in fault_matrix.cells([SUBJECT])
        if cell.step not in ("send", "write") or cell.rule["kind"] not in untrue or "when" in cell.rule
    ]


def examine(radicale: Radicale, proxy: Proxy, sink: SmtpSink, cell: Cell) -> Finding:
    """Run one cell."""
    uid = f"event-{token_hex(6)}"
    event_id = radicale.invite(uid)
    before = len(sink.letters)
    proxy.faults(cell.rule)
    reported, message, tries = fault_matrix.run(cell, event_id)
    struck = proxy.struck
    proxy.faults()
    (stands,) = partstats(radicale.get(uid), ALICE)
    return Finding(cell, len(sink.letters) - before, stands, reported, message, tries, struck)
