"""Odd events as the clients read them: mutated ones, crowded ones, and those beside the one that is looked for."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from typing import Any, ClassVar

import pytest
from hostile.corpus.odd_events import CONNECTIONS, END, EVENTS, EVERYBODY, GOOD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.services import SERVICES
from support.services.service import DEEP, NOW, TOMORROW, ZULU

from airflow_provider_rsvp.exceptions import (
    EventNotFoundError,
    MalformedResponseError,
)
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.listing import Kind, listed
from airflow_provider_rsvp.model import EventReference, Invitation, ParticipationStatus, Scope, TimeRange
from airflow_provider_rsvp.plans import Plan
from airflow_provider_rsvp.policies import plan
from airflow_provider_rsvp.services import bitrix24, foreign
from airflow_provider_rsvp.services.client import CalendarClient, Window
from airflow_provider_rsvp.services.foreign import MOST_ATTENDEES
from airflow_provider_rsvp.services.wire import Request, Response

pytestmark = pytest.mark.any_airflow
ANY_TYPE = (
    None,
    True,
    7,
    1.5,
    float("nan"),
    10**400,
    "x",
    "",
    "two words",
    "a\0b",
    "y" * 1100,
    [],
    {},
    ["x"],
)


@pytest.fixture(params=GOOD)
def service(request, sandbox):
    return request.param


# The clients alone, on answers made up or tampered with.

CLIENTS = {each.name: each.wire.client for each in SERVICES.values()} | {
    # Whose user is known, so that it asks for events alone.
    "bitrix24": lambda exchange: bitrix24.Bitrix24Calendar(
        exchange, portal="https://portal.example", user_id=1
    ),
}
WINDOW = Window(NOW, END)


class Exchange:
    """Answers each request with what was prepared for it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        status, body = self.answer(request)
        return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())


def prepared(service: str, events: Any) -> Exchange:
    """An exchange that lists these events; Cronofy's calendars too."""

    def answer(request: Request) -> tuple[int, Any]:
        if request.url == "v1/calendars":
            return 200, {"calendars": [{"calendar_id": "cal_alice@exchange-main_02"}]}
        link = (
            {"@odata.deltaLink": "https://graph.example/delta?$deltatoken=next"}
            if "delta" in request.url
            else {}
        )
        return 200, {EVENTS[service]: events, **link}

    return Exchange(answer)


def read_all(service: str, events: Any) -> list[Invitation]:
    async def read() -> list[Invitation]:
        client = CLIENTS[service](prepared(service, events))
        return [each async for each in client.list_invitations(WINDOW)]

    return asyncio.run(read())


def read_changes(service: str, events: Any, since: str | None = None) -> list[Invitation]:
    client = CLIENTS[service](prepared(service, events))
    return list(asyncio.run(client.changes(WINDOW, since)).invitations)


def read_statuses(service: str, events: Any) -> dict[str | None, ParticipationStatus | None]:
    async def read() -> dict[str | None, ParticipationStatus | None]:
        client = CLIENTS[service](prepared(service, events))
        return {shown.event_id: status async for shown, status in client.list_statuses(WINDOW)}

    return asyncio.run(read())


class Rows(dict[str, list[Any]]):
    """The events of each service; too many to be shown with each example."""

    def __repr__(self) -> str:
        return "the events of each service"


@pytest.fixture(scope="module")
def real(running_sandbox):
    """The events that each service really lists, as it writes them."""
    running_sandbox.faults([])
    running_sandbox.reset()
    found = Rows()
    with pytest.MonkeyPatch.context() as environment:
        for conn_id, connection in running_sandbox.connections().items():
            environment.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        for service, conn_id in CONNECTIONS.items():
            hook = get_calendar_hook(conn_id)
            transport = hook.build(Fields(hook.get_connection(conn_id), hook.conn_type)).transport
            rows: list[Any] = []

            class Recording:
                async def send(self, request, transport=transport, rows=rows, service=service):
                    answer = await transport.send(request)
                    rows.extend(answer.json("list").get(EVENTS[service], []))
                    return answer

            async def record(transport=transport, service=service):
                async with transport:
                    client = CLIENTS[service](Recording())
                    [each async for each in client.list_invitations(WINDOW)]

            asyncio.run(record())
            found[service] = rows
    return found


