"""Bitrix24's authorization server: each refresh gives a new pair and ends the old refresh token."""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING

from airflow_provider_rsvp.sandbox.bitrix24 import seed
from airflow_provider_rsvp.sandbox.wire import Call, Response

if TYPE_CHECKING:
    from airflow_provider_rsvp.sandbox.state import State

_LIFETIME = 3600.0


def token(state: State, call: Call) -> Response:
    """Respond to GET and POST (docs: OAuth, automatic renewal; error codes)."""
    fields = dict(call.query.items()) | call.fields
    client_id, secret = fields.get("client_id"), fields.get("client_secret")
    given = fields.get("refresh_token")
    if not isinstance(client_id, str) or not isinstance(secret, str):
        return _error(400, "invalid_request", "client_id and client_secret are required")
    if client_id != seed.CLIENT_ID:
        return _error(200, "wrong_client", "Wrong client")
    if not hmac.compare_digest(secret.encode(), seed.CLIENT_SECRET.encode()):
        return _error(400, "invalid_client", "Invalid client")
    if fields.get("grant_type") == "authorization_code":
        return _error(400, "invalid_grant", "Invalid grant")
    if fields.get("grant_type") != "refresh_token" or not isinstance(given, str):
        return _error(400, "invalid_request", "Invalid request")
    grant = state.tokens.refresh_grant("bitrix24", given)
    if grant is None:
        return _error(400, "invalid_grant", "Invalid grant")
    if call.effective:
        state.tokens.drop_refresh(given)
        given = state.tokens.new_refresh(grant, "sandbox-bitrix24-rotated-refresh-token-fake")
    issued = state.tokens.issue(
        grant, _LIFETIME, lambda serial, _: f"sandbox-bitrix24-issued-access-token-fake-{serial:06d}"
    )
    lifetime = int(state.tokens.lifetime(_LIFETIME))
    return Response(
        body={
            "access_token": issued.value,
            "refresh_token": given,
            "expires": int(time.time()) + lifetime,
            "expires_in": lifetime,
            "client_endpoint": f"{call.origin}/bitrix24/rest/",
            "server_endpoint": f"{call.origin}/bitrix24/oauth/rest/",
            "domain": "oauth.bitrix.info",
            "member_id": seed.MEMBER_ID,
            "scope": ",".join(sorted(grant.scopes)),
            "status": "L",
            "user_id": int(grant.mailbox or 0),
        }
    )


def _error(status: int, code: str, text: str) -> Response:
    return Response(status, {"error": code, "error_description": text})
