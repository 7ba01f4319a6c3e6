"""The tenant's users, calendars, events, applications and credentials at the start."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from airflow_provider_rsvp.sandbox import seed
from airflow_provider_rsvp.sandbox.graph import ids
from airflow_provider_rsvp.sandbox.seed import Sample
from airflow_provider_rsvp.sandbox.wire import Service
from airflow_provider_rsvp.sandbox.world import Calendar, Mailbox, Person, Status, World

TENANT_ID = "c0a1e500-0000-4000-8000-5a4db0c07e4a"
DOMAIN = "contoso.example"
TENANTS = (TENANT_ID, DOMAIN, "common", "organizations")
CLIENT_ID = "5a4db0c0-1111-4000-8000-000000000001"
CLIENT_SECRET = "sandbox-graph-client-secret-fake-b6f20e7d94a1483c"  # noqa: S105
EXPIRED_SECRET = "sandbox-graph-expired-client-secret-fake-00000000"  # noqa: S105
READONLY_CLIENT_ID = "5a4db0c0-2222-4000-8000-000000000002"
READONLY_CLIENT_SECRET = "sandbox-graph-readonly-client-secret-fake-1d7c"  # noqa: S105
ROLES = {
    CLIENT_ID: frozenset({"Calendars.ReadWrite", "User.Read.All", "MailboxSettings.Read"}),
    READONLY_CLIENT_ID: frozenset({"Calendars.Read", "User.Read.All"}),
}
SECRETS = {CLIENT_ID: CLIENT_SECRET, READONLY_CLIENT_ID: READONLY_CLIENT_SECRET}
SCOPES = frozenset({"Calendars.ReadWrite", "MailboxSettings.Read", "User.Read"})
READONLY_SCOPES = frozenset({"Calendars.Read", "User.Read"})
FOREVER = 4102444800.0
"""The end of the static tokens: the year 2100."""

MY_CALENDARS, OTHER_CALENDARS = "My Calendars", "Other Calendars"


@dataclass(frozen=True, slots=True)
class User:
    """A user of the tenant, with a mailbox unless not ``enabled``."""

    number: int
    short: str
    name: str
    zone: str
    keeps_declined: bool = False
    restricted: bool = False
    """Out of reach for applications (application access policy)."""
    enabled: bool = True

    @property
    def id(self) -> str:
        """The user's object id."""
        return f"00000000-aaaa-4000-8000-{self.number:012d}"

    @property
    def upn(self) -> str:
        """The user principal name, which is the address too."""
        return f"{self.short}@{DOMAIN}"

    @property
    def person(self) -> Person:
        """The user as an attendee or organizer."""
        return Person(self.name, self.upn)

    @property
    def refresh_token(self) -> str:
        """The refresh token that the application has at first."""
        return f"sandbox-graph-refresh-token-fake-{self.short}-a93f70c2"

    @property
    def access_token(self) -> str:
        """A delegated token that does not expire."""
        return jwt(CLIENT_ID, self, SCOPES, FOREVER, "static")

    @property
    def readonly_access_token(self) -> str:
        """The same without the permission to answer."""
        return jwt(CLIENT_ID, self, READONLY_SCOPES, FOREVER, "static-readonly")


ALICE = User(1, "alice", "Alice Adams", seed.BERLIN)
BOB = User(2, "bob", "Bob Baker", seed.NEW_YORK)
CAROL = User(3, "carol", "Carol Chen", seed.TOKYO, keeps_declined=True)
ROOM = User(4, "room-tokyo", "Room Tokyo", seed.TOKYO)
RESTRICTED = User(5, "restricted", "Rosa Restricted", seed.BERLIN, restricted=True)
UNLICENSED = User(6, "unlicensed", "Uwe Unlicensed", seed.BERLIN, enabled=False)
DORA = User(7, "dora", "Dora Diaz", seed.BERLIN, keeps_declined=True)
ERIK = User(8, "erik", "Erik Eklund", seed.NEW_YORK)
ATTENDING = (ALICE, BOB, CAROL)
DEPARTMENT = (DORA, ERIK)
USERS = (*ATTENDING, ROOM, RESTRICTED, UNLICENSED, *DEPARTMENT)

