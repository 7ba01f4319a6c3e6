"""What a policy makes of an invitation: its rules in their order, and their actions."""

from __future__ import annotations

import copy
import json
import pickle

import pendulum
import pytest
from support.policy_model import (
    BERLIN,
    NOW,
    OFFICE,
    all_day,
    answer,
    at,
    decide,
    held,
    invite,
    policy,
    weekly,
)

from airflow_provider_rsvp.model import (
    FreeBusy,
    ParticipationStatus,
    Recurrence,
    Scope,
)
from airflow_provider_rsvp.policies import (
    Action,
    All,
    AttendeeCount,
    Availability,
    Conflict,
    Hours,
    Leave,
    Organizer,
    OutsideWorkingHours,
    Policy,
    ProposeSlot,
    Rule,
    Status,
    Subject,
    Verb,
    plan,
)

pytestmark = pytest.mark.any_airflow


class TestTheOrderOfRules:
    def test_the_first_rule_that_matches_decides(self):
        made = policy(({"subject": "meet"}, "accept"), ({}, "decline"))
        decision = decide(made, invite())
        assert (str(decision.reply.status), decision.rule) == ("accepted", "r0")

    def test_a_later_rule_decides_what_the_earlier_do_not_match(self):
        assert answer(policy(({"subject": "other"}, "accept"), ({}, "decline")), invite()) == "declined"

    def test_what_no_rule_matches_is_left(self):
        decision = decide(policy(({"subject": "other"}, "accept")), invite())
        assert (decision.reply, decision.rule, decision.reason) == (None, None, "No rule applies.")

    def test_a_rule_can_leave_on_purpose(self):
        decision = decide(policy(({}, "leave"), ({}, "decline")), invite())
        assert decision.reply is None
        assert decision.reason == "Left as it is by the rule 'r0': it applies to everything."

    def test_a_policy_without_rules_leaves_everything(self):
        assert answer(policy(), invite()) is None


SURROUNDINGS = {
    "my_domains": ["mine.org"],
    "availability": {
        **OFFICE,
        "holidays": ["2026-11-18"],
        "leave": [{"first_day": "2026-12-01", "last_day": "2026-12-02"}],
    },
}


class TestStatus:
    def test_only_pending_invitations_are_decided(self):
        assert answer(policy(({}, "decline")), held("a", "11-03 10:00")) is None

    def test_unless_the_rule_asks_for_others(self):
        made = policy(({"status": ["accepted", "tentative"]}, "decline"))
        assert answer(made, held("a", "11-03 10:00")) == "declined"
        assert answer(made, invite()) is None

    def test_any_includes_what_the_service_does_not_say(self):
        assert answer(policy(({"status": "any"}, "decline")), invite(status=None)) == "declined"
        assert answer(policy(({"status": ["needs-action"]}, "decline")), invite(status=None)) is None

    def test_what_stands_already_is_not_sent_again(self):
        decision = decide(policy(({"status": "any"}, "accept")), held("a", "11-03 10:00"))
        assert decision.reply is None
        assert decision.reason.endswith("It is accepted already.")

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"is_organizer": True}, "This mailbox is the organizer and cannot answer its own event."),
            ({"is_attendee": False}, "The mailbox is not invited to it, or it is not a meeting."),
            ({"is_cancelled": True}, "The organizer cancelled it; there is nothing to answer."),
            ({"is_draft": True}, "It is a draft that has not been sent yet."),
            ({"is_read_only": True}, "Its calendar is read-only for this connection."),
            ({"cannot_respond": "No."}, "It takes no reply: No."),
            ({"start": "11-02 06:00"}, "It is over."),
        ],
    )
    def test_what_takes_no_answer_is_left(self, change, reason):
        decision = decide(policy(({"status": "any"}, "decline")), invite(**change))
        assert (decision.reply, decision.reason) == (None, reason)


