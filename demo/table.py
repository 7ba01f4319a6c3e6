"""What the demo shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

HEADS = ("Service", "Invitation", "Before", "After", "The organizer received")
Row = tuple[str, ...]


def rows(outcome: Mapping[str, Any], mail: Mapping[str, Any] | None) -> list[Row]:
    """Return a reply as rows of the table; what the organizer received may take several."""
    subject, mailbox = outcome["subject"] or outcome["event_id"], outcome["mailbox"]
    first, *more = _received(outcome, mail)
    return [
        (
            outcome["service"],
            f"{subject} ({mailbox.partition('@')[0]})" if mailbox else subject,
            outcome["status_before"] or "not shown",
            outcome["status_after"] or "gone",
            first,
        ),
        *(("", "", "", "", line) for line in more),
    ]


def render(groups: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """Return rows in columns, below the name of their group."""
    table = [HEADS, *(row for _, group in groups for row in group)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    widths[-1] = len(HEADS[-1])
    lines = [f"  {_line(HEADS, widths)}", f"  {_line(['-' * width for width in widths], widths)}"]
    for name, group in groups:
        lines += [name, *(f"  {_line(row, widths)}" for row in group)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _received(outcome: Mapping[str, Any], mail: Mapping[str, Any] | None) -> list[str]:
    if mail is None:
        return ["NOTHING, although told so" if outcome["organizer_notified"] else "nothing, as asked"]
    lines = [f"{mail['organizer']}: {mail['status']}"]
    if mail["comment"]:
        lines.append(f'"{mail["comment"]}"')
    if mail["proposed_time"]:
        # The reply has the proposed time in the zone that was asked for.
        proposed = outcome["reply"]["proposed_time"]
        start, end = (datetime.fromisoformat(proposed[name]) for name in ("start", "end"))
        lines.append(f"proposed: {start:%a %d %b %H:%M} to {end:%H:%M %Z}")
    return lines
