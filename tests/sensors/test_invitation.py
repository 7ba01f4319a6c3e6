"""Waiting for invitations: in a worker and in the triggerer, through Airflow itself."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager

import pendulum
import pytest
from airflow.sdk import DAG
from support.dagruns import outcome, run
from support.running_airflow import wait_until
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.sensors.invitation import InvitationSensor
from airflow_provider_rsvp.triggers.invitation import InvitationTrigger
from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger

NEW = {"subject": ["^Brand new"]}
GRAPH = "msgraph_calendar_static"


def waited(dag_id, **arguments):
    """Run a DAG that waits, and return its task instance."""
    with DAG(dag_id, schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC")) as dag:
        InvitationSensor(task_id="wait", **{"poke_interval": 0.1, "timeout": 60, **arguments})
    return run(dag)["wait"]


def invite(sandbox, service, subject="Brand new"):
    start = pendulum.now("UTC").add(days=2).isoformat()
    return sandbox.invite(service=service, mailbox=SERVICES[service].mailbox, subject=subject, start=start)


@contextmanager
def after_looks(sandbox, looks, do):
    """Do something once the service was asked a few times more."""
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


@pytest.mark.airflow
class TestWaits:
    @pytest.mark.parametrize("service", SERVICES)
    def test_until_one_comes_in_that_matches(self, service, sandbox, database, deferrable):
        with after_looks(sandbox, 6, lambda: invite(sandbox, service)):
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
        with after_looks(sandbox, 4, lambda: invite(sandbox, "graph", "Brand new 2")):
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


def test_its_trigger_is_made_again_from_plain_json():
    looker = InvitationSensor(task_id="wait", conn_id=GRAPH, filter=NEW)._looker()
    trigger = InvitationTrigger(look=looker.serialize()[1], known={"a": "b"}, until="2040-01-01T00:00:00Z")
    path, arguments = trigger.serialize()
    assert path == "airflow_provider_rsvp.triggers.invitation.InvitationTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    assert InvitationTrigger(**arguments).serialize() == (path, arguments)


@pytest.mark.parametrize("status", [500, 401], ids=["passing", "for good"])
def test_the_trigger_hands_a_failure_back_to_the_task(sandbox, status):
    """A watcher rides it out for ever; a task fails."""

    async def first():
        look = NewInvitationTrigger(
            conn_id=GRAPH, filter=NEW, poll_interval=0.05, failure_timeout=0
        ).serialize()[1]
        return await anext(InvitationTrigger(look=look, known={}, until="").run())

    sandbox.faults([{"kind": "status", "status": status, "times": 1}])
    assert asyncio.run(asyncio.wait_for(first(), 60)).payload["failed"]
    assert len(sandbox.requests()) == 1
