"""The mailboxes of all services, and an Airflow that has connections to them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from hostile.corpus.caldav_mailbox import CalDAVMailbox
from hostile.corpus.caldav_server import CalDAVServer
from hostile.corpus.case import CANARY_CONNECTION, CANARY_VARIABLE
from hostile.corpus.evidence import secrets_of, spellings
from hostile.corpus.mailbox import Mailbox
from hostile.corpus.sandbox_mailbox import SandboxMailbox
from support.services import SERVICES as KNOWN

from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.transport.tokens import forget_grants

SERVICES = (*KNOWN, "graph-beta", "caldav")


@contextmanager
def mailboxes() -> Iterator[dict[str, Mailbox]]:
    """Run everything that the mailboxes need, and give one of each service."""
    with ExitStack() as running:
        sandbox = running.enter_context(
            Sandbox(bulk={"mailboxes": 1, "invitations": 1}, limits=False, cronofy_settle=0.0)
        )
        server = running.enter_context(CalDAVServer())
        boxes: list[Mailbox] = [
            *(SandboxMailbox(sandbox, service) for service in SERVICES if service != "caldav"),
            CalDAVMailbox(server),
        ]
        yield {box.service: box for box in boxes}


CANARIES = {"password": "canary-password-5Hq8Zt", "variable": "canary-variable-9Lw2Xs"}


@contextmanager
def corpus_airflow() -> Iterator[tuple[dict[str, Mailbox], set[str]]]:
    """Run the mailboxes, with their connections and the canaries in the environment; give them and all secrets."""
    with mailboxes() as boxes, mock.patch.dict(os.environ):
        canary = {"conn_type": "http", "host": "canary.example", "password": CANARIES["password"]}
        os.environ[f"AIRFLOW_CONN_{CANARY_CONNECTION.upper()}"] = json.dumps(canary)
        os.environ[f"AIRFLOW_VAR_{CANARY_VARIABLE.upper()}"] = CANARIES["variable"]
        secrets = {spelling for each in CANARIES.values() for spelling in spellings(each)}
        for box in boxes.values():
            connection = box.connection()
            os.environ[f"AIRFLOW_CONN_{box.conn_id.upper()}"] = json.dumps(connection)
            secrets |= secrets_of(connection)
        forget_grants()
        yield boxes, secrets
