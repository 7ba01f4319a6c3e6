"""The Workspace domain's users, calendars, events and credentials at the start."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_rsvp.sandbox import seed
from airflow_provider_rsvp.sandbox.seed import Sample
from airflow_provider_rsvp.sandbox.wire import Service
from airflow_provider_rsvp.sandbox.world import Calendar, Mailbox, Person, Status, World

DOMAIN = "workspace.example"
SCOPES_AT = "https://www.googleapis.com/auth/"
CLIENT_ID = "100000000000-sandbox.apps.googleusercontent.com"
CLIENT_SECRET = "sandbox-google-client-secret-fake-4e2b90d7c1a35f68"  # noqa: S105
SCOPES = frozenset({"calendar.events"})
READONLY_SCOPES = frozenset({"calendar.events.readonly"})
SERVICE_ACCOUNT = "rsvp@sandbox-project.iam.gserviceaccount.com"
UNDELEGATED = "plain@sandbox-project.iam.gserviceaccount.com"
DELEGATED: dict[str, frozenset[str]] = {SERVICE_ACCOUNT: SCOPES | READONLY_SCOPES, UNDELEGATED: frozenset()}
"""What each service account may ask for in the name of the domain's users."""


@dataclass(frozen=True, slots=True)
class User:
    """A user of the domain, or a room."""

    short: str
    name: str
    zone: str
    domain: str = DOMAIN

    @property
    def address(self) -> str:
        """The address, which is the primary calendar's id too."""
        return f"{self.short}@{self.domain}"

    @property
    def person(self) -> Person:
        """The user as an attendee or organizer."""
        return Person(self.name, self.address)

    @property
    def access_token(self) -> str:
        """A token that does not expire."""
        return f"ya29.sandbox-google-static-access-token-fake-{self.short}-70d2c9e1"

    @property
    def readonly_access_token(self) -> str:
        """The same without the permission to answer."""
        return f"ya29.sandbox-google-static-readonly-token-fake-{self.short}-18be5a3c"

    @property
    def refresh_token(self) -> str:
        """The refresh token that the application has at first."""
        return f"1//sandbox-google-refresh-token-fake-{self.short}-c6f48b20"


ALICE = User("alice", "Alice Adams", seed.BERLIN)
BOB = User("bob", "Bob Baker", seed.NEW_YORK)
CAROL = User("carol", "Carol Chen", seed.TOKYO)
ROOM = User("c_room-tokyo", "Room Tokyo", seed.TOKYO, "resource.calendar.google.com")
ATTENDING = (ALICE, BOB, CAROL)
USERS = (*ATTENDING, ROOM)

OPERATIONS = "c_operations@group.calendar.google.com"
TEAM_CALENDAR = "c_team@group.calendar.google.com"
SHARES = {
    (ALICE.address, CAROL.address): "writer",
    (ALICE.address, BOB.address): "reader",
}
"""The role in which a user sees another's primary calendar."""

TEAM = Sample("team", "Team calendar entry", "peter", 5, "11:00", note="in the calendar Team")
GROUP = Sample("group", "All hands", "olga", 5, "13:00", note="a group is invited, not the mailbox")
OPTIONAL = Sample("optional", "Book club", "vera", 5, "12:00", note="optional")
CONFIDENTIAL = Sample("confidential", "Doctor's appointment", "olga", 5, "08:00", note="private")
COMMENTED = Sample("commented", "Budget talk", "peter", 6, "14:00", note="answered with a comment")
ROOM_BOOKING = Sample(
    "room-booking", "Room booking", "olga", 2, "13:00", zone=seed.TOKYO, note="for the room"
)
VACATION = Sample("vacation", "Out of office", "", 7, None, guests=(), note="out of office")
AT_HOME = Sample("at-home", "Home", "", 2, None, guests=(), note="working location")
REMINDER = Sample("reminder", "Water the plants", "", 2, "17:00", guests=(), note="takes no time")
GROUP_PERSON = Person("Everybody", f"everybody@{DOMAIN}")
THEIR_COMMENT = "With pleasure"

EVENT_TYPES = {
    seed.FOCUS.slug: "focusTime",
    VACATION.slug: "outOfOffice",
    AT_HOME.slug: "workingLocation",
}
TRANSPARENT = frozenset({AT_HOME.slug, REMINDER.slug})


def bulk_user(number: int) -> User:
    """Make one of the further users."""
    return User(f"bulk{number}", f"Bulk {number}", "UTC")


def open_user(world: World, user: User) -> Mailbox:
    """Give the user a primary calendar."""
    calendars = [Calendar(user.address, user.address, primary=True)]
    if user is ALICE:
        calendars += [
            Calendar(TEAM_CALENDAR, "Team"),
            Calendar(OPERATIONS, "Operations", read_only=True),
        ]
    return world.open(
        Mailbox(
            "google",
            user.address,
            user.person,
            user.zone,
            calendars={calendar.id: calendar for calendar in calendars},
        )
    )


def fill(service: Service, world: World) -> None:
    """Create the calendars and put the invitations into them."""
    boxes = {user: open_user(world, user) for user in USERS}
    attending = [boxes[user] for user in ATTENDING]
    alice = attending[0]
    people = seed.organizers(DOMAIN)
    for sample in (*seed.PENDING, *seed.ANSWERED):
        guests = [attending[index] for index in sample.guests]
        meeting = seed.meeting(sample, people[sample.organizer], [box.person for box in guests])
        for box in guests:
            service.invite(box, meeting, status=sample.status, note=sample.note)
    for sample, box, calendar_id in (
        (seed.CANCELLED, alice, None),
        (seed.READ_ONLY, alice, OPERATIONS),
        (TEAM, alice, TEAM_CALENDAR),
        (OPTIONAL, alice, None),
        (CONFIDENTIAL, alice, None),
        (COMMENTED, alice, None),
        (ROOM_BOOKING, boxes[ROOM], None),
    ):
        meeting = seed.meeting(sample, people[sample.organizer], [box.person])
        entry = meeting.attendees[box.person.key]
        entry.kind = (
            "optional" if sample is OPTIONAL else "resource" if box.person == ROOM.person else "required"
        )
        entry.comment = THEIR_COMMENT if sample is COMMENTED else ""
        meeting.private = sample is CONFIDENTIAL
        status = Status.ACCEPTED if sample is COMMENTED else sample.status
        entry.status = status
        service.invite(box, meeting, status=status, calendar_id=calendar_id, note=sample.note)
        if sample is seed.CANCELLED:
            world.cancel(meeting)
    group = seed.meeting(GROUP, people[GROUP.organizer], [GROUP_PERSON])
    service.invite(alice, group, note=GROUP.note)
    own = seed.meeting(seed.OWN, alice.person, [box.person for box in attending[1:]])
    service.invite(alice, own, note=seed.OWN.note)
    for box in attending[1:]:
        service.invite(box, own)
    for sample in (seed.FOCUS, VACATION, AT_HOME, REMINDER):
        service.invite(alice, seed.meeting(sample, alice.person, []), note=sample.note)
