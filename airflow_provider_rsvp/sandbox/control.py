"""The operations on the sandbox, for the Python methods and the HTTP API at /sandbox alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from zoneinfo import ZoneInfo

from airflow_provider_rsvp.sandbox import connections, options
from airflow_provider_rsvp.sandbox.faults import Faults
from airflow_provider_rsvp.sandbox.options import InputError
from airflow_provider_rsvp.sandbox.restoring import restore
from airflow_provider_rsvp.sandbox.seeded import SeededState
from airflow_provider_rsvp.sandbox.world import (
    Attendee,
    Copy,
    Mail,
    Mailbox,
    Meeting,
    Person,
    Repeat,
    Status,
    now,
)

_STATUSES = tuple(Status)
_WISH = {
    "service",
    "mailbox",
    "calendar_id",
    "slug",
    "subject",
    "start",
    "end",
    "timezone",
    "all_day",
    "organizer",
    "attendees",
    "status",
    "recurrence",
    "response_requested",
    "proposals_allowed",
    "notify",
    "open",
    "private",
    "note",
}


class Control:
    """The control operations; every one takes and gives plain JSON values."""

    def __init__(self, state: SeededState) -> None:
        self._state = state
        self._serial = count(1)

    def reset(self, changes: Mapping[str, object]) -> dict[str, object]:
        """Back to the start, with these options."""
        self._state.reset(changes)
        return {}

    def mail(self) -> list[dict[str, object]]:
        """List what the organizers were sent."""
        return [_show_mail(mail) for mail in self._state.world.mail]

    def requests(self) -> list[dict[str, object]]:
        """List the requests that were received."""
        return self._state.log.show()

    def invitations(self) -> list[dict[str, object]]:
        """All events in all mailboxes, but for the organizers' own copies of what they invited to."""
        return [
            show(copy)
            for mailbox in self._state.world.mailboxes.values()
            for copy in mailbox.agenda()
            if not copy.organizing or copy.note
        ]

    def connections(self, origin: str) -> dict[str, dict[str, object]]:
        """Offer the connections of all services."""
        return connections.connections(self._state.services.values(), origin)

    def event_id(self, service: str, slug: str, mailbox: str | None) -> str:
        """Look up a seeded event; without a mailbox, in the first that has it."""
        for box in self._state.world.of(service):
            event_id = self._state.world.slugs.get((service, box.id, slug))
            if event_id is not None and mailbox in (None, box.id):
                return event_id
        where = f" in {mailbox}" if mailbox else ""
        raise InputError(f"slug: {service} has no event {slug!r}{where}")

    def set_faults(self, rules: object) -> list[dict[str, object]]:
        """Replace the rules in force."""
        self._state.faults = Faults.read(rules, tuple(self._state.services))
        return self.faults()

    def faults(self) -> list[dict[str, object]]:
        """List the rules in force with how often each struck."""
        return [rule.show() for rule in self._state.faults.rules]

    def invite(self, wish: Mapping[str, object]) -> dict[str, object]:
        """Create an invitation."""
        if unknown := set(wish) - _WISH:
            raise InputError(f"{min(unknown)}: unknown field; known are {', '.join(sorted(_WISH))}")
        mailbox = self._mailbox(wish)
        meeting = self._meeting(wish, mailbox)
        calendar_id = wish.get("calendar_id")
        if calendar_id is not None and calendar_id not in mailbox.calendars:
            raise InputError(f"calendar_id: {mailbox.id} has no calendar {calendar_id!r}")
        status = options.one_of("status", wish.get("status", Status.NEEDS_ACTION), _STATUSES)
        copy = self._state.services[mailbox.service].invite(
            mailbox,
            meeting,
            status=Status(status),
            calendar_id=None if calendar_id is None else str(calendar_id),
            note=str(wish.get("note") or "created at run time"),
        )
        for each in mailbox.agenda():
            if meeting is each.meeting or meeting is each.meeting.series:
                each.updated = now()
        return show(copy)

    def restore(self, which: Mapping[str, object]) -> list[dict[str, object]]:
        """Let seeded meetings of a mailbox be as at the start: all of them, or those that are named."""
        if unknown := set(which) - {"service", "mailbox", "slugs"}:
            raise InputError(f"{min(unknown)}: unknown field; known are mailbox, service, slugs")
        mailbox = self._mailbox(which)
        slugs = which.get("slugs", [])
        if not isinstance(slugs, list) or not all(isinstance(slug, str) for slug in slugs):
            raise InputError(f"slugs: must be a list of short names, not {slugs!r}")
        seeded = SeededState(self._state.options).world
        for slug in slugs:
            if (mailbox.service, mailbox.id, slug) not in seeded.slugs:
                raise InputError(f"slugs: {mailbox.id} has no event {slug!r} at the start")
        return [show(copy) for copy in restore(self._state.world, seeded, mailbox, slugs)]

    def cancel(self, which: Mapping[str, object]) -> dict[str, object]:
        """Let the organizer cancel."""
        copy = self._copy(which)
        self._state.services[copy.service].cancel(copy)
        return show(copy)

    def rename(self, which: Mapping[str, object]) -> dict[str, object]:
        """Let the organizer give the event another subject, or hand it to another organizer."""
        copy = self._copy(which)
        meeting = copy.meeting
        for each in (meeting, *meeting.occurrences):
            each.subject = options.text("subject", which.get("subject", each.subject))
            if which.get("organizer") is not None:
                each.organizer = _person("organizer", which["organizer"])
            for held in each.copies.values():
                self._state.world.touch(held)
        return show(copy)

    def answer(self, which: Mapping[str, object]) -> dict[str, object]:
        """Another attendee answers; the organizer gets their mail."""
        copy = self._copy(which)
        address = options.text("attendee", which.get("attendee"))
        status = options.one_of("status", which.get("status"), _STATUSES)
        entry = copy.meeting.attendees.get(address.casefold())
        if entry is None:
            known = ", ".join(each.person.address for each in copy.meeting.attendees.values())
            raise InputError(f"attendee: {address!r} is not one of {known}")
        self._state.world.answer_for(copy, entry.person, Status(status))
        return show(copy)

    def expire_tokens(self, which: Mapping[str, object]) -> dict[str, object]:
        """End the access tokens that were issued."""
        return {"expired": self._state.tokens.expire(self._service_or_none(which))}

    def revoke_tokens(self, which: Mapping[str, object]) -> dict[str, object]:
        """Take back all tokens, refresh tokens too."""
        return {"revoked": self._state.tokens.revoke(self._service_or_none(which))}

    def _service_or_none(self, which: Mapping[str, object]) -> str | None:
        if which.get("service") is None:
            return None
        return options.one_of("service", which["service"], tuple(self._state.services))

    def _mailbox(self, which: Mapping[str, object]) -> Mailbox:
        service = options.one_of("service", which.get("service"), tuple(self._state.services))
        name = options.text("mailbox", which.get("mailbox"))
        mailbox = self._state.world.mailbox(service, name)
        if mailbox is None:
            known = ", ".join(each.id for each in self._state.world.of(service))
            raise InputError(f"mailbox: {service} has no {name!r}; known are {known}")
        return mailbox

    def _copy(self, which: Mapping[str, object]) -> Copy:
        service = options.one_of("service", which.get("service"), tuple(self._state.services))
        event_id = str(which.get("event_id") or "")
        copy = self._state.world.find(service, event_id)
        if copy is None:
            raise InputError(f"event_id: {service} has no event {event_id!r}")
        return copy

    def _meeting(self, wish: Mapping[str, object], mailbox: Mailbox) -> Meeting:
        zone = options.zone("timezone", wish.get("timezone", mailbox.zone))
        start = options.instant("start", wish.get("start"), zone)
        end = start + timedelta(hours=1)
        if wish.get("end") is not None:
            end = options.instant("end", wish["end"], zone)
        if end <= start:
            raise InputError("end: must be after the start")
        slug = options.text("slug", wish.get("slug", f"extra-{next(self._serial)}"))
        if (mailbox.service, mailbox.id, slug) in self._state.world.slugs:
            raise InputError(f"slug: {mailbox.id} already has an event {slug!r}")
        guests = [mailbox.person, *_people("attendees", wish.get("attendees"))]
        return Meeting(
            slug=slug,
            ical_uid=f"{slug}@sandbox.example",
            subject=options.text("subject", wish.get("subject", "Invitation")),
            organizer=_person("organizer", wish.get("organizer", "olga@organizer.example")),
            start=start.astimezone(ZoneInfo(zone)),
            end=end.astimezone(ZoneInfo(zone)),
            zone=zone,
            all_day=options.boolean("all_day", wish.get("all_day", False)),
            attendees={guest.key: Attendee(guest) for guest in guests},
            repeat=_repeat("recurrence", wish.get("recurrence")),
            response_requested=options.boolean("response_requested", wish.get("response_requested", True)),
            proposals_allowed=options.boolean("proposals_allowed", wish.get("proposals_allowed", True)),
            notify=options.boolean("notify", wish.get("notify", True)),
            open=options.boolean("open", wish.get("open", False)),
            private=options.boolean("private", wish.get("private", False)),
        )


