"""
### Answer invitations in Bitrix24

Accepts one event and declines another, then logs what happened. Bitrix24 has no tentative answer.
Trigger it with event ids of your own; those filled in are the sandbox's.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

CONN_ID = "bitrix24_default"

with DAG(
    "rsvp_bitrix24",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "bitrix24"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "accept": Param("651", type="string", title="Accept", description="Event id; here: Daily standup"),
        "decline": Param("681", type="string", title="Decline", description="Event id; here: Design review"),
    },
):
    accept = SetParticipationStatusOperator(
        task_id="accept", conn_id=CONN_ID, event_id="{{ params.accept }}", status="accepted"
    )
    decline = SetParticipationStatusOperator(
        task_id="decline", conn_id=CONN_ID, event_id="{{ params.decline }}", status="declined"
    )

    @task
    def report(outcomes):
        for outcome in outcomes:
            logging.getLogger(__name__).info("%(outcome)s: %(subject)s. %(detail)s", outcome)

    report([accept.output, decline.output])
