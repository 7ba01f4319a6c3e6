"""Calendar objects: what an answer changes and what not, zones, series, and objects that are none."""

from __future__ import annotations

import re
from contextlib import suppress
from types import SimpleNamespace

import icalendar
import pendulum
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from airflow_provider_rsvp.exceptions import InvalidInputError, MalformedResponseError, RsvpError
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Recurrence, Scope
from airflow_provider_rsvp.services.caldav import Software
from airflow_provider_rsvp.services.caldav.discovery import Collection, Home, Server
from airflow_provider_rsvp.services.caldav.edits import (
    attendee_lines,
    own_comment,
    with_comment,
    with_override,
    with_status,
)
from airflow_provider_rsvp.services.caldav.instances import instance_text, parse_instance
from airflow_provider_rsvp.services.caldav.invitations import InvitationReader
from airflow_provider_rsvp.services.caldav.lines import (
    ContentLine,
    Document,
    comparable,
    escaped,
    unescaped,
    unfolded,
)
from airflow_provider_rsvp.services.caldav.marks import MARK, Marks
from airflow_provider_rsvp.services.caldav.objects import CalendarObject
from airflow_provider_rsvp.services.caldav.places import EventId, below_home, normal, path_of
from airflow_provider_rsvp.services.caldav.store import Resource
from airflow_provider_rsvp.services.caldav.xml import Multistatus
from airflow_provider_rsvp.services.caldav.zones import zone_of
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.wire import Response, reading
from airflow_provider_rsvp.times import UTC, parse_zone

pytestmark = pytest.mark.any_airflow

MINE = frozenset({"mailto:alice@example.test"})
BERLIN = parse_zone("Europe/Berlin")
ACCEPTED = ParticipationStatus.ACCEPTED
MARKS = Marks("a password", "alice")
QUICK = settings(max_examples=150)


def event(*lines, start="DTSTART:20400105T100000Z", end="DTEND:20400105T110000Z", uid="1"):
    return [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260101T000000Z",
        *([start] if start else []),
        *([end] if end else []),
        "ORGANIZER;CN=Bob:mailto:bob@example.test",
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.test",
        "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:alice@example.test",
        *lines,
        "END:VEVENT",
    ]


def calendar(*components):
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//t//t//EN",
        *(line for component in components for line in component),
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines).encode()


def read(*components, floating=UTC):
    return CalendarObject.read(calendar(*components), floating)


def starts(obj, first, last, floating=UTC):
    found = obj.within(Window(pendulum.parse(first), pendulum.parse(last)), floating)
    return [each.time.start.isoformat() for each in found]


def home(zone=UTC):
    calendars = (Collection("work", "/home/work/", "Work", False, zone),)
    server = Server.of({"dav": "calendar-auto-schedule"}, Software.OTHER)
    return Home("/home/", "alice", MINE, calendars, calendars[0], server)


def reader(zone=UTC):
    return InvitationReader(home(zone), MARKS, lambda link: link.startswith("https://calendar.example/"))


def chosen(data, event_id="work/a.ics", scope=Scope.INSTANCE, zone=UTC, **reference):
    resource = Resource("/home/work/a.ics", '"1"', None, data)
    named = EventId.parse(event_id)
    reference = EventReference(event_id=event_id, **reference)
    return reader(zone).chosen(resource, named, reference, scope).invitation


# What an answer changes.

