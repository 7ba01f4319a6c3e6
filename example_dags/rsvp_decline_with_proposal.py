"""
### Decline, and propose another time

Declines an event in Outlook with a comment and offers the organizer an hour some days after the run.
The proposed times name no zone; `timezone` says how to read them.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

CLOCK = r"^\d\d:\d\d$"
DAY = "{{ macros.ds_add(dag_run.run_after | ds, params.days_later) }}"

with DAG(
    "rsvp_decline_with_proposal",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "event_id": Param("AAMkAGYWxpY2UvcGxhbm5pbmc-_AAA=", type="string", title="Event to decline"),
        "comment": Param("That is our release day. Would this suit you?", type="string", title="Comment"),
        "days_later": Param(7, type="integer", minimum=2, title="Propose so many days after the run"),
        "start": Param("10:00", type="string", pattern=CLOCK, title="From"),
        "end": Param("11:30", type="string", pattern=CLOCK, title="Until"),
        "timezone": Param("Europe/Berlin", type="string", title="Time zone"),
    },
):
    SetParticipationStatusOperator(
        task_id="decline",
        conn_id="msgraph_calendar_default",
        event_id="{{ params.event_id }}",
        status="declined",
        comment="{{ params.comment }}",
        proposed_start=DAY + "T{{ params.start }}",
        proposed_end=DAY + "T{{ params.end }}",
        timezone="{{ params.timezone }}",
    )
