"""What a stranger can write into a calendar object: none hides another, stands in for another, or takes long."""

from __future__ import annotations

import asyncio
import re
import time

import pendulum
import pytest
from support.caldav_connections import set_connection, set_mail_connection
from support.cyrus_server import ALICE
from support.odd_caldav_server import OddServer
from support.replies import listing, look, reply
from support.smtp_sink import SmtpSink

from airflow_provider_rsvp.exceptions import MalformedResponseError, UnclearOutcomeError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import Result
from airflow_provider_rsvp.services.caldav.marks import MARK, Marks
from airflow_provider_rsvp.services.client import Window

pytestmark = pytest.mark.any_airflow

FIRST, LAST = "2040-01-01T00:00:00Z", "2040-02-01T00:00:00Z"
WINDOW = Window(pendulum.parse(FIRST), pendulum.parse(LAST))
PASSWORD = "sandbox-alice-7Kq2"
SLOWEST = 5.0
"""Seconds of work; the worst object takes 0.4, and one whose work is not bounded takes 10 and more."""


def event(*lines, uid="odd", start="DTSTART:20400105T100000Z", end="DTEND:20400105T110000Z", mine=""):
    return [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "SUMMARY:Odd",
        *(each for each in (start, end) if each),
        "ORGANIZER:mailto:bob@example.test",
        f"ATTENDEE;PARTSTAT=NEEDS-ACTION{mine}:mailto:{ALICE}",
        *lines,
        "END:VEVENT",
    ]


def calendar(*components):
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        *(line for each in components for line in each),
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines).encode()


GOOD = calendar(event(uid="good"))
ZONE = ["BEGIN:VTIMEZONE", "TZID:Odd", "END:VTIMEZONE"]
IN_ZONE = "DTSTART;TZID=Odd:20400105T100000"
OVERRIDE = "RECURRENCE-ID:20400112T100000Z"


def zone(*lines, start="DTSTART:19700101T000000", offsets=("+0100", "+0100")):
    parts = [
        "BEGIN:STANDARD",
        *([start] if start else []),
        f"TZOFFSETFROM:{offsets[0]}",
        f"TZOFFSETTO:{offsets[1]}",
        *lines,
        "END:STANDARD",
    ]
    return [*ZONE[:2], *parts, *ZONE[2:]]


@pytest.fixture
def server(monkeypatch):
    with OddServer() as server:
        set_connection(monkeypatch, "caldav_odd", server.url, addresses=ALICE)
        server.objects["good.ics"] = GOOD
        yield server


@pytest.fixture
def sink(monkeypatch, server):
    with SmtpSink("sandbox-mail-9Xw4") as sink:
        set_mail_connection(monkeypatch, sink.port)
        set_connection(monkeypatch, "caldav_odd", server.url, addresses=ALICE, smtp_conn_id="mail_server")
        yield sink


def found():
    return {each.reference.event_id: each for each in listing("caldav_odd", FIRST, LAST)}


def client(work):
    async def run():
        async with get_calendar_hook("caldav_odd").calendar() as calendar:
            return await work(calendar.client)

    return asyncio.run(run())