SAFE = st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters='";:,')
VALUES = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=120)
NAMES = st.from_regex(r"X-[A-Z]{1,8}", fullmatch=True) | st.sampled_from(
    ["SUMMARY", "LOCATION", "DESCRIPTION", "COMMENT"]
)
PARAMETERS = st.lists(
    st.tuples(
        st.from_regex(r"X-[A-Z]{1,6}", fullmatch=True)
        | st.sampled_from(["CN", "ROLE", "partstat", "Rsvp", "SENT-BY"]),
        st.text(SAFE, max_size=40) | st.text(SAFE, max_size=40).map(lambda text: f'"{text};:,"'),
    ),
    max_size=4,
).map(lambda pairs: "".join(f";{name}={value}" for name, value in pairs))
PEOPLE = st.sampled_from(
    [
        "mailto:carl@elsewhere.test",
        "mailto:alice@example.test",
        "MAILTO:Alice@Example.Test",
        "urn:uuid:1",
        "mailto:alice@example.test.evil",
    ]
)
ATTENDEES = st.builds(lambda parameters, who: f"ATTENDEE{parameters}:{who}", PARAMETERS, PEOPLE)
OTHERS = st.builds(lambda name, parameters, value: f"{name}{parameters}:{value}", NAMES, PARAMETERS, VALUES)
ALARM = st.just("BEGIN:VALARM\nACTION:EMAIL\nATTENDEE:mailto:alice@example.test\nTRIGGER:-PT5M\nEND:VALARM")
EVENTS = st.lists(ATTENDEES | OTHERS | ALARM, max_size=8)


@st.composite
def objects(draw):
    """Any object with an event of Bob's, its lines folded anywhere, also within a character."""
    events = draw(st.lists(EVENTS, min_size=1, max_size=3))
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", draw(OTHERS), "PRODID:x"]
    for properties in events:
        lines += ["BEGIN:VEVENT", "UID:1", *"\n".join(properties).split("\n"), "END:VEVENT"]
    lines += ["END:VCALENDAR"]
    line_break = draw(st.sampled_from([b"\r\n", b"\n"]))
    data = b""
    for line in lines:
        octets = line.encode()
        places = sorted(draw(st.lists(st.integers(1, max(1, len(octets) - 1)), max_size=3, unique=True)))
        parts = [octets[first:last] for first, last in zip([0, *places], [*places, len(octets)], strict=True)]
        data += (line_break + b" ").join(part for part in parts if part) + line_break
    return data


