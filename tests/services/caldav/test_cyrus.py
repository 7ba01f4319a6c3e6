"""CalDAV on a real server: what Alice's replies make of her calendar, and of what Bob receives."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pendulum
import pytest
from support.cyrus_server import ALICE, BOB, CALENDAR, calendar_text, partstats
from support.replies import look, reply

from airflow_provider_rsvp.exceptions import (
    EditConflictError,
    EventCancelledError,
    EventNotFoundError,
    InvalidInputError,
    NotAnInvitationError,
    OwnEventError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply, Result, Scope

pytestmark = pytest.mark.any_airflow

CONN = "caldav_default"
STATUSES = ["accepted", "tentative", "declined"]
WEEKLY = "RRULE:FREQ=WEEKLY;UNTIL=20400301T100000Z"
SECOND = "20400112T100000Z"


class TestOneEvent:
    @pytest.mark.parametrize("status", STATUSES)
    def test_the_organizer_is_told_once(self, cyrus, proxy, status):
        event = cyrus.invite()
        outcome = reply(CONN, status, event_id=event.event_id)

        assert (outcome.result, outcome.before, outcome.after) == (Result.REPLIED, "needs-action", status)
        assert outcome.organizer_notified
        assert outcome.verified
        assert event.told == [[status]]
        assert event.statuses("bob") == [status]
        assert len(proxy.of("send")) == 1

    @pytest.mark.parametrize("status", STATUSES)
    def test_nothing_else_of_the_event_changes(self, cyrus, proxy, status):
        event = cyrus.invite("LOCATION:Room 5", "X-CUSTOM;X-P=1:kept", "CATEGORIES:a,b")
        reply(CONN, status, event_id=event.event_id)

        before, (sent,) = proxy.of("observe")[0].answer, proxy.of("send")
        changed = [
            (one, other)
            for one, other in zip(unfolded_lines(before), unfolded_lines(sent.body), strict=True)
            if one != other
        ]
        assert changed == [
            (
                f"ATTENDEE;CN=Alice Adams;RSVP=TRUE;PARTSTAT=NEEDS-ACTION:mailto:{ALICE}",
                f"ATTENDEE;CN=Alice Adams;RSVP=TRUE;PARTSTAT={status.upper()}:mailto:{ALICE}",
            )
        ]

    def test_an_answer_that_stands_is_not_sent_again(self, cyrus, proxy):
        event = cyrus.invite()
        reply(CONN, "accepted", event_id=event.event_id)
        proxy.faults()
        outcome = reply(CONN, "accepted", event_id=event.event_id)

        assert (outcome.result, outcome.before) == (Result.UNCHANGED, "accepted")
        assert proxy.of("send") == []
        assert len(event.replies) == 1

    def test_an_answer_can_be_changed_and_taken_back(self, cyrus):
        event = cyrus.invite()
        for status in ("accepted", "declined", "needs-action", "tentative"):
            assert reply(CONN, status, event_id=event.event_id).after == status
            assert event.statuses("bob") == [status]
        assert event.told == [["accepted"], ["declined"], ["needs-action"], ["tentative"]]

    def test_force_sends_what_stands_once_more(self, cyrus):
        event = cyrus.invite()
        reply(CONN, "accepted", event_id=event.event_id)
        outcome = reply(CONN, "accepted", event_id=event.event_id, force=True)

        assert (outcome.result, outcome.verified) == (Result.REPLIED, False)
        assert event.told == [["accepted"]] * 2
        assert "SCHEDULE-FORCE-SEND" not in event.copy("alice")

    def test_a_server_that_cannot_deliver_is_believed(self, cyrus):
        """Nobody is at home at the organizer's address."""
        uid = "event-from-nowhere"
        text = calendar_text(uid).replace(BOB, "nobody@elsewhere.test")
        cyrus.put("alice", uid, text)
        outcome = reply(CONN, "accepted", event_id=f"{CALENDAR}/{uid}.ics")
        assert not outcome.organizer_notified
        assert "could not deliver" in outcome.detail


def unfolded_lines(data):
    return re.sub(rb"\r\n[ \t]", b"", data).decode().split("\r\n")


