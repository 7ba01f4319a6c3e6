"""The state behind all services: mailboxes, their calendars, the copies of events in them, and the organizers' mail.

Words are those of RFC 5545: an event has an organizer and attendees, each attendee a participation status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum


class Status(StrEnum):
    """Participation status (PARTSTAT, RFC 5545 section 3.2.12)."""

    NEEDS_ACTION = "needs-action"
    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Person:
    """A calendar user: organizer or attendee."""

    name: str
    address: str

    @property
    def key(self) -> str:
        """The address as it is compared."""
        return self.address.casefold()


@dataclass(slots=True)
class Attendee:
    """An attendee as the organizer knows them: the status here is the one that the organizer was told."""

    person: Person
    status: Status = Status.NEEDS_ACTION
    answered: datetime | None = None
    kind: str = "required"
    proposed_time: tuple[datetime, datetime] | None = None
    comment: str = ""
    """What Google shows next to the answer."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A simple recurrence rule (RFC 5545 section 3.3.10)."""

    freq: str
    count: int
    interval: int = 1

    def starts(self, first: datetime) -> list[datetime]:
        """List the starts of all instances, at the same wall time in the zone of the first."""
        step = timedelta(days=7 if self.freq == "WEEKLY" else 1) * self.interval
        return [first + step * index for index in range(self.count)]


@dataclass(eq=False, slots=True)
class Meeting:
    """What the organizer and the attendees share of an event; an occurrence of a series is a meeting of its own."""

    slug: str
    ical_uid: str
    subject: str
    organizer: Person
    start: datetime
    end: datetime
    zone: str
    all_day: bool = False
    location: str = ""
    description: str = ""
    attendees: dict[str, Attendee] = field(default_factory=dict)
    repeat: Repeat | None = None
    series: Meeting | None = None
    occurrences: list[Meeting] = field(default_factory=list)
    cancelled: bool = False
    response_requested: bool = True
    proposals_allowed: bool = True
    draft: bool = False
    notify: bool = True
    open: bool = False
    private: bool = False
    shows_answers: bool = False
    """Whether every copy shows what all attendees answered, and not the organizer's alone."""
    created: datetime = field(default_factory=lambda: now() - timedelta(days=1))
    copies: dict[str, Copy] = field(default_factory=dict)

    def occurrence(self, index: int, start: datetime) -> Meeting:
        """Add the occurrence that starts then."""
        each = Meeting(
            slug=f"{self.slug}-{index}",
            ical_uid=f"{self.ical_uid.partition('@')[0]}-{start:%Y%m%d}@{self.ical_uid.partition('@')[2]}",
            subject=self.subject,
            organizer=self.organizer,
            start=start,
            end=start + (self.end - self.start),
            zone=self.zone,
            all_day=self.all_day,
            location=self.location,
            description=self.description,
            attendees={
                key: Attendee(entry.person, entry.status, kind=entry.kind)
                for key, entry in self.attendees.items()
            },
            series=self,
            response_requested=self.response_requested,
            proposals_allowed=self.proposals_allowed,
            shows_answers=self.shows_answers,
            created=self.created,
        )
        self.occurrences.append(each)
        return each


@dataclass(eq=False, slots=True)
class Copy:
    """An event as it lies in one mailbox; its status is the mailbox's own view of it."""

    service: str
    mailbox: str
    calendar_id: str
    event_id: str
    meeting: Meeting
    status: Status = Status.NEEDS_ACTION
    organizing: bool = False
    note: str = ""
    answered: datetime | None = None
    updated: datetime = field(default_factory=lambda: now() - timedelta(days=1))
    deleted: bool = False
    changeable: bool = True
    managed: bool = False
    master: Copy | None = None
    occurrences: list[Copy] = field(default_factory=list)

    @property
    def invited(self) -> bool:
        """Whether this is an invitation: mine, with an organizer who is not me."""
        return not self.organizing and bool(self.meeting.attendees)


@dataclass(slots=True)
class Calendar:
    """A calendar of a mailbox; ``provider`` is where Cronofy has it from, ``group`` Outlook's calendar group."""

    id: str
    name: str
    provider: str = ""
    group: str = ""
    read_only: bool = False
    primary: bool = False


@dataclass(eq=False, slots=True)
class Mailbox:
    """Whose calendar: an account, a user, or a room."""

    service: str
    id: str
    person: Person
    zone: str
    calendars: dict[str, Calendar] = field(default_factory=dict)
    copies: dict[str, Copy] = field(default_factory=dict)
    keeps_declined: bool = False
    restricted: bool = False
    enabled: bool = True
    changes: list[Copy] = field(default_factory=list)
    """Every change in order, a copy once per change: what a delta query reads."""
    _agenda: list[Copy] | None = None

    def agenda(self) -> list[Copy]:
        """All copies, by start."""
        if self._agenda is None:
            self._agenda = sorted(self.copies.values(), key=lambda copy: (copy.meeting.start, copy.event_id))
        return self._agenda

    def forget_order(self) -> None:
        """Note that copies came or changed their names."""
        self._agenda = None

    @property
    def primary(self) -> Calendar:
        """The default calendar."""
        return next(calendar for calendar in self.calendars.values() if calendar.primary)


@dataclass(frozen=True, slots=True)
class Mail:
    """What an organizer was sent by an attendee (iTIP REPLY or COUNTER, RFC 5546 section 3.2)."""

    service: str
    mailbox: str
    event_id: str
    ical_uid: str
    subject: str
    organizer: str
    attendee: str
    status: Status
    comment: str | None
    proposed_time: tuple[datetime, datetime] | None
    when: datetime


