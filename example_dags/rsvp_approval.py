"""
### Ask a person before anything is sent

Plans the replies to what is pending in a mailbox, shows the plan under *Required actions*, and waits. The person who
answers sends all of it, some lines, or nothing, and may replace the planned comments with their own. Without an
answer within four hours nothing is sent. For a plan without replies, nobody is asked.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_rsvp.operators.approve_replies import ApproveRepliesOperator
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator

POLICY = """
my_domains: [contoso.example]
availability:
  timezone: Europe/Berlin
  working_hours: {mon-fri: "09:00-18:00"}
rules:
  - name: from outside
    when: {organizer: {external: true}}
    then: {action: decline, comment: "Please ask my office for an appointment."}
  - name: outside working hours
    when: {outside_working_hours: true, recurring: false}
    then: {action: decline, comment: "That is outside my working hours."}
  - name: the rest
    when: {}
    then: accept
"""

with DAG(
    "rsvp_approval",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph", "bulk"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "mailbox": Param(
            "nora@contoso.example", type="string", title="Mailbox", description="Whose calendar"
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
    approved = ApproveRepliesOperator(
        task_id="approve",
        plan=plan.output,
        subject="May these replies of {{ params.mailbox }} be sent?",
        response_timeout=timedelta(hours=4),
    )
    SendRepliesOperator(task_id="send", replies=approved.output, max_replies=50)
