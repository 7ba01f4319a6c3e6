"""Which events lie in a window."""

from __future__ import annotations

import pendulum
import pytest

from airflow_provider_rsvp.model import TimeRange
from airflow_provider_rsvp.services.client import Window

WINDOW = Window(pendulum.datetime(2040, 1, 10, 9), pendulum.datetime(2040, 1, 20, 9))
START, END = WINDOW.start, WINDOW.end
KIRIBATI, BAKER_ISLAND = "Pacific/Kiritimati", "Etc/GMT+12"


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        (START.subtract(hours=1), START, False),
        (START.subtract(hours=1), START.add(seconds=1), True),
        (START, START, True),
        (START.subtract(seconds=1), START.subtract(seconds=1), False),
        (START, END, True),
        (START.subtract(days=90), END.add(days=90), True),
        (END.subtract(seconds=1), END.add(hours=1), True),
        (END, END.add(hours=1), False),
        (END, END, False),
        (START.in_timezone(KIRIBATI), START.in_timezone(BAKER_ISLAND), True),
    ],
)
def test_an_event_ends_after_its_start_and_begins_before_its_end(start, end, inside):
    assert WINDOW.covers(TimeRange(start, end)) is inside


@pytest.mark.parametrize(
    ("first", "inside", "in_utc"),
    [(8, False, False), (9, True, False), (10, True, True), (20, True, True), (21, False, False)],
)
def test_a_day_lies_in_it_if_it_does_so_anywhere_on_earth(first, inside, in_utc):
    """The ninth ends at noon in UTC on the tenth, on Baker Island; the window begins at nine."""
    day = TimeRange(pendulum.date(2040, 1, first), pendulum.date(2040, 1, first + 1))
    assert WINDOW.covers(day) is inside
    assert WINDOW.covers(day, pendulum.UTC) is in_utc
    zones = [pendulum.timezone(zone) for zone in (KIRIBATI, "UTC", BAKER_ISLAND)]
    assert any(WINDOW.covers(day, zone) for zone in zones) is inside


def test_a_day_that_begins_in_kiribati_when_the_window_has_not_ended_elsewhere():
    evening = Window(START, pendulum.datetime(2040, 1, 20, 11))
    day = TimeRange(pendulum.date(2040, 1, 21), pendulum.date(2040, 1, 22))
    assert evening.covers(day)
    assert evening.covers(day, pendulum.timezone(KIRIBATI))
    assert not evening.covers(day, pendulum.UTC)
