"""What a person approved is what is sent: an approval counts for the plan that was shown, and for no other."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bulk import Task, accounts, plans
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import NotAsPlannedError
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.model import (
    EventReference,
    Invitation,
    ParticipationStatus,
    Person,
    Reply,
    TimeRange,
)
from airflow_provider_rsvp.operators.approve_replies import ApproveRepliesOperator
from airflow_provider_rsvp.plans import Decision, Plan
from airflow_provider_rsvp.preconditions import against_plan, check
from airflow_provider_rsvp.sandbox import Sandbox

START = pendulum.datetime(2040, 1, 2, 9)
OTHER = "Coffee with somebody else"


def a_plan() -> dict[str, Any]:
    """Return a plan of two replies, as it comes from XCom."""
    decisions = tuple(
        Decision(
            invitation=Invitation(
                reference=EventReference(event_id=f"event-{number}", mailbox="ada@example.com"),
                subject=subject,
                time=TimeRange(START, START.add(hours=1)),
                status=ParticipationStatus.NEEDS_ACTION,
                organizer=Person("bob@example.com", "Bob"),
            ),
            reply=Reply(status=ParticipationStatus.ACCEPTED),
            reason="The rule says so.",
        )
        for number, subject in enumerate(("Coffee", "Payroll"), 1)
    )
    plain: dict[str, Any] = Plan(decisions=decisions, created_at=START, service="Microsoft Graph").to_plain()
    return json.loads(json.dumps(plain))


def answered(
    plan: dict[str, Any],
    /,
    *,
    shown: dict[str, Any] | None = None,
    option: str = ApproveRepliesOperator.ALL,
    **entered: Any,
) -> Plan:
    """Return what is approved where one plan was shown, and another one is there when the answer comes."""
    digest = Plan.from_plain(plan if shown is None else shown).digest
    event = {
        "chosen_options": [option],
        "params_input": {"lines": "", "comment": "", "plan": digest, **entered},
        "responded_at": pendulum.now("UTC"),
        "responded_by_user": {"id": "1", "name": "Ada"},
    }
    operator = ApproveRepliesOperator(task_id="approve", plan=plan)
    return Plan.from_plain(operator.execute_complete(Task().context(), event, shown=digest))


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """Return the plan with one value in it changed."""
    plan = a_plan()
    inner: Any = plan
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return plan


def swapped() -> dict[str, Any]:
    plan = a_plan()
    plan["decisions"].reverse()
    return plan


INVITATION = ("decisions", 0, "invitation")
REPLY = ("decisions", 0, "reply")
CHANGES = {
    "the lines": swapped(),
    "another meeting": changed(*INVITATION, "event_id", to="event-9"),
    "another mailbox": changed(*INVITATION, "mailbox", to="eve@example.com"),
    "the subject": changed(*INVITATION, "subject", to="I pay Mallory"),
    "the organizer": changed(*INVITATION, "organizer", to="mallory@example.com"),
    "the organizer's name": changed(*INVITATION, "organizer_name", to="Mallory"),
    "the start": changed(*INVITATION, "start", to=START.subtract(hours=1).isoformat()),
    "the end": changed(*INVITATION, "end", to=START.add(hours=9).isoformat()),
    "the status": changed(*INVITATION, "status", to="declined"),
    "the reply": changed(*REPLY, "status", to="declined"),
    "the comment": changed(*REPLY, "comment", to="I pay."),
    "silence": changed(*REPLY, "notify_organizer", to=False),
    "the scope": changed("decisions", 0, "scope", to="series"),
    "the reason": changed("decisions", 0, "reason", to="No."),
    "the connection": changed("conn_id", to="another"),
    "one line more": {**a_plan(), "decisions": [*a_plan()["decisions"], a_plan()["decisions"][0]]},
}


class TestTheAnswerBelongsToThePlanThatWasShown:
    def test_the_same_plan_is_approved(self) -> None:
        approved = answered(a_plan())
        assert approved.digest == Plan.from_plain(a_plan()).digest

    def test_the_same_plan_made_again_is_the_same(self) -> None:
        again = changed("created_at", to=START.add(hours=1).isoformat())
        assert len(answered(again, shown=a_plan()).replies) == 2

    @pytest.mark.parametrize("change", list(CHANGES))
    @pytest.mark.parametrize("option", [ApproveRepliesOperator.ALL, ApproveRepliesOperator.SOME])
    def test_any_other_is_refused(self, change: str, option: str) -> None:
        with pytest.raises(AirflowFailException, match="The plan changed after it was shown"):
            answered(CHANGES[change], shown=a_plan(), option=option, lines="1")

    def test_nothing_is_sent_of_another_plan_either(self) -> None:
        refused = answered(CHANGES["another meeting"], shown=a_plan(), option=ApproveRepliesOperator.NONE)
        assert refused.replies == ()

    @pytest.mark.parametrize("digest", ["", None, "0" * 64, 7])
    def test_an_answer_without_the_digest_is_refused(self, digest: Any) -> None:
        with pytest.raises(AirflowFailException, match="or belongs to an earlier one"):
            answered(a_plan(), plan=digest)

    def test_an_answer_that_airflow_found_not_to_fit_fails_for_good(self) -> None:
        operator = ApproveRepliesOperator(task_id="approve", plan=a_plan())
        event = {"error": "'0' was expected", "error_type": "validation"}
        with pytest.raises(AirflowFailException, match=r"or belongs to an earlier one.*'0' was expected"):
            operator.execute_complete(Task().context(), event, shown="0")

    def test_a_task_that_kept_no_digest_approves_nothing(self) -> None:
        operator = ApproveRepliesOperator(task_id="approve", plan=a_plan())
        event = {
            "chosen_options": [ApproveRepliesOperator.ALL],
            "params_input": {"lines": "", "comment": "", "plan": None},
            "responded_at": pendulum.now("UTC"),
            "responded_by_user": None,
        }
        with pytest.raises(AirflowFailException, match="The plan changed"):
            operator.execute_complete(Task().context(), event)


class TestWhatTheTaskKeeps:
    """What Airflow stores while the task waits, and hands to the process that goes on."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], tuple[Any, Any]]:
        """Ask as a task does: the question that Airflow gets, and what ends the process."""
        from airflow.sdk.execution_time import task_runner

        questions: list[Any] = []
        supervisor = SimpleNamespace(send=lambda msg: questions.append(msg))
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)

        def ask(plan: dict[str, Any]) -> tuple[Any, Any]:
            operator = ApproveRepliesOperator(task_id="approve", plan=plan)
            with pytest.raises(BaseException) as wait:  # noqa: PT011 - no Exception, and another in each Airflow
                operator.execute({"task_instance": SimpleNamespace(id=uuid4()), **Task().context()})
            return questions[-1], wait.value

        return ask

    def test_is_the_digest_of_what_it_shows(self, asked: Callable[..., Any]) -> None:
        question, wait = asked(a_plan())

        digest = Plan.from_plain(a_plan()).digest
        assert question.body == Plan.from_plain(a_plan()).as_markdown()
        assert question.params["plan"]["value"] == question.params["plan"]["schema"]["const"] == digest
        assert {
            name: field["schema"]["title"] for name, field in question.params.items() if name != "plan"
        } == {
            "lines": "Lines",
            "comment": "Comment",
        }
        assert (wait.method_name, wait.kwargs) == ("execute_complete", {"shown": digest})

    @pytest.mark.parametrize(("now", "approves"), [(a_plan(), True), (swapped(), False)])
    def test_is_what_it_goes_on_with(
        self, asked: Callable[..., Any], now: dict[str, Any], approves: bool
    ) -> None:
        question, wait = asked(a_plan())
        event = {
            "chosen_options": [ApproveRepliesOperator.ALL],
            "params_input": {name: field["value"] for name, field in question.params.items()},
            "responded_at": pendulum.now("UTC"),
            "responded_by_user": None,
        }
        fresh = ApproveRepliesOperator(task_id="approve", plan=now)
        context = Task().context()
        if approves:
            approved = fresh.resume_execution(wait.method_name, {**wait.kwargs, "event": event}, context)
            assert len(Plan.from_plain(approved).replies) == 2
        else:
            with pytest.raises(AirflowFailException, match="The plan changed after it was shown"):
                fresh.resume_execution(wait.method_name, {**wait.kwargs, "event": event}, context)


