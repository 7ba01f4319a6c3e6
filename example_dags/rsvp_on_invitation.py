"""
### Answer when an invitation comes in

An asset watcher looks at the calendar every minute, and this DAG runs when an invitation to a board meeting is new or
has changed. It lists all pending invitations itself, because one run may be for several of them; it plans
the replies, and sends them.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator, reply_arguments
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger

CONN_ID = "cronofy_default"
BOARD = {"subject": "board"}
POLICY = {"rules": [{"name": "board meetings suit", "when": BOARD, "then": {"action": "accept"}}]}

invitations = Asset(
    "rsvp_board_invitations",
    watchers=[
        AssetWatcher("rsvp_board_calendar", trigger=NewInvitationTrigger(conn_id=CONN_ID, filter=BOARD))
    ],
)

with DAG(
    "rsvp_on_invitation",
    schedule=[invitations],
    is_paused_upon_creation=True,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["rsvp", "cronofy"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
):
    plan = PlanRepliesOperator(task_id="plan", conn_id=CONN_ID, policy=POLICY, end="+60d")
    SetParticipationStatusOperator.partial(task_id="reply", conn_id=CONN_ID).expand_kwargs(
        task(reply_arguments)(plan.output)
    )
