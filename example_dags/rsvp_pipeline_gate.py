"""
### Let the pipeline answer the release meeting

Runs the checks before a release. If all pass, the release meeting is accepted; if one fails, it is declined
with a comment that names the check, and another day is proposed. Either way the organizer knows in time.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

MEETING = {"conn_id": "msgraph_calendar_default", "event_id": "{{ params.event_id }}"}
ANOTHER_DAY = "{{ macros.ds_add(dag_run.run_after | ds, params.days_later) }}"

with DAG(
    "rsvp_pipeline_gate",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "fresh": Param(
            True, type="boolean", title="The data is fresh", description="Whether that check passes"
        ),
        "event_id": Param(
            "AAMkAGYWxpY2UvcmVsZWFzZQ-_AAA=",
            type="string",
            title="The release meeting",
            description="Event id; here: Release go/no-go",
        ),
        "days_later": Param(
            3,
            type="integer",
            minimum=2,
            title="Days later",
            description="The day to propose if a check fails, counted from the run",
        ),
    },
):

    @task
    def check(params):
        """Return the checks that failed; yours look at something real."""
        results = {"unit tests": True, "data freshness": params["fresh"], "open incidents": True}
        return [name for name, passed in results.items() if not passed]

    @task.branch
    def gate(failed):
        return "decline" if failed else "accept"

    accept = SetParticipationStatusOperator(task_id="accept", **MEETING, status="accepted")
    decline = SetParticipationStatusOperator(
        task_id="decline",
        **MEETING,
        status="declined",
        comment="Not ready yet: {{ ti.xcom_pull('check') | join(', ') }} failed.",
        proposed_start=ANOTHER_DAY + "T14:00",
        proposed_end=ANOTHER_DAY + "T15:00",
        timezone="Europe/Berlin",
    )

    @task(trigger_rule="none_failed_min_one_success")
    def report(accepted, declined):
        logging.getLogger(__name__).info("%(outcome)s: %(subject)s. %(detail)s", accepted or declined)

    gate(check()) >> [accept, decline]
    report(accept.output, decline.output)
