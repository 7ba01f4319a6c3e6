"""What one connection was granted serves no other."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import unquote_plus

import pytest
from support.raw_server import RawServer, response
from support.secrets_said import everything_said
from support.services import SERVICES, TOKEN_FIELDS, service_of

from airflow_provider_rsvp.exceptions import CredentialsError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.secrets import renewed_token
from airflow_provider_rsvp.model import EventReference
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.transport import tokens

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.slow]


ELSEWHERE = {(conn_id, name) for conn_id, field in TOKEN_FIELDS.items() for name in ("host", field)}


@pytest.mark.any_airflow
@pytest.mark.parametrize("kept", ["in the process", "in a Variable"])
@pytest.mark.parametrize(("conn_id", "field"), sorted(ELSEWHERE))
def test_the_tokens_of_one_connection_go_to_no_other_host(
    sandbox: Sandbox, connect: Any, conn_id: str, field: str, kept: str
) -> None:
    """Two connections that differ in one host alone, with the same refresh token and all else."""
    service = service_of(conn_id).name
    with get_calendar_hook(conn_id) as hook:
        hook.get_invitation(EventReference(event_id=sandbox.event_id(service, "planning")))
    granted = {
        secret
        for grant in tokens.kept_grants().values()
        for secret in (grant.access_token, grant.refresh_token)
        if secret and secret != str(sandbox.connections()[conn_id]["extra"].get("refresh_token"))
    }
    assert granted
    if kept == "in a Variable":
        tokens.forget_grants()

    with RawServer(lambda request: response(400, {"error": "no"})) as other:
        everything_said(sandbox, connect(conn_id, **{field: other.url}), service)

    if field != "host" or conn_id == "cronofy_refresh":
        assert other.received  # asked for a token of its own
    assert all(secret not in unquote_plus(each.text) for each in other.received for secret in granted)


WRONG = {each.asking: {each.client_secret: "wrong"} for each in SERVICES.values()}


@pytest.mark.any_airflow
@pytest.mark.parametrize("kept", ["in the process", "in a Variable"])
@pytest.mark.parametrize("conn_id", WRONG)
def test_a_wrong_secret_does_not_pass_for_the_grant_of_a_right_one(
    sandbox: Sandbox, connect: Any, conn_id: str, kept: str
) -> None:
    reference = EventReference(event_id=sandbox.event_id(service_of(conn_id).name, "planning"))
    with get_calendar_hook(conn_id) as hook:
        hook.get_invitation(reference)
    if kept == "in a Variable":
        tokens.forget_grants()

    wrong = get_calendar_hook(connect(conn_id, **WRONG[conn_id]))
    with pytest.raises(CredentialsError), wrong:
        wrong.get_invitation(reference)

    with get_calendar_hook(conn_id) as hook:
        hook.get_invitation(reference)


@pytest.mark.any_airflow
def test_another_client_secret_for_the_same_account_uses_the_newest_refresh_token(sandbox: Sandbox) -> None:
    """Else replacing a client secret would bring back a refresh token that was used up."""
    import asyncio

    asked: list[str | None] = []

    async def request_grant(refresh_token: str | None) -> Grant:
        asked.append(refresh_token)
        return Grant(f"access-{len(asked)}", None, f"refresh-{len(asked)}")

    def token(secret: str) -> str:
        renewed = renewed_token(
            request_grant,
            places=("service", "https://a/", "https://b/"),
            account=("client",),
            secrets=(secret,),
            refresh_token="first",
        )
        return asyncio.run(renewed.grant()).access_token

    assert token("old secret") == "access-1"
    tokens.forget_grants()
    assert token("old secret") == "access-1"
    assert token("new secret") == "access-2"
    assert asked == ["first", "refresh-1"]


@pytest.mark.any_airflow
@pytest.mark.parametrize("change", ["scope", "mailbox", "private_key_id"])
def test_a_service_accounts_token_is_for_one_mailbox_and_scope(
    sandbox: Sandbox, connect: Any, change: str
) -> None:
    extra: Any = copy.deepcopy(sandbox.connections()["google_calendar_default"]["extra"])
    if change == "scope":
        changes = {"scope": "https://www.googleapis.com/auth/calendar"}
    elif change == "mailbox":
        changes = {"mailbox": "bob@workspace.example"}
    else:
        key = json.loads(extra["service_account_key"])
        changes = {"service_account_key": json.dumps({**key, "private_key_id": "another"})}
    get_calendar_hook("google_calendar_default").test_connection()
    before = set(tokens.kept_grants())

    get_calendar_hook(connect("google_calendar_default", **changes)).test_connection()

    asked = [request for request in sandbox.requests() if request["operation"] == "token"]
    assert len(asked) == 2
    assert before <= set(tokens.kept_grants())
