"""The page that a run writes."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.table import Table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_MARK = "<!-- written by make bench -->"
_SECTION = "\n## "
_PACKAGES = ("apache-airflow", "aiohttp", "fast_bitrix24", "msgraph-sdk", "pycronofy")


def write(tables: Sequence[Table]) -> None:
    """Write the tables below what a person wrote, each in place of an earlier one with its title."""
    head, _, written = PAGE.read_text(encoding="utf-8").partition(_MARK)
    earlier = {text.partition("\n")[0]: text.strip() for text in written.split(_SECTION)[1:]}
    now = {table.title: table.as_markdown().removeprefix(_SECTION.lstrip()) for table in tables}
    sections = "".join(f"{_SECTION}{text}\n" for text in {**earlier, **now}.values())
    PAGE.write_text(f"{head}{_MARK}\n\n{_machine()}\n{sections}", encoding="utf-8")


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"Measured on {os.cpu_count()} cores ({platform.machine()}), {platform.system()}, Python "
        f"{platform.python_version()}, {packages}."
    )
