"""CalDAV without scheduling: replies by mail, each once at most, and none that is only said to be sent."""

from __future__ import annotations

import json
import re
import smtplib
from importlib import metadata
from secrets import token_hex
from types import SimpleNamespace

import pytest
from airflow.providers.smtp.hooks.smtp import SmtpHook
from packaging.version import Version
from support.caldav_connections import set_mail_connection
from support.cyrus_server import ALICE, BOB, partstats
from support.fault_matrix import StateStore
from support.radicale_server import CALENDAR
from support.replies import listing, look, reply

from airflow_provider_rsvp.exceptions import (
    CannotRespondError,
    ConfigurationError,
    InvalidInputError,
    ProposalNotAllowedError,
    RejectedByServiceError,
    RsvpError,
    ServiceUnavailableError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.model import Result
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

pytestmark = pytest.mark.any_airflow

MARK = "X-AIRFLOW-RSVP"
HANG = {"kind": "hang", "seconds": 5}
LATER = ("2040-01-06T15:00:00+01:00", "2040-01-06T16:00:00+01:00")


@pytest.fixture
def invited(radicale):
    """An invitation in Alice's calendar: its id, and how to read what stands there."""

    def invite(*properties, attendee="", **fields):
        uid = f"event-{token_hex(6)}"
        event_id = radicale.invite(uid, *properties, attendee=attendee, **fields)
        return SimpleNamespace(uid=uid, event_id=event_id, copy=lambda: radicale.get(uid))

    return invite


def stands(event):
    return partstats(event.copy(), ALICE)


class TestTheLetter:
    @pytest.mark.parametrize(
        ("status", "subject"),
        [
            ("accepted", "Accepted: Planning"),
            ("tentative", "Tentative: Planning"),
            ("declined", "Declined: Planning"),
        ],
    )
    def test_says_what_is_answered(self, invited, sink, status, subject):
        event = invited()
        outcome = reply("caldav_mail", status, event_id=event.event_id)

        assert (outcome.result, outcome.after, outcome.organizer_notified) == (Result.REPLIED, status, True)
        assert stands(event) == [status]
        (letter,) = sink.letters
        assert letter["From"] == f"Alice Adams <{ALICE}>"
        assert letter["To"] == f"Bob Brown <{BOB}>"
        assert letter["Subject"] == subject
        assert letter["Message-ID"].endswith("@example.test>")
        assert letter.get_content_type() == "multipart/alternative"
        plain, calendar = letter.iter_parts()
        assert "Alice Adams has" in plain.get_content()
        assert dict(calendar["Content-Type"].params) == {
            "method": "REPLY",
            "charset": "utf-8",
            "component": "VEVENT",
        }

    def test_is_a_reply_of_itip(self, invited, sink):
        event = invited("SEQUENCE:3", attendee=";SCHEDULE-STATUS=1.2")
        reply("caldav_mail", "declined", event_id=event.event_id, comment="Away; sorry,\nAlice")

        import icalendar

        calendar = icalendar.Calendar.from_ical(sink.calendar())
        (answered,) = calendar.events
        assert calendar["METHOD"] == "REPLY"
        assert (answered["UID"], answered["SEQUENCE"]) == (event.uid, 3)
        assert answered["ORGANIZER"] == f"mailto:{BOB}"
        assert answered["ATTENDEE"] == f"mailto:{ALICE}"
        assert answered["COMMENT"] == "Away; sorry,\nAlice"
        assert answered["REQUEST-STATUS"].to_ical().startswith((b"2.0", "2.0"))
        assert "ATTENDEE;CN=Alice Adams;PARTSTAT=DECLINED:" in sink.calendar().replace("\r\n ", "")
        assert "carl" not in sink.calendar()

    def test_is_for_one_instance(self, invited, sink):
        event = invited("RRULE:FREQ=WEEKLY;COUNT=4")
        reply("caldav_mail", "accepted", event_id=f"{event.event_id}#20400112T100000Z")
        assert "RECURRENCE-ID:20400112T100000Z" in sink.calendar()
        assert sink.calendar().count("BEGIN:VEVENT") == 1
        assert stands(event) == ["needs-action", "accepted"]

    def test_is_for_the_series(self, invited, sink):
        event = invited("RRULE:FREQ=WEEKLY;COUNT=4")
        reply("caldav_mail", "accepted", event_id=event.event_id, scope="series")
        assert "RECURRENCE-ID" not in sink.calendar()
        assert stands(event) == ["accepted"]

    def test_counters_with_a_proposed_time(self, invited, sink):
        event = invited("SEQUENCE:1")
        outcome = reply("caldav_mail", "tentative", event_id=event.event_id, comment="Later?", proposed=LATER)
        assert outcome.result is Result.REPLIED
        text = sink.calendar().replace("\r\n ", "")
        assert "METHOD:COUNTER" in text
        assert "DTSTART:20400106T140000Z\r\nDTEND:20400106T150000Z" in text
        assert "PARTSTAT=TENTATIVE" in text
        assert "COMMENT:Later?" in text
        assert stands(event) == ["tentative"]

    def test_cannot_be_made_to_say_more(self, invited, sink):
        """Neither the event nor the comment gets a line of their own into the head of the mail."""
        event = invited(SUMMARY=r"Planning\nBcc: eve@elsewhere.test\r\n")
        reply("caldav_mail", "accepted", event_id=event.event_id, comment="x\r\nATTENDEE:mailto:eve@x.test")
        (letter,) = sink.letters
        assert letter["Bcc"] is None
        assert letter["Subject"].startswith("Accepted: Planning Bcc:")
        assert not re.search(r"^ATTENDEE:", sink.calendar(), re.MULTILINE)

    @pytest.mark.parametrize(
        "organizer",
        [
            "urn:uuid:1",
            "mailto:",
            "mailto:a@b,c@d.example",
            "mailto:two words@x.example",
            "mailto:ö@x.example",
        ],
    )
    def test_goes_only_to_an_address(self, invited, sink, radicale, organizer):
        event = invited()
        radicale.request(
            "PUT",
            f"{event.uid}.ics",
            radicale.request("GET", f"{event.uid}.ics")
            .replace("\r\n ", "")
            .replace(f"ORGANIZER;CN=Bob Brown:mailto:{BOB}", f"ORGANIZER;CN=Bob Brown:{organizer}"),
        )
        with pytest.raises(CannotRespondError, match="none that mail can go to"):
            reply("caldav_mail", "accepted", event_id=event.event_id)
        assert sink.letters == []
        assert stands(event) == ["needs-action"]


class TestItsIdentity:
    def test_is_the_same_for_the_same_reply(self, invited, sink, radicale):
        """So that whoever gets it twice can tell."""
        event = invited()
        before = radicale.request("GET", f"{event.uid}.ics")
        reply("caldav_mail", "accepted", event_id=event.event_id)
        radicale.request("PUT", f"{event.uid}.ics", before)
        reply("caldav_mail", "accepted", event_id=event.event_id)
        assert len({letter["Message-ID"] for letter in sink.letters}) == 1

    def test_is_another_one_for_each_change_of_mind(self, invited, sink):
        event = invited()
        for status in ("accepted", "declined", "accepted", "declined", "accepted"):
            reply("caldav_mail", status, event_id=event.event_id)
        assert len({letter["Message-ID"] for letter in sink.letters}) == 5

    def test_is_another_one_for_another_comment(self, invited, sink):
        event = invited()
        reply("caldav_mail", "declined", event_id=event.event_id, comment="Away")
        reply("caldav_mail", "declined", event_id=event.event_id, comment="At sea")
        assert len({letter["Message-ID"] for letter in sink.letters}) == 2


class TestACommentThatStands:
    @pytest.mark.parametrize(
        "comment",
        [
            "Away\x00\x1b[31m\x08 until Monday",
            "Away \ud800 until Monday",
            "\u202eAway\r\nuntil\u2028Monday\x85",
        ],
    )
    def test_is_mailed_once_whatever_characters_it_holds(self, invited, sink, comment):
        event = invited()
        results = [
            reply("caldav_mail", "declined", event_id=event.event_id, comment=comment).result
            for _ in range(3)
        ]
        assert results == [Result.REPLIED, Result.UNCHANGED, Result.UNCHANGED]
        assert len(sink.letters) == 1

    @pytest.mark.parametrize(
        "kept", ["Away until Mon", "AWAY UNTIL MONDAY", "Away &amp;lt;br&amp;gt; until Monday"]
    )
    def test_is_mailed_once_however_the_server_keeps_it(self, invited, sink, radicale, kept):
        event = invited()
        reply("caldav_mail", "declined", event_id=event.event_id, comment="Away until Monday")
        held = re.sub(r"\r?\n[ \t]", "", radicale.request("GET", f"{event.uid}.ics"))
        assert held.count("Away until Monday") == 1
        radicale.request("PUT", f"{event.uid}.ics", held.replace("Away until Monday", kept))
        for _ in range(2):
            again = reply("caldav_mail", "declined", event_id=event.event_id, comment="Away until Monday")
            assert again.result is Result.UNCHANGED
        assert len(sink.letters) == 1


class TestWithoutAMailConnection:
    def test_a_reply_is_refused_before_anything_is_written(self, invited, radicale_proxy):
        event = invited()
        with pytest.raises(UnsupportedByServiceError, match=r"^notify_organizer: .*'smtp_conn_id'"):
            reply("caldav_plain", "accepted", event_id=event.event_id)
        assert radicale_proxy.of("send") == []

    @pytest.mark.parametrize("status", ["accepted", "tentative", "declined", "needs-action"])
    def test_the_status_can_be_set_silently(self, invited, status):
        event = invited(attendee=";X-KEPT=1")
        if status == "needs-action":
            reply("caldav_plain", "accepted", event_id=event.event_id, notify_organizer=False)
        outcome = reply("caldav_plain", status, event_id=event.event_id, notify_organizer=False)
        assert (outcome.result, outcome.organizer_notified) == (Result.REPLIED, False)
        assert stands(event) == [status]
        assert "X-KEPT=1" in event.copy()

    def test_the_test_button_says_so(self, radicale):
        with get_calendar_hook("caldav_plain") as hook:
            worked, message = hook.test_connection()
        assert worked
        assert "sends no replies to organizers, and the connection names no mail connection" in message
        with get_calendar_hook("caldav_mail") as hook:
            assert "they are mailed" in hook.test_connection()[1]

    def test_own_addresses_are_asked_for_where_the_server_names_none(self, radicale, radicale_proxy, connect):
        with pytest.raises(ConfigurationError, match=r"^addresses: "):
            listing(connect(radicale_proxy.url), "2040-01-01T00:00:00Z", "2040-02-01T00:00:00Z")


class TestWhatIsNotMailed:
    def test_taking_an_answer_back(self, invited, sink):
        event = invited(attendee="")
        reply("caldav_mail", "accepted", event_id=event.event_id)
        with pytest.raises(UnsupportedByServiceError, match=r"^status: 'needs-action'"):
            reply("caldav_mail", "needs-action", event_id=event.event_id)
        assert len(sink.letters) == 1

    def test_an_answer_nobody_asked_for(self, radicale, sink):
        uid = f"event-{token_hex(6)}"
        event_id = radicale.invite(uid)
        text = radicale.request("GET", f"{uid}.ics").replace("RSVP=TRUE", "RSVP=FALSE")
        radicale.request("PUT", f"{uid}.ics", text)
        outcome = reply("caldav_mail", "accepted", event_id=event_id)
        assert not outcome.organizer_notified
        assert "asked for no replies" in outcome.detail
        assert sink.letters == []

    def test_one_that_the_event_forbids(self, invited, sink, radicale):
        event = invited()
        text = radicale.request("GET", f"{event.uid}.ics").replace(
            "ORGANIZER;", "ORGANIZER;SCHEDULE-AGENT=NONE;"
        )
        radicale.request("PUT", f"{event.uid}.ics", text)
        assert "Nobody is notified" in reply("caldav_mail", "accepted", event_id=event.event_id).detail
        assert sink.letters == []

    def test_a_time_for_a_whole_series(self, invited, sink):
        event = invited("RRULE:FREQ=WEEKLY;COUNT=4")
        with pytest.raises(InvalidInputError, match=r"^proposed_start: "):
            reply("caldav_mail", "declined", event_id=event.event_id, scope="series", proposed=LATER)

    def test_a_time_where_none_may_be_proposed(self, invited, sink):
        event = invited("X-MICROSOFT-DISALLOW-COUNTER:TRUE")
        with pytest.raises(ProposalNotAllowedError):
            reply("caldav_mail", "declined", event_id=event.event_id, proposed=LATER)
        assert sink.letters == []


class TestTheMailServer:
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("450", ServiceUnavailableError),
            ("550", RejectedByServiceError),
            ("451", ServiceUnavailableError),
            ("554", RejectedByServiceError),
        ],
    )
    def test_that_refuses_leaves_everything_as_it_was(self, invited, sink, fault, error):
        event = invited()
        before = event.copy()
        sink.fault = fault
        with pytest.raises(error, match="Nothing was sent"):
            reply("caldav_mail", "accepted", event_id=event.event_id)
        assert event.copy() == before
        sink.fault = None
        assert reply("caldav_mail", "accepted", event_id=event.event_id).result is Result.REPLIED
        assert len(sink.letters) == 1

    def test_that_is_not_reached_leaves_everything_as_it_was(
        self, invited, sink, radicale_proxy, monkeypatch
    ):
        event = invited()
        set_mail_connection(monkeypatch, 1)
        with pytest.raises(ServiceUnavailableError, match="cannot be reached"):
            reply("caldav_mail", "accepted", event_id=event.event_id)
        assert radicale_proxy.of("send") == []

    def test_that_takes_no_such_password(self, invited, sink, radicale_proxy, monkeypatch, caplog):
        caplog.set_level("INFO", "mail.log")
        event = invited()
        set_mail_connection(monkeypatch, sink.port, "wrong-password")
        with pytest.raises(ConfigurationError, match=r"smtp_conn_id: .* user and password") as raised:
            reply("caldav_mail", "accepted", event_id=event.event_id)
        assert "wrong-password" not in str(raised.value)
        assert radicale_proxy.of("send") == []
        assert any("b'quit'" in each.message for each in caplog.records), "the connection was left open"

    def test_that_no_connection_leads_to(self, invited, radicale_proxy, monkeypatch):
        event = invited()
        monkeypatch.delenv("AIRFLOW_CONN_MAIL_SERVER", raising=False)
        with pytest.raises(ConfigurationError, match="smtp_conn_id"):
            reply("caldav_mail", "accepted", event_id=event.event_id)
        assert radicale_proxy.of("send") == []


