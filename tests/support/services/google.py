"""Google Calendar, as the tests know it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_rsvp.hooks.google_calendar import GoogleCalendarHook
from airflow_provider_rsvp.sandbox.google import ids
from airflow_provider_rsvp.services import google_calendar
from support.services.service import DEEP, TOMORROW, ZULU, MatrixReply, Service, Wire


def _accepted(looks: Sequence[Any]) -> bool:
    mine = next(entry for entry in looks[-1]["attendees"] if entry.get("self") is True)
    return bool(mine["responseStatus"] == "accepted")


def _next_page(body: dict[str, Any], link: str, number: int) -> None:
    if "items" in body:
        body["nextPageToken"] = link
        body.pop("nextSyncToken", None)


WIRE = Wire(
    client=google_calendar.GoogleCalendar,
    read_token=google_calendar.read_token,
    list_key="items",
    id_key="id",
    attendees_key="attendees",
    attendee={"email": "a@x.example", "responseStatus": "accepted"},
    event={
        "id": "0abcde",
        "etag": '"1"',
        "start": {"dateTime": "2026-01-01T10:00:00Z"},
        "end": {"dateTime": "2026-01-01T12:00:00+01:00"},
    },
    invitation={
        "id": "0odd0",
        "etag": '"1"',
        "summary": "The odd one",
        "start": {"dateTime": TOMORROW.format(ZULU)},
        "end": {"dateTime": TOMORROW.add(hours=1).format(ZULU)},
        "attendees": [{"email": "alice@workspace.example", "self": True, "responseStatus": "needsAction"}],
    },
    impossible=[
        {"start": {"dateTime": "2026-01-01T10:00:00"}},
        {"start": {"dateTime": "2026-01-01T10:00:00", "timeZone": "Nowhere/At All"}},
        {"start": {"date": "2026-01-01"}},
        {"start": {"date": "2026-02-30"}, "end": {"date": "2026-03-01"}},
        {"start": "2026-01-01T10:00:00Z"},
        {"end": {"dateTime": "2025-01-01T00:00:00Z"}},
        {"end": {}},
        {"id": None},
        {"etag": 7},
        {"etag": '"1"\r\nX-Evil: 1'},
        {"attendees": "Olga"},
        {"attendees": ["Olga"]},
        {"organizer": "Olga"},
    ],
    odd=[
        {"start": {"date": "0001-01-01"}, "end": {"date": "0001-01-02"}},
        {"start": {"date": "9999-12-30"}, "end": {"date": "9999-12-31"}},
        {"start": {"date": TOMORROW.to_date_string()}},
        {"start": {"date": 7}, "end": {"date": 7}},
        {"end": {"dateTime": "2001-01-01T00:00:00Z"}},
        {"start": {"dateTime": "2026-01-01T10:00:00", "timeZone": "Customized Time Zone"}},
        {"start": TOMORROW.format(ZULU)},
        {"organizer": "Olga"},
        {"organizer": ["Olga"]},
        {"attendees": "Olga"},
        {"attendees": ["Olga"]},
        {"etag": '"1"\r\nX-Evil: 1'},
        {"eventType": ["default"]},
    ],
    harmless=[
        {"summary": 7},
        {"organizer": None},
        {"visibility": DEEP},
        *({"iCalUID": uid} for uid in ("a b", "a\0b", "a" * 1100, 7, ["x"])),
    ],
    accepted=_accepted,
    next_page=_next_page,
    refusal=lambda words: (
        400,
        {"error": {"code": 400, "message": words, "errors": [{"reason": words, "message": words}]}},
    ),
)
GOOGLE = Service(
    name="google",
    title="Google Calendar",
    hook=GoogleCalendarHook,
    client=google_calendar.GoogleCalendar,
    capabilities=google_calendar.CAPABILITIES,
    wire=WIRE,
    conn_id="google_calendar_default",
    static="google_calendar_static",
    asking="google_calendar_user",
    client_secret="password",
    refreshing="google_calendar_user",
    token_fields={"google_calendar_default": "login_host", "google_calendar_user": "login_host"},
    credentials=("google_calendar_default", "google_calendar_user", "google_calendar_static"),
    people=("google_calendar_user",),
    domain="workspace.example",
    needs={},
    secret="access_token",
    secret_extras=frozenset({"service_account_key", "refresh_token", "access_token"}),
    mailbox="alice@workspace.example",
    address="alice@workspace.example",
    colleagues=("bob@workspace.example", "carol@workspace.example"),
    release=ids.event("alice", "release"),
    nowhere=ids.event("alice", "nowhere"),
    statuses=("accepted", "tentative", "declined", "needs-action"),
    shows=True,
    matrix=(
        MatrixReply("Google, accept", "google_calendar_default", "accepted"),
        MatrixReply("Google, decline", "google_calendar_user", "declined"),
    ),
)