class TestAnAnswer:
    @QUICK
    @given(data=objects(), status=st.sampled_from(ParticipationStatus))
    def test_changes_nothing_but_my_participation_status(self, data, status):
        document = Document.read(data)
        places = range(len(document.blocks("VEVENT")))
        numbers = {number for place in places for number in attendee_lines(document, place, MINE)}
        after = with_status(document, places, MINE, status)

        assert len(after.lines) == len(document.lines)
        for number, (old, new) in enumerate(zip(document.lines, after.lines, strict=True)):
            if number not in numbers:
                assert new.raw == old.raw
                continue
            assert new.parameter("PARTSTAT") == status.upper()
            assert (new.key, new.value) == (old.key, old.value)
            rest = [
                [each for each in line.parameters if each[0].upper() != "PARTSTAT"] for line in (old, new)
            ]
            assert rest[0] == rest[1]
            assert ContentLine.read(new.raw) == new
            assert all(len(part) <= 75 for part in new.raw.splitlines()) or new is old
        assert Document.read(after.to_bytes()) == after

    @QUICK
    @given(data=objects(), status=st.sampled_from(ParticipationStatus))
    def test_is_seen_by_the_library_and_nothing_else_is(self, data, status):
        """The same once more, with another eye: one that takes a backslash for an escape in parameters too."""
        assume(not re.search(rb"\\[:;,]", unfolded(data)))
        try:
            before = icalendar.Calendar.from_ical(unfolded(data))
        except ValueError:
            assume(False)
        document = Document.read(data)
        answered = with_status(document, range(len(document.blocks("VEVENT"))), MINE, status)
        after = icalendar.Calendar.from_ical(unfolded(answered.to_bytes()))
        for old, new in zip(before.walk(), after.walk(), strict=True):
            for (name, one), (other_name, other) in zip(
                old.property_items(recursive=False), new.property_items(recursive=False), strict=True
            ):
                assert name == other_name
                if name == "ATTENDEE" and old.name == "VEVENT" and comparable(str(one)) in MINE:
                    assert other.params["PARTSTAT"] == status.upper()
                    for each in (one, other):
                        each.params.pop("PARTSTAT", None)
                assert getattr(one, "params", None) == getattr(other, "params", None)
                assert str(one) == str(other)

    @QUICK
    @given(data=objects(), status=st.sampled_from(ParticipationStatus))
    def test_that_stands_changes_not_a_byte(self, data, status):
        document = Document.read(data)
        once = with_status(document, [0], MINE, status)
        assert with_status(once, [0], MINE, status).to_bytes() == once.to_bytes()

    @QUICK
    @given(data=objects())
    def test_reading_changes_not_a_byte(self, data):
        assert Document.read(data).to_bytes() == data

    @QUICK
    @given(data=objects(), comment=VALUES.filter(bool), other=VALUES.filter(bool))
    def test_a_comment_comes_and_goes_and_leaves_no_trace(self, data, comment, other):
        document = Document.read(data)
        commented = with_comment(with_comment(document, [0], other, MARKS), [0], comment, MARKS)
        lines = commented.own_lines(commented.blocks("VEVENT")[0])
        assert own_comment(lines, MARKS) == comment
        assert sum(line.parameter(MARK) is not None for line in lines) == 1
        assert with_comment(commented, [0], None, MARKS).to_bytes() == data

    @given(text=st.text())
    def test_a_text_survives_the_way_there_and_back(self, text):
        back = unescaped(escaped(text))
        plain = text.encode(errors="replace").decode().replace("\r\n", "\n").replace("\r", "\n")
        assert back == re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", plain)
        assert "\n" not in escaped(text)

    @pytest.mark.parametrize(
        ("line", "mine"),
        [
            ("ATTENDEE:mailto:alice@example.test", True),
            ("ATTENDEE:MAILTO:ALICE@EXAMPLE.TEST", True),
            ("attendee;partstat=declined:mailto:alice%40example.test", True),
            ("ATTENDEE;EMAIL=alice@example.test:urn:uuid:7", True),
            ('ATTENDEE;CN="A:mailto:alice@example.test":mailto:carl@example.test', False),
            ('ATTENDEE;SENT-BY="mailto:alice@example.test":mailto:carl@example.test', False),
            ("ATTENDEE:mailto:alice@example.test.evil", False),
            ("X-ATTENDEE:mailto:alice@example.test", False),
        ],
    )
    def test_my_line_is_known_by_my_address(self, line, mine):
        document = Document.read(calendar(["BEGIN:VEVENT", line, "END:VEVENT"]))
        assert bool(attendee_lines(document, 0, MINE)) is mine

    def test_an_alarm_of_mine_is_no_attendance(self):
        alarm = ["BEGIN:VALARM", "ATTENDEE:mailto:alice@example.test", "END:VALARM"]
        document = Document.read(calendar(["BEGIN:VEVENT", *alarm, "END:VEVENT"]))
        assert attendee_lines(document, 0, MINE) == ()


