"""A Radicale server of the tests' own: CalDAV without scheduling. Alice's calendar ``work``, on loopback."""

from __future__ import annotations

import base64
import contextlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from support.cyrus_server import PASSWORD, calendar_text

CALENDAR = "work"
_STARTING = 20.0


class Radicale:
    """A running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def request(self, method: str, name: str, body: str | None = None) -> str:
        """Send one request for an object of the calendar, and return what was answered."""
        credentials = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}/alice/{CALENDAR}/{name}",
            data=body.encode() if body is not None else None,
            headers={"Authorization": f"Basic {credentials}", "Content-Type": "text/calendar; charset=utf-8"},
            method=method,
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return answer.read().decode()

    def invite(self, uid: str, *properties: str, attendee: str = "", **fields: str) -> str:
        """Put an invitation into Alice's calendar, as a mail program does, and return its event id."""
        self.request("PUT", f"{uid}.ics", calendar_text(uid, *properties, attendee=attendee, **fields))
        return f"{CALENDAR}/{uid}.ics"

    def get(self, uid: str) -> str:
        return self.request("GET", f"{uid}.ics").replace("\r\n ", "").replace("\r\n", "\n")


@contextlib.contextmanager
def running() -> Iterator[Radicale]:
    """Start a server in a folder of its own, and stop it at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="rsvp-radicale-") as folder:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "radicale", "--config", ""),
                *("--server-hosts", f"127.0.0.1:{port}"),
                *("--auth-type", "none"),
                *("--storage-filesystem-folder", folder),
                *("--logging-level", "error"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            radicale = Radicale(f"http://127.0.0.1:{port}")
            until = time.monotonic() + _STARTING
            while True:
                try:
                    radicale.request("MKCALENDAR", "")
                    break
                except urllib.error.URLError:
                    assert time.monotonic() < until, "Radicale does not start"
                    assert server.poll() is None, "Radicale ended"
                    time.sleep(0.05)
            yield radicale
        finally:
            server.terminate()
            server.wait(10)
