"""The meetings that every service starts with, told once; each service lays them out in its own way.

The slugs are stable and part of every event id, so that example DAGs and tests can name an event.
Days count from today in the first zone, for all zones alike, so that the meetings are always ahead
and stand to each other as told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from airflow_provider_rsvp.sandbox.world import Attendee, Meeting, Person, Repeat, Status, now

BERLIN, NEW_YORK, TOKYO = "Europe/Berlin", "America/New_York", "Asia/Tokyo"
ZONES = (BERLIN, NEW_YORK, TOKYO)
"""The zones of the first, second and third mailbox of each service."""

ORGANIZERS = {
    "olga": "Olga Orlova",
    "peter": "Peter Park",
    "vera": "Vera Vogt",
    "rita": "Rita Rossi",
}
OUTSIDE = "rita"
"""The organizer from another company."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A meeting to come: ``day`` days from today at that wall time in its zone, or all day."""

    slug: str
    subject: str
    organizer: str
    day: int
    at: str | None = "10:00"
    minutes: int = 60
    days: int = 1
    zone: str = BERLIN
    repeat: Repeat | None = None
    guests: tuple[int, ...] = (0,)
    """Which of the three mailboxes are invited."""
    status: Status = Status.NEEDS_ACTION
    note: str = ""


PENDING = (
    Sample("standup", "Daily standup", "olga", 1, "09:00", 30, guests=(0, 1, 2)),
    Sample("planning", "Sprint planning", "olga", 1, "10:30", 90, guests=(0, 1)),
    Sample("release", "Release go/no-go", "peter", 2, "14:00", guests=(0, 1, 2)),
    Sample("review", "Design review", "peter", 2, "19:30", note="after working hours"),
    Sample("board", "Board preparation", "vera", 3, "11:00", guests=(0, 2), note="from the director"),
    Sample("offsite", "Team offsite", "vera", 6, None, days=2, note="all day, two days"),
    Sample("lunch", "Lunch with the new colleagues", "olga", 3, "12:30"),
    Sample(
        "interview",
        "Candidate interview",
        OUTSIDE,
        4,
        zone=NEW_YORK,
        note="organizer of another company; overlaps with own",
    ),
    Sample(
        "training",
        "Security training",
        "vera",
        1,
        "13:00",
        repeat=Repeat("DAILY", 5),
        guests=(0, 1),
        note="series of five days",
    ),
    Sample("retro", "Retrospective", "olga", 4, "16:00", zone=TOKYO),
    Sample("ny-sync", "New York sync", "olga", 1, "10:00", 30, zone=NEW_YORK, guests=(1,)),
    Sample("tokyo-sync", "Tokyo sync", "olga", 1, "10:00", 30, zone=TOKYO, guests=(2,)),
)
"""Nobody has answered these."""

ANSWERED = (
    Sample("accepted", "Quarterly kickoff", "vera", 1, "15:00", status=Status.ACCEPTED),
    Sample("tentative", "Town hall", "vera", 1, "16:30", status=Status.TENTATIVE),
    Sample("declined", "Vendor presentation", OUTSIDE, 2, "09:00", status=Status.DECLINED),
)
"""These have an answer."""

CANCELLED = Sample("cancelled", "Summer picnic", "olga", 2, "11:00", note="cancelled by the organizer")
READ_ONLY = Sample("readonly", "Maintenance window", "peter", 5, "10:00", note="in a read-only calendar")
OWN = Sample("own", "Handover", "", 4, "15:30", 90, guests=(1, 2), note="the first mailbox is the organizer")
FOCUS = Sample("focus", "Focus time", "", 5, "09:00", 120, guests=(), note="an appointment without attendees")


def meeting(sample: Sample, organizer: Person, guests: Iterable[Person]) -> Meeting:
    """Make a meeting of the sample, with people and today's dates."""
    zone = ZoneInfo(sample.zone)
    day = datetime.now(ZoneInfo(BERLIN)).date() + timedelta(days=sample.day)
    start = datetime.combine(day, time.fromisoformat(sample.at or "00:00"), zone)
    length = timedelta(minutes=sample.minutes) if sample.at else timedelta(days=sample.days)
    attendees = {guest.key: Attendee(guest, sample.status) for guest in guests}
    for entry in attendees.values():
        if entry.status is not Status.NEEDS_ACTION:
            entry.answered = now() - timedelta(hours=3)
    return Meeting(
        slug=sample.slug,
        ical_uid=f"{sample.slug}@sandbox.example",
        subject=sample.subject,
        organizer=organizer,
        start=start,
        end=start + length,
        zone=sample.zone,
        all_day=sample.at is None,
        location="Room 1" if sample.at else "",
        description=f"{sample.subject}, an invitation of the sandbox.",
        attendees=attendees,
        repeat=sample.repeat,
    )


def organizers(domain: str) -> dict[str, Person]:
    """Name the people who invite, at that domain but for the one from outside."""
    return {
        key: Person(name, f"{key}@{'partner.example' if key == OUTSIDE else domain}")
        for key, name in ORGANIZERS.items()
    }


def bulk(index: int, organizer: Person, guest: Person) -> Meeting:
    """One of many pending invitations: half-hours from tomorrow on, 48 a day."""
    sample = Sample(f"bulk-{index:06d}", f"Bulk meeting {index}", "", 1, "00:00", 30, zone="UTC")
    made = meeting(sample, organizer, [guest])
    shift = timedelta(minutes=30 * (index % (48 * 60)))
    made.start += shift
    made.end += shift
    return made
