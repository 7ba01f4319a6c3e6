"""A CalDAV server that keeps and shows whatever it is given, byte for byte, as a stranger may have written it."""

from __future__ import annotations

import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HOME = "/alice/"
_CALENDAR = f"{_HOME}work/"
_HEAD = b'<?xml version="1.0" encoding="utf-8"?><multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
_FOUND = {
    "/": b"<response><href>/</href><propstat><prop><current-user-principal><href>/alice/</href>"
    b"</current-user-principal></prop></propstat></response>",
    _HOME: b"<response><href>/alice/</href><propstat><prop><displayname>Alice</displayname><C:calendar-home-set>"
    b"<href>/alice/</href></C:calendar-home-set></prop></propstat></response>",
    _CALENDAR: b"<response><href>/alice/work/</href><propstat><prop><displayname>Work</displayname><resourcetype>"
    b"<collection/><C:calendar/></resourcetype>%b<sync-token>token</sync-token></prop></propstat></response>",
}


class OddServer:
    """
    Runs in threads of its own while it is entered; Alice's calendar ``work``.

    :param objects: what lies in the calendar, by names; None for an object that the server names and does not show
    :param endless: whether each report of changes says that there is more, under another token
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes | None] = {}
        self.zone = ""
        self.endless = False
        self.reports = 0
        self.written: list[bytes] = []
        server = self

        class Handler(_Handler):
            odd = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> OddServer:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    odd: OddServer

    def do_OPTIONS(self) -> None:
        self._answer(200, b"")

    def do_PROPFIND(self) -> None:
        self._body()
        if self.path not in ("/", _HOME, _CALENDAR):
            return self._answer(404, b"")
        zone = f"<C:calendar-timezone>{self.odd.zone}</C:calendar-timezone>".encode()
        found = _FOUND[self.path]
        if self.path == _HOME and self.headers["Depth"] == "1":
            found += _FOUND[_CALENDAR]
        return self._answer(207, _HEAD + found.replace(b"%b", zone) + b"</multistatus>")

    def do_REPORT(self) -> None:
        asked = self._body()
        names = [name for name in self.odd.objects if b"multiget" not in asked or name.encode() in asked]
        shown = b"".join(self._shown(name, b"sync-collection" not in asked) for name in names)
        self.odd.reports += 1
        if self.odd.endless and b"sync-collection" in asked:
            more = (
                b"<response><href>%b</href><status>HTTP/1.1 507 More</status></response>" % _CALENDAR.encode()
            )
            token = b"<sync-token>%d</sync-token></multistatus>" % self.odd.reports
            return self._answer(207, _HEAD + more + token)
        return self._answer(207, _HEAD + shown + b"<sync-token>later</sync-token></multistatus>")

    def do_GET(self) -> None:
        data = self.odd.objects.get(self.path.removeprefix(_CALENDAR))
        if data is None:
            return self._answer(404, b"")
        return self._answer(200, data, ETag=f'"{sha256(data).hexdigest()[:16]}"')

    def do_PUT(self) -> None:
        data = self._body()
        self.odd.objects[self.path.removeprefix(_CALENDAR)] = data
        self.odd.written.append(data)
        self._answer(204, b"")

    def _shown(self, name: str, whole: bool) -> bytes:
        data = self.odd.objects[name]
        text = b""
        if whole and data is not None:
            text = data.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b"&amp;#", b"&#")
            text = b"<C:calendar-data>" + text + b"</C:calendar-data>"
        href = f"<response><href>{_CALENDAR}{name}</href>".encode()
        return href + b"<propstat><prop><getetag>1</getetag>" + text + b"</prop></propstat></response>"

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
