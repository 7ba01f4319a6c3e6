"""How triggers read calendars: those of one event loop share an open one, and read what changed."""

from __future__ import annotations

import asyncio
import json
import logging

import pendulum
import pytest
from airflow.sdk import BaseHook

from airflow_provider_rsvp.exceptions import (
    ConfigurationError,
    CredentialsError,
    PermanentError,
    ServiceUnavailableError,
)
from airflow_provider_rsvp.model import EventReference, Scope
from airflow_provider_rsvp.triggers import reading
from airflow_provider_rsvp.triggers.reading import WatchedCalendar, open_calendar
from airflow_provider_rsvp.waiting.invitations import CalendarWatch

GRAPH = "msgraph_calendar_static"
TIMEOUTS = {"request_timeout": 30.0, "throttle_timeout": 300.0}


@pytest.fixture
def reads(monkeypatch):
    """The connections that are read, as they are."""
    found = []
    read = BaseHook.aget_connection

    async def counting(conn_id):
        found.append(conn_id)
        return await read(conn_id)

    monkeypatch.setattr(BaseHook, "aget_connection", counting)
    return found


async def observe(sandbox, calendar):
    reference = EventReference(event_id=sandbox.event_id("graph", "release", "alice@contoso.example"))
    await calendar.client.observe(reference, Scope.INSTANCE)


async def look(sandbox, conn_id=GRAPH, **timeouts):
    async with open_calendar(conn_id, **TIMEOUTS | timeouts) as (_, calendar):
        await observe(sandbox, calendar)
    return calendar


async def is_closed(sandbox, calendar):
    try:
        await observe(sandbox, calendar)
    except RuntimeError as error:
        return str(error) == "Enter the transport before sending."
    except ServiceUnavailableError:  # cut off because it is being closed
        return False
    return False


def test_looks_at_once_and_one_after_another_read_the_connection_once(sandbox, reads):
    async def looks():
        first = await asyncio.gather(*(look(sandbox) for _ in range(20)))
        return {id(each) for each in [*first, await look(sandbox)]}

    assert len(asyncio.run(looks())) == 1
    assert reads == [GRAPH]
    assert len(sandbox.requests()) == 21


def test_other_timeouts_and_other_event_loops_have_their_own(sandbox, reads):
    async def looks():
        return await look(sandbox) is await look(sandbox, request_timeout=5.0)

    assert not asyncio.run(looks())
    assert not asyncio.run(looks())
    assert reads == [GRAPH] * 4


def test_it_is_closed_when_its_time_is_over_but_not_while_it_is_used(sandbox, reads, monkeypatch):
    monkeypatch.setattr(reading, "SHARED_FOR", 0.05)

    async def looks():
        async with open_calendar(GRAPH, **TIMEOUTS) as (_, used):
            while (another := await look(sandbox)) is used:  # noqa: ASYNC110 - looking is what counts
                await asyncio.sleep(0.01)
            assert not await is_closed(sandbox, used)
        while not await is_closed(sandbox, used):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        return another

    another = asyncio.run(asyncio.wait_for(looks(), 30))
    assert asyncio.run(is_closed(sandbox, another))
    assert len(reads) >= 2


def test_a_connection_that_is_mended_is_picked_up(sandbox, monkeypatch):
    monkeypatch.setattr(reading, "SHARED_FOR", 0.05)
    name = f"AIRFLOW_CONN_{GRAPH.upper()}"
    good = json.loads(sandbox_text := json.dumps(sandbox.connections()[GRAPH]))
    good["extra"] |= {"access_token": "worn-out"}
    monkeypatch.setenv(name, json.dumps(good))

    async def looks():
        with pytest.raises(CredentialsError):
            await look(sandbox)
        monkeypatch.setenv(name, sandbox_text)
        while True:
            try:
                return await look(sandbox)
            except CredentialsError:
                await asyncio.sleep(0.01)

    assert asyncio.run(asyncio.wait_for(looks(), 30))


