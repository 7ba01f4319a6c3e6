"""What changed on a calendar since the last look, on every service."""

from __future__ import annotations

import asyncio
import json

import pendulum
import pytest
from support.replies import reply
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import (
    InvalidInputError,
    MalformedResponseError,
    ServiceUnavailableError,
)
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import ParticipationStatus, Recurrence
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.msgraph import GraphCalendar
from airflow_provider_rsvp.services.wire import Response

NOW = pendulum.now("UTC").start_of("hour")
WINDOW = Window(NOW, NOW.add(days=14))


def changes(conn_id, since, window=WINDOW, **where):
    async def ask():
        async with get_calendar_hook(conn_id).calendar() as calendar:
            return await calendar.client.changes(window, since, **where)

    return asyncio.run(ask())


def listed(conn_id, window=WINDOW):
    async def ask():
        async with get_calendar_hook(conn_id).calendar() as calendar:
            return [each async for each in calendar.client.list_invitations(window)]

    return asyncio.run(ask())


def subjects(found):
    return sorted(each.subject for each in found.invitations)


@pytest.fixture(params=SERVICES)
def service(request, sandbox):
    each = SERVICES[request.param]
    return each.name, each.static, each.mailbox


class TestEveryService:
    def test_the_first_look_reads_what_a_listing_reads(self, service):
        _, conn_id, _ = service
        found = changes(conn_id, None)
        assert found.complete
        key = lambda each: (str(each.reference), str(each.time.start))  # noqa: E731
        assert sorted(found.invitations, key=key) == sorted(listed(conn_id), key=key)
        assert {each.status for each in found.invitations} >= {ParticipationStatus.NEEDS_ACTION}

    def test_a_new_invitation_and_one_that_was_answered_are_among_the_changes(self, service, sandbox):
        name, conn_id, mailbox = service
        first = changes(conn_id, None)
        sandbox.invite(
            service=name, mailbox=mailbox, subject="Brand new", start=NOW.add(days=2, hours=3).isoformat()
        )
        reply(conn_id, "accepted", event_id=sandbox.event_id(name, "release", mailbox))

        found = changes(conn_id, first.token)

        by_subject = {each.subject: each.status for each in found.invitations}
        assert by_subject["Brand new"] is ParticipationStatus.NEEDS_ACTION
        assert by_subject["Release go/no-go"] is ParticipationStatus.ACCEPTED

    def test_what_lies_outside_the_window_is_left_out(self, service, sandbox):
        name, conn_id, mailbox = service
        first = changes(conn_id, None)
        sandbox.invite(service=name, mailbox=mailbox, subject="Far away", start=NOW.add(days=40).isoformat())
        assert "Far away" not in subjects(changes(conn_id, first.token))

    def test_a_cancelled_one_does_not_wait_for_an_answer(self, service, sandbox):
        name, conn_id, mailbox = service
        event_id = sandbox.event_id(name, "release", mailbox)
        first = changes(conn_id, None)
        sandbox.cancel(name, event_id)
        found = changes(conn_id, first.token)
        assert [
            each for each in found.invitations if each.subject == "Release go/no-go" and each.pending
        ] == []


@pytest.mark.parametrize("name", ["cronofy", "graph", "google"])
def test_only_what_changed_is_read(sandbox, name):
    conn_id, mailbox = SERVICES[name].static, SERVICES[name].mailbox
    first = changes(conn_id, None)
    second = changes(conn_id, first.token)
    assert not second.complete
    sandbox.invite(service=name, mailbox=mailbox, subject="Brand new", start=NOW.add(days=2).isoformat())
    if name != "cronofy":  # whose times overlap, and all of the sandbox was made a moment ago
        assert second.invitations == ()
        assert subjects(changes(conn_id, second.token)) == ["Brand new"]


def test_cronofy_asks_for_what_was_modified_since_a_little_before_the_last_look(sandbox):
    before = pendulum.now("UTC")
    token = changes("cronofy_default", None).token
    assert before.subtract(minutes=6) < pendulum.parse(token) < before
    in_an_hour = pendulum.now("UTC").add(hours=1).format("YYYY-MM-DDTHH:mm:ss[Z]")
    assert changes("cronofy_default", in_an_hour).invitations == ()


def test_bitrix24_reads_everything_each_time(sandbox):
    first = changes("bitrix24_default", None)
    second = changes("bitrix24_default", "whatever")
    assert (first.token, second.token, second.complete) == (None, None, True)
    assert first.invitations == second.invitations


