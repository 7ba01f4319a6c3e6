"""
### Answer for a whole department

Accepts the meetings that everybody has to attend, in all mailboxes of a department.

A Microsoft Graph application reaches all mailboxes through one connection, so one task plans and one task sends for
all of them. With Cronofy and Bitrix24 each person has a connection: the plan is mapped over them, and one task sends
all plans. The pool limits how many of them are read at once, on all workers. Create it first:
`airflow pools set rsvp_department 2 "Calendars of the department that are read at once"`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator

POLICY = """
rules:
  - name: everybody has to attend
    when: {subject: ["fire drill", "release go/no-go"]}
    then: accept
"""

with DAG(
    "rsvp_department",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph", "cronofy", "bitrix24", "bulk"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "mailboxes": Param(
            ["erik@contoso.example", "frida@contoso.example"],
            type="array",
            title="Mailboxes",
            description="Of the Microsoft Graph connection, one in a line",
        ),
        "connections": Param(
            ["bitrix24_boris", "bitrix24_chiyo", "cronofy_kenji", "cronofy_nina"],
            type="array",
            title="Connections",
            description="One for each person, one in a line",
        ),
    },
    render_template_as_native_obj=True,
):
    of_one = PlanRepliesOperator(
        task_id="plan_mailboxes",
        conn_id="msgraph_calendar_default",
        policy=POLICY,
        mailboxes="{{ params.mailboxes }}",
        end="+7d",
    )
    SendRepliesOperator(task_id="send_mailboxes", replies=of_one.output, max_replies=200)

    @task
    def people(params):
        return params["connections"]

    of_many = PlanRepliesOperator.partial(
        task_id="plan_connections",
        policy=POLICY,
        end="+7d",
        pool="rsvp_department",
        map_index_template="{{ task.conn_id }}",
    ).expand(conn_id=people())
    SendRepliesOperator(task_id="send_connections", replies=of_many.output, max_replies=200)
