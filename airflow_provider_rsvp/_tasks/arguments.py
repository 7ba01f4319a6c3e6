"""
The arguments that tasks and notifiers share: which event, what reply, how it is sent, how long to wait.

Each task lists them in its signature, where users look for them; this module says what they mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_rsvp.hooks.base import CalendarHook
    from airflow_provider_rsvp.model import EventReference, Reply, Scope
    from airflow_provider_rsvp.replying import ReplyOptions

EVENT_ARGUMENTS = (
    "conn_id",
    "event_id",
    "ical_uid",
    "original_start",
    "mailbox",
    "calendar_id",
    "scope",
    "timezone",
)
REPLY_ARGUMENTS = ("status", "comment", "notify_organizer", "proposed_start", "proposed_end")
OPTION_ARGUMENTS = ("force", "verify", "degrade", "dry_run")
TIMEOUT_ARGUMENTS = ("request_timeout", "throttle_timeout", "settle_timeout", "turn_timeout")


def event_reference(task: Any) -> EventReference:
    """
    Return the event that a task is about.

    :param task: has :data:`EVENT_ARGUMENTS` as attributes
    :raises InvalidInputError: an argument is malformed, or they contradict each other
    """
    from airflow_provider_rsvp.model import EventReference

    return EventReference.parse(
        event_id=task.event_id,
        ical_uid=task.ical_uid,
        original_start=task.original_start,
        mailbox=task.mailbox,
        calendar_id=task.calendar_id,
        timezone=task.timezone,
    )


def event_scope(task: Any) -> Scope:
    """
    Return what a task's reply covers.

    :raises InvalidInputError: it names no scope
    """
    from airflow_provider_rsvp.model import Scope

    return Scope.parse(task.scope)


def reply(task: Any) -> Reply:
    """
    Return the reply that a task sends.

    :param task: has :data:`REPLY_ARGUMENTS` and ``timezone`` as attributes
    :raises InvalidInputError: an argument is malformed, or they contradict each other
    """
    from airflow_provider_rsvp.model import Reply

    return Reply.parse(
        status=task.status,
        comment=task.comment,
        notify_organizer=task.notify_organizer,
        proposed_start=task.proposed_start,
        proposed_end=task.proposed_end,
        timezone=task.timezone,
    )


def reply_options(task: Any) -> ReplyOptions:
    """
    Return how a task sends its replies.

    :param task: has :data:`OPTION_ARGUMENTS`, ``settle_timeout`` and ``turn_timeout`` as attributes
    :raises InvalidInputError: an option is neither true nor false
    """
    from airflow_provider_rsvp.model import parse_flag
    from airflow_provider_rsvp.replying import ReplyOptions

    flags = {name: parse_flag(getattr(task, name), name) for name in OPTION_ARGUMENTS}
    return ReplyOptions(**flags, settle_timeout=task.settle_timeout, turn_timeout=task.turn_timeout)


def calendar_hook(task: Any, conn_id: str | None = None) -> CalendarHook:
    """
    Return the hook that a task's connection and timeouts ask for.

    :param conn_id: another connection than the task's
    :raises ConfigurationError: the connection's type is not one of a calendar service
    """
    from airflow_provider_rsvp.hooks.base import get_calendar_hook

    return get_calendar_hook(conn_id or task.conn_id, **_timeouts(task))


async def acalendar_hook(task: Any) -> CalendarHook:
    """Return the hook without blocking the event loop; see :func:`calendar_hook`."""
    from airflow_provider_rsvp.hooks.base import aget_calendar_hook

    return await aget_calendar_hook(task.conn_id, **_timeouts(task))


def _timeouts(task: Any) -> dict[str, float]:
    return {"request_timeout": task.request_timeout, "throttle_timeout": task.throttle_timeout}
