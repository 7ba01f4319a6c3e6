"""Turns on several machines: processes with a folder each, and one Redis server."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import redis_server
from support.bulk import SERVICES, Task, accounts, mails_per_event, plans
from support.redis_server import PASSWORD, RedisServer
from support.replies import sent

from airflow_provider_rsvp.exceptions import (
    ConfigurationError,
    TurnsUnavailableError,
    TurnTakenError,
    UnclearOutcomeError,
)
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.turns import open_turns
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply
from airflow_provider_rsvp.replying import ReplyOptions
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.turns import Turns
from airflow_provider_rsvp.turns.cluster import ClusterReach

pytestmark = pytest.mark.any_airflow

_CONTEXT = multiprocessing.get_context("spawn")
EVENT = "the event"
HALF = 4


@pytest.fixture(autouse=True)
def clock() -> None:
    """Time passes as it does: Redis is another process."""


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """A server, which the configuration names as the coordinator."""
    with redis_server.running() as server:
        monkeypatch.setenv("AIRFLOW_CONN_COORDINATOR", server.connection())
        monkeypatch.setenv("AIRFLOW__RSVP__COORDINATOR_CONN_ID", "coordinator")
        yield server


def _answer(barrier: Any, results: Any, folder: str, plans_of_services: Any) -> None:
    """Answer half of each plan one by one, and half in bulk, as the tasks of a machine do."""
    import os

    from support.replies import reply

    os.environ["AIRFLOW__RSVP__TURNS_FOLDER"] = folder
    said = {}
    for service, plan in plans_of_services.items():
        barrier.wait()
        said[service] = [
            str(
                reply(
                    plan["conn_id"],
                    "accepted",
                    **{name: line["invitation"][name] for name in ("event_id", "mailbox", "calendar_id")},
                ).result
            )
            for line in plan["decisions"][:HALF]
        ]
        barrier.wait()
        report = Task().send({**plan, "decisions": plan["decisions"][HALF:]})
        said[service] += [line["outcome"] for line in report["outcomes"]]
    results.put(said)


def test_two_machines_send_one_mail_for_each_event(
    sandbox: Sandbox, redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.reset(bulk={"mailboxes": 1, "invitations": 2 * HALF}, limits=False)
    for conn_id, connection in sandbox.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    given = {service: plans(accounts(service, 1))[0] for service in SERVICES}
    barrier, results = _CONTEXT.Barrier(2), _CONTEXT.Queue()
    processes = [
        _CONTEXT.Process(target=_answer, args=(barrier, results, str(tmp_path / machine), given), daemon=True)
        for machine in ("a", "b")
    ]
    for process in processes:
        process.start()
    first, second = (results.get(timeout=120) for _ in processes)
    for process in processes:
        process.join(timeout=60)

    assert list(mails_per_event(sandbox).values()) == [1] * 2 * HALF * len(SERVICES)
    for service in SERVICES:
        pairs = zip(first[service], second[service], strict=True)
        assert [sorted(each) for each in pairs] == [["replied", "unchanged"]] * 2 * HALF, service


def answer(sandbox: Sandbox, **options: Any) -> Any:
    event_id = sandbox.event_id("graph", "release", mailbox="alice@contoso.example")
    with get_calendar_hook("msgraph_calendar_static") as hook:
        return hook.set_participation_status(
            EventReference(event_id=event_id),
            Reply(status=ParticipationStatus.ACCEPTED),
            options=ReplyOptions(settle_timeout=0.5, **options),
        )


class TestRedisIsAway:
    def test_a_reply_waits_and_then_fails_as_passing(self, sandbox: Sandbox, redis: RedisServer) -> None:
        redis.kill()
        before = time.monotonic()

        with pytest.raises(TurnsUnavailableError, match="cannot be reached"):
            answer(sandbox, turn_timeout=1.0)

        assert time.monotonic() - before >= 1
        assert not sent(sandbox)

    def test_many_replies_fail_as_passing(self, sandbox: Sandbox, redis: RedisServer) -> None:
        redis.kill()
        task, event_id = Task(), sandbox.event_id("graph", "release", mailbox="alice@contoso.example")

        report = task.send(
            [{"event_id": event_id, "status": "accepted"}],
            conn_id="msgraph_calendar_static",
            turn_timeout=0.5,
        )

        assert report["counts"]["failed"] == 1
        assert "TurnsUnavailableError" in report["outcomes"][0]["detail"]
        assert task.retried
        assert not sent(sandbox)

    def test_its_password_is_shown_nowhere(
        self, sandbox: Sandbox, redis: RedisServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        answer(sandbox)
        redis.kill()

        with pytest.raises(TurnsUnavailableError) as caught:
            answer(sandbox, turn_timeout=0.1)

        assert PASSWORD not in f"{caught.value!r} {caught.value} {caplog.text}"
        assert caught.value.__cause__ is None


class TestConfiguration:
    def test_without_the_client_it_says_what_to_install(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__RSVP__COORDINATOR_CONN_ID", "coordinator")
        monkeypatch.setitem(sys.modules, "redis.asyncio", None)

        with pytest.raises(ConfigurationError, match=r"install 'airflow-provider-rsvp\[redis\]'"):
            answer(sandbox)

        assert not sandbox.requests()

    def test_a_wrong_password_sends_nothing_and_is_not_shown(
        self, sandbox: Sandbox, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wrong = {**json.loads(redis.connection()), "password": "wrong-sandbox-2pQe"}
        monkeypatch.setenv("AIRFLOW_CONN_COORDINATOR", json.dumps(wrong))

        with pytest.raises(TurnsUnavailableError, match="AuthenticationError") as caught:
            answer(sandbox, turn_timeout=0.1)

        assert "wrong-sandbox" not in repr(caught.value)
        assert not sent(sandbox)


class TestLeases:
    """With leases that are short, and requests that take half a second at most."""

    LEASE, REQUEST = 2.0, 0.5

    def machine(self, redis: RedisServer, timeout: float = 20.0) -> Any:
        """Return the turns of a machine, and what renews them."""
        from redis.asyncio import Redis

        client = Redis(
            host="127.0.0.1",
            port=redis.port,
            password=PASSWORD,
            socket_timeout=0.3,
            socket_connect_timeout=0.3,
        )
        reach = ClusterReach(client, lease=self.LEASE)
        return Turns("a service", [reach], timeout=timeout, request_timeout=self.REQUEST), reach

    def test_are_renewed_while_a_slow_reply_is_under_way(self, redis: RedisServer) -> None:
        async def work() -> None:
            (mine, reach), (others, _) = self.machine(redis), self.machine(redis, timeout=0)
            async with reach.renewing():
                turn = await mine.take(mine.name(EVENT))
                async with turn.sending():
                    await asyncio.sleep(2 * self.LEASE)
                    with pytest.raises(TurnTakenError, match=r"\(process \d+\), since 20"):
                        await others.take(others.name(EVENT))
                await turn.give_back()
            await (await others.take(others.name(EVENT))).give_back()

        asyncio.run(work())

    @pytest.mark.parametrize("how", ["pause", "kill"])
    def test_nothing_is_under_way_when_one_could_have_ended(self, redis: RedisServer, how: str) -> None:
        async def work() -> float:
            mine, reach = self.machine(redis)
            async with reach.renewing():
                turn = await mine.take(mine.name(EVENT))
                before = time.monotonic()
                getattr(redis, how)()
                with pytest.raises(UnclearOutcomeError, match="could not be renewed"):
                    async with turn.sending():
                        await asyncio.sleep(60)
                gone = time.monotonic() - before
                with pytest.raises(TurnsUnavailableError, match="can no longer be relied on"):
                    async with turn.sending():
                        raise AssertionError("It was sent.")
                if how == "pause":
                    redis.resume()
            return gone

        assert asyncio.run(work()) <= self.LEASE

    def test_of_who_dies_ends_by_itself(self, redis: RedisServer) -> None:
        async def work() -> float:
            (mine, _), (others, _) = self.machine(redis), self.machine(redis)
            # Nobody renews it.
            await mine.take(mine.name(EVENT))
            before = time.monotonic()
            await others.take(others.name(EVENT))
            return time.monotonic() - before

        assert self.LEASE - 0.2 <= asyncio.run(work()) <= self.LEASE + 1.5

    def test_are_three_requests_long(self, redis: RedisServer) -> None:
        async def work() -> float:
            async with open_turns("here", turn_timeout=1, request_timeout=20) as turns:
                name = turns.name(EVENT)
                before = asyncio.get_running_loop().time()
                turn = await turns.take(name)
                left = turns.lasts_until(name)
                await turn.give_back()
                assert left is not None
                return left - before

        assert 60 <= asyncio.run(work()) <= 61
