"""What a policy makes of an invitation, condition by condition and action by action."""

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

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import (
    Capabilities,
    EventReference,
    FreeBusy,
    ParticipationStatus,
    Person,
    Recurrence,
    Scope,
    Sensitivity,
    TimeRange,
)
from airflow_provider_rsvp.plans import Plan
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
    PolicyError,
    ProposeSlot,
    Rule,
    Status,
    Subject,
    Verb,
    plan,
)

pytestmark = pytest.mark.any_airflow

LIMITED = Capabilities(
    statuses=frozenset({ParticipationStatus.ACCEPTED, ParticipationStatus.DECLINED}),
    comment=False,
    silent=False,
    proposed_time=False,
    scopes=frozenset({Scope.INSTANCE}),
    mailboxes=False,
    ical_uid=False,
    response_is_proof=False,
    batch_size=1,
)


def from_address(address, **changes):
    return invite(organizer=Person(address), **changes)


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


class TestReplies:
    def test_carry_a_comment_with_the_invitation_and_the_rule_in_scope(self):
        comment = "{{ invitation.subject }} at {{ invitation.time.start | when }}: {{ rule.name }}"
        decision = decide(policy(({}, {"action": "decline", "comment": comment})), invite())
        assert decision.reply.comment == "meeting at Tue 2026-11-03 09:00 UTC: r0"

    def test_can_be_silent(self):
        assert decide(policy(({}, {"action": "accept", "notify_organizer": False})), invite()).reply == (
            decide(policy(({}, "accept")), invite()).reply.__class__(
                status=ParticipationStatus.ACCEPTED, notify_organizer=False
            )
        )

    def test_a_field_that_there_never_is_is_found_at_once(self):
        with pytest.raises(PolicyError, match=r"rules\[0\].then.comment: .*address.nick' is not defined"):
            policy(({}, {"action": "decline", "comment": "{{ invitation.organizer.address.nick }}"}))

    def test_a_comment_cannot_reach_into_python(self):
        with pytest.raises(PolicyError, match="__class__"):
            policy(({}, {"action": "decline", "comment": "{{ rule.name.__class__.__mro__ }}"}))

    def test_what_the_service_cannot_express_is_named(self):
        made = policy(({}, {"action": "tentative", "comment": "hm"}))
        found = decide(made, invite(mailbox="a@x.org"), capabilities=LIMITED, service="Acme").unsupported
        assert found == (
            "Acme cannot be told 'tentative'; it can: 'accepted', 'declined'. Acme carries no comments; drop it. "
            "A connection to Acme acts only for its own user; use one connection per user."
        )

    def test_a_series_where_only_instances_can_be_answered(self):
        found = decide(
            policy(({}, "accept")), weekly("s", "11-03 10:00", 2), capabilities=LIMITED
        ).unsupported
        assert "answer its instances one by one" in found


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


