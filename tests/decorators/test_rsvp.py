"""``@task.rsvp``: what a function says is sent, through Airflow itself."""

from __future__ import annotations

from datetime import timedelta

import pendulum
import pytest
from airflow.sdk import DAG, task
from support.dagruns import outcome, run
from support.services import SERVICES

from airflow_provider_rsvp.decorators.rsvp import rsvp_task
from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import Invitation, ParticipationStatus, Reply
from airflow_provider_rsvp.sandbox.graph import ids

GRAPH = {"conn_id": "msgraph_calendar_static", "event_id": ids.default("alice", "release")}

pytestmark = pytest.mark.airflow


def new_dag(dag_id, **options):
    return DAG(dag_id, schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC"), **options)


def answer(dag_id, decide, **arguments):
    """Run a DAG of one task, whose function says ``decide``, and return its task instance."""
    with new_dag(dag_id) as dag:

        @rsvp_task(**{**GRAPH, **arguments})
        def say(invitation):
            return decide(invitation)

        say()
    return run(dag)["say"]


@pytest.fixture(params=SERVICES)
def service(request, sandbox, database):
    each = SERVICES[request.param]
    event_id = sandbox.event_id(each.name, "release", each.mailbox)
    return each.title, {"conn_id": each.conn_id, "event_id": event_id}


def test_the_function_sees_the_invitation_and_its_answer_is_sent(service, sandbox):
    name, event = service
    seen = []

    def decide(invitation):
        seen.append(invitation)
        return "accepted"

    ti = answer("says", decide, **event)

    assert ti.state == "success"
    (invitation,) = seen
    assert isinstance(invitation, Invitation)
    assert (invitation.subject, invitation.status) == ("Release go/no-go", ParticipationStatus.NEEDS_ACTION)
    assert [mail["status"] for mail in sandbox.mail()] == ["accepted"]
    result = outcome(ti)
    assert (result["outcome"], result["service"], result["status_after"]) == ("replied", name, "accepted")
    assert result["link"] == ti.xcom_pull(task_ids="say", key="_link_EventLink")


def test_none_leaves_it_as_it_is(service, sandbox):
    name, event = service
    result = outcome(answer("leaves", lambda invitation: None, **event))
    assert (result["outcome"], result["service"], result["reply"]) == ("skipped", name, None)
    assert result["status_before"] == result["status_after"] == "needs-action"
    assert sandbox.mail() == []


@pytest.mark.parametrize(
    "said",
    [
        Reply(status=ParticipationStatus.DECLINED, comment="Too late"),
        {"status": "declined", "comment": "Too late"},
        {"status": "DECLINED", "comment": "Too late", "notify_organizer": "True"},
    ],
)
def test_a_reply_or_its_parts(said, sandbox, database):
    answer("parts", lambda invitation: said)
    assert [(mail["status"], mail["comment"]) for mail in sandbox.mail()] == [("declined", "Too late")]


def test_a_proposed_time_may_be_reckoned_from_the_invitation(sandbox, database):
    def later(invitation):
        start, end = invitation.time.start, invitation.time.end
        return {
            "status": "tentative",
            "proposed_start": start.add(days=1),
            "proposed_end": end.add(days=1).isoformat(),
        }

    result = outcome(answer("proposes", later))
    (mail,) = sandbox.mail()
    start = pendulum.parse(mail["proposed_time"]["start"])
    assert start == pendulum.parse(result["start"]).add(days=1)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (7, "returned int"),
        ({"comment": "Sorry"}, "returned dict"),
        ({"status": "declined", "when": "later"}, "no 'when'"),
        ("maybe", "'maybe' is not one of"),
        ("needs-action", "Microsoft Graph cannot be told"),
    ],
)
def test_what_is_no_reply_fails_at_once(said, error, sandbox, database, capsys):
    ti = answer("wrong", lambda invitation: said, retries=2, retry_delay=timedelta(0))
    assert (ti.state, ti.try_number) == ("failed", 1)
    assert error in capsys.readouterr().out
    assert sandbox.mail() == []


def test_an_error_of_the_function_is_retried_like_any_other(sandbox, database):
    tries = []

    def decide(invitation):
        tries.append(invitation)
        if len(tries) == 1:
            raise ValueError("not yet")
        return "accepted"

    ti = answer("retried", decide, retries=1, retry_delay=timedelta(0))
    assert (ti.state, ti.try_number, len(sandbox.mail())) == ("success", 2, 1)


def test_an_answer_given_by_hand_meanwhile_stands(sandbox, database, capsys):
    from support.replies import reply

    def decide(invitation):
        reply("msgraph_calendar_static", "accepted", event_id=GRAPH["event_id"])
        return "declined"

    ti = answer("overtaken", decide)
    assert ti.state == "failed"
    assert "NotAsPlannedError: It was answered by hand" in capsys.readouterr().out
    assert [mail["status"] for mail in sandbox.mail()] == ["accepted"]


def test_mailboxes_are_refused_where_there_are_none(sandbox, database):
    called = []
    ti = answer(
        "mailbox", called.append, conn_id="cronofy_default", event_id="evt_external_release", mailbox="bob"
    )
    assert (ti.state, called, sandbox.requests()) == ("failed", [], [])


def test_it_takes_arguments_context_and_templates_and_is_mapped(sandbox, database):
    with new_dag("arguments", params=GRAPH) as dag:

        @task
        def failed():
            return ["unit tests", "freshness"]

        @rsvp_task(conn_id="{{ params.conn_id }}", event_id="{{ params.event_id }}")
        def say(invitation, checks, dag, comment="{}"):
            return {"status": "declined", "comment": comment.format(f"{dag.dag_id}: {', '.join(checks)}")}

        say(failed())

        @rsvp_task(conn_id="cronofy_default", event_id="evt_external_release")
        def choose(invitation, status):
            return status

        choose.expand(status=["tentative", None])

    results = run(dag)

    assert {ti.state for ti in results.values()} == {"success"}
    assert {(mail["service"], mail["status"], mail["comment"]) for mail in sandbox.mail()} == {
        ("graph", "declined", "arguments: unit tests, freshness"),
        ("cronofy", "tentative", None),
    }
    assert [outcome(results[f"choose[{index}]"])["outcome"] for index in range(2)] == ["replied", "skipped"]


def test_airflow_offers_it_as_task_rsvp(sandbox, database):
    with new_dag("offered") as dag:

        @task.rsvp(**GRAPH)
        def say(invitation):
            return "accepted"

        say()
    assert outcome(run(dag)["say"])["outcome"] == "replied"


def test_a_function_without_room_for_the_invitation_is_refused_when_the_dag_is_parsed():
    with new_dag("no_room"):

        @rsvp_task(**GRAPH)
        def say():
            return "accepted"

        with pytest.raises(TypeError):
            say()


def test_the_parts_of_a_reply_are_checked_by_the_reply_itself():
    with pytest.raises(InvalidInputError, match="notify_organizer"):
        Reply.parse(status="accepted", notify_organizer="perhaps")