ODD_VALUES = st.sampled_from(
    [
        *ANY_TYPE,
        "0001-01-01",
        "9999-12-31",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59+14:00",
        "-62135596800",
        "253402300799",
        "Customized Time Zone",
        "../../etc/passwd",
        "\ud800",
        -(10**18),
        1e300,
        float("-inf"),
        DEEP,
    ]
)
JSON = st.recursive(
    ODD_VALUES | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def mutated(rows: list[Any], data: Any) -> tuple[list[Any], Any]:
    """The rows with one value, at any depth of one of them, replaced or taken away; and the id of that one."""
    rows = deepcopy(rows)
    index = data.draw(st.integers(0, len(rows) - 1))
    was = rows[index]
    holder: Any = rows
    key: Any = index
    while isinstance(holder[key], dict | list) and holder[key] and data.draw(st.integers(0, 4)):
        holder = holder[key]
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    original = was.get("id") or was.get("ID") or was.get("event_uid")
    if holder is not rows and data.draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = data.draw(JSON)
    return rows, original


@pytest.mark.parametrize("name", GOOD)
@QUICK
@given(data=st.data())
def test_whatever_one_event_is_like_the_others_are_read_unchanged(real, name, data):
    good = read_all(name, real[name])
    rows, touched = mutated(real[name], data)
    others = [each for each in good if each.reference.event_id != str(touched)]

    for read in (read_all, read_changes):
        found = read(name, rows)
        assert [each for each in others if each not in found] == []
        assert len(found) <= len(good) + 1
    planned = plan(EVERYBODY, found, found, NOW)
    stored = json.loads(json.dumps(planned.to_plain()))
    assert Plan.from_plain(stored).to_plain() == stored
    listed(found, frozenset(Kind))
    statuses = read_statuses(name, rows)
    assert {each.reference.event_id: each.status for each in others}.items() <= statuses.items()


class TestManyAttendees:
    @pytest.mark.parametrize("name", GOOD)
    @pytest.mark.parametrize("count", [MOST_ATTENDEES - 1, MOST_ATTENDEES + 1])
    def test_are_counted_and_not_kept(self, name, count):
        wire = SERVICES[name].wire
        field = wire.attendees_key
        people = [*GOOD[name].get(field, []), *[wire.attendee] * count]
        (found,) = read_all(name, [{**GOOD[name], field: people}])
        assert found.pending
        assert found.attendee_count == len(people)
        if len(people) > MOST_ATTENDEES:
            assert found.attendees is None
        else:
            assert len(found.attendees) == len(people)


class TestLookingForOne:
    """Past what cannot be read; and what was not found is gone only if all was read."""

    START = TOMORROW

    def find(self, service, exchange, **reference):
        client = CLIENTS[service](exchange)
        return asyncio.run(client.observe(EventReference(**reference), Scope.INSTANCE))

    @pytest.mark.parametrize(
        "odd", [None, 7, {}, {"event_uid": ["x"]}, {"event_uid": "other", "start": 7}], ids=str
    )
    def test_cronofy(self, odd):
        exchange = prepared("cronofy", [odd, GOOD["cronofy"], odd])
        assert self.find("cronofy", exchange, event_id="evt_external_odd").pending
        client = CLIENTS["cronofy"](exchange)
        seen = self.find("cronofy", exchange, event_id="evt_external_odd")
        assert asyncio.run(client.read_status(seen)) is ParticipationStatus.NEEDS_ACTION

    def test_cronofy_an_instance_beside_an_odd_one(self):
        instances = [
            {**GOOD["cronofy"], "recurring": True, "start": "garbage"},
            {**GOOD["cronofy"], "recurring": True},
        ]
        exchange = prepared("cronofy", instances)
        found = self.find("cronofy", exchange, event_id="evt_external_odd", original_start=self.START)
        assert found.time.start == self.START
        with pytest.raises(MalformedResponseError):  # which of the two is not certain
            self.find("cronofy", exchange, event_id="evt_external_odd")

    @pytest.mark.parametrize("odd", [None, {}, {"event_uid": "evt_external_odd", "start": 7}], ids=str)
    def test_cronofy_what_may_be_among_the_odd_is_not_gone(self, odd):
        seen = self.find("cronofy", prepared("cronofy", [GOOD["cronofy"]]), event_id="evt_external_odd")
        exchange = prepared("cronofy", [odd])
        with pytest.raises(MalformedResponseError):
            self.find("cronofy", exchange, event_id="evt_external_odd")
        with pytest.raises(MalformedResponseError):
            asyncio.run(CLIENTS["cronofy"](exchange).read_status(seen))

    def test_cronofy_what_is_not_among_others_is_gone(self):
        exchange = prepared("cronofy", [{"event_uid": "evt_external_other", "start": 7}])
        with pytest.raises(EventNotFoundError):
            self.find("cronofy", exchange, event_id="evt_external_odd")

    @pytest.mark.parametrize("name", ["graph", "google"])
    def test_by_uid(self, name):
        exchange = prepared(name, [None, 7, GOOD[name]])
        assert self.find(name, exchange, ical_uid="uid").subject == "The odd one"
        with pytest.raises(MalformedResponseError):
            self.find(name, prepared(name, [None, 7]), ical_uid="uid")
        with pytest.raises(EventNotFoundError):
            self.find(name, prepared(name, []), ical_uid="uid")

    @pytest.mark.parametrize("name", ["graph", "google"])
    def test_an_instance(self, name):
        master: dict[str, Any] = {**GOOD[name], "type": "seriesMaster", "recurrence": ["RRULE:FREQ=DAILY"]}
        original = {"dateTime": self.START.format(ZULU)} if name == "google" else self.START.format(ZULU)
        field = "originalStartTime" if name == "google" else "originalStart"
        instance = {**GOOD[name], "type": "occurrence", field: original}
        instances: list[Any] = [None, {field: ["x"]}, {field: {"date": DEEP}}, instance]

        def answer(request: Request) -> tuple[int, Any]:
            return 200, {EVENTS[name]: instances} if request.url.endswith("instances") else master

        found = self.find(name, Exchange(answer), event_id=GOOD[name]["id"], original_start=self.START)
        assert found.time.start == self.START
        instances.pop()
        with pytest.raises(MalformedResponseError):
            self.find(name, Exchange(answer), event_id=GOOD[name]["id"], original_start=self.START)

    def bitrix24(self, rows):
        theirs = {**GOOD["bitrix24"], "ID": "500", "OWNER_ID": "7", "PARENT_ID": "500"}
        mine = {**GOOD["bitrix24"], "ID": "501", "OWNER_ID": "1", "PARENT_ID": "500", "DAV_XML_ID": "uid"}

        def answer(request: Request) -> tuple[int, Any]:
            if request.url == "batch":
                event = theirs if "=500" in request.json["cmd"]["event"] else mine
                return 200, {"result": {"result": {"event": event, "status": "Q"}}}
            return 200, {"result": rows(mine)}

        return Exchange(answer)

    @pytest.mark.parametrize(
        "odd", [None, {}, {"PARENT_ID": "x"}, {"PARENT_ID": [1], "OWNER_ID": {}}], ids=str
    )
    def test_bitrix24_the_own_copy(self, odd):
        exchange = self.bitrix24(lambda mine: [odd, mine])
        assert self.find("bitrix24", exchange, event_id="500").reference.event_id == "501"

    def test_bitrix24_the_own_copy_may_be_among_the_odd(self):
        with pytest.raises(MalformedResponseError):
            self.find("bitrix24", self.bitrix24(lambda mine: [None]), event_id="500")

    @pytest.mark.parametrize("odd", [None, {}, {"ID": "x", "DAV_XML_ID": "uid"}], ids=str)
    def test_bitrix24_by_uid(self, odd):
        found = self.find(
            "bitrix24", self.bitrix24(lambda mine: [odd, mine]), ical_uid="uid", original_start=self.START
        )
        assert found.reference.event_id == "501"


class TestGraphRounds:
    OCCURRENCE: ClassVar[dict[str, Any]] = {
        "id": "one",
        "type": "occurrence",
        "seriesMasterId": "series",
        "start": GOOD["graph"]["start"],
        "end": GOOD["graph"]["end"],
    }

    def round(self, rows, status=200, master=None):
        def answer(request: Request) -> tuple[int, Any]:
            if "delta" in request.url:
                return 200, {
                    "value": rows,
                    "@odata.deltaLink": "https://graph.example/delta?$deltatoken=next",
                }
            return status, master

        exchange = Exchange(answer)
        return asyncio.run(CLIENTS["graph"](exchange).changes(WINDOW, "before")), exchange

    @pytest.mark.parametrize(
        ("status", "master"),
        [
            (200, []),
            (200, "master"),
            (200, {"responseStatus": "accepted"}),
            (400, {"error": {"code": "ErrorInvalidIdMalformed"}}),
            (403, {"error": {"code": "ErrorAccessDenied"}}),
            (410, {"error": {"code": "Gone"}}),
        ],
    )
    def test_a_series_that_cannot_be_read_ends_no_round(self, status, master):
        two = {**self.OCCURRENCE, "id": "two"}
        found, exchange = self.round([self.OCCURRENCE, two, GOOD["graph"]], status, master)
        assert found.token == "next"
        assert [(each.reference.event_id, each.is_readable) for each in found.invitations] == [
            ("one", False),
            ("two", False),
            ("AAMkOdd=", True),
        ]
        assert len(exchange.asked) == 2

    def test_an_occurrence_of_a_series_that_is_gone_is_left_out(self):
        found, _ = self.round([self.OCCURRENCE, GOOD["graph"]], 404, {"error": {"code": "ErrorItemNotFound"}})
        assert [each.reference.event_id for each in found.invitations] == ["AAMkOdd="]

    @pytest.mark.parametrize("series", ["two words", "a" * 1100])
    def test_a_series_whose_id_is_none(self, series):
        found, exchange = self.round([{**self.OCCURRENCE, "seriesMasterId": series}, GOOD["graph"]])
        assert [each.is_readable for each in found.invitations] == [False, True]
        assert len(exchange.asked) == 1


def test_a_reading_back_leaves_out_what_cannot_be_read():
    class Listing(CalendarClient):
        async def list_invitations(self, window, **_):
            yield foreign.unreadable(window, event_id="AAMkOdd=", why="it cannot be read.")

    async def read():
        return [each async for each in Listing().list_statuses(WINDOW)]

    assert asyncio.run(read()) == []


def test_an_unreadable_event_holds_no_time_and_is_none_that_is_waited_for():
    odd = foreign.unreadable(WINDOW, event_id=None, subject="x" * 5000, why="it cannot be read.")
    assert (odd.pending, odd.can_respond, odd.status) == (False, False, None)
    assert listed([odd]) == []
    assert len(listed([odd], frozenset({Kind.UNANSWERABLE}))) == 1
    mine = Invitation(
        reference=EventReference(event_id="mine"),
        subject="mine",
        time=TimeRange(WINDOW.start, WINDOW.start.add(hours=1)),
        status=ParticipationStatus.NEEDS_ACTION,
    )
    made = plan(EVERYBODY, [mine], [odd, mine], NOW)
    assert [each.rule for each in made.decisions] == ["all"]
