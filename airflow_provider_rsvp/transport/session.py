"""
Carrying requests to a service over pooled connections.

Uses the HTTP provider's ``HttpAsyncHook`` with a session configuration of our own, so that connection extras never
become headers, and status, body, redirects and retries are handled here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

from airflow_provider_rsvp.exceptions import (
    ConfigurationError,
    SendRefusedError,
    ServiceUnavailableError,
    ThrottledError,
    UnclearOutcomeError,
)
from airflow_provider_rsvp.redaction import keep_out
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.services.wire import Dialect, Purpose, Request, Response
from airflow_provider_rsvp.transport.batcher import Batcher, Carried, NoResponse, Unreached
from airflow_provider_rsvp.transport.body import ACCEPTED_ENCODINGS, UnreadableBodyError, read_body
from airflow_provider_rsvp.transport.origin import Origin
from airflow_provider_rsvp.transport.proxies import Route, route_to
from airflow_provider_rsvp.transport.throttle import Throttle, shared_throttle
from airflow_provider_rsvp.transport.tokens import Auth

if TYPE_CHECKING:
    import aiohttp
    from airflow.providers.http.hooks.http import AsyncHttpSession

log = logging.getLogger(__name__)

_CONNECT_ATTEMPTS = 3
_LONGEST_BACKOFF = 30.0
_SHORTEST_BACKOFF = 0.1
MOST_REFUSALS = 100
"""How often one request is made again because the service asks for fewer, however short its waits are."""
_NO_SECRETS = frozenset({"grant_type", "client_id", "client_assertion_type", "scope", "redirect_uri"})
"""The parameters of a token request that are not secret."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """
    How long to wait for a service.

    :param request: seconds for one request, connecting included
    :param connect: seconds for connecting
    :param throttle: seconds, in all, that one request may wait because the service asks for fewer
    """

    request: float = 30.0
    connect: float = 10.0
    throttle: float = 300.0


class Transport:
    """
    An :class:`~airflow_provider_rsvp.services.wire.Exchange` over HTTP; used as an async context manager.

    Belongs to one event loop.

    :param dialect: what must be known of the service
    :param origin: the base address of the service
    :param token_origin: the base address of its token endpoint, if there is one
    """

    def __init__(
        self,
        dialect: Dialect,
        origin: Origin,
        *,
        token_origin: Origin | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.dialect = dialect
        self.origin = origin
        self.token_origin = token_origin
        self._timeouts = timeouts or Timeouts()
        self._throttle: Throttle | None = None
        self._batcher: Batcher | None = None
        self._client: aiohttp.ClientSession | None = None
        self._sessions: dict[str, AsyncHttpSession] = {}
        self._routes: dict[Origin, Route] = {}
        self.auth: Auth | None = None

    async def __aenter__(self) -> Self:
        import aiohttp

        self._throttle = shared_throttle(f"{self.place} {self.dialect.limits}", self.dialect.limits)
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.dialect.limits.at_once),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeouts.request, sock_connect=self._timeouts.connect),
            headers={"Accept-Encoding": ACCEPTED_ENCODINGS},
            auto_decompress=False,
            middlewares=(_sent_once,),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closed from here on, even if closing is cut short.
        client, self._client, self._throttle = self._client, None, None
        self._sessions.clear()
        self._routes.clear()
        if client is not None:
            await client.close()

    def batch(self) -> None:
        """From now on, send concurrent requests together, where the service takes batches."""
        if self.dialect.batching is not None:
            self._batcher = Batcher(self.dialect.batching, self._carry)

    @property
    def place(self) -> str:
        """The service and its host, which tell its events from those of others."""
        return f"{self.dialect.service} {self.origin.host}:{self.origin.port}"

    @property
    def request_timeout(self) -> float:
        """Seconds that one request takes at most."""
        return self._timeouts.request

    @property
    def places(self) -> tuple[str, ...]:
        """The service and the addresses that this transport talks to, by which its grants are told from others."""
        origins = (self.origin, self.token_origin)
        return (self.dialect.service, *(origin.base if origin else "" for origin in origins))

    async def granted(self) -> Grant | None:
        """Return what the connection is granted now; None where it has no access token."""
        return await self.auth.granted() if self.auth is not None else None

    def token_address(self, request: Request) -> str:
        """Return the address that a ``TOKEN`` request goes to, which its assertion has to name."""
        return self._origin_of(request).resolve(request.url)

    async def send(self, request: Request) -> Response:
        """
        Return the response to a request, whatever its status.

        Repeats after a failed connect, once after renewing the access token, and, unless it is a ``SEND``, when the
        service refused it for load; nothing else.

        :raises ServiceUnavailableError: the service was not reached, or a read got no response
        :raises ThrottledError: the service asks for a longer wait than we may take
        :raises SendRefusedError: the service refused a ``SEND`` for load
        :raises UnclearOutcomeError: a ``SEND`` left and no response came
        :raises UntrustedHostError: the address or a redirect leads outside the configured host
        """
        origin = self._origin_of(request)
        throttle = self._entered()
        auth, batcher = self._auth_for(request), self._batcher
        # A request that waits for a token holds its mailbox's turn, so the token request must not need the same one.
        turn = request.purpose if request.purpose is Purpose.TOKEN else request.mailbox
        waited = 0.0
        renewed = False
        unreached = throttled = 0
        while True:
            async with throttle.turn(turn):
                if batcher is not None and batcher.takes(request):
                    response, token = await batcher.carry(request)
                else:
                    response, token = await self._carry(request)
            if isinstance(response, NoResponse):
                raise self._no_response(request, response)
            if isinstance(response, Unreached):
                unreached += 1
                if unreached == _CONNECT_ATTEMPTS:
                    raise ServiceUnavailableError(
                        f"Could not {request.what}: {self.dialect.service} at {origin.host} "
                        f"cannot be reached ({response.reason}). Nothing was done by this request."
                    )
                await asyncio.sleep(_backoff(unreached))
                continue
            if 300 <= response.status < 400 and not request.returns_redirect:
                raise origin.refuse_redirect(response.headers.get("location", ""))
            if auth and not renewed and self.dialect.token_refused(response) and await auth.renew(token):
                renewed = True
                continue
            if not self.dialect.refused_for_load(response):
                return response
            throttled += 1
            asked = self.dialect.pause(response)
            pause = _backoff(throttled) if asked is None else max(asked, _shortest_pause(throttled))
            if request.purpose is Purpose.SEND:
                # Who sends has to look first: the refusal may have come after the effect.
                throttle.pause(turn, min(pause, self._timeouts.throttle))
                raise SendRefusedError(
                    f"{self.dialect.service} was asked to {request.what}, and asks for fewer requests (HTTP "
                    f"{response.status}).",
                    pause=pause,
                    limit=self._timeouts.throttle,
                )
            waited += pause
            if waited > self._timeouts.throttle:
                raise ThrottledError(
                    f"Could not {request.what}: {self.dialect.service} asks for fewer requests (HTTP "
                    f"{response.status}) and for a wait of {waited:.0f} s in all, which is more than the "
                    f"{self._timeouts.throttle:.0f} s this task may wait. Nothing was done by this request."
                )
            if throttled == MOST_REFUSALS:
                raise ThrottledError(
                    f"Could not {request.what}: {self.dialect.service} asked for fewer requests {throttled} times "
                    f"in a row (HTTP {response.status}). Nothing was done by this request."
                )
            log.info(
                "%s asks for fewer requests; waiting %.1f s to %s.",
                self.dialect.service,
                pause,
                request.what,
            )
            throttle.pause(turn, pause)

    def _origin_of(self, request: Request) -> Origin:
        if request.purpose is not Purpose.TOKEN:
            return self.origin
        if self.token_origin is None:
            raise ConfigurationError("The connection has no token endpoint.")
        return self.token_origin

    def _entered(self) -> Throttle:
        if self._throttle is None:
            raise RuntimeError("Enter the transport before sending.")
        return self._throttle

    def _auth_for(self, request: Request) -> Auth | None:
        return None if request.purpose is Purpose.TOKEN else self.auth

    async def _carry(self, request: Request) -> tuple[Carried, str | None]:
        """Make one HTTP request; return what came of it, and the access token that went along."""
        origin = self._origin_of(request)
        url = origin.resolve(request.url)
        auth = self._auth_for(request)
        # Before the slot is taken: asking for a token takes a slot itself.
        signed, token = await auth.authorize(request) if auth else (request, None)
        # Even if the service echoes them, they appear in no message from now on.
        keep_out(*_credentials(signed, token, auth))
        async with self._entered().slot():
            return await self._once(signed, url, self._route(origin)), token

    async def _once(self, request: Request, url: str, route: Route) -> Carried:
        body, headers = _encode(request)
        carried: Any = await self._session(request.method).run(
            endpoint=f"{url}?{urlencode(request.query, quote_via=quote)}" if request.query else url,
            data=body,  # type: ignore[arg-type]
            headers={**headers, **route.headers},
            extra_options={"check_response": False, "allow_redirects": False, **route.options},
        )
        assert isinstance(carried, Carried)
        return carried

    def _route(self, origin: Origin) -> Route:
        if origin not in self._routes:
            self._routes[origin] = route_to(origin)
        return self._routes[origin]

    def _session(self, method: str) -> AsyncHttpSession:
        session = self._sessions.get(method)
        if session is None:
            session = self._sessions[method] = self._open(method)
        return session

    def _open(self, method: str) -> AsyncHttpSession:
        import aiohttp
        from airflow.providers.http.hooks.http import AsyncHttpSession, HttpAsyncHook, SessionConfig
        from yarl import URL

        client = self._client
        if client is None:
            raise RuntimeError("Enter the transport before sending.")

        async def carry(url: str, **options: Any) -> Carried:
            # Nothing is raised to the hook, which logs the address of a request whose response it cannot read.
            try:
                async with client.request(method, URL(url, encoded=True), **options) as response:
                    body = await read_body(response)
            except (aiohttp.ClientError, OSError, ValueError, UnreadableBodyError) as error:
                return self._failed(error)
            return Response(response.status, _received(response.headers), body)

        return AsyncHttpSession(
            hook=HttpAsyncHook(http_conn_id="", retry_limit=1),
            request=carry,  # type: ignore[arg-type]  # it passes on what is returned
            config=SessionConfig(base_url=""),
            # The provider sends a body only with the few methods that it knows.
            method="GET" if method == "GET" else "POST",
        )

    def _failed(self, error: Exception) -> Unreached | NoResponse:
        """Return what an error means for the request; its text, which may name the address, is not kept."""
        import aiohttp

        kind = type(error).__name__
        if isinstance(
            error,
            (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError),
        ):
            return Unreached(kind)
        if isinstance(error, TimeoutError):
            return NoResponse(f"no response within {self._timeouts.request:g} s")
        if isinstance(error, UnreadableBodyError):
            return NoResponse(str(error))
        return NoResponse(f"the connection broke, {kind}")

    def _no_response(
        self, request: Request, no_response: NoResponse
    ) -> UnclearOutcomeError | ServiceUnavailableError:
        if request.purpose is Purpose.SEND:
            return UnclearOutcomeError(
                f"{self.dialect.service} was asked to {request.what}, and {no_response.reason}; "
                "it may or may not have done so."
            )
        return ServiceUnavailableError(
            f"Could not {request.what}: {self.dialect.service} gave no whole response ({no_response.reason})."
        )


async def _sent_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """
    Send a request, once.

    When a connection breaks after the request has left, aiohttp sends some methods again, PUT among them. It does so on
    these two errors, so they are turned into another.
    """
    import aiohttp

    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error


def _encode(request: Request) -> tuple[bytes | None, dict[str, str]]:
    if request.json is not None:
        content_type = {"Content-Type": "application/json; charset=utf-8"}
        return json.dumps(request.json).encode(), {**content_type, **request.headers}
    if request.form is not None:
        content_type = {"Content-Type": "application/x-www-form-urlencoded"}
        return urlencode(request.form).encode(), {**content_type, **request.headers}
    return request.content, dict(request.headers)


def _received(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers by their names in lower case; one that came several times as a list (RFC 9110, section 5.3)."""
    received: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        received[key] = f"{received[key]}, {value}" if key in received else value
    return received


def _credentials(request: Request, token: str | None, auth: Auth | None) -> Iterator[str]:
    """Return what is secret of a request."""
    if token is not None:
        yield token
    elif auth is not None:
        yield from auth.secrets()
    if request.purpose is Purpose.TOKEN:
        content = request.json if isinstance(request.json, dict) else {}
        for name, value in (*request.query, *(request.form or {}).items(), *content.items()):
            if name not in _NO_SECRETS:
                yield str(value)


def _shortest_pause(attempt: int) -> float:
    """Return the seconds to wait at least, however little the service asks for: doubling."""
    return min(_LONGEST_BACKOFF, _SHORTEST_BACKOFF * 2.0 ** (attempt - 1))


def _backoff(attempt: int) -> float:
    """Return the seconds before the next attempt: doubling, with jitter."""
    return random.uniform(0.5, 1.0) * min(_LONGEST_BACKOFF, 2.0 ** (attempt - 1))  # noqa: S311