class World:
    """All mailboxes of all services, and an index of the copies in them by service and event id."""

    def __init__(self) -> None:
        self.mailboxes: dict[tuple[str, str], Mailbox] = {}
        self.mail: list[Mail] = []
        self.slugs: dict[tuple[str, str, str], str] = {}
        self._index: dict[tuple[str, str], Copy] = {}

    def open(self, mailbox: Mailbox) -> Mailbox:
        """Add a mailbox."""
        self.mailboxes[mailbox.service, mailbox.id.casefold()] = mailbox
        return mailbox

    def mailbox(self, service: str, name: str) -> Mailbox | None:
        """Find a mailbox; its name is compared without case."""
        return self.mailboxes.get((service, name.casefold()))

    def of(self, service: str) -> list[Mailbox]:
        """List the mailboxes of a service."""
        return [mailbox for mailbox in self.mailboxes.values() if mailbox.service == service]

    def put(self, copy: Copy, *aliases: str) -> Copy:
        """Add a copy to its mailbox; it is found by its event id and by each alias."""
        mailbox = self.mailboxes[copy.service, copy.mailbox.casefold()]
        mailbox.copies[copy.event_id] = copy
        mailbox.forget_order()
        mailbox.changes.append(copy)
        copy.meeting.copies[copy.mailbox] = copy
        self.slugs[copy.service, copy.mailbox, copy.meeting.slug] = copy.event_id
        for name in (copy.event_id, *aliases):
            self._index[copy.service, name] = copy
        return copy

    def find(self, service: str, event_id: str) -> Copy | None:
        """Find a copy by its event id or an alias."""
        return self._index.get((service, event_id))

    def rename(self, copy: Copy, event_id: str) -> None:
        """Give the copy another id; the old one is not found from now on."""
        self.rename_all({copy: event_id})

    def rename_all(self, names: Mapping[Copy, str]) -> None:
        """Give each copy another id, which may be the present one of another of them."""
        for copy in names:
            del self._index[copy.service, copy.event_id]
            del self._of(copy).copies[copy.event_id]
        for copy, event_id in names.items():
            copy.event_id = event_id
            self._index[copy.service, event_id] = copy
            self._of(copy).copies[event_id] = copy
            self._of(copy).forget_order()

    def touch(self, copy: Copy) -> None:
        """Note that the copy changed now."""
        copy.updated = now()
        self.mailboxes[copy.service, copy.mailbox.casefold()].changes.append(copy)

    def answer(self, copy: Copy, status: Status) -> None:
        """Set the status in this copy, and in all occurrences when it is a series; nobody is told."""
        for each in (copy, *copy.occurrences):
            each.status = status
            each.answered = now()
            self.touch(each)

    def tell(
        self,
        copy: Copy,
        status: Status,
        *,
        comment: str | None = None,
        proposed_time: tuple[datetime, datetime] | None = None,
    ) -> None:
        """Send the organizer one reply, and let the organizer's own copy show it."""
        self.let_see(copy, status, proposed_time=proposed_time)
        attendee = self.mailboxes[copy.service, copy.mailbox.casefold()].person
        self._deliver(copy, attendee, status, comment, proposed_time)

    def let_see(
        self, copy: Copy, status: Status, *, proposed_time: tuple[datetime, datetime] | None = None
    ) -> None:
        """Let the organizer's own copy show the answer, without notifying the organizer."""
        attendee = self.mailboxes[copy.service, copy.mailbox.casefold()].person
        for each in (copy.meeting, *copy.meeting.occurrences):
            self._track(each, attendee, status, proposed_time)

    def answer_for(self, copy: Copy, attendee: Person, status: Status) -> None:
        """Another attendee of the same meeting replies; their own copy follows where there is one."""
        theirs = next(
            (
                each
                for each in copy.meeting.copies.values()
                if self.mailboxes[each.service, each.mailbox.casefold()].person.key == attendee.key
            ),
            None,
        )
        if theirs is not None:
            self.answer(theirs, status)
        for each in (copy.meeting, *copy.meeting.occurrences):
            self._track(each, attendee, status, None)
        self._deliver(theirs or copy, attendee, status, None, None)

    def cancel(self, meeting: Meeting) -> None:
        """Cancel for the organizer; every copy shows it."""
        for each in (meeting, *meeting.occurrences):
            each.cancelled = True
            for copy in each.copies.values():
                self.touch(copy)

    def _of(self, copy: Copy) -> Mailbox:
        return self.mailboxes[copy.service, copy.mailbox.casefold()]

    def _track(
        self,
        meeting: Meeting,
        attendee: Person,
        status: Status,
        proposed_time: tuple[datetime, datetime] | None,
    ) -> None:
        entry = meeting.attendees.setdefault(attendee.key, Attendee(attendee))
        entry.status, entry.answered, entry.proposed_time = status, now(), proposed_time
        for copy in meeting.copies.values():
            if copy.organizing or meeting.shows_answers:
                self.touch(copy)

    def _deliver(
        self,
        copy: Copy,
        attendee: Person,
        status: Status,
        comment: str | None,
        proposed_time: tuple[datetime, datetime] | None,
    ) -> None:
        self.mail.append(
            Mail(
                service=copy.service,
                mailbox=copy.mailbox,
                event_id=copy.event_id,
                ical_uid=copy.meeting.ical_uid,
                subject=copy.meeting.subject,
                organizer=copy.meeting.organizer.address,
                attendee=attendee.address,
                status=status,
                comment=comment,
                proposed_time=proposed_time,
                when=now(),
            )
        )


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)