class TestComments:
    def test_one_reaches_the_organizer(self, cyrus):
        event = cyrus.invite("COMMENT:Bob's own")
        comment = "Gern; bis dann, Älice\nAlice"
        reply(CONN, "accepted", event_id=event.event_id, comment=comment)

        (message,) = event.replies
        assert r":Gern\; bis dann\, Älice\nAlice" in message
        assert look(CONN, event_id=event.event_id).comment == comment
        assert "COMMENT:Bob's own" in event.copy("alice")

    def test_another_one_is_sent_though_the_status_stands(self, cyrus):
        event = cyrus.invite()
        reply(CONN, "declined", event_id=event.event_id, comment="Away")
        assert reply(CONN, "declined", event_id=event.event_id, comment="Away").result is Result.UNCHANGED
        assert reply(CONN, "declined", event_id=event.event_id, comment="At sea").result is Result.REPLIED

        assert ["Away" in each for each in event.replies] == [True, False]
        assert event.copy("alice").count("COMMENT") == 1

    def test_the_next_reply_does_not_repeat_it(self, cyrus):
        event = cyrus.invite()
        reply(CONN, "declined", event_id=event.event_id, comment="Away")
        reply(CONN, "accepted", event_id=event.event_id)
        assert "COMMENT" not in event.replies[-1]


class TestSilence:
    def test_the_organizer_is_not_told(self, cyrus):
        event = cyrus.invite()
        outcome = reply(CONN, "accepted", event_id=event.event_id, notify_organizer=False)

        assert (outcome.after, outcome.organizer_notified) == ("accepted", False)
        assert event.replies == []
        assert event.statuses("bob") == ["needs-action"]

    def test_it_is_for_one_reply_only(self, cyrus):
        event = cyrus.invite()
        reply(CONN, "accepted", event_id=event.event_id, notify_organizer=False)
        assert "SCHEDULE-AGENT" not in event.copy("alice")
        reply(CONN, "declined", event_id=event.event_id)
        assert event.told == [["declined"]]

    def test_one_that_could_not_be_tidied_up_says_so(self, cyrus, proxy):
        event = cyrus.invite()
        proxy.faults({"operation": "send", "kind": "status", "status": 403, "skip": 1})
        outcome = reply(CONN, "accepted", event_id=event.event_id, notify_organizer=False)
        assert "SCHEDULE-AGENT=CLIENT, which could not be taken away" in outcome.detail

    def test_a_server_of_unknown_ways_is_not_trusted_with_it(self, cyrus, proxy, connect):
        event = cyrus.invite()
        conn_id = connect(proxy.url, server="other")
        with pytest.raises(UnsupportedByServiceError, match=r"^notify_organizer: "):
            reply(conn_id, "accepted", event_id=event.event_id, notify_organizer=False)
        with pytest.raises(UnsupportedByServiceError, match=r"^comment: "):
            reply(conn_id, "accepted", event_id=event.event_id, comment="Gladly")
        assert proxy.of("send") == []

    def test_sabre_is_told_by_a_header(self, cyrus, proxy, connect):
        event = cyrus.invite()
        reply(connect(proxy.url, server="sabre"), "accepted", event_id=event.event_id, notify_organizer=False)
        (sent,) = proxy.of("send")
        assert sent.headers["Schedule-Reply"] == "F"
        assert b"SCHEDULE-AGENT" not in sent.body

    def test_a_comment_nobody_is_told_is_refused_before_any_request(self, cyrus, proxy):
        with pytest.raises(InvalidInputError, match=r"^comment: "):
            reply(CONN, "accepted", event_id=f"{CALENDAR}/a.ics", comment="x", notify_organizer=False)
        assert proxy.seen == []


