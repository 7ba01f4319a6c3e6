"""What is looked at after a consumer ran: everything that a person, a log, a database or an organizer got to see."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from hostile.corpus.case import FORGED
from hostile.corpus.invitations import RENDERED
from markdown_it import MarkdownIt

# Controls but for line feed and tab, surrogates, marks of direction, and characters without a shape.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_FORGED = re.compile(rf"^\W*{FORGED}", re.MULTILINE)
_ACTIVE = re.compile(r"<\s*(a|img|script|iframe|svg|object|embed|form|style|link)\b", re.IGNORECASE)
_SIGNS = "=+-@＝＋－＠"
_UNSEEN = re.compile(r"^[\s\ufeff\u200b\u00a0\x00-\x20]+")
_MARKDOWN = MarkdownIt("gfm-like", {"html": True, "linkify": True})
_SHOWN = 160


@dataclass
class Evidence:
    """
    What came out while a consumer ran.

    :param secrets: what must be in none of it
    :param links: the hosts to which links may lead; None where the service makes them, and no stranger
    """

    secrets: Collection[str]
    links: Collection[str] | None
    leaked: list[str] = field(default_factory=list)
    misled: list[str] = field(default_factory=list)

    def log(self, text: str) -> None:
        """Take a line of a log, or a table in it."""
        self._words("log", text)
        self._lines("log", text)

    def error(self, error: BaseException) -> None:
        """Take an error and what it came of, as Airflow logs them."""
        seen: BaseException | None = error
        while seen is not None:
            self._words(f"{type(seen).__name__}", str(seen))
            self._lines(f"{type(seen).__name__}", str(seen))
            seen = seen.__cause__

    def xcom(self, value: Any, where: str = "XCom") -> None:
        """Take what a task returned, or a trigger fired with."""
        for path, text in _texts(value, where):
            self._words(path, text)
            if not path.endswith((".comment", ".body")):
                self._lines(path, text)
            if path.endswith(".link"):
                self._link(path, text)
        json.dumps(value, allow_nan=False)

    def table(self, text: str) -> None:
        """Take a table of plain text."""
        self._words("table", text)
        self._lines("table", text)

    def markdown(self, text: str) -> None:
        """Take Markdown that Airflow's UI shows; a joiner in it keeps an address from becoming a link."""
        self._words("Markdown", text.replace("\u2060", ""))
        self._lines("Markdown", text)
        shown = _MARKDOWN.render(text)
        if found := _ACTIVE.search(shown):
            self.misled.append(f"Markdown: {_around(shown, found.start())}")

    def csv(self, text: str) -> None:
        """Take a CSV file, as any spreadsheet reads it: wherever it takes cells to begin."""
        self._words("CSV", text.replace("\r\n", "\n"))
        for delimiter in ",;\t":
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
                for cell in row:
                    bare = _UNSEEN.sub("", cell)
                    if bare[:1] and bare[0] in _SIGNS and len(bare) > 1:
                        self.misled.append(f"CSV, cells end at {delimiter!r}: {cell[:_SHOWN]!r}")

    def link(self, where: str, address: str | None) -> None:
        """Take an address that a person clicks on."""
        if address:
            self._link(where, address)

    def mail(self, words: str) -> None:
        """Take what an organizer was written."""
        self._words("mail", words)

    def _link(self, where: str, address: str) -> None:
        parts = urlsplit(address)
        elsewhere = self.links is not None and parts.hostname not in self.links
        if parts.scheme not in ("http", "https") or "@" in parts.netloc or elsewhere:
            self.misled.append(f"{where} leads to {address[:_SHOWN]!r}")

    def rendered(self, value: Any) -> None:
        """Take the rendered arguments of a task, which are what the DAG's author took from elsewhere."""
        for path, text in _texts(value, "rendered"):
            self._secrets(path, text)

    def _words(self, where: str, text: str) -> None:
        self._secrets(where, text)
        if found := _INVISIBLE.search(text):
            self.misled.append(f"{where}: {_around(text, found.start())}")

    def _secrets(self, where: str, text: str) -> None:
        for secret in self.secrets:
            if secret in text:
                self.leaked.append(f"{where}: {_around(text, text.index(secret))}")
        for effect in RENDERED:
            if effect in text:
                self.leaked.append(f"{where}, rendered: {_around(text, text.index(effect))}")

    def _lines(self, where: str, text: str) -> None:
        if found := _FORGED.search(text):
            self.misled.append(f"{where}, a line of a stranger's: {_around(text, found.start())}")


@contextmanager
def logged(evidence: Evidence) -> Iterator[logging.Logger]:
    """Take everything that is logged in the block, from DEBUG on; the logger stands for a task's."""

    class Taking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            evidence.log(record.getMessage())
            if record.exc_info and record.exc_info[1] is not None:
                evidence.error(record.exc_info[1])

    taking, root = Taking(logging.DEBUG), logging.getLogger()
    level = root.level
    root.addHandler(taking)
    root.setLevel(logging.DEBUG)
    try:
        yield logging.getLogger("hostile.task")
    finally:
        root.removeHandler(taking)
        root.setLevel(level)


def spellings(secret: str) -> set[str]:
    """Return the ways in which a secret may be spelt."""
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}


def secrets_of(connection: dict[str, Any]) -> set[str]:
    """Return what of a connection must never be seen."""
    extra = connection.get("extra") or {}
    named = ("client_secret", "refresh_token", "access_token", "private_key", "service_account_key")
    plain = [connection.get("password"), *(extra.get(name) for name in named)]
    return {spelling for each in plain if each for spelling in spellings(str(each))}


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(name, f"{path} key")
            yield from _texts(each, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each, path)


def _around(text: str, place: int) -> str:
    return ascii(text[max(0, place - 40) : place + 60])
