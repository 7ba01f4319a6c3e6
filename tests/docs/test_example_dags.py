"""Every example DAG, run by Airflow on a sandbox: what it answers, and what the organizers are told."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.models import DagRun

from airflow_provider_rsvp.sandbox import Sandbox
from demo.home import EXAMPLES, ON_A_REAL_SERVER, prepare, settings
from demo.invitations import INVITED, SANDBOX, invite_again, of_the_examples
from demo.mail import matched
from demo.plugins.invite_again import BeginningRuns
from demo.runs import ASK_A_PERSON, Run, example_dags, run_dags
from demo.table import render, rows

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]

BERLIN = ZoneInfo("Europe/Berlin")
RED = {"fresh": False}
EACH = tuple(
    Run(file.stem)
    for file in sorted(EXAMPLES.glob("*.py"))
    if file.stem not in ASK_A_PERSON | ON_A_REAL_SERVER
)
RUNS = (
    *EACH,
    *EACH,
    Run("rsvp_pipeline_gate", RED),
    Run("rsvp_pipeline_plan", RED),
    Run("rsvp_mapped", {"limit": 1}),
)


@dataclass(frozen=True)
class Ended:
    """All runs in their order, and all mail."""

    runs: Sequence[Run]
    mail: Sequence[Mapping[str, Any]]

    def run(self, dag_id: str, conf: dict[str, Any] | None = None) -> Run:
        return next(run for run in self.runs if (run.dag_id, run.conf) == (dag_id, conf or {}))

    def received(self, run: Run) -> list[tuple[str, str, str, str | None]]:
        """What the run's replies made organizers receive: to whom, about what, and how it was answered."""
        mails, _ = matched((each for run in self.runs for each in run.outcomes), self.mail)
        place = next(place for place, each in enumerate(self.runs) if each is run)
        before = sum(len(each.outcomes) for each in self.runs[:place])
        return sorted(
            (mail["organizer"], mail["subject"], mail["status"], mail["comment"])
            for mail in mails[before : before + len(run.outcomes)]
            if mail is not None
        )


@pytest.fixture(scope="module")
def ended() -> Iterator[Ended]:
    with tempfile.TemporaryDirectory(prefix="rsvp-examples-") as folder, Sandbox() as sandbox:
        home = Path(folder)
        log = home / "airflow.log"
        environment = settings(home, sandbox.url, sandbox.connections())
        try:
            prepare(home, environment, log)
            runs = run_dags(RUNS, environment, log)
        finally:
            if log.exists():
                sys.stdout.write(log.read_text())
        yield Ended(runs, of_the_examples(sandbox.mail()))


def proposed(mail: Mapping[str, Any]) -> tuple[datetime, datetime]:
    start, end = (datetime.fromisoformat(mail["proposed_time"][name]) for name in ("start", "end"))
    return start.astimezone(BERLIN), end.astimezone(BERLIN)


def on_day(mail: Mapping[str, Any], days_later: int, clock: str) -> datetime:
    day = datetime.fromisoformat(mail["when"]).date() + timedelta(days=days_later)
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=BERLIN)


def test_all_runs_succeed(ended: Ended) -> None:
    assert [(run.dag_id, run.state, run.errors) for run in ended.runs] == [
        (run.dag_id, "success", []) for run in RUNS
    ]


def test_the_organizers_receive_what_the_outcomes_say_and_nothing_else(ended: Ended) -> None:
    outcomes = [outcome for run in ended.runs for outcome in run.outcomes]
    mails, left = matched(outcomes, ended.mail)
    assert left == []
    assert [mail is not None for mail in mails] == [outcome["organizer_notified"] for outcome in outcomes]
    assert {outcome["outcome"] for outcome in outcomes} == {"replied"}


