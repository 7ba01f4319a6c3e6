"""The replies to send, from a plan or from plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import (
    EventReference,
    Invitation,
    ParticipationStatus,
    Reply,
    Scope,
    TimeRange,
    parse_flag,
)
from airflow_provider_rsvp.plans.plan import Decision

_ARGUMENTS = frozenset(
    {
        "event_id",
        "ical_uid",
        "original_start",
        "mailbox",
        "calendar_id",
        "scope",
        "status",
        "comment",
        "notify_organizer",
        "proposed_start",
        "proposed_end",
        "timezone",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedReply:
    """
    One reply of many.

    :param planned: the invitation as it was when the reply was planned; None where that is not known
    :param rule: the name of the rule that chose it; None if none did
    :param reason: why it was chosen, as sentences for a person
    :param key: identifies this reply in every try of a task
    """

    reference: EventReference
    reply: Reply
    scope: Scope = Scope.INSTANCE
    planned: Invitation | None = None
    rule: str | None = None
    reason: str | None = None
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        what = [self.reference.to_plain(), self.reply.to_plain(), str(self.scope)]
        key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]
        object.__setattr__(self, "key", key)

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """Return the reply of a decision that has one."""
        assert decision.reply is not None
        return cls(
            reference=decision.reference,
            reply=decision.reply,
            scope=decision.scope,
            planned=decision.invitation,
            rule=decision.rule,
            reason=decision.reason,
        )

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Self:
        """
        Return the reply that the arguments of a ``SetParticipationStatusOperator`` give.

        :raises InvalidInputError: an argument is unknown, missing or malformed
        """
        unknown = sorted(set(arguments) - _ARGUMENTS)
        if unknown:
            raise InvalidInputError(f"{unknown[0]}: is not known; known are {', '.join(sorted(_ARGUMENTS))}.")
        zone = arguments.get("timezone")
        return cls(
            reference=EventReference.parse(
                event_id=arguments.get("event_id"),
                ical_uid=arguments.get("ical_uid"),
                original_start=arguments.get("original_start"),
                mailbox=arguments.get("mailbox"),
                calendar_id=arguments.get("calendar_id"),
                timezone=zone,
            ),
            reply=Reply(
                status=ParticipationStatus.parse(arguments.get("status")),
                comment=arguments.get("comment") or None,
                notify_organizer=parse_flag(arguments.get("notify_organizer", True), "notify_organizer"),
                proposed_time=TimeRange.proposed(
                    arguments.get("proposed_start"), arguments.get("proposed_end"), timezone=zone
                ),
            ),
            scope=Scope.parse(arguments.get("scope") or Scope.INSTANCE),
        )


def without_repeats(replies: Iterable[PlannedReply]) -> list[PlannedReply]:
    """
    Return each reply once.

    :raises InvalidInputError: two different replies are meant for the same invitation
    """
    kept: dict[tuple[EventReference, Scope], PlannedReply] = {}
    for each in replies:
        # Services ignore the case of mailboxes.
        mailbox = each.reference.mailbox.casefold() if each.reference.mailbox else None
        first = kept.setdefault((replace(each.reference, mailbox=mailbox), each.scope), each)
        if first.reply != each.reply:
            raise InvalidInputError(
                f"replies: {each.reference} is to be answered with '{first.reply.status}' and with "
                f"'{each.reply.status}'; nothing was sent."
            )
    return list(kept.values())
