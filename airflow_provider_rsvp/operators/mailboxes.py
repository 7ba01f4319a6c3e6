"""What the operators that read mailboxes have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_rsvp.hooks.base import CalendarHook
    from airflow_provider_rsvp.model import Invitation


def read_mailboxes(
    hook: CalendarHook,
    mailboxes: str | Sequence[str] | None,
    start: str | datetime,
    end: str | datetime,
    *,
    calendar_id: str | None,
    timezone: str | tzinfo | None,
) -> dict[str | None, list[Invitation]]:
    """
    Return the events of a window in each mailbox, in the order in which they are named; each is read once.

    :param mailboxes: one or several; without any, the only key is None, the connection's own user
    """
    given: Sequence[str | None] = [mailboxes] if isinstance(mailboxes, str) else mailboxes or [None]
    return {
        mailbox: hook.list_invitations(
            start, end, mailbox=mailbox, calendar_id=calendar_id or None, timezone=timezone or None
        )
        for mailbox in dict.fromkeys(given)
    }
