"""Answers of a service that means harm, or is broken: waiting, memory and listings are bounded."""

from __future__ import annotations

import asyncio
import email.utils
import gzip
import itertools
import json
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pendulum
import pytest
from support.raw_server import RawServer, Received, response

from airflow_provider_rsvp.exceptions import (
    MalformedResponseError,
    RsvpError,
    ServiceUnavailableError,
    ThrottledError,
    UnclearOutcomeError,
)
from airflow_provider_rsvp.hooks.base import CalendarHook, get_calendar_hook
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.model import EventReference
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.services import bitrix24, wire
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.wire import Pages, Purpose, Request, Response
from airflow_provider_rsvp.transport.body import MOST_BYTES
from airflow_provider_rsvp.transport.session import Transport

pytestmark = [pytest.mark.any_airflow, pytest.mark.usefixtures("sandbox")]

READ = Request(what="read event 1", method="GET", url="x", purpose=Purpose.READ)
SEND = Request(what="answer event 1", method="POST", url="x", purpose=Purpose.SEND, json={})
MEGABYTE = 1024**2


def _exchange(connect: Any, server: RawServer, request: Request, **options: Any) -> Response:
    """Send one request over the transport of a Microsoft Graph connection."""
    conn_id = connect("msgraph_calendar_static", host=server.url)
    hook = get_calendar_hook(conn_id, **options)
    assert isinstance(hook, CalendarHook)

    async def send() -> Response:
        transport: Transport = hook.build(Fields(hook.get_connection(conn_id), hook.conn_type)).transport
        async with transport:
            return await asyncio.wait_for(transport.send(request), 60)

    return asyncio.run(send())


# waiting


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("wait", ["0", "-5", "0.000001", "an hour ago", "Mon, 01 Jan 0001 00:00:00 GMT"])
def test_a_service_that_always_says_at_once_is_asked_a_few_times_only(
    connect: Any, status: int, wait: str
) -> None:
    wait = wait.replace("an hour ago", email.utils.formatdate(time.time() - 3600, usegmt=True))
    began = time.monotonic()
    with (
        RawServer(lambda request: response(status, {}, retry_after=wait)) as server,
        pytest.raises(ThrottledError, match="asks for fewer requests"),
    ):
        _exchange(connect, server, READ, throttle_timeout=3)

    assert 2 <= len(server.received) <= 8
    # What counts is the time that was really waited.
    assert time.monotonic() - began > 0.5


def test_an_operating_limit_that_ended_in_the_past_is_no_reason_to_ask_at_once(connect: Any) -> None:
    body = {"error": "OPERATION_TIME_LIMIT", "time": {"operating_reset_at": time.time() - 3600}}
    with RawServer(lambda request: response(503, body)) as server:
        hook = get_calendar_hook(connect("bitrix24_default", host=server.url), throttle_timeout=3)
        with pytest.raises(ThrottledError), hook:
            hook.get_invitation(EventReference(event_id="1"))
    assert 2 <= len(server.received) <= 8


@pytest.mark.parametrize("at", [0, -1e300, 1.7e9, 1e400, float("nan")])
def test_an_operating_limit_without_a_future_end_says_nothing(at: float) -> None:
    body = {"error": "OPERATION_TIME_LIMIT", "time": {"operating_reset_at": at}}
    pause = bitrix24.DIALECT.pause(Response(503, {}, json.dumps(body).encode()))
    assert pause is None or pause == float("inf")


