"""Waiting for invitations: in a worker and in the triggerer, through Airflow itself."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from contextlib import contextmanager

import pendulum
import pytest
from airflow.sdk import DAG
from support.dagruns import outcome, run
from support.running_airflow import wait_until
from support.services import SERVICES

try:
    from airflow.sdk.exceptions import (
        AirflowFailException,
        AirflowSensorTimeout,
        AirflowSkipException,
        TaskDeferred,
    )
except ImportError:  # Airflow 3.1 has them here only
    from airflow.exceptions import (
        AirflowFailException,
        AirflowSensorTimeout,
        AirflowSkipException,
        TaskDeferred,
    )

from airflow_provider_rsvp.exceptions import InvalidInputError, ServiceUnavailableError
from airflow_provider_rsvp.sensors.invitation import InvitationSensor
from airflow_provider_rsvp.triggers.invitation_sensor import InvitationSensorTrigger
from airflow_provider_rsvp.waiting.invitations import CalendarWatch

NEW = {"subject": ["^Brand new"]}
GRAPH = "msgraph_calendar_static"


def waited(dag_id, **arguments):
    """Run a DAG with the sensor, and return its task instance."""
    with DAG(dag_id, schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC")) as dag:
        InvitationSensor(task_id="wait", **{"poke_interval": 0.1, "timeout": 60, **arguments})
    return run(dag)["wait"]


def invite(sandbox, service, subject="Brand new"):
    start = pendulum.now("UTC").add(days=2).isoformat()
    return sandbox.invite(service=service, mailbox=SERVICES[service].mailbox, subject=subject, start=start)


@contextmanager
def after_polls(sandbox, polls, do):
    """Do something once the service has received a few more requests."""
    begun = len(sandbox.requests())

    def wait():
        wait_until(lambda: len(sandbox.requests()) >= begun + polls, seconds=60, what=sandbox.requests)
        do()

    thread = threading.Thread(target=wait)
    thread.start()
    yield
    thread.join()


@pytest.fixture(params=[True, False], ids=["deferrable", "in the worker"])
def deferrable(request):
    return request.param


@pytest.mark.airflow
class TestWaits:
    @pytest.mark.parametrize("service", SERVICES)
    def test_until_one_comes_in_that_matches(self, service, sandbox, database, deferrable):
        with after_polls(sandbox, 6, lambda: invite(sandbox, service)):
            ti = waited("comes_in", conn_id=SERVICES[service].static, filter=NEW, deferrable=deferrable)
        assert [each["subject"] for each in outcome(ti)] == ["Brand new"]
        assert sandbox.mail() == []

    def test_not_at_all_where_one_is_there(self, sandbox, database, deferrable):
        invite(sandbox, "graph")
        begun = len(sandbox.requests())
        assert waited("there", conn_id=GRAPH, filter=NEW, deferrable=deferrable).state == "success"
        assert len(sandbox.requests()) - begun == 1

    def test_until_another_comes_in_where_those_that_are_there_do_not_count(
        self, sandbox, database, deferrable
    ):
        invite(sandbox, "graph", "Brand new 1")
        with after_polls(sandbox, 4, lambda: invite(sandbox, "graph", "Brand new 2")):
            ti = waited("another", conn_id=GRAPH, filter=NEW, existing=False, deferrable=deferrable)
        assert [each["subject"] for each in outcome(ti)] == ["Brand new 2"]

    def test_until_the_timeout(self, sandbox, database):
        ti = waited("late", conn_id=GRAPH, filter=NEW, timeout=0.3, deferrable=False, soft_fail=True)
        assert ti.state == "skipped"

    def test_what_cannot_be_done_fails_at_once(self, sandbox, database, deferrable):
        ti = waited("mailbox", conn_id="cronofy_default", mailbox="bob", deferrable=deferrable, retries=2)
        assert (ti.state, ti.try_number) == ("failed", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"filter": {"subjekt": ["x"]}},
        {"days": 0},
        {"existing": False, "deferrable": False, "mode": "reschedule"},
    ],
    ids=str,
)
def test_mistakes_are_found_when_the_dag_is_parsed(arguments):
    with pytest.raises(InvalidInputError):
        InvitationSensor(task_id="wait", conn_id=GRAPH, **arguments)


NOWHERE_NEAR = "2040-01-01T00:00:00+00:00"
LONG_AGO = "2020-01-01T00:00:00+00:00"


def sensor(**arguments):
    return InvitationSensor(task_id="wait", **{"conn_id": GRAPH, "filter": NEW, **arguments})


def deferred(sensor):
    """Run a sensor that finds nothing, and return what it is deferred to."""
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute({})
    return caught.value


class TestDeferring:
    def test_the_trigger_watches_what_the_sensor_does(self, sandbox):
        arguments = {
            "conn_id": "msgraph_calendar_default",
            "mailbox": "bob@contoso.example",
            "filter": NEW,
            "answered": True,
            "days": 3,
            "failure_timeout": 7.0,
            "request_timeout": 8.0,
            "throttle_timeout": 9.0,
        }
        trigger = deferred(sensor(**arguments, poke_interval=5.0)).trigger
        assert trigger.watch == CalendarWatch(**arguments, calendar_id=None, poll_interval=5.0)

    def test_what_a_template_leaves_empty_is_the_default(self, sandbox):
        watch = deferred(sensor(mailbox="", calendar_id="")).trigger.watch
        assert (watch.mailbox, watch.calendar_id) == (None, None)

    def test_the_trigger_is_made_again_from_plain_json(self, sandbox):
        path, arguments = deferred(sensor(existing=False)).trigger.serialize()
        assert path == "airflow_provider_rsvp.triggers.invitation_sensor.InvitationSensorTrigger"
        assert json.loads(json.dumps(arguments)) == arguments
        assert InvitationSensorTrigger(**arguments).serialize() == (path, arguments)

    def test_what_is_there_is_known_only_if_it_does_not_count(self, sandbox):
        assert deferred(sensor()).trigger.known == {}
        assert deferred(sensor(filter=None, existing=False)).trigger.known != {}

    def test_it_waits_until_the_timeout(self, sandbox):
        begun = pendulum.now("UTC")
        found = deferred(sensor(timeout=3600))
        until = pendulum.parse(found.trigger.until)
        assert begun.add(seconds=3600) <= until <= pendulum.now("UTC").add(seconds=3600)
        assert 3500 < found.timeout.total_seconds() <= 3600

    def test_it_waits_again_for_the_rest_of_the_time(self, sandbox):
        until = pendulum.now("UTC").add(seconds=60).isoformat()
        with pytest.raises(TaskDeferred) as caught:
            sensor(timeout=3600).execute_complete({}, {"failed": False, "known": {"a": "b"}, "until": until})
        assert caught.value.timeout.total_seconds() <= 60
        assert (caught.value.trigger.until, caught.value.trigger.known) == (until, {"a": "b"})

    @pytest.mark.parametrize(
        ("soft", "error"),
        [({}, AirflowSensorTimeout), ({"soft_fail": True}, AirflowSkipException)],
        ids=["fails", "skips"],
    )
    def test_it_ends_after_the_timeout(self, sandbox, soft, error):
        with pytest.raises(error, match=r"No matching invitation came in within 60 s\."):
            sensor(timeout=60, **soft).execute_complete({}, {"failed": False, "known": {}, "until": LONG_AGO})

    def test_what_came_in_counts_even_after_the_timeout(self, sandbox):
        invite(sandbox, "graph")
        event = {"failed": False, "known": {}, "until": LONG_AGO}
        assert [each["subject"] for each in sensor().execute_complete({}, event)] == ["Brand new"]

    def test_a_failure_that_the_trigger_retried_is_not_retried_again(self, sandbox):
        sandbox.faults([{"kind": "status", "status": 500, "times": 1}])
        with pytest.raises(ServiceUnavailableError):
            sensor().execute_complete({}, {"failed": True, "known": {}, "until": NOWHERE_NEAR})
        assert len(sandbox.requests()) == 1

    def test_others_are_retried(self, sandbox):
        invite(sandbox, "graph")
        sandbox.faults([{"kind": "status", "status": 500, "times": 1}])
        assert sensor().execute_complete({}, {"failed": False, "known": {}, "until": NOWHERE_NEAR})
        assert len(sandbox.requests()) == 2


class TestFailing:
    """What cannot be done: a mailbox on a service that has none."""

    def test_it_fails_at_once(self, sandbox):
        with pytest.raises(AirflowFailException, match=r"^UnsupportedByServiceError: mailbox: "):
            sensor(conn_id="cronofy_default", mailbox="bob").execute({})

    @pytest.mark.parametrize("soft", ["soft_fail", "never_fail"])
    def test_it_may_be_a_skip(self, sandbox, soft):
        failing = sensor(conn_id="cronofy_default", mailbox="bob", **{soft: True})
        with pytest.raises(AirflowSkipException):
            failing.execute({})
        with pytest.raises(AirflowSkipException):
            failing.execute_complete({}, {"failed": True, "known": {}, "until": NOWHERE_NEAR})


class TestPoking:
    def test_one_that_is_not_deferrable_waits_in_the_worker(self, sandbox):
        with pytest.raises(AirflowSensorTimeout):
            sensor(deferrable=False, poke_interval=0.01, timeout=0.02).execute({})

    @pytest.mark.parametrize(
        ("arguments", "found"), [({}, 0), ({"answered": False}, 0), ({"answered": True}, 1)], ids=str
    )
    def test_answered_ones_count_only_if_asked_for(self, sandbox, arguments, found):
        from support.replies import reply

        reply(GRAPH, "accepted", event_id=str(invite(sandbox, "graph")["event_id"]))
        poked = sensor(**arguments, deferrable=False).poke({})
        assert (bool(poked), len(poked.xcom_value or ())) == (bool(found), found)

    def test_it_logs_how_many_match(self, sandbox, capsys):
        invite(sandbox, "graph")
        sensor(deferrable=False).poke({})
        assert re.search(r"\b1 of \d+ invitations match\.", capsys.readouterr().out)


def waiting(known=(), **changes):
    watch = {
        "conn_id": GRAPH,
        "mailbox": None,
        "calendar_id": None,
        "filter": NEW,
        "answered": False,
        "days": 60,
        "poll_interval": 0.05,
        "failure_timeout": 0.0,
        "request_timeout": 30.0,
        "throttle_timeout": 300.0,
    }
    return InvitationSensorTrigger(watch=watch | changes, known=dict(known), until=NOWHERE_NEAR)


def fired(trigger):
    async def events():
        return [event.payload async for event in trigger.run()]

    return asyncio.run(asyncio.wait_for(events(), 60))


class TestTrigger:
    @pytest.mark.parametrize("status", [500, 401], ids=["passing", "permanent"])
    def test_it_hands_a_failure_back_to_the_task(self, sandbox, status):
        """A watcher retries it forever; a task fails."""
        sandbox.faults([{"kind": "status", "status": status, "times": 1}])
        assert fired(waiting()) == [{"failed": True, "known": {}, "until": NOWHERE_NEAR}]
        assert len(sandbox.requests()) == 1

    def test_it_retries_passing_failures(self, sandbox):
        invite(sandbox, "graph")
        sandbox.faults([{"kind": "status", "status": 500, "times": 2}])
        assert fired(waiting(failure_timeout=600.0)) == [
            {"failed": False, "known": {}, "until": NOWHERE_NEAR}
        ]

    def test_it_does_not_fire_for_what_is_known(self, sandbox):
        invite(sandbox, "graph", "Brand new 1")
        known = deferred(sensor(existing=False)).trigger.known
        with after_polls(sandbox, 4, lambda: invite(sandbox, "graph", "Brand new 2")):
            assert fired(waiting(known)) == [{"failed": False, "known": known, "until": NOWHERE_NEAR}]
        assert len(sandbox.requests()) >= 5

    def test_it_pauses_between_polls(self, sandbox):
        async def seconds():
            begun = asyncio.get_running_loop().time()
            await anext(waiting(poll_interval=30.0).run())
            return asyncio.get_running_loop().time() - begun

        with after_polls(sandbox, 4, lambda: invite(sandbox, "graph")):
            waited_for = asyncio.run(seconds())
        assert waited_for >= 30.0 * (len(sandbox.requests()) - 1) >= 30.0 * 3

    def test_one_that_is_not_understood_fails_alone(self):
        """As another version of this package may have stored it; another error would end the triggerer."""
        with pytest.raises(TypeError, match=r"^days"):
            waiting(days=0)
        with pytest.raises(TypeError, match=r"^watch"):
            waiting(look_ahead=3)
