"""Tables for people, of text that strangers wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from airflow_provider_rsvp.text import LONGEST_TEXT, clean_line

Line = Mapping[str, str]
"""The cells of a line by column; every line of a table has the same columns."""

_WIDEST = 64
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&])")
# Text that Airflow's UI turns into links after it has read the Markdown, so that a backslash does not help.
_LINKED = re.compile(r"(:(?=//)|@|www(?=\.)|mailto(?=:))", re.IGNORECASE)
_JOINER = "\u2060"
"""A character without width, which breaks no line."""


def text_table(lines: Sequence[Line]) -> str:
    """Return a plain text table; only the last column may be long."""
    if not lines:
        return "(nothing)"
    columns = list(lines[0])
    rows = [
        columns,
        *(
            [_shortened(one_line(line[column])) for column in columns[:-1]] + [one_line(line[columns[-1]])]
            for line in lines
        ),
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns) - 1)]
    rows.insert(1, ["-" * width for width in widths] + ["-" * len(columns[-1])])
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    )


def markdown_table(lines: Sequence[Line]) -> str:
    """Return a Markdown table in which no cell is read as Markdown, HTML or a link."""
    if not lines:
        return "(nothing)"
    columns = list(lines[0])
    rows = [columns, ["---"] * len(columns)]
    rows += [[escape_markdown(line[column]) for column in columns] for line in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def one_line(text: str) -> str:
    """Return text as one line, without invisible characters."""
    return clean_line(text, LONGEST_TEXT)


def escape_markdown(text: str) -> str:
    """Return text escaped, so that Markdown shows it as it is."""
    return _LINKED.sub(rf"\1{_JOINER}", _MARKDOWN.sub(r"\\\1", one_line(text)))


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
