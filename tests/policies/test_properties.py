"""The reckoning of policies against a slow model that looks at every minute on the clock on the wall."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.policy_model import (
    NOW,
    WEEKDAYS,
    answer,
    decide,
    first_free,
    held,
    invite,
    meets,
    policy,
    weekly,
    works_at,
    works_throughout,
)

from airflow_provider_rsvp.model import ParticipationStatus
from airflow_provider_rsvp.plans import Plan
from airflow_provider_rsvp.policies import Availability, Hours, Leave, Policy, plan
from airflow_provider_rsvp.policies.availability.busy_times import BusyTimes, Interval
from airflow_provider_rsvp.policies.availability.slots import next_free_slot
from airflow_provider_rsvp.policies.availability.working_time import WorkingTime, Zone

pytestmark = pytest.mark.any_airflow

QUICK = settings(max_examples=60)

CHANGES = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),  # half an hour
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Havana", "2026-03-08"),  # midnight is skipped
    ("America/Havana", "2026-11-01"),  # midnight comes twice
    ("America/Sao_Paulo", "2018-11-04"),
    ("Atlantic/Azores", "2025-10-26"),
    ("Pacific/Apia", "2011-12-30"),  # the day is skipped
    ("Asia/Kathmandu", "2026-06-01"),
    ("UTC", "2026-06-01"),
]
"""A zone, and a day on which its clocks change in one direction or the other."""


def seconds(moment):
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


@st.composite
def hours_of_days(draw):
    """Weekday to pairs of minutes; quarter hours, up to three stretches, from midnight to midnight."""
    found = {}
    for name in WEEKDAYS:
        cuts = sorted(draw(st.sets(st.integers(0, 96), max_size=6)))
        found[name] = [(15 * a, 15 * b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    return found


@st.composite
def surroundings(draw):
    """A zone, hours and holidays, and a moment near a change of the clocks."""
    zone, day = draw(st.sampled_from(CHANGES))
    noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    near = noon + timedelta(minutes=draw(st.integers(-2 * 1440, 2 * 1440)))
    holidays = {noon.date() + timedelta(days=each) for each in draw(st.sets(st.integers(-2, 2), max_size=2))}
    hours = draw(hours_of_days())
    availability = Availability(
        timezone=zone,
        working_hours={name: tuple(Hours(*pair) for pair in pairs) for name, pairs in hours.items()},
        holidays=frozenset(holidays),
    )
    return availability, zone, hours, holidays, near


@QUICK
@given(surroundings(), st.integers(1, 600))
def test_working_hours(around, minutes):
    availability, zone, hours, holidays, start = around
    end = start + timedelta(minutes=minutes)
    assert WorkingTime(availability).covers(seconds(start), seconds(end)) is works_throughout(
        start, end, zone, hours, holidays
    )


@QUICK
@given(surroundings())
def test_a_moment_within_working_hours(around):
    availability, zone, hours, holidays, moment = around
    working = WorkingTime(availability)
    assert working.covers(seconds(moment), seconds(moment)) is works_at(moment, zone, hours, holidays)


@QUICK
@given(surroundings(), st.integers(1, 2880))
def test_periods_of_working_time(around, minutes):
    availability, zone, hours, holidays, start = around
    found = list(WorkingTime(availability).periods(seconds(start), seconds(start) + minutes * 60))
    worked = {moment for begin, end in found for moment in range(int(begin), int(end), 60)}
    expected = {
        int(seconds(start)) + 60 * minute
        for minute in range(minutes)
        if works_at(start + timedelta(minutes=minute), zone, hours, holidays)
    }
    assert worked == expected
    assert all(first[1] < second[0] for first, second in pairwise(found))


@settings(QUICK, max_examples=40)
@given(
    surroundings(),
    st.lists(st.tuples(st.integers(-600, 3000), st.integers(0, 300)), max_size=8),
    st.integers(1, 240),
    st.sampled_from([5, 15, 30, 60, 360]),
    st.integers(1, 2880),
)
def test_the_next_free_slot(around, others, length, step, horizon):
    availability, zone, hours, holidays, after = around
    before = after + timedelta(minutes=horizon)
    taken = [(after + timedelta(minutes=a), after + timedelta(minutes=a + n)) for a, n in others]
    busy = BusyTimes.present([Interval(seconds(a), seconds(b)) for a, b in taken])

    def taken_until(start, end):
        found = busy.overlapping(start, end)
        return found.end if found else None

    found = next_free_slot(
        WorkingTime(availability),
        Zone(zone),
        taken_until,
        after=seconds(after),
        before=seconds(before),
        length=length * 60,
        step=step * 60,
    )
    expected = first_free(after, before, length, step, zone, hours, holidays, taken)
    assert found == (None if expected is None else seconds(expected))


@QUICK
@given(st.sampled_from(CHANGES), st.integers(-3, 3))
def test_a_day_begins_when_the_clock_first_shows_it(change, shift):
    zone, text = change
    day = date.fromisoformat(text) + timedelta(days=shift)
    begins = Zone(zone).midnight(day)
    before, after = (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=begins + each)).astimezone(Zone(zone).tzinfo)
        for each in (-1, 0)
    )
    # A day that is left out begins and ends with the next.
    assert before.date() < day <= after.date() or (after.hour == 0 and after.date() == day)


SPANS = st.tuples(st.integers(0, 60), st.integers(0, 20), st.sampled_from(["", "a", "b"]))


@settings(max_examples=300)
@given(
    st.lists(SPANS, max_size=24),
    st.sets(st.integers(0, 23)),
    st.integers(0, 60),
    st.integers(0, 20),
    st.booleans(),
)
def test_what_overlaps(spans, absent, start, length, own):
    intervals = [Interval(a, a + n, str(i), frozenset({k})) for i, (a, n, k) in enumerate(spans)]
    times = BusyTimes.present(intervals)
    for index in absent & set(range(len(spans))):
        times.put(index, present=False)
    but = {"a"} if own else set()
    expected = [
        (each.start, each.end, index)
        for index, each in enumerate(intervals)
        if index not in absent
        and each.keys.isdisjoint(but)
        and set(range(start, start + length)) & set(range(int(each.start), int(each.end)))
    ]
    found = times.overlapping(start, start + length, but)
    assert (int(found.label) if found else None) == (min(expected)[2] if expected else None)


@QUICK
@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 13 * 7), st.integers(0, 23), st.integers(0, 240)), max_size=12),
    st.integers(0, 99),
    st.integers(0, 6),
)
def test_the_percentage_of_a_series(count, others, percent, instances):
    """Weekly, over the change of the clocks in March."""
    now = pendulum.datetime(2026, 2, 1)
    series = weekly("s", "02-03 10:00", count)
    start = pendulum.datetime(2026, 2, 1, tz="Europe/Berlin")
    calendar = [
        held(f"o{index}", start.add(days=day, hours=hour), minutes)
        for index, (day, hour, minutes) in enumerate(others)
    ]
    when = {"conflict": {"percent_over": percent, "instances_over": instances}}
    taken = [(each.time.start, each.time.end) for each in calendar]
    conflicts = sum(meets(each.time.start, each.time.end, taken) for each in series)
    exceeded = conflicts > instances and conflicts / count * 100 > percent
    expected = conflicts > 0 if count == 1 else exceeded
    assert answer(policy((when, "decline")), series, calendar, now) == ("declined" if expected else None)


@QUICK
@given(
    st.sampled_from(CHANGES),
    st.integers(-2, 2),
    st.integers(1, 3),
    st.integers(-3000, 3000),
    st.integers(1, 600),
)
def test_whole_days_of_leave_and_of_events(change, shift, days, offset, minutes):
    """A meeting meets a day if at any of its minutes the clock on the wall shows that day."""
    zone, text = change
    first = date.fromisoformat(text) + timedelta(days=shift)
    start = pendulum.datetime(first.year, first.month, first.day, 12).add(minutes=offset)
    meeting = invite(start=start, minutes=minutes)
    covered = {first + timedelta(days=each) for each in range(days)}
    shown = {start.add(minutes=each).in_timezone(zone).date() for each in range(minutes)}
    expected = "declined" if covered & shown else None
    now = start.subtract(days=10)
    last = first + timedelta(days=days - 1)
    leave = Leave.days(first, last).to_plain()
    made = policy(
        ({"during_leave": True}, {"action": "decline", "scope": "instance"}),
        availability={"timezone": zone, "leave": [leave]},
    )
    assert answer(made, meeting, [], now) == expected
    begin = pendulum.date(first.year, first.month, first.day)
    busy = held("fair", start, time=type(meeting.time)(begin, begin.add(days=days)))
    conflict = policy(({"conflict": True}, "decline"), availability={"timezone": zone})
    assert answer(conflict, meeting, [busy], now) == expected


WORDS = st.sampled_from(["olga@example.com", "*.org", "x"])
LEAVES = st.one_of(
    st.fixed_dictionaries({"subject": st.lists(WORDS.map(lambda text: text.replace("*", "")), min_size=1)}),
    st.fixed_dictionaries({"organizer": st.fixed_dictionaries({"address": WORDS})}),
    st.fixed_dictionaries({"attendee_count": st.fixed_dictionaries({"min": st.integers(0, 9)})}),
    st.fixed_dictionaries({"required": st.booleans()}),
    st.fixed_dictionaries(
        {"conflict": st.sampled_from([True, False, {"held": "tentative", "percent_over": 5}])}
    ),
    st.fixed_dictionaries({"status": st.sampled_from(["any", "accepted", ["tentative", "declined"]])}),
    st.fixed_dictionaries({"recurring": st.booleans(), "all_day": st.booleans()}),
    st.just({}),
)
WHENS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"not": inner, "recurring": st.booleans()}),
    ),
    max_leaves=8,
)


@QUICK
@given(st.lists(WHENS, min_size=1, max_size=4))
def test_a_policy_survives_being_written_down(whens):
    made = policy(*((when, "decline") for when in whens))
    assert Policy.from_plain(json.loads(json.dumps(made.to_plain()))) == made


@QUICK
@given(
    st.lists(WHENS, min_size=1, max_size=4),
    st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from(list(ParticipationStatus))),
        max_size=6,
        unique_by=lambda each: each,
    ),
    st.randoms(use_true_random=False),
)
def test_a_plan_is_the_same_every_time(whens, shape, random):
    made = policy(
        *(
            (when, verb)
            for when, verb in zip(whens, ["accept", "decline", "tentative", "leave"], strict=False)
        )
    )
    events = [
        invite(f"e{index}", NOW.add(hours=hour), 90, status=status)
        for index, (hour, status) in enumerate(shape)
    ]
    first = plan(made, events, events, NOW)
    shuffled = random.sample(events, len(events))
    assert plan(made, shuffled, shuffled[::-1], NOW) == first
    assert Plan.from_plain(json.loads(json.dumps(first.to_plain()))) == first
    assert len(first.decisions) == len(events)


@QUICK
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 8)), max_size=12))
def test_a_plan_never_accepts_two_at_once(spans):
    made = policy(({"conflict": True}, "decline"), ({}, "accept"))
    events = [invite(f"e{index}", NOW.add(minutes=15 * a), 15 * n) for index, (a, n) in enumerate(spans)]
    accepted = [
        (each.invitation.time.start, each.invitation.time.end)
        for each in plan(made, events, [], NOW).decisions
        if str(each.reply.status) == "accepted"
    ]
    accepted.sort()
    assert all(first[1] <= second[0] for first, second in pairwise(accepted))


def test_a_slot_is_found_through_the_whole_plan():
    made = policy(
        ({"conflict": True}, {"action": "decline", "propose": {"within_days": 366}}),
        availability={"timezone": "UTC", "working_hours": {"fri": "09:00-10:00"}},
    )
    slot = decide(made, invite(), [held("clash", "11-03 10:00")]).reply.proposed_time
    assert slot.start.isoformat() == "2026-11-06T09:00:00+00:00"
