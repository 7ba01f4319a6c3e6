"""Ids in the letters that Google's have, which say in base32hex what they name, so that they stay the same."""

from __future__ import annotations

from base64 import b32hexencode, urlsafe_b64encode
from datetime import UTC, datetime


def event(mailbox: str, slug: str) -> str:
    """Make the id of a single event or a series."""
    name = f"{mailbox.partition('@')[0]}/{slug}"
    return b32hexencode(name.encode()).decode().rstrip("=").lower()


def instance(series: str, start: datetime) -> str:
    """Make the id of an instance of a series."""
    return f"{series}_{start.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def link(event_id: str, calendar_id: str) -> str:
    """Make the address of the event's page."""
    eid = urlsafe_b64encode(f"{event_id} {calendar_id}".encode()).decode().rstrip("=")
    return f"https://www.google.com/calendar/event?eid={eid}"
