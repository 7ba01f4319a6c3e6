"""The login's token endpoint: client credentials by secret or certificate, and refresh tokens."""

from __future__ import annotations

import hmac
import json
import time
import uuid
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_rsvp.sandbox.graph import seed
from airflow_provider_rsvp.sandbox.tokens import AccessToken, Grant
from airflow_provider_rsvp.sandbox.wire import Call, RefusedError, Response
from airflow_provider_rsvp.sandbox.world import now

if TYPE_CHECKING:
    from airflow_provider_rsvp.sandbox.state import State

_LIFETIME = 3599.0
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def configuration(call: Call, tenant: str) -> Response:
    """Return the OpenID Connect discovery document of the tenant."""
    if tenant not in seed.TENANTS:
        return _unknown_tenant(tenant).response
    root = f"{call.origin}/graph/{tenant}"
    return Response(
        body={
            "issuer": f"{root}/v2.0",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{root}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "tenant_region_scope": None,
            "cloud_instance_name": "sandbox",
        }
    )


def token(state: State, call: Call, tenant: str) -> Response:
    """Issue a token, or say why not; RefusedError carries the AADSTS error."""
    fields = call.fields
    if tenant not in seed.TENANTS:
        raise _unknown_tenant(tenant)
    match fields.get("grant_type"):
        case "client_credentials":
            return _client_credentials(state, call, fields)
        case "refresh_token":
            return _refresh(state, call, fields)
        case None:
            raise _aadsts(400, "invalid_request", 900144, "The request body must contain 'grant_type'.")
        case other:
            raise _aadsts(400, "unsupported_grant_type", 70003, f"Grant type '{other}' is not supported.")


def failure(status: int) -> Response:
    """Return the error of a login that fails."""
    return _aadsts(status, "temporarily_unavailable", 90033, "A transient error has occurred.").response


def _client_credentials(state: State, call: Call, fields: Mapping[str, object]) -> Response:
    client_id = _client(state, call, fields, secret_needed=True)
    scope = fields.get("scope")
    if not isinstance(scope, str) or not scope.endswith("/.default"):
        raise _aadsts(400, "invalid_scope", 70011, "The scope must end with '/.default'.")
    grant = Grant("graph", client_id, None, seed.ROLES[client_id])
    return Response(body=_issued(state, _issue(state, grant, None)))


def _refresh(state: State, call: Call, fields: Mapping[str, object]) -> Response:
    client_id = _client(state, call, fields, secret_needed=False)
    grant = state.tokens.refresh_grant("graph", fields.get("refresh_token"))
    if grant is None:
        raise _aadsts(
            400, "invalid_grant", 700082, "The refresh token is revoked or was inactive for too long."
        )
    if grant.client_id != client_id:
        raise _aadsts(400, "invalid_grant", 70000, "The refresh token was issued to another client.")
    user = next(user for user in seed.USERS if user.upn == grant.mailbox)
    return Response(
        body=_issued(state, _issue(state, grant, user))
        | {
            "scope": " ".join(sorted(grant.scopes)),
            "refresh_token": state.tokens.new_refresh(
                grant, f"sandbox-graph-rotated-refresh-token-fake-{user.short}"
            ),
        }
    )


def _issue(state: State, grant: Grant, user: seed.User | None) -> AccessToken:
    return state.tokens.issue(
        grant,
        _LIFETIME,
        lambda serial, expires: seed.jwt(grant.client_id, user, grant.scopes, expires, str(serial)),
    )


def _issued(state: State, issued: AccessToken) -> dict[str, object]:
    lifetime = int(state.tokens.lifetime(_LIFETIME))
    return {
        "token_type": "Bearer",
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": issued.value,
    }


def _client(state: State, call: Call, fields: Mapping[str, object], *, secret_needed: bool) -> str:
    """Return the application that asks, after it has authenticated itself."""
    client_id = fields.get("client_id")
    if not isinstance(client_id, str):
        raise _aadsts(400, "invalid_request", 900144, "The request body must contain 'client_id'.")
    if client_id not in seed.SECRETS:
        raise _aadsts(
            400, "unauthorized_client", 700016, f"Application '{client_id}' was not found in the directory."
        )
    secret, assertion = fields.get("client_secret"), fields.get("client_assertion")
    if isinstance(assertion, str) and fields.get("client_assertion_type") == _JWT_BEARER:
        if reason := _wrong_assertion(state, call, client_id, assertion):
            raise _aadsts(401, "invalid_client", 700027, f"The client assertion is not valid: {reason}.")
    elif secret == seed.EXPIRED_SECRET:
        raise _aadsts(401, "invalid_client", 7000222, "The provided client secret keys are expired.")
    elif isinstance(secret, str):
        if not hmac.compare_digest(secret.encode(), seed.SECRETS[client_id].encode()):
            raise _aadsts(401, "invalid_client", 7000215, "Invalid client secret provided.")
    elif secret_needed:
        raise _aadsts(401, "invalid_client", 7000216, "A client_assertion or client_secret is required.")
    return client_id


def _wrong_assertion(state: State, call: Call, client_id: str, assertion: str) -> str | None:
    """Return what is wrong with a client assertion (RFC 7523); its signature is checked if a certificate is known."""
    try:
        header, claims = (_part(part) for part in assertion.split(".")[:2])
    except ValueError:
        return "not a JWT"
    if header.get("alg") not in ("RS256", "PS256"):
        return "alg must be RS256 or PS256"
    if not (header.get("x5t") or header.get("x5t#S256")):
        return "the header names no certificate (x5t)"
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        return "iss and sub must be the client id"
    audience = f"{call.origin}/{call.service}{call.path}"
    if claims.get("aud") != audience:
        return f"aud must be {audience}"
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires < time.time():
        return "it is expired"
    if state.options.certificate is not None:
        return _wrong_signature(state.options.certificate, assertion, str(header["alg"]))
    return None


def _wrong_signature(certificate: str, assertion: str, algorithm: str) -> str | None:
    import jwt
    from cryptography.x509 import load_pem_x509_certificate

    key = load_pem_x509_certificate(certificate.encode()).public_key()
    try:
        jwt.decode(assertion, key, algorithms=[algorithm], options={"verify_aud": False})  # type: ignore[arg-type]
    except jwt.PyJWTError as error:
        return str(error)
    return None


def _part(text: str) -> dict[str, object]:
    content = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if not isinstance(content, dict):
        raise ValueError(text)
    return content


def _unknown_tenant(tenant: str) -> RefusedError:
    return _aadsts(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")


def _aadsts(status: int, error: str, number: int, text: str) -> RefusedError:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    stamp = now().strftime("%Y-%m-%d %H:%M:%SZ")
    description = f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
    return RefusedError(
        Response(
            status,
            {
                "error": error,
                "error_description": description,
                "error_codes": [number],
                "timestamp": stamp,
                "trace_id": trace,
                "correlation_id": correlation,
            },
        )
    )
