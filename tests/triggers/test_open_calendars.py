"""Triggers of one event loop share an open calendar, and what that may not change."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from airflow.sdk import BaseHook

from airflow_provider_rsvp.exceptions import ConfigurationError, CredentialsError
from airflow_provider_rsvp.model import EventReference, Scope
from airflow_provider_rsvp.triggers import calendars
from airflow_provider_rsvp.triggers.calendars import open_calendar

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


async def look(sandbox, conn_id=GRAPH, **timeouts):
    reference = EventReference(event_id=sandbox.event_id("graph", "release", "alice@contoso.example"))
    async with open_calendar(conn_id, **TIMEOUTS | timeouts) as (_, calendar):
        await calendar.client.observe(reference, Scope.INSTANCE)
    return calendar


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
    monkeypatch.setattr(calendars, "_OPEN_FOR", 0.05)

    async def looks():
        async with open_calendar(GRAPH, **TIMEOUTS) as (_, used):
            while (another := await look(sandbox)) is used:  # noqa: ASYNC110 - looking is what counts
                await asyncio.sleep(0.01)
            assert used.transport._client is not None
        while used.transport._client is not None:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        return another

    assert asyncio.run(asyncio.wait_for(looks(), 30)).transport._client is None
    assert len(reads) >= 2


def test_a_connection_that_is_mended_is_picked_up(sandbox, monkeypatch):
    monkeypatch.setattr(calendars, "_OPEN_FOR", 0.05)
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
