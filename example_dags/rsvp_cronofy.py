"""
### Answer invitations through Cronofy

Accepts one event, accepts another tentatively and declines a third, then logs what happened.
Trigger it with event ids of your own; those filled in are the sandbox's.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

CONN_ID = "cronofy_default"

with DAG(
    "rsvp_cronofy",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "cronofy"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "accept": Param(
            "evt_external_standup", type="string", title="Accept", description="Event id; here: Daily standup"
        ),
        "tentative": Param(
            "evt_external_retro", type="string", title="Accept tentatively", description="Here: Retrospective"
        ),
        "decline": Param(
            "evt_external_interview", type="string", title="Decline", description="Here: Candidate interview"
        ),
    },
):
    accept = SetParticipationStatusOperator(
        task_id="accept", conn_id=CONN_ID, event_id="{{ params.accept }}", status="accepted"
    )
    tentative = SetParticipationStatusOperator(
        task_id="tentative", conn_id=CONN_ID, event_id="{{ params.tentative }}", status="tentative"
    )
    decline = SetParticipationStatusOperator(
        task_id="decline", conn_id=CONN_ID, event_id="{{ params.decline }}", status="declined"
    )

    @task
    def report(outcomes):
        for outcome in outcomes:
            logging.getLogger(__name__).info("%(outcome)s: %(subject)s. %(detail)s", outcome)

    report([accept.output, tentative.output, decline.output])
