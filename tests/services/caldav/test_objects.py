"""What is no iCalendar object, no place on the server and no XML."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace

import pendulum
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.icalendar_objects import QUICK, calendar, chosen, event, reader, zone

from airflow_provider_rsvp.exceptions import InvalidInputError, MalformedResponseError, RsvpError
from airflow_provider_rsvp.services.caldav.places import below_home, normal, path_of
from airflow_provider_rsvp.services.caldav.xml import Multistatus
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.wire import Response, reading

pytestmark = pytest.mark.any_airflow


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
            pytest.raises(MalformedResponseError, match=r"^Could not read it: the response is malformed"),
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
