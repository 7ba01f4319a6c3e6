"""The invitations of one or many mailboxes, as a step of a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates

if TYPE_CHECKING:
    from airflow.sdk import Context


class ListInvitationsOperator(AuthorsTemplates):
    """
    List the invitations of one or many mailboxes in a window.

    Reads all pages. A series is listed once, with its instances in the window. By default only what waits for an
    answer and can get one. All parameters but the timeouts are templated.

    :param conn_id: a connection to any of the calendar services
    :param start: events that end after it: ``now``, a distance from now such as ``+2d`` or ``-3h`` (units
        ``m``, ``h``, ``d``, ``w``), ISO 8601, or ``datetime``
    :param end: events that begin before it; likewise
    :param timezone: how to read a ``start`` and ``end`` that name no zone; an IANA or Windows name
    :param mailboxes: one mailbox or several; default is the connection's own user
    :param calendar_id: which calendar of each mailbox; default is the connection's or the service's
    :param include: what to list besides: ``answered``, ``cancelled``, ``drafts``, ``own``
    :param answer_timeout: seconds to wait for one answer of the service
    :param throttle_timeout: seconds that one request may wait in all because the service asks for fewer
    :return: a list of dicts as :meth:`airflow_provider_rsvp.listing.Listed.to_dict` gives them, by mailbox and start
    :raises AirflowFailException: it cannot be done; Airflow does not retry
    :raises PassingError: the service did not serve; Airflow retries
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "start",
        "end",
        "timezone",
        "mailboxes",
        "calendar_id",
        "include",
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
        answer_timeout: float = 30.0,
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
        self.answer_timeout = answer_timeout
        self.throttle_timeout = throttle_timeout

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """List the invitations."""
        from airflow_provider_rsvp.hooks.base import get_calendar_hook
        from airflow_provider_rsvp.listing import Kind, listed
        from airflow_provider_rsvp.operators.failing import failing_at_once
        from airflow_provider_rsvp.operators.mailboxes import read_mailboxes

        rows = []
        with (
            failing_at_once(),
            get_calendar_hook(
                self.conn_id, answer_timeout=self.answer_timeout, throttle_timeout=self.throttle_timeout
            ) as hook,
        ):
            include = Kind.parse_all(self.include)
            read = read_mailboxes(
                hook,
                self.mailboxes,
                self.start,
                self.end,
                calendar_id=self.calendar_id,
                timezone=self.timezone,
            )
            for mailbox, events in read.items():
                lines = listed(events, include)
                self.log.info(
                    "%s: %d invitations to list among %d events.",
                    mailbox or "The connection's own calendar",
                    len(lines),
                    len(events),
                )
                rows += [line.to_dict() for line in lines]
        return rows
