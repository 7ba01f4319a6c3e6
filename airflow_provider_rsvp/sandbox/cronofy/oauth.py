"""Cronofy's token endpoints (docs: refresh token, revoke)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_rsvp.sandbox.cronofy import seed
from airflow_provider_rsvp.sandbox.cronofy.account import profile_id
from airflow_provider_rsvp.sandbox.wire import Call, Response

if TYPE_CHECKING:
    from airflow_provider_rsvp.sandbox.state import State

_SERVICE = "cronofy"
_LIFETIME = 3600.0


def token(state: State, call: Call) -> Response:
    """Refresh; the same refresh token comes back unless the options say otherwise."""
    fields = call.fields
    if not _client_known(fields):
        return Response(400, {"error": "invalid_client"})
    if fields.get("grant_type") != "refresh_token":
        known = fields.get("grant_type") == "authorization_code"
        return Response(400, {"error": "invalid_grant" if known else "unsupported_grant_type"})
    tokens = state.tokens
    given = fields.get("refresh_token")
    grant = tokens.refresh_grant(_SERVICE, given)
    if grant is None or grant.mailbox is None or not isinstance(given, str):
        return Response(400, {"error": "invalid_grant"})
    account = state.world.mailbox(_SERVICE, grant.mailbox)
    assert account is not None
    if state.options.cronofy_rotates and call.effective:
        tokens.drop_refresh(given)
        given = tokens.new_refresh(grant, "sandbox-cronofy-rotated-refresh-token-fake")
    issued = tokens.issue(
        grant, _LIFETIME, lambda serial, _: f"sandbox-cronofy-issued-access-token-fake-{serial:06d}"
    )
    return Response(
        body={
            "token_type": "bearer",
            "access_token": issued.value,
            "expires_in": int(tokens.lifetime(_LIFETIME)),
            "refresh_token": given,
            "scope": " ".join(sorted(grant.scopes)),
            "account_id": account.id,
            "sub": account.id,
            "linking_profile": {
                "provider_name": account.primary.provider,
                "profile_id": profile_id(account, account.primary.provider),
                "profile_name": account.person.address,
            },
        }
    )


def revoke(state: State, call: Call) -> Response:
    """End all tokens of the account."""
    fields = call.fields
    if not _client_known(fields):
        return Response(400, {"error": "invalid_client"})
    tokens = state.tokens
    value = fields.get("token")
    access = tokens.find(_SERVICE, value if isinstance(value, str) else None)
    grant = access.grant if access else tokens.refresh_grant(_SERVICE, value)
    mailbox = grant.mailbox if grant else fields.get("sub")
    if isinstance(mailbox, str):
        tokens.revoke(_SERVICE, mailbox)
    return Response()


def _client_known(fields: Mapping[str, object]) -> bool:
    secret = fields.get("client_secret")
    return (
        fields.get("client_id") == seed.CLIENT_ID
        and isinstance(secret, str)
        and hmac.compare_digest(secret.encode(), seed.CLIENT_SECRET.encode())
    )
