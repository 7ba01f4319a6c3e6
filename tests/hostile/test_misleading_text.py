"""Text that misleads: what strangers and services write steers no terminal, forges no line, and mails nothing twice."""

from __future__ import annotations

import csv
import html
import io
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.replies import reply, sent
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import InvalidInputError, MalformedResponseError, RsvpError
from airflow_provider_rsvp.model import (
    Account,
    EventReference,
    Invitation,
    Outcome,
    ParticipationStatus,
    Person,
    Reply,
    Result,
    TimeRange,
)
from airflow_provider_rsvp.plans import Decision, Plan
from airflow_provider_rsvp.plans.report import Report, ReportLine
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.services.wire import Response, excerpt
from airflow_provider_rsvp.text import LONGEST_TEXT, same_wording

NOW = pendulum.datetime(2040, 1, 2, 9)
NASTY = "Fine\x1b[2J\x08\x00\u202egro.elpmaxe\u2066\u200b\ufeff\ud800\n2040-01-02 INFO Approved\r\u2028by Ada"
LONG = (
    "I am out of the office from Monday on & back <soon>; Jürgen Müller decides in my place. "
    "Please send him all that you have, and no later than Friday.\nYours, Älice 🙂"
)


def invisible(text: str) -> list[str]:
    """Return the characters of a text that a person cannot see; line feeds and joiners of scripts are none."""
    return [
        each
        for each in text
        if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and each not in "\n\t\u200c\u200d\u2060"
    ]


SHAPES: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "cut": lambda text: text[:60],
    "cut, with an ellipsis": lambda text: text[:60] + "...",
    "cut within an entity": lambda text: html.escape(text)[: html.escape(text).index("&lt;") + 3],
    "in one line": lambda text: " ".join(text.split()),
    "escaped as HTML": html.escape,
    "escaped as HTML twice": lambda text: html.escape(html.escape(text)),
    "as HTML": lambda text: f"<p>{html.escape(text)}</p>".replace("\n", "<br />"),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "with compatible characters": lambda text: unicodedata.normalize("NFKC", text),
    "without emoji": lambda text: text.replace("🙂", ""),
    "in ASCII with question marks": lambda text: text.encode("ascii", "replace").decode(),
    "in ASCII": lambda text: text.encode("ascii", "ignore").decode(),
    "in capitals": str.upper,
    "quoted": lambda text: "Alice wrote:\n> " + text.replace("\n", "\n> "),
    "with line breaks escaped": lambda text: text.replace("\n", "\\n"),
}


class TestTheCommentOfAReply:
    @pytest.mark.parametrize(
        ("given", "is_asked"),
        [
            ("Gladly", "Gladly"),
            ("  Gladly\r\n", "Gladly"),
            ("a\x00b\x1b[31m\x08c", "ab[31mc"),
            ("lone \ud800 surrogate", "lone  surrogate"),
            ("one\r\ntwo\u2028three", "one\ntwo\nthree"),
            ("\u202eylimaf", "ylimaf"),
            ("\u200b\x07", None),
            ("", None),
            (None, None),
        ],
    )
    def test_is_cleaned_where_it_is_made(self, given: str | None, is_asked: str | None) -> None:
        assert Reply(status=ParticipationStatus.ACCEPTED, comment=given).comment == is_asked
        assert Reply.parse(status="accepted", comment=given).comment == is_asked

    def test_is_not_cut_in_silence(self) -> None:
        assert Reply(status=ParticipationStatus.ACCEPTED, comment="x" * LONGEST_TEXT).comment
        with pytest.raises(InvalidInputError, match=f"^comment: {LONGEST_TEXT + 1} characters are too many"):
            Reply(status=ParticipationStatus.ACCEPTED, comment="x" * (LONGEST_TEXT + 1))

    def test_is_a_text(self) -> None:
        with pytest.raises(InvalidInputError, match=r"^comment: expected text, not int\."):
            Reply(status=ParticipationStatus.ACCEPTED, comment=42)  # type: ignore[arg-type]

    @given(st.text(max_size=200))
    def test_is_the_same_once_more(self, text: str) -> None:
        asked = Reply(status=ParticipationStatus.ACCEPTED, comment=text).comment
        assert Reply(status=ParticipationStatus.ACCEPTED, comment=asked).comment == asked
        assert asked is None or not invisible(asked)


