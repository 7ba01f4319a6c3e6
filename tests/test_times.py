"""Times: always with a zone, whatever they were written as."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.sandbox.graph import zones as outlook
from airflow_provider_rsvp.times import format_when, parse_instant, parse_zone
from airflow_provider_rsvp.windows_zones import WINDOWS_ZONES

pytestmark = pytest.mark.any_airflow

IANA = sorted(available_timezones() - {"localtime", "posixrules"})
NAIVE = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
SECONDS = NAIVE.map(lambda moment: moment.replace(microsecond=0))


def instant(value, **options):
    return parse_instant(value, field="start", **options)


class TestParseInstant:
    @given(moment=st.datetimes(datetime(3, 1, 1), datetime(9996, 1, 1), timezones=OFFSETS))
    def test_an_offset_says_which_instant_it_is(self, moment):
        for written in (moment, moment.isoformat(), moment.isoformat(" "), f" {moment.isoformat()}\n"):
            assert instant(written) == moment
            assert instant(written).utcoffset() == moment.utcoffset()

    @given(moment=st.datetimes(timezones=OFFSETS), zone=st.sampled_from(IANA))
    def test_an_offset_counts_for_more_than_the_timezone(self, moment, zone):
        moment = moment.replace(year=2026, day=min(moment.day, 28))
        assert instant(moment.isoformat(), timezone=zone) == moment

    @given(moment=NAIVE, zone=st.sampled_from(IANA))
    def test_without_an_offset_it_is_wall_time_in_the_timezone(self, moment, zone):
        """With the offset before them for times that the clocks skip: RFC 5545, section 3.3.5."""
        expected = moment.replace(tzinfo=ZoneInfo(zone))
        for written in (moment, moment.isoformat()):
            assert instant(written, timezone=zone).timestamp() == expected.timestamp()
            assert instant(written, timezone=ZoneInfo(zone)).timestamp() == expected.timestamp()

    @given(moment=NAIVE, zone=st.sampled_from(IANA))
    def test_what_comes_out_can_be_written_and_read_again(self, moment, zone):
        read = instant(moment, timezone=zone)
        again = instant(read.isoformat())
        assert again.timestamp() == read.timestamp()
        assert read.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == read.naive()

    def test_a_time_that_the_clocks_skip_in_spring_comes_after_the_change(self):
        skipped = instant("2026-03-29T02:30:00", timezone="Europe/Berlin")
        assert skipped.isoformat() == "2026-03-29T03:30:00+02:00"

    def test_a_time_that_comes_twice_in_autumn_is_the_first(self):
        twice = instant("2026-10-25T02:30:00", timezone="Europe/Berlin")
        assert twice.isoformat() == "2026-10-25T02:30:00+02:00"

    def test_fold_chooses_the_second(self):
        second = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
        assert instant(second).isoformat() == "2026-10-25T02:30:00+01:00"

    @pytest.mark.parametrize(
        "text",
        [
            "2026-12-01T10:00:00+01:00",
            "2026-12-01T09:00:00Z",
            "2026-12-01T09:00Z",
            "2026-12-01 10:00:00+01:00",
            "20261201T100000+0100",
            "2026-12-01T09:00:00.0000000Z",
            "2026-12-01T04:00:00-05:00",
        ],
    )
    def test_the_forms_of_iso_8601(self, text):
        assert instant(text) == datetime(2026, 12, 1, 9, tzinfo=UTC)

    @pytest.mark.parametrize("zone", ["Pacific Standard Time", "America/Los_Angeles"])
    def test_the_example_of_the_graph_reference(self, zone):
        assert instant("2019-12-02T18:00:00", timezone=zone) == datetime(2019, 12, 3, 2, tzinfo=UTC)

    @pytest.mark.parametrize("value", ["2026-12-01T10:00:00", datetime(2026, 12, 1, 10)])
    def test_a_naive_time_is_an_error_that_names_the_field(self, value):
        with pytest.raises(
            InvalidInputError, match=r"^start: 2026-12-01T10:00:00 has no time zone\. Write an"
        ):
            instant(value)

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            ("2026-12-01", "is a date; a time of day is needed"),
            ("tomorrow", "is not an ISO 8601 time"),
            ("", "is not an ISO 8601 time"),
            ("2026-02-30T10:00:00Z", "is not an ISO 8601 time"),
            ("{{ ds }}", "is not an ISO 8601 time"),
            (date(2026, 12, 1), "expected an ISO 8601 text or a datetime, not date"),
            (1764579600, "not int"),
            (None, "not NoneType"),
            ("0001-01-01T00:00:00+14:00", "too far away for any calendar"),
            ("9999-12-31T23:59:59-14:00", "too far away for any calendar"),
        ],
    )
    def test_what_is_no_time_of_day_is_an_error_that_names_the_field(self, value, problem):
        with pytest.raises(InvalidInputError, match=r"^start: ") as raised:
            instant(value)
        assert problem in str(raised.value)

    @given(text=st.text())
    def test_any_text_is_a_time_or_an_error(self, text):
        with suppress(InvalidInputError):
            assert isinstance(instant(text, timezone="Europe/Berlin"), pendulum.DateTime)

    @pytest.mark.parametrize("zone", [5, 1.5, True, ["UTC"]])
    def test_a_timezone_of_another_type(self, zone):
        with pytest.raises(InvalidInputError, match=r"^timezone: expected the name of a zone, not "):
            instant("2026-12-01T10:00:00", timezone=zone)


class TestParseZone:
    @pytest.mark.parametrize(("windows", "iana"), WINDOWS_ZONES.items())
    def test_each_windows_name_stands_for_a_zone_that_exists(self, windows, iana):
        assert parse_zone(windows).key == iana
        assert iana in available_timezones()

    @pytest.mark.parametrize("windows", sorted(outlook.IANA))
    def test_windows_names_mean_what_outlook_takes_them_for(self, windows):
        for month in (1, 7):
            noon = datetime(2026, month, 1, 12)
            ours, theirs = parse_zone(windows), outlook.find(windows)
            assert noon.replace(tzinfo=ours).utcoffset() == noon.replace(tzinfo=theirs).utcoffset()

    @given(name=st.sampled_from(IANA))
    def test_each_iana_name_stands_for_itself(self, name):
        noon = datetime(2026, 7, 1, 12)
        assert (
            noon.replace(tzinfo=parse_zone(name)).utcoffset()
            == noon.replace(tzinfo=ZoneInfo(name)).utcoffset()
        )

    @pytest.mark.parametrize(
        "name",
        ["", " ", "Europe", "Europe/Atlantis", "europe/berlin", "../zoneinfo/UTC", "/etc/passwd", "a\0b"],
    )
    def test_anything_else_is_an_error_that_says_what_to_give(self, name):
        with pytest.raises(InvalidInputError) as raised:
            parse_zone(name, field="TZ_FROM")
        assert str(raised.value) == (
            f"TZ_FROM: {name!r} is not a time zone. Give an IANA name such as 'Europe/Berlin' "
            "or a Windows name such as 'W. Europe Standard Time'."
        )

    @given(name=st.text(max_size=400))
    def test_any_text_is_a_zone_or_an_error(self, name):
        with suppress(InvalidInputError):
            assert parse_zone(name).key


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (pendulum.datetime(2026, 11, 23, 10, tz="Europe/Berlin"), "Mon 2026-11-23 10:00 Europe/Berlin"),
        (parse_instant("2026-11-23T10:00:00+05:30", field="start"), "Mon 2026-11-23 10:00 +05:30"),
        (pendulum.date(2026, 11, 23), "Mon 2026-11-23"),
    ],
)
def test_times_are_shown_to_people_with_their_weekday_and_zone(value, text):
    assert format_when(value) == text
