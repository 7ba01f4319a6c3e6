"""
Everything that reads or answers invitations, as Airflow runs it, but for the scheduler.

Each consumer gets a mailbox in which hostile invitations lie between two good ones, does what it is for, hands all that
it shows to the evidence, and returns which of the events it saw. ``CONSUMERS`` names them all.
"""

from __future__ import annotations

from collections.abc import Callable

from hostile.corpus.bulk import approving, planning, sending
from hostile.corpus.mailbox import AFTER, BEFORE
from hostile.corpus.replying import decorator, mapped, notifier, operator, planned_and_mapped
from hostile.corpus.run import EVERYTHING, WINDOW, Run, Seen
from hostile.corpus.watching import (
    deferred_sensor,
    invitation_sensor,
    status_sensor,
    trigger,
    trigger_with_filter,
)

from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.operators.list_invitations import ListInvitationsOperator


def hook(run: Run) -> Seen:
    """``hook.list_invitations`` and what its values say of themselves."""
    with get_calendar_hook(run.box.conn_id) as calendar:
        found = calendar.list_invitations("now", "+60d")
    for each in found:
        run.evidence.xcom(
            {
                **each.to_plain(),
                "body": each.body,
                "comment": each.comment,
                "categories": list(each.categories or ()),
            },
            "invitation",
        )
        for answer in each.attendees or ():
            run.evidence.log(f"{answer.person}")
        run.evidence.log(f"{each.reference} {each.organizer}")
    return run.seen_in([each.to_plain() for each in found], lists=True)


def listing(run: Run) -> Seen:
    """``ListInvitationsOperator``."""
    rows = run.execute(
        ListInvitationsOperator(task_id="list", conn_id=run.box.conn_id, include=EVERYTHING, **WINDOW),
        run.context(),
    )
    return run.seen_in(rows, lists=True)


CONSUMERS: dict[str, Callable[[Run], Seen]] = {
    "hook": hook,
    "list": listing,
    "plan": planning,
    "approve": approving,
    "send": sending,
    "trigger": trigger,
    "trigger, filter": trigger_with_filter,
    "sensor": invitation_sensor,
    "sensor, deferred": deferred_sensor,
    "status sensor": status_sensor,
    "operator": operator,
    "mapped": mapped,
    "plan, mapped": planned_and_mapped,
    "decorator": decorator,
    "notifier": notifier,
}

GOOD = frozenset({BEFORE, AFTER})
