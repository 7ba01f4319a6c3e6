"""Starting DAGs by invitations: what fires, what does not, and what is remembered."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from contextlib import contextmanager

import pendulum
import pytest
from airflow.executors.workloads import RunTrigger
from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.models.trigger import Trigger
from airflow.triggers.base import BaseEventTrigger
from support.replies import reply
from support.running_airflow import wait_until
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import (
    CredentialsError,
    InvalidInputError,
    ServiceUnavailableError,
)
from airflow_provider_rsvp.services.client import Changes
from airflow_provider_rsvp.triggers.announcing import ConfirmedPolls, Poll, unconfirmed_polls
from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger
from airflow_provider_rsvp.triggers.reading import WatchedCalendar, retry_forever

GRAPH, ALICE = SERVICES["graph"].static, SERVICES["graph"].mailbox
NOW = pendulum.now("UTC")
acknowledging = pytest.mark.skipif(
    not hasattr(BaseEventTrigger, "create_shared_stream_producer"),
    reason="needs an Airflow that confirms that it has stored an event",
)


MISTAKES = pytest.mark.parametrize(
    "arguments",
    [
        {"filter": {"subjekt": ["x"]}},
        {"filter": {"conflict": {}}},
        {"filter": {"all": [{"not": {"outside_working_hours": True}}]}},
        {"filter": {"organizer": {"external": True}}},
        {"filter": "subject"},
        {"days": 0},
        {"days": True},
        {"poll_interval": 0},
        {"poll_interval": "often"},
    ],
    ids=str,
)


class Store:
    """What Airflow 3.3 gives a trigger for its asset."""

    def __init__(self):
        self.values = {}
        self.writes = 0

    async def aget(self, key, default=None):
        return json.loads(self.values[key]) if key in self.values else default

    async def aset(self, key, value):
        self.values[key] = json.dumps(value)
        self.writes += 1


class SharedByAssets:
    """What Airflow gives a trigger that several assets share: whose state it should be is not clear."""

    async def aget(self, key, default=None):
        raise ValueError("several assets")

    async def aset(self, key, value):
        raise ValueError("several assets")


def trigger(conn_id, store=None, **arguments):
    made = NewInvitationTrigger(
        **{"conn_id": conn_id, "poll_interval": 0.05, "failure_timeout": 0, **arguments}
    )
    made.asset_state_store = store or Store()
    return made


def run_to_the_end(loop, task):
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(asyncio.wait([task]))


@contextmanager
def watching(trigger):
    """Run a trigger as the triggerer does, in an event loop of its own; yields the events as they come."""
    found = []

    async def collect():
        async for event in trigger.run():
            found.append(event.payload["invitations"])  # noqa: PERF401 - seen from outside as they come

    loop = asyncio.new_event_loop()
    task = loop.create_task(collect())
    thread = threading.Thread(target=run_to_the_end, args=(loop, task))
    thread.start()
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
    assert task.cancelled() or not task.exception()


def wait_for(done, what=lambda: ""):
    wait_until(done, seconds=60, what=what)


def wait_for_polls(sandbox, more=4):
    """Wait until the service has received a few more requests."""
    begun = len(sandbox.requests())
    wait_for(lambda: len(sandbox.requests()) >= begun + more)


def invite(sandbox, service, **wish):
    mailbox = SERVICES[service].mailbox
    start = NOW.add(days=2, hours=3).isoformat()
    return sandbox.invite(
        **{"service": service, "mailbox": mailbox, "subject": "Brand new", "start": start} | wish
    )


@contextmanager
def sharing(*triggers, join=None):
    """
    Run triggers as Airflow's triggerer does where they share their polls; all but the first once ``join`` is set.

    Yields the events of each, which are to be confirmed, and a function that confirms that they are stored.
    """
    from airflow.triggers.shared_stream import SharedStreamManager

    found = [[] for _ in triggers]
    manager = SharedStreamManager()

    async def collect(number, trigger):
        if number and join:
            await asyncio.to_thread(join.wait, 60)
        key = trigger.shared_stream_key()
        stream = manager.subscribe(trigger_id=number, trigger=trigger, key=key)
        try:
            async for _ in trigger.filter_shared_stream(stream):
                found[number].append(manager.bind_pending_event(trigger_id=number, key=key))
        finally:
            await manager.unsubscribe(number, key)

    async def together():
        await asyncio.gather(*(collect(*each) for each in enumerate(triggers)))

    loop = asyncio.new_event_loop()
    task = loop.create_task(together())
    thread = threading.Thread(target=run_to_the_end, args=(loop, task))
    thread.start()
    try:
        yield found, lambda seqs: loop.call_soon_threadsafe(manager.confirm_persisted, list(seqs))
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
    assert task.cancelled() or not task.exception()


@pytest.fixture(params=SERVICES)
def service(request, sandbox):
    return request.param


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


SECRET = "".join(["hun", "ter2"])
"""In no line of code as it is, as a traceback shows those."""


class Failing(Store):
    """Airflow's store while its database is down: reading or writing fails so many times."""

    def __init__(self, *, reading=0, writing=0):
        super().__init__()
        self.reading, self.writing = reading, writing

    async def aget(self, key, default=None):
        self.reading -= 1
        if self.reading >= 0:
            raise RuntimeError(SECRET)
        return await super().aget(key, default)

    async def aset(self, key, value):
        self.writing -= 1
        if self.writing >= 0:
            raise RuntimeError(SECRET)
        await super().aset(key, value)