def show(copy: Copy) -> dict[str, object]:
    """Show a copy as a row of the control API."""
    meeting = copy.meeting
    notes = [copy.note] if copy.note else []
    if copy.master is not None or meeting.series is not None:
        notes.append("occurrence")
    if meeting.cancelled:
        notes.append("cancelled")
    if copy.deleted:
        notes.append("deleted")
    return {
        "service": copy.service,
        "mailbox": copy.mailbox,
        "calendar_id": copy.calendar_id,
        "event_id": copy.event_id,
        "slug": meeting.slug,
        "ical_uid": meeting.ical_uid,
        "start": meeting.start.isoformat(),
        "end": meeting.end.isoformat(),
        "timezone": meeting.zone,
        "all_day": meeting.all_day,
        "subject": meeting.subject,
        "status": copy.status.value,
        "organizing": copy.organizing,
        "organizer": meeting.organizer.address,
        "attendees": {entry.person.address: entry.status.value for entry in meeting.attendees.values()},
        "recurrence": None
        if meeting.repeat is None
        else {
            "freq": meeting.repeat.freq,
            "interval": meeting.repeat.interval,
            "count": meeting.repeat.count,
        },
        "deleted": copy.deleted,
        "note": "; ".join(dict.fromkeys(notes)),
    }


