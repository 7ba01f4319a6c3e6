"""The portal's users, sections, events and credentials at the start.

Every meeting is a family of rows: the organizer's, which is the parent, and one for each guest.
Row ids are counted in tens: parent 650, Anna's copy 651, Boris' 652, Chiyo's 653; the next meeting 660.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_rsvp.sandbox import seed
from airflow_provider_rsvp.sandbox.seed import Sample
from airflow_provider_rsvp.sandbox.wire import Service
from airflow_provider_rsvp.sandbox.world import Calendar, Mailbox, Person, World

CLIENT_ID = "local.sandbox-bitrix24-client.00000001"
CLIENT_SECRET = "sandbox-bitrix24-client-secret-fake-7ae0d35c91f24b68"  # noqa: S105
MEMBER_ID = "sandboxmemberid0000000000000000a"
SCOPES = frozenset({"calendar", "user"})
DOMAIN = "portal.example"


@dataclass(frozen=True, slots=True)
class User:
    """A user of the portal, with an incoming webhook and an installed application."""

    id: str
    name: str
    zone: str
    short: str

    @property
    def person(self) -> Person:
        """The user as an attendee or organizer."""
        domain = "partner.example" if self.short == seed.OUTSIDE else DOMAIN
        return Person(self.name, f"{self.short}@{domain}")

    @property
    def webhook_code(self) -> str:
        """The secret of the user's incoming webhook."""
        return f"sandboxwebhookcodefake{self.short}4d7a90"

    @property
    def scopeless_webhook_code(self) -> str:
        """Of a webhook that may not use the calendar."""
        return f"sandboxwebhookcodefake{self.short}nocalendar"

    @property
    def access_token(self) -> str:
        """A token that does not expire."""
        return f"sandbox-bitrix24-static-access-token-fake-{self.short}-60b1e9d3"

    @property
    def refresh_token(self) -> str:
        """The refresh token that the application has at first."""
        return f"sandbox-bitrix24-refresh-token-fake-{self.short}-e81c55f0"


ANNA = User("1", "Anna Arnold", seed.BERLIN, "anna")
BORIS = User("2", "Boris Brown", seed.NEW_YORK, "boris")
CHIYO = User("3", "Chiyo Chiba", seed.TOKYO, "chiyo")
EVA = User("8", "Eva Extern", seed.BERLIN, "eva")
"""An external user, who sees no calendars of others."""
ATTENDING = (ANNA, BORIS, CHIYO)
INVITING = {
    key: User(str(number), name, seed.BERLIN, key)
    for number, (key, name) in enumerate(seed.ORGANIZERS.items(), 4)
}
USERS = (*ATTENDING, *INVITING.values(), EVA)

PRIVATE = Sample("private", "Doctor's appointment", "olga", 5, "08:00", note="private event")
OPEN = Sample("open", "Open seminar", "peter", 5, "17:00", guests=(1,), note="open to all of the portal")
QUIET = Sample("quiet", "Silent review", "peter", 6, "11:00", note="the organizer is not notified")
SPLIT_NOTE = "split off the series training"


def bulk_user(number: int) -> User:
    """Make one of the further users."""
    return User(str(1000 + number), f"Bulk {number}", "UTC", f"bulk-{number}")


def open_user(world: World, user: User) -> Mailbox:
    """Give the user a calendar."""
    section = int(user.id) * 10 + 1
    calendars = [Calendar(str(section), "My calendar", primary=True)]
    if user is ANNA:
        calendars.append(Calendar(str(section + 1), "Rota", read_only=True))
    return world.open(
        Mailbox(
            "bitrix24",
            user.id,
            user.person,
            user.zone,
            calendars={calendar.id: calendar for calendar in calendars},
        )
    )


def fill(service: Service, world: World) -> None:
    """Create the users' calendars and put the invitations into them."""
    boxes = {user.id: open_user(world, user) for user in USERS}
    attending = [boxes[user.id] for user in ATTENDING]
    anna = attending[0]
    answered = [sample for sample in seed.ANSWERED if sample.slug != "tentative"]
    for sample in (*seed.PENDING, *answered, seed.CANCELLED, seed.READ_ONLY, PRIVATE, OPEN, QUIET):
        guests = [attending[index] for index in sample.guests]
        meeting = seed.meeting(sample, INVITING[sample.organizer].person, [box.person for box in guests])
        meeting.private = sample is PRIVATE
        meeting.open = sample is OPEN
        meeting.notify = sample is not QUIET
        section = list(anna.calendars)[1] if sample is seed.READ_ONLY else None
        for box in guests:
            service.invite(box, meeting, status=sample.status, calendar_id=section, note=sample.note)
        if sample is seed.CANCELLED:
            world.cancel(meeting)
        if sample.slug == "training":
            split = meeting.occurrence(6, meeting.start + timedelta(days=5, hours=1))
            split.slug = "training-split"
            for box in guests:
                service.invite(box, split, note=SPLIT_NOTE)
    own = seed.meeting(seed.OWN, anna.person, [box.person for box in attending[1:]])
    service.invite(anna, own, note=seed.OWN.note)
    for box in attending[1:]:
        service.invite(box, own)
    service.invite(anna, seed.meeting(seed.FOCUS, anna.person, []), note=seed.FOCUS.note)