class TestLeave:
    def test_out_of_office_events_of_my_own_calendar_are_leave(self):
        made = policy(({"during_leave": True}, {"action": "decline", "scope": "instance"}))
        away = all_day("Away", "11-03", is_attendee=False, status=None, free_busy=FreeBusy.OUT_OF_OFFICE)
        assert decide(made, invite(), [away]).reason == (
            "Declined by the rule 'r0': it falls into the out-of-office time 'Away'."
        )
        assert answer(made, invite(start="11-04 10:00"), [away]) is None

    def test_not_so_an_invitation_shown_as_such_that_i_have_not_accepted(self):
        made = policy(({"during_leave": True}, {"action": "decline", "scope": "instance"}))
        trap = all_day("Away", "11-03", free_busy=FreeBusy.OUT_OF_OFFICE)
        assert answer(made, invite(), [trap]) is None

    def test_or_not_if_the_policy_says_so(self):
        leave = [{"start": "2026-12-01T12:00:00", "end": "2026-12-02T12:00:00+01:00"}]
        made = policy(
            ({"during_leave": True}, {"action": "decline", "scope": "instance"}),
            availability={"timezone": BERLIN, "out_of_office": False, "leave": leave},
        )
        away = invite("Away", is_attendee=False, status=None, free_busy=FreeBusy.OUT_OF_OFFICE)
        assert answer(made, invite(), [away]) is None
        assert answer(made, invite(start="12-01 11:30")) == "declined"
        assert answer(made, invite(start="12-01 11:00")) is None

    def test_a_comment_can_say_until_when(self):
        made = policy(
            (
                {"during_leave": True},
                {"action": "decline", "scope": "instance", "comment": "Until {{ leave.end | when }}"},
            ),
            **SURROUNDINGS,
        )
        assert (
            decide(made, invite(start="12-01 10:00")).reply.comment
            == "Until Thu 2026-12-03 00:00 Europe/Berlin"
        )


class TestSeries:
    SOME = weekly("standup", "11-03 10:00", 10)

    def test_is_answered_once(self):
        decision = decide(policy(({}, "accept")), self.SOME)
        assert (decision.scope, decision.occurrences) == (Scope.SERIES, 10)
        assert decision.invitation == self.SOME[0]

    def test_is_addressed_by_itself_where_it_is_listed(self):
        series = invite("standup", "09-01 10:00", recurrence=Recurrence.SERIES)
        decision = decide(policy(({}, "accept")), [*self.SOME, series])
        assert (decision.reference.event_id, decision.occurrences) == ("standup", 10)

    def test_alone_without_its_instances(self):
        series = invite("standup", "09-01 10:00", recurrence=Recurrence.SERIES)
        assert decide(policy(({}, "accept")), series).scope is Scope.SERIES

    @pytest.mark.parametrize(
        ("conflicts", "condition", "expected"),
        [
            (1, True, "declined"),
            (0, True, None),
            (2, {"percent_over": 20}, None),
            (3, {"percent_over": 20}, "declined"),
            (3, {"instances_over": 3}, None),
            (4, {"instances_over": 3}, "declined"),
            (4, {"percent_over": 50, "instances_over": 3}, None),
        ],
    )
    def test_some_of_its_occurrences_conflict(self, conflicts, condition, expected):
        calendar = [held(f"o{index}", at("11-03 10:30").add(weeks=index)) for index in range(conflicts)]
        assert answer(policy(({"conflict": condition}, "decline")), self.SOME, calendar) == expected

    def test_one_answered_instance_means_one_by_one(self):
        """An answer to the series would override what was answered by hand."""
        answered = weekly("standup", "11-03 10:00", 3, status=ParticipationStatus.DECLINED)[1]
        decisions = plan(policy(({}, "accept")), [self.SOME[0], self.SOME[2]], [answered], NOW).decisions
        assert [each.scope for each in decisions] == [Scope.INSTANCE] * 2

    def test_a_rule_for_instances_takes_the_series_apart(self):
        made = policy(
            ({"during_leave": True}, {"action": "decline", "scope": "instance"}),
            ({}, "accept"),
            **SURROUNDINGS,
        )
        decisions = plan(made, self.SOME, [], NOW).decisions
        assert {each.scope for each in decisions} == {Scope.INSTANCE}
        assert [str(each.reply.status) for each in decisions] == ["accepted"] * 4 + ["declined"] + [
            "accepted"
        ] * 5

    def test_and_leaves_it_whole_where_it_matches_none(self):
        made = policy(
            ({"during_leave": True}, {"action": "decline", "scope": "instance"}),
            ({}, "accept"),
            **SURROUNDINGS,
        )
        decision = decide(made, self.SOME[:4])
        assert (decision.scope, str(decision.reply.status)) == (Scope.SERIES, "accepted")

    def test_its_past_occurrences_do_not_count(self):
        made = policy(({"conflict": True}, "decline"))
        past = weekly("standup", "10-27 10:00", 3)
        assert decide(made, past, [held("old", "10-27 10:00")]).occurrences == 2
        assert answer(made, past, [held("old", "10-27 10:00")]) is None

    def test_a_cancelled_instance_is_named_by_itself(self):
        gone = weekly("standup", "11-03 10:00", 3, is_cancelled=True)[1]
        decisions = plan(policy(({}, "accept")), [self.SOME[0], gone, self.SOME[2]], [], NOW).decisions
        assert [each.reason for each in decisions] == [
            "Accepted by the rule 'r0': it applies to everything.",
            "The organizer cancelled it; there is nothing to answer.",
        ]

    def test_the_reason_counts(self):
        calendar = [held(f"o{index}", at("11-03 10:30").add(weeks=index)) for index in range(3)]
        assert decide(policy(({"conflict": True}, "decline")), self.SOME, calendar).reason == (
            "Declined by the rule 'r0': 3 of its 10 occurrences conflict with my calendar, the first with 'o0'."
        )