def test_one_that_cannot_be_opened_fails_for_all_who_wait_and_is_tried_again(
    sandbox, reads, monkeypatch, caplog
):
    async def looks():
        first = await asyncio.gather(*(look(sandbox, "not_there") for _ in range(5)), return_exceptions=True)
        assert {type(each) for each in first} == {ConfigurationError}
        monkeypatch.setenv("AIRFLOW_CONN_NOT_THERE", json.dumps(sandbox.connections()[GRAPH]))
        return await look(sandbox, "not_there")

    with caplog.at_level(logging.ERROR):
        asyncio.run(looks())
    assert reads == ["not_there"] * 2
    assert "never retrieved" not in caplog.text


def test_one_user_that_is_cancelled_takes_nothing_from_the_others(sandbox, reads):
    async def looks():
        tasks = [asyncio.create_task(look(sandbox)) for _ in range(2)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        return await tasks[1]

    assert asyncio.run(looks())
    assert reads == [GRAPH]


def watched(**changes):
    arguments = {
        "conn_id": GRAPH,
        "mailbox": None,
        "calendar_id": None,
        "filter": None,
        "answered": False,
        "days": 14,
        "poll_interval": 60.0,
        "failure_timeout": 0.0,
        **TIMEOUTS,
    }
    return WatchedCalendar(CalendarWatch(**arguments | changes))


def windows_read(sandbox):
    """Whether each read was of the whole window, in their order."""
    queries = [str(each["query"]).lower() for each in sandbox.requests()]
    return ["deltatoken" not in query for query in queries]


class TestWatchedCalendar:
    def read(self, sandbox, *steps, **changes):
        """Read a calendar once, and again after each step; return what was found."""

        async def read():
            calendar = watched(**changes)
            found = [await calendar.read()]
            for step in steps:
                step(calendar)
                found.append(await calendar.read())
            return found

        return asyncio.run(read())

    def test_only_the_first_read_is_of_the_whole_window(self, sandbox):
        def invite(_):
            start = pendulum.now("UTC").add(days=2).isoformat()
            sandbox.invite(service="graph", mailbox="alice@contoso.example", subject="New", start=start)

        first, *later = self.read(sandbox, invite, lambda _: None)
        assert windows_read(sandbox) == [True, False, False]
        assert first.complete
        assert len(first.invitations) > 3
        assert [[each.subject for each in found.invitations] for found in later] == [["New"], []]

    def test_another_is_if_it_is_asked_for_once(self, sandbox):
        self.read(sandbox, lambda calendar: calendar.read_all_next(), lambda _: None)
        assert windows_read(sandbox) == [True, True, False]

    def test_another_is_each_day_as_the_window_moves(self, sandbox, monkeypatch):
        tomorrow = pendulum.today("UTC").add(days=1)

        def wake_tomorrow(_):
            monkeypatch.setattr(pendulum, "today", lambda _: tomorrow)

        self.read(sandbox, lambda _: None, wake_tomorrow, lambda _: None)
        assert windows_read(sandbox) == [True, False, True, False]

    def test_the_window_begins_today_and_has_so_many_days(self, sandbox):
        near = {each.reference for each in self.read(sandbox, days=1)[0].invitations}
        far = {each.reference for each in self.read(sandbox, days=60)[0].invitations}
        assert near < far

    def test_it_is_the_calendar_of_the_mailbox(self, sandbox):
        start = pendulum.now("UTC").add(days=2).isoformat()
        sandbox.invite(service="graph", mailbox="bob@contoso.example", subject="For Bob", start=start)
        conn_id = "msgraph_calendar_default"
        (bobs,) = self.read(sandbox, conn_id=conn_id, mailbox="bob@contoso.example")
        (alices,) = self.read(sandbox, conn_id=conn_id, mailbox="alice@contoso.example")
        assert "For Bob" in {each.subject for each in bobs.invitations}
        assert "For Bob" not in {each.subject for each in alices.invitations}

    def test_an_unknown_calendar_is_not_found(self, sandbox):
        with pytest.raises(PermanentError):
            self.read(sandbox, calendar_id="nowhere")

    def test_a_failed_read_loses_nothing(self, sandbox):
        async def reads():
            calendar = watched()
            await calendar.read()
            sandbox.faults([{"kind": "status", "status": 500, "times": 1}])
            with pytest.raises(ServiceUnavailableError):
                await calendar.read()
            await calendar.read()

        asyncio.run(reads())
        assert windows_read(sandbox) == [True, False, False]
