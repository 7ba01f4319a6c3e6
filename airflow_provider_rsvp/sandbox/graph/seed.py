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
FRIDA = User(9, "frida", "Frida Falk", seed.BERLIN)
GINA = User(10, "gina", "Gina Greco", seed.BERLIN)
HUGO = User(11, "hugo", "Hugo Hoshi", seed.TOKYO)
INES = User(12, "ines", "Ines Ibarra", seed.NEW_YORK)
JONAS = User(13, "jonas", "Jonas Jensen", seed.TOKYO)
KIRA = User(14, "kira", "Kira Klein", seed.BERLIN)
LENA = User(15, "lena", "Lena Lang", seed.BERLIN)
MIKA = User(16, "mika", "Mika Moore", seed.NEW_YORK)
NORA = User(17, "nora", "Nora Nowak", seed.BERLIN)
OSKAR = User(18, "oskar", "Oskar Olsen", seed.BERLIN)
PAULA = User(19, "paula", "Paula Pohl", seed.BERLIN)
ATTENDING = (ALICE, BOB, CAROL)
OF_EXAMPLES = (DORA, ERIK, FRIDA, GINA, HUGO, INES, JONAS, KIRA, LENA, MIKA, NORA, OSKAR, PAULA)
"""Each example DAG that answers for a whole mailbox has one that no other example touches."""
USERS = (*ATTENDING, ROOM, RESTRICTED, UNLICENSED, *OF_EXAMPLES)

NO_RESPONSE = Sample("no-response", "Company briefing", "vera", 5, "15:00", note="no response requested")
NO_PROPOSALS = Sample("no-proposals", "Keynote", "vera", 5, "16:00", note="no new time proposals allowed")
DRAFT = Sample("draft", "Workshop (draft)", "peter", 6, "10:00", note="draft")
TEAM = Sample("team", "Team calendar entry", "peter", 5, "11:00", note="in the calendar Team")
ROOM_BOOKING = Sample(
    "room-booking", "Room booking", "olga", 2, "13:00", zone=seed.TOKYO, note="for the room"
)
SECRET = Sample("confidential", "Confidential talk", "vera", 2, "13:00", note="no application may see it")

_COMMON = {sample.slug: sample for sample in (*seed.PENDING, *seed.ANSWERED)}


def _common(*slugs: str) -> tuple[Sample, ...]:
    return tuple(_COMMON[slug] for slug in slugs)


EXAMPLES: tuple[tuple[str, tuple[User, ...], tuple[Sample, ...]], ...] = (
    ("rsvp_approval", (NORA,), _common("standup", "planning", "review", "board", "interview", "training")),
    ("rsvp_department", (ERIK, FRIDA), (Sample("fire-drill", "Fire drill", "olga", 3, "10:00", 30),)),
    ("rsvp_leave", (LENA,), (*_common("standup", "offsite", "training"), NO_RESPONSE, NO_PROPOSALS)),
    ("rsvp_leave", (MIKA,), _common("standup", "interview", "training")),
    ("rsvp_mapped", (INES, JONAS), _common("standup")),
    ("rsvp_mapped", (INES,), _common("planning", "training", "ny-sync", "accepted")),
    ("rsvp_mapped", (JONAS,), _common("tokyo-sync")),
    (
        "rsvp_offboarding",
        (DORA,),
        (
            Sample("handbook", "Handbook review", "peter", 5, "14:00", status=Status.ACCEPTED),
            Sample("jour-fixe", "Jour fixe", "vera", 8, "09:30", status=Status.TENTATIVE),
            Sample("outlook", "Budget outlook", seed.OUTSIDE, 9, "15:00"),
        ),
    ),
    (
        "rsvp_pipeline_plan",
        (GINA,),
        (
            *_common("release"),
            Sample("rehearsal", "Release rehearsal", "peter", 1, "14:00", status=Status.ACCEPTED),
        ),
    ),
    ("rsvp_planned", (HUGO,), _common("release", "board", "interview")),
    ("rsvp_scheduled", (KIRA,), _common("standup", "review", "interview")),
    ("rsvp_working_hours", (OSKAR,), _common("review", "offsite", "interview", "retro")),
)
"""What the mailboxes of the examples hold: the DAG that it is for, whom it invites, and to what."""
APPROVAL = Sample("approval", "Release approval", "", 2, "11:00", note="for rsvp_wait_for_approvers")
BUSY = Sample("busy", "Handover", "", 4, "15:30", 90, guests=(), note="for rsvp_working_hours")


def bulk_user(number: int) -> User:
    """Make one of the further users."""
    return User(1000 + number, f"bulk{number}", f"Bulk {number}", "UTC")


def jwt(client_id: str, user: User | None, scopes: frozenset[str], expires: float, serial: str) -> str:
    """Make an access token whose claims clients can read; its signature is not valid."""
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
    """Create the mailboxes and put the invitations into them."""
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
    own = seed.meeting(seed.OWN, alice.person, [box.person for box in attending[1:]])
    service.invite(alice, own, note=seed.OWN.note)
    for box in attending[1:]:
        service.invite(box, own)
    service.invite(alice, seed.meeting(seed.FOCUS, alice.person, []), note=seed.FOCUS.note)
    _fill_for_examples(service, boxes, people)


def _fill_for_examples(service: Service, boxes: dict[User, Mailbox], people: dict[str, Person]) -> None:
    for dag_id, users, samples in EXAMPLES:
        guests = [boxes[user] for user in users]
        for sample in samples:
            meeting = seed.meeting(sample, people[sample.organizer], [box.person for box in guests])
            # If two examples have the same meeting, it is made twice.
            meeting.ical_uid = f"{sample.slug}.{users[0].short}@sandbox.example"
            meeting.response_requested = sample is not NO_RESPONSE
            meeting.proposals_allowed = sample is not NO_PROPOSALS
            for box in guests:
                service.invite(box, meeting, status=sample.status, note=f"for {dag_id}")
    approval = seed.meeting(APPROVAL, PAULA.person, [BOB.person, CAROL.person])
    service.invite(boxes[PAULA], approval, note=APPROVAL.note)
    service.invite(boxes[OSKAR], seed.meeting(BUSY, OSKAR.person, []), note=BUSY.note)