class TestTries:
    """What a task's tries do, with the task's state store, as Airflow runs them."""

    def tries(self, event, number=3, *, hangs=False):
        store, said = StateStore(), []
        for attempt in range(1, number + 1):
            operator = SetParticipationStatusOperator(
                task_id="reply",
                conn_id="caldav_mail",
                event_id=event.event_id,
                status="accepted",
                request_timeout=2.0 if hangs else 20.0,
                settle_timeout=0.1,
            )
            context = {"task_state_store": store, "ti": SimpleNamespace(try_number=attempt)}
            try:
                said.append(operator.execute(context)["outcome"])
                break
            except AirflowFailException:
                said.append("failed")
                break
            except Exception as error:
                said.append(type(error).__name__)
        json.dumps(store)
        return said

    @pytest.mark.parametrize("fault", ["cut before", "cut after"])
    def test_an_unclear_mail_is_never_mailed_again_and_never_called_sent(self, invited, sink, fault):
        event = invited()
        sink.fault = fault
        said = self.tries(event, 1)
        sink.fault = None
        said += self.tries(event, 3)
        assert said == ["UnclearOutcomeError"] * 4
        assert len(sink.letters) == (1 if fault == "cut after" else 0)
        assert stands(event) == ["needs-action"]
        assert f"{MARK}=sending-accepted-" in event.copy()

    def test_another_answer_can_still_be_mailed(self, invited, sink):
        event = invited()
        sink.fault = "cut after"
        self.tries(event, 1)
        sink.fault = None
        assert reply("caldav_mail", "declined", event_id=event.event_id).result is Result.REPLIED
        assert len(sink.letters) == 2

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            ({"kind": "cut"}, ["ServiceUnavailableError", "replied"]),
            ({"kind": "cut", "when": "after"}, ["replied"]),
            ({"kind": "status", "status": 500}, ["ServiceUnavailableError", "replied"]),
            ({"kind": "status", "status": 500, "when": "after"}, ["replied"]),
            ({"kind": "status", "status": 412}, ["replied"]),
            ({"kind": "no_effect"}, ["failed"]),
            (HANG, ["ServiceUnavailableError", "replied"]),
            ({"kind": "html"}, ["ServiceUnavailableError", "replied"]),
            ({"kind": "status", "status": 503, "headers": {"Retry-After": "0.05"}}, ["replied"]),
        ],
        ids=str,
    )
    def test_a_note_that_fails_costs_no_mail(self, invited, sink, radicale_proxy, fault, said):
        event = invited()
        radicale_proxy.faults({"operation": "send", **fault})
        assert self.tries(event, hangs=fault is HANG) == said
        assert len(sink.letters) == (1 if "replied" in said else 0)
        assert stands(event) == ["accepted" if "replied" in said else "needs-action"]

    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "cut"},
            {"kind": "cut", "when": "after"},
            {"kind": "status", "status": 500},
            {"kind": "status", "status": 500, "when": "after"},
            {"kind": "status", "status": 412},
            HANG,
            {"kind": "status", "status": 503, "headers": {"Retry-After": "0.05"}},
        ],
        ids=str,
    )
    def test_an_answer_whose_mail_is_out_is_written_all_the_same(self, invited, sink, radicale_proxy, fault):
        event = invited()
        radicale_proxy.faults({"operation": "send", "skip": 1, **fault})
        assert self.tries(event, hangs=fault is HANG) == ["replied"]
        assert len(sink.letters) == 1
        assert stands(event) == ["accepted"]
        assert f"{MARK}=sent-" in event.copy()

    def test_an_answer_that_cannot_be_written_is_not_mailed_again(self, invited, sink, radicale_proxy):
        event = invited()
        radicale_proxy.faults(
            {"operation": "send", "skip": 1, "kind": "status", "status": 403, "times": None}
        )
        assert self.tries(event) == ["UnclearOutcomeError"] * 3
        radicale_proxy.faults()
        assert self.tries(event, 1) == ["UnclearOutcomeError"]
        assert len(sink.letters) == 1

    def test_two_at_once_mail_once(self, invited, sink, radicale_proxy):
        """The second one finds the event changed, and then the first one's note."""
        import asyncio

        from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply, Scope

        event = invited()

        async def both():
            async with get_calendar_hook("caldav_mail").calendar() as calendar:
                client = calendar.client
                seen = [
                    await client.observe(EventReference(event_id=event.event_id), Scope.INSTANCE)
                    for _ in range(2)
                ]
                replying = (client.send(each, Reply(status=ParticipationStatus.ACCEPTED)) for each in seen)
                return await asyncio.gather(*replying, return_exceptions=True)

        results = asyncio.run(both())
        assert len(sink.letters) == 1
        assert sum(isinstance(each, RsvpError) for each in results) == 1