class TestFailures:
    """Nothing ends a watch: Airflow would restart it a second later, again and again."""

    def test_a_passing_one_is_retried(self, sandbox, caplog):
        sandbox.faults([{"kind": "status", "status": 500, "times": 2}])
        with watching(trigger(GRAPH, failure_timeout=60)) as events:
            wait_for(lambda: events)
        assert {each.levelname for each in caplog.records if "HTTP 500" in each.message} == {"WARNING"}

    @pytest.mark.parametrize(
        ("status", "error"),
        [(500, ServiceUnavailableError), (401, CredentialsError)],
        ids=["passing", "permanent"],
    )
    @pytest.mark.parametrize(
        "share", [False, pytest.param(True, marks=acknowledging)], ids=["alone", "shared"]
    )
    def test_others_are_logged_as_errors_until_one_poll_succeeds(self, sandbox, caplog, status, error, share):
        sandbox.faults([{"kind": "status", "status": status, "times": 4}])
        watched = trigger(GRAPH)
        with sharing(watched) if share else watching(watched) as found:
            events = found[0][0] if share else found
            wait_for(lambda: events)
        errors = [each.message for each in caplog.records if each.levelname == "ERROR"]
        assert len(errors) == 4
        assert all(f"{GRAPH!r}: {error.__name__}: " in each and str(status) in each for each in errors)

    def test_what_came_in_meanwhile_is_announced_once(self, sandbox):
        with watching(trigger(GRAPH)) as events:
            wait_for(lambda: events)
            sandbox.faults([{"kind": "status", "status": 401, "times": 3}])
            invite(sandbox, "graph")
            wait_for(lambda: len(events) == 2)
            wait_for_polls(sandbox)
        assert [len(each) for each in events[1:]] == [1]

    def test_a_mailbox_on_a_service_that_has_none_makes_no_request(self, sandbox, caplog):
        with watching(trigger("cronofy_default", mailbox="bob")):
            wait_for(lambda: "UnsupportedByServiceError" in caplog.text)
        assert sandbox.requests() == []

    def test_an_unexpected_one_is_logged_without_its_text(self, sandbox, caplog, monkeypatch):
        def failing(self, read=WatchedCalendar.read, left=[None] * 2):
            if left:
                left.pop()
                raise RuntimeError(SECRET)
            return read(self)

        monkeypatch.setattr(WatchedCalendar, "read", failing)
        with watching(trigger(GRAPH)) as events:
            wait_for(lambda: events)
        assert "Unexpected RuntimeError" in caplog.text
        assert "in failing" in caplog.text
        assert SECRET not in caplog.text

    @pytest.mark.parametrize(
        "share", [False, pytest.param(True, marks=acknowledging)], ids=["alone", "shared"]
    )
    def test_a_store_that_cannot_be_read_loses_and_repeats_nothing(self, sandbox, caplog, share):
        healthy = Store()
        with watching(trigger(GRAPH, healthy)):
            wait_for(lambda: healthy.values)
        invite(sandbox, "graph")
        store = Failing(reading=3)
        store.values = healthy.values
        watched = trigger(GRAPH, store)
        with sharing(watched) if share else watching(watched) as found:
            events = found[0][0] if share else found
            wait_for(lambda: events)
            wait_for_polls(sandbox)
        assert len(events) == 1
        assert share or len(events[0]) == 1
        assert caplog.text.count("Unexpected RuntimeError") == 1
        assert SECRET not in caplog.text

    @acknowledging
    def test_a_store_that_cannot_be_written_is_written_later(self, sandbox, caplog):
        failing, healthy = Failing(writing=3), Store()
        triggers = [
            trigger(GRAPH, store, filter=each)
            for store, each in ((failing, None), (healthy, {"subject": ["e"]}))
        ]
        with sharing(*triggers) as (events, confirm):
            for number in range(2):
                wait_for(lambda number=number: events[number])
                confirm(events[number])
            wait_for(lambda: failing.values and healthy.values)
        assert [len(each) for each in events] == [1, 1]
        assert SECRET not in caplog.text
        with watching(trigger(GRAPH, failing)) as after:
            wait_for_polls(sandbox)
        assert after == []


