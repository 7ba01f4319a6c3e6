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
        "event_id": Param(
            "AAMkAGYWxpY2UvcGxhbm5pbmc-_AAA=",
            type="string",
            title="Event to decline",
            description="Event id; here: Sprint planning",
        ),
        "comment": Param(
            "That is our release day. Would this suit you?",
            type="string",
            title="Comment",
            description="For the organizer",
        ),
        "days_later": Param(
            7,
            type="integer",
            minimum=2,
            title="Days later",
            description="The proposed day, counted from the run",
        ),
        "start": Param(
            "10:00", type="string", pattern=CLOCK, title="From", description="Wall time, as 10:00"
        ),
        "end": Param("11:30", type="string", pattern=CLOCK, title="Until", description="Wall time, as 11:30"),
        "timezone": Param(
            "Europe/Berlin", type="string", title="Time zone", description="Where the clock shows that"
        ),
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