def test_each_example_can_be_run_again(ended: Ended) -> None:
    """What a run changes is told in what it returns: the statuses before and after."""

    def told(run: Run) -> tuple[str, list[tuple[str, ...]], list[tuple[str, ...]]]:
        names = ("mailbox", "subject", "outcome", "status_before", "status_after")
        return (
            run.dag_id,
            sorted(tuple(str(outcome[name]) for name in names) for outcome in run.outcomes),
            ended.received(run),
        )

    first, second = ended.runs[: len(EACH)], ended.runs[len(EACH) : 2 * len(EACH)]
    assert [told(run) for run in second] == [told(run) for run in first]


def test_each_example_has_invitations_of_its_own() -> None:
    owners: dict[tuple[object, ...], str] = {}
    with Sandbox() as sandbox:
        for dag_id, invited in INVITED.items():
            for service, mailbox, meetings in invited:
                for row in sandbox.restore(service, mailbox, *meetings):
                    event = (row["service"], row["ical_uid"], row["start"])
                    assert owners.setdefault(event, dag_id) == dag_id
        assert set(INVITED) == {file.stem for file in EXAMPLES.glob("*.py")} - ON_A_REAL_SERVER


def test_examples_with_a_schedule_are_paused() -> None:
    dags = example_dags()
    assert {dag_id for dag_id, dag in dags.items() if dag.is_paused_upon_creation} == {
        dag_id for dag_id, dag in dags.items() if dag.schedule is not None
    }


class TestARunThatBegins:
    @pytest.fixture
    def status(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., object]]:
        """Declined by hand, an invitation of `rsvp_msgraph`; its status after a run of the DAG has begun."""
        with Sandbox() as sandbox:
            monkeypatch.setenv(SANDBOX, sandbox.url)

            def began(dag_id: str, clear_number: int = 0, **run: Any) -> object:
                lunch = sandbox.event_id("graph", "lunch", "alice@contoso.example")
                sandbox.answer("graph", lunch, "alice@contoso.example", "declined")
                dag_run = DagRun(dag_id, **run)
                dag_run.clear_number = clear_number
                BeginningRuns().on_dag_run_running(dag_run)
                (row,) = (each for each in sandbox.invitations() if each["event_id"] == lunch)
                return row["status"]

            yield began

    def test_gets_new_invitations(self, status: Callable[..., object]) -> None:
        assert status("rsvp_msgraph", run_type="manual") == "needs-action"
        assert status("rsvp_msgraph", run_type="scheduled") == "needs-action"

    def test_leaves_alone_those_of_other_examples(self, status: Callable[..., object]) -> None:
        assert status("rsvp_cronofy", run_type="manual") == "declined"

    def test_gets_none_if_it_has_begun_before(self, status: Callable[..., object]) -> None:
        assert status("rsvp_msgraph", run_type="manual", clear_number=1) == "declined"

    def test_gets_none_if_an_invitation_started_it(self, status: Callable[..., object]) -> None:
        """Or it would start the next run, for good."""
        assert status("rsvp_msgraph", run_type="asset_triggered") == "declined"

    def test_gets_accepted_ones_if_it_waits_for_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with Sandbox() as sandbox:
            monkeypatch.setenv(SANDBOX, sandbox.url)
            for _ in range(2):
                invite_again("rsvp_wait_for_approvers")
            (row,) = (each for each in sandbox.invitations() if each["slug"] == "approval")
            assert set(row["attendees"].values()) == {"accepted"}
            assert len(sandbox.mail()) == 4
            assert of_the_examples(sandbox.mail()) == []


def test_cronofy(ended: Ended) -> None:
    assert ended.received(ended.run("rsvp_cronofy")) == [
        ("olga@company.example", "Daily standup", "accepted", None),
        ("olga@company.example", "Retrospective", "tentative", None),
        ("rita@partner.example", "Candidate interview", "declined", None),
    ]


def test_bitrix24(ended: Ended) -> None:
    assert ended.received(ended.run("rsvp_bitrix24")) == [
        ("olga@portal.example", "Daily standup", "accepted", None),
        ("peter@portal.example", "Design review", "declined", None),
    ]


