"""
Carrying requests to a service over pooled connections.

Stands on the HTTP provider's ``HttpAsyncHook`` with a session configuration of our own, so that
connection extras never become headers, and status, body, redirects and repeats stay ours.
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
    ServiceUnavailableError,
    ThrottledError,
    UnclearOutcomeError,
)
from airflow_provider_rsvp.redaction import keep_out
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.services.wire import Dialect, Purpose, Request, Response
from airflow_provider_rsvp.transport.batcher import Batcher, Carried, Unanswered, Unreached
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
_MOST_REFUSALS = 100
"""How often one request is made again because the service asks for fewer, however long it may wait in all."""
_NO_SECRETS = frozenset({"grant_type", "client_id", "client_assertion_type", "scope", "redirect_uri"})
"""Of what is sent to a token endpoint, the parts that anybody may read."""


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
        self._dialect = dialect
        self._origin = origin
        self._token_origin = token_origin
        self._timeouts = timeouts or Timeouts()
        self._throttle: Throttle | None = None
        self._batcher: Batcher | None = None
        self._client: aiohttp.ClientSession | None = None
        self._sessions: dict[str, AsyncHttpSession] = {}
        self._routes: dict[Origin, Route] = {}
        self.auth: Auth | None = None

    async def __aenter__(self) -> Self:
        import aiohttp

        self._throttle = shared_throttle(
            f"{self._dialect.service} {self._origin.host}:{self._origin.port} {self._dialect.limits}",
            self._dialect.limits,
        )
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._dialect.limits.at_once),
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
        self._sessions.clear()
        self._routes.clear()
        if self._client is not None:
            await self._client.close()
            self._client = None
        self._throttle = None

    def batch(self) -> None:
        """Let requests that are under way at once travel together from now on, where the service takes batches."""
        if self._dialect.batching is not None:
            self._batcher = Batcher(self._dialect.batching, self._carry)

    @property
    def places(self) -> tuple[str, ...]:
        """The service and the addresses that this transport talks to, by which its grants are told from others."""
        origins = (self._origin, self._token_origin)
        return (self._dialect.service, *(origin.base if origin else "" for origin in origins))

    async def granted(self) -> Grant | None:
        """Return what the connection is granted now; None where it has no access token."""
        return await self.auth.granted() if self.auth is not None else None

    def token_address(self, request: Request) -> str:
        """Return the address that a ``TOKEN`` request goes to, which its assertion has to name."""
        return self._origin_of(request).resolve(request.url)

    async def send(self, request: Request) -> Response:
        """
        Return the answer to a request, whatever its status.

        Repeats after a failed connect, once after renewing the access token, and when the service
        refused for load; nothing else.

        :raises ServiceUnavailableError: the service was not reached, or a read got no answer
        :raises ThrottledError: the service asks for a longer wait than we may take
        :raises UnclearOutcomeError: a ``SEND`` left and no answer came
        :raises UntrustedHostError: the address or a redirect leads outside the configured host
        """
        origin = self._origin_of(request)
        throttle = self._entered()
        auth, batcher = self._auth_for(request), self._batcher
        # What waits for a token holds its mailbox's turn, so the token must not need the same one.
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
            if isinstance(response, Unanswered):
                raise self._unanswered(request, response)
            if isinstance(response, Unreached):
                unreached += 1
                if unreached == _CONNECT_ATTEMPTS:
                    raise ServiceUnavailableError(
                        f"Could not {request.what}: {self._dialect.service} at {origin.host} "
                        f"cannot be reached ({response.reason}). Nothing was done by this request."
                    )
                await asyncio.sleep(_backoff(unreached))
                continue
            if 300 <= response.status < 400 and not request.returns_redirect:
                raise origin.refuse_redirect(response.headers.get("location", ""))
            if auth and not renewed and self._dialect.token_refused(response) and await auth.renew(token):
                renewed = True
                continue
            if not self._dialect.refused_for_load(response):
                return response
            throttled += 1
            asked = self._dialect.pause(response)
            pause = _backoff(throttled) if asked is None else max(asked, _shortest_pause(throttled))
            waited += pause
            if waited > self._timeouts.throttle:
                raise ThrottledError(
                    f"Could not {request.what}: {self._dialect.service} asks for fewer requests (HTTP "
                    f"{response.status}) and for a wait of {waited:.0f} s in all, which is more than the "
                    f"{self._timeouts.throttle:.0f} s this task may wait. Nothing was done by this request."
                )
            if throttled == _MOST_REFUSALS:
                raise ThrottledError(
                    f"Could not {request.what}: {self._dialect.service} asked for fewer requests {throttled} times "
                    f"in a row (HTTP {response.status}). Nothing was done by this request."
                )
            log.info(
                "%s asks for fewer requests; waiting %.1f s to %s.",
                self._dialect.service,
                pause,
                request.what,
            )
            throttle.pause(turn, pause)

    def _origin_of(self, request: Request) -> Origin:
        if request.purpose is not Purpose.TOKEN:
            return self._origin
        if self._token_origin is None:
            raise ConfigurationError("The connection has no token endpoint.")
        return self._token_origin

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
        # Before the slot: the token may have to be asked for, which takes a slot itself.
        signed, token = await auth.authorize(request) if auth else (request, None)
        # Whatever the service makes of them, they show in no message from now on.
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
            # Nothing is raised to the hook, which logs the address of a request whose answer it cannot read.
            try:
                async with client.request(method, URL(url, encoded=True), **options) as response:
                    body = await read_body(response)
            except (aiohttp.ClientError, OSError, ValueError, UnreadableBodyError) as error:
                return self._failed(error)
            return Response(response.status, _received(response.headers), body)

        return AsyncHttpSession(
            hook=HttpAsyncHook(http_conn_id="", retry_limit=1),
            request=carry,  # type: ignore[arg-type]  # it hands on whatever comes back
            config=SessionConfig(base_url=""),
            # The provider passes a body on with the methods it knows, of which there are few.
            method="GET" if method == "GET" else "POST",
        )

    def _failed(self, error: Exception) -> Unreached | Unanswered:
        """Return what an error means for the request; its text, which may name the address, is not kept."""
        import aiohttp

        kind = type(error).__name__
        if isinstance(
            error,
            (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError),
        ):
            return Unreached(kind)
        if isinstance(error, TimeoutError):
            return Unanswered(f"no answer within {self._timeouts.request:g} s")
        if isinstance(error, UnreadableBodyError):
            return Unanswered(str(error))
        return Unanswered(f"the connection broke, {kind}")

    def _unanswered(
        self, request: Request, unanswered: Unanswered
    ) -> UnclearOutcomeError | ServiceUnavailableError:
        if request.purpose is Purpose.SEND:
            return UnclearOutcomeError(
                f"{self._dialect.service} was asked to {request.what}, and {unanswered.reason}; "
                "it may or may not have done so."
            )
        return ServiceUnavailableError(
            f"Could not {request.what}: {self._dialect.service} gave no whole answer ({unanswered.reason})."
        )


async def _sent_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """
    Send a request, once.

    aiohttp itself sends some of them again, a PUT too, when the connection breaks after they have left: at these two
    errors, so that they become another.
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
