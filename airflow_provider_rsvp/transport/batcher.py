"""Sending concurrent requests together in a batch, where the service takes batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from airflow_provider_rsvp.services.wire import Batching, Request, Response

_GATHERING = 0.002
"""Seconds that a batch waits for more requests: little compared with a round trip, enough for all that are ready."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """No connection was made, so the request had no effect."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoResponse:
    """The request left, or may have left, and no whole response came."""

    reason: str


Carried = Response | Unreached | NoResponse
"""The result of one HTTP request."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: Request
    weight: int
    future: asyncio.Future[tuple[Carried, str | None]]


class Batcher:
    """
    Gathers requests into batches; each still gets a response of its own.

    If a batch fails, each request in it fails likewise. Belongs to one event loop.

    :param carry: makes one HTTP request, when its turn comes; also returns the access token that went along
    """

    def __init__(
        self, batching: Batching, carry: Callable[[Request], Awaitable[tuple[Carried, str | None]]]
    ) -> None:
        self._batching = batching
        self._carry = carry
        self._waiting: list[_Waiting] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._gathering = False

    def takes(self, request: Request) -> bool:
        """Return whether a request can travel in a batch."""
        return self._batching.weight(request) is not None

    async def carry(self, request: Request) -> tuple[Carried, str | None]:
        """Return what came of the request, and the access token that went along."""
        weight = self._batching.weight(request)
        assert weight is not None
        future: asyncio.Future[tuple[Carried, str | None]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(request, weight, future))
        if not self._gathering:
            self._gathering = True
            self._start(self._gather())
        return await future

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _gather(self) -> None:
        await asyncio.sleep(_GATHERING)
        self._gathering = False
        while self._waiting:
            batch = self._take()
            if batch:
                self._start(self._carry_batch(batch))

    def _take(self) -> list[_Waiting]:
        """Take as many as one batch holds, in the order in which they came."""
        taken: list[_Waiting] = []
        room = self._batching.size
        while self._waiting and (not taken or self._waiting[0].weight <= room):
            each = self._waiting.pop(0)
            # A request whose caller was cancelled must not go out.
            if not each.future.done():
                taken.append(each)
                room -= each.weight
        return taken

    async def _carry_batch(self, batch: list[_Waiting]) -> None:
        requests = [each.request for each in batch]
        try:
            carried, token = await self._carried(requests)
        except BaseException as error:
            for each in batch:
                if not each.future.done():
                    each.future.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for each, response in zip(batch, carried, strict=True):
            if not each.future.done():
                each.future.set_result((response, token))

    async def _carried(self, requests: list[Request]) -> tuple[list[Carried], str | None]:
        if len(requests) == 1:
            carried, token = await self._carry(requests[0])
            return [carried], token
        carried, token = await self._carry(self._batching.pack(requests))
        if not isinstance(carried, Response):
            return [carried] * len(requests), token
        responses = self._batching.unpack(requests, carried)
        missing = NoResponse("the response to the batch does not mention it")
        return [missing if response is None else response for response in responses], token
