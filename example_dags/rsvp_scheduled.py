"""
### Keep the evenings free

Every weekday morning in Berlin: declines what is pending in the week ahead and ends after working hours,
and says so in the comment. What has an answer already is left alone, so that a run can be repeated.
"""

from __future__ import annotations

from datetime import time, timedelta

import pendulum
from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

CONN_ID = "msgraph_calendar_default"
ZONE = "Europe/Berlin"

with DAG(
    "rsvp_scheduled",
    schedule="0 7 * * MON-FRI",
    start_date=pendulum.datetime(2026, 1, 1, tz=ZONE),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["rsvp", "msgraph"],
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1), "retry_exponential_backoff": True},
    params={
        "day_ends": Param(
            "18:00",
            type="string",
            pattern=r"^\d\d:\d\d$",
            title="The working day ends at",
            description="Wall time in Berlin",
        ),
        "mailbox": Param(
            "kira@contoso.example", type="string", title="Mailbox", description="Whose calendar"
        ),
    },
):

    @task
    def pending_late(params):
        from airflow_provider_rsvp.hooks.msgraph import MSGraphCalendarHook

        now, evening = pendulum.now(ZONE), time.fromisoformat(params["day_ends"])
        with MSGraphCalendarHook(CONN_ID) as hook:
            invitations = hook.list_invitations(now, now.add(weeks=1), mailbox=params["mailbox"])
        return [
            each.reference.event_id
            for each in invitations
            if each.pending and not each.time.all_day and each.time.end.in_timezone(ZONE).time() > evening
        ]

    SetParticipationStatusOperator.partial(
        task_id="decline",
        conn_id=CONN_ID,
        mailbox="{{ params.mailbox }}",
        status="declined",
        comment="I am not at work after {{ params.day_ends }}, Berlin time.",
    ).expand(event_id=pending_late())
