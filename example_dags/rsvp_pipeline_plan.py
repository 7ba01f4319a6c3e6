"""
### Let the pipeline choose the rules

Runs the checks before a release, and lets their results choose the policy by which the release meetings are answered:
accepted while all is green; if something is red, they are declined with the reason, even if they had been
accepted, and another time is proposed. Unlike `rsvp_pipeline_gate` it needs no event id, and answers however many
such meetings there are.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator

WORKING_TIME = {"timezone": "Europe/Berlin", "working_hours": {"mon-fri": "09:00-18:00"}}

with DAG(
    "rsvp_pipeline_plan",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph", "bulk"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "fresh": Param(
            True, type="boolean", title="The data is fresh", description="Whether that check passes"
        ),
        "mailbox": Param(
            "gina@contoso.example", type="string", title="Mailbox", description="The release manager's"
        ),
        "meetings": Param(
            "release", type="string", title="Meetings", description="What their subject says; a pattern"
        ),
    },
):

    @task
    def check(params):
        """Return the checks that failed; yours look at something real."""
        results = {"unit tests": True, "data freshness": params["fresh"], "open incidents": True}
        return [name for name, passed in results.items() if not passed]

    @task
    def choose(failed, params):
        """Return the policies to plan by: here always one."""
        green = {"name": "all is green", "then": {"action": "accept"}}
        red = {
            "name": "something is red",
            "then": {
                "action": "decline",
                "comment": f"Not ready yet: {', '.join(failed)} failed. Would this suit you?",
                "propose": {"within_days": 7},
            },
        }
        when = {"subject": params["meetings"], "status": "any"}
        return [{"availability": WORKING_TIME, "rules": [{**(red if failed else green), "when": when}]}]

    plan = PlanRepliesOperator.partial(
        task_id="plan", conn_id="msgraph_calendar_default", mailboxes="{{ params.mailbox }}", end="+7d"
    ).expand(policy=choose(check()))
    SendRepliesOperator(task_id="send", replies=plan.output, max_replies=5)