class TestACommentThatAServiceLaysOutAnew:
    @pytest.mark.parametrize("shape", list(SHAPES))
    def test_is_mailed_once(self, sandbox: Sandbox, shape: str) -> None:
        event_id = sandbox.event_id("google", "release", "alice@workspace.example")
        conn_id = "google_calendar_default"
        where = {"event_id": event_id, "mailbox": "alice@workspace.example"}
        assert reply(conn_id, "accepted", comment=LONG, **where).result is Result.REPLIED
        # The service keeps the comment in its own way.
        kept = SHAPES[shape](LONG)
        reply(conn_id, "accepted", comment=kept, notify_organizer=False, force=True, **where)

        for _ in range(2):
            assert reply(conn_id, "accepted", comment=LONG, **where).result is Result.UNCHANGED
        assert len(sandbox.mail()) == 1
        assert len(sent(sandbox)) == 2

    @pytest.mark.parametrize("comment", ["Away\x00\x1b\x08 until Monday", "Away \ud800 until Monday"])
    def test_a_comment_that_cannot_be_stored_as_it_is_is_mailed_once(
        self, sandbox: Sandbox, comment: str
    ) -> None:
        event_id = sandbox.event_id("google", "release", "alice@workspace.example")
        where = {"event_id": event_id, "mailbox": "alice@workspace.example"}
        results = [
            reply("google_calendar_default", "accepted", comment=comment, **where).result for _ in range(3)
        ]
        assert results == [Result.REPLIED, Result.UNCHANGED, Result.UNCHANGED]
        assert len(sandbox.mail()) == 1

    @pytest.mark.parametrize("shape", list(SHAPES))
    def test_has_the_same_wording(self, shape: str) -> None:
        assert same_wording(LONG, SHAPES[shape](LONG))

    @pytest.mark.parametrize(
        ("wanted", "shown"),
        [
            ("🙂", ""),
            ("谢谢，再见", "?????"),
            ("Gladly", "  gladly. "),
            ("AT&T", "AT&amp;amp;T"),
        ],
    )
    def test_in_doubt_it_is_the_same(self, wanted: str, shown: str) -> None:
        assert same_wording(wanted, shown)

    @pytest.mark.parametrize(
        ("wanted", "shown"),
        [
            ("Gladly", ""),
            ("谢谢", ""),
            ("谢谢", "再见"),
            ("Away", "At sea"),
            ("I am back on Monday the 4th", "I am back on Monday the 5th"),
            ("No, I am on leave", "No"),
            ("Я в отпуске до понедельника", "Я в отпуске до вторника"),
        ],
    )
    def test_another_comment_is_another_one(self, wanted: str, shown: str) -> None:
        assert not same_wording(wanted, shown)

    @given(st.text(max_size=60), st.text(max_size=60))
    def test_any_two_texts_can_be_compared(self, wanted: str, shown: str) -> None:
        assert same_wording(wanted, wanted)
        assert same_wording(wanted, shown) in (True, False)


