"""The comment of a policy from outside: it takes no long time and no memory, and reaches for nothing."""

from __future__ import annotations

import pytest
from support.outside_policies import made, rules, soon
from support.policy_model import all_day, invite

from airflow_provider_rsvp.operators.plan_replies import reply_arguments
from airflow_provider_rsvp.plans import Plan
from airflow_provider_rsvp.policies import Policy, PolicyError

pytestmark = pytest.mark.any_airflow


def with_comment(comment):
    return Policy.from_plain(rules(then={"action": "accept", "comment": comment}))


class TestAComment:
    @pytest.mark.parametrize(
        "comment",
        [
            "{{ 'x' * 10**9 }}",
            "{{ range(10**9) | list }}",
            "{% for a in range(10**5) %}{% for b in range(10**5) %}x{% endfor %}{% endfor %}",
            "{{ '%1000000000d' | format(1) }}",
            "{{ '%1000000000d' % 1 }}",
            "{{ 'x'.ljust(10**9) }}",
            "{{ ('x' * 10**6) | replace('x', 'y' * 10**6) }}",
            "{{ 'x' | center(10**9) }}",
            "{{ 'x' | indent(10**9) }}",
            "{{ 10**10**9 }}",
            "{{ 2**10**8 }}",
            "{% set ns = namespace(a='x') %}{% for _ in 'x' %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}",
            "{% set a = 'x' %}" + "{% set a = a ~ a %}" * 100,
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{% call f() %}{% endcall %}",
            "{{ " + "(" * 9_000 + "1" + ")" * 9_000 + " }}",
            "{{ " + "not " * 4_000 + "1 }}",
            "{{ " + "1 + " * 4_000 + "1 }}",
            "{% if now %}" * 900 + "{% endif %}" * 900,
            "{{ " + "9" * 9_000 + " }}",
            "{{ " + "now ~ " * 3_000 + "now }}",
            "x" * 20_001,
            "{% include '/etc/passwd' %}",
            "{% import 'x' as y %}",
            "{% extends 'x' %}",
            "{% block x %}{% endblock %}",
            "{% filter upper %}x{% endfilter %}",
            "{% with a = 1 %}{{ a }}{% endwith %}",
            "{{ now.strftime('%1000000000Y') }}",
            "{{ now.format('YYYY', locale='../../x') }}",
            "{{ now.format('Y' * 10**9) }}",
            "{{ now.format(invitation.subject) }}",
            "{{ now.add(days=10**9) }}",
            "{{ now.add(years=9_000) }}",
            "{{ now.in_timezone('Nowhere') }}",
            "{{ invitation.subject.format(now) }}",
            "{{ '{:>999999999}'.format(1) }}",
            "{{ 'x'.__class__ }}",
            "{{ ''['__class__']['__mro__'] }}",
            "{{ invitation['__init__']['__globals__'] }}",
            "{{ invitation | attr('__class__') }}",
            "{{ rule.when }}",
            "{{ invitation.to_plain() }}",
            "{{ now.__reduce__() }}",
            "{{ lipsum(9) }}",
            "{{ cycler.__init__.__globals__ }}",
            "{{ self }}",
            "{{ now | default('x', boolean=cycler) }}",
            "{{ now | default(*invitation) }}",
            "{{ now is defined(*invitation) }}",
            "{{ now is sameas cycler }}",
            "{{ invitation.categories | join(', ', attribute='__class__') }}",
            "{{ [now ~ now] | first | replace('a', 'b') }}",
            "{{ (invitation.body ~ invitation.body) | replace('a', 'b') }}",
            "{{ (none or invitation.body ~ invitation.body).split('a') | join('a') }}",
            "{{ invitation }}",
            "{{ leave }}",
            "{{ invitation.subject | when }}",
            "{{ invitation.categories | replace('a', 'b') }}",
            "{{ invitation.subject | truncate('x') }}",
            "{{ invitation.subject | replace('a') }}",
            "{{ leave.all_day }}",
            "{{ invitation.organizer.nick }}",
        ],
    )
    def test_that_is_unbounded_or_reaches_out_is_refused_when_it_is_read(self, comment):
        with soon(), pytest.raises(PolicyError, match=r"^rules\[0\].then.comment: .{10}") as caught:
            with_comment(comment)
        assert len(str(caught.value)) < 1_000

    @pytest.mark.parametrize(
        ("comment", "text"),
        [
            ("{{ invitation.subject | upper }}", "MEETING"),
            ("{{ invitation.subject[:4] ~ '…' }}", "meet…"),
            ("{{ invitation.organizer.name.split(' ')[0] or 'you' }}", "Olga"),
            ("{{ invitation.time.start.format('D. MMMM', locale='de') }}", "3. November"),
            ("{{ invitation.time.start.strftime('%H:%M') }}", "10:00"),
            ("{{ invitation.time.start.add(days=-1) | when }}", "Mon 2026-11-02 09:00 UTC"),
            ("{{ now.in_timezone('Asia/Tokyo').hour }}", "16"),
            ("{% if now.hour < 9 %}early{% elif rule.name == 'r' %}r{% else %}late{% endif %}", "early"),
            ("{{ proposed_time.start | when if proposed_time else 'later' }}", "later"),
            ("{{ invitation.categories | default(['none']) | join(', ') }}", "a, b"),
            ("{{ 'many' if invitation.attendee_count is none else invitation.attendee_count + 1 }}", "many"),
            ("{{ invitation.subject | replace('meet', 'greet') | truncate(4, true, '', 0) }}", "gree"),
            ("{{ invitation['subject'] }}: {{ invitation.status in ['needs-action'] }}", "meeting: True"),
            ("{# a note #}{% raw %}{{ }}{% endraw %} {{- ' x' }}", "{{ }} x"),
            ("{{ invitation.reference.event_id }} {{ invitation.is_draft and 1 }}", "meeting False"),
        ],
    )
    def test_may_say_what_a_comment_needs_to(self, comment, text):
        (decision,) = made(with_comment(comment), invite(categories=("a", "b"))).decisions
        assert (decision.unsupported, decision.reply.comment) == (None, text)

    @pytest.mark.parametrize(
        ("comment", "invitation", "problem"),
        [
            (
                "{{ invitation.organizer.name }}",
                invite("odd", organizer=None),
                "'None' has no attribute 'name'",
            ),
            ("{{ invitation.time.start.hour }}", all_day("odd", "11-04"), "has no attribute 'hour'"),
            (
                "{{ invitation.body }}!",
                invite("odd", body="x" * 20_000),
                "comes to more than 20000 characters",
            ),
            (
                "{{ invitation.body" + "| replace('x', '%s')" % ("x" * 100) * 10 + " }}",
                invite("odd", body="x" * 20_000),
                "comes to more than 20000 characters",
            ),
            (
                "{{ " + "(" * 6 + "invitation.body" + ".split('x') | join('%s'))" % ("x" * 100) * 6 + " }}",
                invite("odd", body="x" * 20_000),
                "comes to more than 20000 characters",
            ),
        ],
    )
    def test_that_fails_for_one_invitation_is_an_error_of_that_line_alone(self, comment, invitation, problem):
        policy = with_comment(comment)
        with soon():
            found = made(policy, invitation, invite("usual", "11-05 09:00", body="y"))
        odd, usual = found.decisions
        assert odd.unsupported.startswith("The comment of the rule 'r' cannot be written: ")
        assert problem in odd.unsupported
        assert not odd.sendable
        assert usual.sendable
        assert len(reply_arguments(found.to_plain())) == 1
        assert found.summary().endswith("1 cannot be sent.")
        assert Plan.from_plain(found.to_plain()).to_plain() == found.to_plain()
        assert problem in found.as_text()

    def test_that_fails_holds_no_time(self):
        policy = Policy.from_plain(
            {
                "rules": [
                    {"name": "busy", "when": {"conflict": True}, "then": "decline"},
                    *rules(then={"action": "accept", "comment": "{{ invitation.organizer.name }}"})["rules"],
                ]
            }
        )
        first, second = made(policy, invite("odd", organizer=None), invite("usual")).decisions
        assert (first.sendable, second.rule) == (False, "r")
