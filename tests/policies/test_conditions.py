"""What a policy makes of an invitation, condition by condition."""

from __future__ import annotations

import json

import pytest
from support.policy_model import (
    NOW,
    OFFICE,
    all_day,
    answer,
    invite,
    policy,
)

from airflow_provider_rsvp.model import (
    Person,
    Recurrence,
    Sensitivity,
)
from airflow_provider_rsvp.policies import (
    Policy,
)

pytestmark = pytest.mark.any_airflow


def from_address(address, **changes):
    return invite(organizer=Person(address), **changes)


MATCHES = [
    ({"organizer": {"address": "olga@example.com"}}, from_address("Olga@Example.com"), True),
    ({"organizer": {"address": "olga@*"}}, from_address("olga@elsewhere.org"), True),
    ({"organizer": {"address": ["a@x.org", "b@x.org"]}}, from_address("b@x.org"), True),
    ({"organizer": {"address": "olga@example.com"}}, from_address("ivan@example.com"), False),
    ({"organizer": {"domain": "example.com"}}, from_address("olga@EXAMPLE.com"), True),
    ({"organizer": {"domain": "example.com"}}, from_address("olga@sub.example.com"), False),
    ({"organizer": {"domain": "*.example.com"}}, from_address("olga@sub.example.com"), True),
    ({"organizer": {"external": True}}, from_address("olga@elsewhere.org"), True),
    ({"organizer": {"external": True}}, from_address("olga@mine.org"), False),
    ({"organizer": {"external": False}}, from_address("olga@mine.org"), True),
    ({"organizer": {"external": True}}, invite(organizer=None), None),
    ({"organizer": {"external": False}}, invite(organizer=Person(None, "Olga")), None),
    ({"organizer": {"domain": "x.org", "address": "olga@*"}}, from_address("olga@y.org"), False),
    ({"subject": "stand.?up"}, invite("Daily STANDUP"), True),
    ({"subject": ["^Lunch", "review$"]}, invite("Design review"), True),
    ({"subject": "^standup"}, invite("Daily standup"), False),
    ({"body": "zoom"}, invite(body="Join on Zoom"), True),
    ({"body": "zoom"}, invite(body=""), False),
    ({"body": "zoom"}, invite(), None),
    ({"attendee_count": {"min": 10}}, invite(attendee_count=10), True),
    ({"attendee_count": {"max": 9}}, invite(attendee_count=10), False),
    ({"attendee_count": {"min": 2, "max": 3}}, invite(attendee_count=3), True),
    ({"attendee_count": {"min": 10}}, invite(), None),
    ({"required": True}, invite(required=True), True),
    ({"required": False}, invite(required=True), False),
    ({"required": False}, invite(required=None), None),
    ({"duration": {"max_minutes": 60}}, invite(minutes=60), True),
    ({"duration": {"min_minutes": 61}}, invite(minutes=60), False),
    ({"duration": {"min_minutes": 1440}}, all_day("fair", "11-04"), True),
    ({"lead_time": {"less_than": "2h"}}, invite(start=NOW.add(minutes=119)), True),
    ({"lead_time": {"less_than": "2h"}}, invite(start=NOW.add(minutes=120)), False),
    ({"lead_time": {"less_than": "1m"}}, invite(start=NOW.subtract(minutes=5)), True),
    ({"lead_time": {"more_than": "180d"}}, invite(start=NOW.add(days=181)), True),
    ({"lead_time": {"more_than": "26w"}}, invite(start=NOW.add(days=180)), False),
    ({"recurring": True}, invite(recurrence=Recurrence.INSTANCE), True),
    ({"recurring": True}, invite(), False),
    ({"all_day": True}, all_day("fair", "11-04"), True),
    ({"all_day": False}, invite(), True),
    ({"response_requested": False}, invite(response_requested=False), True),
    ({"mailbox": "room-*"}, invite(mailbox="room-1@x.org"), True),
    ({"mailbox": "room-*"}, invite(), None),
    ({"category": "team*"}, invite(categories=("Red", "Team A")), True),
    ({"category": "team*"}, invite(categories=()), False),
    ({"category": "team*"}, invite(), None),
    (
        {"sensitivity": ["private", "confidential"]},
        invite(sensitivity=Sensitivity.PRIVATE),
        True,
    ),
    ({"sensitivity": "private"}, invite(sensitivity=Sensitivity.PUBLIC), False),
    ({"sensitivity": "private"}, invite(), None),
    ({"outside_working_hours": True}, invite(start="11-03 12:30"), True),
    ({"outside_working_hours": True}, invite(start="11-03 11:30"), True),
    ({"outside_working_hours": True}, invite(start="11-03 11:00"), False),
    ({"outside_working_hours": False}, invite(start="11-03 11:00"), True),
    ({"outside_working_hours": True}, invite(start="11-07 10:00"), True),
    ({"outside_working_hours": True}, invite(start="11-18 10:00"), True),
    ({"outside_working_hours": True}, all_day("fair", "11-05", 2), False),
    ({"outside_working_hours": True}, all_day("fair", "11-06", 2), True),
    ({"during_leave": True}, invite(start="12-01 10:00"), True),
    ({"during_leave": True}, invite(start="12-03 10:00"), False),
    ({"during_leave": True}, all_day("fair", "11-30", 1), False),
    ({"during_leave": True}, all_day("fair", "11-30", 2), True),
    ({"during_leave": False}, invite(start="11-30 10:00"), True),
    ({"any": [{"subject": "x"}, {"recurring": False}]}, invite(), True),
    ({"all": [{"subject": "meeting"}, {"recurring": True}]}, invite(), False),
    ({"not": {"subject": "x"}}, invite(), True),
    # What is not known stays so.
    ({"not": {"required": True}}, invite(), None),
    ({"any": [{"required": True}, {"subject": "meeting"}]}, invite(), True),
    ({"any": [{"required": True}, {"subject": "other"}]}, invite(), None),
    ({"all": [{"required": True}, {"subject": "other"}]}, invite(), False),
    ({"not": {"all": [{"required": True}, {"subject": "other"}]}}, invite(), True),
]
SURROUNDINGS = {
    "my_domains": ["mine.org"],
    "availability": {
        **OFFICE,
        "holidays": ["2026-11-18"],
        "leave": [{"first_day": "2026-12-01", "last_day": "2026-12-02"}],
    },
}


@pytest.mark.parametrize(("when", "event", "expected"), MATCHES)
def test_a_condition(when, event, expected):
    """A rule applies only where its condition surely holds; so does its opposite only where it surely does not."""
    then = {"action": "decline", "scope": "series"}
    assert answer(policy((when, then), **SURROUNDINGS), event) == ("declined" if expected is True else None)
    assert answer(policy(({"not": when}, then), **SURROUNDINGS), event) == (
        "declined" if expected is False else None
    )


@pytest.mark.parametrize("when", [when for when, *_ in MATCHES])
def test_a_condition_survives_being_written_down(when):
    made = policy((when, {"action": "decline", "scope": "series"}), **SURROUNDINGS)
    written = json.loads(json.dumps(made.to_plain()))
    assert Policy.from_plain(written) == made
    assert Policy.from_plain(written).to_plain() == made.to_plain()
