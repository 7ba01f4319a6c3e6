"""What the tests of Google Calendar share: whose calendars there are, and what goes to and fro."""

from __future__ import annotations

import json

from airflow_provider_rsvp.sandbox.google import ids, seed
from support.replies import sent

ALICE, BOB, CAROL = seed.ALICE.address, seed.BOB.address, seed.CAROL.address
SIGNED_IN, DELEGATED = "google_calendar_static", "google_calendar_default"
EVENTS = "/google/calendar/v3/calendars"


def event_id(slug, mailbox=ALICE):
    return ids.event(mailbox, slug)


def patches(sandbox):
    return [(request["path"], request["query"], request["body"]) for request in sent(sandbox)]


def refusal(status, reason, message="", **more):
    """A fault that answers as Google refuses."""
    body = {"error": {"code": status, "message": message, "errors": [{"domain": "x", "reason": reason}]}}
    return {"kind": "status", "status": status, "body": body, **more}


def observed(sandbox, slug):
    """The event as the sandbox shows it to its user."""
    import http.client
    from urllib.parse import urlsplit

    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=10)
    connection.request(
        "GET",
        f"{EVENTS}/primary/events/{event_id(slug)}",
        headers={"Authorization": f"Bearer {seed.ALICE.access_token}"},
    )
    return json.loads(connection.getresponse().read())
