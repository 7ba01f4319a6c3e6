"""Tables, for the terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """
    What one section measured.

    :param about: what the numbers are, as sentences
    """

    title: str
    about: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    def as_text(self) -> str:
        """Return the table for a terminal."""
        lines = [self.heads, ["-" * len(head) for head in self.heads], *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        body = (
            "  ".join(cell.replace("`", "").ljust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        )
        return "\n".join([self.title, *(f"  {line.rstrip()}" for line in body)])

    def as_markdown(self) -> str:
        """Return the table for a page."""
        lines = [self.heads, ["---"] * len(self.heads), *self.rows]
        return "\n".join(
            [f"## {self.title}", "", self.about, "", *(f"| {' | '.join(line)} |" for line in lines)]
        )
