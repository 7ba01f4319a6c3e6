"""What an iCalendar object says: its instances, their times, and the invitation."""

from __future__ import annotations

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.icalendar_objects import BERLIN, calendar, chosen, event, read, reader, starts, zone

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import Recurrence, Scope
from airflow_provider_rsvp.services.caldav.instances import instance_text, parse_instance
from airflow_provider_rsvp.services.caldav.zones import zone_of
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.wire import reading

pytestmark = pytest.mark.any_airflow


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
