"""
Access tokens: obtained, kept in the process, renewed before they end.

Refresh tokens that a service rotates (RFC 6749, section 6) are stored where every worker finds them
before the access token that came along is used.
"""

from __future__ import annotations

import asyncio
import base64
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol

from airflow_provider_rsvp.exceptions import CredentialsError
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.services.wire import Request

WAIT_FOR_OTHER_WORKER = (0.2, 0.4, 0.8, 1.6)
"""Seconds between looks for the tokens that another worker, which used our refresh token, is about to store."""


class GrantStore(Protocol):
    """Keeps the last grant where all workers find it."""

    async def load(self) -> Grant | None:
        """Return the last grant stored, or None; without its access token if that was granted to another secret."""

    async def save(self, grant: Grant) -> None:
        """Store a grant."""


class Auth(Protocol):
    """Puts credentials on requests."""

    async def authorize(self, request: Request) -> tuple[Request, str | None]:
        """Return the request with credentials, and the access token that was used."""

    async def renew(self, refused: str | None) -> bool:
        """Get a new access token in place of a refused one; return whether there is one."""

    async def granted(self) -> Grant | None:
        """Return what the connection is granted now; None where it has no access token."""

    def secrets(self) -> tuple[str, ...]:
        """Return what must be kept out of every text."""


Apply = Callable[[Request, str], Request]


def bearer(request: Request, token: str) -> Request:
    """Return the request with the token in its ``Authorization`` header (RFC 6750, section 2.1)."""
    return replace(request, headers={**request.headers, "Authorization": f"Bearer {token}"})


@dataclass(frozen=True, slots=True)
class SecretInAddress:
    """Credentials that are part of the base address, as with an incoming webhook."""

    secret: str = field(repr=False)

    async def authorize(self, request: Request) -> tuple[Request, str | None]:
        """Return the request as it is."""
        return request, None

    async def renew(self, refused: str | None) -> bool:
        """Return False: there is nothing to renew."""
        return False

    async def granted(self) -> None:
        """Return None: there is no access token."""

    def secrets(self) -> tuple[str, ...]:
        """Return the secret part of the address."""
        return (self.secret,)


@dataclass(frozen=True, slots=True)
class StaticToken:
    """An access token that was given and cannot be renewed."""

    token: str = field(repr=False)
    apply: Apply = bearer

    async def authorize(self, request: Request) -> tuple[Request, str | None]:
        """Return the request with the token."""
        return self.apply(request, self.token), self.token

    async def renew(self, refused: str | None) -> bool:
        """Return False: the token cannot be renewed."""
        return False

    async def granted(self) -> Grant:
        """Return the token, of which nothing else is known."""
        return Grant(self.token)

    def secrets(self) -> tuple[str, ...]:
        """Return the token."""
        return (self.token,)


@dataclass(frozen=True, slots=True)
class UserPassword:
    """A user and a password, sent along from the first request (RFC 7617)."""

    user: str
    password: str = field(repr=False)

    async def authorize(self, request: Request) -> tuple[Request, str | None]:
        """Return the request with user and password."""
        credentials = f"Basic {self._encoded()}"
        return replace(request, headers={**request.headers, "Authorization": credentials}), None

    async def renew(self, refused: str | None) -> bool:
        """Return False: there is nothing to renew."""
        return False

    async def granted(self) -> None:
        """Return None: there is no access token."""

    def secrets(self) -> tuple[str, ...]:
        """Return the password, and its encoding in the header."""
        return self.password, self._encoded()

    def _encoded(self) -> str:
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


_GRANTS: dict[str, Grant] = {}
_LOCKS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = (
    weakref.WeakKeyDictionary()
)


def kept_grants() -> Mapping[str, Grant]:
    """Return the grants kept in this process, by the keys of what they depend on."""
    return MappingProxyType(_GRANTS)


def forget_grants() -> None:
    """Forget the access tokens kept in this process."""
    _GRANTS.clear()


