"""Times thousands of years away: refused, or planned with in no time."""

from __future__ import annotations

import time

import pendulum
import pytest
from hostile.corpus.odd_events import EVERYBODY
from support.services.service import NOW, TOMORROW

from airflow_provider_rsvp.exceptions import (
    InvalidInputError,
)
from airflow_provider_rsvp.listing import listed
from airflow_provider_rsvp.model import EventReference, Invitation, ParticipationStatus, TimeRange
from airflow_provider_rsvp.plans import Plan
from airflow_provider_rsvp.policies import Policy, plan

pytestmark = pytest.mark.any_airflow


class TestFarTimes:
    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (pendulum.Date(1, 1, 1), pendulum.Date(1, 1, 2)),
            (pendulum.Date(2026, 1, 1), pendulum.Date(9999, 12, 31)),
            (pendulum.datetime(1, 1, 1), pendulum.datetime(2026, 1, 1)),
            (pendulum.datetime(2026, 1, 1), pendulum.datetime(9998, 1, 1)),
        ],
    )
    def test_there_is_no_reckoning_with_these(self, start, end):
        with pytest.raises(InvalidInputError, match="too far away for any calendar"):
            TimeRange(start, end)

    @pytest.mark.parametrize("zone", ["UTC", "Pacific/Apia", "Pacific/Kiritimati", "America/Adak"])
    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (pendulum.Date(2, 1, 1), pendulum.Date(2, 1, 2)),
            (pendulum.Date(2, 1, 1), pendulum.Date(9997, 12, 31)),
            (pendulum.Date(9997, 12, 31), pendulum.Date(9997, 12, 31)),
            (pendulum.datetime(2, 1, 1), pendulum.datetime(9997, 12, 31, 23, 59, 59)),
            (NOW, pendulum.datetime(9997, 12, 31, 23, 59, 59)),
        ],
    )
    def test_these_are_planned_with_in_no_time(self, zone, start, end):
        """Somebody who works at all hours is asked about thousands of years."""
        times = {"far": TimeRange(start, end), "near": TimeRange(TOMORROW, TOMORROW.add(hours=1))}
        events = [
            Invitation(
                reference=EventReference(event_id=event_id),
                subject=event_id,
                time=when,
                status=ParticipationStatus.NEEDS_ACTION,
                can_propose=True,
            )
            for event_id, when in times.items()
        ]
        plain = EVERYBODY.to_plain()
        plain["availability"]["timezone"] = zone
        begun = time.process_time()
        made = plan(Policy.from_plain(plain), events, events, NOW)
        assert time.process_time() - begun < 20
        assert {each.invitation.subject: each.reply is not None for each in made.decisions}["near"]
        assert made.as_text()
        assert Plan.from_plain(made.to_plain()) == made
        assert len(listed(events)) == 2

    def test_no_slot_is_sought_for_what_lasts_for_years(self):
        """Its neighbour holds its time, so that it is to be declined with another time."""
        held = Invitation(
            reference=EventReference(event_id="held"),
            subject="held",
            time=TimeRange(NOW.add(days=2), NOW.add(days=2, hours=1)),
            status=ParticipationStatus.ACCEPTED,
        )
        long = Invitation(
            reference=EventReference(event_id="long"),
            subject="long",
            time=TimeRange(TOMORROW, TOMORROW.add(years=7000)),
            status=ParticipationStatus.NEEDS_ACTION,
            can_propose=True,
        )
        begun = time.process_time()
        (decision,) = plan(EVERYBODY, [long], [held, long], NOW).decisions
        assert time.process_time() - begun < 20
        assert decision.rule == "conflict"
        assert "No time is proposed: it lasts too long." in decision.reason
