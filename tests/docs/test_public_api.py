"""The page on what to import: all of it is there, and the README, docs and examples import nothing else."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from textwrap import dedent

import pytest

from airflow_provider_rsvp.get_provider_info import get_provider_info

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "public-api.md"
ROW = re.compile(r"^\| `(airflow_provider_rsvp[\w.]*)` \| (.+) \|$", re.MULTILINE)
PUBLIC: dict[str, set[str]] = {}
for module, names in ROW.findall(PAGE.read_text()):
    PUBLIC.setdefault(module, set()).update(re.findall(r"`(\w+)`", names) if names[0] == "`" else {"*"})


def code_of(page: Path) -> list[str]:
    text = page.read_text()
    if page.suffix == ".py":
        return [text]
    return [
        dedent(code) for _, code in re.findall(r"^( *)```python\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    ]


def imported(page: Path) -> set[tuple[str, str]]:
    """The modules of the package that a page imports from, each with the name that it imports."""
    return {
        (node.module or "", alias.name)
        for code in code_of(page)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airflow_provider_rsvp")
        for alias in node.names
    }


@pytest.mark.parametrize("module", PUBLIC)
def test_what_the_page_lists_is_there(module: str) -> None:
    found = importlib.import_module(module)
    assert {name for name in PUBLIC[module] - {"*"} if not hasattr(found, name)} == set()


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("example_dags/**/*.py"))],
    ids=lambda page: page.name,
)
def test_users_are_shown_nothing_else(page: Path) -> None:
    allowed = {
        (module, name)
        for module, name in imported(page)
        if PUBLIC.get(module, set()) & {name, "*"}
        # A module of which all is public, such as ``from airflow_provider_rsvp.services import cronofy``.
        or f"{module}.{name}" in PUBLIC
    }
    private = imported(page) - allowed
    if page.name == "extending.md":
        private = {each for each in private if each[0] != "airflow_provider_rsvp.services"}
    assert private == set()


def test_what_airflow_is_told_of_is_public() -> None:
    info = get_provider_info()
    classes = [each["hook-class-name"] for each in info["connection-types"]] + info["notifications"]
    assert {
        name for name in classes if name.rpartition(".")[2] not in PUBLIC[name.rpartition(".")[0]]
    } == set()
    modules = {
        module
        for kind in ("operators", "sensors")
        for each in info[kind]
        for module in each["python-modules"]
    }
    assert modules <= set(PUBLIC)
