"""Google's token endpoint: refresh tokens, and assertions of service accounts (docs: OAuth 2.0)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp.sandbox.google import keys, seed
from airflow_provider_rsvp.sandbox.tokens import AccessToken, Grant
from airflow_provider_rsvp.sandbox.wire import Call, RefusedError, Response

if TYPE_CHECKING:
    from airflow_provider_rsvp.sandbox.state import State

_SERVICE = "google"
_LIFETIME = 3599.0
_LONGEST_ASSERTION = 3600
_AUDIENCE = "https://oauth2.googleapis.com/token"
"""The audience that Google's own libraries name, wherever they send the assertion."""
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def token(state: State, call: Call) -> Response:
    """Issue a token, or say why not."""
    fields = call.fields
    match fields.get("grant_type"):
        case "refresh_token":
            return _refresh(state, fields)
        case grant_type if grant_type == _JWT_BEARER:
            return _delegate(state, call, fields.get("assertion"))
        case _:
            raise _refusal(400, "unsupported_grant_type", "Invalid grant_type")


def failure(status: int) -> Response:
    """Return the error of an endpoint that fails."""
    return _refusal(status, "internal_failure", "Backend Error").response


def _refresh(state: State, fields: Mapping[str, object]) -> Response:
    secret = fields.get("client_secret")
    if fields.get("client_id") != seed.CLIENT_ID:
        raise _refusal(401, "invalid_client", "The OAuth client was not found.")
    if not isinstance(secret, str) or not hmac.compare_digest(secret.encode(), seed.CLIENT_SECRET.encode()):
        raise _refusal(401, "invalid_client", "Unauthorized")
    grant = state.tokens.refresh_grant(_SERVICE, fields.get("refresh_token"))
    if grant is None:
        raise _refusal(400, "invalid_grant", "Token has been expired or revoked.")
    scope = " ".join(sorted(seed.SCOPES_AT + name for name in grant.scopes))
    return Response(body=_issued(state, grant) | {"scope": scope})


def _delegate(state: State, call: Call, assertion: object) -> Response:
    """Issue a token of the user for whom a service account asks."""
    claims = _claims(call, assertion)
    issuer, subject = str(claims.get("iss")), claims.get("sub")
    if issuer not in seed.DELEGATED:
        raise _refusal(400, "invalid_grant", "Invalid grant: account not found")
    asked = {name.removeprefix(seed.SCOPES_AT) for name in str(claims.get("scope") or "").split()}
    if not asked:
        raise _refusal(400, "invalid_scope", "Empty or missing scope not allowed.")
    if subject is not None and not asked <= seed.DELEGATED[issuer]:
        raise _refusal(
            401,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized "
            "for any of the scopes requested.",
        )
    mailbox = state.world.mailbox(_SERVICE, str(subject)) if subject is not None else None
    if subject is not None and (mailbox is None or not mailbox.enabled):
        raise _refusal(400, "invalid_grant", "Invalid email or User ID")
    return Response(
        body=_issued(state, Grant(_SERVICE, issuer, mailbox.id if mailbox else issuer, frozenset(asked)))
    )


def _claims(call: Call, assertion: object) -> dict[str, Any]:
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            str(assertion),
            keys.public_key(),
            algorithms=["RS256"],
            audience=[_AUDIENCE, f"{call.origin}/{call.service}{call.path}"],
            options={"require": ["iss", "aud", "exp", "iat"]},
        )
    except jwt.InvalidSignatureError:
        raise _refusal(400, "invalid_grant", "Invalid JWT Signature.") from None
    except jwt.PyJWTError as error:
        raise _refusal(400, "invalid_grant", f"Invalid JWT: {error}") from None
    if claims["exp"] - claims["iat"] > _LONGEST_ASSERTION:
        raise _refusal(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes).")
    return claims


def _issued(state: State, grant: Grant) -> dict[str, object]:
    issued: AccessToken = state.tokens.issue(
        grant, _LIFETIME, lambda serial, _: f"ya29.sandbox-google-issued-access-token-fake-{serial:06d}"
    )
    return {
        "access_token": issued.value,
        "expires_in": int(state.tokens.lifetime(_LIFETIME)),
        "token_type": "Bearer",
    }


def _refusal(status: int, error: str, text: str) -> RefusedError:
    return RefusedError(Response(status, {"error": error, "error_description": text}))
