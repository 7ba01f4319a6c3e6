"""The trigger on new invitations: what it fires for, and what a restart repeats and loses."""

from __future__ import annotations

import json
import threading

import pytest
from support.new_invitations import (
    ALICE,
    GRAPH,
    Store,
    acknowledging,
    invite,
    sharing,
    trigger,
    wait_for,
    wait_for_polls,
    watching,
)
from support.replies import reply
from support.services import SERVICES


@pytest.fixture(params=SERVICES)
def service(request, sandbox):
    return request.param


class SharedByAssets:
    """What Airflow gives a trigger that several assets share: whose state it should be is not clear."""

    async def aget(self, key, default=None):
        raise ValueError("several assets")

    async def aset(self, key, value):
        raise ValueError("several assets")


class TestFires:
    def test_for_what_is_pending_at_first_and_for_what_comes_in_later(self, service, sandbox):
        conn_id = SERVICES[service].static
        with watching(trigger(conn_id)) as events:
            wait_for(lambda: len(events) == 1)
            assert len(events[0]) > 3
            row = invite(sandbox, service)
            wait_for(lambda: len(events) == 2)
            wait_for_polls(sandbox)
        assert len(events) == 2
        (pointer,) = events[1]
        assert set(pointer) == {"event_id", "original_start"}
        if service != "graph":  # whose default id is another than the immutable one
            assert pointer["event_id"] == row["event_id"]

    def test_only_for_what_the_filter_matches(self, service, sandbox):
        conn_id = SERVICES[service].static
        with watching(trigger(conn_id, filter={"subject": ["^brand new$"]})) as events:
            wait_for_polls(sandbox)
            invite(sandbox, service, subject="Something else")
            wait_for_polls(sandbox)
            assert events == []
            invite(sandbox, service)
            wait_for(lambda: events)
        assert len(events[0]) == 1

    def test_not_for_my_own_answer(self, service, sandbox):
        conn_id, mailbox = SERVICES[service].static, SERVICES[service].mailbox
        event_id = sandbox.event_id(service, "release", mailbox)
        with watching(trigger(conn_id)) as events:
            wait_for(lambda: events)
            reply(conn_id, "accepted", event_id=event_id)
            wait_for_polls(sandbox, 6)
        assert len(events) == 1

    def test_for_my_own_answer_if_answered_ones_are_asked_for(self, service, sandbox):
        conn_id, mailbox = SERVICES[service].static, SERVICES[service].mailbox
        event_id = sandbox.event_id(service, "release", mailbox)
        with watching(trigger(conn_id, answered=True)) as events:
            wait_for(lambda: events)
            reply(conn_id, "accepted", event_id=event_id)
            wait_for(lambda: len(events) == 2)
        assert len(events[1]) == 1


