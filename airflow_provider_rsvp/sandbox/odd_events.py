"""Listings with one malformed event among the others."""

from __future__ import annotations

_LISTS = ("value", "items", "events", "result")
"""What the services call the list of events in a response."""


def put_odd_event(body: object, odd: object) -> object:
    """Return the body of a listing with one more item in the middle of its events."""
    if isinstance(body, list):
        middle = len(body) // 2
        return [*body[:middle], odd, *body[middle:]]
    if not isinstance(body, dict):
        return body
    return {
        name: put_odd_event(value, odd) if name in _LISTS and isinstance(value, list) else value
        for name, value in body.items()
    }
