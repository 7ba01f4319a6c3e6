"""What an answer changes in an iCalendar object: the own answer, of the object, an instance or a series."""

from __future__ import annotations

import re

import icalendar
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.icalendar_objects import MARKS, MINE, QUICK, calendar, event, read

from airflow_provider_rsvp.model import ParticipationStatus
from airflow_provider_rsvp.services.caldav.edits import (
    attendee_lines,
    own_comment,
    with_comment,
    with_override,
    with_status,
)
from airflow_provider_rsvp.services.caldav.instances import parse_instance
from airflow_provider_rsvp.services.caldav.lines import (
    ContentLine,
    Document,
    comparable,
    escaped,
    unescaped,
    unfolded,
)
from airflow_provider_rsvp.services.caldav.marks import MARK
from airflow_provider_rsvp.services.caldav.objects import CalendarObject
from airflow_provider_rsvp.times import UTC

pytestmark = pytest.mark.any_airflow


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
