"""A regular expression or a glob of a policy from outside takes no long time and no memory."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.outside_policies import made, rules, soon
from support.policy_model import NOW, invite

from airflow_provider_rsvp.model import Person
from airflow_provider_rsvp.policies import Policy, PolicyError
from airflow_provider_rsvp.policies.conditions.arguments import matches_glob
from airflow_provider_rsvp.policies.conditions.filter import Filter
from airflow_provider_rsvp.policies.patterns.automaton import Automaton
from airflow_provider_rsvp.policies.patterns.pattern import Pattern
from airflow_provider_rsvp.policies.patterns.syntax import Parser

pytestmark = pytest.mark.any_airflow


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

    def test_is_asked_only_where_python_might_take_long(self, monkeypatch):
        asked = []
        monkeypatch.setattr(Automaton, "found", lambda automaton, text: asked.append(text))
        for pattern in (r"\breview\b", "retro(spective)?", "team.*lunch", "^meeting 5[0-9]?$"):
            assert Pattern(pattern).excerpt("x" * 150) is None
            assert not Pattern(pattern).found("x" * 150)
        assert asked == []
        assert not Pattern("(a|b)*c").found("a" * 200)
        assert asked == ["a" * 200]


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
