"""Cronofy's own package, pycronofy: send only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.child import serve
from benchmarks.contenders.replies import connection, targets


def prepare(job: dict[str, Any]) -> Callable[[], Any]:
    """Return its work."""
    import pycronofy
    from pycronofy import settings

    given = connection(job)
    settings.API_BASE_URL = given["host"]
    client = pycronofy.Client(access_token=given["password"])
    client.base_url = given["host"]
    asked = targets(job)

    def work() -> int:
        for each in asked:
            client.change_participation_status(each.calendar_id, each.event_id, "accepted")
        return len(asked)

    return work


if __name__ == "__main__":
    serve(prepare)
