"""
What a hostile invitation is.

A case says what a stranger wrote into one invitation. What it does not name is as in any good invitation. Each
service carries of it what its format has; a case of which a service carries nothing is not run there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ME = "{me}"
"""Stands for the mailbox's own address."""

CANARY_CONNECTION = "corpus_canary"
"""Another connection, whose password must never be seen anywhere."""
CANARY_VARIABLE = "corpus_canary"
"""An Airflow Variable, likewise."""

FORGED = "FORGED"
"""A line of a log or table that begins so was written by a stranger."""


@dataclass(frozen=True)
class Hostile:
    """
    One hostile invitation.

    :param name: says what is hostile in it
    :param wrote: what the stranger wrote, by field:

        - texts: ``subject``, ``location``, ``description``, ``uid``, ``comment``, ``link``
        - ``categories``: a list of texts
        - ``start``, ``end``: wall times as ISO 8601, ``{day}`` being one that is looked at; ``zone``: their zone's name
        - ``rule``: of recurrence, as iCalendar writes it
        - ``organizer``: ``{"name": …, "address": …}``
        - ``attendees``: likewise, beside the mailbox itself
        - ``event_id``: what the service made of the stranger's ids

    :param json: replaces parts of an event where a service speaks JSON, by the same fields; any JSON value
    :param ics: further lines of the event in iCalendar
    :param calendar: the whole iCalendar object; ``{start}``, ``{end}``, ``{date}``, ``{next_date}`` and ``{me}`` are
        filled in
    :param only: the services that it is for; all that can carry it, if empty
    :param elsewhere: whether it lies, or may lie, outside the window that is looked at: then nothing need show it
    :param readable: whether any service's client should read it: then it is listed, and can be answered
    """

    name: str
    wrote: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, Any] = field(default_factory=dict)
    ics: tuple[str, ...] = ()
    calendar: str | None = None
    only: frozenset[str] = frozenset()
    readable: bool = False
    elsewhere: bool = False

    def __str__(self) -> str:
        return self.name