class TestTheDigest:
    def test_survives_xcom(self) -> None:
        plan = Plan.from_plain(a_plan())
        assert Plan.from_plain(json.loads(json.dumps(plan.to_plain()))).digest == plan.digest

    @given(subject=st.text(max_size=30), name=st.text(max_size=30), address=st.text(max_size=30))
    def test_survives_xcom_whatever_strangers_wrote(self, subject: str, name: str, address: str) -> None:
        plan = changed(*INVITATION, "subject", to=subject)
        plan["decisions"][0]["invitation"] |= {"organizer": address, "organizer_name": name}
        made = Plan.from_plain(plan)
        again = Plan.from_plain(json.loads(json.dumps(made.to_plain())))
        assert again == made
        assert again.digest == made.digest
        check(against_plan(made.decisions[0].invitation, again.decisions[0].invitation))

    def test_tells_all_changes_apart(self) -> None:
        digests = {Plan.from_plain(plan).digest for plan in (a_plan(), *CHANGES.values())}
        assert len(digests) == 1 + len(CHANGES)


class TestComments:
    @pytest.mark.parametrize("comment", ["\u200b\u202e", "\x1b\x08", " \n\t"])
    def test_what_nobody_can_see_replaces_no_comment(self, comment: str) -> None:
        plan = changed(*REPLY, "comment", to="As planned")
        approved = answered(plan, comment=comment)
        assert [each.reply.comment for each in approved.replies if each.reply] == ["As planned", None]

    def test_an_entered_comment_is_cleaned(self) -> None:
        approved = answered(a_plan(), comment="Gladly\x1b[2J\u202e")
        assert {each.reply.comment for each in approved.replies if each.reply} == {"Gladly[2J"}

    def test_one_that_is_too_long_fails_the_task(self) -> None:
        with pytest.raises(AirflowFailException, match="comment: 20001 characters are too many"):
            answered(a_plan(), comment="x" * 20_001)


