"""The operator: its parameters, and runs through Airflow itself on every service."""

from __future__ import annotations

import inspect
import json
from datetime import timedelta

import pendulum
import pytest
from airflow.sdk import DAG, task
from support.dagruns import outcome, register, run
from support.services import SERVICES

from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.sandbox.graph import ids

FIELDS = {
    "conn_id": "{{ params.conn_id }}",
    "event_id": "{{ params.event_id }}",
    "ical_uid": "{{ params.ical_uid }}",
    "original_start": "{{ params.original_start }}",
    "status": "{{ params.status }}",
    "mailbox": "{{ params.mailbox }}",
    "calendar_id": "{{ params.calendar_id }}",
    "scope": "{{ params.scope }}",
    "comment": "{{ params.comment }}",
    "notify_organizer": "{{ params.notify_organizer }}",
    "proposed_start": "{{ params.proposed_start }}",
    "proposed_end": "{{ params.proposed_end }}",
    "timezone": "{{ params.timezone }}",
    "verify": "{{ params.verify }}",
    "force": "{{ params.force }}",
    "degrade": "{{ params.degrade }}",
    "dry_run": "{{ params.dry_run }}",
}
TIMEOUTS = {"request_timeout", "throttle_timeout", "settle_timeout", "turn_timeout"}


