"""The Python in the README and the docs: Airflow can parse it."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import airflow.sdk
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [page for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))) if page.name != "policies.md"]
"""The page on policies has tests of its own: one of its examples reads a file."""


EXAMPLES = {
    f"{page.name}-{number}": dedent(code)
    for page in PAGES
    for number, (_, code) in enumerate(
        re.findall(r"^( *)```python\n(.*?)^\1```", page.read_text(), re.DOTALL | re.MULTILINE), 1
    )
}


@pytest.mark.parametrize("code", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_runs(code: str) -> None:
    if "AsyncCallback" in code and not hasattr(airflow.sdk, "AsyncCallback"):
        pytest.skip("This Airflow has no deadline alerts.")
    exec(compile(code, "an example", "exec"), {"__name__": "example"})
