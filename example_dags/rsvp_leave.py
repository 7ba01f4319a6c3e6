"""
### Decline invitations during a leave

Reads who is away from the table beside this file, makes a plan for each of them, and sends all plans in one task. Of a
series only the dates within the leave are declined. The comment says when the person is back.

A day in the table is a date, such as `2026-12-24`, or a number of days from today, such as `+4`; both days are
included. Replace the table with your own export, or let the first task ask your HR system.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator

TABLE = Path(__file__).with_suffix(".csv")

with DAG(
    "rsvp_leave",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph", "bulk"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "days": Param(14, type="integer", minimum=1, title="Days ahead", description="How far to look"),
        "timezone": Param(
            "Europe/Berlin", type="string", title="Time zone", description="Where the days begin and end"
        ),
    },
):

    @task
    def policies(params):
        """Return a mailbox and its policy for each row of the table."""
        import csv

        import pendulum

        def day(text):
            if text.startswith("+"):
                return pendulum.now(params["timezone"]).add(days=int(text)).to_date_string()
            return text

        def policy(row):
            leave = {"first_day": day(row["first_day"]), "last_day": day(row["last_day"])}
            comment = "I am away, and back on {{ leave.end | when }}."
            return {
                "availability": {"timezone": params["timezone"], "leave": [leave]},
                "rules": [
                    {
                        "name": "on leave",
                        "when": {"during_leave": True},
                        "then": {"action": "decline", "scope": "instance", "comment": comment},
                    }
                ],
            }

        with TABLE.open(newline="") as file:
            return [{"mailboxes": row["mailbox"], "policy": policy(row)} for row in csv.DictReader(file)]

    plan = PlanRepliesOperator.partial(
        task_id="plan",
        conn_id="msgraph_calendar_default",
        end="+{{ params.days }}d",
        map_index_template="{{ task.mailboxes }}",
    ).expand_kwargs(policies())
    SendRepliesOperator(task_id="send", replies=plan.output, max_replies=50)
