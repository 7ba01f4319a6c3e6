"""
Calendar objects as lines, so that a change leaves every other byte as it was (RFC 5545, section 3.1).

What a server stored is not written anew: other programs' properties, their order, and how lines are folded all stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from airflow_provider_rsvp.exceptions import InvalidInputError

MOST_BYTES = 2 * 2**20
"""Of an object: room for a series with hundreds of instances that were answered one by one."""

MOST_LINES = 20_000
"""Content lines of an object."""

_MOST_FOLDS = 100_000
_LONGEST_HEAD = 10_000
_LONGEST_ADDRESS = 1_000
_HEAD = re.compile(
    r"(?P<name>[A-Za-z0-9-]+)"
    r'(?P<parameters>(?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*)'
    r":"
)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)')
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LONGEST_LINE = 75
_CARETS = {"^n": "\n", "^^": "^", "^'": '"'}
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class ContentLine:
    """
    A content line.

    :param raw: the line as it stands, folded, with its line break
    :param key: the property's name as it is written; empty where the line is malformed
    :param parameters: names and values as they are written
    """

    raw: bytes
    key: str
    parameters: tuple[tuple[str, str], ...]
    value: str

    @classmethod
    def read(cls, raw: bytes) -> ContentLine:
        """
        Return the line that folded bytes stand for.

        What is not UTF-8 is shown as such, and stays as it is in ``raw``.
        """
        text = unfolded(raw).rstrip(b"\r\n").decode(errors="replace")
        head = _HEAD.match(text, 0, _LONGEST_HEAD)
        if head is None:
            return cls(raw, "", (), text)
        return cls(raw, head["name"], tuple(_PARAMETER.findall(head["parameters"])), text[head.end() :])

    @classmethod
    def write(
        cls, key: str, value: str, parameters: Sequence[tuple[str, str]] = (), line_break: bytes = b"\r\n"
    ) -> ContentLine:
        """Return a new line, folded."""
        text = key + "".join(f";{name}={each}" for name, each in parameters) + f":{value}"
        return cls(_folded(text, line_break), key, tuple(parameters), value)

    @property
    def name(self) -> str:
        """The property's name in upper case."""
        return self.key.upper()

    def parameter(self, name: str) -> str | None:
        """Return a parameter without quotes, or None (RFC 6868 for what is escaped with a caret)."""
        for key, value in self.parameters:
            if key.upper() == name:
                return re.sub(r"\^[n^']", lambda found: _CARETS[found[0]], value.strip('"'))
        return None

    def with_parameter(self, name: str, value: str | None) -> ContentLine:
        """Return the line with one parameter changed, added at the end, or for None taken away; the rest stays."""
        parameters: list[tuple[str, str]] = []
        left = value
        for key, each in self.parameters:
            if key.upper() != name:
                parameters.append((key, each))
            elif left is not None:
                parameters.append((key, left))
                left = None
        if left is not None:
            parameters.append((name, left))
        if tuple(parameters) == self.parameters:
            return self
        return ContentLine.write(
            self.key, self.value, parameters, b"\r\n" if self.raw.endswith(b"\r\n") else b"\n"
        )

    @property
    def addresses(self) -> frozenset[str]:
        """The calendar user addresses that the line names, to be compared (RFC 7986, section 6.2, for EMAIL)."""
        email = self.parameter("EMAIL")
        given = [self.value, f"mailto:{email}"] if email else [self.value]
        return frozenset(comparable(each) for each in given)


