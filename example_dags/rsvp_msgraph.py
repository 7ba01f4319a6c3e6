"""
### Answer invitations through Microsoft Graph

Accepts one event, accepts another tentatively with a comment, declines a third without telling
its organizer, then logs what happened.
Trigger it with event ids of your own; those filled in are the sandbox's.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

CONN_ID = "msgraph_calendar_default"

with DAG(
    "rsvp_msgraph",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "accept": Param(
            "AAMkAGYWxpY2Uvc3RhbmR1cA-_AAA=",
            type="string",
            title="Accept",
            description="Event id; here: Daily standup",
        ),
        "tentative": Param(
            "AAMkAGYWxpY2UvYm9hcmQ-_AAA=",
            type="string",
            title="Accept tentatively",
            description="Here: Board preparation",
        ),
        "decline": Param(
            "AAMkAGYWxpY2UvbHVuY2g-_AAA=",
            type="string",
            title="Decline silently",
            description="Here: Lunch with the new colleagues",
        ),
    },
):
    accept = SetParticipationStatusOperator(
        task_id="accept", conn_id=CONN_ID, event_id="{{ params.accept }}", status="accepted"
    )
    tentative = SetParticipationStatusOperator(
        task_id="tentative",
        conn_id=CONN_ID,
        event_id="{{ params.tentative }}",
        status="tentative",
        comment="If the month-end close is done by then.",
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

    report([accept.output, tentative.output, decline.output])
