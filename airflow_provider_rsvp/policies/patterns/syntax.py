"""The regular expressions that are taken, as a tree; what cannot be matched in bounded time is refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

MOST_POSITIONS = 1_000
"""Characters and assertions that an expression stands for once its repetitions are written out."""

_DEEPEST = 50
_WIDEST = 30_000
"""Characters that ranges such as ``[一-龠]`` may cover; Python looks at each of them when it compiles."""

_MANY = 1e18
_QUANTIFIER = re.compile(r"\{(?!\})(\d*)(,?)(\d*)\}", re.ASCII)
_FLAGS = re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])")
_NAME = re.compile(r"\(\?P<\w+>")
_ESCAPE = re.compile(
    r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|0[0-7]{0,2}|[0-3][0-7]{2}|.)", re.DOTALL
)
_ASSERTIONS = {"A": "start", "Z": "very_end", "z": "very_end", "b": "boundary", "B": "no_boundary"}
_CONTROLS = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_KNOWN_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "u": re.UNICODE}
_AROUND = "looks ahead or behind; write what must match here, and under 'not' what must not."
_REFUSED = {
    "(?=": _AROUND,
    "(?!": _AROUND,
    "(?<": _AROUND,
    "(?>": "holds an atomic group; write '(?:...)' instead.",
    "(?P=": "refers back to a group; write once more what is meant.",
    "(?(": "asks whether a group has matched; write the alternatives with '|'.",
}


class PatternError(ValueError):
    """A regular expression that is none, or holds what cannot be matched in bounded time; says what to write."""


class MalformedError(Exception):
    """Python says best what is wrong."""


class Node:
    """A part of a regular expression."""

    size: int
    """How many characters and assertions it stands for once its repetitions are written out."""

    def cost(self, length: int) -> tuple[float, float]:
        """
        Return in how many ways it matches at one place of a text at most, and how many steps it takes to try them all.

        :param length: of the text
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Character(Node):
    """
    One character.

    :param test: a regular expression for it
    """

    test: str
    size = 1

    def cost(self, length: int) -> tuple[float, float]:
        """Return the cost of one step."""
        return 1, 1


@dataclass(frozen=True, slots=True)
class Assertion(Node):
    """
    Something that must be so between two characters.

    :param kind: such as ``start`` or ``boundary``
    """

    kind: str
    size = 1

    def cost(self, length: int) -> tuple[float, float]:
        """Return the cost of one step."""
        return 1, 1


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """Parts, one after the other."""

    parts: tuple[Node, ...]
    size: int

    def cost(self, length: int) -> tuple[float, float]:
        """Return that of one part after the other."""
        ways, steps = 1.0, 1.0
        for part in self.parts:
            more, each = part.cost(length)
            steps = min(steps + ways * each, _MANY)
            ways = min(ways * more, _MANY)
        return ways, steps


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """One of some options."""

    options: tuple[Node, ...]
    size: int

    def cost(self, length: int) -> tuple[float, float]:
        """Return that of all options."""
        costs = [option.cost(length) for option in self.options]
        return min(sum(ways for ways, _ in costs), _MANY), min(sum(steps for _, steps in costs) + 1, _MANY)


@dataclass(frozen=True, slots=True)
class Repeat(Node):
    """Something, so many times; None for most is without end."""

    inner: Node
    least: int
    most: int | None
    size: int

    def cost(self, length: int) -> tuple[float, float]:
        """Return that of every number of repetitions."""
        most = max(length, self.least) if self.most is None else self.most
        ways, steps = self.inner.cost(length)
        if ways <= 1:
            return most - self.least + 1, most * steps + most + 1
        all_ways = tried = 0.0
        now = 1.0
        for count in range(most + 1):
            all_ways += now if count >= self.least else 0
            tried += now * (steps + 1)
            now *= ways
            if tried > _MANY:
                return _MANY, _MANY
        return all_ways, tried


