"""
A CalDAV server that stores any bytes and gives them back as they are.

Real servers refuse some hostile objects, and which ones differs; here none is. It schedules, as Cyrus does: a change of
the user's own participation status mails the organizer.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from urllib.parse import quote, unquote, unquote_to_bytes
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aiohttp import web

HOME, CALENDAR = "/dav/alice/", "work"
ME = "alice@home.example"
_DAV, _CALDAV = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
_FOLD = re.compile(rb"\r?\n[ \t]")
_MINE = re.compile(rb"(?im)^ATTENDEE[^\r\n]*:mailto:" + re.escape(ME.encode()) + rb"[ \t]*\r?$")
_PARTSTAT = re.compile(rb"(?i);PARTSTAT=\"?([^;:\"]*)")
_COMMENT = re.compile(rb"(?im)^COMMENT[^:\r\n]*:([^\r\n]*)")


class CalDAVServer:
    """Runs in a thread of its own while it is entered."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        """By their encoded path."""
        self.mail: list[tuple[str, str]] = []
        """Each reply that an organizer was sent: the path of the object, and the comment."""
        self.url = ""
        self._version = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> CalDAVServer:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    def reset(self) -> None:
        """Forget all objects and all mail."""
        self.objects, self.mail = {}, []
        self._version += 1

    def put(self, name: str, data: bytes) -> str:
        """Store an object under any name, and return the event id that it gets."""
        path = f"{HOME}{CALENDAR}/{quote(name.encode('utf-8', 'surrogatepass'), safe='')}.ics"
        self.objects[path] = data
        self._version += 1
        return path.removeprefix(HOME)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._started.set()
        await self._ended.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        body, path = await request.read(), request.rel_url.raw_path
        match request.method:
            case "OPTIONS":
                return web.Response(
                    headers={
                        "DAV": "1, access-control, calendar-access, calendar-auto-schedule",
                        "Server": "Cyrus-HTTP/3.8",
                    }
                )
            case "PROPFIND":
                return self._properties(path)
            case "REPORT":
                return self._report(body)
            case "GET" if (found := self._found(path)) is not None:
                return web.Response(
                    body=self.objects[found],
                    headers={"ETag": _etag(self.objects[found])},
                    content_type="text/calendar",
                )
            case "PUT" if (found := self._found(path)) is not None:
                if request.headers.get("If-Match") not in (None, _etag(self.objects[found])):
                    return web.Response(status=412)
                self._write(found, body, silent=request.headers.get("Schedule-Reply") == "F")
                return web.Response(status=204)
        return web.Response(status=404)

    def _found(self, path: str) -> str | None:
        plain = unquote_to_bytes(path)
        return next((each for each in self.objects if unquote_to_bytes(each) == plain), None)

    def _write(self, path: str, data: bytes, *, silent: bool) -> None:
        before, after = _statuses(self.objects[path]), _statuses(data)
        told = b"SCHEDULE-AGENT=CLIENT" not in data.upper() and not silent
        if (before != after or b"SCHEDULE-FORCE-SEND" in data.upper()) and told:
            stood = _COMMENT.findall(_FOLD.sub(b"", self.objects[path]))
            comments = b"\n".join(
                each for each in _COMMENT.findall(_FOLD.sub(b"", data)) if each not in stood
            )
            self.mail.append((path, comments.decode("utf-8", "replace")))
        self.objects[path] = data
        self._version += 1

    def _properties(self, path: str) -> web.Response:
        if path.rstrip("/") == HOME.rstrip("/"):
            kind = "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>"
            default = f"<D:href>{HOME}{CALENDAR}/</D:href>"
            return _multistatus(
                _resource(
                    HOME, f"<C:schedule-default-calendar-URL>{default}</C:schedule-default-calendar-URL>"
                ),
                _resource(f"{HOME}{CALENDAR}/", f"{kind}<D:displayname>Work</D:displayname>"),
            )
        if path.rstrip("/") == f"{HOME}{CALENDAR}":
            return _multistatus(_resource(path, f"<D:sync-token>{self._version}</D:sync-token>"))
        return _multistatus(
            _resource(
                path,
                "<D:current-user-principal><D:href>/principal/</D:href></D:current-user-principal>"
                f"<D:displayname>Alice</D:displayname><C:calendar-home-set><D:href>{HOME}</D:href></C:calendar-home-set>"
                f"<C:calendar-user-address-set><D:href>mailto:{ME}</D:href></C:calendar-user-address-set>",
            )
        )

    def _report(self, body: bytes) -> web.Response:
        root = ElementTree.fromstring(body)
        if root.tag == f"{_CALDAV}calendar-multiget":
            wanted = {unquote(each.text or "") for each in root.iter(f"{_DAV}href")}
            found = [path for path in self.objects if unquote(path) in wanted]
        elif root.tag == f"{_DAV}sync-collection":
            token = f"<D:sync-token>{self._version}</D:sync-token>"
            if root.findtext(f"{_DAV}sync-token") == str(self._version):
                return _multistatus(token)
            return _multistatus(
                *(
                    _resource(path, f"<D:getetag>{_etag(self.objects[path])}</D:getetag>")
                    for path in self.objects
                ),
                token,
            )
        else:
            match = root.find(f".//{_CALDAV}text-match")
            uid = (match.text or "").encode() if match is not None else b""
            found = [path for path, data in self.objects.items() if uid in _FOLD.sub(b"", data)]
        return _multistatus(*(self._object(path) for path in found))

    def _object(self, path: str) -> bytes:
        # Bytes that XML does not allow go out as they were stored, as from a server that does not look.
        data = self.objects[path].replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
        head, _, tail = _resource(
            path,
            f"<D:getetag>{escape(_etag(self.objects[path]))}</D:getetag><C:calendar-data>|</C:calendar-data>",
        ).partition(b"|")
        return head + data + tail


def _etag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:16]}"'


def _statuses(data: bytes) -> list[bytes]:
    lines = _MINE.findall(_FOLD.sub(b"", data))
    return sorted(found[1].upper() if (found := _PARTSTAT.search(line)) else b"" for line in lines)


def _resource(path: str, properties: str) -> bytes:
    return (
        f"<D:response><D:href>{escape(path)}</D:href><D:propstat><D:prop>{properties}</D:prop>"
        "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
    ).encode()


def _multistatus(*parts: bytes | str) -> web.Response:
    inner = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    body = (
        b'<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
        + inner
        + b"</D:multistatus>"
    )
    return web.Response(status=207, body=body, content_type="application/xml", charset="utf-8")
