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

from airflow_provider_rsvp.attendance import Awaited
from airflow_provider_rsvp.exceptions import (
    CredentialsError,
    InvalidInputError,
    NotAnInvitationError,
    ServiceUnavailableError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.model import Attendee, EventReference, Invitation, ParticipationStatus, Person
from airflow_provider_rsvp.model import TimeRange as Times
from airflow_provider_rsvp.sensors.participation_status import ParticipationStatusSensor
from airflow_provider_rsvp.triggers.participation_status import ParticipationStatusTrigger
from airflow_provider_rsvp.triggers.retrying import retry_passing

UNTIL = "2040-01-01T00:00:00+00:00"
NOW = pendulum.now("UTC")
GRAPH, ALICE = SERVICES["graph"].static, SERVICES["graph"].mailbox
BOB, CAROL = SERVICES["graph"].colleagues


def new_dag(dag_id):
    return DAG(dag_id, schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC"))


def waited(dag_id, **arguments):
    """Run a DAG that waits, and return its task instance."""
    with new_dag(dag_id) as dag:
        ParticipationStatusSensor(task_id="wait", **{"poke_interval": 0.1, "timeout": 60, **arguments})
    return run(dag)["wait"]


@contextmanager
def after_looks(sandbox, looks, do):
    """Do something once the event has been looked at a few times more."""
    begun = len(sandbox.requests())

    def wait():
        wait_until(lambda: len(sandbox.requests()) >= begun + looks, seconds=60, what=sandbox.requests)
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
def release(sandbox, database):
    return {"conn_id": GRAPH, "event_id": sandbox.event_id("graph", "release", ALICE)}


@pytest.mark.airflow
class TestWaits:
    def test_until_all_have_accepted(self, meeting, sandbox, deferrable):
        event, _, answers = meeting
        answers[0]("accepted")
        with after_looks(sandbox, 8, lambda: answers[1]("accepted")):
            ti = waited("all", **event, deferrable=deferrable)
        assert ti.state == "success"
        assert outcome(ti)["subject"] == "Handover"

    def test_it_fails_at_once_when_one_who_is_needed_declines(self, meeting, sandbox, deferrable, capsys):
        event, people, answers = meeting
        with after_looks(sandbox, 8, lambda: answers[0]("declined")):
            ti = waited("declined", **event, deferrable=deferrable, retries=2)
        assert (ti.state, ti.try_number) == ("failed", 1)
        said = capsys.readouterr().out
        assert "declined, so that waiting is of no use any more" in said
        assert people[0] in said

    def test_a_quorum_bears_that_some_decline(self, meeting, sandbox, deferrable):
        event, _, answers = meeting
        answers[0]("declined")
        with after_looks(sandbox, 8, lambda: answers[1]("accepted")):
            assert waited("quorum", **event, deferrable=deferrable, quorum=1).state == "success"

    def test_one_person_is_enough(self, meeting, deferrable):
        event, people, answers = meeting
        answers[1]("accepted")
        assert waited("one", **event, deferrable=deferrable, attendees=people[1]).state == "success"

    def test_for_my_own_answer(self, release, sandbox, deferrable):
        from support.replies import reply

        def answer():
            reply(GRAPH, "tentative", event_id=release["event_id"])

        with after_looks(sandbox, 4, answer):
            ti = waited(
                "me", **release, attendees="me", status=["accepted", "tentative"], deferrable=deferrable
            )
        assert outcome(ti)["status"] == "tentative"

    def test_it_fails_at_once_when_the_organizer_cancels(self, release, sandbox, deferrable, capsys):
        with after_looks(sandbox, 4, lambda: sandbox.cancel("graph", release["event_id"])):
            assert waited("cancelled", **release, deferrable=deferrable).state == "failed"
        assert "the organizer cancelled it" in capsys.readouterr().out

    def test_until_a_deadline(self, release, deferrable, capsys):
        deadline = pendulum.now("UTC").add(seconds=1)
        ti = waited("deadline", **release, deferrable=deferrable, deadline=deadline, retries=2)
        assert (ti.state, ti.try_number) == ("failed", 1)
        assert "The deadline" in capsys.readouterr().out

    def test_what_would_fail_may_be_a_skip(self, release, sandbox, deferrable):
        sandbox.cancel("graph", release["event_id"])
        assert waited("soft", **release, deferrable=deferrable, soft_fail=True).state == "skipped"

    def test_failures_that_may_pass_are_ridden_out(self, release, sandbox, deferrable):
        sandbox.answer("graph", release["event_id"], BOB, "accepted")
        sandbox.faults([{"kind": "status", "status": 500, "times": 1}])
        assert waited("ridden", **release, deferrable=deferrable, attendees=BOB).state == "success"

    def test_what_cannot_be_waited_for_fails_at_once(self, release, sandbox, deferrable, capsys):
        ti = waited("stranger", **release, deferrable=deferrable, attendees="eve@elsewhere.example")
        assert ti.state == "failed"
        assert "eve@elsewhere.example cannot be found among the" in capsys.readouterr().out

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
    return ParticipationStatusTrigger(**arguments | changes)


def events(trigger):
    async def collect():
        return [event.payload async for event in trigger.run()]

    return asyncio.run(asyncio.wait_for(collect(), 60))


class TestTrigger:
    def test_it_is_made_again_from_plain_json(self):
        path, arguments = trigger(deadline=NOW.isoformat(), quorum=2).serialize()
        assert path == "airflow_provider_rsvp.triggers.participation_status.ParticipationStatusTrigger"
        assert json.loads(json.dumps(arguments)) == arguments
        assert ParticipationStatusTrigger(**arguments).serialize() == (path, arguments)

    def test_its_event_names_nobody(self, sandbox):
        event_id = sandbox.event_id("graph", "release", ALICE)
        sandbox.answer("graph", event_id, BOB, "declined")
        reference = EventReference(event_id=event_id).to_plain()
        assert events(trigger(reference=reference)) == [{"failed": False, "until": UNTIL}]

    def test_a_failure_for_good_ends_it_at_once(self, sandbox):
        reference = EventReference(event_id="nowhere").to_plain()
        assert events(trigger(reference=reference, failure_timeout=600)) == [{"failed": True, "until": UNTIL}]

    def test_a_connection_that_is_missing_ends_it_at_once(self, sandbox):
        assert events(trigger(conn_id="nowhere", failure_timeout=600)) == [{"failed": True, "until": UNTIL}]


class TestPatience:
    def test_a_failure_that_may_pass_is_raised_when_patience_ends(self, sandbox):
        async def look():
            raise ServiceUnavailableError("down")

        with pytest.raises(ServiceUnavailableError):
            asyncio.run(retry_passing(look, failure_timeout=0.01))

    def test_a_failure_for_good_is_raised_at_once(self):
        looks = []

        async def look():
            looks.append(1)
            raise CredentialsError("no")

        with pytest.raises(CredentialsError):
            asyncio.run(retry_passing(look, failure_timeout=600))
        assert len(looks) == 1


def invitation(*answers, **changes):
    people = tuple(
        Attendee(Person(address), status and ParticipationStatus(status), required)
        for address, status, required in answers
    )
    return Invitation(
        **{
            "reference": EventReference(event_id="1"),
            "subject": "Review",
            "time": Times(NOW.add(days=1), NOW.add(days=1, hours=1)),
            "status": ParticipationStatus.NEEDS_ACTION,
            "organizer": Person("olga@x.example"),
            "attendees": people,
            **changes,
        }
    )


def standing(who, *answers, quorum=None, status="accepted", **changes):
    return Awaited.parse(who, status, quorum).standing(invitation(*answers, **changes), "Some service", NOW)


A, B, C = "a@x.example", "b@x.example", "c@x.example"


class TestStanding:
    def test_those_who_are_optional_do_not_count_as_required(self):
        assert standing("required", (A, "accepted", True), (B, "declined", False)).reached

    def test_where_the_service_does_not_say_who_is_required_all_but_the_organizer_are(self):
        people = ((A, "accepted", None), ("Olga@x.example", None, None))
        assert standing("required", *people).reached
        assert not standing("required", *people, (B, "tentative", None)).reached

    @pytest.mark.parametrize(
        ("quorum", "impossible"), [(1, None), (2, None), (3, "b@x.example declined")], ids=str
    )
    def test_a_quorum_is_lost_when_too_many_decline(self, quorum, impossible):
        people = ((A, "needs-action", True), (B, "declined", True), (C, "tentative", True))
        assert standing([A, B, C], *people, quorum=quorum).impossible == impossible

    def test_a_declined_answer_may_be_what_is_waited_for(self):
        assert standing(A, (A, "declined", True), status="declined").reached

    def test_addresses_are_compared_without_regard_to_case(self):
        assert standing(A.upper(), (A, "accepted", True)).reached

    def test_what_is_over_can_no_longer_come_to_be(self):
        past = Times(NOW.subtract(hours=2), NOW.subtract(hours=1))
        assert standing(A, (A, "tentative", True), time=past).impossible == "it is over"
        assert standing(A, (A, "accepted", True), time=past).reached

    def test_a_day_is_over_when_it_is_over_everywhere(self):
        today = pendulum.date(NOW.year, NOW.month, NOW.day)
        for days, over in ((0, None), (3, "it is over")):
            day = today.subtract(days=days)
            found = standing(A, (A, "tentative", True), time=Times(day, day.add(days=1)))
            assert found.impossible == over

    def test_a_cancelled_event_can_no_longer_come_to_be(self):
        found = standing(A, (A, "accepted", True), is_cancelled=True)
        assert (found.reached, found.impossible) == (False, "the organizer cancelled it")

    def test_a_service_that_shows_no_answers_is_refused(self):
        with pytest.raises(UnsupportedByServiceError, match="Some service does not show"):
            standing("required", attendees=None)
        assert not standing("me", attendees=None).reached

    @pytest.mark.parametrize(
        ("who", "quorum", "people"),
        [
            (B, None, [(A, "accepted", True)]),
            ("required", None, [("olga@x.example", "accepted", True)]),
            ([A], 2, [(A, "accepted", True)]),
        ],
    )
    def test_people_who_are_not_there_are_refused(self, who, quorum, people):
        with pytest.raises(NotAnInvitationError):
            standing(who, *people, quorum=quorum)

    @pytest.mark.parametrize(
        ("who", "status", "quorum"),
        [
            ("", "accepted", None),
            ([], "accepted", None),
            (["me", A], "accepted", None),
            (A, "perhaps", None),
            (A, "needs-action", None),
            (A, "accepted", 0),
            (A, "accepted", True),
            (A, "accepted", "many"),
        ],
    )
    def test_arguments_that_make_no_sense_are_refused(self, who, status, quorum):
        with pytest.raises(InvalidInputError):
            Awaited.parse(who, status, quorum)

    def test_the_sentence_counts(self):
        found = standing([A, B], (A, "accepted", True), (B, None, True), quorum=1)
        assert found.detail == "1 of 2 have answered 'accepted'; 1 are waited for."