class TestSeries:
    def test_one_instance_is_answered_alone(self, cyrus):
        event = cyrus.invite(WEEKLY, "LOCATION:Room 5")
        outcome = reply(CONN, "declined", event_id=f"{event.event_id}#{SECOND}")

        assert outcome.reference.event_id == f"{event.event_id}#{SECOND}"
        assert event.told == [["declined"]]
        assert event.statuses("bob") == event.statuses("alice") == ["needs-action", "declined"]
        instance = event.copy("alice").split("BEGIN:VEVENT")[2]
        for line in (
            "DTSTART:20400112T100000Z",
            "DTEND:20400112T110000Z",
            "LOCATION:Room 5",
            f"RECURRENCE-ID:{SECOND}",
        ):
            assert line in instance
        assert "RRULE" not in instance

    @pytest.mark.parametrize("how", ["event_id", "ical_uid"])
    def test_it_may_be_named_by_its_start(self, cyrus, how):
        event = cyrus.invite(WEEKLY)
        name = {"event_id": event.event_id, "ical_uid": event.uid}[how]
        outcome = reply(CONN, "accepted", **{how: name}, original_start="2040-01-12T11:00:00+01:00")
        assert outcome.reference.event_id == f"{event.event_id}#{SECOND}"
        assert event.statuses("bob") == ["needs-action", "accepted"]

    def test_the_series_is_answered_as_a_whole_with_one_reply(self, cyrus):
        event = cyrus.invite(WEEKLY)
        reply(CONN, "declined", event_id=f"{event.event_id}#{SECOND}")
        outcome = reply(CONN, "accepted", event_id=f"{event.event_id}#{SECOND}", scope="series")

        assert outcome.reference.event_id == event.event_id
        assert event.told == [["declined"], ["accepted", "accepted"]]
        assert event.statuses("bob") == ["accepted", "accepted"]

    def test_it_is_not_answered_by_mistake(self, cyrus, proxy):
        event = cyrus.invite(WEEKLY)
        with pytest.raises(UnsupportedByServiceError, match=r"^scope: .* is a whole series"):
            reply(CONN, "accepted", event_id=event.event_id)
        assert proxy.of("send") == []

    @pytest.mark.parametrize(
        "start", ["2040-01-12T10:30:00Z", "2040-01-13T10:00:00Z", "2041-01-03T10:00:00Z"]
    )
    def test_an_instance_that_is_not_there(self, cyrus, start):
        event = cyrus.invite(WEEKLY)
        with pytest.raises(EventNotFoundError, match="no event that was first planned for"):
            reply(CONN, "accepted", ical_uid=event.uid, original_start=start)

    def test_an_id_and_a_start_that_contradict_each_other(self, cyrus):
        event = cyrus.invite(WEEKLY)
        with pytest.raises(EventNotFoundError, match=r"^original_start: "):
            reply(
                CONN,
                "accepted",
                event_id=f"{event.event_id}#{SECOND}",
                original_start="2040-01-19T10:00:00Z",
            )

    def test_a_moved_instance_keeps_its_id(self, cyrus):
        event = cyrus.invite(WEEKLY)
        moved = calendar_text(event.uid, WEEKLY).replace(
            "END:VCALENDAR\n",
            calendar_text(
                event.uid,
                f"RECURRENCE-ID:{SECOND}",
                DTSTART=SECOND.replace("10000", "15000"),
                DTEND="20400112T160000Z",
            ).partition("PRODID:-//Tests//Bob's program//EN\n")[2],
        )
        cyrus.put("bob", event.uid, moved)
        found = look(CONN, event_id=f"{event.event_id}#{SECOND}")
        assert found.time.start == pendulum.datetime(2040, 1, 12, 15)
        assert found.reference.original_start == pendulum.datetime(2040, 1, 12, 10)
        reply(CONN, "accepted", event_id=f"{event.event_id}#{SECOND}")
        assert event.statuses("bob") == ["needs-action", "accepted"]

    def test_all_day_instances_are_days(self, cyrus):
        event = cyrus.invite(
            "RRULE:FREQ=DAILY;UNTIL=20400110", DTSTART=";VALUE=DATE:20400105", DTEND=";VALUE=DATE:20400106"
        )
        found = look(CONN, event_id=f"{event.event_id}#20400107")
        assert (found.time.start, found.time.end) == (pendulum.date(2040, 1, 7), pendulum.date(2040, 1, 8))
        reply(CONN, "accepted", event_id=f"{event.event_id}#20400107")
        assert event.statuses("bob") == ["needs-action", "accepted"]


