"""
### Undo many replies

Reads the report of an earlier run, plans how to restore the earlier answers, and sends the plan. By default it reads
the report that `rsvp_offboarding` writes: run that first.

The plan names and skips what cannot be restored: Microsoft Graph cannot set an invitation back to "no answer". What
somebody changed by hand since is skipped.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_rsvp.operators.plan_undo import PlanUndoOperator
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator

FOLDER = os.environ.get("AIRFLOW_HOME") or tempfile.gettempdir()

with DAG(
    "rsvp_undo",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph", "bulk"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "report": Param(
            f"file://{FOLDER}/rsvp_offboarding.json",
            type="string",
            title="Report",
            description="The .json file that the sending wrote",
        ),
        "comment": Param(
            "The earlier answer was sent by mistake.",
            type=["string", "null"],
            title="Comment",
            description="For the organizers; on a service that carries comments",
        ),
        "at_most": Param(
            200, type="integer", minimum=0, title="At most", description="With more replies, send none"
        ),
    },
):
    plan = PlanUndoOperator(
        task_id="plan",
        report_path="{{ params.report }}",
        comment="{{ params.comment or '' }}",
        on_unsupported="skip",
    )
    SendRepliesOperator(
        task_id="send", replies=plan.output, max_replies="{{ params.at_most }}", on_unsupported="skip"
    )