class TestGraph:
    def test_pages_are_followed_to_the_last(self, sandbox):
        for number in range(260):
            sandbox.invite(
                service="graph",
                mailbox=SERVICES["graph"].mailbox,
                subject=f"No. {number:03}",
                start=NOW.add(days=1).isoformat(),
            )
        found = changes("msgraph_calendar_static", None)
        assert {f"No. {number:03}" for number in range(260)} <= set(subjects(found))

    @pytest.mark.parametrize("since", ["bm9uc2Vuc2U=", "no base64 at all"])
    def test_a_token_that_has_ended_means_to_read_everything_anew(self, sandbox, since):
        whole = changes("msgraph_calendar_static", None)
        again = changes("msgraph_calendar_static", since)
        assert again.complete
        assert subjects(again) == subjects(whole)
        assert subjects(changes("msgraph_calendar_static", again.token)) == []

    def test_a_reset_of_the_service_means_to_read_everything_anew(self, sandbox):
        token = changes("msgraph_calendar_static", None).token
        sandbox.reset()
        assert changes("msgraph_calendar_static", token).complete

    def test_a_mailbox_and_a_calendar_may_be_named(self, sandbox):
        bob = changes("msgraph_calendar_default", None, mailbox="bob@contoso.example")
        assert {each.reference.mailbox for each in bob.invitations} == {"bob@contoso.example"}
        primary = changes("msgraph_calendar_static", None, calendar_id="primary")
        assert {each.reference.calendar_id for each in primary.invitations} == {"primary"}

    def test_the_token_names_no_mailbox(self, sandbox):
        token = changes("msgraph_calendar_default", None, mailbox="bob@contoso.example").token
        assert "bob" not in token
        assert "/" not in token

    def test_a_window_that_is_too_long_is_refused(self, sandbox):
        with pytest.raises(InvalidInputError, match="1825 days"):
            changes("msgraph_calendar_static", None, Window(NOW, NOW.add(days=2000)))


class Prepared:
    """An exchange that answers each address in its own way."""

    def __init__(self, **responses):
        self.responses = responses
        self.asked = []

    async def send(self, request):
        self.asked.append(request.url)
        body = self.responses[request.url.rpartition("/")[2]]
        status = 200
        if "error" in body:
            status = 404 if body["error"]["code"] == "ErrorItemNotFound" else 410
        return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())


def at(clock):
    return {"dateTime": f"2039-12-05T{clock}:00.0000000", "timeZone": "UTC"}


MASTER = {
    "id": "series",
    "type": "seriesMaster",
    "subject": "Standup",
    "responseStatus": {"response": "notResponded"},
    "isOrganizer": False,
    "start": at("09:00"),
    "end": at("09:15"),
}
BARE = {
    "id": "one",
    "type": "occurrence",
    "seriesMasterId": "series",
    "start": at("10:00"),
    "end": at("10:15"),
}
ENDED = {"@odata.deltaLink": "https://graph.example/v1.0/me/calendarView/delta?$deltatoken=next"}


def read(since=None, **responses):
    exchange = Prepared(**responses)
    client = GraphCalendar(exchange)
    return asyncio.run(client.changes(WINDOW, since)), exchange


class TestGraphRounds:
    @pytest.mark.parametrize("value", [[MASTER, BARE], [BARE, MASTER], [BARE]])
    def test_a_bare_occurrence_is_read_with_its_series(self, value):
        """In a delta, an occurrence may say no more than when it is."""
        found, exchange = read(delta={"value": value, **ENDED}, series=MASTER)
        (invitation,) = found.invitations
        assert invitation.subject == "Standup"
        assert invitation.recurrence is Recurrence.INSTANCE
        assert (invitation.series_id, invitation.reference.event_id) == ("series", "one")
        assert invitation.time.start == pendulum.datetime(2039, 12, 5, 10)
        assert invitation.reference.original_start == invitation.time.start
        assert invitation.pending
        assert len(exchange.asked) == (1 if MASTER in value else 2)

    def test_an_occurrence_whose_series_is_gone_meanwhile_is_left_out(self):
        found, _ = read(delta={"value": [BARE], **ENDED}, series={"error": {"code": "ErrorItemNotFound"}})
        assert found.invitations == ()

    def test_what_was_removed_is_left_out(self):
        gone = {"id": "one", "@removed": {"reason": "deleted"}}
        found, _ = read(delta={"value": [BARE, MASTER, gone], **ENDED})
        assert found.invitations == ()
        assert found.token == "next"

    def test_what_comes_twice_counts_once(self):
        single = {**MASTER, "type": "singleInstance"}
        found, _ = read(delta={"value": [single, {**single, "subject": "Later"}], **ENDED})
        assert subjects(found) == ["Later"]

    @pytest.mark.parametrize(
        "link", [None, 7, "https://graph.example/v1.0/me/calendarView/delta", "https://["]
    )
    def test_a_round_without_a_token_for_the_next_is_malformed(self, link):
        with pytest.raises(MalformedResponseError):
            read(delta={"value": [], "@odata.deltaLink": link})

    def test_a_service_that_ends_every_round_is_not_asked_forever(self):
        body = {"error": {"code": "resyncRequired", "message": "Again."}}
        exchange = Prepared(delta=body)
        with pytest.raises(ServiceUnavailableError, match="have to be read again"):
            asyncio.run(GraphCalendar(exchange).changes(WINDOW, "token"))
        assert len(exchange.asked) == 2
