"""
No secret of any connection, given or obtained at run time, shows anywhere.

The secrets of the sandbox's connections are the canaries. Everything that a task says or leaves behind is
searched for them, under every fault at every step, with the logs at DEBUG and before Airflow masks anything.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus

import pendulum
import pytest
from airflow.sdk import DAG
from support.bulk import Task
from support.certificates import key_and_certificate
from support.dagruns import run
from support.services import SERVICES, TOKEN_FIELDS
from support.state_store import StateStore

from airflow_provider_rsvp.hooks.base import CalendarHook, get_calendar_hook
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.plans import Report
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.transport import tokens

SECRET_EXTRAS = {name for each in SERVICES.values() for name in each.secret_extras}
WITH_TOKENS = (*TOKEN_FIELDS, "msgraph_calendar_certificate")
CONNECTIONS = {conn_id: each.name for each in SERVICES.values() for conn_id in each.credentials}
FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": status, "times": None} for status in (400, 401, 403, 404, 409, 429, 500, 503)
] + [
    {"kind": kind, "times": None}
    for kind in ("cut", "malformed", "truncated", "empty", "html", "redirect", "hang", "no_effect")
]

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.slow]


class Ear(logging.Handler):
    """Hears every record, before any mask."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())
        if record.exc_info:
            self.heard += traceback.format_exception(*record.exc_info)


