"""The report of many replies: values that come back, tables for a person, and cells for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import (
    EventReference,
    Outcome,
    ParticipationStatus,
    Reply,
    Result,
    Scope,
    TimeRange,
)
from airflow_provider_rsvp.plans import Report, ReportLine

pytestmark = pytest.mark.any_airflow

NOW = pendulum.datetime(2026, 11, 3, 9, 0, tz="UTC")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
IDS = st.text("abcABC019@._=-/", min_size=1, max_size=30)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"])
MOMENTS = st.builds(
    lambda seconds, zone: pendulum.from_timestamp(seconds, tz=zone), st.integers(0, 4_000_000_000), ZONES
)
DAYS = st.dates(pendulum.date(2000, 1, 1), pendulum.date(2099, 1, 1)).map(
    lambda day: pendulum.date(day.year, day.month, day.day)
)
TIMES = st.one_of(
    st.builds(lambda start, hours: TimeRange(start, start.add(hours=hours)), MOMENTS, st.integers(0, 99)),
    st.builds(lambda start, days: TimeRange(start, start.add(days=days)), DAYS, st.integers(0, 9)),
)
STATUSES = st.sampled_from(list(ParticipationStatus))
REFERENCES = st.one_of(
    st.builds(
        EventReference,
        event_id=IDS,
        ical_uid=st.none() | IDS,
        original_start=st.none() | MOMENTS,
        mailbox=st.none() | IDS,
        calendar_id=st.none() | IDS,
    ),
    st.builds(EventReference, ical_uid=IDS, original_start=st.none() | MOMENTS),
)
REPLIES = st.one_of(
    st.builds(Reply, status=STATUSES, comment=st.none() | TEXTS, notify_organizer=st.booleans()),
    st.builds(
        lambda start: Reply(
            status=ParticipationStatus.DECLINED, proposed_time=TimeRange(start, start.add(hours=1))
        ),
        MOMENTS,
    ),
)
LINES = st.builds(
    ReportLine,
    conn_id=st.text("abc_", min_size=1),
    outcome=st.builds(
        Outcome,
        result=st.sampled_from(list(Result)),
        service=st.sampled_from(["Cronofy", "Bitrix24", "Microsoft Graph"]),
        reference=REFERENCES,
        reply=REPLIES,
        subject=st.none() | TEXTS,
        time=st.none() | TIMES,
        before=st.none() | STATUSES,
        after=st.none() | STATUSES,
        organizer_notified=st.booleans(),
        verified=st.booleans(),
        detail=TEXTS,
        link=st.none() | TEXTS,
    ),
    scope=st.sampled_from(list(Scope)),
    rule=st.none() | TEXTS,
    reason=st.none() | TEXTS,
)
REPORTS = st.builds(
    Report, lines=st.lists(LINES, max_size=4).map(tuple), created_at=MOMENTS, dry_run=st.booleans()
)


@given(REPORTS)
def test_comes_back_from_plain_values_and_from_json(report: Report) -> None:
    assert Report.from_plain(report.to_plain()) == report
    assert Report.from_json(report.as_json()) == report
    assert json.loads(report.as_json()) == report.to_plain()


@given(REPORTS)
def test_the_csv_has_a_row_for_each_line_and_no_formula(report: Report) -> None:
    header, *rows = csv.reader(io.StringIO(report.as_csv(), newline=""))

    assert len(rows) == len(report.lines)
    for row, line in zip(rows, report.lines, strict=True):
        cells = dict(zip(header, row, strict=True))
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert cells["subject"].replace("'", "") == (line.outcome.subject or "").replace("'", "")
        assert cells["outcome"] == line.outcome.result


@given(REPORTS)
def test_tables_have_one_row_for_each_line_whatever_the_texts_hold(report: Report) -> None:
    table, _, summary = report.as_markdown().rstrip("\n").rpartition("\n\n")

    assert summary == report.summary()
    if report.lines:
        assert len(table.split("\n")) == 2 + len(report.lines)
        assert len(report.as_text().split("\n")) == 3 + len(report.lines)


@given(st.dictionaries(TEXTS, st.one_of(st.none(), st.integers(), TEXTS, st.lists(TEXTS)), max_size=6))
def test_what_is_no_report_is_refused_as_such(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        Report.from_plain(data)
    with pytest.raises(InvalidInputError):
        Report.from_json(json.dumps([data]))


def line(**changes: Any) -> ReportLine:
    outcome = {
        "result": Result.REPLIED,
        "service": "Microsoft Graph",
        "reference": EventReference(event_id="AAMk=", mailbox="ada@example.com"),
        "reply": Reply(status=ParticipationStatus.DECLINED),
        "subject": "Standup",
        "time": TimeRange(NOW, NOW.add(hours=1)),
        "before": ParticipationStatus.NEEDS_ACTION,
        "after": ParticipationStatus.DECLINED,
        "detail": "Sent, and seen when read back.",
    }
    return ReportLine(conn_id="graph", outcome=Outcome(**{**outcome, **changes}))


def test_markdown_shows_what_strangers_wrote_as_it_is() -> None:
    report = Report(
        lines=(line(subject="[click](https://elsewhere.example) | `x` <img src=x>\n# h"),), created_at=NOW
    )

    row = report.as_markdown().split("\n")[2]
    assert "\\[click\\](https:\u2060//elsewhere.example) \\| \\`x\\` \\<img src=x\\> # h" in row
    assert row.count(" | ") == 7


def test_the_text_is_for_a_person() -> None:
    report = Report(
        lines=(line(), line(result=Result.FAILED, after=None, detail="No.")), created_at=NOW, dry_run=False
    )

    assert report.as_text() == (
        "#  calendar         when                      invitation  outcome  before        after     detail\n"
        "-  ---------------  ------------------------  ----------  -------  ------------  --------  ------\n"
        "1  ada@example.com  Tue 2026-11-03 09:00 UTC  Standup     replied  needs-action  declined  "
        "Sent, and seen when read back.\n"
        "2  ada@example.com  Tue 2026-11-03 09:00 UTC  Standup     failed   needs-action            No.\n"
        "2 replies: 1 replied, 1 failed."
    )
    assert report.counts == {"replied": 1, "unchanged": 0, "skipped": 0, "failed": 1}
    assert [each.outcome.detail for each in report.failures] == ["No."]


def test_an_empty_one_says_so() -> None:
    assert Report(lines=(), created_at=NOW).as_text() == "(nothing)\n0 replies: nothing to do."
