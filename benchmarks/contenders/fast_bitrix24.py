"""The package fast_bitrix24, which batches and keeps to the portal's limits: send only, or set and then get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.child import serve
from benchmarks.contenders.replies import check, targets, webhook


def prepare(job: dict[str, Any]) -> Callable[[], Any]:
    """Return its work."""
    from fast_bitrix24 import Bitrix

    rates = job.get("rates")
    limits = (
        {"requests_per_second": rates["requests_per_second"], "request_pool_size": rates["burst"]}
        if rates
        else {}
    )
    portal = Bitrix(webhook(job), verbose=False, **limits)
    asked = targets(job)

    def work() -> int:
        if job["verified"]:
            rows = portal.get_all(
                "calendar.event.get",
                {
                    "type": "user",
                    "ownerId": job["connections"]["bitrix24_bulk_1"]["login"],
                    "from": min(each.start for each in asked)[:10],
                    "to": max(each.end for each in asked)[:10],
                },
            )
            pending = {row["ID"]: row["MEETING_STATUS"] for row in rows}
            check(all(pending[each.event_id] == "Q" for each in asked), "look")
        portal.call(
            "calendar.meeting.status.set", [{"eventId": each.event_id, "status": "Y"} for each in asked]
        )
        if job["verified"]:
            shown = portal.call("calendar.meeting.status.get", [{"eventId": each.event_id} for each in asked])
            check(list(shown) == ["Y"] * len(asked), "read back")
        return len(asked)

    return work


if __name__ == "__main__":
    serve(prepare)
