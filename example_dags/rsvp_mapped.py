"""
### Answer many invitations, one mapped task each

Lists what is pending in several mailboxes in the days ahead and accepts it. Each reply is a task instance
with its own outcome, log and retries, named after its event.

The pool limits how many replies are under way at once, on all workers and in all DAGs that use it. Create it first:
`airflow pools set rsvp_msgraph 4 "Replies to Microsoft Graph that may be under way at once"`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

CONN_ID = "msgraph_calendar_default"


def to_reply(invitation):
    return {name: invitation[name] for name in ("mailbox", "event_id")}


with DAG(
    "rsvp_mapped",
    schedule=None,
    doc_md=__doc__,
    tags=["rsvp", "msgraph"],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={
        "mailboxes": Param(
            ["ines@contoso.example", "jonas@contoso.example"],
            type="array",
            title="Mailboxes",
            description="One in a line",
        ),
        "days": Param(3, type="integer", minimum=1, title="Days ahead", description="How far to look"),
        "limit": Param(
            5,
            type="integer",
            minimum=1,
            title="Limit",
            description="Reply to so many at most, the nearest first",
        ),
    },
):

    @task
    def pending(params):
        import pendulum

        from airflow_provider_rsvp.hooks.msgraph import MSGraphCalendarHook

        now = pendulum.now("UTC")
        with MSGraphCalendarHook(CONN_ID) as hook:
            invitations = [
                invitation.to_plain()
                for mailbox in params["mailboxes"]
                for invitation in hook.list_invitations(now, now.add(days=params["days"]), mailbox=mailbox)
                if invitation.pending
            ]
        return sorted(invitations, key=lambda each: each["start"])[: params["limit"]]

    SetParticipationStatusOperator.partial(
        task_id="accept",
        conn_id=CONN_ID,
        status="accepted",
        pool="rsvp_msgraph",
        map_index_template="{{ task.mailbox }}: {{ ti.xcom_pull('pending')[ti.map_index].subject }}",
    ).expand_kwargs(pending().map(to_reply))
