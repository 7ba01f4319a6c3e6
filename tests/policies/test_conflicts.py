"""What a policy makes of an invitation at a time that is taken, and which time it proposes."""

from __future__ import annotations

import pytest
from support.policy_model import (
    BERLIN,
    LIMITED,
    NOW,
    OFFICE,
    all_day,
    answer,
    decide,
    held,
    invite,
    policy,
    weekly,
)

from airflow_provider_rsvp.model import (
    FreeBusy,
    ParticipationStatus,
    TimeRange,
)
from airflow_provider_rsvp.policies import (
    plan,
)

pytestmark = pytest.mark.any_airflow


class TestConflicts:
    MADE = policy(({"conflict": True}, "decline"), ({"conflict": {"held": "tentative"}}, "tentative"))

    @pytest.mark.parametrize(
        ("other", "expected"),
        [
            (held("other", "11-03 10:30"), "declined"),
            (held("other", "11-03 09:00"), None),
            (held("other", "11-03 11:00"), None),
            (held("other", "11-03 10:30", 0), None),
            (held("other", "11-03 10:30", status="declined"), None),
            (held("other", "11-03 10:30", status="needs-action"), None),
            (held("other", "11-03 10:30", status="tentative"), "tentative"),
            (held("other", "11-03 10:30", is_cancelled=True), None),
            (all_day("fair", "11-03", status=ParticipationStatus.ACCEPTED), "declined"),
            (all_day("fair", "11-04", status=ParticipationStatus.ACCEPTED), None),
            (invite("mine", "11-03 10:30", status=None, is_organizer=True), "declined"),
            (invite("appointment", "11-03 10:30", status=None, is_attendee=False), "declined"),
            (held("other", "11-03 10:30", free_busy=FreeBusy.FREE), None),
            (held("other", "11-03 10:30", mailbox="someone@else.org"), None),
        ],
    )
    def test_with_what_is_on_my_calendar(self, other, expected):
        assert answer(self.MADE, invite(), [other]) == expected

    def test_an_event_is_no_conflict_with_itself(self):
        assert (
            answer(policy(({"conflict": True, "status": "any"}, "decline")), held("a", "11-03 10:00")) is None
        )

    def test_nor_with_its_copy_on_another_calendar(self):
        copy_of_it = held("copy", "11-03 10:00", ical_uid="u1")
        assert answer(self.MADE, invite(ical_uid="u1"), [copy_of_it]) is None

    def test_the_reason_names_it(self):
        decision = decide(self.MADE, invite(), [held("Dentist", "11-03 10:30")])
        assert decision.reason == "Declined by the rule 'r0': it conflicts with 'Dentist'."

    def test_one_plan_does_not_accept_two_at_the_same_time(self):
        made = policy(({"conflict": True}, "decline"), ({}, "accept"))
        decisions = plan(made, [invite("b"), invite("a"), invite("c", "11-03 11:00")], [], NOW).decisions
        assert [(each.invitation.subject, str(each.reply.status)) for each in decisions] == [
            ("a", "accepted"),
            ("b", "declined"),
            ("c", "accepted"),
        ]

    def test_what_the_plan_declines_is_free_for_the_next(self):
        made = policy(
            ({"subject": "old", "status": "accepted"}, "decline"),
            ({"conflict": True}, "decline"),
            ({}, "accept"),
        )
        decisions = plan(made, [held("a old", "11-03 10:00"), invite("new")], [], NOW).decisions
        assert [str(each.reply.status) for each in decisions] == ["declined", "accepted"]

    def test_what_the_service_cannot_be_told_takes_no_time(self):
        made = policy(({"conflict": True}, "decline"), ({}, {"action": "accept", "comment": "ok"}))
        decisions = plan(made, [invite("a"), invite("b")], [], NOW, LIMITED).decisions
        assert [str(each.reply.status) for each in decisions] == ["accepted", "accepted"]
        assert all(each.unsupported for each in decisions)


class TestProposedTimes:
    MADE = policy(
        ({"conflict": True}, {"action": "decline", "propose": {"within_days": 2}}), availability=OFFICE
    )

    def proposed(self, invitation, *others, made=MADE, **more):
        decision = decide(made, invitation, [held("clash", "11-03 10:00"), *others], **more)
        proposed = decision.reply.proposed_time
        return proposed.start.format("MM-DD HH:mm") if proposed else decision.reason.partition(".")[2].strip()

    def test_the_next_slot_of_the_same_length(self):
        assert self.proposed(invite()) == "11-03 11:00"

    def test_not_across_the_break(self):
        assert self.proposed(invite(minutes=90)) == "11-03 13:00"

    def test_not_where_something_is_held_even_tentatively(self):
        tentative = held("maybe", "11-03 11:30", 120, status="tentative")
        assert self.proposed(invite(), tentative) == "11-03 13:30"

    def test_not_during_a_leave(self):
        made = policy(
            ({"conflict": True}, {"action": "decline", "propose": {"within_days": 2}}),
            availability={
                **OFFICE,
                "leave": [{"start": "2026-11-03T11:00:00", "end": "2026-11-04T11:00:00"}],
            },
        )
        assert self.proposed(invite(), made=made) == "11-04 11:00"

    def test_not_to_two_organizers(self):
        decisions = plan(self.MADE, [invite("a"), invite("b")], [held("clash", "11-03 10:00")], NOW).decisions
        slots = [each.reply.proposed_time.start.format("HH:mm") for each in decisions]
        assert slots == ["11:00", "13:00"]

    def test_none_free(self):
        full = held("full", "11-03 11:00", 60 * 24 * 4)
        assert self.proposed(invite(), full) == "No time is proposed: none is free within 2 days."

    @pytest.mark.parametrize(
        ("invitation", "reason"),
        [
            (invite(can_propose=False), "the organizer takes no proposed times."),
            (all_day("fair", "11-03"), "it lasts all day."),
            (weekly("s", "11-03 10:00", 2), "a series has no single time."),
        ],
    )
    def test_not_everything_takes_one(self, invitation, reason):
        assert self.proposed(invitation) == f"No time is proposed: {reason}"

    def test_nor_every_service(self):
        assert (
            self.proposed(invite(), capabilities=LIMITED) == "No time is proposed: the service carries none."
        )


def test_times_are_offered_in_the_persons_zone():
    made = TestProposedTimes.MADE
    decision = decide(made, invite(), [held("clash", "11-03 10:00")])
    assert isinstance(decision.reply.proposed_time, TimeRange)
    assert decision.reply.proposed_time.start.timezone_name == BERLIN
