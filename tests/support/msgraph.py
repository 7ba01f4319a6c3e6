"""What the tests of Microsoft Graph share: whose calendars there are, and how events are named."""

from __future__ import annotations

from urllib.parse import quote

from airflow_provider_rsvp.sandbox.graph import ids, seed

ALICE = seed.ALICE.upn
CALENDAR, TEAM, OPERATIONS = (ids.default("alice", f"calendar{name}") for name in ("", "-team", "-readonly"))
SIGNED_IN, APPLICATION = "msgraph_calendar_static", "msgraph_calendar_default"
ACTIONS = {"accepted": "accept", "tentative": "tentativelyAccept", "declined": "decline"}
NEXT_WEEK = ("2039-12-02T18:00:00", "2039-12-02T19:00:00")


def event_id(slug, mailbox="alice"):
    return ids.immutable(mailbox, slug)


def encoded(slug, mailbox="alice"):
    """The event's immutable id as it stands in an address."""
    return quote(ids.immutable(mailbox, slug), safe="")