class TestPolls:
    """When what was announced is saved."""

    @pytest.mark.parametrize(("poll_interval", "saved_after"), [(60.0, 10.0), (4.0, 4.0)])
    def test_where_airflow_does_not_confirm_it_is_after_ten_seconds(
        self, sandbox, poll_interval, saved_after
    ):
        async def seconds():
            clock = asyncio.get_running_loop().time
            polls = unconfirmed_polls(trigger(GRAPH, poll_interval=poll_interval).watch)
            poll = await anext(polls)
            begun, saved = clock(), []

            async def save():
                saved.append(clock() - begun)

            poll.when_stored(save)
            await anext(polls)
            return *saved, clock() - begun

        saved, polled_again = asyncio.run(seconds())
        assert saved_after <= saved < saved_after + 3
        assert poll_interval <= polled_again < poll_interval + 3

    @acknowledging
    def test_where_airflow_confirms_it_is_when_all_events_of_a_poll_are_stored(self):
        from airflow.triggers.shared_stream import AdvanceItem, AdvanceOutcome

        watch, saved = trigger(GRAPH).watch, []

        def item(name, **outcome):
            async def save():
                saved.append(name)

            poll = Poll(Changes((), None, complete=True), WatchedCalendar(watch))
            poll.when_stored(save)
            return AdvanceItem(poll, AdvanceOutcome(**{"acked": 0, "failed": 0, "rejected": 0} | outcome))

        batch = [item("stored", acked=2), item("lost", acked=1, failed=1), item("later", acked=1)]
        asyncio.run(ConfirmedPolls(watch).advance(batch))
        assert saved == ["stored", "later"]

    @acknowledging
    def test_where_airflow_confirms_it_pauses_between_polls(self, sandbox):
        async def seconds():
            clock = asyncio.get_running_loop().time
            polls = ConfirmedPolls(trigger(GRAPH, poll_interval=60.0).watch).open_stream()
            await anext(polls)
            begun = clock()
            await anext(polls)
            return clock() - begun

        assert 60.0 <= asyncio.run(seconds()) < 63.0


