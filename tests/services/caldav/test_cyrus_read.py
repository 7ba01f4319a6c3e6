"""CalDAV on a real server: what is listed, found and changed there, and what is waited for."""

from __future__ import annotations

import asyncio

import pendulum
import pytest
from support.cyrus_server import ALICE, BOB, CALENDAR, DOMAIN, calendar_text
from support.replies import listing, look, reply

from airflow_provider_rsvp.exceptions import CredentialsError, EventNotFoundError, InvalidInputError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import Recurrence
from airflow_provider_rsvp.sensors.participation_status import ParticipationStatusSensor
from airflow_provider_rsvp.services.client import Window

pytestmark = pytest.mark.any_airflow

CONN = "caldav_default"
WEEKLY = "RRULE:FREQ=WEEKLY;UNTIL=20400301T100000Z"
SECOND = "20400112T100000Z"
JANUARY = ("2040-01-01T00:00:00Z", "2040-02-01T00:00:00Z")


def mine(found, event):
    return [each for each in found if each.reference.ical_uid == event.uid]


class TestListing:
    def test_shows_what_waits_for_an_answer(self, cyrus, proxy):
        event = cyrus.invite(
            "CLASS:PRIVATE",
            "CATEGORIES:work,plan\\,ning",
            "DESCRIPTION:All of it\\, and more",
            f"URL:{proxy.url}/calendar/1",
            "TRANSP:TRANSPARENT",
        )
        (found,) = mine(listing(CONN, *JANUARY), event)
        assert (
            found == look(CONN, event_id=event.event_id)
            or found.to_plain() == look(CONN, event_id=event.event_id).to_plain()
        )
        assert found.pending
        assert found.subject == "Planning"
        assert (found.organizer.address, found.organizer.name) == (BOB, "Bob Brown")
        assert found.attendee_count == 3
        assert found.required
        assert found.body == "All of it, and more"
        assert str(found.sensitivity) == "private"
        assert str(found.free_busy) == "free"
        assert found.link == f"{proxy.url}/calendar/1"

    def test_shows_instances_one_by_one(self, cyrus):
        event = cyrus.invite(WEEKLY, "EXDATE:20400119T100000Z")
        reply(CONN, "accepted", event_id=f"{event.event_id}#{SECOND}")
        found = mine(listing(CONN, *JANUARY), event)
        assert [(each.time.start.day, str(each.status)) for each in found] == [
            (5, "needs-action"),
            (12, "accepted"),
            (26, "needs-action"),
        ]
        assert {each.recurrence for each in found} == {Recurrence.INSTANCE}
        assert {each.series_id for each in found} == {event.event_id}
        for each in found:
            assert look(CONN, event_id=each.reference.event_id).time == each.time

    def test_keeps_to_the_window(self, cyrus):
        event = cyrus.invite()
        assert mine(listing(CONN, "2040-01-05T11:00:00Z", "2040-01-06T00:00:00Z"), event) == []
        assert mine(listing(CONN, "2040-01-05T00:00:00Z", "2040-01-05T10:00:00Z"), event) == []
        assert len(mine(listing(CONN, "2040-01-05T10:59:00Z", "2040-01-06T00:00:00Z"), event)) == 1

    def test_takes_a_calendar_by_name(self, cyrus):
        event = cyrus.invite()
        assert mine(listing(CONN, *JANUARY, calendar_id=CALENDAR), event)
        with pytest.raises(EventNotFoundError, match=r"^calendar_id: .* it shows: personal \(Default\)"):
            listing(CONN, *JANUARY, calendar_id="Nowhere")


class TestChanges:
    def changes(self, since=None, window=JANUARY):
        async def read():
            async with get_calendar_hook(CONN).calendar() as calendar:
                start, end = (pendulum.parse(each) for each in window)
                return await calendar.client.changes(Window(start, end), since)

        return asyncio.run(read())

    def test_everything_comes_first_and_then_what_is_new(self, cyrus):
        before = cyrus.invite()
        first = self.changes()
        assert first.complete
        assert mine(first.invitations, before)

        second = self.changes(first.token)
        assert (second.invitations, second.complete) == ((), False)

        new, far = cyrus.invite(WEEKLY), cyrus.invite(DTSTART="20400605T100000Z", DTEND="20400605T110000Z")
        third = self.changes(second.token)
        assert not third.complete
        assert len(mine(third.invitations, new)) == 4
        assert mine(third.invitations, far) == mine(third.invitations, before) == []
        assert self.changes(third.token).invitations == ()

    def test_a_changed_event_comes_as_it_stands(self, cyrus):
        event = cyrus.invite()
        token = self.changes().token
        event.change(SUMMARY="Planning again")
        (found,) = self.changes(token).invitations
        assert found.subject == "Planning again"

    def test_a_deleted_event_does_not_come(self, cyrus):
        event = cyrus.invite()
        token = self.changes().token
        cyrus.delete("alice", event.uid)
        assert self.changes(token).invitations == ()

    @pytest.mark.parametrize("since", ["sync:data:,1-1", "sync:nonsense", "ctag:old", "nonsense"])
    def test_a_token_that_ended_means_everything(self, cyrus, since):
        event = cyrus.invite()
        changes = self.changes(since)
        assert changes.complete
        assert mine(changes.invitations, event)
        assert self.changes(changes.token).invitations == ()


