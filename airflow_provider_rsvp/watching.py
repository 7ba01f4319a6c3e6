"""Which invitations are new or have changed since they were last announced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pendulum

from airflow_provider_rsvp.model import Invitation
from airflow_provider_rsvp.policies.conditions.filter import Filter
from airflow_provider_rsvp.services.client import Changes

MOST = 2000
"""How many announced invitations are remembered; with more, the oldest may be announced again."""

_HEX_OF_NAME, _HEX_OF_STATE = 12, 12


class Announced:
    """
    What was announced, as hashes alone: of which invitation, and of how it stood then.

    :param wanted: which invitations are announced
    :param answered: whether those are announced too that wait for no answer of mine
    :param remembered: what :attr:`remembered` was
    """

    def __init__(self, wanted: Filter, *, answered: bool, remembered: Mapping[str, str]) -> None:
        self._wanted = wanted
        self._answered = answered
        self.remembered: dict[str, str] = dict(remembered)
        """Hashes of the invitations' ids, to hashes of their states; JSON-plain."""

    def take(self, changes: Changes, now: pendulum.DateTime) -> list[Invitation]:
        """
        Return what is to be announced of some changes, ordered by start, and remember it.

        What no longer matches is forgotten, so that it is announced when it matches again.
        """
        found = {_name_of(each): each for each in changes.invitations}
        matching = {name: each for name, each in found.items() if self._is_wanted(each, now)}
        new = {name: each for name, each in matching.items() if self.remembered.get(name) != _state_of(each)}
        kept = {
            name: state
            for name, state in self.remembered.items()
            if name in matching or (name not in found and not changes.complete)
        }
        for name, each in new.items():
            kept.pop(name, None)
            kept[name] = _state_of(each)
        self.remembered = dict(list(kept.items())[-MOST:])
        return sorted(new.values(), key=lambda each: (str(each.time.start), str(each.reference)))

    def _is_wanted(self, invitation: Invitation, now: pendulum.DateTime) -> bool:
        if not invitation.is_readable:
            return False
        end = invitation.time.end
        if isinstance(end, pendulum.DateTime) and end <= now:
            return False
        of_interest = invitation.pending or (
            self._answered and invitation.is_attendee and not invitation.is_organizer
        )
        return of_interest and self._wanted.matches(invitation, now)


def _name_of(invitation: Invitation) -> str:
    reference = invitation.reference
    # Services that give all instances of a series one id tell them apart by their start.
    parts = [reference.mailbox, reference.calendar_id, reference.event_id, str(reference.original_start)]
    return _hash(parts, _HEX_OF_NAME)


def _state_of(invitation: Invitation) -> str:
    organizer = invitation.organizer.address if invitation.organizer else None
    parts = [
        invitation.subject,
        invitation.time.to_plain(),
        str(invitation.status),
        organizer,
        invitation.required,
        invitation.is_cancelled,
    ]
    return _hash(parts, _HEX_OF_STATE)


def _hash(parts: Any, length: int) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:length]
