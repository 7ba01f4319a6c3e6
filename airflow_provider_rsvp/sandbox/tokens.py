"""Access and refresh tokens of all services (RFC 6749): issued, expiring, rotated, revoked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count


@dataclass(slots=True)
class Grant:
    """What a token stands for; ``mailbox`` is None when an application acts for itself."""

    service: str
    client_id: str
    mailbox: str | None
    scopes: frozenset[str]


@dataclass(slots=True)
class AccessToken:
    """An access token and what it stands for."""

    value: str
    grant: Grant
    expires: float | None
    """Unix time; None for a static token."""
    revoked: bool = False

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expires is not None and time.time() >= self.expires


class Tokens:
    """All tokens that were given out since the last reset."""

    def __init__(self, lifetime: float | None) -> None:
        self._lifetime = lifetime
        self._access: dict[str, AccessToken] = {}
        self._refresh: dict[str, Grant] = {}
        self._serial = count(1)

    def lifetime(self, usual: float) -> float:
        """Return the lifetime of an access token whose usual one is given."""
        return usual if self._lifetime is None else self._lifetime

    def static(self, value: str, grant: Grant) -> None:
        """Make a well-known access token valid without end."""
        self._access[value] = AccessToken(value, grant, None)

    def issue(self, grant: Grant, usual: float, mint: Callable[[int, float], str]) -> AccessToken:
        """Give a new access token; ``mint`` makes its text from a serial number and its end."""
        expires = time.time() + self.lifetime(usual)
        token = AccessToken(mint(next(self._serial), expires), grant, expires)
        self._access[token.value] = token
        return token

    def find(self, service: str, value: str | None) -> AccessToken | None:
        """Find the access token of that service, though it may be expired or revoked."""
        token = self._access.get(value or "")
        return token if token is not None and token.grant.service == service else None

    def allow_refresh(self, value: str, grant: Grant) -> str:
        """Make a refresh token valid."""
        self._refresh[value] = grant
        return value

    def new_refresh(self, grant: Grant, prefix: str) -> str:
        """Issue a new refresh token."""
        return self.allow_refresh(f"{prefix}-{next(self._serial):06d}", grant)

    def refresh_grant(self, service: str, value: object) -> Grant | None:
        """Find what a refresh token of that service stands for."""
        grant = self._refresh.get(value) if isinstance(value, str) else None
        return grant if grant is not None and grant.service == service else None

    def drop_refresh(self, value: str) -> None:
        """End a refresh token."""
        self._refresh.pop(value, None)

    def expire(self, service: str | None = None) -> int:
        """Expire every access token that was issued (not the static ones); returns how many."""
        ended = 0
        for token in self._access.values():
            if token.expires is not None and not token.expired and service in (None, token.grant.service):
                token.expires = 0.0
                ended += 1
        return ended

    def revoke(self, service: str | None = None, mailbox: str | None = None) -> int:
        """Revoke access and refresh tokens, the static ones too; returns how many."""
        access = [
            token
            for token in self._access.values()
            if not token.revoked and _concerns(token.grant, service, mailbox)
        ]
        for token in access:
            token.revoked = True
        refresh = [value for value, grant in self._refresh.items() if _concerns(grant, service, mailbox)]
        for value in refresh:
            del self._refresh[value]
        return len(access) + len(refresh)


def _concerns(grant: Grant, service: str | None, mailbox: str | None) -> bool:
    return service in (None, grant.service) and mailbox in (None, grant.mailbox)