def test_a_refused_request_is_made_again_a_bounded_number_of_times(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_rsvp.transport import session

    monkeypatch.setattr(session, "MOST_REFUSALS", 4)
    with (
        RawServer(lambda request: response(429, {}, retry_after="0.01")) as server,
        pytest.raises(ThrottledError, match="4 times in a row"),
    ):
        _exchange(connect, server, READ, throttle_timeout=1e9)
    assert len(server.received) == 4


# bodies


def _bomb(megabytes: int) -> bytes:
    """Return what decompresses to so much; each megabyte takes about a kilobyte."""
    squeeze = zlib.compressobj(9, wbits=31)
    return b"".join([*(squeeze.compress(b" " * MEGABYTE) for _ in range(megabytes)), squeeze.flush()])


def _raw_deflate(body: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(body) + squeeze.flush()


TOO_LARGE: dict[str, Callable[[], bytes]] = {
    "compressed a thousandfold": lambda: response(200, _bomb(300), content_encoding="gzip"),
    "compressed, of an error": lambda: response(500, _bomb(100), content_encoding="gzip"),
    "in many members": lambda: response(
        200, gzip.compress(b" " * MEGABYTE) * 90 + gzip.compress(b"{}"), content_encoding="x-gzip"
    ),
    "deflated": lambda: response(200, zlib.compress(b" " * 40 * MEGABYTE), content_encoding="deflate"),
    "as it is": lambda: response(200, b" " * (MOST_BYTES + 1)),
}


@pytest.mark.parametrize("what", TOO_LARGE)
def test_an_answer_that_is_too_large_is_not_read_to_its_end(connect: Any, what: str) -> None:
    answer = TOO_LARGE[what]()
    tracemalloc.start()
    try:
        with RawServer(lambda request: answer) as server:
            tracemalloc.reset_peak()
            with pytest.raises(ServiceUnavailableError, match="larger than 32 MB"):
                _exchange(connect, server, READ)
            _, peak = tracemalloc.get_traced_memory()
            with pytest.raises(UnclearOutcomeError, match="larger than 32 MB"):
                _exchange(connect, server, SEND)
    finally:
        tracemalloc.stop()

    assert peak < 200 * MEGABYTE
    assert len(server.received) == 2  # a send is not repeated


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"\x1f\x8b no gzip"),
        ("gzip", gzip.compress(b'{"value": []}')[:-9]),
        ("gzip", gzip.compress(b"") * 101),
        ("deflate", b"\xff" * 100),
        ("br", b"\x0b\x02\x80{}\x03"),
        ("zstd", b"{}"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
    ],
    ids=["not gzip", "cut short", "too many members", "not deflate", "brotli", "zstd", "twice"],
)
def test_an_answer_that_is_not_encoded_as_it_says(connect: Any, encoding: str, body: bytes) -> None:
    with (
        RawServer(lambda request: response(200, body, content_encoding=encoding)) as server,
        pytest.raises(ServiceUnavailableError, match="response"),
    ):
        _exchange(connect, server, READ)
    assert server.received[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("X-GZIP", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:7]) + gzip.compress(body[7:])),
        ("deflate", zlib.compress),
        ("deflate", _raw_deflate),
    ],
)
@pytest.mark.parametrize("length", [0, 10, 5 * MEGABYTE])
def test_an_answer_is_decoded(
    connect: Any, encoding: str, encode: Callable[[bytes], bytes], length: int
) -> None:
    body = json.dumps({"value": "a" * length}).encode()
    with RawServer(lambda request: response(200, encode(body), content_encoding=encoding)) as server:
        assert _exchange(connect, server, READ).body == body


VALUES = {
    "a million empty objects": b"[" + b"{}," * 1_000_000 + b"{}]",
    "ten million numbers": b"[" + b"1," * 10_000_000 + b"1]",
    "a deep list": b"[" * 1_000_000,
    "a long number": b'{"value": ' + b"9" * 10_000_000 + b"}",
}


@pytest.mark.parametrize("what", VALUES)
def test_json_that_would_take_much_memory_is_not_read(what: str) -> None:
    answer = Response(200, {}, VALUES[what])
    tracemalloc.start()
    try:
        with pytest.raises(MalformedResponseError):
            answer.json("read")
        assert answer.json_or_none() is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50 * MEGABYTE


# listings


def _graph_page(number: int, url: str) -> dict[str, Any]:
    return {"value": [], "@odata.nextLink": f"{url}/v1.0/next?page={number}"}