class Parser:
    """Reads a regular expression; what is malformed is left to Python to name."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._deep = 0
        self._covered = 0

    def tree(self) -> Node:
        """Return the whole expression."""
        flags = re.IGNORECASE | re.UNICODE
        match = _FLAGS.match(self._source)
        if match is not None and match[3] == ")":
            flags |= self._flags(match[1])
            self._at = match.end()
        found = self._choice(flags)
        if self._at < len(self._source):
            raise MalformedError
        if found.size > MOST_POSITIONS:
            self._refuse_repeats()
        return found

    def _choice(self, flags: int) -> Node:
        self._deep += 1
        if self._deep > _DEEPEST:
            raise PatternError(f"nests more than {_DEEPEST} groups; write it flatter.")
        options = [self._sequence(flags)]
        while self._next() == "|":
            self._at += 1
            options.append(self._sequence(flags))
        self._deep -= 1
        return options[0] if len(options) == 1 else Choice(tuple(options), _size(options))

    def _sequence(self, flags: int) -> Node:
        parts: list[Node] = []
        while self._next() not in ("", "|", ")"):
            part = self._part(flags)
            if part is not None:
                parts.append(self._repeated(part))
        return Sequence(tuple(parts), _size(parts))

    def _part(self, flags: int) -> Node | None:
        char = self._next()
        if char == "(":
            return self._group(flags)
        if char == "[":
            return self._character(self._class(), flags)
        if char == "\\":
            return self._escape(flags)
        if char in "*+?":
            raise MalformedError
        self._at += 1
        if char == "^":
            return Assertion("line_start" if flags & re.MULTILINE else "start")
        if char == "$":
            return Assertion("line_end" if flags & re.MULTILINE else "end")
        return self._character(char if char == "." else re.escape(char), flags)

    def _repeated(self, part: Node) -> Node:
        least: int = 1
        most: int | None = 1
        char = self._next()
        counted = _QUANTIFIER.match(self._source, self._at) if char == "{" else None
        if counted is not None:
            if max(len(counted[1]), len(counted[3])) > len(str(MOST_POSITIONS)):
                self._refuse_repeats()
            least = int(counted[1] or 0)
            unbounded = bool(counted[2]) and not counted[3]
            most = None if unbounded else int(counted[3]) if counted[2] else least
            self._at = counted.end()
        elif char in ("*", "+", "?") and char:
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
            self._at += 1
        else:
            return part
        if isinstance(part, Assertion) or (most is not None and most < least):
            raise MalformedError
        if self._next() == "+":
            raise PatternError("holds a possessive quantifier; write '*', '+' or '?' without a '+' after it.")
        if self._next() == "?":
            self._at += 1
        size = part.size * max(least + 1 if most is None else most, 1)
        if size > MOST_POSITIONS or (most or least) > MOST_POSITIONS:
            self._refuse_repeats()
        return Repeat(part, least, most, size)

    def _refuse_repeats(self) -> NoReturn:
        raise PatternError(
            f"repeats something so often that more than {MOST_POSITIONS} characters come of it; "
            "write '*' or '+' instead."
        )

    def _group(self, flags: int) -> Node | None:
        rest = self._source[self._at : self._at + 4]
        if rest.startswith("(?#"):
            end = self._source.find(")", self._at)
            if end < 0:
                raise MalformedError
            self._at = end + 1
            return None
        for opening, problem in _REFUSED.items():
            if rest.startswith(opening):
                raise PatternError(problem)
        if not rest.startswith("(?"):
            self._at += 1
        elif (named := _NAME.match(self._source, self._at)) is not None:
            self._at = named.end()
        else:
            match = _FLAGS.match(self._source, self._at)
            if match is None or match[3] == ")":
                raise MalformedError
            flags = (flags | self._flags(match[1])) & ~self._flags(match[2] or "")
            self._at = match.end()
        inner = self._choice(flags)
        if self._next() != ")":
            raise MalformedError
        self._at += 1
        # A sequence of its own, so that '(^)*' is told from '^*'.
        return Sequence((inner,), inner.size)

    def _flags(self, letters: str) -> int:
        flags = 0
        for letter in letters:
            if letter not in _KNOWN_FLAGS:
                raise PatternError(f"sets the flag {letter!r}; leave it out. Known are 'i', 'm' and 's'.")
            flags |= _KNOWN_FLAGS[letter]
        return flags

    def _escape(self, flags: int) -> Node:
        match = _ESCAPE.match(self._source, self._at)
        if match is None:
            raise MalformedError
        self._at = match.end()
        if match[1] in _ASSERTIONS:
            return Assertion(_ASSERTIONS[match[1]])
        if match[1] in tuple("123456789"):
            raise PatternError("refers back to a group; write once more what is meant.")
        return self._character(match[0], flags)

    def _class(self) -> str:
        """Return a class of characters as it is written."""
        begin = self._at
        self._at += 2 if self._source[begin + 1 : begin + 2] == "^" else 1
        first = self._at
        while self._next() != "]" or self._at == first:
            low = self._code()
            if self._next() != "-" or self._source[self._at + 1 : self._at + 2] in ("]", ""):
                continue
            self._at += 1
            high = self._code()
            if low is not None and high is not None:
                self._covered += max(high - low, 0)
        if self._covered > _WIDEST:
            raise PatternError(
                f"holds ranges of more than {_WIDEST} characters, such as [a-z] has 26; write \\w, \\W or '.' instead."
            )
        self._at += 1
        return self._source[begin : self._at]

    def _code(self) -> int | None:
        """Return the code of the next character of a class; None for what is no single one."""
        char = self._next()
        if not char:
            raise MalformedError
        if char != "\\":
            self._at += 1
            return ord(char)
        match = _ESCAPE.match(self._source, self._at)
        if match is None:
            raise MalformedError
        self._at = match.end()
        if match[1] in tuple("dDsSwW"):
            return None
        return _code_of(match[1])

    def _character(self, test: str, flags: int) -> Node:
        letters = "".join(letter for letter in "ims" if flags & _KNOWN_FLAGS[letter])
        without = "".join(letter for letter in "ims" if letter not in letters)
        return Character(f"(?{letters}{'-' if without else ''}{without}:{test})")

    def _next(self) -> str:
        return self._source[self._at : self._at + 1]


def _code_of(escaped: str) -> int:
    """Return the code that stands after a backslash."""
    if len(escaped) == 1 and not escaped.isdigit():
        return _CONTROLS.get(escaped, ord(escaped))
    try:
        if escaped[0] == "N":
            return ord(unicodedata.lookup(escaped[2:-1]))
        return int(escaped[1:], 16) if escaped[0] in "xuU" else int(escaped, 8)
    except (KeyError, ValueError, TypeError):
        raise MalformedError from None


def _size(parts: Iterable[Node]) -> int:
    return max(sum(part.size for part in parts), 1)
