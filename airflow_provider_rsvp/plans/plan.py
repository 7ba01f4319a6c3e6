"""A plan: invitations with the reply chosen for each, and the reason; nothing is sent yet."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import pendulum

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import EventReference, Invitation, Reply, Scope
from airflow_provider_rsvp.plans.plain import invitation_from_plain, invitation_to_plain, reply_from_plain
from airflow_provider_rsvp.plans.reading import Reader
from airflow_provider_rsvp.plans.tables import Line, markdown_table, text_table
from airflow_provider_rsvp.times import format_when, parse_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    The decision on one invitation.

    :param invitation: as it was when the plan was made, without its body; for a series answered as a whole, the event
        that represents it
    :param reply: the reply to send; None if the invitation is left as it is
    :param scope: what the reply covers
    :param rule: the name of the rule that decided; None if none did
    :param reason: why, as sentences for a person
    :param unsupported: why the reply cannot be sent: the service cannot express it, or its comment cannot be written;
        None if it can be sent, or if that was not checked
    :param occurrences: how many future occurrences the decision covers
    """

    invitation: Invitation
    reply: Reply | None
    reason: str
    rule: str | None = None
    scope: Scope = Scope.INSTANCE
    unsupported: str | None = None
    occurrences: int = 1

    @property
    def reference(self) -> EventReference:
        """What the reply is for, together with :attr:`scope`."""
        return self.invitation.reference

    @property
    def sendable(self) -> bool:
        """Whether there is a reply that can be sent."""
        return self.reply is not None and self.unsupported is None

    def to_plain(self) -> dict[str, Any]:
        """Return the decision as JSON-plain values."""
        return {
            "invitation": invitation_to_plain(self.invitation),
            "reply": self.reply.to_plain() if self.reply else None,
            "scope": self.scope.value,
            "rule": self.rule,
            "reason": self.reason,
            "unsupported": self.unsupported,
            "occurrences": self.occurrences,
        }

    @classmethod
    def from_plain(cls, reader: Reader) -> Self:
        """
        Read what :meth:`to_plain` writes.

        :raises MalformedValueError: it is malformed
        """
        names = ("invitation", "reply", "scope", "rule", "reason", "unsupported", "occurrences")
        parts = reader.mapping(names, required=("invitation", "reply", "reason"))
        given = {name: part for name, part in parts.items() if part.value is not None}
        return cls(
            invitation=invitation_from_plain(parts["invitation"]),
            reply=reply_from_plain(given["reply"]) if "reply" in given else None,
            scope=Scope(given["scope"].choice(tuple(Scope))) if "scope" in given else Scope.INSTANCE,
            rule=given["rule"].text() if "rule" in given else None,
            reason=parts["reason"].text(),
            unsupported=given["unsupported"].text() if "unsupported" in given else None,
            occurrences=given["occurrences"].integer() if "occurrences" in given else 1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    Invitations with the reply chosen for each, and the reason; nothing is sent yet.

    :param decisions: in the order of their starts; people see them numbered from 1
    :param created_at: when the invitations were read
    :param conn_id: the connection that the plan was made for
    :param service: the service of the connection
    :param mailbox: the owner of the invitations; None for the connection's own user, or for several mailboxes
    :param timezone: the zone in which its times are shown
    :param failed_mailboxes: mailboxes whose invitations could not be read, with the reason
    """

    decisions: tuple[Decision, ...]
    created_at: pendulum.DateTime
    conn_id: str | None = None
    service: str | None = None
    mailbox: str | None = None
    timezone: str = "UTC"
    failed_mailboxes: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def replies(self) -> tuple[Decision, ...]:
        """The decisions that have a reply, whether it can be sent or not."""
        return tuple(each for each in self.decisions if each.reply is not None)

    @property
    def unsupported(self) -> tuple[Decision, ...]:
        """The decisions whose reply cannot be sent."""
        return tuple(each for each in self.decisions if each.unsupported is not None)

    @property
    def digest(self) -> str:
        """
        Identifies this plan: a SHA-256 of all that is shown and all that is sent, as hexadecimal text.

        The time when the plan was made does not count: the same plan, made again, has the same digest.
        """
        plain = {name: value for name, value in self.to_plain().items() if name != "created_at"}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def pick(self, numbers: Collection[int]) -> Plan:
        """
        Return the plan with the replies of some lines only; the other invitations are left as they are.

        :param numbers: the numbers of the lines, from 1
        :raises InvalidInputError: there is no such line
        """
        for number in numbers:
            if not 1 <= number <= len(self.decisions):
                raise InvalidInputError(f"the plan has no line {number!r}; it has {len(self.decisions)}.")
        return replace(
            self,
            decisions=tuple(
                each
                if number in numbers or each.reply is None
                else replace(each, reply=None, unsupported=None, reason=f"Not approved. {each.reason}")
                for number, each in enumerate(self.decisions, 1)
            ),
        )

    def with_comment(self, comment: str | None) -> Plan:
        """Return the plan with this comment in all replies that the organizer is told about."""
        return replace(
            self,
            decisions=tuple(
                replace(each, reply=replace(each.reply, comment=comment))
                if each.reply is not None and each.reply.notify_organizer
                else each
                for each in self.decisions
            ),
        )

    def summary(self) -> str:
        """Return how many replies of each kind there are, as a sentence."""
        total = len(self.decisions)
        counts = Counter(str(each.reply.status) for each in self.decisions if each.reply is not None)
        left = total - sum(counts.values())
        parts = [f"{count} {status}" for status, count in sorted(counts.items())]
        parts.append(f"{left} left as {'it is' if left == 1 else 'they are'}")
        sentence = f"{total} invitation{'' if total == 1 else 's'}: {', '.join(parts)}."
        if self.unsupported:
            sentence += f" {len(self.unsupported)} cannot be sent."
        if self.failed_mailboxes:
            count = len(self.failed_mailboxes)
            sentence += f" {count} mailbox{'' if count == 1 else 'es'} could not be read."
        return sentence

    def as_text(self) -> str:
        """Return the plan as a table of plain text."""
        failed = f"\n{text_table(self._failed_lines())}" if self.failed_mailboxes else ""
        return f"{text_table(self._lines())}\n{self.summary()}{failed}"

    def as_markdown(self) -> str:
        """Return the plan as a Markdown table; text that others wrote is escaped."""
        failed = f"\n{markdown_table(self._failed_lines())}\n" if self.failed_mailboxes else ""
        return f"{markdown_table(self._lines())}\n\n{self.summary()}\n{failed}"

    def _lines(self) -> list[Line]:
        several = len({each.reference.mailbox for each in self.decisions}) > 1
        return [self._line(number, each, several) for number, each in enumerate(self.decisions, 1)]

    def _failed_lines(self) -> list[Line]:
        return [{"not read": mailbox, "reason": reason} for mailbox, reason in self.failed_mailboxes.items()]

    def _line(self, number: int, decision: Decision, several: bool) -> Line:
        invitation = decision.invitation
        line = {"#": str(number)}
        if several:
            line["mailbox"] = invitation.reference.mailbox or ""
        start = invitation.time.start
        if isinstance(start, pendulum.DateTime):
            start = start.in_timezone(self.timezone)
        line["when"] = format_when(start)
        line["invitation"] = invitation.subject
        line["organizer"] = str(invitation.organizer or "")
        line["status"] = str(invitation.status or "")
        line["reply"] = self._reply(decision)
        line["reason"] = decision.reason
        if decision.unsupported is not None:
            line["reason"] += f" Cannot be sent: {decision.unsupported}"
        if decision.reply is not None and decision.reply.comment:
            line["reason"] += f" Comment: {decision.reply.comment}"
        return line

    def _reply(self, decision: Decision) -> str:
        reply = decision.reply
        if reply is None:
            return ""
        notes = []
        if decision.scope is Scope.SERIES:
            notes.append("series")
        if not reply.notify_organizer:
            notes.append("silent")
        if reply.proposed_time is not None:
            start = reply.proposed_time.start
            if isinstance(start, pendulum.DateTime):
                start = start.in_timezone(self.timezone)
            notes.append(f"proposes {format_when(start)}")
        return f"{reply.status} ({', '.join(notes)})" if notes else str(reply.status)

    def to_plain(self) -> dict[str, Any]:
        """Return the plan as JSON-plain values, as it goes to XCom."""
        return {
            "created_at": self.created_at.isoformat(),
            "conn_id": self.conn_id,
            "service": self.service,
            "mailbox": self.mailbox,
            "timezone": self.timezone,
            "failed_mailboxes": dict(self.failed_mailboxes),
            "decisions": [each.to_plain() for each in self.decisions],
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Self:
        """
        Return the plan that :meth:`to_plain` wrote.

        :raises MalformedValueError: the value is malformed; the message names the path to the wrong key
        """
        names = (
            "created_at",
            "conn_id",
            "service",
            "mailbox",
            "timezone",
            "failed_mailboxes",
            "decisions",
        )
        reader = Reader(dict(data) if isinstance(data, Mapping) else data)
        parts = reader.mapping(names, required=("created_at", "decisions"))
        given = {name: part for name, part in parts.items() if part.value is not None}
        created_at = parse_instant(parts["created_at"].text(), field="created_at")
        return cls(
            decisions=tuple(Decision.from_plain(element) for element in parts["decisions"].elements()),
            created_at=created_at,
            conn_id=given["conn_id"].text() if "conn_id" in given else None,
            service=given["service"].text() if "service" in given else None,
            mailbox=given["mailbox"].text() if "mailbox" in given else None,
            timezone=given["timezone"].zone() if "timezone" in given else "UTC",
            failed_mailboxes={name: part.text() for name, part in given["failed_mailboxes"].mapping().items()}
            if "failed_mailboxes" in given
            else {},
        )
