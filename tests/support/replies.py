"""Answering and reading through a hook, as code in a task does, with little patience."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import (
    EventReference,
    Invitation,
    Outcome,
    ParticipationStatus,
    Reply,
    TimeRange,
)
from airflow_provider_rsvp.replying import ReplyOptions

SETTLE = 2.0
"""Long enough for what shows after a moment; tests of what never shows give less."""


def reply(
    conn_id: str,
    status: str,
    *,
    comment: str | None = None,
    notify_organizer: bool = True,
    proposed: tuple[str | datetime, str | datetime] | None = None,
    timezone: str | None = None,
    scope: str = "instance",
    force: bool = False,
    verify: bool = True,
    settle: float = SETTLE,
    **reference: Any,
) -> Outcome:
    """Answer the event that the reference addresses."""
    answer = Reply(
        status=ParticipationStatus.parse(status),
        comment=comment,
        notify_organizer=notify_organizer,
        proposed_time=TimeRange.proposed(*proposed, timezone=timezone) if proposed else None,
    )
    with get_calendar_hook(conn_id) as hook:
        return hook.set_participation_status(
            EventReference.parse(timezone=timezone, **reference),
            answer,
            scope=scope,
            options=ReplyOptions(force=force, verify=verify, settle_timeout=settle),
        )


def look(conn_id: str, *, scope: str = "instance", **reference: Any) -> Invitation:
    """Read the event that the reference addresses."""
    with get_calendar_hook(conn_id) as hook:
        return hook.get_invitation(EventReference.parse(**reference), scope=scope)


def listing(conn_id: str, start: str | datetime, end: str | datetime, **where: Any) -> list[Invitation]:
    """List the events of a window."""
    with get_calendar_hook(conn_id) as hook:
        return hook.list_invitations(start, end, **where)


def sent(sandbox: Any) -> list[dict[str, Any]]:
    """Return the requests that asked a service to set a status."""
    return [request for request in sandbox.requests() if request["operation"] == "send"]
