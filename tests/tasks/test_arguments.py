"""The arguments that the ways of replying share: none of them lacks one, and all of them are templates."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from support.bulk import Task
from support.replies import look

from airflow_provider_rsvp._tasks.arguments import (
    EVENT_ARGUMENTS,
    OPTION_ARGUMENTS,
    REPLY_ARGUMENTS,
    TIMEOUT_ARGUMENTS,
)
from airflow_provider_rsvp.decorators.rsvp import RsvpDecoratedOperator
from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import ParticipationStatus
from airflow_provider_rsvp.notifications.set_participation_status import SetParticipationStatusNotifier
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.plans import PlannedReply
from airflow_provider_rsvp.replying import ReplyOptions

ONE_REPLY = {*EVENT_ARGUMENTS, *REPLY_ARGUMENTS, *OPTION_ARGUMENTS}
TAKEN = {
    SetParticipationStatusOperator: ONE_REPLY,
    SetParticipationStatusNotifier: ONE_REPLY,
    # Its reply is what the function returns.
    RsvpDecoratedOperator: ONE_REPLY - set(REPLY_ARGUMENTS),
    SendRepliesOperator: set(OPTION_ARGUMENTS),
}


@pytest.mark.parametrize("kind", TAKEN, ids=lambda kind: kind.__name__)
def test_each_way_of_replying_takes_them_all(kind):
    assert {*TAKEN[kind], *TIMEOUT_ARGUMENTS} <= set(inspect.signature(kind.__init__).parameters)
    assert TAKEN[kind] <= set(kind.template_fields)


@pytest.mark.parametrize("kind", TAKEN, ids=lambda kind: kind.__name__)
def test_options_default_to_those_of_a_reply(kind):
    parameters = inspect.signature(kind.__init__).parameters
    defaults = ReplyOptions()
    for name in (*OPTION_ARGUMENTS, "settle_timeout"):
        assert parameters[name].default == getattr(defaults, name)


def test_a_planned_reply_takes_all_that_make_a_reply():
    known = {name: None for name in (*EVENT_ARGUMENTS, *REPLY_ARGUMENTS) if name != "conn_id"}
    PlannedReply.from_arguments({**known, "event_id": "1", "status": "accepted", "notify_organizer": True})
    with pytest.raises(InvalidInputError, match=r"^conn_id: is not known"):
        PlannedReply.from_arguments({"event_id": "1", "status": "accepted", "conn_id": "c"})


CONN = "google_calendar_static"
PROPOSAL = {
    "status": "tentative",
    "proposed_start": "2040-01-02T10:00:00+01:00",
    "proposed_end": "2040-01-02T11:00:00+01:00",
}


def by_operator(event_id, options, reply):
    arguments = {"conn_id": CONN, "event_id": event_id, **reply, **options}
    SetParticipationStatusOperator(task_id="reply", **arguments).execute(Task().context())


def by_decorator(event_id, options, reply):
    operator = RsvpDecoratedOperator(
        task_id="reply",
        python_callable=lambda invitation: reply,
        conn_id=CONN,
        event_id=event_id,
        **options,
    )
    operator.execute(Task().context())


def by_notifier(event_id, options, reply):
    SetParticipationStatusNotifier(conn_id=CONN, event_id=event_id, **reply, **options).notify({})


def by_notifier_in_an_event_loop(event_id, options, reply):
    notifier = SetParticipationStatusNotifier(conn_id=CONN, event_id=event_id, **reply, **options)
    asyncio.run(notifier.async_notify({}))


def in_bulk(event_id, options, reply):
    Task().send([{"event_id": event_id, **reply}], conn_id=CONN, **options)


@pytest.mark.parametrize(
    "send", [by_operator, by_decorator, by_notifier, by_notifier_in_an_event_loop, in_bulk]
)
class TestEachWayOfReplying:
    @pytest.fixture
    def event_id(self, sandbox):
        return sandbox.event_id("google", "release")

    def test_a_dry_run_sends_nothing(self, send, sandbox, event_id):
        send(event_id, {"dry_run": "True"}, {"status": "accepted"})
        assert sandbox.mail() == []
        assert look(CONN, event_id=event_id).status is ParticipationStatus.NEEDS_ACTION
        send(event_id, {"dry_run": "False"}, {"status": "accepted"})
        assert [mail["status"] for mail in sandbox.mail()] == ["accepted"]

    def test_a_proposed_time_degrades_to_a_comment_if_wished(self, send, sandbox, event_id):
        with pytest.raises(Exception, match="carries no proposed times"):
            send(event_id, {}, PROPOSAL)
        assert sandbox.mail() == []
        send(event_id, {"degrade": True}, PROPOSAL)
        (mail,) = sandbox.mail()
        assert mail["status"] == "tentative"
        assert "Proposed new time: " in mail["comment"]

    def test_force_sends_what_stands(self, send, sandbox, event_id):
        for _ in range(2):
            send(event_id, {"force": "True", "verify": "False"}, {"status": "accepted"})
        assert len(sandbox.mail()) == 2
        send(event_id, {}, {"status": "accepted"})
        assert len(sandbox.mail()) == 2