def new_dag(dag_id, **options):
    return DAG(dag_id, schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC"), **options)


@pytest.fixture(params=SERVICES)
def service(request, sandbox, database):
    """A connection's id, its service's name, and how to find events of the first user there."""
    each = SERVICES[request.param]
    return each.conn_id, each.title, lambda slug: sandbox.event_id(each.name, slug, each.mailbox)


class TestParameters:
    def test_all_that_make_the_reply_are_templated(self):
        parameters = set(inspect.signature(SetParticipationStatusOperator.__init__).parameters)
        assert set(SetParticipationStatusOperator.template_fields) == set(FIELDS)
        assert parameters - {"self", "kwargs"} - TIMEOUTS == set(FIELDS)

    def test_all_are_rendered(self):
        operator = SetParticipationStatusOperator(task_id="answer", **FIELDS)
        operator.render_template_fields({"params": {name: f"the {name}" for name in FIELDS}})
        assert {name: getattr(operator, name) for name in FIELDS} == {name: f"the {name}" for name in FIELDS}

    def test_no_parameter_takes_a_secret(self):
        for name in ("token", "password", "client_secret"):
            with pytest.raises(TypeError):
                SetParticipationStatusOperator(
                    task_id="answer", conn_id="c", status="accepted", **{name: "sesame"}
                )

    @pytest.mark.airflow
    def test_they_survive_serialisation(self, database):
        with new_dag("serialised") as dag:
            SetParticipationStatusOperator(task_id="plain", **FIELDS)
            SetParticipationStatusOperator.partial(task_id="mapped", conn_id="c").expand_kwargs(
                [{"event_id": "1", "status": "accepted"}]
            )
        register(dag)

        from airflow.models.serialized_dag import SerializedDagModel

        stored = SerializedDagModel.get_dag("serialised")
        assert {name: getattr(stored.get_task("plain"), name) for name in FIELDS} == FIELDS
        assert tuple(stored.get_task("plain").template_fields) == tuple(
            SetParticipationStatusOperator.template_fields
        )
        assert [link.name for link in stored.get_task("plain").operator_extra_links] == ["Open event"]
        assert stored.get_task("mapped").is_mapped


@pytest.mark.airflow
class TestRuns:
    def test_a_run_answers_the_invitation(self, service, sandbox, capsys):
        conn_id, name, event_id = service
        with new_dag("answers") as dag:
            SetParticipationStatusOperator(
                task_id="answer", conn_id=conn_id, event_id=event_id("release"), status="accepted"
            )

        ti = run(dag)["answer"]

        assert ti.state == "success"
        assert [mail["status"] for mail in sandbox.mail()] == ["accepted"]
        result = outcome(ti)
        assert json.loads(json.dumps(result)) == result
        assert result["outcome"] == "replied"
        assert result["service"] == name
        assert (result["status_before"], result["status_after"]) == ("needs-action", "accepted")
        assert result["link"] == ti.xcom_pull(task_ids="answer", key="_link_EventLink")
        assert f"REPLIED: 'Release go/no-go' on {name}, needs-action → accepted." in capsys.readouterr().out

    def test_running_again_sends_nothing(self, service, sandbox):
        conn_id, _, event_id = service
        with new_dag("again") as dag:
            SetParticipationStatusOperator(
                task_id="answer", conn_id=conn_id, event_id=event_id("release"), status="accepted"
            )

        first, second = (outcome(run(dag)["answer"]) for _ in range(2))

        assert (first["outcome"], second["outcome"]) == ("replied", "unchanged")
        assert len(sandbox.mail()) == 1

    def test_a_permanent_error_fails_at_once(self, service, sandbox):
        conn_id, _, event_id = service
        with new_dag("permanent") as dag:
            SetParticipationStatusOperator(
                task_id="answer",
                conn_id=conn_id,
                event_id=event_id("own"),
                status="accepted",
                retries=3,
                retry_delay=timedelta(0),
            )

        ti = run(dag)["answer"]

        assert (ti.state, ti.try_number) == ("failed", 1)
        assert sandbox.mail() == []


@pytest.mark.airflow
class TestMoreRuns:
    def test_a_passing_error_is_left_to_airflows_retries(self, sandbox, database):
        sandbox.faults([{"kind": "status", "status": 500, "times": 1}])
        with new_dag("passing") as dag:
            SetParticipationStatusOperator(
                task_id="answer",
                conn_id="msgraph_calendar_static",
                event_id=ids.default("alice", "release"),
                status="accepted",
                retries=1,
                retry_delay=timedelta(0),
            )

        ti = run(dag)["answer"]

        assert (ti.state, ti.try_number) == ("success", 2)
        assert outcome(ti)["outcome"] == "replied"
        assert len(sandbox.mail()) == 1

    def test_the_hook_can_be_used_in_a_task(self, sandbox, database):
        with new_dag("in_a_task") as dag:

            @task
            def answer():
                from airflow_provider_rsvp.hooks.base import get_calendar_hook
                from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply

                with get_calendar_hook("cronofy_default") as hook:
                    return hook.set_participation_status(
                        EventReference(event_id="evt_external_release"),
                        Reply(status=ParticipationStatus.DECLINED),
                    ).to_plain()

            answer()

        assert outcome(run(dag)["answer"])["outcome"] == "replied"
        assert [mail["status"] for mail in sandbox.mail()] == ["declined"]

    def test_it_is_mapped_over_events(self, sandbox, database):
        slugs = ("release", "planning", "board")
        with new_dag("mapped") as dag:
            SetParticipationStatusOperator.partial(
                task_id="answer", conn_id="bitrix24_default", status="accepted"
            ).expand(event_id=[sandbox.event_id("bitrix24", slug, "1") for slug in slugs])

        results = run(dag)

        assert {ti.state for ti in results.values()} == {"success"}
        assert {outcome(ti)["subject"] for ti in results.values()} == {
            "Release go/no-go",
            "Sprint planning",
            "Board preparation",
        }
        assert len(sandbox.mail()) == 3

    def test_it_is_mapped_over_connections_and_everything_else(self, sandbox, database):
        replies = [
            {"conn_id": "cronofy_default", "event_id": "evt_external_release", "status": "tentative"},
            {
                "conn_id": "bitrix24_default",
                "event_id": sandbox.event_id("bitrix24", "release", "1"),
                "status": "declined",
            },
            {
                "conn_id": "msgraph_calendar_static",
                "event_id": ids.default("alice", "release"),
                "status": "accepted",
                "comment": "Gladly",
            },
        ]
        with new_dag("mapped_kwargs") as dag:
            SetParticipationStatusOperator.partial(task_id="answer").expand_kwargs(replies)

        run(dag)

        assert {(mail["service"], mail["status"], mail["comment"]) for mail in sandbox.mail()} == {
            ("cronofy", "tentative", None),
            ("bitrix24", "declined", None),
            ("graph", "accepted", "Gladly"),
        }

    def test_one_that_fails_does_not_keep_the_others_from_being_sent(self, sandbox, database):
        with new_dag("mapped_failing") as dag:
            SetParticipationStatusOperator.partial(
                task_id="answer", conn_id="cronofy_default", status="accepted"
            ).expand(event_id=["evt_external_release", "evt_external_nowhere", "evt_external_board"])

        states = {name: ti.state for name, ti in run(dag).items()}

        assert states == {"answer[0]": "success", "answer[1]": "failed", "answer[2]": "success"}
        assert len(sandbox.mail()) == 2

    def test_yes_and_no_and_times_may_come_out_of_templates(self, sandbox, database):
        with new_dag(
            "rendered", params={"notify": False, "propose": True, "zone": "Tokyo Standard Time"}
        ) as dag:
            SetParticipationStatusOperator(
                task_id="silently",
                conn_id="msgraph_calendar_static",
                event_id=ids.default("alice", "release"),
                status="{{ 'declined' if params.propose else 'accepted' }}",
                notify_organizer="{{ params.notify }}",
                verify="{{ params.notify }}",
            )
            SetParticipationStatusOperator(
                task_id="proposing",
                conn_id="msgraph_calendar_static",
                event_id=ids.default("alice", "planning"),
                status="tentative",
                proposed_start="{{ macros.datetime(2040, 1, 2, 9, 0).isoformat() }}",
                proposed_end="{{ macros.datetime(2040, 1, 2, 10, 0).isoformat() }}",
                timezone="{{ params.zone }}",
            )

        results = run(dag)

        assert outcome(results["silently"])["organizer_notified"] is False
        assert outcome(results["silently"])["verified"] is False
        (mail,) = sandbox.mail()
        assert mail["proposed_time"] == {
            "start": "2040-01-02T00:00:00+00:00",
            "end": "2040-01-02T01:00:00+00:00",
        }

    def test_an_event_may_be_addressed_by_its_uid_and_start(self, sandbox, database):
        with new_dag("by_uid") as dag:
            SetParticipationStatusOperator(
                task_id="answer",
                conn_id="msgraph_calendar_static",
                ical_uid="release@sandbox.example",
                status="accepted",
            )
        assert outcome(run(dag)["answer"])["event_id"] == ids.immutable("alice", "release")

    def test_a_series_is_answered_once(self, sandbox, database):
        with new_dag("series") as dag:
            SetParticipationStatusOperator(
                task_id="answer",
                conn_id="msgraph_calendar_static",
                event_id=ids.default("alice", "training-2"),
                status="accepted",
                scope="series",
            )
        run(dag)
        assert len(sandbox.mail()) == 1

    def test_without_a_link_the_button_leads_nowhere(self, sandbox, database):
        with new_dag("no_link") as dag:
            SetParticipationStatusOperator(
                task_id="answer",
                conn_id="cronofy_default",
                calendar_id="cal_alice@exchange-main_02",
                event_id="evt_external_exchange-demo",
                status="accepted",
            )
        ti = run(dag)["answer"]
        assert ti.state == "success"
        assert not ti.xcom_pull(task_ids="answer", key="_link_EventLink")

    def test_a_failure_that_was_understood_is_told_in_one_sentence(self, sandbox, database, capsys):
        with new_dag("understood") as dag:
            SetParticipationStatusOperator(
                task_id="answer", conn_id="bitrix24_default", event_id="651", status="tentative"
            )
        run(dag)
        said = capsys.readouterr().out
        assert "AirflowFailException: UnsupportedByServiceError: status: Bitrix24 cannot be told 'ten" in said
        assert sandbox.requests() == []

    def test_a_connection_made_in_the_ui_is_found(self, sandbox, database):
        from airflow.models.connection import Connection
        from airflow.utils.session import create_session

        fields = sandbox.connections()["cronofy_default"]
        with create_session() as session:
            session.query(Connection).filter(Connection.conn_id == "made_in_the_ui").delete()
            session.add(
                Connection(conn_id="made_in_the_ui", **{**fields, "extra": json.dumps(fields["extra"])})
            )
        with new_dag("with_ui_connection") as dag:
            SetParticipationStatusOperator(
                task_id="answer",
                conn_id="made_in_the_ui",
                event_id="evt_external_release",
                status="accepted",
            )
        assert outcome(run(dag)["answer"])["outcome"] == "replied"