def test_msgraph_declines_silently(ended: Ended) -> None:
    run = ended.run("rsvp_msgraph")
    assert ended.received(run) == [
        ("olga@contoso.example", "Daily standup", "accepted", None),
        ("vera@contoso.example", "Board preparation", "tentative", "If the month-end close is done by then."),
    ]
    assert [
        (outcome["subject"], outcome["status_after"])
        for outcome in run.outcomes
        if not outcome["organizer_notified"]
    ] == [("Lunch with the new colleagues", "declined")]


def test_google_writes_a_proposed_time_into_the_comment(ended: Ended) -> None:
    run = ended.run("rsvp_google")
    standup, board = ended.received(run)
    assert standup == (
        "olga@workspace.example",
        "Daily standup",
        "accepted",
        "I may be five minutes late.",
    )
    mail = next(mail for mail in ended.mail if mail["comment"] == board[3])
    day = on_day(mail, 7, "11:00").strftime("%a %Y-%m-%d")
    proposed_time = f"{day} 11:00 Europe/Berlin to {day} 12:00 Europe/Berlin"
    assert board == (
        "vera@workspace.example",
        "Board preparation",
        "declined",
        f"The month-end close is not done by then. Proposed new time: {proposed_time}.",
    )
    assert [
        (outcome["subject"], outcome["status_after"])
        for outcome in run.outcomes
        if not outcome["organizer_notified"]
    ] == [("Lunch with the new colleagues", "declined")]


def test_a_proposed_time_is_so_many_days_after_the_run(ended: Ended) -> None:
    comment = "That is our release day. Would this suit you?"
    assert ended.received(ended.run("rsvp_decline_with_proposal")) == [
        ("olga@contoso.example", "Sprint planning", "declined", comment)
    ]
    mail = next(mail for mail in ended.mail if mail["comment"] == comment)
    assert proposed(mail) == (on_day(mail, 7, "10:00"), on_day(mail, 7, "11:30"))


def test_a_green_pipeline_accepts_the_release_meeting(ended: Ended) -> None:
    assert ended.received(ended.run("rsvp_pipeline_gate")) == [
        ("peter@contoso.example", "Release go/no-go", "accepted", None)
    ]


def test_a_red_pipeline_declines_the_release_meeting_and_says_why(ended: Ended) -> None:
    comment = "Not ready yet: data freshness failed."
    assert ended.received(ended.run("rsvp_pipeline_gate", RED)) == [
        ("peter@contoso.example", "Release go/no-go", "declined", comment)
    ]
    mail = next(mail for mail in ended.mail if mail["comment"] == comment)
    assert proposed(mail) == (on_day(mail, 3, "14:00"), on_day(mail, 3, "15:00"))


def test_mapped_tasks_are_named_after_what_they_answer(ended: Ended) -> None:
    run = ended.run("rsvp_mapped")
    assert ended.received(run) == [
        ("olga@contoso.example", "Daily standup", "accepted", None),
        ("olga@contoso.example", "Daily standup", "accepted", None),
        ("olga@contoso.example", "Sprint planning", "accepted", None),
        ("olga@contoso.example", "Tokyo sync", "accepted", None),
        ("vera@contoso.example", "Security training", "accepted", None),
    ]
    assert sorted(run.names) == [
        "ines@contoso.example: Daily standup",
        "ines@contoso.example: Security training",
        "ines@contoso.example: Sprint planning",
        "jonas@contoso.example: Daily standup",
        "jonas@contoso.example: Tokyo sync",
    ]


def test_mapped_tasks_are_no_more_than_asked_for_and_leave_alone_what_is_answered(ended: Ended) -> None:
    ((_, subject, status, _),) = ended.received(ended.run("rsvp_mapped", {"limit": 1}))
    assert (subject, status) in {("Daily standup", "accepted"), ("Tokyo sync", "accepted")}
    assert "Quarterly kickoff" not in {each["subject"] for each in ended.run("rsvp_mapped").outcomes}


