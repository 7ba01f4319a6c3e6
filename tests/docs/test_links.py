"""The links in the README and the pages beside it: what they name is there, and so is the heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob(".github/**/*.md")])
pytestmark = pytest.mark.any_airflow


def without_code(text: str) -> str:
    return re.sub(r"^( *)```.*?^\1```", "", text, flags=re.DOTALL | re.MULTILINE)


def links(text: str) -> list[str]:
    """The targets of inline links, outside of code."""
    return re.findall(r"\]\(([^()\s]+)\)", re.sub(r"`[^`\n]*`", "`code`", without_code(text)))


def anchors(text: str) -> set[str]:
    """What the headings of a page are called in its address; GitHub numbers those that are alike."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", without_code(text), flags=re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found[name] = found.get(name, 0) + 1
    return {f"{name}-{n}" if n else name for name, count in found.items() for n in range(count)}


def broken(page: Path, root: Path = ROOT) -> list[str]:
    """The links of a page within the project that lead nowhere."""
    wrong = []
    for link in links(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        lost = not target.exists() or (
            target.suffix == ".md" and anchor and anchor not in anchors(target.read_text())
        )
        if lost or not target.is_relative_to(root):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_every_page_is_reached_from_the_readme() -> None:
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        targets = [
            (page.parent / link.partition("#")[0]).resolve()
            for link in links(page.read_text())
            if ":" not in link
        ]
        todo += [target for target in targets if target.suffix == ".md" and target.exists()]
    assert {page for page in PAGES if ".github" not in page.parts} - seen == set()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 250


class TestWhatIsBroken:
    @pytest.fixture
    def page(self, tmp_path: Path) -> Path:
        (tmp_path / "other.md").write_text("# Title\n\n## `code` and *more*, twice\n\n## Twice\n\n## Twice\n")
        return tmp_path / "page.md"

    def test_a_missing_page_or_heading_is_found(self, page: Path) -> None:
        page.write_text(
            "[a](none.md) [b](other.md#none) [c](#none) [d](other.md#title) [e](#here) [f](https://x.example/#y)\n"
            "[g](other.md#code-and-more-twice) [h](other.md#twice-1) [i](other.md#twice-2) `[j](no.md)`\n\n# Here\n\n"
            "```\n[k](no.md)\n```\n"
        )
        assert broken(page, page.parent) == ["none.md", "other.md#none", "#none", "other.md#twice-2"]
