"""A condition alone, as a filter of invitations; without a policy, and without the rest of the calendar."""

from __future__ import annotations

from typing import Any

import pendulum

from airflow_provider_rsvp.exceptions import PolicyError
from airflow_provider_rsvp.model import Invitation
from airflow_provider_rsvp.plans.reading import Reader
from airflow_provider_rsvp.policies.availability.availability import Availability
from airflow_provider_rsvp.policies.case import Case, MailboxCalendar, Occurrence
from airflow_provider_rsvp.policies.conditions.base import Condition, condition_from_plain, walk
from airflow_provider_rsvp.policies.conditions.event import Organizer, check_patterns
from airflow_provider_rsvp.policies.conditions.time import Conflict, DuringLeave, OutsideWorkingHours

_OF_A_CALENDAR = (Conflict, DuringLeave, OutsideWorkingHours)


class Filter:
    """
    Which invitations are of interest.

    :param condition: it matches what this surely holds for
    :raises PolicyError: the condition asks for what only a policy or a calendar says
    """

    def __init__(self, condition: Condition) -> None:
        for path, each in walk(condition, "filter"):
            if isinstance(each, _OF_A_CALENDAR):
                raise PolicyError(path, "asks for a whole calendar; a filter sees one invitation at a time.")
            if isinstance(each, Organizer) and each.external is not None:
                raise PolicyError(path, "'external' asks for a policy's my_domains; give 'domain' instead.")
        self._condition = condition
        self._calendar = MailboxCalendar(Availability(), {})

    @classmethod
    def parse(cls, value: Any) -> Filter:
        """
        Return the filter that plain values stand for, as they stand under ``when`` in a policy.

        :param value: a mapping; an empty one, or None, matches everything
        :raises PolicyError: it is malformed; says where
        """
        reader = Reader({} if value is None else value, "filter", error=PolicyError).bounded()
        check_patterns(reader)
        return cls(condition_from_plain(reader))

    def matches(self, invitation: Invitation, now: pendulum.DateTime) -> bool:
        """Whether the condition surely holds."""
        occurrence = Occurrence.of(invitation.time, self._calendar.zone)
        case = Case(invitation, [occurrence], now.timestamp(), self._calendar)
        return self._condition.holds(case) is True
