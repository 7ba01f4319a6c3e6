"""One odd event among good ones: it is listed with the reason why it cannot be answered, and hides nothing."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from hostile.corpus.odd_events import CONNECTIONS, END, GOOD, IDS, ODD, name
from support.bulk import Task, plans
from support.replies import listing, reply
from support.services import SERVICES
from support.services.service import DEEP, NOW

from airflow_provider_rsvp.model import Invitation
from airflow_provider_rsvp.operators.list_invitations import ListInvitationsOperator
from airflow_provider_rsvp.plans import Plan
from airflow_provider_rsvp.sensors.invitation import InvitationSensor
from airflow_provider_rsvp.sensors.participation_status import ParticipationStatusSensor
from airflow_provider_rsvp.services import foreign
from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger

pytestmark = pytest.mark.any_airflow
NO_OBJECTS = (None, True, 7, float("inf"), "evt_external_odd", [], [1], DEEP)
ODD_EVENTS = [
    *((service, {**GOOD[service], **changes}) for service in GOOD for changes in ODD[service]),
    *(
        (service, {**GOOD[service], IDS[service]: value})
        for service in GOOD
        for value in (None, [], 1.5, "a b", "a" * 1100)
    ),
    *((service, row) for service in GOOD for row in NO_OBJECTS),
    *((service, {}) for service in GOOD),
]


def among(sandbox: Any, service: str, odd: object, **more: Any) -> None:
    """Put an odd event among those of each listing."""
    sandbox.faults(
        [{"service": service, "operation": "list", "kind": "odd_event", "body": odd, "times": None, **more}]
    )


def by_id(found: list[Invitation]) -> list[Invitation]:
    return sorted(found, key=lambda each: (str(each.reference.event_id), each.time.start.isoformat()))


@pytest.fixture(params=GOOD)
def service(request, sandbox):
    return request.param


class TestListing:
    @pytest.mark.parametrize(("service", "odd"), ODD_EVENTS, indirect=["service"], ids=name)
    def test_the_odd_one_is_a_row_that_says_why_it_cannot_be_answered(self, service, sandbox, odd):
        good = listing(CONNECTIONS[service], NOW, END)
        among(sandbox, service, odd)

        found = listing(CONNECTIONS[service], NOW, END)

        unread = [each for each in found if not each.is_readable]
        assert len(unread) == 1
        assert unread[0].cannot_respond.startswith("it cannot be read: ")
        assert not unread[0].can_respond
        assert by_id([each for each in found if each.is_readable]) == by_id(good)
        json.dumps(unread[0].to_plain())

    @pytest.mark.parametrize(
        ("service", "changes"),
        [(each.name, changes) for each in SERVICES.values() for changes in [{}, *each.wire.harmless]],
        indirect=["service"],
        ids=name,
    )
    def test_what_answering_does_not_depend_on_may_be_odd(self, service, sandbox, changes):
        good = listing(CONNECTIONS[service], NOW, END)
        among(sandbox, service, {**GOOD[service], **changes})

        found = listing(CONNECTIONS[service], NOW, END)

        (odd,) = [each for each in found if each.reference.event_id == GOOD[service][IDS[service]]]
        assert odd.pending
        assert odd.reference.ical_uid is None
        assert by_id([each for each in found if each is not odd]) == by_id(good)

    def test_a_warning_names_it_once(self, service, sandbox, caplog):
        foreign.forget_warnings()
        among(sandbox, service, {**GOOD[service], **ODD[service][0]})
        with caplog.at_level(logging.WARNING, logger=foreign.__name__):
            listing(CONNECTIONS[service], NOW, END)
            listing(CONNECTIONS[service], NOW, END)
        (warning,) = [each for each in caplog.messages if "cannot be read" in each]
        assert str(GOOD[service][IDS[service]]) in warning

    def test_those_without_an_id_are_told_apart(self, service, sandbox):
        seen = set()
        for subject in ("one", "two"):
            among(sandbox, service, {"subject": subject})
            (odd,) = [each for each in listing(CONNECTIONS[service], NOW, END) if not each.is_readable]
            seen.add(odd.reference.event_id)
        assert len(seen) == 2


SAMPLES = [(service, {**GOOD[service], **ODD[service][index]}) for service in GOOD for index in (0, 3)] + [
    (service, row) for service in GOOD for row in (None, {})
]
EACH_ODD = pytest.mark.parametrize(("service", "odd"), SAMPLES, indirect=["service"], ids=name)


class TestOperators:
    def rows(self, service, **arguments):
        operator = ListInvitationsOperator(task_id="list", conn_id=CONNECTIONS[service], **arguments)
        return operator.execute(Task().context())

    @EACH_ODD
    def test_a_listing_leaves_it_out_and_says_so(self, service, sandbox, odd, capsys):
        good = self.rows(service)
        among(sandbox, service, odd)
        assert self.rows(service) == good
        assert "1 events are left out because they cannot be read" in capsys.readouterr().out

    @EACH_ODD
    def test_a_listing_shows_it_when_asked(self, service, sandbox, odd):
        among(sandbox, service, odd)
        more = [row["cannot_respond"] for row in self.rows(service, include=["unanswerable"])]
        assert sum((why or "").startswith("it cannot be read") for why in more) == 1

    @EACH_ODD
    def test_a_plan_decides_on_the_others(self, service, sandbox, odd):
        account = [{"conn_id": CONNECTIONS[service]}]
        policy = {"rules": [{"name": "all", "when": {}, "then": {"action": "decline"}}]}
        (good,) = plans(account, policy, end="+14d", on_unsupported="skip")
        among(sandbox, service, odd)

        (found,) = plans(account, policy, end="+14d", on_unsupported="skip")

        unread = [each for each in found["decisions"] if not each["invitation"]["is_readable"]]
        assert len(unread) == 1
        assert unread[0]["reply"] is None
        assert unread[0]["reason"].startswith("It takes no reply: it cannot be read: ")
        assert [each for each in found["decisions"] if each not in unread] == good["decisions"]
        assert "cannot be read" in Plan.from_plain(found).as_markdown()

    @EACH_ODD
    def test_the_others_are_answered(self, service, sandbox, odd):
        account = [{"conn_id": CONNECTIONS[service]}]
        policy = {"rules": [{"name": "all", "when": {}, "then": {"action": "accept"}}]}
        among(sandbox, service, odd)
        planned = plans(account, policy, end="+14d", on_unsupported="skip")
        expected = sum(
            each["reply"] is not None and each["unsupported"] is None for each in planned[0]["decisions"]
        )
        assert expected >= 3

        report = Task().send(planned, on_unsupported="skip")

        # A reply to a series on Bitrix24 covers an instance of it that was moved, whose own reply then changes nothing.
        covered = report["counts"]["unchanged"]
        assert covered <= (1 if service == "bitrix24" else 0)
        assert report["counts"]["replied"] + covered == expected
        assert len(sandbox.mail()) >= expected - covered - 1  # of one, the organizer wants no answers

    @EACH_ODD
    def test_one_is_answered(self, service, sandbox, odd):
        event_id = sandbox.event_id(service, "release")
        among(sandbox, service, odd)
        assert reply(CONNECTIONS[service], "declined", event_id=event_id).verified


class TestWaiting:
    def announced(self, service):
        trigger = NewInvitationTrigger(conn_id=CONNECTIONS[service], failure_timeout=0, answered=True)
        trigger.asset_state_store = Store()

        async def first():
            events = trigger.run()
            try:
                return (await asyncio.wait_for(anext(events), 60)).payload["invitations"]
            finally:
                await events.aclose()

        return asyncio.run(first())

    @EACH_ODD
    def test_a_trigger_announces_the_others(self, service, sandbox, odd):
        good = self.announced(service)
        among(sandbox, service, odd)
        assert self.announced(service) == good != []

    @EACH_ODD
    def test_a_sensor_sees_the_others(self, service, sandbox, odd):
        def seen():
            sensor = InvitationSensor(
                task_id="wait", conn_id=CONNECTIONS[service], deferrable=False, failure_timeout=0
            )
            return sensor.poke({}).xcom_value

        good = seen()
        among(sandbox, service, odd)
        assert seen() == good != []

    @EACH_ODD
    def test_a_sensor_sees_the_answers_to_others(self, service, sandbox, odd):
        event_id = sandbox.event_id(service, "release")
        reply(CONNECTIONS[service], "accepted", event_id=event_id)
        among(sandbox, service, odd)
        sensor = ParticipationStatusSensor(
            task_id="wait", conn_id=CONNECTIONS[service], event_id=event_id, attendees="me", failure_timeout=0
        )
        assert sensor.poke({}).is_done


class Store:
    async def aget(self, key, default=None):
        return default

    async def aset(self, key, value):
        pass
