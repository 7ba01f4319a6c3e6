"""Waiting for answers: in a worker and in the triggerer, through Airflow itself."""

from __future__ import annotations

import asyncio
import inspect
import json
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

from airflow_provider_rsvp.exceptions import CredentialsError, ServiceUnavailableError
from airflow_provider_rsvp.model import EventReference
from airflow_provider_rsvp.sensors.participation_status import ParticipationStatusSensor
from airflow_provider_rsvp.triggers.participation_status_sensor import ParticipationStatusSensorTrigger
from airflow_provider_rsvp.triggers.reading import retry_passing

UNTIL = "2040-01-01T00:00:00+00:00"
LONG_AGO = "2020-01-01T00:00:00+00:00"
NOW = pendulum.now("UTC")
GRAPH, ALICE = SERVICES["graph"].static, SERVICES["graph"].mailbox
BOB, CAROL = SERVICES["graph"].colleagues


def new_dag(dag_id):
    return DAG(dag_id, schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC"))


def waited(dag_id, **arguments):
    """Run a DAG with the sensor, and return its task instance."""
    with new_dag(dag_id) as dag:
        ParticipationStatusSensor(task_id="wait", **{"poke_interval": 0.1, "timeout": 60, **arguments})
    return run(dag)["wait"]


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


@pytest.fixture(params=SERVICES)
def meeting(request, sandbox, database):
    """A meeting that I organize: where it is, who is invited, and how they answer."""
    each = SERVICES[request.param]
    conn_id, mailbox, people = each.static, each.mailbox, each.colleagues
    event_id = sandbox.event_id(request.param, "own", mailbox)
    (row,) = [
        each
        for each in sandbox.invitations()
        if (each["service"], each["event_id"]) == (request.param, event_id)
    ]
    guests = [address for address in row["attendees"] if address != row["organizer"]]
    answers = [
        lambda status, guest=guest: sandbox.answer(request.param, event_id, guest, status) for guest in guests
    ]
    return {"conn_id": conn_id, "event_id": event_id}, people, answers


@pytest.fixture
def release(sandbox):
    return {"conn_id": GRAPH, "event_id": sandbox.event_id("graph", "release", ALICE)}


@pytest.mark.airflow
@pytest.mark.usefixtures("database")
class TestWaits:
    def test_until_all_have_accepted(self, meeting, sandbox, deferrable):
        event, _, answers = meeting
        answers[0]("accepted")
        with after_polls(sandbox, 8, lambda: answers[1]("accepted")):
            ti = waited("all", **event, deferrable=deferrable)
        assert ti.state == "success"
        assert outcome(ti)["subject"] == "Handover"

    def test_it_fails_at_once_when_one_who_is_required_declines(self, meeting, sandbox, deferrable, capsys):
        event, people, answers = meeting
        with after_polls(sandbox, 8, lambda: answers[0]("declined")):
            ti = waited("declined", **event, deferrable=deferrable, retries=2)
        assert (ti.state, ti.try_number) == ("failed", 1)
        said = capsys.readouterr().out
        assert "Stopped waiting for 'Handover'" in said
        assert people[0] in said
        assert " declined. " in said

    def test_a_quorum_allows_that_some_decline(self, meeting, sandbox, deferrable):
        event, _, answers = meeting
        answers[0]("declined")
        with after_polls(sandbox, 8, lambda: answers[1]("accepted")):
            assert waited("quorum", **event, deferrable=deferrable, quorum=1).state == "success"

    def test_one_person_is_enough(self, meeting, deferrable):
        event, people, answers = meeting
        answers[1]("accepted")
        assert waited("one", **event, deferrable=deferrable, attendees=people[1]).state == "success"

    def test_for_my_own_answer(self, release, sandbox, deferrable):
        from support.replies import reply

        def answer():
            reply(GRAPH, "tentative", event_id=release["event_id"])

        with after_polls(sandbox, 4, answer):
            ti = waited(
                "me", **release, attendees="me", status=["accepted", "tentative"], deferrable=deferrable
            )
        assert outcome(ti)["status"] == "tentative"

    def test_it_fails_at_once_when_the_organizer_cancels(self, release, sandbox, deferrable, capsys):
        with after_polls(sandbox, 4, lambda: sandbox.cancel("graph", release["event_id"])):
            assert waited("cancelled", **release, deferrable=deferrable).state == "failed"
        assert "the organizer cancelled the event" in capsys.readouterr().out

    def test_until_a_deadline(self, release, deferrable, capsys):
        deadline = pendulum.now("UTC").add(seconds=1)
        ti = waited("deadline", **release, deferrable=deferrable, deadline=deadline, retries=2)
        assert (ti.state, ti.try_number) == ("failed", 1)
        assert "The deadline" in capsys.readouterr().out

    def test_what_would_fail_may_be_a_skip(self, release, sandbox, deferrable):
        sandbox.cancel("graph", release["event_id"])
        assert waited("soft", **release, deferrable=deferrable, soft_fail=True).state == "skipped"

    def test_passing_failures_are_retried(self, release, sandbox, deferrable):
        sandbox.answer("graph", release["event_id"], BOB, "accepted")
        sandbox.faults([{"kind": "status", "status": 500, "times": 1}])
        assert waited("retried", **release, deferrable=deferrable, attendees=BOB).state == "success"

    def test_what_cannot_be_waited_for_fails_at_once(self, release, sandbox, deferrable, capsys):
        ti = waited("stranger", **release, deferrable=deferrable, attendees="eve@elsewhere.example")
        assert ti.state == "failed"
        assert "eve@elsewhere.example not found among the attendees" in capsys.readouterr().out

    def test_it_sends_nothing(self, meeting, sandbox, deferrable):
        event, _, answers = meeting
        for answer in answers:
            answer("accepted")
        mails = len(sandbox.mail())
        waited("reads", **event, deferrable=deferrable)
        assert len(sandbox.mail()) == mails
        assert {each["operation"] for each in sandbox.requests()} & {"send"} == set()


def test_all_parameters_but_those_of_waiting_are_templated():
    parameters = set(inspect.signature(ParticipationStatusSensor.__init__).parameters)
    waiting = {"deferrable", "failure_timeout", "request_timeout", "throttle_timeout"}
    assert set(ParticipationStatusSensor.template_fields) == parameters - {"self", "kwargs"} - waiting


def sensor(**arguments):
    return ParticipationStatusSensor(task_id="wait", **{"conn_id": GRAPH, **arguments})


class TestDeferring:
    def test_the_trigger_waits_for_what_the_sensor_does(self, release, sandbox):
        arguments = {"failure_timeout": 7.0, "request_timeout": 8.0, "throttle_timeout": 9.0}
        with pytest.raises(TaskDeferred) as caught:
            sensor(
                **release,
                **arguments,
                attendees=[BOB, CAROL],
                status=["tentative", "accepted"],
                quorum="1",
                deadline="2040-01-01T01:00:00",
                timezone="Europe/Berlin",
                poke_interval=5.0,
                timeout=3600,
            ).execute({})
        _, found = caught.value.trigger.serialize()
        until = pendulum.parse(found.pop("until"))
        assert pendulum.now("UTC") < until <= pendulum.now("UTC").add(seconds=3600)
        assert found == {
            **arguments,
            "conn_id": GRAPH,
            "reference": EventReference(event_id=release["event_id"]).to_plain(),
            "scope": "instance",
            "attendees": [BOB, CAROL],
            "status": ["accepted", "tentative"],
            "quorum": 1,
            "deadline": "2040-01-01T01:00:00+01:00",
            "poll_interval": 5.0,
        }

    def test_one_that_is_not_deferrable_waits_in_the_worker(self, release):
        with pytest.raises(AirflowSensorTimeout):
            sensor(**release, deferrable=False, poke_interval=0.01, timeout=0.02).execute({})

    @pytest.mark.parametrize("soft", ["soft_fail", "never_fail"])
    def test_what_would_fail_may_be_a_skip(self, release, sandbox, soft):
        sandbox.cancel("graph", release["event_id"])
        with pytest.raises(AirflowFailException, match="the organizer cancelled the event"):
            sensor(**release).execute({})
        skipping = sensor(**release, **{soft: True})
        with pytest.raises(AirflowSkipException, match="the organizer cancelled the event"):
            skipping.execute({})
        with pytest.raises(AirflowSkipException, match="the organizer cancelled the event"):
            skipping.execute_complete({}, {"failed": False, "until": UNTIL})

    def test_it_waits_again_for_the_rest_of_the_time(self, release):
        until = pendulum.now("UTC").add(seconds=60).isoformat()
        with pytest.raises(TaskDeferred) as caught:
            sensor(**release, timeout=3600).execute_complete({}, {"failed": False, "until": until})
        assert caught.value.timeout.total_seconds() <= 60
        assert caught.value.trigger.until == until

    @pytest.mark.parametrize(
        ("soft", "error"),
        [({}, AirflowSensorTimeout), ({"soft_fail": True}, AirflowSkipException)],
        ids=["fails", "skips"],
    )
    def test_it_ends_after_the_timeout(self, release, soft, error):
        with pytest.raises(error, match=r"The attendees did not answer within 60 s\."):
            sensor(**release, timeout=60, **soft).execute_complete({}, {"failed": False, "until": LONG_AGO})

    def test_answers_count_even_after_the_timeout(self, release, sandbox):
        sandbox.answer("graph", release["event_id"], BOB, "accepted")
        waiting = sensor(**release, attendees=BOB)
        found = waiting.execute_complete({}, {"failed": False, "until": LONG_AGO})
        assert found["subject"] == "Release go/no-go"

    def test_it_ends_after_the_deadline(self, release):
        with pytest.raises(
            AirflowSensorTimeout, match=r"^The deadline 2020-01-01T00:00:00\+00:00 has passed"
        ):
            sensor(**release, deadline=LONG_AGO).execute({})

    def test_answers_count_even_after_the_deadline(self, release, sandbox):
        sandbox.answer("graph", release["event_id"], BOB, "accepted")
        assert sensor(**release, attendees=BOB, deadline=LONG_AGO).execute({})

    def test_a_failure_that_the_trigger_retried_is_not_retried_again(self, release, sandbox):
        sandbox.faults([{"kind": "status", "status": 500, "times": 1}])
        with pytest.raises(ServiceUnavailableError):
            sensor(**release).execute_complete({}, {"failed": True, "until": UNTIL})
        assert len(sandbox.requests()) == 1

    def test_others_are_retried(self, release, sandbox):
        sandbox.answer("graph", release["event_id"], BOB, "accepted")
        sandbox.faults([{"kind": "status", "status": 500, "times": 1}])
        assert sensor(**release, attendees=BOB).execute_complete({}, {"failed": False, "until": UNTIL})
        assert len(sandbox.requests()) == 2


def trigger(**changes):
    arguments = {
        "conn_id": GRAPH,
        "reference": EventReference(event_id="AAMk").to_plain(),
        "scope": "instance",
        "attendees": ["required"],
        "status": ["accepted"],
        "quorum": None,
        "deadline": None,
        "until": UNTIL,
        "poll_interval": 0.05,
        "failure_timeout": 0,
        "request_timeout": 5.0,
        "throttle_timeout": 5.0,
    }
    return ParticipationStatusSensorTrigger(**arguments | changes)


def events(trigger):
    async def collect():
        return [event.payload async for event in trigger.run()]

    return asyncio.run(asyncio.wait_for(collect(), 60))


class TestTrigger:
    def test_it_is_made_again_from_plain_json(self):
        path, arguments = trigger(deadline=NOW.isoformat(), quorum=2).serialize()
        assert (
            path
            == "airflow_provider_rsvp.triggers.participation_status_sensor.ParticipationStatusSensorTrigger"
        )
        assert json.loads(json.dumps(arguments)) == arguments
        assert ParticipationStatusSensorTrigger(**arguments).serialize() == (path, arguments)

    def test_its_event_names_nobody(self, sandbox):
        event_id = sandbox.event_id("graph", "release", ALICE)
        sandbox.answer("graph", event_id, BOB, "declined")
        reference = EventReference(event_id=event_id).to_plain()
        assert events(trigger(reference=reference)) == [{"failed": False, "until": UNTIL}]

    def test_a_permanent_failure_ends_it_at_once(self, sandbox):
        reference = EventReference(event_id="nowhere").to_plain()
        assert events(trigger(reference=reference, failure_timeout=600)) == [{"failed": True, "until": UNTIL}]

    def test_a_connection_that_is_missing_ends_it_at_once(self, sandbox):
        assert events(trigger(conn_id="nowhere", failure_timeout=600)) == [{"failed": True, "until": UNTIL}]

    def test_passing_failures_are_retried(self, release, sandbox):
        sandbox.answer("graph", release["event_id"], BOB, "accepted")
        sandbox.faults([{"kind": "status", "status": 500, "times": 2}])
        reference = EventReference(event_id=release["event_id"]).to_plain()
        waiting = trigger(reference=reference, attendees=[BOB], failure_timeout=600)
        assert events(waiting) == [{"failed": False, "until": UNTIL}]

    def test_it_fires_when_enough_have_answered(self, release, sandbox):
        reference = EventReference(event_id=release["event_id"]).to_plain()
        sandbox.answer("graph", release["event_id"], BOB, "accepted")
        waiting = trigger(reference=reference, attendees=[BOB, CAROL], quorum=1)
        assert events(waiting) == [{"failed": False, "until": UNTIL}]
        assert len(sandbox.requests()) == 1

    def test_it_fires_at_the_deadline_although_the_next_poll_is_later(self, release, sandbox):
        reference = EventReference(event_id=release["event_id"]).to_plain()
        deadline = pendulum.now("UTC").add(seconds=0.5)
        waiting = trigger(reference=reference, deadline=deadline.isoformat(), poll_interval=3600.0)

        async def seconds():
            begun = asyncio.get_running_loop().time()
            assert [event.payload async for event in waiting.run()] == [{"failed": False, "until": UNTIL}]
            return asyncio.get_running_loop().time() - begun

        assert asyncio.run(asyncio.wait_for(seconds(), 600)) < 600
        assert pendulum.now("UTC") >= deadline

    def test_it_pauses_between_polls(self, release, sandbox):
        reference = EventReference(event_id=release["event_id"]).to_plain()

        async def seconds():
            begun = asyncio.get_running_loop().time()
            await anext(trigger(reference=reference, attendees=[BOB], poll_interval=30.0).run())
            return asyncio.get_running_loop().time() - begun

        def answer():
            sandbox.answer("graph", release["event_id"], BOB, "accepted")

        with after_polls(sandbox, 4, answer):
            waited_for = asyncio.run(seconds())
        assert waited_for >= 30.0 * (len(sandbox.requests()) - 1) >= 30.0 * 3

    def test_a_mailbox_on_a_service_that_has_none_makes_no_request(self, sandbox):
        reference = EventReference(event_id="evt", mailbox="bob").to_plain()
        assert events(trigger(conn_id="cronofy_default", reference=reference)) == [
            {"failed": True, "until": UNTIL}
        ]
        assert sandbox.requests() == []

    def test_it_logs_changes_alone(self, release, sandbox, capsys, caplog):
        """A line each poll, from a thousand triggers, would hold up the triggerer."""
        reference = EventReference(event_id=release["event_id"]).to_plain()

        def answer_one_after_the_other():
            sandbox.answer("graph", release["event_id"], BOB, "accepted")
            begun = len(sandbox.requests())
            wait_until(lambda: len(sandbox.requests()) >= begun + 3, seconds=60, what=sandbox.requests)
            sandbox.answer("graph", release["event_id"], CAROL, "accepted")

        caplog.set_level("INFO")
        with after_polls(sandbox, 3, answer_one_after_the_other):
            events(trigger(reference=reference, attendees=[BOB, CAROL]))
        said = capsys.readouterr().out or caplog.text  # the latter in Airflow 3.1
        assert said.count(" of 2 attendees answered") == 2
        assert "1 of 2 attendees answered 'accepted'; 2 needed." in said


class TestRetryPassing:
    def test_a_passing_error_is_raised_after_the_timeout(self):
        async def read():
            raise ServiceUnavailableError("down")

        with pytest.raises(ServiceUnavailableError):
            asyncio.run(retry_passing(read, failure_timeout=0.01))

    def test_a_permanent_error_is_raised_at_once(self):
        reads = []

        async def read():
            reads.append(1)
            raise CredentialsError("no")

        with pytest.raises(CredentialsError):
            asyncio.run(retry_passing(read, failure_timeout=600))
        assert len(reads) == 1
