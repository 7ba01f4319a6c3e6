"""
A regular expression as an automaton of positions (Glushkov), which follows all ways of matching at once.

Each character of the expression is a position, and a set of them the bits of a number. Carried along a text is the set
of the positions that match up to here, so that a text takes one step for each of its characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from airflow_provider_rsvp.policies.patterns.syntax import (
    Assertion,
    Character,
    Choice,
    Node,
    Repeat,
    Sequence,
)

_MOST_KEPT = 1_000
_WORD = re.compile(r"\w")
_NOTHING, _LINE_END, _WORD_CHARACTER, _OTHER = "", "\n", "w", "."
_NO_BOUNDARY_IN_NOTHING = re.search(r"\B", "") is not None
"""Which Python has changed its mind about."""


class Automaton:
    """
    An expression, ready to be looked for.

    :param tree: the expression
    """

    def __init__(self, tree: Node) -> None:
        self._tests: list[str] = []
        self._asked: set[str] = set()
        self._tree = self._numbered(tree)
        self._gaps: dict[tuple[str, str, bool], _Gap] = {}
        self._matching: dict[str, int] = {}

    def found(self, text: str) -> bool:
        """Whether it is found in a text."""
        reached = 0
        before = _NOTHING
        last = len(text) - 1
        for index, char in enumerate(text):
            after = self._kind(char)
            gap = self._gap(before, after, ends=index == last and after == _LINE_END)
            if gap.accepts(reached):
                return True
            reached = gap.beyond(reached) & self._positions(char)
            before = after
        return self._gap(before, _NOTHING, ends=True).accepts(reached)

    def _numbered(self, node: Node) -> _Part:
        """Return the tree with a number for each position, and its repetitions written out."""
        if isinstance(node, Character):
            self._tests.append(node.test)
            return _Part("position", number=len(self._tests) - 1)
        if isinstance(node, Assertion):
            self._asked.add(node.kind)
            return _Part("assertion", kind=node.kind)
        if isinstance(node, Choice):
            return _Part("choice", tuple(self._numbered(each) for each in node.options))
        if isinstance(node, Sequence):
            return _Part("sequence", tuple(self._numbered(each) for each in node.parts))
        assert isinstance(node, Repeat)
        parts = [self._numbered(node.inner) for _ in range(node.least)]
        if node.most is None:
            parts.append(_Part("repeat", (self._numbered(node.inner),)))
        else:
            nothing = _Part("sequence")
            parts += [
                _Part("choice", (self._numbered(node.inner), nothing)) for _ in range(node.most - node.least)
            ]
        return _Part("sequence", tuple(parts))

    def _kind(self, char: str) -> str:
        if not self._asked:
            return _OTHER
        if char == "\n":
            return _LINE_END
        return _WORD_CHARACTER if _WORD.match(char) else _OTHER

    def _gap(self, before: str, after: str, *, ends: bool) -> _Gap:
        """
        Return what is between two characters.

        :param ends: whether nothing but a line end follows
        """
        place = before, after, ends
        found = self._gaps.get(place)
        if found is None:
            found = self._gaps[place] = self._new_gap(_holding(before, after, ends=ends) & self._asked)
        return found

    def _new_gap(self, holding: set[str]) -> _Gap:
        same = (gap for gap in self._gaps.values() if gap.holding == holding)
        return next(same, None) or _Gap(self._tree, len(self._tests), holding)

    def _positions(self, char: str) -> int:
        """Return the positions that match a character."""
        found = self._matching.get(char)
        if found is None:
            if len(self._matching) >= _MOST_KEPT:
                self._matching.clear()
            match = self._every_test.match(char)
            assert match is not None
            found = self._matching[char] = sum(
                bits for bits, group in zip(self._bits, match.groups(), strict=True) if group is not None
            )
        return found

    @cached_property
    def _every_test(self) -> re.Pattern[str]:
        """All tests of one character in one, each in a group of its own."""
        return re.compile("".join(f"(?:(?=({test}))|)" for test in dict.fromkeys(self._tests)))

    @cached_property
    def _bits(self) -> list[int]:
        """The positions that each test is for."""
        bits = dict.fromkeys(self._tests, 0)
        for number, test in enumerate(self._tests):
            bits[test] |= 1 << number
        return list(bits.values())


@dataclass(frozen=True, slots=True)
class _Part:
    """A ``position``, an ``assertion``, or a ``sequence``, a ``choice`` or a ``repeat`` of parts."""

    what: str
    parts: tuple[_Part, ...] = ()
    number: int = 0
    kind: str = ""


class _Gap:
    """
    The place between two characters of a text, where some assertions hold and all others do not.

    :param tree: the expression
    :param size: how many positions it has
    :param holding: the assertions that hold
    """

    def __init__(self, tree: _Part, size: int, holding: set[str]) -> None:
        self.holding = holding
        self._follow = [0] * size
        self._empty, self._first, self._last = self._walk(tree)
        self._bytes = (size + 7) // 8
        self._by_byte: dict[tuple[int, int], int] = {}
        self._beyond: dict[int, int] = {}

    def accepts(self, reached: int) -> bool:
        """Whether the expression may end here."""
        return self._empty or reached & self._last != 0

    def beyond(self, reached: int) -> int:
        """Return the positions that may match the next character; a match may also begin here."""
        found = self._beyond.get(reached)
        if found is None:
            if len(self._beyond) >= _MOST_KEPT:
                self._beyond.clear()
            found = self._first
            for index, byte in enumerate(reached.to_bytes(self._bytes, "little")):
                if byte:
                    found |= self._after(index, byte)
            self._beyond[reached] = found
        return found

    def _after(self, index: int, byte: int) -> int:
        """Return what may follow eight positions, which the bits of a byte tell."""
        found = self._by_byte.get((index, byte))
        if found is None:
            found = 0
            for number in _numbers(byte):
                found |= self._follow[8 * index + number]
            self._by_byte[index, byte] = found
        return found

    def _walk(self, part: _Part) -> tuple[bool, int, int]:
        """Return whether a part may be empty, and the positions it may begin and end with; note what follows what."""
        if part.what == "position":
            return False, 1 << part.number, 1 << part.number
        if part.what == "assertion":
            return part.kind in self.holding, 0, 0
        if part.what == "choice":
            return self._walk_choice(part)
        empty, first, last = self._walk_sequence(part)
        if part.what == "repeat":
            self._link(last, first)
            empty = True
        return empty, first, last

    def _walk_choice(self, part: _Part) -> tuple[bool, int, int]:
        empty, first, last = False, 0, 0
        for each in part.parts:
            more = self._walk(each)
            empty, first, last = empty or more[0], first | more[1], last | more[2]
        return empty, first, last

    def _walk_sequence(self, part: _Part) -> tuple[bool, int, int]:
        empty, first, last = True, 0, 0
        for each in part.parts:
            may_be_empty, begins, ends = self._walk(each)
            self._link(last, begins)
            first |= begins if empty else 0
            last = ends | (last if may_be_empty else 0)
            empty = empty and may_be_empty
        return empty, first, last

    def _link(self, before: int, after: int) -> None:
        if after:
            for number in _numbers(before):
                self._follow[number] |= after


def _numbers(bits: int) -> list[int]:
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found


def _holding(before: str, after: str, *, ends: bool) -> set[str]:
    """Return the assertions that hold between two characters of some kinds."""
    found = set()
    if before == _NOTHING:
        found |= {"start", "line_start"}
    if before == _LINE_END:
        found.add("line_start")
    if after in (_NOTHING, _LINE_END):
        found.add("line_end")
    if ends:
        found.add("end")
    if after == _NOTHING:
        found.add("very_end")
    if (before == _WORD_CHARACTER) != (after == _WORD_CHARACTER):
        found.add("boundary")
    elif before or after or _NO_BOUNDARY_IN_NOTHING:
        found.add("no_boundary")
    return found
