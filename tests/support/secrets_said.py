"""What is said of a connection, searched for its secrets."""

from __future__ import annotations

import json
import logging
import traceback
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import pytest

from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.sandbox import Sandbox
from support.raw_server import Received
from support.state_store import StateStore

SENT_SECRETS = {"client_secret", "client_assertion", "assertion", "refresh_token"}


class Ear(logging.Handler):
    """Hears every record, before any mask, and what Airflow's own loggers print, which are of another kind."""

    def __init__(self, printed: pytest.CaptureFixture[str]) -> None:
        super().__init__(logging.DEBUG)
        self._printed = printed
        self._heard: list[str] = []

    @property
    def heard(self) -> list[str]:
        self._heard += self._printed.readouterr()
        return self._heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard += [record.getMessage(), repr(record.args)]
        if record.exc_info:
            self._heard += traceback.format_exception(*record.exc_info)


def everything_said(sandbox: Sandbox, conn_id: str, service: str) -> list[str]:
    """What a task raises, returns and notes, and what the Test button says."""
    operator = SetParticipationStatusOperator(
        task_id="reply",
        conn_id=conn_id,
        event_id=sandbox.event_id(service, "planning"),
        status="accepted",
        request_timeout=2.0,
        throttle_timeout=0.0,
        settle_timeout=0.05,
    )
    store = StateStore()
    context: Any = {"task_state_store": store, "ti": SimpleNamespace(try_number=1)}
    try:
        said = [json.dumps(operator.execute(context))]
    except Exception as error:
        said = ["".join(traceback.format_exception(error)), repr(error)]
    tested = get_calendar_hook(conn_id, request_timeout=2.0, throttle_timeout=0.0).test_connection()[1]
    return [*said, json.dumps(store), tested]


def sent_secrets(received: list[Received]) -> set[str]:
    return {
        value
        for each in received
        for name, value in [*fields_of(each).items(), *parse_qsl(urlsplit(each.target).query)]
        if name in SENT_SECRETS
    }


def fields_of(request: Received) -> dict[str, str]:
    if request.body.startswith("{"):
        fields: dict[str, str] = json.loads(request.body)
        return fields
    return dict(parse_qsl(request.body))


def _decoded(text: str) -> str:
    return unquote_plus(unquote_plus(text)).replace("\\/", "/")


def assert_none_shows(secrets: set[str], texts: list[str]) -> None:
    assert secrets
    for text in texts:
        for secret in secrets:
            for read in (text, _decoded(text)):
                place = read.find(secret)
                assert place < 0, f"A secret shows: …{read[max(0, place - 300) : place]}"
