"""
### Release when all approvers have accepted

Waits, without taking up a worker, until everybody who must approve has accepted the invitation, and then releases.
If one of them declines, it fails at once and says who. In `make up` they accept as soon as a run begins.
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
            "AAMkAGcGF1bGEvYXBwcm92YWw-_AAA=",
            type="string",
            title="The meeting",
            description="Event id; here: Release approval",
        ),
        "mailbox": Param(
            "paula@contoso.example", type="string", title="Mailbox", description="The organizer's"
        ),
    },
):
    approved = ParticipationStatusSensor(
        task_id="approved",
        conn_id="msgraph_calendar_default",
        event_id="{{ params.event_id }}",
        mailbox="{{ params.mailbox }}",
        attendees=["bob@contoso.example", "carol@contoso.example"],
        poke_interval=60,
        timeout=timedelta(days=1),
    )

    @task
    def release(meeting):
        logging.getLogger(__name__).info("Released after: %s", meeting["subject"])

    release(approved.output)
