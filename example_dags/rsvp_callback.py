"""
### Let a failing pipeline decline the design review

A callback: if the pipeline fails, the review that would look at its results is declined, with a comment that names the
task. While all is well, nothing is sent.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.notifications.set_participation_status import SetParticipationStatusNotifier

decline = SetParticipationStatusNotifier(
    conn_id="msgraph_calendar_default",
    event_id="{{ params.event_id }}",
    status="declined",
    comment="There is nothing to review yet: {{ ti.task_id }} failed.",
)

with DAG(
    "rsvp_callback",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph"],
    default_args={"on_failure_callback": decline},
    params={
        "healthy": Param(
            True, type="boolean", title="The pipeline is healthy", description="Whether it succeeds"
        ),
        "event_id": Param(
            "AAMkAGYWxpY2UvcmV2aWV3-_AAA=",
            type="string",
            title="The review",
            description="Event id; here: Design review",
        ),
    },
) as dag:

    @task
    def load(params):
        """Load something; yours does real work."""
        if not params["healthy"]:
            raise ValueError("The source is empty.")

    load()
