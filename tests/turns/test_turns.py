"""Turns: one holder at a time, in this process and on this machine."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.bulk import Task
from support.replies import reply
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import ConfigurationError, TurnTakenError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply
from airflow_provider_rsvp.replying import ReplyOptions
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.turns import MachineReach, ProcessReach, Turns

_CONTEXT = multiprocessing.get_context("spawn")
EVENT = "the event"


@pytest.fixture(autouse=True)
def clock() -> None:
    """Time passes as it does: the holders are threads and processes."""


def turns(folder: Path, timeout: float = 20.0) -> Turns:
    return Turns(str(folder), [ProcessReach(), MachineReach(folder)], timeout=timeout)


async def take(folder: Path, within: float = 20.0) -> Any:
    each = turns(folder, within)
    return await each.take(each.name(EVENT))


def hold(folder: Path, taken: Any) -> None:
    """Take the turn, say so, and keep it until killed."""

    async def work() -> None:
        await take(folder)
        taken.set()
        await asyncio.sleep(600)

    asyncio.run(work())


@pytest.fixture
def holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Another process, a task of Airflow's, that has the turn."""
    for name, value in (("DAG_ID", "leave"), ("TASK_ID", "send"), ("DAG_RUN_ID", "by hand")):
        monkeypatch.setenv(f"AIRFLOW_CTX_{name}", value)
    taken = _CONTEXT.Event()
    process = _CONTEXT.Process(target=hold, args=(tmp_path, taken), daemon=True)
    process.start()
    assert taken.wait(60)
    yield process
    process.kill()
    process.join(20)


