"""Cronofy, as the tests know it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_rsvp.hooks.cronofy import CronofyHook
from airflow_provider_rsvp.services import cronofy
from support.services.service import TOMORROW, ZULU, MatrixReply, Service, Wire


def _accepted(looks: Sequence[Any]) -> bool:
    return any(event.get("participation_status") == "accepted" for look in looks for event in look["events"])


def _next_page(body: dict[str, Any], link: str, number: int) -> None:
    if "events" in body:
        body["pages"] = {"current": 1, "total": 10**9, "next_page": link}


WIRE = Wire(
    client=cronofy.CronofyCalendar,
    read_token=cronofy.read_token,
    list_key="events",
    id_key="event_uid",
    attendees_key="attendees",
    attendee={"email": "a@x.example", "status": "accepted"},
    event={
        "calendar_id": "cal_1",
        "event_uid": "evt_external_1",
        "start": "2026-01-01T10:00:00Z",
        "end": "2026-01-01T11:00:00Z",
    },
    invitation={
        "calendar_id": "cal_alice@exchange-main_02",
        "event_uid": "evt_external_odd",
        "summary": "The odd one",
        "start": TOMORROW.format(ZULU),
        "end": TOMORROW.add(hours=1).format(ZULU),
        "participation_status": "needs_action",
        "options": {"change_participation_status": True},
    },
    impossible=[
        {"start": "2026-13-01"},
        {"start": "2026-01-02T00:00:00"},
        {"start": "2026-01-01"},
        {"start": {"time": "2026-01-01T10:00:00", "tzid": "Nowhere/At All"}},
        {"start": "9999-12-31T23:59:59Z", "end": "9999-12-31T23:59:59Z"},
        {"event_uid": "two words"},
        {"calendar_id": 7},
        {"options": [], "organizer": "Olga"},
    ],
    odd=[
        {"start": "0001-01-01", "end": "0001-01-02"},
        {"start": "9999-12-30", "end": "9999-12-31"},
        {"start": "9999-12-31T23:59:59Z", "end": "9999-12-31T23:59:59Z"},
        {"end": "2001-01-01T00:00:00Z"},
        {"start": "garbage"},
        {"start": TOMORROW.to_date_string()},
        {"start": {"time": "2026-01-01T10:00:00", "tzid": "Customized Time Zone"}},
        {"start": {"time": "2026-01-01T10:00:00", "tzid": ["UTC"]}},
        {"organizer": "Olga"},
        {"organizer": ["Olga"]},
        {"attendees": "Olga"},
        {"options": [1]},
        {"calendar_id": ["x"]},
        {"calendar_id": "two words"},
    ],
    harmless=[
        {"attendees": None},
        {"summary": 7},
        {"categories": [7, None, "x"]},
        {"organizer": None},
        {"categories": "x"},
        {"series_identifier": "a b"},
    ],
    accepted=_accepted,
    next_page=_next_page,
    pages_by_link=True,
    refusal=lambda words: (422, {"errors": {words: [{"key": words, "description": words}]}}),
)
CRONOFY = Service(
    name="cronofy",
    title="Cronofy",
    hook=CronofyHook,
    client=cronofy.CronofyCalendar,
    capabilities=cronofy.CAPABILITIES,
    wire=WIRE,
    conn_id="cronofy_default",
    static="cronofy_default",
    asking="cronofy_refresh",
    client_secret="client_secret",
    refreshing="cronofy_refresh",
    token_fields={"cronofy_refresh": "host"},
    credentials=("cronofy_default", "cronofy_refresh"),
    people=("cronofy_refresh", "cronofy_kenji", "cronofy_nina"),
    needs={},
    secret="password",
    secret_extras=frozenset({"client_secret", "refresh_token"}),
    mailbox="acc_alice",
    address="alice@company.example",
    colleagues=("nina@company.example", "kenji@company.example"),
    release="evt_external_release",
    nowhere="evt_external_nowhere",
    statuses=("accepted", "tentative", "declined"),
    bare=True,
    matrix=(
        MatrixReply("Cronofy, accept", "cronofy_refresh", "accepted"),
        MatrixReply(
            "Cronofy on Exchange, decline",
            "cronofy_refresh",
            "declined",
            slug="exchange-sync",
            calendar_id="cal_alice@exchange-main_02",
        ),
    ),
)
