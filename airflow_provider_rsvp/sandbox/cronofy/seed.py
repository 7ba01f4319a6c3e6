"""Cronofy's accounts, calendars, events and credentials at the start."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_rsvp.sandbox import seed
from airflow_provider_rsvp.sandbox.seed import Sample
from airflow_provider_rsvp.sandbox.wire import Service
from airflow_provider_rsvp.sandbox.world import Calendar, Mailbox, Person, World

CLIENT_ID = "sandbox-cronofy-client-id"
CLIENT_SECRET = "sandbox-cronofy-client-secret-fake-31c9f2a87d5e4b60"  # noqa: S105
SCOPES = frozenset({"read_account", "list_calendars", "read_events", "change_participation_status"})


@dataclass(frozen=True, slots=True)
class Account:
    """An account and its calendars, the first of which is the usual one."""

    id: str
    name: str
    zone: str
    calendars: tuple[Calendar, ...]

    @property
    def short(self) -> str:
        """The name inside the ids."""
        return self.id.removeprefix("acc_")

    @property
    def person(self) -> Person:
        """The account's owner."""
        return Person(self.name, f"{self.short}@company.example")

    @property
    def access_token(self) -> str:
        """A token that does not expire."""
        return f"sandbox-cronofy-static-access-token-fake-{self.short}-5f0c7d21"

    @property
    def readonly_access_token(self) -> str:
        """Without the scope to answer."""
        return f"sandbox-cronofy-static-readonly-token-fake-{self.short}-9be4410a"

    @property
    def refresh_token(self) -> str:
        """The refresh token that the application has at first."""
        return f"sandbox-cronofy-refresh-token-fake-{self.short}-c2d8e6f4"


def account(short: str, name: str, zone: str) -> Account:
    """Make an account with one Google calendar, as every account has it."""
    usual = Calendar(f"cal_{short}@google-work_01", "Work", provider="google", primary=True)
    return Account(f"acc_{short}", name, zone, (usual,))


def alice() -> Account:
    """Make the first account, which has a calendar of every kind."""
    plain = account("alice", "Alice Adams", seed.BERLIN)
    return Account(
        plain.id,
        plain.name,
        plain.zone,
        (
            *plain.calendars,
            Calendar("cal_alice@exchange-main_02", "Calendar", provider="exchange"),
            Calendar("cal_alice@readonly-team_03", "Team (shared)", provider="google", read_only=True),
        ),
    )


def accounts() -> tuple[Account, ...]:
    """Make the three accounts."""
    return (
        alice(),
        account("nina", "Nina Novak", seed.NEW_YORK),
        account("kenji", "Kenji Kato", seed.TOKYO),
    )


EXCHANGE = (
    Sample("exchange-sync", "Account review", "olga", 2, "10:00", 45, note="declining deletes it"),
    Sample("exchange-demo", "Customer demo", seed.OUTSIDE, 3, "15:00", note="declining deletes it"),
    Sample("exchange-steering", "Steering committee", "vera", 4, "09:30", note="declining deletes it"),
)
MANAGED = Sample("managed", "Booked through the app", "olga", 5, "14:00", note="managed by the app itself")
LOCKED = Sample("locked", "Company holiday", "vera", 5, "12:00", note="participation cannot be changed")


def open_account(world: World, given: Account) -> Mailbox:
    """Give the account its calendars."""
    return world.open(
        Mailbox(
            "cronofy",
            given.id,
            given.person,
            given.zone,
            calendars={calendar.id: calendar for calendar in given.calendars},
        )
    )


def fill(service: Service, world: World) -> None:
    """Create the accounts and put the invitations into them."""
    boxes = [open_account(world, each) for each in accounts()]
    first = boxes[0]
    google, exchange, readonly = first.calendars
    people = seed.organizers("company.example")
    for sample in (*seed.PENDING, *seed.ANSWERED):
        guests = [boxes[index] for index in sample.guests]
        meeting = seed.meeting(sample, people[sample.organizer], [box.person for box in guests])
        for box in guests:
            service.invite(box, meeting, status=sample.status, note=sample.note)
    for sample, calendar_id in (
        (seed.CANCELLED, google),
        (seed.READ_ONLY, readonly),
        (LOCKED, google),
        (MANAGED, google),
        *((sample, exchange) for sample in EXCHANGE),
    ):
        meeting = seed.meeting(sample, people[sample.organizer], [first.person])
        copy = service.invite(first, meeting, calendar_id=calendar_id, note=sample.note)
        copy.changeable = sample not in (LOCKED, MANAGED)
        if sample is seed.CANCELLED:
            world.cancel(meeting)
    own = seed.meeting(seed.OWN, first.person, [box.person for box in boxes[1:]])
    service.invite(first, own, note=seed.OWN.note)
    for box in boxes[1:]:
        service.invite(box, own)
    service.invite(first, seed.meeting(seed.FOCUS, first.person, []), note=seed.FOCUS.note)