class TestRetryForever:
    def pauses(self, monkeypatch, *, fails, failure_timeout=0, pause=60):
        """Return the pauses in seconds while a read fails in these ways."""
        pauses, ways = [], iter(fails)

        async def sleep(seconds, real=asyncio.sleep):
            pauses.append(seconds)
            await real(0)

        async def read():
            error = next(ways, None)
            if error is not None:
                raise error("It fails.")
            return "read"

        monkeypatch.setattr(asyncio, "sleep", sleep)
        monkeypatch.setattr(random, "uniform", lambda *_: 1.0)
        done = retry_forever(read, failure_timeout=failure_timeout, pause=pause, what="It")
        assert asyncio.run(done) == "read"
        return pauses

    @pytest.mark.parametrize("error", [CredentialsError, ServiceUnavailableError, RuntimeError])
    def test_polls_become_rarer_down_to_one_in_a_quarter_of_an_hour(self, monkeypatch, error):
        assert self.pauses(monkeypatch, fails=[error] * 7) == [60, 120, 240, 480, 900, 900, 900]

    def test_they_are_never_more_frequent_than_healthy_ones(self, monkeypatch):
        assert self.pauses(monkeypatch, fails=[CredentialsError] * 3, pause=3600) == [3600] * 3

    def test_a_permanent_one_is_not_retried_sooner(self, monkeypatch):
        fails = [ServiceUnavailableError, ServiceUnavailableError, CredentialsError, ServiceUnavailableError]
        assert self.pauses(monkeypatch, fails=fails, failure_timeout=3600) == [1, 2, 60, 120]


class TestArguments:
    def test_it_is_made_again_from_plain_json(self):
        made = trigger(GRAPH, filter={"subject": ["x"]}, mailbox="bob@contoso.example", days=3)
        path, arguments = made.serialize()
        assert path == "airflow_provider_rsvp.triggers.new_invitation.NewInvitationTrigger"
        assert json.loads(json.dumps(arguments)) == arguments
        assert NewInvitationTrigger(**arguments).serialize() == (path, arguments)

    def test_triggers_that_read_the_same_share_their_polls(self):
        key = trigger(GRAPH).shared_stream_key()
        assert trigger(GRAPH, filter={"subject": ["x"]}, answered=True).shared_stream_key() == key
        for other in (
            {"conn_id": "cronofy_default"},
            {"mailbox": "bob@contoso.example"},
            {"calendar_id": "team"},
            {"days": 3},
            {"poll_interval": 3},
            {"failure_timeout": 3},
            {"request_timeout": 3},
            {"throttle_timeout": 3},
        ):
            assert trigger(**{"conn_id": GRAPH} | other).shared_stream_key() != key

    @MISTAKES
    def test_mistakes_are_found_when_the_dag_is_parsed(self, arguments):
        with pytest.raises(InvalidInputError, match=f"^{next(iter(arguments))}"):
            trigger(GRAPH, **arguments)

    def test_a_mistake_in_the_filter_is_named_by_its_path(self):
        with pytest.raises(InvalidInputError, match=r"filter\.all\[0\]\.not\.outside_working_hours"):
            trigger(GRAPH, filter={"all": [{"not": {"outside_working_hours": True}}]})

    @pytest.mark.airflow
    @MISTAKES
    def test_a_stored_one_that_is_not_understood_does_not_end_the_triggerer(self, arguments):
        """As another version of this package may have stored it."""
        classpath, _ = trigger(GRAPH).serialize()
        kwargs = Trigger.encrypt_kwargs({"conn_id": GRAPH, **arguments})
        runner = TriggerRunner()
        runner.to_create.append(RunTrigger(id=1, classpath=classpath, encrypted_kwargs=kwargs, ti=None))
        asyncio.run(runner.create_triggers())
        ((failed, error),) = runner.failed_triggers
        assert failed == 1
        assert str(error).startswith(next(iter(arguments)))


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
