"""
Replies and counter-proposals as mail (RFC 5546, sections 3.2.3 REPLY and 3.2.7 COUNTER; RFC 6047).

For servers that send no replies themselves, and for proposed times, which none of them sends.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Protocol
from urllib.parse import unquote

import pendulum

from airflow_provider_rsvp.exceptions import CannotRespondError
from airflow_provider_rsvp.model import ParticipationStatus, Person, Reply, TimeRange
from airflow_provider_rsvp.services.caldav.instances import instance_text
from airflow_provider_rsvp.services.caldav.lines import ContentLine, Document, escaped, unescaped
from airflow_provider_rsvp.services.caldav.marks import MARK
from airflow_provider_rsvp.text import clean_line
from airflow_provider_rsvp.times import UTC, format_when

_PRODID = "-//airflow-provider-rsvp//CalDAV//EN"
_VERBS = {
    ParticipationStatus.ACCEPTED: "Accepted",
    ParticipationStatus.TENTATIVE: "Tentative",
    ParticipationStatus.DECLINED: "Declined",
}
_LONGEST_ADDRESS = 320
_PLAIN_ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@[^\s@,;:<>()\[\]\"\\]+", re.ASCII)
_TIMES = ("DTSTART", "DTEND", "DURATION")
_OF_THE_SERVER = (MARK, "RSVP", "SCHEDULE-AGENT", "SCHEDULE-STATUS", "SCHEDULE-FORCE-SEND")


class MailSession(Protocol):
    """A connection to a mail server that is open and signed in."""

    async def send(self, message: EmailMessage) -> None:
        """
        Hand one message over, once.

        :raises RejectedByServiceError: the mail server refused it, so it goes nowhere
        :raises ServiceUnavailableError: the mail server could not take it now, so it goes nowhere
        :raises UnclearOutcomeError: the connection broke after the message had left
        """

    async def close(self) -> None:
        """Close the connection."""


class Mailer(Protocol):
    """Opens connections to the mail server that a connection names."""

    async def open(self) -> MailSession:
        """
        Connect and sign in.

        :raises ConfigurationError: the mail connection is missing, or cannot be used
        :raises ServiceUnavailableError: the mail server is not reached
        """


@dataclass(frozen=True, slots=True)
class Letter:
    """
    What is mailed to an organizer.

    :param document: the object, with my status as it is to be
    :param places: which of its events the reply is for
    :param attendee: my own ``ATTENDEE`` line
    :param previous: the identity of my last mail about this event, if any
    """

    document: Document
    places: tuple[int, ...]
    attendee: ContentLine
    organizer: ContentLine
    reply: Reply
    subject: str
    time: TimeRange
    previous: str | None

    @property
    def sender(self) -> str:
        """My address, as the organizer invited it."""
        return mail_address(self.attendee, "your own address")

    @property
    def identity(self) -> str:
        """
        What the message's id is made of: the same for the same reply to the same invitation.

        A mail server or program that has seen it takes a second one for a copy. An answer that was changed and
        changed back is another one, because each is counted from the one before.
        """
        event = self.document.own_lines(self.document.blocks("VEVENT")[self.places[0]])
        named = [
            line.value for name in ("UID", "RECURRENCE-ID", "SEQUENCE") for line in event if line.name == name
        ]
        parts = [*named, self.sender.casefold(), self.reply.to_plain(), self.previous]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def message(self) -> EmailMessage:
        """
        Return the mail.

        :raises CannotRespondError: the organizer or I have no address that mail can go to
        """
        sender, recipient = self.sender, mail_address(self.organizer, "the organizer's address")
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(
            display_name=_one_line(self.attendee.parameter("CN") or ""), addr_spec=sender
        )
        message["To"] = Address(
            display_name=_one_line(self.organizer.parameter("CN") or ""), addr_spec=recipient
        )
        message["Subject"] = f"{_VERBS[self.reply.status]}: {_one_line(self.subject)}"
        message["Date"] = pendulum.now(UTC)
        message["Message-ID"] = f"<{self.identity}@{sender.rpartition('@')[2]}>"
        message.set_content(self._words())
        message.add_alternative(
            self.calendar(),
            maintype="text",
            subtype="calendar",
            params={"method": self.method, "charset": "utf-8", "component": "VEVENT"},
        )
        return message

    @property
    def method(self) -> str:
        """The iTIP method."""
        return "COUNTER" if self.reply.proposed_time else "REPLY"

    def calendar(self) -> bytes:
        """Return the iTIP message."""
        head = [("BEGIN", "VCALENDAR"), ("PRODID", _PRODID), ("VERSION", "2.0"), ("METHOD", self.method)]
        lines = [ContentLine.write(*each) for each in head]
        for zone in self.document.blocks("VTIMEZONE"):
            lines += self.document.lines[zone.first : zone.last + 1]
        for place in self.places:
            lines += self._event(self.document.own_lines(self.document.blocks("VEVENT")[place]))
        lines.append(ContentLine.write("END", "VCALENDAR"))
        text = b"".join(line.raw.rstrip(b"\r\n") + b"\r\n" for line in lines)
        return text.decode(errors="replace").encode()

    def _event(self, event: Sequence[ContentLine]) -> list[ContentLine]:
        times = [
            ContentLine.write(name, instance_text(moment)) for name, moment in self._proposed()
        ] or _named(event, _TIMES)
        lines = [
            ContentLine.write("BEGIN", "VEVENT"),
            *_named(event, ("UID", "RECURRENCE-ID", "SEQUENCE", "SUMMARY")),
            ContentLine.write("DTSTAMP", instance_text(pendulum.now(UTC))),
            *times,
            _bare(self.organizer),
            _bare(self.attendee.with_parameter("PARTSTAT", self.reply.status.upper())),
        ]
        if self.reply.comment:
            lines.append(ContentLine.write("COMMENT", escaped(self.reply.comment)))
        if not self.reply.proposed_time:
            lines.append(ContentLine.write("REQUEST-STATUS", "2.0;Success"))
        return [*lines, ContentLine.write("END", "VEVENT")]

    def _proposed(self) -> list[tuple[str, pendulum.DateTime | pendulum.Date]]:
        proposed = self.reply.proposed_time
        return [("DTSTART", proposed.start), ("DTEND", proposed.end)] if proposed else []

    def _words(self) -> str:
        who = _one_line(self.attendee.parameter("CN") or "") or self.sender
        verb = _VERBS[self.reply.status].lower()
        said = "accepted tentatively" if verb == "tentative" else verb
        text = [f"{who} has {said}: {_one_line(self.subject)}", f"When: {format_when(self.time.start)}"]
        if self.reply.proposed_time:
            start, end = self.reply.proposed_time.start, self.reply.proposed_time.end
            text.append(f"Proposed instead: {format_when(start)} to {format_when(end)}")
        if self.reply.comment:
            text += ["", self.reply.comment]
        return "\n".join(text) + "\n"


def person(line: ContentLine | None) -> Person | None:
    """Return the organizer or attendee that a line names."""
    if line is None:
        return None
    text = _address_text(line)
    # Enough for a person to see; that mail can go there is checked when it is to.
    address = text if _PLAIN_ADDRESS.fullmatch(text) and text.isascii() else line.value.strip()
    return Person(address[:_LONGEST_ADDRESS] or None, line.parameter("CN") or None)


def mail_address(line: ContentLine, whose: str) -> str:
    """
    Return the address of an organizer or attendee that mail goes to.

    :raises CannotRespondError: there is none
    """
    try:
        address = Address(addr_spec=_address_text(line))
    except (MessageError, ValueError, IndexError):
        address = Address()
    if not address.username or not address.domain or not address.addr_spec.isascii():
        raise CannotRespondError(f"{whose} ({line.value.strip()[:80]!r}) is none that mail can go to.")
    return address.addr_spec


def _address_text(line: ContentLine) -> str:
    """Return what stands where the mail address does; empty if that is longer than an address can be."""
    scheme, _, rest = line.value[: 4 * _LONGEST_ADDRESS].strip().partition(":")
    mailto = scheme.casefold() == "mailto"
    text = unquote(rest.partition("?")[0]) if mailto else line.parameter("EMAIL") or ""
    return text.strip() if len(text) <= _LONGEST_ADDRESS else ""


def _named(event: Sequence[ContentLine], names: Sequence[str]) -> list[ContentLine]:
    return [line for name in names for line in event if line.name == name]


def _bare(line: ContentLine) -> ContentLine:
    """Return a line without what only the server or this package makes of it."""
    for name in _OF_THE_SERVER:
        line = line.with_parameter(name, None)
    return line


def _one_line(text: str) -> str:
    return clean_line(unescaped(text))
