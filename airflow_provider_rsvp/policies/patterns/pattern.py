"""
Regular expressions on texts of strangers, in time that grows with the length of the text and no faster.

Python's own engine tries one way of matching after the other, of which there may be very many. It is asked where their
number is known to be small. Everywhere else :mod:`airflow_provider_rsvp.policies.patterns.automaton` follows all ways
at once.
Both give the same answer, so an expression means what it means in Python.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cached_property, lru_cache

from airflow_provider_rsvp.policies.patterns.automaton import Automaton
from airflow_provider_rsvp.policies.patterns.syntax import MalformedError, Node, Parser, PatternError

LONGEST_PATTERN = 1_000
"""Characters of a regular expression."""

_MOST_STEPS = 200_000
"""Of Python's engine on one text; a few milliseconds."""


class Pattern:
    """
    A regular expression, found anywhere in a text, whatever the case of its letters.

    :param source: as Python writes it, without lookaround, back-references, conditions, atomic groups and possessive
        quantifiers
    :raises PatternError: it is none, or too large, or holds one of these
    """

    def __init__(self, source: str) -> None:
        if len(source) > LONGEST_PATTERN:
            raise PatternError(f"has {len(source)} characters; {LONGEST_PATTERN} are the most.")
        tree: Node | None = None
        with suppress(MalformedError):
            tree = Parser(source).tree()
        try:
            self._compiled = re.compile(source, re.IGNORECASE)
        except (re.error, OverflowError, RecursionError) as error:
            raise PatternError(f"is not a regular expression: {error}.") from None
        if tree is None:
            raise PatternError("is not a regular expression that can be read.")
        self._tree = tree

    def found(self, text: str) -> bool:
        """Whether it is found in a text."""
        if len(text) <= self._longest_for_python:
            return self._compiled.search(text) is not None
        return self._automaton.found(text)

    def excerpt(self, text: str) -> str | None:
        """Return what it finds first in a text; None if it finds nothing, or if only that it does is known."""
        if len(text) > self._longest_for_python:
            return None
        match = self._compiled.search(text)
        return None if match is None else match[0]

    @cached_property
    def _longest_for_python(self) -> int:
        """How long a text may be for Python's engine to be done soon; -1 if it never is."""
        shortest, longest = -1, _MOST_STEPS
        while shortest < longest:
            middle = (shortest + longest + 1) // 2
            if (middle + 1) * self._tree.cost(middle)[1] <= _MOST_STEPS:
                shortest = middle
            else:
                longest = middle - 1
        return shortest

    @cached_property
    def _automaton(self) -> Automaton:
        return Automaton(self._tree)


@lru_cache(maxsize=1024)
def regular_expression(source: str) -> Pattern:
    """Return the regular expression that a text is."""
    return Pattern(source)