UNREADABLE = {
    "unknown zone": calendar(event(start="DTSTART;TZID=Nowhere:20400105T100000")),
    "end before start": calendar(event(end="DTEND:20400104T100000Z")),
    "year 1": calendar(event(start="DTSTART:00010101T000000Z")),
    "year 9999": calendar(event(start="DTSTART:99990101T000000Z", end=None)),
    "last day": calendar(event(start="DTSTART;VALUE=DATE:99991231", end=None)),
    "garbage start": calendar(event(start="DTSTART:yesterday")),
    "start of digits": calendar(event(start="DTSTART:" + "9" * 5_000)),
    "no start": calendar(event(start=None)),
    "two starts": calendar(event("DTSTART:20400106T100000Z")),
    "start is a duration": calendar(event(start="DTSTART:PT1H")),
    "start is a period": calendar(event(start="DTSTART:20400105T100000Z/PT")),
    "negative duration": calendar(event(end="DURATION:-PT1H")),
    "endless duration": calendar(event(end="DURATION:P99999999999D")),
    "garbage duration": calendar(event(end="DURATION:soon")),
    "date and time": calendar(event(start="DTSTART;VALUE=DATE:20400105")),
    "time and date": calendar(event(end="DTEND;VALUE=DATE:20400106")),
    "zone without rules": calendar(ZONE, event(start=IN_ZONE, end="DURATION:PT1H")),
    "zone without a start": calendar(zone(start=None), event(start=IN_ZONE, end="DURATION:PT1H")),
    "zone of garbage": calendar(zone(offsets=("x", "y")), event(start=IN_ZONE, end="DURATION:PT1H")),
    "zone by the second": calendar(zone("RRULE:FREQ=SECONDLY"), event(start=IN_ZONE, end="DURATION:PT1H")),
    "zone by the day": calendar(
        zone("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), event(start=IN_ZONE, end="DURATION:PT1H")
    ),
    "zone that counts": calendar(
        zone("RRULE:FREQ=YEARLY;COUNT=1000000"), event(start=IN_ZONE, end="DURATION:PT1H")
    ),
    "two masters": calendar(event(), event(uid="odd")),
    "two UIDs": calendar(event("RRULE:FREQ=WEEKLY"), event(OVERRIDE, uid="other")),
    "two overrides of one instance": calendar(event("RRULE:FREQ=WEEKLY"), event(OVERRIDE), event(OVERRIDE)),
    "garbage override": calendar(event("RRULE:FREQ=WEEKLY"), event("RECURRENCE-ID:never")),
    "unbalanced": calendar(["BEGIN:VEVENT", "END:VTODO"]),
    "never ends": calendar(event(), ["BEGIN:VEVENT"]),
    "two objects": calendar(event()) + calendar(event()),
    "no event": calendar(),
    "empty": b" ",
    "rubbish": b"rubbish",
    "not shown": None,
    "many lines": calendar(event(*["X:1"] * 30_000)),
    "many bytes": calendar(event("DESCRIPTION:" + "x" * 3_000_000)),
    "many folds": calendar(event("X:" + "\r\n " * 200_000)),
    "rule every second": calendar(event("RRULE:FREQ=SECONDLY")),
    "rule without end": calendar(event("RRULE:FREQ=DAILY;UNTIL=never")),
    "rule of garbage": calendar(event("RRULE:=;;=")),
    "a large interval": calendar(event("RRULE:FREQ=DAILY;INTERVAL=99999999999")),
    "large count": calendar(
        event("RRULE:FREQ=DAILY;COUNT=999999", start="DTSTART:00020101T000000Z", end="DURATION:PT1H")
    ),
    "all times of a day": calendar(
        event(
            "RRULE:FREQ=DAILY;"
            + ";".join(
                f"BY{name}={','.join(map(str, range(top)))}"
                for name, top in (("HOUR", 24), ("MINUTE", 60), ("SECOND", 60))
            ),
            start="DTSTART:19700101T000000Z",
            end="DURATION:PT1H",
        )
    ),
    "garbage dates": calendar(event("RRULE:FREQ=WEEKLY", "EXDATE:x,y")),
    "many dates": calendar(event("RRULE:FREQ=WEEKLY", "EXDATE:" + ",".join(["20400112T100000Z"] * 20_000))),
}
READABLE = {
    "UID with a space": calendar(event(uid="two words")),
    "long UID": calendar(event(uid="u" * 1_100)),
    "UID with NUL": calendar(event(uid="a\0b")),
    "no UID": calendar([line for line in event() if not line.startswith("UID")]),
    "override alone": calendar(event(OVERRIDE)),
    "garbage lines": calendar(
        event("ATTENDEE", "ATTENDEE:", ";;;", "=", 'X;Y="unclosed:z', "ATTENDEE;CN=:x")
    ),
    "garbage alarm": calendar(event("BEGIN:VALARM", "TRIGGER:soon", "DTSTART:x", "DTSTART:y", "END:VALARM")),
    "control characters": calendar(event("LOCATION:a\x0bb\x00c\x08", "SUMMARY:\x1b[31m")),
    "references to control characters": calendar(event("LOCATION:a&#0;b&#x0B;c&#55296;&#99999999;")),
    "not UTF-8": calendar(event("LOCATION:PLACE")).replace(b"PLACE", b"\xff\xfe\xc3("),
    "deep": calendar(event(*["BEGIN:X"] * 3_000, *["END:X"] * 3_000)),
    "2000 attendees in a series": calendar(
        event(
            "RRULE:FREQ=DAILY",
            *(f"ATTENDEE;CN=Person {number}:mailto:p{number}@elsewhere.test" for number in range(2_000)),
            start="DTSTART:19700101T000000Z",
            end="DURATION:P100D",
        )
    ),
    "1500 overrides": calendar(
        event("RRULE:FREQ=DAILY", start="DTSTART:20380101T100000Z", end="DURATION:PT1H"),
        *(
            event(
                f"RECURRENCE-ID:{pendulum.datetime(2038, 1, 1, 10).add(days=day).format('YYYYMMDD[T]HHmmss[Z]')}"
            )
            for day in range(1_500)
        ),
    ),
    "long folded subject": calendar(event("X-SUBJECT:" + "\r\n ".join(["x" * 73] * 18_000))),
    "a day that never comes": calendar(event("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")),
    "odd organizer": [
        re.sub(b"ORGANIZER:[^\r]*", b"ORGANIZER:" + each, calendar(event()))
        for each in (
            b"mailto:" + b"a@" * 500_000,
            b"mailto:" + b"(" * 500_000,
            b'mailto:"' + b"\\" * 50_000,
            b"%41" * 300_000,
        )
    ],
    "many parameters": calendar(event("ATTENDEE" + ";A=b" * 200_000 + ":mailto:x@y.z")),
    "many categories": calendar(event("CATEGORIES:" + "a," * 500_000)),
    "many escapes": calendar(event("DESCRIPTION:" + "\\n" * 500_000)),
}
CASES = {
    f"{name} {number}" if isinstance(data, list) else name: each
    for name, data in (UNREADABLE | READABLE).items()
    for number, each in enumerate(data if isinstance(data, list) else [data])
}


@pytest.mark.parametrize("name", CASES)
def test_one_odd_object_hides_no_other_and_takes_no_time(server, name):
    server.objects = {"first.ics": GOOD, "odd.ics": CASES[name], "last.ics": GOOD}
    began = time.process_time()
    events = found()
    assert time.process_time() - began < SLOWEST
    for each in ("work/first.ics", "work/last.ics"):
        assert events[each].pending
        assert events[each].subject == "Odd"
    odd = [each for each in events.values() if each.reference.event_id.startswith("work/odd.ics")]
    assert odd, "it is not listed"
    if name in UNREADABLE:
        (only,) = odd
        assert not only.can_respond
        assert "cannot be read" in only.cannot_respond
        assert len(only.cannot_respond) < 400
    else:
        assert all(each.cannot_respond is None for each in odd)


@pytest.mark.parametrize("name", CASES)
def test_nor_does_it_hide_another_that_is_watched_or_looked_for(server, name):
    server.objects = {"odd.ics": CASES[name], "last.ics": GOOD}

    async def changed(calendar):
        first = await calendar.changes(WINDOW, None)
        return first, await calendar.changes(WINDOW, first.token)

    for changes in client(changed):
        assert "work/last.ics" in [each.reference.event_id for each in changes.invitations if each.pending]
    assert look("caldav_odd", ical_uid="good").reference.event_id == "work/last.ics"


def test_changes_without_end_come_to_one(server, monkeypatch):
    monkeypatch.setattr("airflow_provider_rsvp.services.wire.MOST_PAGES", 20)
    server.endless = True
    with pytest.raises(MalformedResponseError, match="more than 20 pages"):
        client(lambda calendar: calendar.changes(WINDOW, "sync:first"))
    assert server.reports == 20


# A rule is read only for a series, and what cannot be read of it is an error then.
@pytest.mark.parametrize("name", [name for name in UNREADABLE if UNREADABLE[name]])
def test_a_look_at_an_instance_of_it_is_one_clear_error(server, name):
    server.objects["odd.ics"] = UNREADABLE[name]
    with pytest.raises(MalformedResponseError, match=r"^Could not read event work/odd\.ics\S*: .{10,400}$"):
        look("caldav_odd", event_id="work/odd.ics#20400112T100000Z")


@pytest.mark.parametrize(
    "name",
    ["UID with a space", "long UID", "UID with NUL", "not UTF-8", "control characters", "garbage lines"],
)
def test_what_is_only_odd_is_answered_by_its_id_and_keeps_every_byte(server, name):
    server.objects["odd.ics"] = READABLE[name]
    outcome = reply("caldav_odd", "accepted", event_id="work/odd.ics", notify_organizer=False)
    assert outcome.result is Result.REPLIED
    assert server.written == [READABLE[name].replace(b"NEEDS-ACTION", b"ACCEPTED")]


def test_a_series_of_many_overrides_is_answered_in_bounded_time(server):
    server.objects["odd.ics"] = READABLE["1500 overrides"]
    began = time.process_time()
    reply("caldav_odd", "accepted", event_id="work/odd.ics", scope="series", notify_organizer=False)
    assert time.process_time() - began < SLOWEST
    assert server.written[0].count(b"PARTSTAT=ACCEPTED") == 1_501


def test_an_alarm_with_the_uid_of_another_event_does_not_stand_in_for_it(server):
    alarm = ["BEGIN:VALARM", "UID:good", "TRIGGER:-PT5M", "ACTION:DISPLAY", "END:VALARM"]
    server.objects = {"a.ics": calendar(event(*alarm)), "good.ics": GOOD}
    assert look("caldav_odd", ical_uid="good").reference.event_id == "work/good.ics"


def test_a_calendars_zone_that_cannot_be_read_hides_nothing(server):
    server.zone = "BEGIN:VCALENDAR rubbish"
    assert found()["work/good.ics"].pending


@pytest.mark.parametrize(
    "name", ["long folded subject", "2000 attendees in a series", "1500 overrides", "large count"]
)
def test_an_event_loop_goes_on_meanwhile(server, name):
    """The longest that it stood still; an object whose work is not bounded holds it for seconds."""
    server.objects["odd.ics"] = CASES[name]

    async def longest(calendar):
        await calendar.account()
        longest, done = 0.0, asyncio.Event()

        async def beat():
            nonlocal longest
            while not done.is_set():
                began = time.monotonic()
                await asyncio.sleep(0.001)
                longest = max(longest, time.monotonic() - began)

        beating = asyncio.create_task(beat())
        async for _ in calendar.list_invitations(WINDOW):
            pass
        done.set()
        await beating
        return longest

    assert min(client(longest) for _ in range(3)) < 1.0


class TestLinks:
    @pytest.mark.parametrize(
        "link",
        [
            "https://evil.example/login?airflow",
            "http://127.0.0.1:1/",
            "https://{host}/",
            "http://{host}@evil.example/",
            "http://evil.example\\@{host}/",
            "http://evil.example/\\@{host}/",
            "http:/\\{host}/",
            "//{host}/",
            "http://user:password@{host}/",
            "http://{host}/ https://evil.example",
            "http://{host}\t.evil.example/",
            "javascript:alert(1)//{host}/",
            "http://{host}.evil.example/",
            "http://{host}/" + "a" * 5_000,
        ],
    )
    def test_elsewhere_are_not_shown(self, server, link):
        server.objects["odd.ics"] = calendar(
            event("URL:" + link.format(host=server.url.removeprefix("http://")))
        )
        assert found()["work/odd.ics"].link is None

    def test_to_the_configured_host_are(self, server):
        address = f"{server.url}/apps/calendar/edit?id=1#day"
        server.objects["odd.ics"] = calendar(event(f"URL:{address}"))
        assert found()["work/odd.ics"].link == address


class TestMarks:
    """A mark counts if who signs in to this calendar wrote it."""

    def noted(self, server, sink):
        """Return an object with a genuine note: a reply whose mail may or may not be out."""
        server.objects["odd.ics"] = calendar(event())
        sink.fault = "cut after"
        with pytest.raises(UnclearOutcomeError):
            reply("caldav_odd", "accepted", event_id="work/odd.ics", settle=0.0)
        sink.fault = None
        sink.letters.clear()
        noted = server.objects["odd.ics"]
        assert MARK.encode() + b"=sending-accepted-" in noted.replace(b"\r\n ", b"")
        return noted

    @pytest.mark.parametrize(
        "mark",
        [
            "sending-accepted-1",
            "sending-accepted-" + "0" * 32 + "-00000000",
            "sending-accepted-" + "0" * 32 + "-00000000-" + "0" * 32,
            "sent-" + "0" * 32 + "-" + "0" * 32,
            "--0",
            "ä-ö",
        ],
    )
    def test_a_strangers_mark_counts_for_nothing_and_goes(self, server, sink, mark):
        server.objects["odd.ics"] = calendar(event(mine=f";{MARK}={mark}"))
        assert reply("caldav_odd", "accepted", event_id="work/odd.ics").result is Result.REPLIED
        assert len(sink.letters) == 1
        assert f"={mark}:".encode() not in server.objects["odd.ics"].replace(b"\r\n ", b"")

    def test_it_goes_when_nothing_is_mailed_too(self, server):
        server.objects["odd.ics"] = calendar(event(mine=f";{MARK}=sending-accepted-1"))
        reply("caldav_odd", "accepted", event_id="work/odd.ics", notify_organizer=False)
        assert MARK.encode() not in server.objects["odd.ics"]

    def test_our_own_counts_and_nothing_is_mailed_again(self, server, sink):
        self.noted(server, sink)
        with pytest.raises(UnclearOutcomeError, match="may have been mailed before"):
            reply("caldav_odd", "accepted", event_id="work/odd.ics", settle=0.0)
        assert sink.letters == []

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"UID:odd", b"UID:another"),
            (b"SUMMARY", b"SEQUENCE:1\r\nSUMMARY"),
            (b"SUMMARY", b"RECURRENCE-ID:20400105T100000Z\r\nSUMMARY"),
            (b"sending-accepted", b"sending-declined"),
        ],
    )
    def test_our_own_counts_for_nothing_else(self, server, sink, old, new):
        moved = self.noted(server, sink).replace(b"\r\n ", b"").replace(old, new)
        server.objects["odd.ics"] = moved
        status = "declined" if b"declined" in new else "accepted"
        assert reply("caldav_odd", status, event_id="work/odd.ics").result is Result.REPLIED
        assert len(sink.letters) == 1

    def test_with_another_password_a_repeated_mail_is_known_for_a_copy(self, server, sink, monkeypatch):
        server.objects["odd.ics"] = calendar(event())
        sink.fault = "cut after"
        with pytest.raises(UnclearOutcomeError):
            reply("caldav_odd", "accepted", event_id="work/odd.ics", settle=0.0)
        sink.fault = None
        set_connection(
            monkeypatch,
            "caldav_odd",
            server.url,
            addresses=ALICE,
            smtp_conn_id="mail_server",
            password="another",
        )
        assert reply("caldav_odd", "accepted", event_id="work/odd.ics").result is Result.REPLIED
        assert len({letter["Message-ID"] for letter in sink.letters}) == 1

    def test_a_strangers_comment_is_not_taken_for_mine(self, server, sink):
        forged = [
            f"COMMENT;{MARK}=comment:I pay",
            f"COMMENT;{MARK}=comment-{'0' * 32}:I pay",
            "COMMENT:Welcome",
        ]
        server.objects["odd.ics"] = calendar(event(*forged))
        assert look("caldav_odd", event_id="work/odd.ics").comment is None
        reply("caldav_odd", "accepted", event_id="work/odd.ics", comment="Gladly")
        assert look("caldav_odd", event_id="work/odd.ics").comment == "Gladly"
        assert b"I pay" not in server.objects["odd.ics"]
        assert b"COMMENT:Welcome" in server.objects["odd.ics"]

    def test_with_another_password_a_comment_is_not_sent_again(self, server, sink, monkeypatch):
        server.objects["odd.ics"] = calendar(event())
        reply("caldav_odd", "accepted", event_id="work/odd.ics", comment="Gladly")
        set_connection(
            monkeypatch,
            "caldav_odd",
            server.url,
            addresses=ALICE,
            smtp_conn_id="mail_server",
            password="another",
        )
        outcome = reply("caldav_odd", "accepted", event_id="work/odd.ics", comment="Gladly")
        assert outcome.result is Result.UNCHANGED
        assert len(sink.letters) == 1

    def test_the_password_is_not_learnt_from_it_in_one_step(self):
        """Not its digest, but what takes 600,000 of them."""
        began = time.process_time()
        Marks(f"a password {time.time()}", "alice").of_comment("x", ())
        assert time.process_time() - began > 0.02
