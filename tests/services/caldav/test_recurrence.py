"""Rules and zones are read as others read them, from near the window as from the very start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.services.caldav.lines import Document
from airflow_provider_rsvp.services.caldav.recurrence import MOST_EXAMINED, Rule, Work
from airflow_provider_rsvp.services.caldav.zones import Zones, clock

pytestmark = pytest.mark.any_airflow

DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
STARTS = st.datetimes(datetime(1900, 1, 1), datetime(2060, 1, 1)).map(
    lambda each: each.replace(microsecond=0)
)


def until(text):
    return datetime.strptime(text, "%Y%m%dT%H%M%S")


def some(strategy):
    return st.lists(strategy, min_size=1, max_size=4, unique=True).map(lambda each: ",".join(map(str, each)))


def signed(most):
    return st.integers(1, most) | st.integers(-most, -1)


@st.composite
def rules(draw):
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    # One that names an ordinal beside a plain weekday is read by dateutil as meaning both at once.
    ordinal = frequency in ("MONTHLY", "YEARLY") and draw(st.booleans())
    most = 5 if frequency == "MONTHLY" else 53
    weekday = st.builds("{}{}".format, signed(most) if ordinal else st.just(""), st.sampled_from(DAYS))
    parts = {
        "INTERVAL": st.integers(1, 40),
        "WKST": st.sampled_from(DAYS),
        "BYMONTH": some(st.integers(1, 12)),
        "BYMONTHDAY": some(signed(31)),
        "BYYEARDAY": some(signed(366)),
        "BYDAY": some(weekday),
        "BYHOUR": some(st.integers(0, 23)),
        "BYMINUTE": st.integers(0, 59),
        "BYSETPOS": some(signed(5)),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(parts)), max_size=3, unique=True))
    ends = draw(
        st.sampled_from([""])
        | st.integers(1, 60).map(";COUNT={}".format)
        | STARTS.map(lambda each: f";UNTIL={each:%Y%m%dT%H%M%S}")
    )
    return f"FREQ={frequency}" + "".join(f";{name}={draw(parts[name])}" for name in chosen) + ends


def by_dateutil(text, start, first, last):
    """What dateutil finds from the very start on."""
    found = []
    for moment in rrulestr(text, dtstart=start).xafter(start, inc=True):
        if moment > last:
            break
        found.append(moment)
    return [each for each in found if each >= first]


class TestRules:
    @pytest.mark.slow
    @settings(max_examples=150, deadline=None)
    @given(text=rules(), start=STARTS, ahead=st.integers(-400, 20_000), days=st.integers(0, 800))
    @example("FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,MO;BYSETPOS=1", datetime(1999, 12, 29, 9), 3_000, 60)
    @example("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", datetime(1997, 9, 29, 9), 9_000, 400)
    @example("FREQ=MONTHLY", datetime(2000, 1, 31, 9), 9_000, 400)
    @example("FREQ=YEARLY", datetime(2000, 2, 29, 9), 9_000, 4_000)
    def test_mean_near_the_window_what_they_mean_from_the_start(self, text, start, ahead, days):
        first = start + timedelta(days=ahead)
        last = first + timedelta(days=days)
        rule = Rule.read(text, start, until)
        assert list(rule.between(first, last, Work(None))) == by_dateutil(text, start, first, last)

    @pytest.mark.parametrize("week_start", range(7))
    def test_weeks_of_a_year_are_those_of_iso(self, week_start):
        rule = Rule.read(f"FREQ=YEARLY;BYWEEKNO=1,53,-2;WKST={DAYS[week_start]}", datetime(1990, 1, 1), until)
        found = {
            each.date() for each in rule.between(datetime(1990, 1, 1), datetime(2030, 12, 31), Work(None))
        }
        for day in (datetime(1990, 1, 1).date() + timedelta(days=each) for each in range(14_975)):
            # Moved so that weeks begin with Monday, a week still belongs to the year of its fourth day.
            middle = day - timedelta(days=(day.weekday() - week_start) % 7) + timedelta(days=3)
            number = (middle.timetuple().tm_yday - 1) // 7 + 1
            if week_start == 0:
                assert (middle.year, number) == day.isocalendar()[:2]
            weeks = (
                1 + (middle.replace(month=12, day=31).timetuple().tm_yday - middle.timetuple().tm_yday) // 7
            )
            assert (day in found) == (number in (1, 53) or weeks == 2), day

    @pytest.mark.parametrize(
        ("text", "most"),
        [
            ("FREQ=DAILY", 100),
            ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", 100),
            ("FREQ=WEEKLY;INTERVAL=7", 100),
            ("FREQ=MONTHLY;BYMONTHDAY=31", 100),
            ("FREQ=YEARLY;BYDAY=53MO", 800),
            ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", 100),
        ],
    )
    def test_begin_near_the_window(self, text, most):
        """Counted in days that are looked at, for a month a hundred years after the start."""
        rule = Rule.read(text, datetime(1940, 1, 1), until)
        list(rule.between(datetime(2040, 1, 1), datetime(2040, 2, 1), Work(most)))

    @pytest.mark.parametrize(
        "text",
        [
            "FREQ=DAILY;COUNT=999999",
            "FREQ=DAILY;COUNT=9;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=YEARLY;COUNT=9;BYDAY=MO;BYMONTHDAY=1;BYYEARDAY=300",
        ],
    )
    def test_that_count_are_given_up(self, text):
        rule = Rule.read(text, datetime(100, 1, 1), until)
        with pytest.raises(InvalidInputError, match="too much work"):
            list(rule.between(datetime(9000, 1, 1), datetime(9000, 2, 1), Work(MOST_EXAMINED)))

    @pytest.mark.parametrize(
        "text",
        [
            *("", "FREQ=HOURLY", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;BYMONTH=13", "FREQ=DAILY;BYDAY=XX"),
            *(
                "FREQ=DAILY;BYDAY=99MO",
                "FREQ=DAILY;COUNT=x",
                "FREQ=DAILY;FREQ=DAILY",
                "FREQ=DAILY;SKIP=BACKWARD",
            ),
            "FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5",
            f"FREQ=DAILY;BYDAY={','.join(DAYS * 1_000)}",
        ],
    )
    def test_that_cannot_be_read(self, text):
        with pytest.raises(ValueError, match=r"malformed|instance|interval|count|too long|int|not in"):
            Rule.read(text, datetime(2040, 1, 1), until)


def definition(name, standard, daylight, rules):
    offsets = [f"{'-' if each < 0 else '+'}{abs(each):02d}00" for each in (standard, daylight)]
    lines = ["BEGIN:VCALENDAR", "BEGIN:VTIMEZONE", f"TZID:{name}"]
    for kind, before, after, start, rule in (
        ("DAYLIGHT", *offsets, *rules[0]),
        ("STANDARD", *offsets[::-1], *rules[1]),
    ):
        lines += [f"BEGIN:{kind}", f"DTSTART:{start}", f"RRULE:{rule}", f"TZOFFSETFROM:{before}"]
        lines += [f"TZOFFSETTO:{after}", f"END:{kind}"]
    return "\r\n".join([*lines, "END:VTIMEZONE", "END:VCALENDAR", ""]).encode()


BERLIN = definition(
    "Own",
    1,
    2,
    (
        ("16010325T020000", "FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3"),
        ("16011028T030000", "FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10"),
    ),
)
NEW_YORK = definition(
    "Own",
    -5,
    -4,
    (
        ("20070311T020000", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=8,9,10,11,12,13,14;BYDAY=SU"),
        ("20071104T020000", "FREQ=YEARLY;BYMONTH=11;BYDAY=1SU"),
    ),
)
SYDNEY = definition(
    "Own",
    10,
    11,
    (
        ("20081005T020000", "FREQ=YEARLY;BYMONTH=10;BYDAY=1SU"),
        ("20080406T030000", "FREQ=YEARLY;BYMONTH=4;BYDAY=1SU"),
    ),
)
SINCE_2009 = st.datetimes(datetime(2009, 1, 1), datetime(2036, 1, 1))


@pytest.mark.parametrize(
    ("data", "real"),
    [(BERLIN, "Europe/Berlin"), (NEW_YORK, "America/New_York"), (SYDNEY, "Australia/Sydney")],
    ids=["Berlin", "New York", "Sydney"],
)
class TestZones:
    @settings(max_examples=200)
    @given(
        moment=SINCE_2009,
        near=st.sampled_from([None, "2027-03-28", "2027-10-31", "2027-11-07", "2027-04-04"]),
    )
    def test_are_as_everybody_knows_them(self, data, real, moment, near):
        if near is not None:
            moment = datetime.fromisoformat(near) + timedelta(minutes=moment.minute + 60 * (moment.hour % 5))
        zone, known = Zones(Document.read(data), UTC, Work())["Own"], ZoneInfo(real)
        for fold in (0, 1):
            wall = moment.replace(fold=fold)
            assert wall.replace(tzinfo=zone).utcoffset() == wall.replace(tzinfo=known).utcoffset()
        utc = moment.replace(tzinfo=timezone.utc)  # noqa: UP017 - a plain datetime
        assert clock(utc, zone) == utc.astimezone(known).replace(tzinfo=None)
        assert utc.astimezone(zone).astimezone(UTC) == utc


def test_a_zone_that_has_ended_keeps_its_last_offset():
    data = BERLIN.replace(b"BYMONTH=3", b"BYMONTH=3;UNTIL=19990328T010000Z").replace(
        b"BYMONTH=10", b"BYMONTH=10;UNTIL=19991031T010000Z"
    )
    zone = Zones(Document.read(data), UTC, Work())["Own"]
    assert datetime(2040, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=1)
    assert datetime(1999, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=2)
    assert datetime(1500, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=1)