class TestDiscovery:
    @pytest.mark.parametrize(
        "path", ["", "/", "/dav", "/dav/", "/dav/principals/user/alice/", "/dav/calendars/user/alice"]
    )
    def test_from_a_host_or_an_address(self, cyrus, connect, proxy, path):
        event = cyrus.invite()
        conn_id = connect(proxy.url + path)
        assert look(conn_id, event_id=event.event_id).subject == "Planning"

    def test_a_redirect_to_another_host_is_not_followed(self, cyrus, proxy):
        from airflow_provider_rsvp.exceptions import UntrustedHostError

        proxy.faults({"kind": "redirect", "operation": "discover"})
        with pytest.raises(UntrustedHostError, match=r"elsewhere\.example"):
            look(CONN, event_id=f"{CALENDAR}/a.ics")
        assert len(proxy.seen) == 1

    def test_redirects_in_a_circle(self, cyrus, proxy):
        from airflow_provider_rsvp.exceptions import MalformedResponseError

        proxy.faults(
            {"kind": "status", "status": 301, "headers": {"Location": "/.well-known/caldav"}, "times": None}
        )
        with pytest.raises(MalformedResponseError, match="in a circle"):
            look(CONN, event_id=f"{CALENDAR}/a.ics")

    def test_a_wrong_password(self, cyrus, proxy, connect):
        with pytest.raises(CredentialsError, match="app password"):
            look(connect(proxy.url, password="wrong-password"), event_id=f"{CALENDAR}/a.ics")

    def test_credentials_are_sent_from_the_start(self, cyrus, proxy):
        listing(CONN, *JANUARY)
        assert all(each.headers["Authorization"].startswith("Basic ") for each in proxy.seen)

    def test_it_is_done_once_for_a_hook(self, cyrus, proxy):
        with get_calendar_hook(CONN) as hook:
            hook.list_invitations(*JANUARY)
            hook.list_invitations(*JANUARY)
        assert len(proxy.of("list")) == 2
        assert len([each for each in proxy.seen if each.method == "OPTIONS"]) == 1


class TestIds:
    @pytest.mark.parametrize(
        "event_id",
        [
            "651",
            "a.ics",
            "/dav/calendars/user/alice/Default/a.ics",
            "../bob/Default/a.ics",
            "Default/%2e%2e/%2E%2E/bob/Default/a.ics",
            "Default//a.ics",
            "Default/",
            "Default/a.ics?x=1",
            "Default/a.ics#",
            "Default/a.ics#yesterday",
            "Default/a.ics#20401305",
            "https://elsewhere.example/Default/a.ics",
        ],
    )
    def test_one_that_is_none_is_refused_before_any_request(self, cyrus, proxy, event_id):
        with pytest.raises(InvalidInputError, match=r"^event_id: .* is not a CalDAV id; expected"):
            reply(CONN, "accepted", event_id=event_id)
        assert proxy.seen == []

    def test_one_of_another_calendar_than_is_named(self, cyrus, proxy):
        with pytest.raises(InvalidInputError, match=r"^calendar_id: the event lies in 'Default'"):
            reply(CONN, "accepted", event_id="Default/a.ics", calendar_id="Work")
        assert proxy.seen == []

    @pytest.mark.parametrize("name", ["with space", "ümlaut", "per%cent", "a@b", "semi;colon", "plus+"])
    def test_one_with_unusual_characters_leads_to_its_object(self, cyrus, name):
        from urllib.parse import quote

        uid = f"uid-{abs(hash(name))}"
        cyrus.put("alice", quote(name), calendar_text(uid))
        found = look(CONN, ical_uid=uid)
        assert look(CONN, event_id=found.reference.event_id).reference.ical_uid == uid
        assert reply(CONN, "tentative", event_id=found.reference.event_id).after == "tentative"


def test_the_test_button_says_who_where_and_what(cyrus):
    with get_calendar_hook(CONN) as hook:
        assert hook.test_connection() == (
            True,
            f"Connected as alice <{ALICE}>. 1 of 1 calendars can be answered from: personal ({CALENDAR}). "
            "The server sends replies to organizers itself. It can be told not to (notify_organizer=False). "
            "It carries comments. Proposed times cannot be sent.",
        )


def test_the_test_button_changes_nothing(cyrus, proxy):
    with get_calendar_hook(CONN) as hook:
        hook.test_connection()
    assert {each.method for each in proxy.seen} == {"PROPFIND", "OPTIONS"}


@pytest.mark.airflow
class TestWaitingForAnswers:
    def test_who_answered_how_is_shown(self, cyrus):
        event = cyrus.invite(f"ATTENDEE;ROLE=OPT-PARTICIPANT;PARTSTAT=TENTATIVE:mailto:carol@{DOMAIN}")
        reply(CONN, "accepted", event_id=event.event_id)

        answers = look(CONN, event_id=event.event_id).attendees
        assert {(each.person.address, each.status, each.required) for each in answers} >= {
            (ALICE, "accepted", True),
            (f"carol@{DOMAIN}", "tentative", False),
        }

    def test_a_sensor_sees_whether_one_has_accepted(self, cyrus):
        event = cyrus.invite()
        sensor = ParticipationStatusSensor(
            task_id="wait", conn_id=CONN, event_id=event.event_id, attendees=ALICE
        )
        before = sensor.poke({}).is_done
        reply(CONN, "accepted", event_id=event.event_id)

        assert (before, sensor.poke({}).is_done) == (False, True)
