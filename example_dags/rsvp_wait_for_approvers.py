"""
### Release when all approvers have accepted

Waits, without taking up a worker, until those who must approve have accepted the release's stand-up, and then releases.
If one of them declines, it fails at once and says who. In the sandbox they accept when rsvp_mapped runs.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.sensors.participation_status import ParticipationStatusSensor

with DAG(
    "rsvp_wait_for_approvers",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "event_id": Param(
            "AAMkAGYWxpY2Uvc3RhbmR1cA-_AAA=",
            type="string",
            title="The meeting",
            description="Event id; here: Daily standup",
        ),
    },
):
    approved = ParticipationStatusSensor(
        task_id="approved",
        conn_id="msgraph_calendar_default",
        event_id="{{ params.event_id }}",
        attendees=["bob@contoso.example", "carol@contoso.example"],
        poke_interval=60,
        timeout=timedelta(days=1),
    )

    @task
    def release(meeting):
        logging.getLogger(__name__).info("Released after: %s", meeting["subject"])

    release(approved.output)
