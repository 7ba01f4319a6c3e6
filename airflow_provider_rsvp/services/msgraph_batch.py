"""
Microsoft Graph's JSON batching: up to twenty requests in one.

Sources: Microsoft Graph, ``JSON batching``, ``Throttling guidance``, ``Known issues``. No request names another one in
``dependsOn``: dependent requests are sent one after the other, so that each response can be checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from airflow_provider_rsvp.services.wire import Batching, Purpose, Request, Response

SIZE = 20
"""Requests in one batch."""


def _weight(request: Request) -> int | None:
    # A batch takes only addresses relative to the API version; those of next pages are absolute.
    alone = request.purpose is Purpose.TOKEN or "://" in request.url or request.form is not None
    return None if alone else 1


def _pack(requests: Sequence[Request]) -> Request:
    purposes = {request.purpose for request in requests}
    return Request(
        what=f"make {len(requests)} requests in one",
        method="POST",
        url="$batch",
        purpose=Purpose.SEND if Purpose.SEND in purposes else Purpose.READ,
        json={"requests": [_item(number, request) for number, request in enumerate(requests)]},
    )


def _item(number: int, request: Request) -> dict[str, Any]:
    query = f"?{urlencode(request.query, quote_via=quote)}" if request.query else ""
    item: dict[str, Any] = {
        "id": str(number),
        "method": request.method,
        "url": f"/{request.url.lstrip('/')}{query}",
        "headers": dict(request.headers),
    }
    if request.json is not None:
        item["headers"]["Content-Type"] = "application/json"
        item["body"] = request.json
    return item


_FAILED_DEPENDENCY = 424
_THROTTLED = Response(429, {}, b"")


def _unpack(requests: Sequence[Request], response: Response) -> Sequence[Response | None]:
    body = response.json_or_none()
    responses = body.get("responses") if isinstance(body, dict) else None
    if not isinstance(responses, list):
        if response.status == _FAILED_DEPENDENCY:
            # Some of its requests were throttled, and it does not say which: others may have been served.
            return [None if each.purpose is Purpose.SEND else _THROTTLED for each in requests]
        # The batch as a whole failed, and so did each request in it.
        return [None if response.ok else response] * len(requests)
    found = {str(each.get("id")): each for each in responses if isinstance(each, dict)}
    return [_response(found.get(str(number))) for number in range(len(requests))]


def _response(response: dict[str, Any] | None) -> Response | None:
    status = response.get("status") if response else None
    if response is None or not isinstance(status, int):
        return None
    if status == _FAILED_DEPENDENCY:
        # No request of ours depends on another, so this says that the batch was throttled (Throttling guidance).
        status = _THROTTLED.status
    given, body = response.get("headers"), response.get("body")
    headers = (
        {str(name).lower(): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    )
    return Response(status, headers, b"") if body is None else Response.of_json(status, headers, body)


BATCHING = Batching(SIZE, _weight, _pack, _unpack)
