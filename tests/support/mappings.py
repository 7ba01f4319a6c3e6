"""Every way of mapping a task over what a service gave: each function makes the tasks of a DAG."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task, task_group

from airflow_provider_rsvp.decorators.rsvp import rsvp_task
from airflow_provider_rsvp.operators.list_invitations import ListInvitationsOperator
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator, reply_arguments
from airflow_provider_rsvp.operators.send_replies import SendRepliesOperator
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from support.spoiling import TEXTS

CONN_ID = "msgraph_calendar_default"
POLICY = {
    "rules": [
        {
            "name": "hostile",
            "when": {"subject": "hostile"},
            "then": {"action": "decline", "comment": "{{ invitation.subject }}"},
        }
    ]
}
SUBJECTS = sorted(f"Hostile {text}" for text in TEXTS)
"""Of the invitations that :func:`hostile` finds."""


@task
def hostile(mailbox: str | None) -> list[dict[str, Any]]:
    """The hostile rows, as a task of the DAG's author lists them."""
    from airflow_provider_rsvp.hooks.base import get_calendar_hook

    with get_calendar_hook(CONN_ID) as hook:
        found = hook.list_invitations("now", "+14d", mailbox=mailbox)
    return [
        {
            "mailbox": mailbox,
            "event_id": each.reference.event_id,
            "ical_uid": each.reference.ical_uid,
            "subject": each.subject,
        }
        for each in found
        if each.subject.startswith("Hostile")
    ]


@task
def of_each(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def arguments(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "mailbox": row["mailbox"],
        "event_id": row["event_id"],
        "status": "declined",
        "comment": row["subject"],
    }


def pair(both: tuple[str, str]) -> dict[str, Any]:
    return {"event_id": both[0], "status": "declined", "comment": both[1]}


def by_uid(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "mailbox": row["mailbox"],
        "ical_uid": row["ical_uid"],
        "status": "declined",
        "comment": row["subject"],
    }


REPLY = {"task_id": "reply", "conn_id": CONN_ID}


def planned(mailbox: str | None = None) -> None:
    """As rsvp_planned and rsvp_on_invitation do."""
    plan = PlanRepliesOperator(task_id="plan", conn_id=CONN_ID, policy=POLICY, mailboxes=mailbox)
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(task(reply_arguments)(plan.output))


def listed(mailbox: str | None = None) -> None:
    """As the README does, with a comment out of the row."""

    def reply_to(row: dict[str, Any]) -> dict[str, Any]:
        return {"mailbox": row["mailbox"], "event_id": row["event_id"], "comment": row["subject"]}

    @task
    def only_hostile(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if row["subject"].startswith("Hostile")]

    rows = ListInvitationsOperator(task_id="list", conn_id=CONN_ID, mailboxes=mailbox)
    SetParticipationStatusOperator.partial(**REPLY, status="declined").expand_kwargs(
        only_hostile(rows.output).map(reply_to)
    )


def mapped_function(mailbox: str | None = None) -> None:
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(hostile(mailbox).map(arguments))


def mapped_by_uid(mailbox: str | None = None) -> None:
    """The UID too is a template."""
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(hostile(mailbox).map(by_uid))


def mapped_xcom(mailbox: str | None = None) -> None:
    @task
    def given(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [arguments(row) for row in rows]

    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(given(hostile(mailbox)))


def mapped_over_partial_values(mailbox: str | None = None) -> None:
    """What is mapped takes the place of what the author wrote."""
    SetParticipationStatusOperator.partial(**REPLY, comment="{{ ds }}", status="accepted").expand_kwargs(
        hostile(mailbox).map(arguments), strict=False
    )


def list_of_xcoms(mailbox: str | None = None) -> None:
    @task
    def one(rows: list[dict[str, Any]], index: int) -> dict[str, Any]:
        return arguments(rows[index])

    rows = hostile(mailbox)
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(
        [one.override(task_id=f"one_{index}")(rows, index) for index in range(len(TEXTS))]
    )


def zipped(mailbox: str | None = None) -> None:
    rows = hostile(mailbox)
    ids = of_each.override(task_id="ids")(rows, "event_id")
    subjects = of_each.override(task_id="subjects")(rows, "subject")
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(ids.zip(subjects).map(pair))


def concatenated(mailbox: str | None = None) -> None:
    @task
    def some(rows: list[dict[str, Any]], first: int, last: int) -> list[dict[str, Any]]:
        return [arguments(row) for row in rows[first:last]]

    rows = hostile(mailbox)
    SetParticipationStatusOperator.partial(**REPLY).expand_kwargs(
        some.override(task_id="some")(rows, 0, 1).concat(some.override(task_id="others")(rows, 1, 3))
    )


def task_group_of_each(mailbox: str | None = None) -> None:
    @task_group
    def each(event_id: str, comment: str) -> None:
        SetParticipationStatusOperator(**REPLY, event_id=event_id, comment=comment, status="declined")

    @task
    def pairs(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"event_id": row["event_id"], "comment": row["subject"]} for row in rows]

    each.expand_kwargs(pairs(hostile(mailbox)))


def sent(mailbox: str | None = None) -> None:
    plan = PlanRepliesOperator(task_id="plan", conn_id=CONN_ID, policy=POLICY, mailboxes=mailbox)
    SendRepliesOperator(task_id="send", replies=plan.output)


def sent_in_a_list(mailbox: str | None = None) -> None:
    plan = PlanRepliesOperator(task_id="plan", conn_id=CONN_ID, policy=POLICY, mailboxes=mailbox)
    SendRepliesOperator(task_id="send", replies=[plan.output])


def sent_each(mailbox: str | None = None) -> None:
    """As docs/bulk.md does."""
    plan = PlanRepliesOperator.partial(task_id="plan", policy=POLICY, mailboxes=mailbox).expand(
        conn_id=[CONN_ID]
    )
    SendRepliesOperator.partial(task_id="send").expand(replies=plan.output)


def sent_by_arguments(mailbox: str | None = None) -> None:
    @task
    def chunks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"conn_id": CONN_ID, "replies": [arguments(row) for row in rows]}]

    SendRepliesOperator.partial(task_id="send").expand_kwargs(chunks(hostile(mailbox)))


def decorated(mailbox: str | None = None) -> None:
    """``@task.rsvp``, whose function gets what is mapped."""

    @task
    def first(rows: list[dict[str, Any]]) -> str:
        return next(row["event_id"] for row in rows if row["subject"] == SUBJECTS[0])

    rows = hostile(mailbox)

    @rsvp_task(conn_id=CONN_ID, event_id=first(rows), mailbox=mailbox)
    def reply(invitation: Any, comment: str) -> dict[str, Any]:
        return {"status": "declined", "comment": f"{invitation.subject} {comment}"}

    reply.expand_kwargs(rows.map(lambda row: {"comment": row["subject"]}))


ALL_SUBJECTS = (
    planned,
    listed,
    mapped_function,
    mapped_by_uid,
    mapped_xcom,
    mapped_over_partial_values,
    list_of_xcoms,
    zipped,
    concatenated,
    task_group_of_each,
    sent,
    sent_in_a_list,
    sent_each,
    sent_by_arguments,
)
"""The ways in which each reply has the invitation's subject as its comment."""