class RenewedToken:
    """
    An access token from a token endpoint, shared by everything in the process with the same key.

    :param key: identifies what grants depend on (places, account, secrets) without revealing it
    :param request_grant: asks the token endpoint; gets the refresh token to use, where there is one
    :param refresh_token: the refresh token of the connection, if it has one
    :param store: where rotated refresh tokens are kept for all workers; None where nothing rotates
    :param hide: called with each new secret before its first use
    """

    def __init__(
        self,
        *,
        key: str,
        request_grant: Callable[[str | None], Awaitable[Grant]],
        hide: Callable[[str], Awaitable[None]],
        refresh_token: str | None = None,
        store: GrantStore | None = None,
        apply: Apply = bearer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._request_grant = request_grant
        self._hide = hide
        self._refresh_token = refresh_token
        self._store = store
        self._apply = apply
        self._clock = clock

    async def authorize(self, request: Request) -> tuple[Request, str | None]:
        """Return the request with an access token that stays valid for a while."""
        grant = await self.grant()
        return self._apply(request, grant.access_token), grant.access_token

    async def renew(self, refused: str | None) -> bool:
        """Get a new access token unless another call has replaced the refused one already."""
        await self.grant(refused=refused)
        return True

    async def granted(self) -> Grant:
        """Return what is granted now; see :meth:`grant`."""
        return await self.grant()

    def secrets(self) -> tuple[str, ...]:
        """Return the tokens in use."""
        grant = _GRANTS.get(self._key)
        known = [self._refresh_token, *([grant.access_token, grant.refresh_token] if grant else [])]
        return tuple(secret for secret in known if secret)

    async def grant(self, refused: str | None = None) -> Grant:
        """
        Return what is granted now, asking the token endpoint only if need be.

        :param refused: an access token that the service no longer takes
        :raises CredentialsError: the token endpoint refuses
        """
        kept = _GRANTS.get(self._key)
        if kept is not None and self._usable(kept, refused):
            return kept
        locks = _LOCKS.setdefault(asyncio.get_running_loop(), {})
        async with locks.setdefault(self._key, asyncio.Lock()):
            kept = _GRANTS.get(self._key)
            if kept is None or not self._usable(kept, refused):
                kept = _GRANTS[self._key] = await self._renewed(refused)
            return kept

    def _usable(self, grant: Grant, refused: str | None) -> bool:
        return grant.access_token != refused and grant.fresh(self._clock())

    async def _renewed(self, refused: str | None) -> Grant:
        stored = await self._stored()
        if stored is not None and self._usable(stored, refused):
            return stored
        refresh_token = (stored.refresh_token if stored else None) or self._refresh_token
        try:
            grant = await self._ask(refresh_token)
        except CredentialsError as error:
            grant = await self._of_other_worker(refresh_token, refused, error)
        await self._hide_grant(grant)
        if self._store is not None and grant.refresh_token is not None:
            await self._store.save(grant)
        return grant

    async def _ask(self, refresh_token: str | None) -> Grant:
        """Ask the token endpoint; where no new refresh token comes along, the old one stays in use."""
        grant = await self._request_grant(refresh_token)
        return grant if grant.refresh_token else replace(grant, refresh_token=refresh_token)

    async def _of_other_worker(self, used: str | None, refused: str | None, error: CredentialsError) -> Grant:
        """Return the grant of another worker, which may just have used our refresh token."""
        if self._store is None:
            raise error
        for delay in WAIT_FOR_OTHER_WORKER:
            stored = await self._stored()
            if stored is not None and stored.refresh_token not in (None, used):
                if self._usable(stored, refused):
                    return stored
                return await self._ask(stored.refresh_token)
            await asyncio.sleep(delay)
        if used != self._refresh_token:
            # The stored one may have been lost on the way; the connection's own may still be good.
            return await self._ask(self._refresh_token)
        raise error

    async def _stored(self) -> Grant | None:
        grant = await self._store.load() if self._store is not None else None
        if grant is not None:
            await self._hide_grant(grant)
        return grant

    async def _hide_grant(self, grant: Grant) -> None:
        for secret in (grant.access_token, grant.refresh_token):
            if secret:
                await self._hide(secret)


class TokenPerMailbox:
    """
    Access tokens that are each valid for one mailbox, as with a service account that acts for users.

    :param token_of: makes the token of a mailbox; called once for each
    :param mailbox: the connection's own
    """

    def __init__(self, token_of: Callable[[str | None], RenewedToken], mailbox: str | None) -> None:
        self._token_of = token_of
        self._mailbox = mailbox
        self._tokens: dict[str | None, RenewedToken] = {}

    async def authorize(self, request: Request) -> tuple[Request, str | None]:
        """Return the request with an access token of its mailbox."""
        return await self._of(request.mailbox).authorize(request)

    async def renew(self, refused: str | None) -> bool:
        """Get a new access token unless another call has replaced the refused one already."""
        for token in tuple(self._tokens.values()):
            if refused in token.secrets():
                await token.renew(refused)
        return True

    async def granted(self) -> Grant:
        """Return what is granted now for the connection's own mailbox."""
        return await self._of(self._mailbox).grant()

    def secrets(self) -> tuple[str, ...]:
        """Return the tokens in use."""
        return tuple(secret for token in self._tokens.values() for secret in token.secrets())

    def _of(self, mailbox: str | None) -> RenewedToken:
        token = self._tokens.get(mailbox)
        if token is None:
            token = self._tokens[mailbox] = self._token_of(mailbox)
        return token
