"""
### Answer by rules

Plans the replies to what is pending by a policy, shows the plan and its reasons in the log, and then sends it, one
mapped task for each reply. Running it again sends nothing new.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator, reply_arguments
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

CONN_ID = "msgraph_calendar_default"
POLICY = """
my_domains: [contoso.example]
availability:
  timezone: Asia/Tokyo
  working_hours: {mon-fri: "09:00-18:00"}
rules:
  - name: board meetings always suit
    when: {subject: board}
    then: {action: accept}
  - name: working hours
    when: {outside_working_hours: true}
    then:
      action: decline
      comment: "{{ invitation.subject }} is outside my working hours. Would this suit you?"
      propose: {within_days: 5}
"""

with DAG(
    "rsvp_planned",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "mailbox": Param(
            "hugo@contoso.example", type="string", title="Mailbox", description="Whose calendar"
        ),
        "days": Param(7, type="integer", minimum=1, title="Days ahead", description="How far to look"),
    },
):
    plan = PlanRepliesOperator(
        task_id="plan",
        conn_id=CONN_ID,
        policy=POLICY,
        mailboxes="{{ params.mailbox }}",
        end="+{{ params.days }}d",
    )
    SetParticipationStatusOperator.partial(
        task_id="reply", conn_id=CONN_ID, pool="rsvp_msgraph", map_index_template="{{ task.status }}"
    ).expand_kwargs(task(reply_arguments)(plan.output))