class TestAnInstance:
    @pytest.mark.parametrize(
        ("start", "end", "instance", "written"),
        [
            (
                "DTSTART:20400105T100000Z",
                "DTEND:20400105T110000Z",
                "20400112T100000Z",
                ("DTSTART:20400112T100000Z", "DTEND:20400112T110000Z"),
            ),
            (
                "DTSTART;TZID=Europe/Berlin:20400305T100000",
                "DTEND;TZID=America/New_York:20400305T050000",
                "20400326T080000Z",
                ("DTSTART;TZID=Europe/Berlin:20400326T100000", "DTEND;TZID=America/New_York:20400326T050000"),
            ),
            (
                "DTSTART;TZID=Europe/Berlin:20400308T100000",
                "DTEND;TZID=Europe/Berlin:20400308T110000",
                "20400329T080000Z",
                ("DTSTART;TZID=Europe/Berlin:20400329T100000", "DTEND;TZID=Europe/Berlin:20400329T110000"),
            ),
            (
                "DTSTART;VALUE=DATE:20400105",
                "DTEND;VALUE=DATE:20400107",
                "20400112",
                ("DTSTART;VALUE=DATE:20400112", "DTEND;VALUE=DATE:20400114"),
            ),
            (
                "DTSTART:20400105T100000",
                "DURATION:PT1H",
                "20400112T100000Z",
                ("DTSTART:20400112T100000", "DURATION:PT1H"),
            ),
        ],
    )
    def test_gets_an_event_of_its_own_with_all_that_the_series_has(self, start, end, instance, written):
        alarm = ["BEGIN:VALARM", "TRIGGER:-PT5M", "END:VALARM"]
        obj = read(
            event(
                "RRULE:FREQ=WEEKLY",
                "EXDATE:20500105T100000Z",
                "X-KEPT;X-P=1:yes",
                *alarm,
                start=start,
                end=end,
            )
        )
        occurrence = obj.occurrence(parse_instance(instance))
        document, place = with_override(obj, occurrence)
        again = CalendarObject.read(document.to_bytes(), UTC)

        assert place == 1
        assert document.to_bytes().startswith(obj.document.to_bytes()[: -len("END:VCALENDAR\r\n")])
        (new,) = again.overrides.values()
        assert (new.instance, new.time) == (parse_instance(instance), occurrence.time)
        text = [
            line.raw.decode().strip() for line in again.document.lines[new.block.first : new.block.last + 1]
        ]
        series = [
            each
            for each in calendar_lines(obj)
            if not each.startswith(("RRULE", "EXDATE", "DTSTART", "DTEND"))
        ]
        assert [each for each in text if not each.startswith(("RECURRENCE-ID", "DTSTART", "DTEND"))] == series
        assert set(written) <= set(text)
        assert f"RECURRENCE-ID{written[0].removeprefix('DTSTART')}" in text


def calendar_lines(obj):
    block = obj.events[0].block
    return [line.raw.decode().strip() for line in obj.document.lines[block.first : block.last + 1]]


class TestSeries:
    def test_rules_dates_and_exceptions(self):
        obj = read(
            event(
                "RRULE:FREQ=WEEKLY;COUNT=4",
                "EXDATE:20400112T100000Z",
                "RDATE:20400113T100000Z,20400114T100000Z",
            ),
            event("RECURRENCE-ID:20400119T100000Z", start="DTSTART:20400120T150000Z", end="DURATION:PT30M"),
        )
        assert starts(obj, "2040-01-01", "2040-03-01") == [
            f"2040-01-{day}:00:00+00:00" for day in ("05T10", "13T10", "14T10", "20T15", "26T10")
        ]

    def test_an_end_is_meant_in_the_zone_of_the_series(self):
        series = event(
            "RRULE:FREQ=DAILY;UNTIL=20400107T090000Z",
            start="DTSTART;TZID=Europe/Berlin:20400105T100000",
            end="DURATION:PT1H",
        )
        assert len(starts(read(series), "2040-01-01", "2040-03-01")) == 3

    def test_the_clock_stays_over_the_change_of_the_clocks(self):
        series = event(
            "RRULE:FREQ=DAILY", start="DTSTART;TZID=Europe/Berlin:20400320T100000", end="DURATION:PT1H"
        )
        assert starts(read(series), "2040-03-24T00:00:00Z", "2040-03-26T00:00:00Z") == [
            "2040-03-24T10:00:00+01:00",
            "2040-03-25T10:00:00+02:00",
        ]

    def test_only_single_instances_may_be_known(self):
        data = calendar(
            event("RECURRENCE-ID:20400119T100000Z", start="DTSTART:20400119T100000Z", end="DURATION:PT1H")
        )
        found = chosen(data)
        assert (found.recurrence, found.reference.event_id) == (
            Recurrence.INSTANCE,
            "work/a.ics#20400119T100000Z",
        )
        assert chosen(data, found.reference.event_id).time == found.time
        assert chosen(data, scope=Scope.SERIES).recurrence is Recurrence.SINGLE

    @pytest.mark.parametrize(
        "rule",
        [
            "FREQ=SECONDLY",
            "FREQ=HOURLY",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=DAILY;INTERVAL=99999999999",
            "FREQ=DAILY;BYDAY=XX",
            "FREQ=DAILY;RSCALE=CHINESE",
            "COUNT=3",
        ],
    )
    def test_a_rule_that_cannot_be_read_hides_nothing_else(self, rule):
        data = calendar(event(f"RRULE:{rule}"))
        window = Window(pendulum.datetime(2040, 1, 1), pendulum.datetime(2040, 2, 1))
        with reading("list"):
            (found,) = reader().within(data, "/home/work/a.ics", window)
        assert found.recurrence is Recurrence.SERIES
        assert "recurrence rule cannot be read" in found.cannot_respond
        assert not found.can_respond

    def test_a_rule_without_an_instance_comes_to_an_end(self):
        obj = read(event("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"))
        assert len(starts(obj, "2040-01-01", "2041-01-01")) == 1