def test_a_plan_is_sent_as_it_was_made(ended: Ended) -> None:
    late = "{} is outside my working hours. Would this suit you?"
    assert ended.received(ended.run("rsvp_planned")) == [
        ("peter@contoso.example", "Release go/no-go", "declined", late.format("Release go/no-go")),
        ("rita@partner.example", "Candidate interview", "declined", late.format("Candidate interview")),
        ("vera@contoso.example", "Board preparation", "accepted", None),
    ]


def test_the_evenings_are_kept_free(ended: Ended) -> None:
    assert ended.received(ended.run("rsvp_scheduled")) == [
        (
            "peter@contoso.example",
            "Design review",
            "declined",
            "I am not at work after 18:00, Berlin time.",
        )
    ]


def test_a_whole_department_is_answered_for_over_all_services(ended: Ended) -> None:
    release = "Release go/no-go"
    assert ended.received(ended.run("rsvp_department")) == [
        ("olga@contoso.example", "Fire drill", "accepted", None),
        ("olga@contoso.example", "Fire drill", "accepted", None),
        ("peter@company.example", release, "accepted", None),
        ("peter@company.example", release, "accepted", None),
        ("peter@portal.example", release, "accepted", None),
        ("peter@portal.example", release, "accepted", None),
    ]
    assert sorted(ended.run("rsvp_department").names) == [
        "bitrix24_boris",
        "bitrix24_chiyo",
        "cronofy_kenji",
        "cronofy_nina",
    ]


def test_a_leave_is_read_from_the_table_and_of_a_series_only_its_days_are_declined(ended: Ended) -> None:
    run = ended.run("rsvp_leave")
    answered = [(each["mailbox"].partition("@")[0], each["subject"], each["scope"]) for each in run.outcomes]
    assert sorted(answered) == [
        ("lena", "Company briefing", "instance"),
        ("lena", "Keynote", "instance"),
        ("lena", "Security training", "instance"),
        ("lena", "Team offsite", "instance"),
        ("mika", "Candidate interview", "instance"),
        ("mika", "Security training", "instance"),
    ]
    away = re.compile(r"I am away, and back on \w{3} (\S+) 00:00 Europe/Berlin\.")
    for each in run.outcomes:
        back = away.fullmatch(each["reply"]["comment"])
        assert back is not None
        assert datetime.fromisoformat(f"{back[1]}T00:00").replace(tzinfo=BERLIN) > start_of(each)
    # The one who asked for no replies gets none.
    assert {subject for _, subject, _, _ in ended.received(run)} == {
        "Candidate interview",
        "Keynote",
        "Security training",
        "Team offsite",
    }


def test_the_pipeline_chooses_the_rules_and_changes_its_mind(ended: Ended) -> None:
    comment = "Not ready yet: data freshness failed. Would this suit you?"
    assert ended.received(ended.run("rsvp_pipeline_plan")) == [
        ("peter@contoso.example", "Release go/no-go", "accepted", None)
    ]
    red = ended.run("rsvp_pipeline_plan", RED)
    assert ended.received(red) == [
        ("peter@contoso.example", "Release go/no-go", "declined", comment),
        ("peter@contoso.example", "Release rehearsal", "declined", comment),
    ]
    assert {each["subject"]: each["status_before"] for each in red.outcomes} == {
        "Release go/no-go": "needs-action",
        "Release rehearsal": "accepted",
    }
    for each in red.outcomes:
        told = (each["subject"], comment)
        assert suits(next(mail for mail in ended.mail if (mail["subject"], mail["comment"]) == told), each)


def test_the_leaver_declines_everything_and_undo_restores_what_can_be(ended: Ended) -> None:
    left, mistake = "dora@contoso.example has left the company.", "The earlier answer was sent by mistake."
    assert ended.received(ended.run("rsvp_offboarding")) == [
        ("peter@contoso.example", "Handbook review", "declined", left),
        ("rita@partner.example", "Budget outlook", "declined", left),
        ("vera@contoso.example", "Jour fixe", "declined", left),
    ]
    assert ended.received(ended.run("rsvp_undo")) == [
        ("peter@contoso.example", "Handbook review", "accepted", mistake),
        ("vera@contoso.example", "Jour fixe", "tentative", mistake),
    ]


