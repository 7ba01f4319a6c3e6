"""A policy from outside as YAML, JSON or in the arguments of mapped tasks: what it cannot say is one line's error."""

from __future__ import annotations

from contextlib import suppress

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dagruns import run
from support.outside_policies import CALENDAR, made, naming, rules, soon
from support.policy_model import invite

from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator, reply_arguments
from airflow_provider_rsvp.plans import Plan
from airflow_provider_rsvp.policies import Policy, PolicyError

pytestmark = pytest.mark.any_airflow


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
