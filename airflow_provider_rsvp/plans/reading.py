"""Reading plain values, as in JSON and YAML: every mistake is an error with the path to the wrong key."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from reprlib import Repr
from typing import Any, NoReturn, TypeVar

import pendulum

from airflow_provider_rsvp.exceptions import InvalidInputError, MalformedValueError, join_path
from airflow_provider_rsvp.text import LONGEST_TEXT
from airflow_provider_rsvp.times import parse_instant, parse_zone

MOST_VALUES = 20_000
MOST_CHARACTERS = 500_000
DEEPEST = 50
"""The most that a policy may contain: values, characters in all of its text, and levels of nesting."""

_T = TypeVar("_T")
_LARGEST_NUMBER = 10**12
_LONGEST_KEY = 1_000
_LONGEST_ZONE = 100
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LENGTH = re.compile(r"(\d{1,6})\s*([mhdw])")
_LONGEST_LENGTH = timedelta(days=36600)
_QUOTED = Repr()
_LONGEST_QUOTE = 100
_QUOTED.maxstring = _QUOTED.maxother = _LONGEST_QUOTE


class Reader:
    """
    One plain value and the path to it.

    Every method raises ``error`` if the value is not what it should be.

    :param name: the value's key within ``outer``
    :param outer: the reader of the value around it; None for the whole
    :param error: the kind of :class:`~airflow_provider_rsvp.exceptions.MalformedValueError` to raise
    """

    __slots__ = ("_error", "_name", "_outer", "value")

    def __init__(
        self,
        value: Any,
        name: str = "",
        outer: Reader | None = None,
        *,
        error: type[MalformedValueError] = MalformedValueError,
    ) -> None:
        self.value = value
        self._name = name
        self._outer = outer
        self._error = error

    @property
    def path(self) -> str:
        """The path to the value; built only on demand, because most values are right."""
        return self._name if self._outer is None else join_path(self._outer.path, self._name)

    def fail(self, problem: str) -> NoReturn:
        """
        Reject this value.

        :raises MalformedValueError: always, with the path to it
        """
        raise self._error(self.path, problem, from_root=True)

    def key(self, name: str, value: Any) -> Reader:
        """Return a reader for a value inside this one."""
        return Reader(value, name, self, error=self._error)

    def build(self, make: Callable[[], _T]) -> _T:
        """Return the result of ``make``; its errors get the path to this value."""
        try:
            return make()
        except MalformedValueError as mistake:
            raise mistake.within(self.path, from_root=True) from None

    def mapping(
        self, allowed: Collection[str] | None = None, *, required: Iterable[str] = ()
    ) -> dict[str, Reader]:
        """
        Return the readers of the values in a mapping, by key.

        :param allowed: the keys that may occur; None for any text
        :param required: the keys that must occur
        """
        return {name: self.key(name, value) for name, value in self.plain(allowed, required=required).items()}

    def plain(
        self, allowed: Collection[str] | None = None, *, required: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Return the values in a mapping, by key; like :meth:`mapping`, but cheaper if there are many values."""
        if not isinstance(self.value, dict):
            self.fail(f"expected a mapping{_of_keys(allowed)}, not {_kind(self.value)}.")
        for name in self.value:
            if not isinstance(name, str):
                self.fail(f"the key {shown(name)} is not a text; put it in quotes.")
            if allowed is not None and name not in allowed:
                near = get_close_matches(name, allowed, 1)
                hint = f" Did you mean '{near[0]}'?" if near else ""
                self.key(name[:_LONGEST_QUOTE], None).fail(
                    f"unknown key.{hint} Allowed here: {', '.join(sorted(allowed))}."
                )
        for name in required:
            if name not in self.value:
                self.fail(f"'{name}' is missing.")
        return self.value

    def elements(self) -> list[Reader]:
        """Return the readers for the elements of a list."""
        if not isinstance(self.value, list | tuple):
            self.fail(f"expected a list, not {_kind(self.value)}.")
        return [
            Reader(value, f"[{index}]", self, error=self._error) for index, value in enumerate(self.value)
        ]

    def bounded(self) -> Reader:
        """Return this reader; reject a value that is larger than anybody would write."""
        values = characters = 0
        left: list[tuple[Reader, int]] = [(self, 0)]
        while left:
            reader, depth = left.pop()
            value = reader.value
            values += 1
            if depth > DEEPEST:
                self.fail(f"is nested more than {DEEPEST} levels deep.")
            if isinstance(value, str):
                characters += len(value)
                if len(value) > LONGEST_TEXT:
                    reader.fail(f"has {len(value)} characters; {LONGEST_TEXT} are the most.")
            elif isinstance(value, int) and not -_LARGEST_NUMBER < value < _LARGEST_NUMBER:
                reader.fail("is too large a number.")
            elif isinstance(value, dict):
                for key, each in value.items():
                    name = key if isinstance(key, str) else ""
                    characters += len(name)
                    if len(name) > _LONGEST_KEY:
                        reader.fail(f"a key has {len(name)} characters; {_LONGEST_KEY} are the most.")
                    left.append((reader.key(name, each), depth + 1))
            elif isinstance(value, list | tuple):
                left.extend((each, depth + 1) for each in reader.elements())
            if values + len(left) > MOST_VALUES or characters > MOST_CHARACTERS:
                self.fail(
                    f"holds more than {MOST_VALUES} values or {MOST_CHARACTERS} characters; split it up, by mailboxes "
                    "for instance."
                )
        return self

    def text(self) -> str:
        """Return text that is not blank."""
        if not isinstance(self.value, str):
            self.fail(f"expected text, not {_kind(self.value)}.")
        if not self.value.strip():
            self.fail("is empty.")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return one text, or the texts of a list that is not empty."""
        if isinstance(self.value, str):
            return (self.text(),)
        if not isinstance(self.value, list | tuple):
            self.fail(f"expected text or a list of texts, not {_kind(self.value)}.")
        if not self.value:
            self.fail("is an empty list.")
        return tuple(element.text() for element in self.elements())

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            self.fail(f"expected true or false, not {_kind(self.value)}.")
        return self.value

    def integer(self) -> int:
        """Return a whole number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self.fail(f"expected a whole number, not {_kind(self.value)}.")
        return self.value

    def number(self) -> float:
        """Return a number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self.fail(f"expected a number, not {_kind(self.value)}.")
        return self.value

    def choice(self, choices: Collection[str]) -> str:
        """Return one of the choices."""
        text = self.text()
        if text not in choices:
            self.fail(f"{shown(text)} is not one of {', '.join(repr(str(choice)) for choice in choices)}.")
        return text

    def date(self) -> date:
        """Return a date, given as such or as ISO 8601."""
        if isinstance(self.value, datetime):
            self.fail("expected a date without a time of day.")
        if isinstance(self.value, date):
            return self.value
        try:
            return date.fromisoformat(self.text())
        except ValueError:
            self.fail(f"{shown(self.value)} is not a date such as '2026-12-24'.")

    def instant(self, zone: str) -> pendulum.DateTime:
        """Return a time; one without an offset is read in ``zone``."""
        if isinstance(self.value, date) and not isinstance(self.value, datetime):
            self.fail("is a date; a time of day is needed. For whole days use first_day and last_day.")
        try:
            return parse_instant(self.value, field="", timezone=zone)
        except InvalidInputError as error:
            self.fail(str(error).removeprefix(": "))

    def length(self) -> timedelta:
        """Return a length of time: ``90m``, ``24h``, ``14d``, ``2w``."""
        if isinstance(self.value, timedelta):
            return self.value
        match = _LENGTH.fullmatch(self.value.strip()) if isinstance(self.value, str) else None
        if match is None:
            self.fail(f"{shown(self.value)} is not a length of time such as '90m', '24h', '14d' or '2w'.")
        length = int(match[1]) * _UNITS[match[2]]
        if length > _LONGEST_LENGTH:
            self.fail(f"{self.value!r} is longer than a hundred years.")
        return length

    def zone(self) -> str:
        """Return the name of a time zone that exists."""
        name = self.text()
        if len(name) > _LONGEST_ZONE:
            self.fail(f"{shown(name)} is not a time zone.")
        try:
            # Windows has a zone of that name too, with another IANA name.
            return name if name == "UTC" else parse_zone(name, field="").name
        except InvalidInputError as error:
            self.fail(str(error).removeprefix(": "))


def shown(value: object) -> str:
    """Return a value as an error quotes it; a long value is shortened."""
    return _QUOTED.repr(value)


def format_length(length: timedelta) -> str:
    """Return a length of whole minutes as :meth:`Reader.length` reads it."""
    for unit in ("w", "d", "h"):
        if length and not length % _UNITS[unit]:
            return f"{length // _UNITS[unit]}{unit}"
    return f"{length // _UNITS['m']}m"


def _kind(value: object) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value)) or shown(value)


def _of_keys(allowed: Collection[str] | None) -> str:
    return f" with keys of {', '.join(sorted(allowed))}" if allowed else ""
