"""One reply to one invitation, as a step of a DAG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp._tasks import arguments
from airflow_provider_rsvp._tasks.links import EventLink
from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates

if TYPE_CHECKING:
    from airflow.sdk import Context


class SetParticipationStatusOperator(AuthorsTemplates):
    """
    Accept, tentatively accept or decline one invitation.

    Looks first and sends nothing if the status is already set; sends once; reads back. If the service
    cannot express the reply, the task fails before any request. All parameters are templated.

    :param conn_id: a connection to any of the calendar services
    :param event_id: the service's id of the event
    :param ical_uid: the event's iCalendar UID, instead of ``event_id``
    :param original_start: the original start of one instance, together with an id or UID; ISO 8601 or
        ``datetime``
    :param status: ``accepted``, ``tentative``, ``declined`` or ``needs-action``
    :param mailbox: the owner of the calendar; default is the connection's own user
    :param calendar_id: which calendar of the mailbox; default is the connection's or the service's
    :param scope: ``instance``, or ``series`` for one reply to all instances
    :param comment: text for the organizer
    :param notify_organizer: whether the organizer is told
    :param proposed_start: a time proposed instead of the organizer's; with ``tentative`` or ``declined``
    :param proposed_end: the end of that time
    :param timezone: the zone of times without one; an IANA or Windows name
    :param verify: read back even after a clear response; always done where the response proves nothing
    :param force: send even if the status is already set; at most once per task run
    :param degrade: write a proposed time into the comment if the service carries comments but no proposed times;
        otherwise the proposed time is an error
    :param dry_run: look and check, but send nothing; the outcome is ``skipped`` where a reply would have been sent
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service asks for fewer, in seconds
    :param settle_timeout: how long to keep reading back until the reply shows, in seconds
    :param turn_timeout: how long to wait while another task answers the same event, in seconds
    :return: the outcome, as :meth:`airflow_provider_rsvp.model.Outcome.to_plain` gives it
    :raises AirflowFailException: a permanent error; Airflow does not retry
    :raises PassingError: the service failed, or the outcome is unclear; Airflow retries, and the next
        try looks first
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "event_id",
        "ical_uid",
        "original_start",
        "status",
        "mailbox",
        "calendar_id",
        "scope",
        "comment",
        "notify_organizer",
        "proposed_start",
        "proposed_end",
        "timezone",
        "verify",
        "force",
        "degrade",
        "dry_run",
    )
    operator_extra_links = (EventLink(),)
    ui_color = "#dbeafe"

    def __init__(
        self,
        *,
        conn_id: str,
        status: str,
        event_id: str | int | None = None,
        ical_uid: str | None = None,
        original_start: str | datetime | None = None,
        mailbox: str | None = None,
        calendar_id: str | None = None,
        scope: str = "instance",
        comment: str | None = None,
        notify_organizer: bool | str = True,
        proposed_start: str | datetime | None = None,
        proposed_end: str | datetime | None = None,
        timezone: str | tzinfo | None = None,
        verify: bool | str = True,
        force: bool | str = False,
        degrade: bool | str = False,
        dry_run: bool | str = False,
        request_timeout: float = 30.0,
        throttle_timeout: float = 300.0,
        settle_timeout: float = 30.0,
        turn_timeout: float = 120.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.status = status
        self.event_id = event_id
        self.ical_uid = ical_uid
        self.original_start = original_start
        self.mailbox = mailbox
        self.calendar_id = calendar_id
        self.scope = scope
        self.comment = comment
        self.notify_organizer = notify_organizer
        self.proposed_start = proposed_start
        self.proposed_end = proposed_end
        self.timezone = timezone
        self.verify = verify
        self.force = force
        self.degrade = degrade
        # Replaces a method of Airflow's, which only `airflow tasks test --dry-run` calls.
        self.dry_run = dry_run  # type: ignore[assignment,method-assign]
        self.request_timeout = request_timeout
        self.throttle_timeout = throttle_timeout
        self.settle_timeout = settle_timeout
        self.turn_timeout = turn_timeout

    def execute(self, context: Context) -> dict[str, Any]:
        """Answer the invitation."""
        from airflow_provider_rsvp._tasks.memory import task_memory
        from airflow_provider_rsvp.hooks.errors import failing_at_once

        with failing_at_once():
            reference, scope = arguments.event_reference(self), arguments.event_scope(self)
            reply = arguments.reply(self)
            options = arguments.reply_options(self)
            with arguments.calendar_hook(self) as hook:
                outcome = hook.set_participation_status(
                    reference, reply, scope=scope, options=options, memory=task_memory(context)
                )
        self.log.info("%s", outcome.describe())
        return outcome.to_plain()
