"""The trigger on new invitations: what it makes of failures, and when it polls."""

from __future__ import annotations

import asyncio
import random

import pytest
from support.new_invitations import (
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

from airflow_provider_rsvp.exceptions import CredentialsError, ServiceUnavailableError
from airflow_provider_rsvp.services.client import Changes
from airflow_provider_rsvp.triggers.announcing import ConfirmedPolls, Poll, unconfirmed_polls
from airflow_provider_rsvp.triggers.reading import WatchedCalendar, retry_forever

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
