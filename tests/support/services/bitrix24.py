"""Bitrix24, as the tests know it."""

from __future__ import annotations

from typing import Any

from airflow_provider_rsvp.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_rsvp.services import bitrix24
from support.services.service import TOMORROW, MatrixReply, Service, Wire


def _next_page(body: dict[str, Any], link: str, number: int) -> None:
    body |= {"next": number, "total": 10**9}


WIRE = Wire(
    client=lambda exchange: bitrix24.Bitrix24Calendar(exchange, portal="https://portal.example"),
    read_token=bitrix24.read_token,
    list_key="result",
    id_key="ID",
    attendees_key="ATTENDEE_LIST",
    attendee={"id": 7, "status": "Y"},
    event={"ID": "651", "DATE_FROM_TS_UTC": "1767261600", "DATE_TO_TS_UTC": "1767265200"},
    invitation={
        "ID": "9999",
        "NAME": "The odd one",
        "DATE_FROM_TS_UTC": str(int(TOMORROW.timestamp())),
        "DATE_TO_TS_UTC": str(int(TOMORROW.add(hours=1).timestamp())),
        "IS_MEETING": True,
        "MEETING_STATUS": "Q",
        "MEETING_HOST": "7",
    },
    impossible=[
        {"DATE_FROM_TS_UTC": "soon"},
        {"DATE_FROM_TS_UTC": "1" * 30, "DATE_TO_TS_UTC": "1" * 30},
        {"DATE_TO_TS_UTC": "0"},
        {"TZ_FROM": "Nowhere/At All"},
        {
            "DT_SKIP_TIME": "Y",
            "DATE_FROM_FORMATTED": "Fri Dec 31 9999",
            "DATE_TO_FORMATTED": "Fri Dec 31 9999",
        },
        {"DT_SKIP_TIME": "Y", "DATE_FROM_FORMATTED": "Someday"},
    ],
    odd=[
        {"DATE_FROM_TS_UTC": "-62135596800"},
        {"DATE_TO_TS_UTC": "253402300799"},
        {"DATE_FROM_TS_UTC": 10**400},
        {"DATE_FROM_TS_UTC": float("nan")},
        {"DATE_TO_TS_UTC": "0"},
        {"DATE_FROM_TS_UTC": "soon"},
        {"TZ_FROM": "Customized Time Zone"},
        {
            "DT_SKIP_TIME": "Y",
            "DATE_FROM_FORMATTED": "Mon Jan 01 0001",
            "DATE_TO_FORMATTED": "Mon Jan 01 0001",
        },
        {
            "DT_SKIP_TIME": "Y",
            "DATE_FROM_FORMATTED": "Fri Dec 31 9999",
            "DATE_TO_FORMATTED": "Fri Dec 31 9999",
        },
        {"RRULE": "FREQ=NEVER", "DT_LENGTH": -3600},
        {"RRULE": {"FREQ": 7}, "DT_LENGTH": [1]},
        {"MEETING_STATUS": ["Q"]},
        {"SECTION_ID": "two words"},
    ],
    harmless=[
        {"ATTENDEE_LIST": None},
        {"ATTENDEE_LIST": "x"},
        {"NAME": [7]},
        {"MEETING": "x"},
        *({"DAV_XML_ID": uid} for uid in ("a b", "a\0b", "a" * 1100, 7, ["x"])),
    ],
    accepted=lambda looks: looks[-1]["result"] in ("Y", "H"),
    next_page=_next_page,
    refusal=lambda words: (500, {"error": words, "error_description": words}),
    overload=(503, {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}),
)
BITRIX24 = Service(
    name="bitrix24",
    title="Bitrix24",
    hook=Bitrix24Hook,
    client=bitrix24.Bitrix24Calendar,
    capabilities=bitrix24.CAPABILITIES,
    wire=WIRE,
    conn_id="bitrix24_default",
    static="bitrix24_default",
    asking="bitrix24_oauth",
    client_secret="client_secret",
    refreshing="bitrix24_oauth",
    token_fields={"bitrix24_oauth": "token_url"},
    credentials=("bitrix24_default", "bitrix24_oauth", "bitrix24_address"),
    people=("bitrix24_oauth", "bitrix24_boris", "bitrix24_chiyo"),
    needs={"host": "portal.example", "login": "1"},
    secret="password",
    secret_extras=frozenset({"client_secret", "refresh_token", "access_token"}),
    mailbox="1",
    address="anna@portal.example",
    colleagues=("user 2", "user 3"),
    release="671",
    nowhere="999999",
    statuses=("accepted", "declined", "needs-action"),
    bare=True,
    batches=True,
    look="batch",
    looks=0,
    commands=2,
    operations=("observe", "send", "batch", "account"),
    matrix=(
        MatrixReply("Bitrix24, accept", "bitrix24_oauth", "accepted"),
        MatrixReply("Bitrix24, decline", "bitrix24_oauth", "declined"),
    ),
)
