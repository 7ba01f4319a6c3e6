"""
What a condition is, and how conditions are combined, read and written.

A condition holds, does not hold, or is unknown, because the service does not say what the condition needs.
"Unknown" stays unknown under ``not``, and a rule applies only if its condition is certain to hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow_provider_rsvp.exceptions import PolicyError, join_path
from airflow_provider_rsvp.plans.reading import Reader
from airflow_provider_rsvp.policies.case import Case

KINDS: dict[str, type[Condition]] = {}
"""Every kind of condition that has been defined, by its key."""


class Condition:
    """A check of an invitation; a value that can be compared, and written as plain values."""

    key: ClassVar[str]

    def __init_subclass__(cls) -> None:
        if "key" in vars(cls):
            KINDS[cls.key] = cls

    def holds(self, case: Case) -> bool | None:
        """Whether it holds; None where that is not known."""
        raise NotImplementedError

    def fact(self, case: Case) -> str:
        """Return the fact that the condition checks, as a clause for people, whether it holds or not."""
        raise NotImplementedError

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Return the condition that a plain value under :attr:`key` describes."""
        raise NotImplementedError

    def to_plain(self) -> Any:
        """Return the plain value to write under :attr:`key`."""
        raise NotImplementedError

    def children(self) -> tuple[Condition, ...]:
        """Return the conditions that this one is made of."""
        return ()

    def __and__(self, other: Condition) -> Condition:
        return All((self, other))

    def __or__(self, other: Condition) -> Condition:
        return AnyOf((self, other))

    def __invert__(self) -> Condition:
        return Not(self)


@dataclass(frozen=True, slots=True)
class All(Condition):
    """All of several conditions hold; without conditions, always true."""

    key = "all"
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", _conditions(self.conditions))

    def holds(self, case: Case) -> bool | None:
        """Whether all hold."""
        known: bool | None = True
        for condition in self.conditions:
            holds = condition.holds(case)
            if holds is False:
                return False
            if holds is None:
                known = None
        return known

    def fact(self, case: Case) -> str:
        """Return all the facts."""
        return _joined(condition.fact(case) for condition in self.conditions) or "it applies to everything"

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read a list of conditions."""
        return cls(tuple(condition_from_plain(element) for element in reader.elements()))

    def to_plain(self) -> Any:
        """Return a list."""
        return [condition_to_plain(condition) for condition in self.conditions]

    def children(self) -> tuple[Condition, ...]:
        """Return the conditions."""
        return self.conditions


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """At least one of several conditions holds."""

    key = "any"
    conditions: tuple[Condition, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", _conditions(self.conditions))
        if not self.conditions:
            raise PolicyError("", "is an empty list; nothing would ever match it.")

    def holds(self, case: Case) -> bool | None:
        """Whether one holds."""
        known: bool | None = False
        for condition in self.conditions:
            holds = condition.holds(case)
            if holds:
                return True
            if holds is None:
                known = None
        return known

    def fact(self, case: Case) -> str:
        """Return the fact of the first that holds, or else all of them."""
        for condition in self.conditions:
            if condition.holds(case):
                return condition.fact(case)
        return _joined(condition.fact(case) for condition in self.conditions)

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read a list of conditions."""
        conditions = tuple(condition_from_plain(element) for element in reader.elements())
        return reader.build(lambda: cls(conditions))

    def to_plain(self) -> Any:
        """Return a list."""
        return [condition_to_plain(condition) for condition in self.conditions]

    def children(self) -> tuple[Condition, ...]:
        """Return the conditions."""
        return self.conditions


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """A condition does not hold."""

    key = "not"
    condition: Condition

    def __post_init__(self) -> None:
        _conditions((self.condition,))

    def holds(self, case: Case) -> bool | None:
        """Whether the condition does not hold."""
        holds = self.condition.holds(case)
        return None if holds is None else not holds

    def fact(self, case: Case) -> str:
        """Return the fact of the condition."""
        return self.condition.fact(case)

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read a condition."""
        return cls(condition_from_plain(reader))

    def to_plain(self) -> Any:
        """Return the condition as it is written."""
        return condition_to_plain(self.condition)

    def children(self) -> tuple[Condition, ...]:
        """Return the condition."""
        return (self.condition,)


def condition_from_plain(reader: Reader) -> Condition:
    """
    Return the condition that a mapping describes: everything in it must hold.

    :raises PolicyError: it is malformed
    """
    conditions = tuple(KINDS[key].from_plain(part) for key, part in reader.mapping(KINDS).items())
    return conditions[0] if len(conditions) == 1 else All(conditions)


def condition_to_plain(condition: Condition) -> dict[str, Any]:
    """Return the mapping that :func:`condition_from_plain` reads."""
    if _written_flat(condition):
        return {each.key: each.to_plain() for each in condition.children()}
    return {condition.key: condition.to_plain()}


def walk(condition: Condition, path: str) -> Iterator[tuple[str, Condition]]:
    """
    Yield a condition and its parts, each with the path to its value.

    :param path: the path to the mapping that :func:`condition_to_plain` returns
    """
    for each in condition.children() if _written_flat(condition) else (condition,):
        inner = join_path(path, each.key)
        yield inner, each
        for index, child in enumerate(each.children()):
            yield from walk(child, inner if isinstance(each, Not) else f"{inner}[{index}]")


def _conditions(conditions: Any) -> tuple[Condition, ...]:
    found = tuple(conditions)
    for each in found:
        if not isinstance(each, Condition):
            raise PolicyError("", f"{each!r} is not a condition.")
    return found


def _written_flat(condition: Condition) -> bool:
    """Whether a condition is written as a mapping with several keys, or none, which all must hold."""
    keys = [child.key for child in condition.children()]
    return isinstance(condition, All) and len(keys) != 1 and len(set(keys)) == len(keys)


def _joined(clauses: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(clauses))
