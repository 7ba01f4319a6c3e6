"""
The hostile responses: what a service, or whoever stands in its place, sends instead of what it documents.

A case says what is sent in place of the real response, to which requests, and how often. It runs on every service that
speaks HTTP and JSON.
"""

from __future__ import annotations

import asyncio
import copy
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web
from support.services import SERVICES

EVIL = "{evil}"
"""Stands for the address of another server, which nothing may ever reach."""


@dataclass(frozen=True)
class Asked:
    """
    A request, as a hostile response may use it.

    :param number: how many there were before it
    :param real: what the real service responded; None where it was not asked
    """

    service: str
    operation: str
    request: web.Request
    body: bytes
    number: int
    evil: str
    real: Any = None


@dataclass(frozen=True)
class HostileResponse:
    """
    One hostile response.

    :param name: says what is hostile in it
    :param make: makes it
    :param operations: to which requests: ``list``, ``send``, ``token``
    :param needs_real: whether the real service is asked first
    :param services: for which; all, if empty
    """

    name: str
    make: Callable[[Asked], Any]
    operations: tuple[str, ...] = ("list", "send", "token")
    needs_real: bool = False
    services: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name


def _fixed(
    status: int = 200, body: bytes | str = b"", kind: str = "application/json", **headers: str
) -> Callable[[Asked], Any]:
    content = body.encode() if isinstance(body, str) else body

    def make(asked: Asked) -> web.Response:
        made = {name.replace("_", "-"): value.replace(EVIL, asked.evil) for name, value in headers.items()}
        return web.Response(status=status, body=content, headers={"Content-Type": kind, **made})

    return make


def _json(value: Any, status: int = 200) -> Callable[[Asked], Any]:
    return _fixed(status, json.dumps(value))


def _throttled(retry_after: str | None) -> Callable[[Asked], Any]:
    def make(asked: Asked) -> web.Response:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        status, body = SERVICES[asked.service].wire.overload
        return web.json_response(body, status=status, headers=headers)

    return make


def _operating(seconds: float) -> Callable[[Asked], Any]:
    return _json({"error": "OPERATION_TIME_LIMIT", "time": {"operating_reset_at": seconds}}, 429)


def _next(page: Callable[[Asked], str]) -> Callable[[Asked], Any]:
    """Return the real page with a link to another one."""

    def make(asked: Asked) -> web.Response:
        body, link = copy.deepcopy(asked.real), page(asked)
        if isinstance(body, dict):
            SERVICES[asked.service].wire.next_page(body, link, asked.number + 1)
        return web.json_response(body)

    return make


def _own_page(number: int | None) -> Callable[[Asked], str]:
    def page(asked: Asked) -> str:
        which = asked.number if number is None else number
        address = asked.request.url
        query = {**address.query, "page_of_corpus": str(which)}
        return (
            str(address.with_query(query)) if SERVICES[asked.service].wire.pages_by_link else f"token{which}"
        )

    return page


def _echo(status: int, shape: str) -> Callable[[Asked], Any]:
    """Repeat the whole request, secrets and all."""

    def make(asked: Asked) -> web.Response:
        headers = "\n".join(
            f"{name}: {asked.request.headers[name]}"
            for name in sorted(asked.request.headers, key=lambda name: name != "Authorization")
        )
        # What holds the secret comes first: messages are cut.
        body = asked.body.decode("latin-1")
        first = headers if asked.operation != "token" else body if shape != "code" else unquote_plus(body)
        said = f"{first}\n{asked.request.method} {asked.request.raw_path}\n{headers}\n\n{body}"
        if shape == "html":
            return web.Response(
                status=status, text=f"<html><pre>{said}</pre></html>", content_type="text/html"
            )
        words: Any = {
            "error": said if shape == "code" else "invalid_request",
            "error_description": said,
            "message": said,
            "errors": {"request": [{"key": "errors.echo", "description": said}]},
        }
        if shape == "nested":
            words = {
                "error": {
                    "code": "invalidRequest",
                    "message": said,
                    "status": said,
                    "errors": [{"reason": said, "message": said}],
                }
            }
        return web.json_response(words, status=status)

    return make


@cache
def _bomb(megabytes: int, start: bytes = b'{"value": [], "items": [], "x": "') -> bytes:
    """Return gzip that grows to so many megabytes; made in pieces, as memory is measured meanwhile."""
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    pieces = [packer.compress(start), *(packer.compress(b"a" * 2**20) for _ in range(megabytes))]
    return b"".join([*pieces, packer.compress(b'"}'), packer.flush()])