class TestARestart:
    def test_announces_nothing_twice_and_loses_nothing(self, service, sandbox):
        conn_id = SERVICES[service].static
        store = Store()
        with watching(trigger(conn_id, store)) as events:
            wait_for(lambda: store.values)
        assert len(events) == 1
        invite(sandbox, service)
        with watching(trigger(conn_id, store)) as events:
            wait_for(lambda: events)
            wait_for_polls(sandbox)
        assert [len(each) for each in events] == [1]

    def test_before_it_was_saved_announces_the_same_again(self, sandbox):
        """Airflow may not have stored the event yet, so what was not saved counts as not announced."""
        store = Store()
        first = []
        for _ in range(2):
            with watching(trigger(GRAPH, store, poll_interval=30)) as events:
                wait_for(lambda events=events: events)
            first.append(events[0])
        assert first[0] == first[1]
        assert store.values == {}

    @acknowledging
    def test_it_is_saved_once_airflow_confirms_that_the_event_is_stored(self, sandbox):
        store = Store()
        with sharing(trigger(GRAPH, store)) as ((events,), confirm):
            wait_for(lambda: events)
            wait_for_polls(sandbox)
            assert store.values == {}
            confirm(events)
            wait_for(lambda: store.values)
        with sharing(trigger(GRAPH, store)) as ((events,), _):
            wait_for_polls(sandbox)
        assert events == []

    @acknowledging
    def test_what_airflow_did_not_store_is_announced_again(self, sandbox):
        store = Store()
        for _ in range(2):
            with sharing(trigger(GRAPH, store)) as ((events,), _confirm):
                wait_for(lambda events=events: events)
                wait_for_polls(sandbox)
            assert len(events) == 1
        assert store.values == {}

    @acknowledging
    def test_triggers_that_share_polls_store_what_they_announced_separately(self, sandbox):
        stores = [Store(), Store()]
        filters = [{"subject": ["^brand"]}, {"subject": ["^other"]}]
        triggers = [trigger(GRAPH, store, filter=each) for store, each in zip(stores, filters, strict=True)]
        with sharing(*triggers) as (events, confirm):
            for number, subject in enumerate(("Brand new", "Other new")):
                invite(sandbox, "graph", subject=subject)
                wait_for(lambda number=number: events[number])
                confirm(events[number])
                wait_for(lambda number=number: stores[number].values)
        assert [len(each) for each in events] == [1, 1]

    def test_only_hashes_are_stored(self, sandbox):
        store = Store()
        invite(sandbox, "graph", subject="Secret plans")
        with watching(trigger(GRAPH, store)):
            wait_for(lambda: store.values)
        ((_, text),) = store.values.items()
        assert all(len(part) == 12 for pair in json.loads(text).items() for part in pair)
        assert "Secret" not in text

    def test_it_is_saved_only_when_it_has_changed(self, sandbox):
        store = Store()
        with watching(trigger(GRAPH, store)) as events:
            wait_for(lambda: store.writes)
            wait_for_polls(sandbox)
            assert store.writes == 1
            invite(sandbox, "graph")
            wait_for(lambda: store.writes == 2)
        with watching(trigger(GRAPH, store)) as events:
            wait_for_polls(sandbox)
        assert events == []
        assert store.writes == 2

    @pytest.mark.parametrize(
        ("other", "again"),
        [
            ({}, False),
            ({"poll_interval": 0.06}, False),
            ({"filter": {"subject": ["."]}}, True),
            ({"answered": True}, True),
            ({"conn_id": "msgraph_calendar_default", "mailbox": ALICE}, True),
        ],
        ids=str,
    )
    def test_watchers_of_one_asset_are_told_apart_by_what_they_announce(self, sandbox, other, again):
        store = Store()
        with watching(trigger(GRAPH, store)):
            wait_for(lambda: store.values)
        with watching(trigger(**{"conn_id": GRAPH, "store": store} | other)) as events:
            wait_for_polls(sandbox)
        assert bool(events) == again

    @pytest.mark.airflow
    @pytest.mark.parametrize("store", [None, SharedByAssets()], ids=["before 3.3", "of several assets"])
    def test_without_a_state_store_it_is_saved_in_a_variable(self, sandbox, database, store):
        def made():
            one = trigger(GRAPH, filter={"subject": ["brand new"]})
            one.asset_state_store = store
            return one

        invite(sandbox, "graph")
        with watching(made()) as events:
            wait_for(lambda: events)
            wait_for_polls(sandbox)
        with watching(made()) as events:
            wait_for_polls(sandbox)
        assert events == []


@acknowledging
def test_one_that_joins_others_reads_the_whole_window_first(sandbox):
    """What was announced to the others before it joined would be lost to it."""
    first, late = trigger(GRAPH), trigger(GRAPH, filter={"subject": ["."]})
    join = threading.Event()
    with sharing(first, late, join=join) as (events, confirm):
        wait_for(lambda: events[0])
        confirm(events[0])
        wait_for_polls(sandbox)
        join.set()
        wait_for(lambda: events[1])
    assert [len(each) for each in events] == [1, 1]
    assert sum("deltatoken" not in str(each["query"]).lower() for each in sandbox.requests()) == 2
