"""The plan that a policy makes: its replies, how it is shown and written down, and what it takes."""

from __future__ import annotations

import json

import pendulum
import pytest
from support.policy_model import (
    LIMITED,
    NOW,
    OFFICE,
    all_day,
    at,
    decide,
    held,
    invite,
    policy,
    weekly,
)

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import (
    EventReference,
    FreeBusy,
    ParticipationStatus,
    Person,
    Sensitivity,
)
from airflow_provider_rsvp.plans import Plan
from airflow_provider_rsvp.policies import (
    PolicyError,
    plan,
)

pytestmark = pytest.mark.any_airflow


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
                r"decisions\[0\].invitation.event_id: expected text",
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
    original = BusyTimes.next_ending_after

    def counted(self, *arguments):
        nonlocal steps
        steps += 1
        return original(self, *arguments)

    monkeypatch.setattr(BusyTimes, "next_ending_after", counted)
    rules = [({"conflict": {"instances_over": index}, "subject": "never"}, "decline") for index in range(19)]
    made = policy(*rules, ({"conflict": True}, "decline"))
    start = at("11-03 00:00")
    invitations = [invite(f"i{index}", start.add(minutes=45 * index)) for index in range(2000)]
    calendar = [held(f"c{index}", start.add(minutes=50 * index), 200) for index in range(2000)]
    decisions = plan(made, invitations, calendar, NOW).decisions
    assert len(decisions) == 2000
    assert sum(each.reply is not None for each in decisions) > 1900
    assert steps <= 2 * 2000