def _show_mail(mail: Mail) -> dict[str, object]:
    proposed = mail.proposed_time
    return {
        "service": mail.service,
        "mailbox": mail.mailbox,
        "event_id": mail.event_id,
        "ical_uid": mail.ical_uid,
        "subject": mail.subject,
        "organizer": mail.organizer,
        "attendee": mail.attendee,
        "status": mail.status.value,
        "comment": mail.comment,
        "proposed_time": None
        if proposed is None
        else {"start": proposed[0].isoformat(), "end": proposed[1].isoformat()},
        "when": mail.when.isoformat(),
    }


def _person(name: str, value: object) -> Person:
    address = options.text(name, value)
    local, at, domain = address.partition("@")
    if not (local and at and domain):
        raise InputError(f"{name}: must be an e-mail address, not {address!r}")
    return Person(local.replace(".", " ").title(), address)


def _people(name: str, value: object) -> list[Person]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError(f"{name}: must be a list of e-mail addresses, not {value!r}")
    return [_person(f"{name}[{index}]", each) for index, each in enumerate(value)]


def _repeat(name: str, value: object) -> Repeat | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InputError(f"{name}: must be an object of freq, count and interval, not {value!r}")
    return Repeat(
        options.one_of(f"{name}.freq", value.get("freq"), ("DAILY", "WEEKLY")),
        options.count(f"{name}.count", value.get("count"), least=1),
        options.count(f"{name}.interval", value.get("interval", 1), least=1),
    )
