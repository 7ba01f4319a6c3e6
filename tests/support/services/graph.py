"""Microsoft Graph, as the tests know it."""

from __future__ import annotations

from typing import Any

import pendulum

from airflow_provider_rsvp.hooks.msgraph import MSGraphCalendarHook
from airflow_provider_rsvp.sandbox.graph import ids
from airflow_provider_rsvp.services import msgraph
from support.services.service import TOMORROW, ZULU, MatrixReply, Service, Wire


def _time(moment: pendulum.DateTime) -> dict[str, str]:
    return {"dateTime": moment.format("YYYY-MM-DDTHH:mm:ss[.0000000]"), "timeZone": "UTC"}


def _next_page(body: dict[str, Any], link: str, number: int) -> None:
    if "value" in body:
        body["@odata.nextLink"] = link
        body.pop("@odata.deltaLink", None)


WIRE = Wire(
    client=lambda exchange: msgraph.GraphCalendar(exchange, mailbox="alice@contoso.example"),
    read_token=msgraph.read_token,
    list_key="value",
    id_key="id",
    attendees_key="attendees",
    attendee={"emailAddress": {"address": "a@x.example"}, "status": {"response": "accepted"}},
    event={
        "id": "AAkALg=",
        "start": {"dateTime": "2026-01-01T10:00:00.0000000", "timeZone": "UTC"},
        "end": {"dateTime": "2026-01-01T11:00:00.0000000", "timeZone": "UTC"},
    },
    invitation={
        "id": "AAMkOdd=",
        "subject": "The odd one",
        "responseStatus": {"response": "notResponded"},
        "start": _time(TOMORROW),
        "end": _time(TOMORROW.add(hours=1)),
    },
    impossible=[
        {"start": {"dateTime": "0001-01-01T00:00:00", "timeZone": "UTC"}},
        {"start": {"dateTime": "2026-01-01T00:00:00", "timeZone": "Nowhere/At All"}},
        {"end": {"dateTime": "2025-01-01T00:00:00", "timeZone": "UTC"}},
        {"id": ""},
        {"id": None},
        {"attendees": "Olga"},
        {"responseStatus": "accepted"},
    ],
    odd=[
        {"start": {"dateTime": "2026-01-01T00:00:00", "timeZone": "Customized Time Zone"}},
        {"start": {"dateTime": "0001-01-01T00:00:00", "timeZone": "UTC"}},
        {"end": {"dateTime": "9999-12-31T00:00:00", "timeZone": "UTC"}},
        {"end": {"dateTime": "2001-01-01T00:00:00", "timeZone": "UTC"}},
        {"start": {"dateTime": "garbage", "timeZone": "UTC"}},
        {"start": TOMORROW.format(ZULU)},
        {"responseStatus": "accepted"},
        {"responseStatus": {"response": ["accepted"]}},
        {"attendees": "Olga"},
        {"type": ["occurrence"]},
    ],
    harmless=[
        {"attendees": None},
        {"attendees": [None, "x"]},
        {"organizer": "Olga"},
        {"organizer": ["Olga"]},
        {"subject": 7},
        {"categories": [7, None]},
        {"categories": 7},
        *({"iCalUId": uid} for uid in ("a b", "a\0b", "a" * 1100, 7, ["x"])),
    ],
    accepted=lambda looks: looks[-1]["responseStatus"]["response"] in ("accepted", "organizer"),
    next_page=_next_page,
    pages_by_link=True,
    refusal=lambda words: (400, {"error": {"code": words, "message": words}}),
)
GRAPH = Service(
    name="graph",
    title="Microsoft Graph",
    hook=MSGraphCalendarHook,
    client=msgraph.GraphCalendar,
    capabilities=msgraph.CAPABILITIES,
    wire=WIRE,
    conn_id="msgraph_calendar_default",
    static="msgraph_calendar_static",
    asking="msgraph_calendar_default",
    client_secret="password",
    refreshing="msgraph_calendar_delegated",
    token_fields={"msgraph_calendar_default": "login_host", "msgraph_calendar_delegated": "login_host"},
    credentials=(
        "msgraph_calendar_default",
        "msgraph_calendar_delegated",
        "msgraph_calendar_static",
        "msgraph_calendar_certificate",
    ),
    people=("msgraph_calendar_delegated",),
    domain="contoso.example",
    needs={},
    secret="access_token",
    secret_extras=frozenset({"refresh_token", "access_token", "private_key", "private_key_passphrase"}),
    mailbox="alice@contoso.example",
    address="alice@contoso.example",
    colleagues=("bob@contoso.example", "carol@contoso.example"),
    release=ids.immutable("alice", "release"),
    nowhere=ids.default("alice", "nowhere"),
    statuses=("accepted", "tentative", "declined"),
    batches=True,
    operations=("observe", "send"),
    matrix=(
        MatrixReply("Graph, accept", "msgraph_calendar_default", "accepted"),
        MatrixReply("Graph, decline", "msgraph_calendar_default", "declined"),
    ),
)
