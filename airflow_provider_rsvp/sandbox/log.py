"""The log of requests that were received, without secrets."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_rsvp.sandbox.wire import MALFORMED, Call

_REDACTED = "<redacted>"
_SECRET = {
    "access_token",
    "assertion",
    "auth",
    "client_assertion",
    "client_secret",
    "code",
    "refresh_token",
    "token",
}
_WEBHOOK = re.compile(r"^(/bitrix24/rest/\d+/)[^/]+")


@dataclass(slots=True)
class Entry:
    """One request and the response to it."""

    call: Call
    status: int | None = None
    fault: str | None = None

    def show(self) -> dict[str, object]:
        """Show the entry without secrets."""
        call = self.call
        return {
            "service": call.service,
            "operation": call.operations[0] if call.operations else None,
            "operations": list(call.operations),
            "method": call.method,
            "path": _WEBHOOK.sub(rf"\1{_REDACTED}", f"/{call.service}{call.path}"),
            "query": _fields(call.query.items()),
            "headers": {name: _header(name, value) for name, value in call.headers.items()},
            "body": "<malformed>" if call.data is MALFORMED else _clean(call.data),
            "mailbox": call.mailbox,
            "event_ids": list(call.event_ids),
            "status": self.status,
            "fault": self.fault,
        }


class RequestLog:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=20_000)

    def add(self, call: Call) -> Entry:
        """Log a call."""
        entry = Entry(call)
        self._entries.append(entry)
        return entry

    def show(self) -> list[dict[str, object]]:
        """Show all entries."""
        return [entry.show() for entry in self._entries]


def _header(name: str, value: str) -> str:
    if name.casefold() != "authorization":
        return value
    return f"{value.partition(' ')[0]} {_REDACTED}"


def _fields(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Query fields; one that came several times holds a list."""
    shown: dict[str, object] = {}
    for name, value in pairs:
        clean = _REDACTED if name.casefold() in _SECRET else value
        present = shown.get(name)
        if present is None:
            shown[name] = clean
        elif isinstance(present, list):
            present.append(clean)
        else:
            shown[name] = [present, clean]
    return shown


def _clean(value: object) -> object:
    if isinstance(value, dict):
        return {
            name: _REDACTED if str(name).casefold() in _SECRET and isinstance(each, str) else _clean(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return value