def test_working_hours_and_held_time_are_kept_free_and_another_time_is_offered(ended: Ended) -> None:
    late, taken = "That is outside my working hours.", "I am in another meeting then."
    run = ended.run("rsvp_working_hours")
    assert ended.received(run) == [
        ("olga@contoso.example", "Retrospective", "declined", f"{late} Would this suit you?"),
        ("peter@contoso.example", "Design review", "declined", f"{late} Would this suit you?"),
        ("rita@partner.example", "Candidate interview", "declined", f"{taken} Would this suit you?"),
    ]
    for each in run.outcomes:
        told = (each["subject"], each["reply"]["comment"])
        mail = next(mail for mail in ended.mail if (mail["subject"], mail["comment"]) == told)
        assert suits(mail, each)


def start_of(outcome: dict[str, Any]) -> datetime:
    start = datetime.fromisoformat(outcome["start"])
    return start if start.tzinfo else start.replace(tzinfo=BERLIN)


def suits(mail: Mapping[str, Any], outcome: dict[str, Any]) -> bool:
    """Whether the proposed time is later, as long as the meeting, and within working hours."""
    start, end = proposed(mail)
    length = datetime.fromisoformat(outcome["end"]) - datetime.fromisoformat(outcome["start"])
    at_work = start.weekday() < 5 and time(9) <= start.time() and end.time() <= time(18)
    return at_work and start > start_of(outcome) and end - start == length


def test_an_invitation_that_starts_a_run_is_answered(ended: Ended) -> None:
    ((_, subject, status, _),) = ended.received(ended.run("rsvp_on_invitation"))
    assert (subject, status) == ("Board preparation", "accepted")


@pytest.mark.parametrize("dag_id", ["rsvp_callback", "rsvp_wait_for_approvers"])
def test_while_all_is_well_nothing_is_sent(ended: Ended, dag_id: str) -> None:
    assert ended.received(ended.run(dag_id)) == []


def outcome(**changes: Any) -> dict[str, Any]:
    reply = {"status": "declined", "comment": None, "proposed_time": None}
    return {
        "service": "Microsoft Graph",
        "subject": "Standup",
        "mailbox": None,
        "status_before": "needs-action",
        "status_after": "declined",
        "organizer_notified": True,
        "reply": reply,
    } | changes


def mail(**changes: Any) -> dict[str, Any]:
    return {
        "service": "graph",
        "subject": "Standup",
        "mailbox": "alice@contoso.example",
        "organizer": "olga@contoso.example",
        "status": "declined",
        "comment": "",
        "proposed_time": None,
    } | changes


@pytest.mark.parametrize(
    "mails",
    [
        [],
        [mail(service="cronofy")],
        [mail(subject="Retrospective")],
        [mail(status="accepted")],
        [mail(comment="Sorry.")],
        [mail(proposed_time={"start": "2030-01-01T10:00:00+00:00", "end": "2030-01-01T11:00:00+00:00"})],
    ],
)
def test_a_mail_that_says_something_else_belongs_to_no_outcome(mails: list[dict[str, Any]]) -> None:
    assert matched([outcome()], mails) == ([None], mails)


def test_a_mail_belongs_to_one_outcome() -> None:
    assert matched([outcome(), outcome()], [mail()]) == ([mail(), None], [])


def test_a_silent_reply_has_no_mail() -> None:
    assert matched([outcome(organizer_notified=False)], [mail()]) == ([None], [mail()])


def test_the_demo_says_when_an_organizer_received_nothing() -> None:
    table = render([("a_dag", rows(outcome(), None))])
    assert "Standup     needs-action  declined  NOTHING, although told so" in table
