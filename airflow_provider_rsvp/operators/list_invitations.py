"""The invitations of one or many mailboxes, as a step of a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_rsvp.model import Invitation

_NAMED = 3


class ListInvitationsOperator(AuthorsTemplates):
    """
    List the invitations of one or many mailboxes in a window.

    Reads all pages. A series is listed once, with its instances in the window. By default it lists only invitations
    that have no answer yet and can be answered. All parameters but the timeouts are templated.

    :param conn_id: a connection to any of the calendar services
    :param start: list events that end after this: ``now``, a distance from now such as ``+2d`` or ``-3h`` (units
        ``m``, ``h``, ``d``, ``w``), ISO 8601, or ``datetime``
    :param end: list events that begin before this; same forms
    :param timezone: the zone of a ``start`` and ``end`` without one; an IANA or Windows name
    :param mailboxes: one mailbox or several; default is the connection's own user
    :param calendar_id: which calendar of each mailbox; default is the connection's or the service's
    :param include: what else to list: ``answered``, ``cancelled``, ``drafts``, ``own``, ``unanswerable``; without
        the last, a warning says how many events are left out because they cannot be read
    :param on_mailbox_error: what to do if some of several mailboxes cannot be read: ``fail_after`` lists the others,
        with their rows in the XCom, and then fails; ``skip`` leaves those mailboxes out. The XCom ``failed_mailboxes``
        maps each of them to the reason. If no mailbox can be read, the task fails
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service asks for fewer, in seconds
    :return: a list of dicts as :meth:`airflow_provider_rsvp.listing.Listed.to_plain` gives them, by mailbox and start
    :raises AirflowFailException: a permanent error; Airflow does not retry
    :raises PassingError: the service failed; Airflow retries
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "start",
        "end",
        "timezone",
        "mailboxes",
        "calendar_id",
        "include",
        "on_mailbox_error",
    )
    ui_color = "#dbeafe"

    def __init__(
        self,
        *,
        conn_id: str,
        start: str | datetime = "now",
        end: str | datetime = "+14d",
        timezone: str | tzinfo | None = None,
        mailboxes: str | Sequence[str] | None = None,
        calendar_id: str | None = None,
        include: str | Sequence[str] | None = None,
        on_mailbox_error: Literal["fail_after", "skip"] = "fail_after",
        request_timeout: float = 30.0,
        throttle_timeout: float = 300.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.start = start
        self.end = end
        self.timezone = timezone
        self.mailboxes = mailboxes
        self.calendar_id = calendar_id
        self.include = include
        self.on_mailbox_error = on_mailbox_error
        self.request_timeout = request_timeout
        self.throttle_timeout = throttle_timeout

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """List the invitations."""
        from airflow_provider_rsvp._tasks.mailboxes import (
            FAILED_MAILBOXES,
            check_on_mailbox_error,
            read_mailboxes,
        )
        from airflow_provider_rsvp.hooks.base import get_calendar_hook
        from airflow_provider_rsvp.hooks.errors import failing_at_once
        from airflow_provider_rsvp.listing import Kind, listed

        rows = []
        with (
            failing_at_once(),
            get_calendar_hook(
                self.conn_id, request_timeout=self.request_timeout, throttle_timeout=self.throttle_timeout
            ) as hook,
        ):
            check_on_mailbox_error(self.on_mailbox_error)
            include = Kind.parse_all(self.include)
            read = read_mailboxes(
                hook,
                self.mailboxes,
                self.start,
                self.end,
                calendar_id=self.calendar_id,
                timezone=self.timezone,
                log=self.log,
            )
            for mailbox, events in read.events.items():
                lines = listed(events, include)
                self.log.info(
                    "%s: %d invitations to list among %d events.",
                    mailbox or "The connection's own calendar",
                    len(lines),
                    len(events),
                )
                if Kind.UNANSWERABLE not in include:
                    self._warn_of_unreadable(mailbox, events)
                rows += [line.to_plain() for line in lines]
            if read.errors:
                context["ti"].xcom_push(key=FAILED_MAILBOXES, value=read.failed)
                if self.on_mailbox_error == "fail_after":
                    context["ti"].xcom_push(key="return_value", value=rows)
                    raise read.error()
        return rows

    def _warn_of_unreadable(self, mailbox: str | None, events: Sequence[Invitation]) -> None:
        odd = [event for event in events if not event.is_readable]
        if not odd:
            return
        named = "; ".join(
            f"{each.subject!r} ({each.reference}): {each.cannot_respond}" for each in odd[:_NAMED]
        )
        self.log.warning(
            "%s: %d events are left out because they cannot be read: %s%s include='unanswerable' lists them.",
            mailbox or "The connection's own calendar",
            len(odd),
            named,
            " ..." if len(odd) > _NAMED else "",
        )
