"""Every example DAG, run by Airflow on a sandbox: what it answers, and what the organizers are told."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_rsvp.sandbox import Sandbox
from demo.home import EXAMPLES, ON_A_REAL_SERVER, prepare, settings
from demo.mail import matched
from demo.runs import ASK_A_PERSON, Run, run_dags
from demo.table import render, rows

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(300)]

BERLIN = ZoneInfo("Europe/Berlin")
RED = {"fresh": False}
RUNS = (
    *(
        Run(file.stem)
        for file in sorted(EXAMPLES.glob("*.py"))
        if file.stem not in ASK_A_PERSON | ON_A_REAL_SERVER
    ),
    Run("rsvp_pipeline_gate", RED),
    Run("rsvp_pipeline_plan", RED),
    Run("rsvp_mapped", {"limit": 1}),
)


@dataclass(frozen=True)
class Ended:
    """All runs in their order, and all mail."""

    runs: Sequence[Run]
    mail: Sequence[dict[str, Any]]

    def run(self, dag_id: str, conf: dict[str, Any] | None = None) -> Run:
        return next(run for run in self.runs if (run.dag_id, run.conf) == (dag_id, conf or {}))

    def received(self, run: Run) -> list[tuple[str, str, str, str | None]]:
        """What the run's replies made organizers receive: to whom, about what, and how it was answered."""
        mails, _ = matched((each for run in self.runs for each in run.outcomes), self.mail)
        before = sum(len(each.outcomes) for each in self.runs[: self.runs.index(run)])
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
        environment = settings(home, sandbox.connections())
        try:
            prepare(home, environment, log)
            runs = run_dags(RUNS, environment, log)
        finally:
            if log.exists():
                sys.stdout.write(log.read_text())
        yield Ended(runs, sandbox.mail())


def proposed(mail: dict[str, Any]) -> tuple[datetime, datetime]:
    start, end = (datetime.fromisoformat(mail["proposed_time"][name]) for name in ("start", "end"))
    return start.astimezone(BERLIN), end.astimezone(BERLIN)


def on_day(mail: dict[str, Any], days_later: int, clock: str) -> datetime:
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
        "bob@contoso.example: Daily standup",
        "bob@contoso.example: Security training",
        "bob@contoso.example: Sprint planning",
        "carol@contoso.example: Daily standup",
        "carol@contoso.example: Tokyo sync",
    ]


def test_mapped_tasks_leave_alone_what_is_answered(ended: Ended) -> None:
    assert ended.received(ended.run("rsvp_mapped", {"limit": 1})) == [
        ("olga@contoso.example", "New York sync", "accepted", None)
    ]


def test_a_plan_is_sent_as_it_was_made(ended: Ended) -> None:
    late = "{} is outside my working hours. Would this suit you?"
    assert ended.received(ended.run("rsvp_planned")) == [
        ("alice@contoso.example", "Handover", "declined", late.format("Handover")),
        ("peter@contoso.example", "Release go/no-go", "declined", late.format("Release go/no-go")),
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
        ("alice", "Company briefing", "instance"),
        ("alice", "Keynote", "instance"),
        ("alice", "Security training", "instance"),
        ("alice", "Team offsite", "instance"),
        ("bob", "Handover", "instance"),
        ("bob", "Security training", "instance"),
    ]
    away = re.compile(r"I am away, and back on \w{3} (\S+) 00:00 Europe/Berlin\.")
    for each in run.outcomes:
        back = away.fullmatch(each["reply"]["comment"])
        assert back is not None
        assert datetime.fromisoformat(f"{back[1]}T00:00").replace(tzinfo=BERLIN) > start_of(each)
    # The one who asked for no replies gets none.
    assert {subject for _, subject, _, _ in ended.received(run)} == {
        "Handover",
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
    assert ended.received(red) == [("peter@contoso.example", "Release go/no-go", "declined", comment)]
    assert red.outcomes[0]["status_before"] == "accepted"
    assert suits(next(mail for mail in ended.mail if mail["comment"] == comment), red.outcomes[0])


def test_the_leaver_declines_everything_and_undo_restores_what_can_be(ended: Ended) -> None:
    left, mistake = "dora@contoso.example has left the company.", "The earlier answer was sent by mistake."
    assert ended.received(ended.run("rsvp_offboarding")) == [
        ("olga@contoso.example", "Fire drill", "declined", left),
        ("peter@contoso.example", "Handbook review", "declined", left),
        ("rita@partner.example", "Budget outlook", "declined", left),
        ("vera@contoso.example", "Jour fixe", "declined", left),
    ]
    assert ended.received(ended.run("rsvp_undo")) == [
        ("olga@contoso.example", "Fire drill", "accepted", mistake),
        ("peter@contoso.example", "Handbook review", "accepted", mistake),
        ("vera@contoso.example", "Jour fixe", "tentative", mistake),
    ]


def test_working_hours_and_held_time_are_kept_free_and_another_time_is_offered(ended: Ended) -> None:
    late, taken = "That is outside my working hours.", "I am in another meeting then."
    run = ended.run("rsvp_working_hours")
    assert ended.received(run) == [
        ("olga@contoso.example", "Retrospective", "declined", f"{late} Would this suit you?"),
        ("rita@partner.example", "Candidate interview", "declined", f"{taken} Would this suit you?"),
    ]
    for each in run.outcomes:
        mail = next(mail for mail in ended.mail if mail["comment"] == each["reply"]["comment"])
        assert suits(mail, each)


def start_of(outcome: dict[str, Any]) -> datetime:
    start = datetime.fromisoformat(outcome["start"])
    return start if start.tzinfo else start.replace(tzinfo=BERLIN)


def suits(mail: dict[str, Any], outcome: dict[str, Any]) -> bool:
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