CUSTOM = [
    "BEGIN:VTIMEZONE",
    "TZID:{name}",
    "BEGIN:STANDARD",
    "DTSTART:19700101T000000",
    "TZOFFSETFROM:{offset}",
    "TZOFFSETTO:{offset}",
    "END:STANDARD",
    "END:VTIMEZONE",
]


def zone(name, offset):
    return [line.format(name=name, offset=offset) for line in CUSTOM]


class TestTimes:
    @pytest.mark.parametrize(
        ("start", "moment"),
        [
            ("DTSTART:20400105T100000Z", "2040-01-05T10:00:00Z"),
            ("DTSTART;TZID=Europe/Berlin:20400105T100000", "2040-01-05T09:00:00Z"),
            ("DTSTART;TZID=W. Europe Standard Time:20400105T100000", "2040-01-05T09:00:00Z"),
            ('DTSTART;TZID="Europe/Berlin":20400105T100000', "2040-01-05T09:00:00Z"),
            ("DTSTART:20400105T100000", "2040-01-05T09:00:00Z"),
        ],
    )
    def test_in_a_zone_in_utc_or_without_one(self, start, moment):
        obj = read(event(start=start, end="DURATION:PT1H"), floating=BERLIN)
        assert obj.events[0].time.start == pendulum.parse(moment)
        assert obj.events[0].length.total_seconds() == 3600

    def test_in_a_zone_that_only_the_object_knows(self):
        """And each object its own, whatever another one called by the same name."""
        for offset, hour in (("+0330", "06:30"), ("-0500", "15:00")):
            obj = read(
                zone("Office", offset),
                event(start="DTSTART;TZID=Office:20400105T100000", end="DURATION:PT1H"),
            )
            assert obj.events[0].time.start == pendulum.parse(f"2040-01-05T{hour}:00Z")

    def test_a_known_zone_is_itself_whatever_the_object_says(self):
        obj = read(
            zone("Europe/Berlin", "+0900"),
            event(start="DTSTART;TZID=Europe/Berlin:20400105T100000", end="DURATION:PT1H"),
        )
        assert obj.events[0].time.start == pendulum.parse("2040-01-05T09:00:00Z")

    def test_in_a_zone_that_nobody_knows(self):
        with pytest.raises(InvalidInputError, match="Nowhere"):
            read(event(start="DTSTART;TZID=Nowhere:20400105T100000", end="DURATION:PT1H"))

    def test_all_day(self):
        obj = read(event(start="DTSTART;VALUE=DATE:20400105", end=None), floating=BERLIN)
        assert obj.events[0].time.to_plain() == {"start": "2040-01-05", "end": "2040-01-06"}
        assert starts(obj, "2040-01-05T22:30:00Z", "2040-01-06T00:00:00Z", BERLIN) == ["2040-01-05"]
        assert starts(obj, "2040-01-05T23:30:00Z", "2040-01-06T00:00:00Z", BERLIN) == []

    def test_without_an_end(self):
        obj = read(event(end=None))
        assert obj.events[0].length.total_seconds() == 0
        assert starts(obj, "2040-01-05T10:00:00Z", "2040-01-05T11:00:00Z") == ["2040-01-05T10:00:00+00:00"]

    def test_a_calendars_own_zone(self):
        text = b"\r\n".join(calendar(zone("Office", "+0200")).split(b"\r\n")).decode()
        assert pendulum.datetime(2040, 1, 1).astimezone(zone_of(text)).utcoffset().total_seconds() == 7200

    @given(moment=st.datetimes().filter(lambda each: 2 < each.year < 9990))
    def test_an_instance_survives_its_text(self, moment):
        instance = pendulum.instance(moment.replace(microsecond=0), tz="UTC")
        assert parse_instance(instance_text(instance)) == instance
        assert parse_instance(instance_text(instance.date())) == instance.date()


