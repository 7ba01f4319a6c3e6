"""What happened to many replies: for people, for spreadsheets, and for undoing them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import pendulum

from airflow_provider_rsvp.exceptions import (
    InvalidInputError,
    MalformedValueError,
    PassingError,
    RsvpError,
)
from airflow_provider_rsvp.model import EventReference, Outcome, ParticipationStatus, Result, Scope
from airflow_provider_rsvp.plans.plain import (
    flag_from_plain,
    reply_from_plain,
    text_from_plain,
    time_range_from_plain,
)
from airflow_provider_rsvp.plans.reading import Reader
from airflow_provider_rsvp.plans.tables import Line, markdown_table, text_table
from airflow_provider_rsvp.text import LONGEST_TEXT, clean_line
from airflow_provider_rsvp.times import UTC, format_when, parse_instant

_COLUMNS = (
    "conn_id",
    "service",
    "mailbox",
    "calendar_id",
    "event_id",
    "original_start",
    "subject",
    "start",
    "end",
    "scope",
    "reply",
    "outcome",
    "status_before",
    "status_after",
    "organizer_notified",
    "verified",
    "rule",
    "reason",
    "detail",
)
# A sign that begins a formula, where a cell may begin: at the start of the text, and after a character that another
# spreadsheet reads as the end of a cell. White space and quotes in between do not count.
_FORMULA = re.compile(r"((?:^|[,;|])[^\w,;|]*?)([=+\-@﹢﹣﹦﹫＝＋－＠⁺⁻⁼₊₋₌−])")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """
    What happened to one reply.

    :param outcome: what happened, and for a failure why
    :param rule: the name of the rule that chose the reply
    :param reason: why it was chosen
    :param conn_id: the connection that it was sent through; empty where that is not known
    :param error: why it failed; not stored with the report
    :param earlier: whether an earlier try of the task settled it; not stored with the report
    """

    outcome: Outcome
    scope: Scope = Scope.INSTANCE
    rule: str | None = None
    reason: str | None = None
    conn_id: str = ""
    error: RsvpError | None = field(default=None, compare=False)
    earlier: bool = field(default=False, compare=False)

    @property
    def may_pass(self) -> bool:
        """Whether it failed with a passing error, so that another try may succeed."""
        return isinstance(self.error, PassingError)

    def to_plain(self) -> dict[str, Any]:
        """Return the line as JSON-plain values."""
        return {
            "conn_id": self.conn_id,
            **self.outcome.to_plain(),
            "scope": self.scope.value,
            "rule": self.rule,
            "reason": self.reason,
        }

    @classmethod
    def from_plain(cls, reader: Reader) -> Self:
        """
        Read what :meth:`to_plain` writes.

        :raises MalformedValueError: it is malformed
        """
        plain = reader.plain(required=("conn_id", "outcome", "service", "reply", "scope"))

        def text(name: str) -> str | None:
            return text_from_plain(reader, name)

        def part(name: str) -> Reader:
            return reader.key(name, plain[name])

        def status(name: str) -> ParticipationStatus | None:
            return ParticipationStatus(part(name).choice(tuple(ParticipationStatus))) if text(name) else None

        original = text("original_start")
        try:
            return cls(
                conn_id=part("conn_id").text(),
                outcome=Outcome(
                    result=Result(part("outcome").choice(tuple(Result))),
                    service=part("service").text(),
                    reference=EventReference(
                        event_id=text("event_id"),
                        ical_uid=text("ical_uid"),
                        original_start=parse_instant(original, field="original_start") if original else None,
                        mailbox=text("mailbox"),
                        calendar_id=text("calendar_id"),
                    ),
                    reply=reply_from_plain(part("reply")),
                    subject=text("subject"),
                    time=time_range_from_plain(reader) if text("start") else None,
                    before=status("status_before"),
                    after=status("status_after"),
                    organizer_notified=(
                        None
                        if plain.get("organizer_notified", False) is None
                        else flag_from_plain(reader, "organizer_notified")
                    ),
                    verified=flag_from_plain(reader, "verified"),
                    gone=flag_from_plain(reader, "gone"),
                    detail=text("detail") or "",
                    link=text("link"),
                ),
                scope=Scope(part("scope").choice(tuple(Scope))),
                rule=text("rule"),
                reason=text("reason"),
            )
        except MalformedValueError:
            raise
        except InvalidInputError as error:
            reader.fail(str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    What happened to many replies.

    :param created_at: when the sending ended
    :param dry_run: whether it was a dry run, which sends nothing
    """

    lines: tuple[ReportLine, ...]
    created_at: pendulum.DateTime
    dry_run: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many outcomes of each kind there are, including kinds with none."""
        found = Counter(line.outcome.result for line in self.lines)
        return {str(result): found[result] for result in Result}

    @property
    def failures(self) -> tuple[ReportLine, ...]:
        """The lines of replies that failed."""
        return tuple(line for line in self.lines if line.outcome.result is Result.FAILED)

    @property
    def may_pass(self) -> bool:
        """Whether one of the failures is passing, so that another try may succeed."""
        return any(line.may_pass for line in self.lines)

    def summary(self) -> str:
        """Return the counts as a sentence."""
        total = len(self.lines)
        counts = ", ".join(f"{count} {result}" for result, count in self.counts.items() if count)
        return f"{total} {'reply' if total == 1 else 'replies'}: {counts or 'nothing to do'}."

    def as_text(self) -> str:
        """Return the report as a table of plain text."""
        return f"{text_table(self._table())}\n{self.summary()}"

    def as_markdown(self) -> str:
        """Return the report as a Markdown table; text that others wrote is escaped."""
        return f"{markdown_table(self._table())}\n\n{self.summary()}\n"

    def as_json(self) -> str:
        """Return the report as JSON, which :meth:`from_json` reads."""
        return json.dumps(self.to_plain(), indent=2, ensure_ascii=False)

    def as_csv(self) -> str:
        """Return the report as CSV with a header and one line for each reply; formulas are disarmed."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(_COLUMNS)
        for line in self.lines:
            cells = {**line.to_plain(), "reply": str(line.outcome.reply.status)}
            writer.writerow([_harmless(cells[column]) for column in _COLUMNS])
        return text.getvalue()

    def to_plain(self) -> dict[str, Any]:
        """Return the report as JSON-plain values, as it goes to XCom."""
        return {
            "created_at": self.created_at.isoformat(),
            "dry_run": self.dry_run,
            "counts": self.counts,
            "outcomes": [line.to_plain() for line in self.lines],
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Self:
        """
        Return the report that :meth:`to_plain` wrote.

        :raises MalformedValueError: the value is malformed; the message names the path to the wrong key
        """
        reader = Reader(dict(data) if isinstance(data, Mapping) else data)
        names = ("created_at", "dry_run", "counts", "outcomes")
        parts = reader.mapping(names, required=("created_at", "dry_run", "outcomes"))
        return cls(
            lines=tuple(ReportLine.from_plain(each) for each in parts["outcomes"].elements()),
            created_at=parse_instant(parts["created_at"].text(), field="created_at"),
            dry_run=parts["dry_run"].flag(),
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """
        Return the report that :meth:`as_json` wrote.

        :raises InvalidInputError: the text is not JSON, or not a report
        """
        try:
            data = json.loads(text)
        except ValueError:
            raise InvalidInputError("report: is not JSON.") from None
        return cls.from_plain(data)

    def _table(self) -> list[Line]:
        return [self._row(number, line) for number, line in enumerate(self.lines, 1)]

    def _row(self, number: int, line: ReportLine) -> Line:
        outcome = line.outcome
        start = outcome.time.start if outcome.time else None
        if isinstance(start, pendulum.DateTime):
            start = start.in_timezone(UTC)
        return {
            "#": str(number),
            "calendar": outcome.reference.mailbox or line.conn_id,
            "when": format_when(start) if start else "",
            "invitation": outcome.subject or str(outcome.reference),
            "outcome": str(outcome.result),
            "before": str(outcome.before or ""),
            "after": str(outcome.after or ""),
            "detail": outcome.detail,
        }


def _harmless(value: Any) -> str:
    """Return a cell of one line that every spreadsheet reads as text, whatever character it splits cells at."""
    text = "" if value is None else clean_line(str(value), LONGEST_TEXT)
    return _FORMULA.sub(r"\1'\2", text)
