"""Paths on a server, and the ids that stand for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from airflow_provider_rsvp.exceptions import InvalidInputError, MalformedResponseError
from airflow_provider_rsvp.services.caldav.instances import Instance, instance_text, parse_instance

_KEPT = "!$&'()*+,;=:@~-._"
_NEVER_IN_AN_ID = re.compile(r"[?\\<>\"{}|^`]|://")


@dataclass(frozen=True, slots=True)
class EventId:
    """
    An event's id: the path of its object below the calendar home, and which instance of a series.

    ``Default/4f1c.ics``, or ``Default/4f1c.ics#20270105T100000Z``.
    """

    path: str
    instance: Instance | None = None

    def __str__(self) -> str:
        return self.path if self.instance is None else f"{self.path}#{instance_text(self.instance)}"

    @property
    def calendar_id(self) -> str:
        """The path of the calendar."""
        return self.path.rpartition("/")[0]

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Return what an id stands for.

        :raises InvalidInputError: it is not a CalDAV id
        """
        path, mark, instance = text.partition("#")
        try:
            place = below_home(path, "event_id")
            if "/" not in place or path.endswith("/"):
                raise InvalidInputError("event_id")
            return cls(place, parse_instance(instance) if mark else None)
        except ValueError:
            raise InvalidInputError(
                f"event_id: {text!r} is not a CalDAV id; expected an object's path below the calendar home, such as "
                "'Default/4f1c.ics', and for one instance of a series its start: 'Default/4f1c.ics#20270105T100000Z'."
            ) from None


def below_home(path: str, field: str) -> str:
    """
    Return a path that somebody gave, in the form in which paths are compared, without a slash at its end.

    :param field: what to call it in an error
    :raises InvalidInputError: it is empty, absolute, or leads out of the home
    """
    segments = path.rstrip("/").split("/")
    if _NEVER_IN_AN_ID.search(path) or any(unquote(each) in ("", ".", "..") for each in segments):
        raise InvalidInputError(
            f"{field}: {path!r} is not a path below the calendar home, such as 'Default'; "
            "the connection's Test button names the calendars."
        )
    return normal("/".join(segments))


def normal(path: str) -> str:
    """Return a path in the one way in which it is encoded here, so that two of them can be compared."""
    return "/".join(quote(unquote(segment), safe=_KEPT) for segment in path.split("/"))


def path_of(href: str, what: str) -> str:
    """
    Return the path of an address in a response, in the form in which paths are compared.

    :param what: the request in words
    :raises MalformedResponseError: it is not an address
    """
    try:
        path = urlsplit(href).path
    except ValueError:
        path = ""
    if not path.startswith("/"):
        raise MalformedResponseError(f"Could not {what}: the response holds a malformed address.")
    return normal(path)
