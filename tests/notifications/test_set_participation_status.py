"""The notifier: a run's fate answers the meeting, through Airflow itself."""

from __future__ import annotations

import asyncio
import inspect
import runpy
from pathlib import Path

import pendulum
import pytest
from airflow.sdk import DAG, task
from support.dagruns import run
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import UnsupportedByServiceError
from airflow_provider_rsvp.notifications.set_participation_status import SetParticipationStatusNotifier
from airflow_provider_rsvp.sandbox.graph import ids

GRAPH = {"conn_id": "msgraph_calendar_static", "event_id": ids.default("alice", "release")}


def new_dag(dag_id, **options):
    return DAG(dag_id, schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC"), **options)


@pytest.fixture(params=SERVICES)
def event(request, sandbox, database):
    each = SERVICES[request.param]
    return {"conn_id": each.conn_id, "event_id": sandbox.event_id(each.name, "release", each.mailbox)}


def test_all_parameters_but_the_timeouts_are_templated():
    parameters = set(inspect.signature(SetParticipationStatusNotifier.__init__).parameters)
    timeouts = {"request_timeout", "throttle_timeout", "settle_timeout", "turn_timeout"}
    assert set(SetParticipationStatusNotifier.template_fields) == parameters - {"self", "kwargs"} - timeouts


@pytest.mark.airflow
class TestRuns:
    def test_a_pipeline_that_fails_declines_and_one_that_succeeds_accepts(self, event, sandbox):
        callbacks = {
            "on_failure_callback": SetParticipationStatusNotifier(**event, status="declined"),
            "on_success_callback": SetParticipationStatusNotifier(**event, status="accepted"),
        }
        with new_dag("callback", params={"green": True}, default_args=callbacks) as dag:

            @task
            def check(params):
                if not params["green"]:
                    raise ValueError("red")

            check()

        assert run(dag, run_conf={"green": True})["check"].state == "success"
        assert [mail["status"] for mail in sandbox.mail()] == ["accepted"]
        assert run(dag, run_conf={"green": False})["check"].state == "failed"
        assert [mail["status"] for mail in sandbox.mail()] == ["accepted", "declined"]

    def test_a_callback_that_runs_again_sends_nothing(self, event, sandbox):
        with new_dag("callback_again") as dag:

            @task(on_success_callback=SetParticipationStatusNotifier(**event, status="accepted"))
            def check():
                pass

            check()

        for _ in range(2):
            assert run(dag)["check"].state == "success"
        assert [mail["status"] for mail in sandbox.mail()] == ["accepted"]

    def test_it_is_rendered(self, sandbox, database):
        notifier = SetParticipationStatusNotifier(
            conn_id="{{ params.conn_id }}",
            event_id="{{ params.event_id }}",
            status="declined",
            comment="{{ ti.task_id }} failed in {{ dag.dag_id }}.",
            proposed_start="2040-01-02T09:00",
            proposed_end="2040-01-02T10:00",
            timezone="Asia/Tokyo",
        )
        with new_dag("callback_rendered", params=GRAPH) as dag:

            @task(on_failure_callback=notifier)
            def load():
                raise ValueError("red")

            load()

        run(dag)
        (mail,) = sandbox.mail()
        assert (mail["status"], mail["comment"]) == ("declined", "load failed in callback_rendered.")
        assert mail["proposed_time"]["start"] == "2040-01-02T00:00:00+00:00"

    def test_a_callback_that_fails_leaves_the_run_as_it_is(self, sandbox, database):
        notifier = SetParticipationStatusNotifier(**{**GRAPH, "event_id": "nowhere"}, status="accepted")
        with new_dag("callback_failing") as dag:

            @task(on_success_callback=notifier)
            def load():
                pass

            load()

        assert run(dag)["load"].state == "success"
        assert sandbox.mail() == []


def test_in_an_event_loop_it_sends_once(event, sandbox):
    async def notify():
        await SetParticipationStatusNotifier(**event, status="accepted")

    for _ in range(2):
        asyncio.run(notify())
    assert [mail["status"] for mail in sandbox.mail()] == ["accepted"]


def test_what_the_service_cannot_express_is_refused_before_any_request(sandbox):
    notifier = SetParticipationStatusNotifier(
        conn_id="cronofy_default", event_id="evt_external_release", status="declined", comment="Sorry"
    )
    with pytest.raises(UnsupportedByServiceError):
        notifier({})
    assert sandbox.requests() == []


@pytest.mark.airflow
@pytest.mark.parametrize("healthy", [True, False])
def test_the_example_declines_when_the_pipeline_fails(healthy, sandbox, database):
    example = Path(__file__).parents[2] / "example_dags" / "rsvp_callback.py"
    (dag,) = (each for each in runpy.run_path(str(example)).values() if isinstance(each, DAG))

    ti = run(dag, run_conf={"healthy": healthy})["load"]

    assert ti.state == ("success" if healthy else "failed")
    assert [(mail["subject"], mail["status"], mail["comment"]) for mail in sandbox.mail()] == (
        [] if healthy else [("Design review", "declined", "There is nothing to review yet: load failed.")]
    )
