"""``PlanRepliesOperator``: decides by a policy, shows why, and sends nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.sdk import DAG, task
from support.dagruns import outcome, run
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator, reply_arguments
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.plans import Plan
from airflow_provider_rsvp.sandbox import Sandbox

CONNECTIONS = {each.name: each.conn_id for each in SERVICES.values()}
POLICY = """
rules:
  - name: the release comes first
    when: {subject: release}
    then: {action: accept}
  - name: no lunches
    when: {subject: lunch}
    then: {action: decline}
"""
WITH_COMMENT = """
rules:
  - name: no lunches
    when: {subject: lunch}
    then: {action: decline, comment: "I am sorry to miss {{ invitation.subject }}."}
"""


class Instance(SimpleNamespace):
    """What the operator uses of a task instance."""

    def __init__(self) -> None:
        super().__init__(try_number=1, pushed={})

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def planned(
    conn_id: str, params: dict[str, Any] | None = None, **arguments: Any
) -> tuple[Plan, dict[str, Any]]:
    ti = Instance()
    context: Any = {"ti": ti, "params": params or {}}
    result = PlanRepliesOperator(task_id="plan", conn_id=conn_id, **arguments).execute(context)
    return Plan.from_plain(result), ti.pushed


@pytest.mark.parametrize("conn_id", CONNECTIONS.values())
def test_decides_by_the_first_rule_that_matches_and_leaves_the_rest(sandbox: Sandbox, conn_id: str) -> None:
    plan, pushed = planned(conn_id, policy=POLICY)

    replies = {each.invitation.subject: str(each.reply.status) for each in plan.replies if each.reply}
    assert replies == {"Release go/no-go": "accepted", "Lunch with the new colleagues": "declined"}
    assert {each.rule for each in plan.replies} == {"the release comes first", "no lunches"}
    assert len(plan.decisions) > len(plan.replies)
    assert len(reply_arguments(plan.to_plain())) == 2
    assert "Release go/no-go" in pushed["markdown"]


@pytest.mark.parametrize("conn_id", CONNECTIONS.values())
def test_sends_nothing(sandbox: Sandbox, conn_id: str) -> None:
    planned(conn_id, policy=POLICY)

    assert sandbox.mail() == []
    assert not [request for request in sandbox.requests() if request["operation"] == "send"]


def test_the_log_shows_the_plan(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    planned("msgraph_calendar_default", policy=WITH_COMMENT)

    assert "I am sorry to miss Lunch with the new colleagues." in capsys.readouterr().out


@pytest.mark.parametrize("conn_id", [each.conn_id for each in SERVICES.values() if each.bare])
class TestWhatTheServiceCannotExpress:
    def test_fails_and_names_each_reply(self, sandbox: Sandbox, conn_id: str) -> None:
        with pytest.raises(AirflowFailException, match=r"Lunch with the new colleagues.*comment"):
            planned(conn_id, policy=WITH_COMMENT)

    def test_is_skipped_when_asked(self, sandbox: Sandbox, conn_id: str) -> None:
        plan, _ = planned(conn_id, policy=WITH_COMMENT, on_unsupported="skip")

        assert len(plan.unsupported) == 1
        assert reply_arguments(plan.to_plain()) == []


class TestWhereThePolicyComesFrom:
    def test_a_file(self, sandbox: Sandbox, tmp_path: Any) -> None:
        file = tmp_path / "policy.yaml"
        file.write_text(POLICY)

        assert len(planned("cronofy_default", policy=str(file))[0].replies) == 2

    def test_a_variable(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_VAR_RSVP_POLICY", POLICY)

        assert len(planned("cronofy_default", policy_variable="rsvp_policy")[0].replies) == 2

    @pytest.mark.parametrize("as_text", [True, False])
    def test_a_param(self, sandbox: Sandbox, as_text: bool) -> None:
        plain = {"rules": [{"name": "all", "when": {"subject": "release"}, "then": {"action": "accept"}}]}
        params = {"policy": POLICY if as_text else plain}

        assert planned("cronofy_default", params, policy_param="policy")[0].replies

    def test_no_text_from_outside_is_taken_for_a_path(self, sandbox: Sandbox) -> None:
        with pytest.raises(AirflowFailException) as error:
            planned("cronofy_default", {"policy": "/etc/passwd"}, policy_param="policy")

        assert "root:" not in str(error.value)
        assert "cannot read the file" not in str(error.value)

    def test_what_is_not_there(self, sandbox: Sandbox) -> None:
        with pytest.raises(AirflowFailException, match="the DAG has no param 'policy'"):
            planned("cronofy_default", policy_param="policy")

    def test_one_source_and_no_more(self) -> None:
        for arguments in ({}, {"policy": POLICY, "policy_variable": "rsvp_policy"}):
            with pytest.raises(InvalidInputError, match="give exactly one of policy"):
                PlanRepliesOperator(task_id="plan", conn_id="cronofy_default", **arguments)

    def test_a_mistake_shows_when_the_dag_is_parsed(self) -> None:
        policy = {"rules": [{"name": "x", "when": {"subjekt": "release"}, "then": {"action": "accept"}}]}
        with pytest.raises(InvalidInputError, match=r"rules\[0\]\.when"):
            PlanRepliesOperator(task_id="plan", conn_id="cronofy_default", policy=policy)


@pytest.mark.airflow
@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("service", "conn_id"), CONNECTIONS.items())
def test_a_plan_is_mapped_over(sandbox: Sandbox, service: str, conn_id: str) -> None:
    with DAG(f"plan_and_reply_{service}", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
        plan = PlanRepliesOperator(task_id="plan", conn_id=conn_id, policy=POLICY)
        SetParticipationStatusOperator.partial(task_id="reply", conn_id=conn_id).expand_kwargs(
            task(reply_arguments)(plan.output)
        )

    first, second = run(dag), run(dag)

    assert {instance.state for instance in first.values()} == {"success"}
    assert outcome(first["plan"])["conn_id"] == conn_id
    received = {(mail["subject"], mail["status"]) for mail in sandbox.mail()}
    assert received == {
        ("Release go/no-go", "accepted"),
        ("Lunch with the new colleagues", "declined"),
    }
    assert len(sandbox.mail()) == 2, "the second run sent something"
    assert {instance.state for instance in second.values()} <= {"success", "skipped"}
