"""Tables for a person, of texts that strangers wrote."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

Line = Mapping[str, str]
"""Column to cell; every line of a table has the same columns."""

_WIDEST = 64
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def text_table(lines: Sequence[Line]) -> str:
    """Return a table of plain text; only the last column may be long."""
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
    """Return a table of Markdown, in which no cell is read as Markdown, HTML or a link."""
    if not lines:
        return "(nothing)"
    columns = list(lines[0])
    rows = [columns, ["---"] * len(columns)]
    rows += [[escape_markdown(line[column]) for column in columns] for line in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def one_line(text: str) -> str:
    """Return a text on one line, without control characters and without what turns the direction of writing."""
    spaced = "".join(" " if unicodedata.category(each) in ("Cc", "Zl", "Zp") else each for each in text)
    return " ".join("".join(each for each in spaced if each not in _BIDI).split())


def escape_markdown(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
