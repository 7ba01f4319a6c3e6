"""One reply to one invitation, as a callback of a task or DAG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp._tasks import arguments
from airflow_provider_rsvp._tasks.rendering import TemplatesOfEachCall

if TYPE_CHECKING:
    from airflow.sdk import Context


class SetParticipationStatusNotifier(TemplatesOfEachCall):
    """
    Accept, tentatively accept or decline one invitation when a task or DAG run ends, or is late.

    For ``on_success_callback``, ``on_failure_callback`` and the like, and as the callable of a deadline alert's
    ``AsyncCallback`` or ``SyncCallback``. A callback may run more than once: it looks first and sends nothing if
    the status is already set. An error is raised, and Airflow logs it; it does not change the state of the run. All
    parameters but the timeouts are templated.

    :param conn_id: a connection to any of the calendar services
    :param status: ``accepted``, ``tentative``, ``declined`` or ``needs-action``
    :param event_id: the service's id of the event
    :param ical_uid: the event's iCalendar UID, instead of ``event_id``
    :param original_start: the original start of one instance, together with an id or UID; ISO 8601 or
        ``datetime``
    :param mailbox: the owner of the calendar; default is the connection's own user
    :param calendar_id: which calendar of the mailbox; default is the connection's or the service's
    :param scope: ``instance``, or ``series`` for one reply to all instances
    :param comment: text for the organizer
    :param notify_organizer: whether the organizer is told
    :param proposed_start: a time proposed instead of the organizer's; with ``tentative`` or ``declined``
    :param proposed_end: the end of that time
    :param timezone: the zone of times without one; an IANA or Windows name
    :param verify: read back even after a clear response; always done where the response proves nothing
    :param force: send even if the status is already set; each call of the notifier may then send
    :param degrade: write a proposed time into the comment if the service carries comments but no proposed times;
        otherwise the proposed time is an error
    :param dry_run: look and check, but send nothing
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service asks for fewer, in seconds
    :param settle_timeout: how long to keep reading back until the reply shows, in seconds
    :param turn_timeout: how long to wait while another task answers the same event, in seconds
    :raises PermanentError: the reply cannot be sent, and was not
    :raises PassingError: the service failed, or the outcome is unclear
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "status",
        "event_id",
        "ical_uid",
        "original_start",
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
        throttle_timeout: float = 60.0,
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
        self.dry_run = dry_run
        self.request_timeout = request_timeout
        self.throttle_timeout = throttle_timeout
        self.settle_timeout = settle_timeout
        self.turn_timeout = turn_timeout

    def notify(self, context: Context) -> None:
        """Answer the invitation."""
        reference, reply, scope = (
            arguments.event_reference(self),
            arguments.reply(self),
            arguments.event_scope(self),
        )
        options = arguments.reply_options(self)
        with arguments.calendar_hook(self) as hook:
            outcome = hook.set_participation_status(reference, reply, scope=scope, options=options)
        self.log.info("%s", outcome.describe())

    async def async_notify(self, context: Context) -> None:
        """Answer the invitation from an event loop, as in the triggerer."""
        reference, reply, scope = (
            arguments.event_reference(self),
            arguments.reply(self),
            arguments.event_scope(self),
        )
        hook = await arguments.acalendar_hook(self)
        outcome = await hook.aset_participation_status(
            reference, reply, scope=scope, options=arguments.reply_options(self)
        )
        self.log.info("%s", outcome.describe())
