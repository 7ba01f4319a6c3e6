"""
### Answer invitations on a CalDAV server

Accepts one event, accepts another tentatively with a comment, declines a third without telling
its organizer, then logs what happened.
Trigger it with event ids of your own: paths below the calendar home, as a listing names them. A comment and a
silent reply need a server that can carry them, such as Cyrus.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

CONN_ID = "caldav_default"

with DAG(
    "rsvp_caldav",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "caldav"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "accept": Param("Default/standup.ics", type="string", title="Accept", description="Event id"),
        "tentative": Param("Default/board.ics", type="string", title="Accept tentatively"),
        "decline": Param("Default/lunch.ics", type="string", title="Decline silently"),
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
