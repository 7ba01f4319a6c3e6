"""
### Keep to working hours, and to one meeting at a time

Declines invitations that conflict with a meeting that I have already accepted, or lie outside my working hours, and
proposes the next free slot to the organizer. Series and all-day events are left for me to decide. It runs every weekday
morning, and leaves alone what has an answer, so that a run can be repeated.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator

ZONE = "Europe/Berlin"
POLICY = """
availability:
  timezone: Europe/Berlin
  working_hours: {mon-fri: "09:00-18:00"}
rules:
  - name: series and whole days
    when: {any: [{recurring: true}, {all_day: true}]}
    then: leave
  - name: taken
    when: {conflict: true}
    then:
      action: decline
      comment: "I am in another meeting then. Would this suit you?"
      propose: {within_days: 7}
  - name: working hours
    when: {outside_working_hours: true}
    then:
      action: decline
      comment: "That is outside my working hours. Would this suit you?"
      propose: {within_days: 7}
"""

with DAG(
    "rsvp_working_hours",
    schedule="30 7 * * MON-FRI",
    start_date=pendulum.datetime(2026, 1, 1, tz=ZONE),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["rsvp", "msgraph", "bulk"],
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1), "retry_exponential_backoff": True},
    params={
        "mailbox": Param(
            "oskar@contoso.example", type="string", title="Mailbox", description="Whose calendar"
        ),
        "days": Param(7, type="integer", minimum=1, title="Days ahead", description="How far to look"),
    },
):
    plan = PlanRepliesOperator(
        task_id="plan",
        conn_id="msgraph_calendar_default",
        policy=POLICY,
        mailboxes="{{ params.mailbox }}",
        end="+{{ params.days }}d",
    )
    SendRepliesOperator(task_id="send", replies=plan.output, max_replies=20, max_age=timedelta(hours=1))