class TestInvitations:
    @pytest.mark.parametrize(
        ("lines", "field", "value"),
        [
            (["STATUS:CANCELLED"], "is_cancelled", True),
            (["STATUS:CONFIRMED"], "is_cancelled", False),
            (["X-MICROSOFT-DISALLOW-COUNTER:TRUE"], "can_propose", False),
            (["URL:javascript:alert(1)"], "link", None),
            (["SUMMARY:A\\, b\\n c"], "subject", "A, b c"),
            (["CATEGORIES:a,b", "CATEGORIES:c"], "categories", ("a", "b", "c")),
        ],
    )
    def test_say_what_the_event_says(self, lines, field, value):
        assert getattr(chosen(calendar(event(*lines))), field) == value

    @pytest.mark.parametrize(
        ("attendee", "field", "value"),
        [
            ("ATTENDEE;RSVP=FALSE", "response_requested", False),
            ("ATTENDEE;RSVP=TRUE", "response_requested", True),
            ("ATTENDEE", "response_requested", True),
            ("ATTENDEE;ROLE=OPT-PARTICIPANT", "required", False),
            ("ATTENDEE;ROLE=REQ-PARTICIPANT", "required", True),
            ("ATTENDEE", "status", "needs-action"),
            ("ATTENDEE;PARTSTAT=tentative", "status", "tentative"),
            ("ATTENDEE;PARTSTAT=X-ODD", "status", None),
            ("ATTENDEE;PARTSTAT=DELEGATED", "can_respond", False),
        ],
    )
    def test_say_what_my_line_says(self, attendee, field, value):
        data = calendar(event()).replace(b"ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE", attendee.encode())
        assert getattr(chosen(data), field) == value

    def test_lines_of_mine_that_differ_are_no_status(self):
        data = calendar(event("ATTENDEE;PARTSTAT=ACCEPTED:MAILTO:Alice@example.test"))
        assert chosen(data).status is None

    def test_an_object_that_came_by_mail_may_be_a_cancellation(self):
        data = calendar(event()).replace(b"VERSION:2.0", b"VERSION:2.0\r\nMETHOD:CANCEL")
        assert chosen(data).is_cancelled


