"""Replies that are forced or repeated are sent for the version of the event that was seen, and for no other."""

from __future__ import annotations

from typing import Any

import pytest
from support.replies import reply, sent
from support.services import SERVICES

from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = pytest.mark.any_airflow

GOOGLE = SERVICES["google"]
REFUSED = {"operation": "send", "kind": "status", "status": 429, "headers": {"Retry-After": "1"}, "times": 2}


@pytest.mark.parametrize(
    ("slug", "force", "faults"),
    [("release", False, [REFUSED]), ("accepted", True, [])],
    ids=["repeated", "forced"],
)
def test_on_google_calendar(sandbox: Sandbox, slug: str, force: bool, faults: list[dict[str, Any]]) -> None:
    sandbox.faults(faults)

    event_id = sandbox.event_id("google", slug, mailbox=GOOGLE.mailbox)
    reply(GOOGLE.conn_id, "accepted", event_id=event_id, force=force)

    requests = sent(sandbox)
    assert len(requests) == (3 if faults else 1)
    assert all(request["headers"]["If-Match"].startswith('"') for request in requests)
    assert len(sandbox.mail()) == 1
