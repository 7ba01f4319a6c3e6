"""Requests that travel together: each gets its own answer, and what is no longer awaited does not go out."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_rsvp.services import msgraph
from airflow_provider_rsvp.services.wire import Batching, Purpose, Request, Response
from airflow_provider_rsvp.transport.batcher import Batcher, Carried, NoResponse, Unreached
from airflow_provider_rsvp.transport.origin import Origin
from airflow_provider_rsvp.transport.proxies import Route
from airflow_provider_rsvp.transport.session import Transport

pytestmark = pytest.mark.any_airflow

SIZE = 7


def asked(name: str, weight: int = 1) -> Request:
    return Request(what=name, method="POST", url=name, purpose=Purpose.SEND, json=weight)


def _pack(requests: Sequence[Request]) -> Request:
    body = [(each.url, each.json) for each in requests]
    return Request(what="all", method="POST", url="batch", purpose=Purpose.SEND, json=body)


def _unpack(requests: Sequence[Request], response: Response) -> list[Response | None]:
    responses = json.loads(response.body)
    return [
        Response(200, {}, responses[each.url].encode()) if each.url in responses else None
        for each in requests
    ]


BATCHING = Batching(SIZE, lambda request: request.json, _pack, _unpack)


class Line:
    """The other side: answers each request with its name, and keeps what came along."""

    def __init__(self, missing: frozenset[str] = frozenset()) -> None:
        self.batches: list[list[tuple[str, int]]] = []
        self._missing = missing

    async def carry(self, request: Request) -> tuple[Carried, str | None]:
        items = request.json if request.url == "batch" else [(request.url, request.json)]
        self.batches.append(items)
        await asyncio.sleep(0)
        if request.url != "batch":
            return Response(200, {}, request.url.encode()), "token"
        responses = {name: name for name, _ in items if name not in self._missing}
        return Response(200, {}, json.dumps(responses).encode()), "token"

    @property
    def carried(self) -> Counter[str]:
        return Counter(name for batch in self.batches for name, _ in batch)


@given(
    weights=st.lists(st.integers(1, SIZE), min_size=1, max_size=40),
    cancelled=st.sets(st.integers(0, 39)),
    late=st.sets(st.integers(0, 39)),
)
def test_each_gets_its_own_answer_and_what_was_cancelled_does_not_go_out(
    weights: list[int], cancelled: set[int], late: set[int]
) -> None:
    line = Line()

    async def work() -> list[Any]:
        batcher = Batcher(BATCHING, line.carry)

        async def ask(number: int) -> tuple[Carried, str | None]:
            if number in late:
                await asyncio.sleep(0.004)
            return await batcher.carry(asked(f"r{number}", weights[number]))

        tasks = [asyncio.create_task(ask(number)) for number in range(len(weights))]
        await asyncio.sleep(0)
        for number in cancelled & set(range(len(weights))):
            tasks[number].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        # Also where all were cancelled, the batcher is let come to its end.
        while under_way := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(under_way)
        return results

    results = asyncio.run(work())

    for number, result in enumerate(results):
        if number in cancelled:
            assert isinstance(result, asyncio.CancelledError)
        else:
            assert result == (Response(200, {}, f"r{number}".encode()), "token")
    assert line.carried == Counter(f"r{number}" for number in range(len(weights)) if number not in cancelled)
    assert all(batch and sum(weight for _, weight in batch) <= SIZE for batch in line.batches)


def test_one_alone_goes_as_it_is() -> None:
    line = Line()
    asyncio.run(Batcher(BATCHING, line.carry).carry(asked("alone")))

    assert line.batches == [[("alone", 1)]]


def test_what_the_answer_does_not_mention_has_no_answer() -> None:
    line = Line(missing=frozenset({"r1"}))

    async def work() -> list[Any]:
        batcher = Batcher(BATCHING, line.carry)
        return await asyncio.gather(*(batcher.carry(asked(f"r{number}")) for number in range(3)))

    results = asyncio.run(work())

    assert [type(carried) for carried, _ in results] == [Response, NoResponse, Response]


@pytest.mark.parametrize("fate", [Unreached("refused"), NoResponse("cut")])
def test_what_befalls_a_batch_befalls_each_in_it(fate: Carried) -> None:
    async def carry(request: Request) -> tuple[Carried, str | None]:
        return fate, "token"

    async def work() -> list[Any]:
        batcher = Batcher(BATCHING, carry)
        return await asyncio.gather(*(batcher.carry(asked(f"r{number}")) for number in range(3)))

    assert asyncio.run(work()) == [(fate, "token")] * 3


def test_an_error_reaches_each_that_waits() -> None:
    async def carry(request: Request) -> tuple[Carried, str | None]:
        raise ValueError("no token")

    async def work() -> list[Any]:
        batcher = Batcher(BATCHING, carry)
        calls = (batcher.carry(asked(f"r{number}")) for number in range(3))
        return await asyncio.gather(*calls, return_exceptions=True)

    assert [str(error) for error in asyncio.run(work())] == ["no token"] * 3


class Watched(Transport):
    """A transport that answers by itself, and knows how many requests of each mailbox are under way."""

    def __init__(self) -> None:
        super().__init__(msgraph.DIALECT, Origin.parse("https://graph.example", field_name="host"))
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.batches = 0

    async def _once(self, request: Request, url: str, route: Route) -> Carried:
        batch = request.url == "$batch"
        self.batches += batch
        urls = [each["url"] for each in request.json["requests"]] if batch else [request.url]
        mailboxes = Counter(each.strip("/").split("/")[1] for each in urls)
        self.under_way += mailboxes
        self.most |= self.under_way
        await asyncio.sleep(0.003)
        self.under_way -= mailboxes
        responses = [{"id": str(number), "status": 202} for number in range(len(urls))]
        return Response(200, {}, json.dumps({"responses": responses}).encode())


def test_of_one_mailbox_no_more_than_four_are_under_way_in_all_batches_together() -> None:
    async def work() -> Watched:
        async with Watched() as transport:
            transport.batch()
            requests = [
                Request(
                    what="accept",
                    method="POST",
                    url=f"users/box{number % 3}/events/{number}/accept",
                    purpose=Purpose.SEND,
                    json={},
                    mailbox=f"box{number % 3}",
                )
                for number in range(60)
            ]
            responses = await asyncio.gather(*(transport.send(request) for request in requests))
            assert {response.status for response in responses} == {202}
        return transport

    transport = asyncio.run(work())

    assert transport.most == {"box0": 4, "box1": 4, "box2": 4}
    assert transport.batches < 60 / 4
