"""Arguments of conditions: globs, domains, ranges of whole numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import translate
from functools import lru_cache
from typing import Any

from airflow_provider_rsvp.exceptions import InvalidInputError, PolicyError
from airflow_provider_rsvp.model import ParticipationStatus
from airflow_provider_rsvp.plans.reading import Reader, shown

_LONGEST_GLOB = 1_000
_WIDEST_GLOB = 1_000
_WILD = re.compile(r"[*?\[]")
_RANGE = re.compile(r"(?=(.)-(.))", re.DOTALL)


def matches_glob(text: str, patterns: tuple[str, ...]) -> bool:
    """Whether text matches one of the globs, ignoring case."""
    folded = text.casefold()
    plain, wild = _globs(patterns)
    return folded in plain or any(each.match(folded) is not None for each in wild)


@lru_cache(maxsize=1024)
def _globs(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Return the globs that are plain text, and the others as expressions that never backtrack over a ``*``."""
    folded = [pattern.casefold() for pattern in patterns]
    wild = [each for each in folded if _WILD.search(each)]
    return frozenset(folded).difference(wild), tuple(re.compile(translate(each)) for each in wild)


def check_globs(globs: Any, path: str, *, needed: bool = False) -> tuple[str, ...]:
    """
    Return one glob, or several, as a tuple.

    :raises PolicyError: one is empty, not text, or too large; or none is given and ``needed`` is set
    """
    found = check_texts(globs, path, needed=needed)
    for index, glob in enumerate(found):
        covered = (
            sum(max(ord(last) - ord(first), 0) for first, last in _RANGE.findall(glob)) if "[" in glob else 0
        )
        if len(glob) > _LONGEST_GLOB or covered > _WIDEST_GLOB:
            where = f"{path}[{index}]" if len(found) > 1 else path
            raise PolicyError(
                where,
                f"{shown(glob)} has more than {_LONGEST_GLOB} characters, or ranges of more than {_WIDEST_GLOB}; "
                "write '*' or '?' for what varies.",
            )
    return found


def check_texts(texts: Any, path: str, *, needed: bool = False) -> tuple[str, ...]:
    """
    Return one text, or several, as a tuple.

    :raises PolicyError: one is empty or not text; or none is given and ``needed`` is set
    """
    found = (texts,) if isinstance(texts, str) else tuple(texts)
    for index, text in enumerate(found):
        if not isinstance(text, str) or not text.strip():
            where = f"{path}[{index}]" if len(found) > 1 else path
            raise PolicyError(where, f"{shown(text)} is not a text, or is empty.")
    if needed and not found:
        raise PolicyError(path, "is empty.")
    return found


def check_domains(domains: Any, path: str) -> tuple[str, ...]:
    """
    Return one domain, or several, as a tuple; globs are allowed.

    :raises PolicyError: one is empty or an address
    """
    found = check_globs(domains, path)
    for index, domain in enumerate(found):
        if "@" in domain or " " in domain:
            where = f"{path}[{index}]" if len(found) > 1 else path
            raise PolicyError(where, f"{shown(domain)} is not a domain; write it as in 'example.com'.")
    return found


def integer(parts: Mapping[str, Reader], name: str) -> int | None:
    """Return a whole number, or None if it is not given."""
    return parts[name].integer() if name in parts else None


def check_span(least: Any, most: Any, first: str, last: str) -> None:
    """
    Check the two ends of a range, either of which may be missing.

    :raises PolicyError: both are missing, one is not a whole number, or they are reversed
    """
    for name, value in ((first, least), (last, most)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise PolicyError(name, f"{value!r} is not a whole number from 0 on.")
    if least is None and most is None:
        raise PolicyError("", f"give {first} or {last}.")
    if least is not None and most is not None and least > most:
        raise PolicyError("", f"{first} {least} is more than {last} {most}.")


def within(value: float, least: int | None, most: int | None) -> bool:
    """Whether a value lies between two numbers, both included."""
    return (least is None or value >= least) and (most is None or value <= most)


def without_empty(**values: Any) -> dict[str, Any]:
    """Return the values without None and empty lists."""
    return {name: value for name, value in values.items() if value is not None and value != []}


def parse_status(value: Any, path: str) -> ParticipationStatus:
    """
    Return the status that a word names.

    :raises PolicyError: it names no status
    """
    try:
        return ParticipationStatus.parse(value)
    except InvalidInputError:
        allowed = ", ".join(repr(str(status)) for status in ParticipationStatus)
        raise PolicyError(path, f"{shown(value)} is not one of {allowed}.") from None


def parse_statuses(values: Any, path: str) -> tuple[ParticipationStatus, ...]:
    """
    Return one status, or several, as a tuple: each once and in the order of the enumeration.

    :raises PolicyError: a word names no status
    """
    found = {parse_status(value, path) for value in ((values,) if isinstance(values, str) else values)}
    return tuple(status for status in ParticipationStatus if status in found)