@pytest.fixture
def ear() -> Iterator[Ear]:
    handler, root = Ear(), logging.getLogger()
    level = root.level
    ours = logging.getLogger("airflow_provider_rsvp")
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    yield handler
    ours.setLevel(logging.NOTSET)
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def canaries(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every secret of the sandbox's connections, of one with a whole webhook address, and of a certificate."""
    connections = sandbox.connections()
    webhook = connections["bitrix24_default"]
    address = f"{webhook['host']}/rest/{webhook['login']}/{webhook['password']}/"
    monkeypatch.setenv(
        "AIRFLOW_CONN_BITRIX24_ADDRESS", json.dumps({"conn_type": "bitrix24", "password": address})
    )
    passphrase = token_hex(16)
    key, certificate = key_and_certificate(passphrase)
    certified: Any = copy.deepcopy(connections["msgraph_calendar_default"])
    del certified["password"]
    certified["extra"] |= {
        "private_key": key,
        "private_key_passphrase": passphrase,
        "certificate": certificate,
    }
    monkeypatch.setenv("AIRFLOW_CONN_MSGRAPH_CALENDAR_CERTIFICATE", json.dumps(certified))
    secrets = {
        str(connection["password"]) for connection in connections.values() if connection.get("password")
    }
    for connection in connections.values():
        extra: Any = connection.get("extra") or {}
        secrets |= {str(extra[name]) for name in SECRET_EXTRAS if extra.get(name)}
    delegated: Any = connections["google_calendar_default"]["extra"]
    key_file = json.loads(delegated["service_account_key"])
    # Of the keys each line, as no text would show one as a whole.
    lines = (key + key_file["private_key"]).splitlines()
    return secrets | {passphrase} | {line for line in lines if not line.startswith("-----")}


def test_one_that_a_service_spells_otherwise_does_not_show(sandbox: Sandbox, connect: Any, ear: Ear) -> None:
    conn_id = connect("msgraph_calendar_static", access_token="tok/en-0123")
    body = r'{"error":{"code":"ErrorOther","message":"refused: tok\/en-0123"}}'
    sandbox.faults([{"service": "graph", "kind": "status", "status": 400, "body": body, "times": None}])
    said = _reply(sandbox, conn_id, "graph")
    assert "refused: ***" in said[0]
    _search({"tok/en-0123"}, ear.heard + said)


@pytest.mark.parametrize("conn_id", CONNECTIONS)
def test_nothing_shows_under_any_fault(
    sandbox: Sandbox, canaries: set[str], ear: Ear, conn_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "WAIT_FOR_OTHER_WORKER", (0.01,))
    service = CONNECTIONS[conn_id]
    operations = (*SERVICES[service].operations, *(["token"] if conn_id in WITH_TOKENS else []))
    said: list[str] = []
    for fault in FAULTS:
        for operation in operations:
            sandbox.reset()
            tokens.forget_grants()
            sandbox.faults([{**fault, "service": service, "operation": operation, "seconds": 0.5}])
            said += _reply(sandbox, conn_id, service)
            said.append(
                get_calendar_hook(conn_id, request_timeout=0.2, throttle_timeout=0.0).test_connection()[1]
            )
            canaries |= _obtained()

    _search(canaries, ear.heard + said)


@pytest.mark.any_airflow
@pytest.mark.parametrize("conn_id", ["cronofy_refresh", "bitrix24_default", "msgraph_calendar_default"])
def test_nothing_shows_of_many_replies(
    sandbox: Sandbox, canaries: set[str], ear: Ear, conn_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "WAIT_FOR_OTHER_WORKER", (0.01,))
    said: list[str] = []
    for fault in FAULTS:
        for operation in ("send", "batch", "list"):
            sandbox.reset()
            tokens.forget_grants()
            sandbox.faults([{**fault, "operation": operation, "seconds": 0.5}])
            said += _send_many(sandbox, conn_id, CONNECTIONS[conn_id])
            canaries |= _obtained()

    _search(canaries, ear.heard + said)


@pytest.mark.parametrize("conn_id", CONNECTIONS)
def test_nothing_shows_in_a_repr(sandbox: Sandbox, canaries: set[str], conn_id: str) -> None:
    hook = get_calendar_hook(conn_id)
    assert isinstance(hook, CalendarHook)
    calendar = hook.build(Fields(hook.get_connection(conn_id), hook.conn_type))
    parts = [hook, calendar, calendar.client, calendar.transport, calendar.transport.auth]
    parts += [*vars(calendar.transport).values(), *vars(calendar.client).values()]

    _search(canaries, [f"{part!r} {part!s}" for part in parts])


def test_nothing_shows_in_what_airflow_keeps_and_logs(
    sandbox: Sandbox, canaries: set[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with DAG("secrets", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
        for conn_id, service in CONNECTIONS.items():
            for name, event_id in (
                ("good", sandbox.event_id(service, "planning")),
                ("bad", sandbox.event_id(service, "own")),
            ):
                SetParticipationStatusOperator(
                    task_id=f"{conn_id}_{name}", conn_id=conn_id, event_id=event_id, status="accepted"
                )
    states = {ti.state for ti in run(dag).values()}
    canaries |= _obtained()
    home = Path(os.environ["AIRFLOW_HOME"])
    kept = [path.read_bytes().decode(errors="replace") for path in home.rglob("*") if path.is_file()]

    assert states == {"success", "failed"}
    _search(canaries, [*kept, *capfd.readouterr()])


@pytest.mark.parametrize("conn_id", CONNECTIONS)
def test_the_connection_form_shows_no_secret(sandbox: Sandbox, canaries: set[str], conn_id: str) -> None:
    from airflow.api_fastapi.core_api.datamodels.connections import ConnectionResponse
    from airflow.models.connection import Connection as StoredConnection

    given = json.loads(os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"])
    stored = StoredConnection(conn_id=conn_id, **{**given, "extra": json.dumps(given.get("extra") or {})})

    shown = ConnectionResponse.model_validate(
        SimpleNamespace(
            connection_id=conn_id,
            conn_id=conn_id,
            conn_type=stored.conn_type,
            description=None,
            host=stored.host,
            login=stored.login,
            schema=None,
            port=None,
            password=stored.password,
            extra=stored.extra,
            team_name=None,
        ),
        from_attributes=True,
    )

    _search(canaries, [shown.model_dump_json()])


def _reply(sandbox: Sandbox, conn_id: str, service: str) -> list[str]:
    operator = SetParticipationStatusOperator(
        task_id="reply",
        conn_id=conn_id,
        event_id=sandbox.event_id(service, "planning"),
        status="accepted",
        request_timeout=0.2,
        throttle_timeout=0.0,
        settle_timeout=0.05,
    )
    store = StateStore()
    context: Any = {"task_state_store": store, "ti": SimpleNamespace(try_number=1)}
    try:
        return [json.dumps(operator.execute(context)), json.dumps(store)]
    except Exception as error:
        return ["".join(traceback.format_exception(error)), repr(error), json.dumps(store)]


def _send_many(sandbox: Sandbox, conn_id: str, service: str) -> list[str]:
    task = Task()
    slugs = ("planning", "release", "lunch")
    replies = [{"event_id": sandbox.event_id(service, slug), "status": "accepted"} for slug in slugs]
    options: dict[str, Any] = {"request_timeout": 0.2, "throttle_timeout": 0.0, "settle_timeout": 0.05}
    try:
        report = task.send(replies, conn_id=conn_id, **options)
    except Exception as error:
        return ["".join(traceback.format_exception(error)), repr(error), json.dumps(task.store)]
    raised = [repr(task.pushed["error"])] if "error" in task.pushed else []
    return [*raised, json.dumps(report), json.dumps(task.store), Report.from_plain(report).as_csv()]


def _obtained() -> set[str]:
    """The tokens that were obtained at run time and are in use in this process."""
    grants = tokens.kept_grants().values()
    return {secret for grant in grants for secret in (grant.access_token, grant.refresh_token) if secret}


def _search(canaries: set[str], texts: list[str]) -> None:
    assert canaries
    assert texts
    forms = {form for canary in canaries for form in (canary, quote(canary, safe=""), quote_plus(canary))}
    for text in texts:
        for form in forms:
            place = text.find(form)
            assert place < 0, f"A secret shows: …{text[max(0, place - 200) : place]}"