class TestWhatIsNone:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"rubbish",
            b"\xff\xfe",
            b"BEGIN:VCALENDAR\r\n",
            calendar(),
            calendar(["BEGIN:VTODO", "UID:1", "END:VTODO"]),
            calendar(event(start=None, end=None)),
            calendar(event(start="DTSTART:yesterday")),
            calendar(event(start="DTSTART:20401305T100000Z")),
            calendar(event(end="DTEND:20400105T090000Z")),
            calendar(event(end="DTEND;VALUE=DATE:20400106")),
            calendar(event(end="DURATION:soon")),
            calendar(event(start="DTSTART:00010101T000000Z")),
            calendar(["BEGIN:VEVENT", "END:VTODO"]),
            calendar(event("RECURRENCE-ID:never")),
            calendar(event()) + calendar(event()),
        ],
        ids=lambda data: repr(data[-60:]),
    )
    def test_is_one_clear_error(self, data):
        with (
            pytest.raises(MalformedResponseError, match=r"^Could not read it: the answer is malformed"),
            reading("read it"),
        ):
            chosen(data)

    @settings(QUICK, max_examples=300)
    @given(data=st.data())
    @example(data=SimpleNamespace(draw=lambda _: b""))
    def test_an_object_that_was_tampered_with_is_read_or_an_error_of_ours(self, data):
        good = calendar(
            zone("Office", "+0200"),
            event(
                "RRULE:FREQ=WEEKLY;COUNT=4", start="DTSTART;TZID=Office:20400105T100000", end="DURATION:PT1H"
            ),
            event("RECURRENCE-ID;TZID=Office:20400112T100000"),
        )
        lines = good.split(b"\r\n")
        for _ in range(data.draw(st.integers(1, 3)) or 0):
            number = data.draw(st.integers(0, len(lines) - 1))
            lines[number] = data.draw(
                st.sampled_from(
                    [b"", b"DTSTART:20400105", b"END:VEVENT", b"RRULE:FREQ=DAILY", b"RDATE:x", *lines]
                )
                | st.binary(max_size=20)
            )
        window = Window(pendulum.datetime(2040, 1, 1), pendulum.datetime(2040, 2, 1))
        try:
            with reading("read it"):
                for invitation in reader().within(b"\r\n".join(lines), "/home/work/a.ics", window):
                    invitation.to_plain()
        except RsvpError:
            pass


class TestPlaces:
    @given(path=st.text(max_size=30))
    def test_a_path_that_is_taken_stays_below_the_home(self, path):
        try:
            place = below_home(path, "calendar_id")
        except InvalidInputError:
            return
        assert place
        assert not place.startswith("/")
        assert not {"", ".", ".."} & set(place.split("/"))
        assert normal(place) == place
        assert place.isascii()

    @pytest.mark.parametrize("href", ["", "a", "//", "http://[", "?x"])
    def test_an_address_that_is_none(self, href):
        with pytest.raises(MalformedResponseError):
            path_of(href, "list")

    def test_addresses_are_compared_whatever_their_encoding(self):
        assert path_of("/a%40b/%7ec/", "list") == path_of("https://host.example/a@b/~c/", "list")
        assert path_of("/a%2Fb/", "list") != path_of("/a/b/", "list")


class TestXml:
    def answer(self, body):
        return Response(207, {"content-type": "application/xml"}, body)

    @pytest.mark.parametrize(
        "body",
        [
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
            b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
            '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x><x/>'.encode("utf-16"),
            b"<a>" * 200 + b"</a>" * 200,
            b"<unclosed>",
            b"{}",
            b"",
            b"<other/>",
            b'<multistatus xmlns="DAV:"><response/></multistatus>',
            b'<?xml version="1.0" encoding="nonsense"?><multistatus xmlns="DAV:"/>',
        ],
        ids=repr,
    )
    def test_what_is_none_or_not_to_be_trusted(self, body):
        with pytest.raises(MalformedResponseError):
            Multistatus.read(self.answer(body), "list")

    @QUICK
    @given(body=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
    def test_anything_is_read_or_an_error_of_ours(self, body):
        wrapped = b'<multistatus xmlns="DAV:"><response><href>' + body + b"</href></response></multistatus>"
        for each in (body, wrapped):
            with suppress(MalformedResponseError):
                Multistatus.read(self.answer(each), "list")