@pytest.fixture
def crowd(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    sandbox.reset(bulk={"mailboxes": 1, "invitations": 3}, limits=False)
    for conn_id, connection in sandbox.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return sandbox


@pytest.mark.parametrize("service", SERVICES)
class TestTheMeetingIsTheOneThatWasShown:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"subject": "I pay Mallory"}, "It was renamed after the reply was planned"),
            ({"organizer": "mallory@elsewhere.example"}, "Its organizer changed"),
        ],
    )
    def test_another_name_or_organizer_is_skipped(
        self, crowd: Sandbox, service: str, changes: dict[str, str], says: str
    ) -> None:
        planned = plans(accounts(service, 1))
        first = planned[0]["decisions"][0]["invitation"]["event_id"]
        crowd.rename(service, first, **changes)

        report = Task().send(planned)

        told = {line["event_id"]: line for line in report["outcomes"]}
        assert told[first]["outcome"] == "skipped"
        assert says in told[first]["detail"]
        assert report["counts"]["replied"] == 2
        assert first not in {mail["event_id"] for mail in crowd.mail()}

    def test_force_sends_all_the_same(self, crowd: Sandbox, service: str) -> None:
        planned = plans(accounts(service, 1))
        first = planned[0]["decisions"][0]["invitation"]["event_id"]
        crowd.rename(service, first, subject=OTHER)
        assert Task().send(planned, force=True)["counts"]["replied"] == 3


def test_of_a_series_the_name_and_the_organizer_are_compared_too() -> None:
    """It is planned by one of its instances, whose time is not that of the series."""
    (instance, _) = (each.invitation for each in Plan.from_plain(a_plan()).decisions)
    series: Callable[..., Invitation] = lambda **changes: Invitation(  # noqa: E731
        **{
            "reference": EventReference(event_id="the-series", mailbox="ada@example.com"),
            "subject": instance.subject,
            "time": TimeRange(START.subtract(weeks=1), START.subtract(weeks=1).add(hours=1)),
            "status": instance.status,
            "organizer": copy.copy(instance.organizer),
            **changes,
        }
    )
    check(against_plan(instance, series()))
    for changes in ({"subject": OTHER}, {"organizer": Person("mallory@example.com")}, {"organizer": None}):
        with pytest.raises(NotAsPlannedError):
            check(against_plan(instance, series(**changes)))
