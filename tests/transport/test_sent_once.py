"""A request goes out once, also when a kept connection breaks after it has left; over a real socket."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator

import pytest
from support.raw_server import response

from airflow_provider_rsvp.exceptions import ServiceUnavailableError, UnclearOutcomeError
from airflow_provider_rsvp.services.caldav import DIALECT
from airflow_provider_rsvp.services.wire import Purpose, Request
from airflow_provider_rsvp.transport.origin import Origin
from airflow_provider_rsvp.transport.session import Transport
from airflow_provider_rsvp.transport.tokens import StaticToken

pytestmark = pytest.mark.any_airflow

RESET = struct.pack("ii", 1, 0)
"""To linger for no time: the connection is reset, in place of being closed."""


@pytest.fixture(autouse=True)
def clock() -> None:
    """Time passes as it does: the server runs in a thread of its own."""


class BreakingServer(socketserver.ThreadingTCPServer):
    """
    Answers the first request on each connection, and breaks the connection at the second.

    :param how: ``closed`` or ``reset``
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, how: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.how = how
        self.received: list[str] = []


class _Handler(socketserver.StreamRequestHandler):
    server: BreakingServer

    def handle(self) -> None:
        self._read()
        self.wfile.write(response(200, {}, connection="keep-alive"))
        if self._read() and self.server.how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.connection.close()

    def _read(self) -> bool:
        first = self.rfile.readline().decode()
        length = 0
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            length = int(value) if name.lower() == "content-length" else length
        self.rfile.read(length)
        if first:
            self.server.received.append(first.split()[0])
        return bool(first)


@pytest.fixture(params=["closed", "reset"])
def server(request: pytest.FixtureRequest) -> Iterator[BreakingServer]:
    with BreakingServer(request.param) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _send_on_a_kept_connection(server: BreakingServer, request: Request) -> None:
    host, port = server.server_address[:2]

    async def send() -> None:
        transport = Transport(DIALECT, Origin.parse(f"http://{host!s}:{port}", field_name="host"))
        transport.auth = StaticToken("token")
        async with transport:
            await transport.send(Request(what="look", method="OPTIONS", url="x", purpose=Purpose.READ))
            await transport.send(request)

    asyncio.run(send())


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_a_reply_goes_out_once(server: BreakingServer, method: str) -> None:
    request = Request(what="answer", method=method, url="x", purpose=Purpose.SEND, content=b"accepted")
    with pytest.raises(UnclearOutcomeError, match="it may or may not have done so"):
        _send_on_a_kept_connection(server, request)
    assert server.received == ["OPTIONS", method]


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PROPFIND", "REPORT", "PUT"])
def test_and_so_does_a_look(server: BreakingServer, method: str) -> None:
    request = Request(what="look", method=method, url="x", purpose=Purpose.READ)
    with pytest.raises(ServiceUnavailableError, match="Could not look"):
        _send_on_a_kept_connection(server, request)
    assert server.received == ["OPTIONS", method]