ENDLESS: dict[str, Callable[[int, str], Any]] = {
    "msgraph_calendar_static": _graph_page,
    "google_calendar_static": lambda number, url: {"items": [], "nextPageToken": f"page-{number}"},
    "cronofy_default": lambda number, url: {
        "calendars": [],
        "events": [],
        "pages": {"next_page": f"{url}/v1/events/pages/{number}"},
    },
}


def _endless(connect: Any, conn_id: str) -> tuple[RawServer, Callable[[str], CalendarHook]]:
    numbers = itertools.count()
    server: RawServer

    def answer(request: Received) -> bytes:
        return response(200, ENDLESS[conn_id](next(numbers), server.url))

    server = RawServer(answer)
    return server, lambda url: get_calendar_hook(connect(conn_id, host=url, calendar_id=None))


@pytest.mark.parametrize("feed", ["list", "changes"])
@pytest.mark.parametrize("conn_id", ENDLESS)
def test_a_listing_without_end_ends(
    connect: Any, monkeypatch: pytest.MonkeyPatch, conn_id: str, feed: str
) -> None:
    monkeypatch.setattr(wire, "MOST_PAGES", 30)
    server, hook_for = _endless(connect, conn_id)
    read = _listing if feed == "list" else _changes
    with server, pytest.raises(MalformedResponseError, match="more than 30 pages"):
        asyncio.run(asyncio.wait_for(read(hook_for(server.url)), 60))
    assert 30 <= len(server.received) <= 32


async def _listing(hook: CalendarHook) -> Any:
    return await hook.alist_invitations("now", "+1d")


async def _changes(hook: CalendarHook) -> Any:
    now = pendulum.now("UTC")
    async with hook.calendar() as calendar:
        return await calendar.client.changes(Window(now, now.add(days=1)), None)


def test_pages_of_a_listing_are_bounded_and_lead_in_no_circle() -> None:
    pages = Pages("list")
    for number in range(999):
        pages.following(f"page-{number}")
    with pytest.raises(MalformedResponseError, match="circle"):
        pages.following("page-0")
    with pytest.raises(MalformedResponseError, match="more than 1000 pages"):
        pages.following("page-999")


def test_events_of_a_listing_are_bounded() -> None:
    pages = Pages("list")
    for _ in range(100):
        assert pages.read([None] * 1000) == [None] * 1000
    with pytest.raises(MalformedResponseError, match="more than 100000 events"):
        pages.read([None])


@pytest.mark.parametrize("value", [None, {}, "events", 7])
def test_a_page_without_a_list_is_an_error(value: Any) -> None:
    with pytest.raises(MalformedResponseError):
        Pages("list").read(value)


def test_headers_that_are_too_many_or_too_long_are_an_error(connect: Any) -> None:
    heads = [f"X-Long: {'x' * 100_000}\r\n", "".join(f"X-{n}: y\r\n" for n in range(50_000))]
    for head in heads:
        with (
            RawServer(lambda request, head=head: f"HTTP/1.1 200 OK\r\n{head}\r\n".encode()) as server,
            pytest.raises(RsvpError),
        ):
            _exchange(connect, server, READ)
        assert len(server.received) == 1


def test_a_drip_ends_with_the_time_that_was_given(connect: Any) -> None:
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not ended.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    server = RawServer(lambda request: b"")
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    hook = get_calendar_hook(connect("msgraph_calendar_static", host=url), request_timeout=1.0)
    try:
        with pytest.raises(ServiceUnavailableError, match="within 1 s"), hook:
            hook.list_invitations("now", "+1d")
    finally:
        ended.set()
        listener.close()
        thread.join(10)
    assert server.received == []


def test_the_sandbox_is_read_as_before(sandbox: Sandbox) -> None:
    for service, conn_id in (("graph", "msgraph_calendar_static"), ("google", "google_calendar_static")):
        with get_calendar_hook(conn_id) as hook:
            assert hook.get_invitation(EventReference(event_id=sandbox.event_id(service, "planning")))
