"""
The floor for Cronofy: bare aiohttp, a listing, one request for each reply, and a listing again.

Sources: Cronofy API reference, ``Read Events`` (pages), ``Participation Status`` (not in a batch), ``Rate limits``
(fifty requests a second and five hundred a minute for one application).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import aiohttp

from benchmarks.child import serve
from benchmarks.contenders.pacing import Window
from benchmarks.contenders.replies import Target, check, connection, targets

_AT_ONCE = 50
_SETTLING = 0.05
_UNLIMITED = 1_000_000


class _Work:
    def __init__(self, job: dict[str, Any]) -> None:
        self._given = connection(job)
        self._targets = targets(job)
        many = _UNLIMITED if job.get("unlimited") else 0
        # Spread over the second: of two bursts a second apart, the first may arrive late.
        self._limits = (Window(many or 1, 1 / 50), Window(many or 500, 60.0))
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> int:
        async with aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._given['password']}"},
            connector=aiohttp.TCPConnector(limit=0),
        ) as self._session:
            pending = await self._statuses()
            check(all(pending[each.event_id] == "needs_action" for each in self._targets), "look")
            await asyncio.gather(*map(self._send, self._targets))
            shown = await self._statuses()
            while not all(shown[each.event_id] == "accepted" for each in self._targets):
                await asyncio.sleep(_SETTLING)
                shown = await self._statuses()
        return len(self._targets)

    async def _statuses(self) -> dict[str, str]:
        url: str | None = f"{self._given['host']}/v1/events"
        params: dict[str, str] | None = {
            "tzid": "Etc/UTC",
            "from": min(each.start for each in self._targets)[:19] + "Z",
            "to": max(each.end for each in self._targets)[:19] + "Z",
        }
        found: dict[str, str] = {}
        while url:
            await self._turn()
            async with self._session.get(url, params=params) as answer:
                body = await answer.json()
            found |= {event["event_uid"]: event["participation_status"] for event in body["events"]}
            url, params = body["pages"].get("next_page"), None
        return found

    async def _send(self, target: Target) -> None:
        url = (
            f"{self._given['host']}/v1/calendars/{quote(str(target.calendar_id), safe='')}"
            f"/events/{quote(target.event_id, safe='')}/participation_status"
        )
        async with self._at_once:
            await self._turn()
            async with self._session.post(url, json={"status": "accepted"}) as answer:
                check(answer.status == 202, "send")

    async def _turn(self) -> None:
        for limit in self._limits:
            await limit.take()


def prepare(job: dict[str, Any]) -> Callable[[], Any]:
    """Return the work."""
    return lambda: asyncio.run(_Work(job).run())


if __name__ == "__main__":
    serve(prepare)