@dataclass(frozen=True, slots=True)
class Block:
    """
    One component of an object, from its ``BEGIN`` to its ``END``.

    :param depth: how many components it lies within
    :param first: the number of its first line in the object
    :param own: the numbers of its own lines, without those of components within it
    """

    name: str
    depth: int
    first: int
    last: int
    own: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """An iCalendar object as lines."""

    lines: tuple[ContentLine, ...]

    @classmethod
    def read(cls, data: bytes) -> Document:
        """
        Return the lines of an object.

        :raises InvalidInputError: there are more of them than an object may have
        """
        if len(data) > MOST_BYTES:
            raise InvalidInputError(f"it has {len(data)} bytes, and no more than {MOST_BYTES} are read")
        physical = data.split(b"\n")
        if len(physical) > _MOST_FOLDS:
            raise InvalidInputError(f"its lines are folded more than {_MOST_FOLDS} times")
        folded: list[list[bytes]] = []
        for number, part in enumerate(physical, start=1):
            each = part + b"\n" if number < len(physical) else part
            if each[:1] in (b" ", b"\t") and folded:
                folded[-1].append(each)
            elif each:
                folded.append([each])
        if len(folded) > MOST_LINES:
            raise InvalidInputError(f"it has {len(folded)} lines, and no more than {MOST_LINES} are read")
        return cls(tuple(ContentLine.read(b"".join(each)) for each in folded))

    def to_bytes(self) -> bytes:
        """Return the object as it is to be stored."""
        return b"".join(line.raw for line in self.lines)

    def components(self) -> tuple[Block, ...]:
        """
        Return all components, in the order in which they begin.

        :raises ValueError: one does not end, or ends without having begun
        """
        found: list[Block] = []
        open_: list[tuple[str, int, list[int]]] = []
        for number, line in enumerate(self.lines):
            name = line.name
            if name == "BEGIN":
                open_.append((line.value.strip().upper(), number, [number]))
            elif name == "END":
                kind, first, own = open_.pop() if open_ else ("", 0, [])
                if kind != line.value.strip().upper():
                    raise ValueError("a component ends that has not begun")
                found.append(Block(kind, len(open_), first, number, (*own, number)))
            elif open_:
                open_[-1][2].append(number)
        if open_:
            raise ValueError("a component does not end")
        return tuple(sorted(found, key=lambda block: block.first))

    def blocks(self, name: str) -> tuple[Block, ...]:
        """
        Return the components of a name that lie directly within the calendar.

        :raises ValueError: a component does not end, or ends without having begun
        """
        return tuple(block for block in self.components() if block.depth == 1 and block.name == name)

    def own_lines(self, block: Block) -> tuple[ContentLine, ...]:
        """Return a component's own lines."""
        return tuple(self.lines[number] for number in block.own)

    def changed(
        self, numbers: Sequence[int], change: Callable[[ContentLine], ContentLine | None]
    ) -> Document:
        """Return the object with some lines changed, or for None left out."""
        chosen = set(numbers)
        lines = [change(line) if number in chosen else line for number, line in enumerate(self.lines)]
        return Document(tuple(line for line in lines if line is not None))

    def inserted(self, place: int, lines: Sequence[ContentLine]) -> Document:
        """Return the object with lines put before the line of a number."""
        return Document((*self.lines[:place], *lines, *self.lines[place:]))

    @property
    def line_break(self) -> bytes:
        """How the object breaks its lines."""
        return b"\r\n" if self.lines and self.lines[0].raw.endswith(b"\r\n") else b"\n"


def unfolded(data: bytes) -> bytes:
    """Return content lines without their folds, which may lie within a character."""
    return re.sub(rb"\r?\n[ \t]", b"", data)


def comparable(address: str) -> str:
    """Return a calendar user address in the form in which two of them are compared."""
    if len(address) > _LONGEST_ADDRESS:
        return address
    return unquote(address.strip()).rstrip("/").casefold()


def escaped(text: str) -> str:
    """Return a text as a property's value (RFC 5545, section 3.3.11)."""
    plain = text.encode(errors="replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", plain).translate(_ESCAPES)


def unescaped(value: str) -> str:
    """Return the text that a property's value stands for."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value, flags=re.DOTALL)


def _folded(text: str, end: bytes) -> bytes:
    """Return a line folded at 75 octets, never within a character."""
    parts: list[bytes] = []
    part = b""
    for character in text:
        octets = character.encode()
        if len(part) + len(octets) > _LONGEST_LINE - (1 if parts else 0):
            parts.append(part)
            part = b""
        part += octets
    parts.append(part)
    return (end + b" ").join(parts) + end
