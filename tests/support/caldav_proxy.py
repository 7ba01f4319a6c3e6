"""A reverse proxy that misbehaves on request, for real servers that do not."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, DummyCookieJar, web

_NOT_PASSED_ON = frozenset(
    {"transfer-encoding", "content-length", "connection", "keep-alive", "upgrade", "alt-svc"}
)


@dataclass
class Rule:
    """
    One fault.

    :param operation: what it befalls: ``discover``, ``observe``, ``list`` or ``send``; None for anything
    :param skip: how many requests are let through first
    :param times: how often it strikes; None for ever
    """

    kind: str
    operation: str | None = None
    when: str = "before"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    seconds: float = 0.5
    skip: int = 0
    times: int | None = 1
    struck: int = 0

    def strikes(self, operation: str) -> bool:
        if self.operation not in (None, operation) or (self.times is not None and self.struck >= self.times):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.struck += 1
        return True


@dataclass
class Seen:
    """A request that came in, and what was answered."""

    operation: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int = 0
    answer: bytes = b""


def operation_of(request: web.Request) -> str:
    if request.method == "GET":
        return "observe"
    return {"PUT": "send", "REPORT": "list"}.get(request.method, "discover")


class Proxy:
    """Runs in a thread of its own while it is entered."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.rules: list[Rule] = []
        self.seen: list[Seen] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._ended: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._ended is not None
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    def faults(self, *rules: dict[str, Any]) -> None:
        """Misbehave in these ways from now on, and forget what was seen."""
        self.rules = [Rule(**rule) for rule in rules]
        self.seen = []

    @property
    def struck(self) -> int:
        return sum(rule.struck for rule in self.rules)

    def operations(self) -> list[str]:
        return [each.operation for each in self.seen]

    def of(self, operation: str) -> list[Seen]:
        return [each for each in self.seen if each.operation == operation]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        async with ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as self._client:
            app = web.Application(client_max_size=2**24)
            app.router.add_route("*", "/{path:.*}", self._handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self._started.set()
            await self._ended.wait()
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(
            operation_of(request),
            request.method,
            request.raw_path,
            dict(request.headers),
            await request.read(),
        )
        self.seen.append(seen)
        rule = next((each for each in self.rules if each.strikes(seen.operation)), None)
        response = await self._answer(request, seen, rule)
        seen.status = response.status
        seen.answer = response.body if isinstance(response, web.Response) and response.body else b""
        return response

    async def _answer(self, request: web.Request, seen: Seen, rule: Rule | None) -> web.StreamResponse:
        if rule is None:
            return await self._pass_on(seen)
        if rule.kind == "no_effect":
            return web.Response(status=204)
        if rule.kind == "slow":
            await asyncio.sleep(rule.seconds if rule.when == "before" else 0)
            response = await self._pass_on(seen)
            await asyncio.sleep(rule.seconds if rule.when == "after" else 0)
            return response
        real = await self._pass_on(seen) if rule.when == "after" else None
        match rule.kind:
            case "status":
                return web.Response(status=rule.status, headers=rule.headers, text=rule.body or "")
            case "cut":
                return self._cut(request)
            case "hang":
                await asyncio.sleep(rule.seconds)
                return self._cut(request)
            case "malformed":
                return web.Response(text='{"broken": [', content_type="application/json")
            case "truncated":
                return await self._truncated(request, real)
            case "empty":
                return web.Response(text="")
            case "html":
                return web.Response(
                    text="<html><body>Not the service</body></html>", content_type="text/html"
                )
            case "redirect":
                return web.Response(status=302, headers={"Location": "https://elsewhere.example/"})
            case _:
                raise AssertionError(rule.kind)

    async def _pass_on(self, seen: Seen) -> web.Response:
        headers = {name: value for name, value in seen.headers.items() if name.lower() not in _NOT_PASSED_ON}
        async with self._client.request(
            seen.method, self.target + seen.path, data=seen.body, headers=headers, allow_redirects=False
        ) as answer:
            body = await answer.read()
            kept = [
                (name, value) for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED_ON
            ]
            response = web.Response(status=answer.status, body=body)
            response.headers.popall("Content-Type", None)
            for name, value in kept:
                # A server names itself in addresses; a proxy that is one has to rename it.
                response.headers.add(name, value.replace(self.target, self.url))
            return response

    def _cut(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _truncated(self, request: web.Request, real: web.Response | None) -> web.StreamResponse:
        response = web.StreamResponse(status=real.status if real and real.status != 204 else 200)
        response.content_length = 100
        response.force_close()
        await response.prepare(request)
        await response.write(b"half")
        if request.transport is not None:
            request.transport.close()
        return response
