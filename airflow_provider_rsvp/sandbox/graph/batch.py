"""JSON batching (docs: json-batching, known issues)."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from multidict import CIMultiDict
from yarl import URL

from airflow_provider_rsvp.sandbox.graph.errors import error, refuse
from airflow_provider_rsvp.sandbox.wire import Call, Response

LIMIT = 20
AT_ONCE = 4


@dataclass(slots=True)
class Item:
    """One request of the batch."""

    id: str
    depends_on: str | None
    call: Call


def read(call: Call) -> list[Item]:
    """Read the items of the batch, or refuse the whole."""
    requests = call.fields.get("requests")
    if not isinstance(requests, list) or not requests:
        raise refuse(400, "BadRequest", "Invalid batch payload format.")
    if len(requests) > LIMIT:
        raise refuse(400, "BadRequest", f"A batch holds at most {LIMIT} requests.")
    items = [_item(call, each) for each in requests]
    if len({item.id.casefold() for item in items}) < len(items):
        raise refuse(400, "BadRequest", "Request ids must be unique.")
    _check_dependencies(items)
    return items


def run(
    items: list[Item], label: Callable[[Call], None], serve: Callable[[Call], Response], *, limits: bool
) -> list[dict[str, object]]:
    """Serve the items; of one mailbox no more than four that wait for no other. Responses come in any order."""
    at_once: Counter[str | None] = Counter()
    responses: dict[str, Response] = {}
    for item in items:
        label(item.call)
        if item.depends_on is not None and responses[item.depends_on].status >= 400:
            responses[item.id] = error(424)
            continue
        if item.depends_on is None and limits and item.call.mailbox is not None:
            at_once[item.call.mailbox] += 1
            if at_once[item.call.mailbox] > AT_ONCE:
                responses[item.id] = error(
                    429,
                    "ApplicationThrottled",
                    "Application is over its MailboxConcurrency limit.",
                    {"Retry-After": "1"},
                )
                continue
        responses[item.id] = serve(item.call)
    shown = [_show(item_id, response) for item_id, response in responses.items()]
    random.Random(len(shown)).shuffle(shown)  # noqa: S311
    return shown


def _item(outer: Call, raw: object) -> Item:
    if not isinstance(raw, dict):
        raise refuse(400, "BadRequest", "Invalid batch payload format.")
    item_id, method, url = raw.get("id"), raw.get("method"), raw.get("url")
    if not (isinstance(item_id, str) and item_id and isinstance(method, str) and isinstance(url, str)):
        raise refuse(400, "BadRequest", "Each request needs id, method and url.")
    if "://" in url.partition("?")[0]:
        raise refuse(400, "BadRequest", f"Request {item_id}: the url must be relative.")
    relative = URL("/" + url.lstrip("/"), encoded=True)
    if relative.raw_path.casefold().endswith("/$batch"):
        raise refuse(400, "BadRequest", f"Request {item_id}: batches cannot be nested.")
    headers: CIMultiDict[str] = CIMultiDict()
    given = raw.get("headers") or {}
    if not isinstance(given, dict):
        raise refuse(400, "BadRequest", f"Request {item_id}: headers must be an object.")
    for name, value in given.items():
        headers[str(name)] = str(value)
    body = raw.get("body")
    if body is not None and "Content-Type" not in headers:
        raise refuse(400, "BadRequest", f"Write request id : {item_id} does not contain Content-Type header.")
    headers.setdefault("Authorization", outer.headers.get("Authorization", ""))
    call = Call(
        outer.service,
        method.upper(),
        outer.origin,
        f"/{outer.segments[0]}{relative.raw_path}",
        relative.query,
        cast("dict[str, str]", headers),
        b"" if body is None else json.dumps(body).encode(),
    )
    return Item(item_id, _dependency(item_id, raw.get("dependsOn")), call)


def _dependency(item_id: str, raw: object) -> str | None:
    if not raw:
        return None
    if not isinstance(raw, list) or len(raw) != 1 or not isinstance(raw[0], str):
        raise refuse(400, "BadRequest", f"Request {item_id}: dependsOn must name one request.")
    return raw[0]


def _check_dependencies(items: list[Item]) -> None:
    """None at all, each on the one before, or all on the same one: nothing else is supported."""
    ids = [item.id for item in items]
    named = [item.depends_on for item in items]
    none = not any(named)
    chain = named == [None, *ids[:-1]]
    star = named[0] is None and len(set(named[1:])) == 1 and named[1] == ids[0] if len(items) > 1 else False
    if not (none or chain or star):
        raise refuse(400, "BadRequest", "Invalid dependsOn: only parallel, serial or same is supported.")


def _show(item_id: str, response: Response) -> dict[str, object]:
    shown: dict[str, object] = {"id": item_id, "status": response.status}
    if response.headers:
        shown["headers"] = response.headers
    if response.body is not None:
        shown["headers"] = {"Content-Type": "application/json", **response.headers}
        shown["body"] = response.body
    return shown
