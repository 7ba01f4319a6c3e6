"""
The floor for Microsoft Graph: bare aiohttp and the fewest requests that can look, send and read back.

Sources: Microsoft Graph, ``JSON batching`` (twenty requests in one), ``Throttling limits`` (four at once of one app and
mailbox).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from benchmarks.child import serve
from benchmarks.contenders.replies import Target, check, connection, targets, token_form

_IN_ONE = 20
_OF_ONE_MAILBOX = 4
_AT_ONCE = 32
_UNLIMITED = 1_000_000


class _Work:
    def __init__(self, job: dict[str, Any]) -> None:
        self._given = connection(job)
        self._targets = targets(job)
        of_one = _UNLIMITED if job.get("unlimited") else _OF_ONE_MAILBOX
        self._places = {each.mailbox: asyncio.Semaphore(of_one) for each in self._targets}
        self._at_once = asyncio.Semaphore(_UNLIMITED if job.get("unlimited") else _AT_ONCE)

    async def run(self) -> int:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as self._session:
            url, form = token_form(self._given)
            async with self._session.post(url, data=form) as answer:
                self._headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
            pending = await self._statuses()
            check(all(pending[each.event_id] == "notResponded" for each in self._targets), "look")
            await asyncio.gather(*(self._send(batch) for batch in self._spread()))
            shown = await self._statuses()
            check(all(shown[each.event_id] == "accepted" for each in self._targets), "read back")
        return len(self._targets)

    def _spread(self) -> list[list[Target]]:
        """Return batches in which no mailbox comes more often than it may be asked at once."""
        boxes: dict[str | None, list[Target]] = {}
        for each in self._targets:
            boxes.setdefault(each.mailbox, []).append(each)
        order = [
            box[place]
            for place in range(max(map(len, boxes.values())))
            for box in boxes.values()
            if place < len(box)
        ]
        return [order[first : first + _IN_ONE] for first in range(0, len(order), _IN_ONE)]

    async def _send(self, batch: list[Target]) -> None:
        places = [self._places[each.mailbox] for each in batch]
        for place in places:
            await place.acquire()
        try:
            answers = await self._batch(
                [
                    {
                        "method": "POST",
                        "url": f"/users/{each.mailbox}/events/{each.event_id}/accept",
                        "headers": {"Content-Type": "application/json"},
                        "body": {"sendResponse": True},
                    }
                    for each in batch
                ]
            )
            check(all(answer["status"] == 202 for answer in answers), "send")
        finally:
            for place in places:
                place.release()

    async def _statuses(self) -> dict[str, str]:
        """List each mailbox, and return the status of each event."""
        boxes = list(self._places)
        window = (
            f"startDateTime={min(each.start for each in self._targets)}"
            f"&endDateTime={max(each.end for each in self._targets)}"
        ).replace("+", "%2B")
        urls = [f"/users/{box}/calendarView?{window}&$select=id,responseStatus&$top=1000" for box in boxes]
        batches = [urls[first : first + _IN_ONE] for first in range(0, len(urls), _IN_ONE)]
        found = await asyncio.gather(
            *(
                self._batch(
                    [
                        {"method": "GET", "url": url, "headers": {"Prefer": 'IdType="ImmutableId"'}}
                        for url in batch
                    ]
                )
                for batch in batches
            )
        )
        return {
            event["id"]: event["responseStatus"]["response"]
            for answers in found
            for answer in answers
            for event in answer["body"]["value"]
        }

    async def _batch(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        body = {"requests": [{"id": str(number), **each} for number, each in enumerate(requests)]}
        async with (
            self._at_once,
            self._session.post(
                f"{self._given['host']}/v1.0/$batch", json=body, headers=self._headers
            ) as answer,
        ):
            found: list[dict[str, Any]] = (await answer.json())["responses"]
            return found


def prepare(job: dict[str, Any]) -> Callable[[], Any]:
    """Return the work."""
    return lambda: asyncio.run(_Work(job).run())


if __name__ == "__main__":
    serve(prepare)
