"""
### Answer invitations in Google Calendar

Accepts one event with a comment, declines another and proposes a later time for it, and declines a third without
telling its organizer, then logs what happened. Google carries no proposed times, so `degrade=True` writes the
time into the comment.
Trigger it with event ids of your own; those filled in are the sandbox's.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

CONN_ID = "google_calendar_default"

with DAG(
    "rsvp_google",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "google"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "accept": Param(
            "c5m6ior55tpn8obechqn0",
            type="string",
            title="Accept",
            description="Event id; here: Daily standup",
        ),
        "propose": Param(
            "c5m6ior55th6uobicg",
            type="string",
            title="Decline and propose a later time",
            description="Here: Board preparation",
        ),
        "decline": Param(
            "c5m6ior55tm7arj3d0",
            type="string",
            title="Decline silently",
            description="Here: Lunch with the new colleagues",
        ),
    },
):
    accept = SetParticipationStatusOperator(
        task_id="accept",
        conn_id=CONN_ID,
        event_id="{{ params.accept }}",
        status="accepted",
        comment="I may be five minutes late.",
    )
    propose = SetParticipationStatusOperator(
        task_id="propose",
        conn_id=CONN_ID,
        event_id="{{ params.propose }}",
        status="declined",
        comment="The month-end close is not done by then.",
        proposed_start="{{ macros.ds_add(dag_run.run_after | ds, 7) }}T11:00",
        proposed_end="{{ macros.ds_add(dag_run.run_after | ds, 7) }}T12:00",
        timezone="Europe/Berlin",
        degrade=True,
    )
    decline = SetParticipationStatusOperator(
        task_id="decline",
        conn_id=CONN_ID,
        event_id="{{ params.decline }}",
        status="declined",
        notify_organizer=False,
    )

    @task
    def report(outcomes):
        for outcome in outcomes:
            logging.getLogger(__name__).info("%(outcome)s: %(subject)s. %(detail)s", outcome)

    report([accept.output, propose.output, decline.output])
