"""
The floor for Bitrix24: bare aiohttp, one listing, and batches of fifty commands in which a get follows each set.

Sources: Bitrix24 REST documentation, ``batch`` (fifty commands), ``Limits`` (fifty requests, then two a second),
``calendar.meeting.status.set`` (whose ``true`` also comes when nothing was done, so only the get proves the set).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from benchmarks.child import serve
from benchmarks.contenders.replies import Target, check, connection, targets, webhook

_PAIRS = 25
_BURST = 50


async def _run(job: dict[str, Any]) -> int:
    asked = targets(job)
    batches = [asked[first : first + _PAIRS] for first in range(0, len(asked), _PAIRS)]
    if not job.get("unlimited"):
        check(len(batches) < _BURST, "staying within the burst")
    async with aiohttp.ClientSession(webhook(job), connector=aiohttp.TCPConnector(limit=0)) as session:
        window = {
            "type": "user",
            "ownerId": connection(job)["login"],
            "from": min(each.start for each in asked)[:10],
            "to": max(each.end for each in asked)[:10],
        }
        async with session.post("calendar.event.get", json=window) as answer:
            rows = (await answer.json())["result"]
        pending = {row["ID"]: row["MEETING_STATUS"] for row in rows}
        check(all(pending[each.event_id] == "Q" for each in asked), "look")
        await asyncio.gather(*(_send(session, batch) for batch in batches))
    return len(asked)


async def _send(session: aiohttp.ClientSession, batch: list[Target]) -> None:
    commands = {}
    for number, each in enumerate(batch):
        commands[f"set{number}"] = f"calendar.meeting.status.set?eventId={each.event_id}&status=Y"
        commands[f"get{number}"] = f"calendar.meeting.status.get?eventId={each.event_id}"
    async with session.post("batch", json={"halt": 0, "cmd": commands}) as answer:
        results = (await answer.json())["result"]["result"]
    check(all(results[f"get{number}"] == "Y" for number in range(len(batch))), "send")


def prepare(job: dict[str, Any]) -> Callable[[], Any]:
    """Return the work."""
    return lambda: asyncio.run(_run(job))


if __name__ == "__main__":
    serve(prepare)
