"""Cronofy's batch, which cannot hold the change of participation (docs: Batch)."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow_provider_rsvp.sandbox.cronofy.errors import invalid
from airflow_provider_rsvp.sandbox.wire import Call, Response

_LIMIT = 50


def response(call: Call) -> Response:
    """Every entry is refused: the sandbox has none of the calls that a batch may hold."""
    entries = call.fields.get("batch")
    if not isinstance(entries, list) or not entries:
        return invalid("batch", "required", "required")
    if len(entries) > _LIMIT:
        return invalid("batch", "too_many", f"at most {_LIMIT} entries")
    return Response(207, {"batch": [_entry(entry) for entry in entries]})


def _entry(entry: object) -> dict[str, object]:
    url = entry.get("relative_url") if isinstance(entry, dict) else None
    if not isinstance(url, str):
        refused = invalid("relative_url", "required", "required")
    elif urlsplit(url).path.endswith("/participation_status"):
        refused = invalid("relative_url", "not_batchable", "this call cannot be part of a batch")
    else:
        refused = invalid("relative_url", "not_in_sandbox", "the sandbox does not simulate this call")
    return {"status": refused.status, "data": refused.body}