NO_RESPONSE = Sample("no-response", "Company briefing", "vera", 5, "15:00", note="no response requested")
NO_PROPOSALS = Sample("no-proposals", "Keynote", "vera", 5, "16:00", note="no new time proposals allowed")
DRAFT = Sample("draft", "Workshop (draft)", "peter", 6, "10:00", note="draft")
TEAM = Sample("team", "Team calendar entry", "peter", 5, "11:00", note="in the calendar Team")
ROOM_BOOKING = Sample(
    "room-booking", "Room booking", "olga", 2, "13:00", zone=seed.TOKYO, note="for the room"
)
DRILL = Sample("fire-drill", "Fire drill", "olga", 3, "10:00", 30, note="for the department")
AGENDA = (
    Sample("handbook", "Handbook review", "peter", 5, "14:00", status=Status.ACCEPTED),
    Sample("jour-fixe", "Jour fixe", "vera", 8, "09:30", status=Status.TENTATIVE),
    Sample("outlook", "Budget outlook", seed.OUTSIDE, 9, "15:00"),
)
"""Of the first of the department."""
SECRET = Sample("confidential", "Confidential talk", "vera", 2, "13:00", note="no application may see it")


def bulk_user(number: int) -> User:
    """Make one of the further users."""
    return User(1000 + number, f"bulk{number}", f"Bulk {number}", "UTC")


def jwt(client_id: str, user: User | None, scopes: frozenset[str], expires: float, serial: str) -> str:
    """Make an access token that clients can look into; its signature is none."""
    claims: dict[str, object] = {
        "aud": "https://graph.microsoft.com",
        "iss": f"https://sts.windows.net/{TENANT_ID}/",
        "exp": int(expires),
        "appid": client_id,
        "tid": TENANT_ID,
        "uti": f"sandbox-{serial}",
    }
    if user is None:
        claims |= {"idtyp": "app", "roles": sorted(scopes)}
    else:
        claims |= {"idtyp": "user", "scp": " ".join(sorted(scopes)), "upn": user.upn, "oid": user.id}
        claims |= {"name": user.name}
    header = {"alg": "RS256", "kid": "sandbox", "typ": "JWT"}
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in (header, claims)]
    parts.append(b"sandbox-graph-access-token-fake-signature")
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def open_user(world: World, user: User) -> Mailbox:
    """Give the user a mailbox."""
    usual = Calendar(ids.default(user.short, "calendar"), "Calendar", group=MY_CALENDARS, primary=True)
    calendars = [usual]
    if user is ALICE:
        calendars += [
            Calendar(ids.default("alice", "calendar-team"), "Team", group=OTHER_CALENDARS),
            Calendar(
                ids.default("alice", "calendar-readonly"), "Operations", group=OTHER_CALENDARS, read_only=True
            ),
        ]
    return world.open(
        Mailbox(
            "graph",
            user.upn,
            user.person,
            user.zone,
            calendars={calendar.id: calendar for calendar in calendars},
            keeps_declined=user.keeps_declined,
            restricted=user.restricted,
            enabled=user.enabled,
        )
    )


def fill(service: Service, world: World) -> None:
    """Open the mailboxes and lay the invitations into them."""
    boxes = {user: open_user(world, user) for user in USERS}
    attending = [boxes[user] for user in ATTENDING]
    alice = attending[0]
    _, team, readonly = alice.calendars
    people = seed.organizers(DOMAIN)
    for sample in (*seed.PENDING, *seed.ANSWERED):
        guests = [attending[index] for index in sample.guests]
        meeting = seed.meeting(sample, people[sample.organizer], [box.person for box in guests])
        for box in guests:
            service.invite(box, meeting, status=sample.status, note=sample.note)
    for sample, box, calendar_id in (
        (seed.CANCELLED, alice, None),
        (seed.READ_ONLY, alice, readonly),
        (TEAM, alice, team),
        (NO_RESPONSE, alice, None),
        (NO_PROPOSALS, alice, None),
        (DRAFT, alice, None),
        (ROOM_BOOKING, boxes[ROOM], None),
        (SECRET, boxes[RESTRICTED], None),
    ):
        meeting = seed.meeting(sample, people[sample.organizer], [box.person])
        meeting.response_requested = sample is not NO_RESPONSE
        meeting.proposals_allowed = sample is not NO_PROPOSALS
        meeting.draft = sample is DRAFT
        if box.person == ROOM.person:
            meeting.attendees[box.person.key].kind = "resource"
        service.invite(box, meeting, calendar_id=calendar_id, note=sample.note)
        if sample is seed.CANCELLED:
            world.cancel(meeting)
    department = [boxes[user] for user in DEPARTMENT]
    for sample, guests in ((DRILL, department), *((each, department[:1]) for each in AGENDA)):
        meeting = seed.meeting(sample, people[sample.organizer], [box.person for box in guests])
        for box in guests:
            service.invite(box, meeting, status=sample.status, note=sample.note)
    own = seed.meeting(seed.OWN, alice.person, [box.person for box in attending[1:]])
    service.invite(alice, own, note=seed.OWN.note)
    for box in attending[1:]:
        service.invite(box, own)
    service.invite(alice, seed.meeting(seed.FOCUS, alice.person, []), note=seed.FOCUS.note)