class TestThePlan:
    INVITATIONS = (
        invite(
            "a|b\nc",
            organizer=Person("x@y.org", "*Bold* [a](http://x)"),
            categories=("A",),
            sensitivity=Sensitivity.PRIVATE,
            free_busy=FreeBusy.BUSY,
        ),
        all_day("fair", "11-05"),
        *weekly("standup", "11-04 10:00", 3),
        invite("late", "11-03 20:00", mailbox="anna@x.org", ical_uid="u"),
    )
    MADE = policy(
        ({"outside_working_hours": True}, {"action": "decline", "comment": "No.", "propose": {}}),
        ({"all_day": True}, "leave"),
        ({}, "accept"),
        availability=OFFICE,
    )

    def made(self, invitations=INVITATIONS):
        return plan(self.MADE, invitations, [], NOW, conn_id="work", service="Acme")

    def test_is_plain_and_comes_back(self):
        made = self.made()
        assert Plan.from_plain(json.loads(json.dumps(made.to_plain()))) == made
        assert (made.conn_id, made.service, made.created_at) == ("work", "Acme", NOW)

    def test_keeps_no_body(self):
        decision = decide(policy(({"body": "zoom"}, "accept")), invite(body="Join on Zoom"))
        assert str(decision.reply.status) == "accepted"
        assert "Zoom" not in json.dumps(decision.to_plain())

    def test_does_not_depend_on_the_order_of_the_invitations(self):
        assert self.made() == self.made(self.INVITATIONS[::-1])

    def test_is_a_table(self):
        lines = self.made().as_text().splitlines()
        assert lines[0].split() == [
            *("#", "mailbox", "when", "invitation", "organizer", "status", "reply", "reason")
        ]
        assert "a|b c" in lines[2]
        assert lines[-1] == "4 invitations: 2 accepted, 1 declined, 1 left as they are." or lines[-1] == (
            "4 invitations: 2 accepted, 1 declined, 1 left as it is."
        )

    def test_is_markdown_that_strangers_cannot_write(self):
        table = self.made().as_markdown()
        assert r"a\|b c" in table
        assert "\\*Bold\\* \\[a\\](http:\u2060//x)" in table
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len(rows) == 2 + 4

    def test_an_empty_plan(self):
        made = plan(self.MADE, [], [], NOW)
        assert made.decisions == ()
        assert "0 invitations" in made.as_text()
        assert "(nothing)" in made.as_markdown()

    def test_lines_are_picked(self):
        made = self.made()
        picked = made.pick([1])
        assert [each.reply is not None for each in picked.decisions] == [True, False, False, False]
        assert picked.decisions[1].reason.startswith("Not approved. ")
        assert len(made.pick([]).replies) == 0
        with pytest.raises(InvalidInputError, match="no line 5"):
            made.pick([5])

    def test_the_comment_is_changed(self):
        assert {each.reply.comment for each in self.made().with_comment("Hi").replies} == {"Hi"}

    @pytest.mark.parametrize(
        ("spoil", "path"),
        [
            (lambda plain: plain.pop("created_at"), "'created_at' is missing"),
            (lambda plain: plain.update(created_at="yesterday"), "created_at: 'yesterday'"),
            (lambda plain: plain.update(more=1), "more: unknown key"),
            (lambda plain: plain.update(timezone="Mars"), "timezone: 'Mars'"),
            (lambda plain: plain["decisions"][0].pop("reason"), r"decisions\[0\]: 'reason' is missing"),
            (lambda plain: plain["decisions"][0].update(scope="all"), r"decisions\[0\].scope: 'all'"),
            (
                lambda plain: plain["decisions"][0]["reply"].update(status="maybe"),
                r"decisions\[0\].reply: status: 'maybe'",
            ),
            (
                lambda plain: plain["decisions"][0]["invitation"].update(start="noon"),
                r"decisions\[0\].invitation: start: 'noon'",
            ),
            (
                lambda plain: plain["decisions"][0]["invitation"].update(event_id=7),
                r"decisions\[0\].invitation.event_id: expected a text",
            ),
        ],
    )
    def test_a_spoilt_plan_is_refused(self, spoil, path):
        plain = json.loads(json.dumps(self.made().to_plain()))
        spoil(plain)
        with pytest.raises(InvalidInputError, match=path):
            Plan.from_plain(plain)


def test_the_present_has_a_zone():
    with pytest.raises(InvalidInputError, match="now"):
        plan(policy(), [], [], pendulum.naive(2026, 1, 1))


def test_an_invitation_without_an_id_was_not_listed():
    nameless = invite(reference=EventReference(ical_uid="u"))
    with pytest.raises(InvalidInputError, match="event_id"):
        plan(policy(), [nameless], [], NOW)


def test_a_large_plan_looks_at_little(monkeypatch):
    """2,000 invitations, 20 rules and a calendar of 2,000: what overlaps is looked up, not searched for."""
    from airflow_provider_rsvp.policies.availability.busy_times import BusyTimes

    steps = 0
    original = BusyTimes._next_ending_after

    def counted(self, *arguments):
        nonlocal steps
        steps += 1
        return original(self, *arguments)

    monkeypatch.setattr(BusyTimes, "_next_ending_after", counted)
    rules = [({"conflict": {"instances_over": index}, "subject": "never"}, "decline") for index in range(19)]
    made = policy(*rules, ({"conflict": True}, "decline"))
    start = at("11-03 00:00")
    invitations = [invite(f"i{index}", start.add(minutes=45 * index)) for index in range(2000)]
    calendar = [held(f"c{index}", start.add(minutes=50 * index), 200) for index in range(2000)]
    decisions = plan(made, invitations, calendar, NOW).decisions
    assert len(decisions) == 2000
    assert sum(each.reply is not None for each in decisions) > 1900
    assert steps <= 2 * 2000


def test_times_are_offered_in_the_persons_zone():
    made = TestProposedTimes.MADE
    decision = decide(made, invite(), [held("clash", "11-03 10:00")])
    assert isinstance(decision.reply.proposed_time, TimeRange)
    assert decision.reply.proposed_time.start.timezone_name == BERLIN