def test_the_smtp_provider_keeps_its_connection_where_the_mailer_looks_for_it(sink):
    """There is no public way to it; look at a new version before it is added to these."""
    assert Version("2.4") <= Version(metadata.version("apache-airflow-providers-smtp")) < Version("3.3")
    hook = SmtpHook(smtp_conn_id="mail_server")
    # Airflow's, and private: the mailer reads it too.
    assert hook._smtp_client is None
    with hook.get_conn():
        assert isinstance(hook._smtp_client, smtplib.SMTP)


class TestOnASchedulingServer:
    def test_a_proposed_time_is_mailed_and_the_server_sends_the_reply(self, cyrus, sink, proxy, connect):
        event = cyrus.invite()
        conn_id = connect(proxy.url, smtp_conn_id="mail_server")
        outcome = reply(conn_id, "declined", event_id=event.event_id, comment="Later?", proposed=LATER)

        assert (outcome.result, outcome.organizer_notified) == (Result.REPLIED, True)
        assert "METHOD:COUNTER" in sink.calendar()
        assert len(sink.letters) == 1
        assert event.told == [["declined"]]

    def test_one_that_is_refused_sends_nothing_at_all(self, cyrus, sink, proxy, connect):
        event = cyrus.invite()
        sink.fault = "550"
        with pytest.raises(RejectedByServiceError):
            reply(
                connect(proxy.url, smtp_conn_id="mail_server"),
                "declined",
                event_id=event.event_id,
                proposed=LATER,
            )
        assert event.replies == []
        assert event.statuses("alice") == ["needs-action"]
        assert MARK not in event.copy("alice")


def test_a_calendar_is_chosen_where_there_is_one_only(radicale):
    uid = f"event-{token_hex(6)}"
    radicale.invite(uid)
    found = listing("caldav_plain", "2040-01-01T00:00:00Z", "2040-02-01T00:00:00Z")
    assert uid in [each.reference.ical_uid for each in found]
    assert look("caldav_plain", ical_uid=uid).reference.calendar_id == CALENDAR
