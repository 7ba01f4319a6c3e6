"""Ids that look like Outlook's and encode in base64url what they name, so that they never change."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode

_FOLDER_BOUND, _IMMUTABLE = "AAMkAG", "AAkALg"
_TAIL = "-_AAA="
_SHAPE = re.compile(r"(AAMk|AAkA|AQMk)[A-Za-z0-9_-]{12,}={0,2}")


def default(mailbox: str, name: str) -> str:
    """Make the usual kind of id, which ends when the item moves to another folder."""
    return _make(_FOLDER_BOUND, mailbox, name)


def immutable(mailbox: str, name: str) -> str:
    """Make the kind that ``Prefer: IdType="ImmutableId"`` asks for."""
    return _make(_IMMUTABLE, mailbox, name)


def malformed(value: str) -> bool:
    """Return whether this is malformed as an id."""
    return _SHAPE.fullmatch(value) is None


def _make(head: str, mailbox: str, name: str) -> str:
    what = f"{mailbox.partition('@')[0]}/{name}"
    return head + urlsafe_b64encode(what.encode()).decode().rstrip("=") + _TAIL