class TestInOneProcess:
    @pytest.mark.parametrize("how_many", [2, 20])
    def test_threads_with_event_loops_of_their_own_go_one_by_one(self, tmp_path: Path, how_many: int) -> None:
        inside, most, passed = 0, 0, []

        def work() -> None:
            async def once() -> None:
                nonlocal inside, most
                turn = await take(tmp_path)
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.01)
                inside -= 1
                passed.append(True)
                await turn.give_back()

            asyncio.run(once())

        threads = [threading.Thread(target=work) for _ in range(how_many)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert (most, len(passed)) == (1, how_many)

    def test_a_turn_is_given_back_once(self, tmp_path: Path) -> None:
        async def work() -> None:
            first = await take(tmp_path)
            await first.give_back()
            await take(tmp_path)
            await first.give_back()
            with pytest.raises(TurnTakenError):
                await take(tmp_path, within=0)

        asyncio.run(work())

    def test_those_that_are_free_are_taken_together(self, tmp_path: Path) -> None:
        async def work() -> None:
            each = turns(tmp_path)
            names = [each.name(event) for event in "abc"]
            held = await each.take(names[1])
            assert set(await each.take_free(names)) == {names[0], names[2]}
            await held.give_back()
            assert set(await each.take_free(names)) == {names[1]}

        asyncio.run(work())

    def test_events_of_two_places_wait_for_nothing(self, tmp_path: Path) -> None:
        reaches = [ProcessReach(), MachineReach(tmp_path)]
        assert Turns("here", reaches).name(EVENT) != Turns("there", reaches).name(EVENT)

    def test_who_is_cancelled_while_it_waits_holds_nothing(self, tmp_path: Path) -> None:
        async def work() -> None:
            first = await take(tmp_path)
            waiting = asyncio.ensure_future(take(tmp_path))
            await asyncio.sleep(0.1)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await first.give_back()
            await (await take(tmp_path, within=0)).give_back()

        asyncio.run(work())


class TestOnOneMachine:
    def test_one_that_is_taken_says_by_whom(self, tmp_path: Path, holder: Any) -> None:
        with pytest.raises(TurnTakenError) as caught:
            asyncio.run(take(tmp_path, within=0.3))

        said = str(caught.value)
        assert f"dag 'leave', task 'send', run 'by hand' (process {holder.pid}), since 20" in said
        assert "It did not finish within 0.3 s. Nothing was sent." in said

    def test_who_is_killed_lets_go_at_once(self, tmp_path: Path, holder: Any) -> None:
        os.kill(holder.pid, signal.SIGKILL)
        holder.join(20)
        before = time.monotonic()

        asyncio.run(take(tmp_path))

        assert time.monotonic() - before < 1

    def test_who_waits_has_it_soon_after_it_was_given_back(self, tmp_path: Path, holder: Any) -> None:
        threading.Timer(0.5, os.kill, (holder.pid, signal.SIGKILL)).start()
        before = time.monotonic()

        asyncio.run(take(tmp_path))

        assert 0.5 <= time.monotonic() - before < 3

    def test_a_child_has_none_of_its_parent(self, tmp_path: Path) -> None:
        turn = asyncio.run(take(tmp_path))
        process = multiprocessing.get_context("fork").Process(
            target=_exit_with_what_is_free, args=(tmp_path,)
        )
        process.start()
        process.join(60)
        assert process.exitcode == 1

        asyncio.run(turn.give_back())
        process = multiprocessing.get_context("fork").Process(
            target=_exit_with_what_is_free, args=(tmp_path,)
        )
        process.start()
        process.join(60)
        assert process.exitcode == 0

    def test_nothing_piles_up(self, tmp_path: Path) -> None:
        async def work(events: int) -> None:
            each = turns(tmp_path)
            for number in range(events):
                await (await each.take(each.name(f"event {number}"))).give_back()

        def blocks() -> int:
            return sum(path.stat().st_blocks for path in tmp_path.iterdir())

        asyncio.run(work(1))
        before = blocks()
        asyncio.run(work(500))
        assert blocks() == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["holders", "turns"]


def _exit_with_what_is_free(folder: Path) -> None:
    try:
        asyncio.run(take(folder, within=0))
    except TurnTakenError:
        os._exit(1)
    os._exit(0)


class TestConfiguration:
    @pytest.fixture
    def event(self, sandbox: Sandbox) -> dict[str, Any]:
        return {"event_id": sandbox.event_id("google", "release", mailbox=SERVICES["google"].mailbox)}

    def test_the_turns_lie_in_the_folder_that_is_named(
        self, sandbox: Sandbox, database: None, event: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__RSVP__TURNS_FOLDER", str(tmp_path / "a" / "b"))
        reply("google_calendar_static", "accepted", **event)
        assert (tmp_path / "a" / "b" / "turns").exists()

    def test_by_default_they_lie_in_the_home_of_airflow(self, sandbox: Sandbox, event: Any) -> None:
        from airflow.configuration import AIRFLOW_HOME

        reply("google_calendar_static", "accepted", **event)
        assert (Path(AIRFLOW_HOME) / "rsvp_turns" / "turns").exists()

    def test_a_folder_that_cannot_be_used_is_an_error_before_any_request(
        self, sandbox: Sandbox, event: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("AIRFLOW__RSVP__TURNS_FOLDER", str(tmp_path / "file"))
        before = len(sandbox.requests())

        with pytest.raises(ConfigurationError, match=r"\[rsvp\] turns_folder: '.*file' cannot be used"):
            reply("google_calendar_static", "accepted", **event)
        with pytest.raises(AirflowFailException, match=r"ConfigurationError: \[rsvp\] turns_folder"):
            Task().send([{**event, "status": "accepted"}], conn_id="google_calendar_static")

        assert len(sandbox.requests()) == before

    def test_the_wait_is_as_long_as_the_task_says(
        self, sandbox: Sandbox, event: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__RSVP__TURNS_FOLDER", str(tmp_path))
        sandbox.faults([{"operation": "send", "kind": "slow", "seconds": 3}])
        options = ReplyOptions(turn_timeout=0.2)

        async def both() -> list[Any]:
            hook = get_calendar_hook("google_calendar_static")
            answer = (EventReference.parse(**event), Reply(status=ParticipationStatus.ACCEPTED))
            return await asyncio.gather(
                *(hook.aset_participation_status(*answer, options=options) for _ in range(2)),
                return_exceptions=True,
            )

        first, second = sorted(asyncio.run(both()), key=lambda each: isinstance(each, Exception))

        assert str(first.result) == "replied"
        assert isinstance(second, TurnTakenError)
        assert len(sandbox.mail()) == 1
