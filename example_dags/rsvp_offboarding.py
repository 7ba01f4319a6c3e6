"""
### Decline all invitations of people who leave

Declines all invitations of the leavers' mailboxes from a date on, whatever they had answered before, and tells the
organizers. The report goes to a file; `rsvp_undo` can restore the answers from it.

Trigger it with *Dry run* first: the log then says what would be sent. With more replies than *At most* nothing is sent.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator

FOLDER = os.environ.get("AIRFLOW_HOME") or tempfile.gettempdir()
POLICY = """
rules:
  - name: off-boarding
    when: {status: any}
    then: {action: decline, comment: "{{ invitation.reference.mailbox }} has left the company."}
"""

with DAG(
    "rsvp_offboarding",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph", "bulk"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "mailboxes": Param(
            ["dora@contoso.example"],
            type="array",
            title="Mailboxes",
            description="Of the leavers, one in a line",
        ),
        "first_day": Param(
            "now", type="string", title="From", description="A date such as 2026-12-01, or now, or +2d"
        ),
        "timezone": Param(
            "Europe/Berlin", type="string", title="Time zone", description="Where that day begins"
        ),
        "days": Param(
            365, type="integer", minimum=1, title="Days ahead", description="How far to look, from today"
        ),
        "at_most": Param(
            200, type="integer", minimum=0, title="At most", description="With more replies, send none"
        ),
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Look and check everything, and send nothing"
        ),
        "report": Param(
            f"file://{FOLDER}/rsvp_offboarding.json",
            type="string",
            title="Report",
            description="A .json file, on a disk or object storage that all workers reach",
        ),
    },
    render_template_as_native_obj=True,
):
    plan = PlanRepliesOperator(
        task_id="plan",
        conn_id="msgraph_calendar_default",
        policy=POLICY,
        mailboxes="{{ params.mailboxes }}",
        start="{{ params.first_day }}",
        end="+{{ params.days }}d",
        timezone="{{ params.timezone }}",
    )
    SendRepliesOperator(
        task_id="send",
        replies=plan.output,
        max_replies="{{ params.at_most }}",
        dry_run="{{ params.dry_run }}",
        report_path="{{ params.report }}",
    )