class TestMailboxes:
    def test_each_can_have_its_own_hours(self):
        made = policy(
            ({"outside_working_hours": True}, "decline"),
            ({}, "accept"),
            availability=OFFICE,
            mailboxes={"Nell@x.org": {"timezone": "America/New_York"}},
        )
        decisions = plan(
            made, [invite("a", mailbox="anna@x.org"), invite("b", mailbox="nell@X.org")], [], NOW
        ).decisions
        assert [str(each.reply.status) for each in decisions] == ["accepted", "declined"]

    def test_the_connections_own(self):
        made = policy(
            ({"outside_working_hours": True}, "decline"),
            availability=OFFICE,
            mailboxes={"nell@x.org": {"timezone": "America/New_York"}},
        )
        assert answer(made, invite()) is None
        assert answer(made, invite(), mailbox="nell@x.org") == "declined"


class TestAPolicyInPython:
    MADE = Policy(
        rules=(
            Rule(
                "far away",
                (Organizer(external=True) & AttendeeCount(min=50)) | ~Subject(("standup",)),
                Action(Verb.LEAVE),
            ),
            Rule("late", OutsideWorkingHours(percent_over=10), Action(Verb.DECLINE, propose=ProposeSlot())),
            Rule("clash", All((Conflict(), Status())), Action(Verb.TENTATIVE, notify_organizer=False)),
        ),
        my_domains=("example.com",),
        availability=Availability(
            timezone=BERLIN,
            working_hours={"mon": (Hours(9 * 60, 17 * 60),), "sun": (Hours.parse("22:00-24:00"),)},
            leave=(Leave.days(pendulum.date(2026, 12, 1), pendulum.date(2026, 12, 2), "Winter"),),
        ),
    )

    def test_is_written_down_and_read_back(self):
        assert Policy.from_plain(json.loads(json.dumps(self.MADE.to_plain()))) == self.MADE
        assert Policy.load(json.dumps(self.MADE.to_plain())) == self.MADE

    def test_is_a_value(self):
        assert pickle.loads(pickle.dumps(self.MADE)) == copy.deepcopy(self.MADE) == self.MADE
        assert hash(copy.deepcopy(self.MADE)) == hash(self.MADE)
