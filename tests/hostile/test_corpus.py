"""The corpus: every hostile invitation, on every service that carries it, through every consumer."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hostile.corpus.evidence import secrets_of, spellings
from hostile.corpus.invitations import CANARY_CONNECTION, CANARY_VARIABLE, INVITATIONS
from hostile.corpus.mailboxes import SERVICES, Mailbox, airflow_variables, mailboxes
from hostile.corpus.verdicts import bad, run

CANARIES = {"password": "canary-password-5Hq8Zt", "variable": "canary-variable-9Lw2Xs"}


@pytest.fixture(scope="module")
def boxes() -> Iterator[dict[str, Mailbox]]:
    with mailboxes() as running:
        yield running


@pytest.fixture
def secrets(boxes: dict[str, Mailbox], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Define the connections and what must not be seen; return the latter."""
    from airflow_provider_rsvp.transport.tokens import forget_grants

    forget_grants()
    canary = {"conn_type": "http", "host": "canary.example", "password": CANARIES["password"]}
    environment = {
        **airflow_variables(boxes),
        f"AIRFLOW_CONN_{CANARY_CONNECTION.upper()}": json.dumps(canary),
        f"AIRFLOW_VAR_{CANARY_VARIABLE.upper()}": CANARIES["variable"],
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    secrets = {spelling for each in CANARIES.values() for spelling in spellings(each)}
    for box in boxes.values():
        secrets |= secrets_of(box.connection())
    return secrets


@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_hidden_hung_leaked_mailed_twice_or_misleading(
    service: str, boxes: dict[str, Mailbox], secrets: set[str]
) -> None:
    found = bad(run(boxes[service], INVITATIONS, secrets))
    assert not found, f"\n{found}"