async def _drip(asked: Asked) -> web.StreamResponse:
    """Send one byte now and then, without end."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(asked.request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def _short(asked: Asked) -> web.StreamResponse:
    """Promise more than comes."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    response.force_close()
    await response.prepare(asked.request)
    await response.write(b'{"value": [')
    if asked.request.transport is not None:
        asked.request.transport.close()
    return response


async def _flood(asked: Asked) -> web.StreamResponse:
    """Send as much as is taken."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(asked.request)
    await response.write(b'{"x": "')
    while True:
        await response.write(b"a" * 2**16)


def _oversized(asked: Asked) -> web.Response:
    return web.Response(text="{}", headers={"X-Big": "a" * 100_000})


def _many_headers(asked: Asked) -> web.Response:
    return web.Response(text="{}", headers={f"X-{number}": "a" * 100 for number in range(5_000)})


_EVERY_LIST = (*(each.wire.list_key for each in SERVICES.values()), "calendars")
_BY_LINK = frozenset(each.name for each in SERVICES.values() if each.wire.pages_by_link)


def _lists_of(value: Any) -> Callable[[Asked], Any]:
    return _json(dict.fromkeys(_EVERY_LIST, value))


_TEXT = "Gone \x1b[2J\x1b]0;owned\x07 \u202egnp\u202c \b\b\x9b31m\nFORGED line {{ 41999 + 2 }} [x](https://evil.example)"

LOAD = (
    HostileResponse("load: no Retry-After", _throttled(None)),
    HostileResponse("load: Retry-After 0", _throttled("0")),
    HostileResponse("load: Retry-After is negative", _throttled("-5")),
    HostileResponse("load: Retry-After has passed", _throttled("Sun, 06 Nov 1994 08:49:37 GMT")),
    HostileResponse("load: Retry-After is a fraction", _throttled("0.0001")),
    HostileResponse("load: Retry-After is garbage", _throttled("soon\x09")),
    HostileResponse("load: Retry-After is huge", _throttled("9" * 400)),
    HostileResponse("load: Retry-After is no number", _throttled("nan")),
    HostileResponse("load: Retry-After is infinite", _throttled("inf")),
    HostileResponse("load: Retry-After is far away", _throttled("Fri, 31 Dec 9999 23:59:59 GMT")),
    HostileResponse("load: operating_reset_at has passed", _operating(1.0), services=frozenset({"bitrix24"})),
    HostileResponse(
        "load: operating_reset_at is negative", _operating(-1e300), services=frozenset({"bitrix24"})
    ),
    HostileResponse(
        "load: operating_reset_at is no number", _operating(float("nan")), services=frozenset({"bitrix24"})
    ),
    HostileResponse(
        "load: operating_reset_at is infinite", _operating(float("inf")), services=frozenset({"bitrix24"})
    ),
)

PAGES = (
    HostileResponse("pages: another one without end", _next(_own_page(None)), ("list",), needs_real=True),
    HostileResponse("pages: the same one without end", _next(_own_page(1)), ("list",), needs_real=True),
    HostileResponse(
        "pages: on another host",
        _next(lambda asked: f"{asked.evil}/next"),
        ("list",),
        needs_real=True,
        services=_BY_LINK,
    ),
    HostileResponse(
        "pages: on another host, without a scheme",
        _next(lambda asked: f"//{asked.evil.partition('//')[2]}/next"),
        ("list",),
        needs_real=True,
        services=_BY_LINK,
    ),
    HostileResponse(
        "pages: behind a user that looks like the host",
        _next(lambda asked: f"http://{asked.request.host}@{asked.evil.partition('//')[2]}/next"),
        ("list",),
        needs_real=True,
        services=_BY_LINK,
    ),
    HostileResponse(
        "pages: a file",
        _next(lambda asked: "file:///etc/passwd"),
        ("list",),
        needs_real=True,
        services=_BY_LINK,
    ),
    HostileResponse(
        "pages: a line end",
        _next(lambda asked: f"{asked.request.url}\r\nX-Injected: 1"),
        ("list",),
        needs_real=True,
        services=_BY_LINK,
    ),
    HostileResponse("pages: link as a number", _next(lambda asked: 7), ("list",), needs_real=True),  # type: ignore[arg-type, return-value]
)

SIZES = (
    HostileResponse(
        "size: gzip of 200 MB",
        lambda asked: web.Response(
            body=_bomb(200), headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
        ),
    ),
    HostileResponse(
        "size: gzip of 200 MB in an error",
        lambda asked: web.Response(
            status=400,
            body=_bomb(200),
            headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
        ),
    ),
    HostileResponse("size: without end", _flood),
    HostileResponse("size: without end, slowly", _drip),
    HostileResponse("size: 10 MB of brackets", _fixed(body=b"[" * 10_000_000)),
    HostileResponse("size: 10 MB of objects", _fixed(body=b'{"value":' * 1_000_000)),
    HostileResponse("size: a number of 5 MB", _fixed(body=b'{"value": ' + b"9" * 5_000_000 + b"}")),
    HostileResponse("size: a header of 100 KB", _oversized),
    HostileResponse("size: 5,000 headers", _many_headers),
)

ECHOES = tuple(
    HostileResponse(f"echo: {status} as {shape}", _echo(status, shape))
    for status in (200, 400, 401, 403, 404, 500, 503)
    for shape in ("description", "code", "nested", "html")
)

REDIRECTS = tuple(
    HostileResponse(f"redirect: {status} to {name}", _fixed(status, Location=place))
    for status in (302, 307, 308)
    for name, place in {
        "another host": f"{EVIL}/stolen",
        "another host, without a scheme": "//evil.example/stolen",
        "a file": "file:///etc/passwd",
        "nowhere": "",
    }.items()
)

SHAPES = (
    *(
        HostileResponse(f"shape: {json.dumps(value)[:40]}", _json(value))
        for value in (None, [], "text", 7, True, {}, [[]], [None], {"": None})
    ),
    *(
        HostileResponse(f"shape: lists as {json.dumps(value)[:40]}", _lists_of(value), ("list", "send"))
        for value in (None, 7, "text", {}, [None], [7], ["x"], [[]], [{}], [{"id": {}}])
    ),
    *(
        HostileResponse(f"shape: token as {json.dumps(value)[:60]}", _json(value), ("token",))
        for value in (
            {"access_token": None},
            {"access_token": 7, "expires_in": 3600, "token_type": "Bearer"},
            {"access_token": ["x"], "expires_in": 3600, "token_type": "Bearer"},
            {"access_token": "a\r\nX-Injected: 1", "expires_in": 3600, "token_type": "Bearer"},
            {"access_token": "\ud800", "expires_in": 3600, "token_type": "Bearer"},
            {"access_token": "a" * 1_000_000, "expires_in": 3600, "token_type": "Bearer"},
            {"access_token": "", "expires_in": 3600, "token_type": "Bearer"},
            {"access_token": "x", "expires_in": "soon", "token_type": "Bearer"},
            {"access_token": "x", "expires_in": -1, "token_type": "Bearer"},
            {"access_token": "x", "expires_in": 1e300, "token_type": "Bearer"},
            {"access_token": "x", "expires_in": [], "token_type": "Bearer", "refresh_token": 7},
        )
    ),
    HostileResponse("shape: not a number", _fixed(body="NaN")),
    HostileResponse("shape: empty", _fixed()),
    HostileResponse("shape: cut off", _fixed(body=b'{"value": [{"id": "')),
    HostileResponse("shape: shorter than promised", _short),
    HostileResponse("shape: a page", _fixed(body="<html><body>Sign in</body></html>", kind="text/html")),
    HostileResponse("shape: a page that says it is JSON", _fixed(body="<html><body>Sign in</body></html>")),
    HostileResponse("shape: not UTF-8", _fixed(body=b'{"value": ["\xff\xfe\xed\xa0\x80"]}')),
    HostileResponse("shape: UTF-16", _fixed(body='{"value": []}'.encode("utf-16"))),
    HostileResponse(
        "shape: a charset that is none", _fixed(body=b"{}", kind="application/json; charset=evil")
    ),
    HostileResponse("shape: a status that is none", _fixed(599, b"{}")),
    HostileResponse("shape: no content", _fixed(204)),
)

WORDS = tuple(
    HostileResponse(f"words: {status} as {shape}", _json(value, status))
    for status in (200, 400, 403, 429, 500)
    for shape, value in {
        "text": {"error": _TEXT, "error_description": _TEXT, "message": _TEXT},
        "nested": {
            "error": {"code": _TEXT, "message": _TEXT, "errors": [{"reason": _TEXT, "message": _TEXT}]}
        },
        "fields": {"errors": {_TEXT: [{"key": _TEXT, "description": _TEXT}]}},
        "numbers": {"error": 7, "error_description": [], "message": {}, "errors": 7},
        "long": {"error": "a" * 1_000_000, "error_description": "b" * 1_000_000, "message": "c" * 1_000_000},
    }.items()
)

RESPONSES: tuple[HostileResponse, ...] = (*LOAD, *PAGES, *SIZES, *ECHOES, *REDIRECTS, *SHAPES, *WORDS)
