"""Which invitations a sensor or trigger watches for, and which of those it has not seen before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import pendulum

from airflow_provider_rsvp.exceptions import InvalidInputError, InvalidTriggerError
from airflow_provider_rsvp.model import Invitation
from airflow_provider_rsvp.policies.conditions.filter import Filter
from airflow_provider_rsvp.services.client import Changes, Window

MAX_KNOWN = 2000
"""How many invitations are remembered. With more, the oldest may count as new again."""

_ID_DIGITS, _STATE_DIGITS = 12, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarWatch:
    """
    Which calendar to read, how often, and which of its invitations count.

    :param conn_id: a connection to any of the calendar services
    :param mailbox: the owner of the calendar; None for the connection's own user
    :param calendar_id: which calendar of the mailbox; None for the connection's or the service's default
    :param filter: a condition as under ``when`` in a policy; None matches everything
    :param answered: whether answered and cancelled invitations count too
    :param days: how many days ahead to look, from the beginning of today in UTC
    :param poll_interval: seconds between two polls
    :param failure_timeout: how long to retry passing failures before reporting one, in seconds
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service throttles, in seconds
    :raises InvalidTriggerError: the filter or a number is malformed
    """

    conn_id: str
    mailbox: str | None
    calendar_id: str | None
    filter: Mapping[str, Any] | None
    answered: bool
    days: int
    poll_interval: float
    failure_timeout: float
    request_timeout: float
    throttle_timeout: float

    def __post_init__(self) -> None:
        try:
            Filter.parse(self.filter)
        except InvalidInputError as error:
            raise InvalidTriggerError(str(error)) from None
        if isinstance(self.days, bool) or not isinstance(self.days, int) or self.days < 1:
            raise InvalidTriggerError(f"days: expected a whole number of at least 1, not {self.days!r}.")
        if (
            isinstance(self.poll_interval, bool)
            or not isinstance(self.poll_interval, int | float)
            or self.poll_interval <= 0
        ):
            raise InvalidTriggerError(
                f"poll_interval: expected a positive number of seconds, not {self.poll_interval!r}."
            )

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """
        Return the watch that :meth:`to_plain` described.

        :raises InvalidTriggerError: a part is missing, unknown or malformed
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(plain, Mapping) or set(plain) != names:
            raise InvalidTriggerError(f"watch: expected a mapping with exactly {', '.join(sorted(names))}.")
        return cls(**plain)

    def to_plain(self) -> dict[str, Any]:
        """Return the watch as JSON-plain values without a secret."""
        return asdict(self)

    @property
    def source(self) -> Self:
        """The watch without what selects invitations; watches with an equal source can share what they read."""
        return replace(self, filter=None, answered=False)

    def window(self, today: pendulum.DateTime) -> Window:
        """Return the window to read on a day, given by its beginning."""
        return Window(today, today.add(days=self.days))

    def __str__(self) -> str:
        return f"{self.mailbox or 'the mailbox'} through {self.conn_id!r}"


class KnownInvitations:
    """
    Which matching invitations were seen, and in which state; held as hashes, which say nothing about them.

    :param watch: which invitations match
    :param hashes: the :attr:`hashes` to begin with
    """

    def __init__(self, watch: CalendarWatch, hashes: Mapping[str, str]) -> None:
        self._filter = Filter.parse(watch.filter)
        self._answered = watch.answered
        self.hashes: dict[str, str] = dict(hashes)
        """Hashes of the invitations' ids, to hashes of their states; JSON-plain. Replaced by each update."""

    def update(self, changes: Changes, now: pendulum.DateTime) -> list[Invitation]:
        """
        Return the matching invitations that are new or have changed, ordered by start, and remember them.

        Those that match no longer are forgotten, so they count as new when they match again.
        """
        found = {_id_hash(each): each for each in changes.invitations}
        matching = {key: each for key, each in found.items() if self._matches(each, now)}
        new = {key: each for key, each in matching.items() if self.hashes.get(key) != _state_hash(each)}
        kept = {
            key: state
            for key, state in self.hashes.items()
            if key in matching or (key not in found and not changes.complete)
        }
        for key, each in new.items():
            # To the end, so that the limit drops what has not changed for the longest time.
            kept.pop(key, None)
            kept[key] = _state_hash(each)
        self.hashes = dict(list(kept.items())[-MAX_KNOWN:])
        return sorted(new.values(), key=lambda each: (str(each.time.start), str(each.reference)))

    def _matches(self, invitation: Invitation, now: pendulum.DateTime) -> bool:
        if not invitation.is_readable:
            return False
        end = invitation.time.end
        if isinstance(end, pendulum.DateTime) and end <= now:
            return False
        counts = invitation.pending or (
            self._answered and invitation.is_attendee and not invitation.is_organizer
        )
        return counts and self._filter.matches(invitation, now)


def _id_hash(invitation: Invitation) -> str:
    reference = invitation.reference
    # Some services give all instances of a series one id; their original starts tell them apart.
    parts = [reference.mailbox, reference.calendar_id, reference.event_id, str(reference.original_start)]
    return _hash(parts, _ID_DIGITS)


def _state_hash(invitation: Invitation) -> str:
    organizer = invitation.organizer.address if invitation.organizer else None
    parts = [
        invitation.subject,
        invitation.time.to_plain(),
        str(invitation.status),
        organizer,
        invitation.required,
        invitation.is_cancelled,
    ]
    return _hash(parts, _STATE_DIGITS)


def _hash(parts: Any, digits: int) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:digits]