class TestPreconditions:
    def test_my_own_event(self, cyrus, proxy):
        own = calendar_text("own-event").replace(BOB, "x@example.test").replace(ALICE, BOB)
        cyrus.put("alice", "own-event", own.replace("x@example.test", ALICE))
        with pytest.raises(OwnEventError):
            reply(CONN, "accepted", event_id=f"{CALENDAR}/own-event.ics")
        assert proxy.of("send") == []

    def test_an_event_without_guests(self, cyrus):
        text = re.sub(r"(ATTENDEE|ORGANIZER).*\n", "", calendar_text("focus"))
        cyrus.put("alice", "focus", text)
        with pytest.raises(NotAnInvitationError):
            reply(CONN, "accepted", event_id=f"{CALENDAR}/focus.ics")

    def test_a_cancelled_one(self, cyrus):
        event = cyrus.invite()
        cyrus.delete("bob", event.uid)
        with pytest.raises(EventCancelledError):
            reply(CONN, "accepted", event_id=event.event_id)
        assert event.cyrus.inbox("bob") == [each for each in cyrus.inbox("bob") if event.uid not in each]

    def test_one_that_is_not_there(self, cyrus):
        with pytest.raises(EventNotFoundError):
            reply(CONN, "accepted", event_id=f"{CALENDAR}/nowhere.ics")
        with pytest.raises(EventNotFoundError):
            reply(CONN, "accepted", ical_uid="nowhere")

    def test_one_whose_uid_only_begins_like_another(self, cyrus):
        """Servers find what contains the text that is asked for."""
        event = cyrus.invite()
        with pytest.raises(EventNotFoundError, match="shows no event with UID"):
            reply(CONN, "accepted", ical_uid=event.uid[:-1])
        assert event.replies == []

    def test_an_event_that_moved_is_answered_as_it_stands(self, cyrus):
        event = cyrus.invite()
        event.change("SEQUENCE:3", DTSTART="20400106T100000Z", DTEND="20400106T110000Z")
        assert look(CONN, event_id=event.event_id).time.start == pendulum.datetime(2040, 1, 6, 10)
        reply(CONN, "accepted", event_id=event.event_id)
        assert event.statuses("bob") == ["accepted"]


class TestChangesInBetween:
    """What happens if the event changes between the look and the sending."""

    def observed(self, event, **changed):
        async def observe_and_send(change):
            async with get_calendar_hook(CONN).calendar() as calendar:
                client = calendar.client
                invitation = await client.observe(EventReference(event_id=event.event_id), Scope.INSTANCE)
                change()
                return await client.send(
                    replace(invitation, **changed), Reply(status=ParticipationStatus.ACCEPTED)
                )

        return lambda change: asyncio.run(observe_and_send(change))

    def test_a_stale_one_is_not_written_over(self, cyrus):
        event = cyrus.invite()
        with pytest.raises(EditConflictError, match="nothing was written"):
            self.observed(event)(lambda: event.change(DTSTART="20400106T100000Z", DTEND="20400106T110000Z"))
        assert event.replies == []
        assert "DTSTART:20400106" in event.copy("alice")

    @pytest.mark.parametrize("version", [None, "of another service"])
    def test_what_comes_without_its_version_is_looked_at_again(self, cyrus, version):
        event = cyrus.invite()
        self.observed(event, version=version)(lambda: None)
        assert event.told == [["accepted"]]

    def test_what_comes_without_its_version_and_changed_is_not_answered(self, cyrus):
        event = cyrus.invite()
        send = self.observed(event, version=None)
        with pytest.raises(EditConflictError, match=r"was changed meanwhile; nothing was sent"):
            send(lambda: event.change(DTSTART="20400106T100000Z", DTEND="20400106T110000Z"))
        assert event.replies == []

    def test_the_reply_begins_again(self, cyrus, proxy):
        event = cyrus.invite()
        proxy.faults({"operation": "send", "kind": "status", "status": 412})
        outcome = reply(CONN, "accepted", event_id=event.event_id)
        assert outcome.result is Result.REPLIED
        assert event.told == [["accepted"]]
        assert [each.status for each in proxy.of("send")] == [412, 204]

    def test_but_not_for_ever(self, cyrus, proxy):
        event = cyrus.invite()
        proxy.faults({"operation": "send", "kind": "status", "status": 412, "times": None})
        with pytest.raises(EditConflictError):
            reply(CONN, "accepted", event_id=event.event_id)
        assert len(proxy.of("send")) == 3
        assert event.replies == []

    def test_it_is_guarded_by_the_entity_tag(self, cyrus, proxy):
        event = cyrus.invite()
        reply(CONN, "accepted", event_id=event.event_id)
        assert proxy.of("send")[0].headers["If-Match"].startswith('"')


def test_a_proposed_time_needs_a_mail_connection(cyrus, proxy):
    event = cyrus.invite()
    with pytest.raises(UnsupportedByServiceError, match=r"^proposed_start: .*'smtp_conn_id'"):
        reply(
            CONN,
            "declined",
            event_id=event.event_id,
            proposed=("2040-01-06T10:00:00Z", "2040-01-06T11:00:00Z"),
        )
    assert proxy.of("send") == []


def test_partstats_are_read_by_the_tests_as_they_are(cyrus):
    """The tests' own eye."""
    assert partstats(f"ATTENDEE;PARTSTAT=DECLINED;X=1:mailto:{ALICE}\nATTENDEE:mailto:{BOB}", ALICE) == [
        "declined"
    ]
