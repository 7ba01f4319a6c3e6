"""Hostile responses of every service, to listing, to sending and to asking for a token."""

from __future__ import annotations

import http.server
import json
import threading
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
from aiohttp import web
from hostile.corpus.evidence import Evidence, logged, secrets_of
from hostile.corpus.responses import RESPONSES, Asked, HostileResponse
from hostile.corpus.verdicts import Hung, at_most
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import RsvpError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply
from airflow_provider_rsvp.replying import ReplyOptions
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.sandbox.wire import Call
from airflow_provider_rsvp.services import wire
from airflow_provider_rsvp.transport.tokens import forget_grants

pytestmark = [pytest.mark.any_airflow, pytest.mark.slow]

OPERATIONS = ("list", "send", "token")
TIMEOUTS = {"request_timeout": 1.0, "throttle_timeout": 0.5}
OPTIONS = ReplyOptions(settle_timeout=0.2)
MOST_PAGES = 40
"""In place of the thousand that a listing may have, which take their time."""
MOST_SECONDS, MOST_REQUESTS, MOST_MEGABYTES = 15.0, 60, 100
"""What one operation may take of each, whatever the service sends; timeouts and a fair number of pages included."""


class HostileSandbox(Sandbox):
    """The sandbox, with hostile responses to some requests; it counts what came in."""

    def __init__(self, evil: str) -> None:
        super().__init__(limits=False, cronofy_settle=0.0)
        self.evil = evil
        self.case: HostileResponse | None = None
        self.operation = ""
        self.asked = 0
        self._serve_well = self._server._serve
        self._server._serve = self._serve  # type: ignore[method-assign]

    def respond(self, case: HostileResponse | None, operation: str) -> None:
        self.case, self.operation, self.asked = case, operation, 0

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        service = request.match_info["service"]
        body = await request.read()
        call = Call(
            service,
            request.method,
            "",
            request.rel_url.raw_path.removeprefix(f"/{service}"),
            request.query,
            request.headers,
            body,
        )
        self._server.state.services[service].label(call)
        wanted = {"send": ("send", "batch"), "list": ("list", "observe", "batch")}.get(
            self.operation, (self.operation,)
        )
        if self.case is None or not set(call.operations) & set(wanted):
            return await self._serve_well(request)
        if self.operation == "send" and b"set" not in body and "list" in call.operations:
            return await self._serve_well(request)
        real = None
        if self.case.needs_real:
            response = await self._serve_well(request)
            assert isinstance(response, web.Response)
            real = json.loads(response.body) if isinstance(response.body, bytes) else None
        asked = Asked(service, self.operation, request, body, self.asked, self.evil, real)
        self.asked += 1
        made = self.case.make(asked)
        found: web.StreamResponse = await made if hasattr(made, "__await__") else made
        return found


@dataclass
class Elsewhere:
    url: str
    requests: list[str]


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    """Another server, which nothing may reach."""
    requests: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(f"{self.command} {self.path}\n{self.headers}")
            self.send_response(200)
            self.end_headers()

        do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Elsewhere(f"http://127.0.0.1:{server.server_port}", requests)
    server.shutdown()


@pytest.fixture(scope="module")
def sandbox(elsewhere: Elsewhere) -> Iterator[HostileSandbox]:
    with HostileSandbox(elsewhere.url) as running:
        yield running


def _operate(conn_id: str, operation: str, event: dict[str, Any], evidence: Evidence) -> None:
    with get_calendar_hook(conn_id, **TIMEOUTS) as hook:
        if operation in ("list", "token"):
            for each in hook.list_invitations("now", "+30d"):
                evidence.xcom(each.to_plain())
        else:
            outcome = hook.set_participation_status(
                EventReference(**event), Reply(status=ParticipationStatus.ACCEPTED), options=OPTIONS
            )
            evidence.xcom(outcome.to_plain())
            evidence.log(outcome.describe())


def _judged(
    case: HostileResponse, service: str, operation: str, sandbox: HostileSandbox, elsewhere: Elsewhere
) -> str | None:
    """Return what went wrong, or None."""
    sandbox.respond(None, "")
    sandbox.reset()
    forget_grants()
    elsewhere.requests.clear()
    conn_id = SERVICES[service].asking if operation == "token" else SERVICES[service].static
    connection = sandbox.connections()[conn_id]
    row = next(row for row in sandbox.invitations() if row["service"] == service and row["slug"] == "release")
    event = {"event_id": str(row["event_id"])}
    if service == "cronofy":
        event["calendar_id"] = str(row["calendar_id"])
    evidence = Evidence(secrets_of(dict(connection)), {"127.0.0.1"})
    sandbox.respond(case, operation)
    before = len(sandbox.mail())
    tracemalloc.start(1)
    begun = time.monotonic()
    try:
        with at_most(MOST_SECONDS), logged(evidence), mock.patch.object(wire, "MOST_PAGES", MOST_PAGES):
            _operate(conn_id, operation, event, evidence)
    except RsvpError as error:
        evidence.error(error)
    except Hung as error:
        return f"hung: {error}, after {sandbox.asked} requests"
    except Exception as error:
        evidence.error(error)
        return f"crashed: {type(error).__name__}: {ascii(str(error))[:200]}; leaked: {evidence.leaked[:1]}"
    finally:
        megabytes = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        sandbox.respond(None, "")
    seconds = time.monotonic() - begun
    if evidence.leaked:
        return f"leaked: {evidence.leaked[0]}"
    if elsewhere.requests:
        return f"leaked: another host was asked: {elsewhere.requests[0][:200]!r}"
    if evidence.misled:
        return f"misled: {evidence.misled[0]}"
    if sandbox.asked > MOST_REQUESTS:
        return f"hung: {sandbox.asked} requests in {seconds:.1f} s"
    if megabytes > MOST_MEGABYTES:
        return f"hung: {megabytes:.0f} MB"
    if len(sandbox.mail()) - before > 1:
        return "mailed twice"
    return None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_no_response_hangs_leaks_misleads_or_crashes(
    service: str,
    operation: str,
    sandbox: HostileSandbox,
    elsewhere: Elsewhere,
    monkeypatch: pytest.MonkeyPatch,
    database: None,
) -> None:
    monkeypatch.setattr("airflow_provider_rsvp.transport.tokens.WAIT_FOR_OTHER_WORKER", (0.01,))
    for conn_id, connection in sandbox.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    found: dict[str, list[str]] = defaultdict(list)
    for case in RESPONSES:
        if operation in case.operations and (not case.services or service in case.services):
            wrong = _judged(case, service, operation, sandbox, elsewhere)
            if wrong is not None:
                found[wrong].append(case.name)
    table = "\n".join(f"{', '.join(cases)}: {wrong}" for wrong, cases in sorted(found.items()))
    assert not found, f"{service}, {operation}:\n{table}"
