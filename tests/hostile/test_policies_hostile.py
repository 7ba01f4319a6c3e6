"""A policy from outside: it takes no long time, no memory and no file, and what it cannot say is one line's error."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dagruns import run
from support.policy_model import NOW, all_day, invite

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.model import Person
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator, reply_arguments
from airflow_provider_rsvp.plans import Plan
from airflow_provider_rsvp.policies import Policy, PolicyError, plan
from airflow_provider_rsvp.policies.conditions.arguments import matches_glob
from airflow_provider_rsvp.policies.conditions.filter import Filter
from airflow_provider_rsvp.policies.patterns.automaton import Automaton
from airflow_provider_rsvp.policies.patterns.pattern import Pattern
from airflow_provider_rsvp.policies.patterns.syntax import Parser

pytestmark = pytest.mark.any_airflow


SOON = 5
"""Seconds; far more than each of these takes, and far less than it took."""


@contextmanager
def soon(seconds=SOON):
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds


def rules(when=None, then="accept", **more):
    return {"rules": [{"name": "r", "when": when or {}, "then": then}], **more}


def made(policy, *invitations):
    return plan(policy, invitations, invitations, NOW)


def with_comment(comment):
    return Policy.from_plain(rules(then={"action": "accept", "comment": comment}))


class TestRegularExpressions:
    @pytest.mark.parametrize(
        ("pattern", "text"),
        [
            ("team.*lunch", "team" * 5_000),
            (r"\s+$", " " * 19_999 + "x"),
            (r"(\w+\s?)+:$", "a" * 20_000),
            (r"(\w+\s?)+:$", "a" * 27),
            ("(a|aa)*b", "a" * 20_000),
            ("(.*a){20}b", "a" * 20_000),
            ("(a|b)*a(a|b){300}$", "abbab" * 4_000),
            ("^(?:(?:|)*)*$", "x" * 20_000 + "\n\n"),
            ("(|){200}x", ""),
            ("((a?){30}){30}b", "a" * 20_000),
            (".*" * 100 + "q", "é" * 20_000),
            ("[^a]" * 200 + "ü", "".join(map(chr, range(0x4E00, 0x4E00 + 20_000)))),
        ],
    )
    def test_take_time_that_grows_with_the_text_alone(self, pattern, text):
        with soon():
            assert not Pattern(pattern).found(text)

    def test_so_do_conditions_and_filters(self):
        hostile = invite(subject="a" * 1_000, body="a" * 20_000)
        with soon():
            policy = Policy.from_plain(rules({"any": [{"subject": "(a|aa)+:$"}, {"body": "(a|aa)+:$"}]}))
            assert made(policy, hostile).replies == ()
            assert not Filter.parse({"body": r"(\w+\s?)+:$"}).matches(hostile, NOW)

    @pytest.mark.parametrize("subject", ["team lunch", "team" * 200 + " lunch"])
    def test_say_what_they_found(self, subject):
        (decision,) = made(
            Policy.from_plain(rules({"subject": "(team|t.am)+.*lunch"})), invite(subject=subject)
        ).decisions
        assert (
            f"the subject says '{subject}'" in decision.reason
            or "matches '(team|t.am)+.*lunch'" in decision.reason
        )
        assert decision.reply

    @pytest.mark.parametrize(
        ("pattern", "problem"),
        [
            ("a(?=b)", "looks ahead or behind"),
            ("(?<!a)b", "looks ahead or behind"),
            (r"(a)\1", "refers back to a group"),
            ("(?P<x>a)(?P=x)", "refers back to a group"),
            ("(a)?(?(1)b|c)", "asks whether a group has matched"),
            ("(?>a)", r"holds an atomic group; write '\(\?:...\)' instead"),
            ("a*+", "holds a possessive quantifier"),
            ("(?x) a", "sets the flag 'x'"),
            ("a{5000}", "repeats something so often"),
            ("(a{100}){100}", "repeats something so often"),
            ("a" * 1_001, "has 1001 characters; 1000 are the most"),
            ("(" * 60 + ")" * 60, "nests more than 50 groups"),
            ("[\\u0000-\\uffff]", "holds ranges of more than 30000 characters"),
            ("[b-a]", "is not a regular expression: bad character range"),
            ("a**", "is not a regular expression: multiple repeat"),
            (r"\q", "is not a regular expression: bad escape"),
        ],
    )
    def test_that_are_not_bounded_are_refused_with_what_to_write(self, pattern, problem):
        with soon(), pytest.raises(PolicyError, match=rf"rules\[0\].when.any\[0\].subject: .*{problem}"):
            Policy.from_plain(rules({"any": [{"subject": pattern}]}))

    def test_are_not_so_many_that_compiling_them_takes_long(self):
        wide = [f"[一-龠]{number}" for number in range(300)]
        with soon():
            Policy.from_plain(rules({"subject": wide}))
        for many in ([*wide, "x"], ["(a|b)?c*" * 120 + str(number) for number in range(60)]):
            with soon(), pytest.raises(PolicyError, match="regular expressions of"):
                Policy.from_plain(rules({"all": [{"not": {"subject": many}}]}))
            with soon(), pytest.raises(PolicyError, match=r"^filter: holds .* regular expressions of"):
                Filter.parse({"subject": many})


_TEXTS = st.text(st.sampled_from("aAbkKſsİıiß \nÉé_1:"), max_size=10)
_ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "k",
        "s",
        "i",
        "é",
        "ß",
        ".",
        r"\w",
        r"\W",
        r"\s",
        r"\d",
        "[a-k]",
        "[^a-z]",
        r"[\w-]",
        "[]a]",
        r"\n",
        " ",
        r"\x61",
        r"\u0130",
        r"\101",
        r"\N{LATIN SMALL LETTER A}",
        "{",
        r"\.",
        r"[\b\t-]",
        "(?#a comment)",
    ]
)
_BETWEEN = st.sampled_from(["^", "$", r"\b", r"\B", r"\A", r"\Z"])
_TIMES = st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{,2}", "{2,}", "{0}", "{0,3}?"])
_GROUPS = st.sampled_from(["(%s)", "(?:%s)", "(?s:%s)", "(?m:%s)", "(?-i:%s)", "(?i-s:%s)"])
_PATTERNS = st.builds(
    str.__add__,
    st.sampled_from(["", "", "", "(?s)", "(?m)", "(?sm)", "(?u)"]),
    st.recursive(
        _ATOMS | _BETWEEN,
        lambda inner: (
            st.builds(str.__add__, inner, inner)
            | st.builds("(?:{}|{})".format, inner, inner)
            | st.builds(str.__mod__, _GROUPS, inner)
            | st.builds("(?:{}){}".format, inner, _TIMES)
        ),
        max_leaves=12,
    ),
)


class TestTheAutomaton:
    @given(_PATTERNS, st.lists(_TEXTS, min_size=5, max_size=5))
    def test_finds_what_python_finds(self, pattern, texts):
        automaton = Automaton(Parser(pattern).tree())
        for text in texts:
            assert automaton.found(text) is (re.search(pattern, text, re.IGNORECASE) is not None), text

    @given(_PATTERNS, _TEXTS)
    def test_takes_over_without_a_difference(self, pattern, text):
        assert Pattern(pattern).found(text * 100) is (
            re.search(pattern, text * 100, re.IGNORECASE) is not None
        )

    def test_is_asked_only_where_python_might_take_long(self):
        for pattern in (r"\breview\b", "retro(spective)?", "team.*lunch", "^meeting 5[0-9]?$"):
            assert Pattern(pattern).excerpt("x" * 200) is None
            assert "_automaton" not in vars(Pattern(pattern))
        slow = Pattern("(a|b)*c")
        assert not slow.found("a" * 200)
        assert "_automaton" in vars(slow)


class TestGlobs:
    @given(
        st.lists(st.text(st.sampled_from("aAbß*?[]!-^.\\|~&\n"), max_size=8), max_size=3),
        st.lists(st.text(st.sampled_from("aAbßẞ[]!-^.\\*?\n"), max_size=8), min_size=3, max_size=3),
    )
    def test_mean_what_they_mean_in_the_shell(self, globs, texts):
        for text in texts:
            expected = any(fnmatchcase(text.casefold(), glob.casefold()) for glob in globs)
            assert matches_glob(text, tuple(globs)) is expected

    @pytest.mark.parametrize(
        "glob", ["*a*a*a*a*b", "*a" * 200 + "b", "*?a*?a*?ab", "*[ab]*[ab]*[ab]c", "*" + "a" * 400 + "*b"]
    )
    def test_take_no_long_time(self, glob):
        with soon():
            policy = Policy.from_plain(rules({"any": [{"category": glob}, {"organizer": {"address": glob}}]}))
            person = Person("a" * 1_000, "a")
            assert made(policy, invite(organizer=person, categories=("a" * 1_000,) * 100)).replies == ()

    @pytest.mark.parametrize("glob", ["[\x01-\uffff]", "*a" * 501])
    def test_that_are_too_large_are_refused(self, glob):
        for when in ({"category": glob}, {"mailbox": glob}, {"organizer": {"address": glob}}):
            with pytest.raises(PolicyError, match="or ranges of more than"):
                Policy.from_plain(rules(when))
        with pytest.raises(PolicyError, match="my_domains: "):
            Policy.from_plain(rules(my_domains=glob))


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


_LOL = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
_MERGED = "a: &a {k: 1, l: 2}\n" + "".join(
    f"{chr(98 + number)}: &{chr(98 + number)} {{<<: [*{chr(97 + number)}, *{chr(97 + number)}]}}\n"
    for number in range(24)
)


class TestATextOfAPolicy:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(_LOL, id="billion laughs"),
            pytest.param(_MERGED, id="merged mappings"),
            pytest.param("rules: &a [*a]", id="in itself"),
            pytest.param("rules: &a {<<: *a}", id="merged with itself"),
            pytest.param("rules: " + "[" * 20_000 + "]" * 20_000, id="deep"),
            pytest.param("rules: " + "[" * 20_000, id="deep and open"),
            pytest.param('{"rules": ' + "[" * 100_000 + "]" * 100_000 + "}", id="deep JSON"),
            pytest.param(
                "rules: [{name: a, then: accept, when: " + "{not: " * 60 + "{}" + "}" * 61 + "]", id="not not"
            ),
            pytest.param("rules: " + "9" * 300_000, id="a number"),
            pytest.param('{"rules": ' + "9" * 300_000 + "}", id="a number in JSON"),
            pytest.param("rules: 0x" + "f" * 300_000, id="a number in base 16"),
            pytest.param("rules: 1" + ":1" * 150_000, id="a number in base 60"),
            pytest.param("rules: 1" + ":1" * 150_000 + ".0", id="a fraction in base 60"),
            pytest.param("x" * 10_000_000, id="long"),
            pytest.param(
                "{" + ",".join(f'"{n}":1' for n in range(40_000)) + ',"39999":1}', id="a key given twice"
            ),
            pytest.param("rules: [" + "{}, " * 30_000 + "]", id="many rules"),
            pytest.param("rules: []\nmy_domains: [" + "a, " * 30_000 + "]", id="many domains"),
            pytest.param("rules: []\n? " + "x" * 100_000 + "\n: 1", id="a long key"),
            pytest.param("rules: " + "x" * 100_000, id="a long text"),
            pytest.param("rules: !!int x", id="a tag"),
            pytest.param("rules: [\0]", id="NUL"),
            pytest.param("rules: ['\ud800']", id="a surrogate"),
            pytest.param("rules: 2026-99-99", id="a date that is none"),
            pytest.param("rules: 2026-01-01T00:00:00+99:99", id="a zone that is none"),
        ],
    )
    @pytest.mark.parametrize("read", [Policy.parse, Policy.from_outside])
    def test_is_refused_soon(self, read, text):
        with soon(), pytest.raises(PolicyError) as caught:
            read(text)
        assert len(str(caught.value)) < 2_000

    @pytest.mark.parametrize(
        "availability",
        [
            {"leave": [{"first_day": "0001-01-01", "last_day": "0001-01-02"}]},
            {"leave": [{"first_day": "2026-01-01", "last_day": "9999-12-31"}]},
            {"leave": [{"start": "0001-01-01T00:00", "end": "0001-01-01T01:00"}]},
            {"timezone": "x" * 10_000},
            {"timezone": "../../etc/passwd"},
            {"timezone": "/etc/passwd"},
            {"holidays": [10**5_000]},
            {"holidays": ["9" * 15_000]},
            {"working_hours": {"mon": "9" * 15_000}},
        ],
    )
    def test_is_refused_for_times_beyond_all_calendars(self, availability):
        policy = rules({"during_leave": True}, {"action": "decline", "scope": "instance"})
        with soon(), pytest.raises(PolicyError, match=r"^availability\.") as caught:
            Policy.from_plain({**policy, "availability": {"timezone": "UTC", **availability}})
        assert len(str(caught.value)) < 500

    def test_that_is_large_and_honest_is_read(self):
        many = {f"person{number}@example.com": {"timezone": "Europe/Berlin"} for number in range(2_000)}
        with soon(10):
            policy = Policy.from_plain(rules(availability={"timezone": "UTC"}, mailboxes=many))
        assert policy.availability_of("person7@example.com").timezone == "Europe/Berlin"

    def test_anchors_are_read(self):
        text = "rules:\n- &one {name: a, when: {}, then: leave}\n- {<<: *one, name: b}\n"
        assert [rule.name for rule in Policy.parse(text).rules] == ["a", "b"]

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "rules",
                            "name",
                            "when",
                            "then",
                            "action",
                            "comment",
                            "subject",
                            "any",
                            "not",
                            "availability",
                            "timezone",
                            "leave",
                            "first_day",
                            "last_day",
                            "start",
                            "end",
                            "holidays",
                            "working_hours",
                            "mailboxes",
                            "my_domains",
                            "organizer",
                            "address",
                            "conflict",
                            "percent_over",
                            "propose",
                        ]
                    )
                    | st.text(max_size=3),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=20,
        )
    )
    def test_of_whatever_values_is_a_policy_or_an_error_of_ours(self, value):
        for data in (
            value,
            {"rules": [value]},
            {"rules": [], "availability": value},
            rules({"any": [value]}, value),
        ):
            with suppress(PolicyError):
                made(Policy.from_outside(data), invite())


CALENDAR = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\nEND:VEVENT\nEND:VCALENDAR\n"
SECRET = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:hunter2\nEND:VEVENT\nEND:VCALENDAR\n"


def naming(path, form=dict):
    data = rules(availability={"timezone": "UTC", "holidays_file": str(path)})
    if form is dict:
        return data
    rule = "rules:\n- {name: r, when: {}, then: accept}\n"
    return f"{rule}availability: {{timezone: UTC, holidays_file: {str(path)!r}}}"


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "shared"
        (folder / "inner").mkdir(parents=True)
        (folder / "days.ics").write_text(CALENDAR)
        (folder / "inner" / "days.ics").write_text(CALENDAR)
        (folder / "secret.ics").write_text(SECRET)
        (tmp_path / "outside.ics").write_text(CALENDAR)
        (folder / "link.ics").symlink_to(tmp_path / "outside.ics")
        (folder / "up").symlink_to(tmp_path)
        (folder / "loop").symlink_to(folder / "loop")
        (folder / "inner" / "link.ics").symlink_to(folder / "days.ics")
        return folder

    @pytest.mark.parametrize("form", [dict, str])
    @pytest.mark.parametrize(
        "name", ["days.ics", "inner/days.ics", "inner/../days.ics", "inner/link.ics", "{0}/days.ics"]
    )
    def test_within_the_folder_are_read(self, folder, name, form):
        policy = Policy.from_outside(naming(name.format(folder), form), folder)
        assert policy.availability.holidays == {pendulum.date(2026, 12, 24)}

    @pytest.mark.parametrize(
        "name",
        [
            "../outside.ics",
            "../nothing.ics",
            "link.ics",
            "up/outside.ics",
            "up/nothing.ics",
            "/etc/passwd",
            "/nothing",
            "{0}/../outside.ics",
            "../shared-too/x",
            "loop",
            "a\0b",
            "~/x",
            "x" * 10_000,
        ],
    )
    def test_elsewhere_are_out_of_reach_whether_they_are_there_or_not(self, folder, name):
        def message(path):
            with pytest.raises(PolicyError) as caught:
                Policy.from_outside(naming(path), folder)
            return str(caught.value).replace(repr(path), "it")

        found = message(name.format(folder))
        if name in ("~/x", "loop") or len(name) > 1_000:
            return
        assert found == message("/certainly/not/there")

    def test_are_none_without_a_folder(self, folder):
        texts = set()
        for name in ("/etc/passwd", "/nothing", "days.ics"):
            with pytest.raises(PolicyError, match=r"holidays_file: .*policy_files_folder") as caught:
                Policy.from_outside(naming(name))
            texts.add(str(caught.value))
        assert len(texts) == 1

    @pytest.mark.parametrize("name", ["secret.ics", "/etc/passwd", "../outside.ics", "."])
    def test_are_never_quoted(self, folder, name):
        with pytest.raises(PolicyError) as caught:
            Policy.from_outside(naming(name), folder)
        assert not {"hunter2", "root:"} & set(re.findall(r"[\w]+:?", str(caught.value)))

    def test_that_never_end_are_not_read(self):
        with soon(), pytest.raises(PolicyError, match="it is not a file"):
            Policy.from_plain(naming("/dev/zero"))

    def test_of_the_author_are_read_as_ever(self, folder, tmp_path):
        (folder / "policy.yaml").write_text(naming("../outside.ics", str))
        assert Policy.load(folder / "policy.yaml").availability.holidays
        assert Policy.from_plain(naming("link.ics"), directory=folder).availability.holidays


class TestTheOperator:
    @pytest.fixture
    def days(self, tmp_path, monkeypatch):
        (tmp_path / "days.ics").write_text(CALENDAR)
        (tmp_path / "policy.yaml").write_text(naming("days.ics", str))
        return tmp_path

    def policy(self, days, monkeypatch, source, name):
        context = {"params": {"policy": naming(name), "text": naming(name, str)}}
        monkeypatch.setenv("AIRFLOW_VAR_RSVP_POLICY", naming(name, str))
        return PlanRepliesOperator(task_id="plan", conn_id="x", **source)._policy(context)

    @pytest.mark.parametrize(
        "source", [{"policy_variable": "rsvp_policy"}, {"policy_param": "policy"}, {"policy_param": "text"}]
    )
    def test_keeps_a_policy_from_outside_within_the_folder_of_the_configuration(
        self, days, monkeypatch, source
    ):
        with pytest.raises(InvalidInputError, match="may name no files here"):
            self.policy(days, monkeypatch, source, days / "days.ics")
        monkeypatch.setenv("AIRFLOW__RSVP__POLICY_FILES_FOLDER", str(days))
        assert self.policy(days, monkeypatch, source, "days.ics").availability.holidays
        with pytest.raises(InvalidInputError, match="does not lie within the folder"):
            self.policy(days, monkeypatch, source, "/etc/passwd")

    def test_takes_the_files_of_the_author(self, days):
        assert PlanRepliesOperator(
            task_id="plan", conn_id="x", policy=str(days / "policy.yaml")
        ).policy.availability.holidays
        assert PlanRepliesOperator(
            task_id="plan", conn_id="x", policy=naming(days / "days.ics")
        ).policy.availability.holidays


@pytest.mark.airflow
@pytest.mark.usefixtures("database", "sandbox")
class TestMapping:
    def ran(self, name, expand):
        from airflow.sdk import DAG

        with DAG(name, schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
            expand()
        instances = run(dag)
        return [ti.state for key, ti in sorted(instances.items()) if key.startswith("plan[")]

    def test_over_xcoms_reaches_no_file(self, tmp_path):
        from airflow.sdk import task

        (tmp_path / "days.ics").write_text(CALENDAR)
        (tmp_path / "policy.yaml").write_text(naming("days.ics", str))
        policies = [naming(tmp_path / "days.ics"), str(tmp_path / "policy.yaml"), rules()]

        @task
        def choose():
            return policies

        def expand():
            PlanRepliesOperator.partial(
                task_id="plan", conn_id="cronofy_default", on_unsupported="skip"
            ).expand(policy=choose())

        assert self.ran("hostile_mapped", expand) == ["failed", "failed", "success"]

        @task
        def arguments():
            return [{"policy": each} for each in policies]

        def expand_kwargs():
            PlanRepliesOperator.partial(
                task_id="plan", conn_id="cronofy_default", on_unsupported="skip"
            ).expand_kwargs(arguments())

        assert self.ran("hostile_kwargs", expand_kwargs) == ["failed", "failed", "success"]

    def test_leaves_what_the_author_wrote_its_files(self, tmp_path):
        from airflow.sdk import task

        (tmp_path / "days.ics").write_text(CALENDAR)
        (tmp_path / "policy.yaml").write_text(naming("days.ics", str))
        written = str(tmp_path / "policy.yaml")

        @task
        def starts():
            return ["now"]

        def partial():
            PlanRepliesOperator.partial(
                task_id="plan", conn_id="cronofy_default", policy=written, on_unsupported="skip"
            ).expand(start=starts())

        def literal():
            PlanRepliesOperator.partial(
                task_id="plan", conn_id="cronofy_default", on_unsupported="skip"
            ).expand(policy=[written])

        assert self.ran("author_partial", partial) == ["success"]
        assert self.ran("author_literal", literal) == ["success"]


class TestALineThatCannotBeWritten:
    POLICY = rules({"subject": "lunch"}, {"action": "decline", "comment": "{{ invitation.categories[5] }}"})

    def test_fails_the_task_or_is_left_out_as_asked(self, sandbox):
        from types import SimpleNamespace

        pushed = {}
        context = {
            "ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value})),
            "params": {},
        }
        arguments = {"task_id": "plan", "conn_id": "msgraph_calendar_default", "policy": self.POLICY}
        with pytest.raises(AirflowFailException, match="The comment of the rule 'r' cannot be written"):
            PlanRepliesOperator(**arguments).execute(context)
        result = PlanRepliesOperator(**arguments, on_unsupported="skip").execute(context)
        assert len(Plan.from_plain(result).unsupported) == 1
        assert reply_arguments(result) == []
        assert "cannot be written" in pushed["markdown"]
