"""What the tests of iCalendar objects share: how one is written and read."""

from __future__ import annotations

import pendulum
from hypothesis import settings

from airflow_provider_rsvp.model import EventReference, Scope
from airflow_provider_rsvp.services.caldav import Software
from airflow_provider_rsvp.services.caldav.discovery import Collection, Home, Server
from airflow_provider_rsvp.services.caldav.invitations import InvitationReader
from airflow_provider_rsvp.services.caldav.marks import Marks
from airflow_provider_rsvp.services.caldav.objects import CalendarObject
from airflow_provider_rsvp.services.caldav.places import EventId
from airflow_provider_rsvp.services.caldav.store import Resource
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.times import UTC, parse_zone

MINE = frozenset({"mailto:alice@example.test"})
BERLIN = parse_zone("Europe/Berlin")
MARKS = Marks("a password", "alice")
QUICK = settings(max_examples=150)


def event(*lines, start="DTSTART:20400105T100000Z", end="DTEND:20400105T110000Z", uid="1"):
    return [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260101T000000Z",
        *([start] if start else []),
        *([end] if end else []),
        "ORGANIZER;CN=Bob:mailto:bob@example.test",
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.test",
        "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:alice@example.test",
        *lines,
        "END:VEVENT",
    ]


def calendar(*components):
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//t//t//EN",
        *(line for component in components for line in component),
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines).encode()


def read(*components, floating=UTC):
    return CalendarObject.read(calendar(*components), floating)


def starts(obj, first, last, floating=UTC):
    found = obj.within(Window(pendulum.parse(first), pendulum.parse(last)), floating)
    return [each.time.start.isoformat() for each in found]


def home(zone=UTC):
    calendars = (Collection("work", "/home/work/", "Work", False, zone),)
    server = Server.of({"dav": "calendar-auto-schedule"}, Software.OTHER)
    return Home("/home/", "alice", MINE, calendars, calendars[0], server)


def reader(zone=UTC):
    return InvitationReader(home(zone), MARKS, lambda link: link.startswith("https://calendar.example/"))


def chosen(data, event_id="work/a.ics", scope=Scope.INSTANCE, zone=UTC, **reference):
    resource = Resource("/home/work/a.ics", '"1"', None, data)
    named = EventId.parse(event_id)
    reference = EventReference(event_id=event_id, **reference)
    return reader(zone).chosen(resource, named, reference, scope).invitation


CUSTOM = [
    "BEGIN:VTIMEZONE",
    "TZID:{name}",
    "BEGIN:STANDARD",
    "DTSTART:19700101T000000",
    "TZOFFSETFROM:{offset}",
    "TZOFFSETTO:{offset}",
    "END:STANDARD",
    "END:VTIMEZONE",
]


def zone(name, offset):
    return [line.format(name=name, offset=offset) for line in CUSTOM]