class TestWhatAServiceSays:
    # Bitrix24 looks by a batch; what the sandbox says of one of its requests is not ours to choose.
    @pytest.mark.parametrize(
        ("service", "operation"),
        [*((service, "send") for service in SERVICES), ("graph", "observe"), ("google", "observe")],
    )
    def test_an_error_is_one_line_that_a_person_can_see(
        self, sandbox: Sandbox, service: str, operation: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        each = SERVICES[service]
        status, body = each.wire.refusal(NASTY)
        event_id = sandbox.event_id(service, "release", each.mailbox)
        where = {"mailbox": each.mailbox} if each.domain else {}
        sandbox.faults(
            [
                {
                    "service": service,
                    "operation": operation,
                    "kind": "status",
                    "status": status,
                    "body": body,
                    "times": None,
                }
            ]
        )
        with pytest.raises(RsvpError) as caught, caplog.at_level("DEBUG"):
            reply(each.conn_id, "accepted", event_id=event_id, settle=0.1, **where)

        said = str(caught.value)
        assert "Fine[2J" in said
        for text in (said, caplog.text):
            assert not invisible(text)
            assert not re.search(r"^2040-01-02 INFO Approved", text, re.MULTILINE)

    @given(st.text())
    def test_an_excerpt_is_one_visible_line(self, text: str) -> None:
        said = excerpt(text)
        assert not invisible(said)
        assert "\n" not in said
        assert len(said) <= 200

    def test_a_content_type_is_shown_clean(self) -> None:
        answer = Response(200, {"content-type": f"text/{NASTY}"}, b"x" * 9)
        with pytest.raises(MalformedResponseError) as caught:
            answer.json("read")
        assert not invisible(str(caught.value))
        assert "\n" not in str(caught.value)


class TestTheDoors:
    def test_an_error_holds_nothing_that_cannot_be_seen(self) -> None:
        for kind in (RsvpError, InvalidInputError, MalformedResponseError):
            assert not invisible(str(kind(NASTY)))

    def test_a_reference_holds_nothing_invisible(self) -> None:
        for parts in ({"event_id": "a\u202eb\u200b"}, {"event_id": "a", "mailbox": "\u2066ada@example.com"}):
            with pytest.raises(InvalidInputError, match="white space or control characters"):
                EventReference(**parts)

    def test_an_outcome_and_an_account_are_clean(self) -> None:
        outcome = line(subject=NASTY, detail=NASTY).outcome
        account = Account(who=NASTY, permissions=(NASTY,), notes=(NASTY,))
        for text in (*map(str, outcome.to_plain().values()), outcome.describe(), account.describe()):
            assert not invisible(text)
            assert "\n" not in text

    @pytest.mark.parametrize("blank", ["", " ", "\u200b", "\u202e"])
    def test_a_name_that_cannot_be_seen_is_none(self, blank: str) -> None:
        assert Person(blank, blank) == Person()
        assert str(Person("ada@example.com", blank)) == "ada@example.com"
        assert planned(organizer=Person(blank, blank)).organizer is None


def planned(**changes: Any) -> Invitation:
    return Invitation(
        **{
            "reference": EventReference(event_id="AAMk="),
            "subject": "Coffee",
            "time": TimeRange(NOW, NOW.add(hours=1)),
            "status": ParticipationStatus.NEEDS_ACTION,
            **changes,
        }
    )


def line(**changes: Any) -> ReportLine:
    outcome = {
        "result": Result.REPLIED,
        "service": "Microsoft Graph",
        "reference": EventReference(event_id="AAMk="),
        "reply": Reply(status=ParticipationStatus.DECLINED),
        **changes,
    }
    return ReportLine(conn_id="graph", outcome=Outcome(**outcome))


SIGNS = "=+-@＝＋－＠﹣﹢﹦﹫−"
FORMULAS = [
    f"{before}{sign}cmd|'/C calc'!A0"
    for sign in SIGNS
    for before in (
        *("", " ", "\t", "\n", "\r\n", "\xa0", "\ufeff", "\u3000", "\u200b", "\u2028"),
        *(
            '"',
            "'\"",
            "Lunch;",
            "Lunch\t",
            'Lunch;"',
            "Lunch; \xa0",
            "Lunch|",
            "Lunch\n",
            "Lunch,",
            'Lunch";',
        ),
    )
]
CELLS = st.one_of(
    st.text(max_size=20),
    st.lists(st.sampled_from([*SIGNS, *";,|\t\n\r \"'", "\xa0", "\ufeff", "x"]), max_size=12).map("".join),
)


def cells_of(text: str) -> list[str]:
    """Return what spreadsheets take for a cell, whatever they split lines at."""
    found = []
    for delimiter in ",;|\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            found += row
    # One that knows no quotes at all.
    for row in re.split(r"[\r\n]+", text):
        found += re.split(r"[;|\t]", row)
    return found


class TestTheReportAsCsv:
    @staticmethod
    def check(text: str, subject: str) -> None:
        formulas = [
            cell
            for cell in cells_of(text)
            if unicodedata.normalize("NFKC", cell.strip(" \xa0\ufeff'\"")[:1]) in tuple("=+-@−")
            and not cell.strip(' \xa0\ufeff"').startswith("'")
        ]
        assert formulas == [], subject

    @pytest.mark.parametrize("subject", FORMULAS)
    def test_holds_no_formula(self, subject: str) -> None:
        report = Report(lines=(line(subject=subject, detail=subject),), created_at=NOW)
        self.check(report.as_csv(), subject)

    @given(CELLS, CELLS)
    def test_holds_no_formula_whatever_strangers_wrote(self, subject: str, reason: str) -> None:
        lines = (line(subject=subject, detail=reason), line(subject=reason, detail=subject))
        text = Report(lines=lines, created_at=NOW).as_csv()
        self.check(text, subject)
        assert len(text.splitlines()) == 1 + len(lines)
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert {len(row) for row in rows} == {len(rows[0])}

    def test_leaves_what_is_harmless_as_it_is(self) -> None:
        subject = 'Ada\'s "A-Team" 09:00-10:00 UTC+1, ada@example.com = fine; really - yes'
        text = Report(lines=(line(subject=subject),), created_at=NOW).as_csv()
        (row,) = csv.DictReader(io.StringIO(text, newline=""))
        assert row["subject"] == subject


# As in Airflow's UI: what it looks for in the text of a page that was read from Markdown, escapes and all.
LINKS = (
    re.compile(r"(https?://|www(?=\.))([-.\w]+)([^ \t\r\n]*)", re.IGNORECASE),
    re.compile(r"([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)"),
)


class TestTables:
    SUBJECTS = (
        "https://evil.example/login?airflow",
        "HTTP://evil.example",
        "see www.evil.example",
        "_www.evil.example_",
        "mail mallory@evil.example",
        "[x](javascript:alert(1))",
        "![x](https://evil.example/pixel.png)",
        "<img src=https://evil.example>",
        "<https://evil.example>",
        "`x` | **y** | ~~z~~ &lt; &#x3c;script>",
        "a\n\n# Approved by Ada\n| 1 | x |",
        "@here @channel",
        NASTY,
    )

    @pytest.mark.parametrize("subject", SUBJECTS)
    def test_hold_no_link_and_no_markdown(self, subject: str) -> None:
        invitation = planned(subject=subject, organizer=Person("bob@example.com", subject))
        plan = Plan(
            decisions=(
                Decision(
                    invitation=invitation, reply=Reply(status="accepted", comment=subject), reason=subject
                ),
            ),
            created_at=NOW,
        )
        report = Report(lines=(line(subject=subject, detail=subject),), created_at=NOW)
        for table in (plan.as_markdown(), report.as_markdown()):
            read = re.sub(r"\\(.)", r"\1", table)
            assert not [match for pattern in LINKS for match in pattern.finditer(read)]
            assert len(table.strip().split("\n")) == 5
            bare = re.sub(r"\\.", "", table)
            assert not re.search(r"[`*_\[\]<>~&]", bare)
            assert not invisible(table)
        for text in (plan.as_text(), report.as_text()):
            assert len(text.split("\n")) == 4
            assert not invisible(text)
