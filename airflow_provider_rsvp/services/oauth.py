"""What OAuth 2.0 token endpoints have in common (RFC 6749)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_rsvp.exceptions import (
    CredentialsError,
    MalformedResponseError,
    RsvpError,
    ServiceUnavailableError,
)
from airflow_provider_rsvp.services.wire import Request, Response, excerpt, optional_text, server_error

RENEW_BEFORE_END = 120.0
"""Seconds before its end at which an access token is no longer used."""

_LONGEST_TOKEN = 65_536
_LONGEST_LIFETIME = 100 * 366 * 86400.0


@dataclass(frozen=True, slots=True)
class Grant:
    """
    What a token endpoint granted (RFC 6749, section 5.1).

    :param expires_at: Unix time in seconds; None where it is not known
    :param refresh_token: the refresh token to use next; None if there is none
    :param scope: what the access token is for, separated by spaces; None where the endpoint does not say
    """

    access_token: str = field(repr=False)
    expires_at: float | None = None
    refresh_token: str | None = field(default=None, repr=False)
    scope: str | None = None

    def fresh(self, now: float) -> bool:
        """Return whether the access token can be used for some time yet."""
        return self.expires_at is None or now < self.expires_at - RENEW_BEFORE_END


def read_grant(service: str, request: Request, response: Response, *, advice: Mapping[str, str]) -> Grant:
    """
    Return what a token endpoint granted.

    Services are known to report errors with HTTP 200 too, so the body decides.

    :param advice: what to do, by the endpoint's ``error`` code; ``""`` is for any other
    :raises CredentialsError: the endpoint refuses
    :raises MalformedResponseError: the response is not what RFC 6749 documents
    """
    body = response.json_or_none()
    if isinstance(body, dict) and (not response.ok or "error" in body):
        raise _refusal(service, request, response, body, advice)
    if not response.ok:
        said = f"HTTP {response.status}"
        raise server_error(service, request, response, said) or CredentialsError(
            f"{service} refused to {request.what} ({said}). {advice['']}"
        )
    body = response.json_object(request.what)
    token, refresh_token, seconds = (
        body.get(name) for name in ("access_token", "refresh_token", "expires_in")
    )
    if not isinstance(token, str) or not isinstance(refresh_token, str | None):
        raise MalformedResponseError(f"{service} granted no token when asked to {request.what}.")
    # A longer token does not fit into a header, and takes long to mask.
    if not 0 < len(token) <= _LONGEST_TOKEN or len(refresh_token or "") > _LONGEST_TOKEN:
        raise MalformedResponseError(f"{service} granted no token when asked to {request.what}.")
    return Grant(token, _end(seconds), refresh_token or None, optional_text(body, "scope"))


def _refusal(
    service: str, request: Request, response: Response, body: dict[str, Any], advice: Mapping[str, str]
) -> RsvpError:
    code = excerpt(body.get("error") or "no error code")
    said = f"HTTP {response.status}, {code}"
    description = body.get("error_description")
    if description and not response.ok:
        said += f": {excerpt(description)}"
    if code in ("temporarily_unavailable", "server_error") and response.status < 500:
        return ServiceUnavailableError(f"{service} could not {request.what} at the moment ({said}).")
    if response.status == 429 or response.status >= 500:
        failed = server_error(service, request, response, said)
        if failed is not None:
            return failed
    return CredentialsError(f"{service} refused to {request.what} ({said}). {advice.get(code, advice[''])}")


def _end(seconds: Any) -> float | None:
    try:
        lifetime = float(seconds)
    except (TypeError, ValueError, OverflowError):
        return None
    return time.time() + lifetime if 0 <= lifetime < _LONGEST_LIFETIME else None
