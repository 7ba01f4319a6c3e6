"""
Bitrix24's method ``batch``: up to fifty commands in one request.

Source: Bitrix24 REST documentation, ``batch``. In a batch, each ``calendar.meeting.status.set`` is followed by a
``calendar.meeting.status.get``, because its answer ``true`` also comes when nothing was done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_rsvp.services.wire import Batching, Purpose, Request, Response

SIZE = 50
"""Commands in one batch."""

SHOWN = "status_shown"
"""Where the answer to a setting carries what the reading after it showed; no name of Bitrix24's own."""

LOAD_CODES = frozenset({"query_limit_exceeded", "operation_time_limit"})
"""Error codes that say "too many requests" (Limits); in small letters."""

_SET = "calendar.meeting.status.set"
_GET = "calendar.meeting.status.get"


def as_map(value: Any) -> dict[str, Any]:
    """Return a map that PHP may have sent as an empty list."""
    return value if isinstance(value, dict) else {}


def _commands(request: Request) -> dict[str, str]:
    """Return the commands that stand for a request, by :func:`_names`."""
    if request.url == "batch":
        commands: dict[str, str] = request.json["cmd"]
        return commands
    # A number and a letter need no encoding.
    event = f"eventId={request.json['eventId']:d}"
    if request.url == _GET:
        return {"get": f"{_GET}?{event}"}
    return {"set": f"{_SET}?{event}&status={request.json['status']}", "get": f"{_GET}?{event}"}


def _names(request: Request) -> tuple[str, ...]:
    """Return the names of the commands that stand for a request; none for one that goes alone."""
    if request.purpose is Purpose.TOKEN or not isinstance(request.json, dict):
        return ()
    match request.url:
        case "batch":
            return tuple(request.json["cmd"])
        case "calendar.meeting.status.set":
            return ("set", "get")
        case "calendar.meeting.status.get":
            return ("get",)
        case _:
            return ()


def _weight(request: Request) -> int | None:
    return len(_names(request)) or None


def _pack(requests: Sequence[Request]) -> Request:
    commands = {
        f"{number}_{name}": command
        for number, request in enumerate(requests)
        for name, command in _commands(request).items()
    }
    purposes = {request.purpose for request in requests}
    return Request(
        what=f"run {len(commands)} commands in one request",
        method="POST",
        url="batch",
        purpose=Purpose.SEND if Purpose.SEND in purposes else Purpose.READ,
        json={"halt": 0, "cmd": commands},
    )


def _unpack(requests: Sequence[Request], response: Response) -> Sequence[Response | None]:
    body = response.json_or_none()
    if not response.ok or (isinstance(body, dict) and "error" in body):
        # The batch as a whole failed, and so did each request in it.
        return [response] * len(requests)
    result = body.get("result") if isinstance(body, dict) else None
    if not isinstance(result, dict):
        return [None] * len(requests)
    results, errors = as_map(result.get("result")), as_map(result.get("result_error"))
    return [_answer(number, request, results, errors) for number, request in enumerate(requests)]


def _answer(
    number: int, request: Request, results: Mapping[str, Any], errors: Mapping[str, Any]
) -> Response | None:
    names = _names(request)
    shown = {name: results[f"{number}_{name}"] for name in names if f"{number}_{name}" in results}
    refused = {name: errors[f"{number}_{name}"] for name in names if f"{number}_{name}" in errors}
    first = refused.get(names[0])
    if isinstance(first, dict) and str(first.get("error")).casefold() in LOAD_CODES:
        # The rest of its commands only read, so nothing was done.
        return _as_answer(503, first)
    if request.url == "batch":
        return _as_answer(200, {"result": {"result": shown, "result_error": refused}})
    if first is not None:
        return _as_answer(400, first if isinstance(first, dict) else {"error": ""})
    if names[0] not in shown:
        return None
    body = {"result": shown[names[0]]}
    if request.url == _SET:
        body[SHOWN] = shown.get("get")
    return _as_answer(200, body)


def _as_answer(status: int, body: dict[str, Any]) -> Response:
    return Response.of_json(status, {"content-type": "application/json"}, body)


BATCHING = Batching(SIZE, _weight, _pack, _unpack)
