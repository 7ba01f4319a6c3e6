"""Waits for invitations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_rsvp.model import Invitation
    from airflow_provider_rsvp.waiting.invitations import CalendarWatch


class InvitationSensor(AuthorsTemplates, BaseSensorOperator):
    """
    Wait until there is an invitation that matches a filter, lies ahead and is unanswered.

    The task sends nothing. ``conn_id``, ``mailbox`` and ``calendar_id`` are templates.

    :param conn_id: a connection to any of the calendar services
    :param mailbox: the owner of the calendar; default is the connection's own user
    :param calendar_id: which calendar of the mailbox; default is the connection's or the service's
    :param filter: a condition as under ``when`` in a policy; default is everything
    :param answered: whether answered and cancelled invitations count too
    :param existing: whether invitations count that are there when a try of the task begins; if not, only those that
        come in or change afterwards
    :param days: how many days ahead to look, from the beginning of today in UTC
    :param deferrable: whether to wait in the triggerer, without a worker
    :param failure_timeout: how long to retry passing failures, in seconds
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service throttles, in seconds
    :return: the invitations, as :meth:`airflow_provider_rsvp.model.Invitation.to_plain` gives them, by start
    :raises InvalidInputError: the filter or a number is malformed, or ``existing=False`` is given with the mode
        ``reschedule``; raised when the DAG is parsed
    :raises AirflowFailException: an argument, the connection or the mailbox is wrong; Airflow does not retry
    :raises AirflowSensorTimeout: the timeout passed
    :raises PassingError: the service failed for longer than ``failure_timeout``; Airflow retries
    """

    template_fields: Sequence[str] = ("conn_id", "mailbox", "calendar_id")
    ui_color = "#dbeafe"

    def __init__(
        self,
        *,
        conn_id: str,
        mailbox: str | None = None,
        calendar_id: str | None = None,
        filter: dict[str, Any] | None = None,
        answered: bool = False,
        existing: bool = True,
        days: int = 60,
        deferrable: bool = True,
        failure_timeout: float = 600.0,
        request_timeout: float = 30.0,
        throttle_timeout: float = 300.0,
        **kwargs: Any,
    ) -> None:
        from airflow_provider_rsvp.exceptions import InvalidInputError

        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.mailbox = mailbox
        self.calendar_id = calendar_id
        self.filter = filter
        self.answered = answered
        self.existing = existing
        self.days = days
        self.deferrable = deferrable
        self.failure_timeout = failure_timeout
        self.request_timeout = request_timeout
        self.throttle_timeout = throttle_timeout
        self._known: dict[str, str] | None = {} if existing else None
        if not existing and not deferrable and self.mode == "reschedule":
            raise InvalidInputError(
                "existing: in the mode 'reschedule', the task starts over at each poke and does not know what was "
                "there before. Use deferrable=True or mode='poke'."
            )
        # Mistakes show when the DAG is parsed; the watch of a run is built from the rendered fields.
        self._watch()

    def execute(self, context: Context) -> Any:
        """Read the calendar once, and wait if no invitation counts."""
        if not self.deferrable:
            return super().execute(context)
        import pendulum

        from airflow_provider_rsvp.hooks.errors import skipping_if

        until = pendulum.now("UTC").add(seconds=self.timeout).isoformat()
        with skipping_if(self.soft_fail or self.never_fail):
            return self._read_or_defer(self.failure_timeout, until)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Read the calendar again, after the trigger fired."""
        from airflow_provider_rsvp.hooks.errors import skipping_if

        self._known = event["known"]
        with skipping_if(self.soft_fail or self.never_fail):
            return self._read_or_defer(0.0 if event["failed"] else self.failure_timeout, event["until"])

    def poke(self, context: Context) -> PokeReturnValue:
        """Read the calendar once."""
        found = self._read(self._watch(), self.failure_timeout)
        return PokeReturnValue(bool(found), [each.to_plain() for each in found] or None)

    def _read_or_defer(self, failure_timeout: float, until: str) -> Any:
        import pendulum

        from airflow_provider_rsvp.hooks.errors import AirflowSensorTimeout
        from airflow_provider_rsvp.times import parse_instant
        from airflow_provider_rsvp.triggers.invitation_sensor import InvitationSensorTrigger

        watch = self._watch()
        found = self._read(watch, failure_timeout)
        if found:
            return [each.to_plain() for each in found]
        left = (parse_instant(until, field="timeout") - pendulum.now("UTC")).total_seconds()
        if left <= 0:
            raise AirflowSensorTimeout(f"No matching invitation came in within {self.timeout:g} s.")
        self.defer(
            trigger=InvitationSensorTrigger(
                watch=watch.to_plain(), known=dict(self._known or {}), until=until
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=left),
        )
        return None

    def _read(self, watch: CalendarWatch, failure_timeout: float) -> list[Invitation]:
        """
        Return the invitations that count.

        They stay unknown, so that the next read, after the trigger fired or in a poke, returns them too. Only without
        ``existing`` does the first read of a try note what is there.
        """
        import pendulum

        from airflow_provider_rsvp.hooks.errors import failing_at_once
        from airflow_provider_rsvp.triggers.reading import WatchedCalendar, retry_passing
        from airflow_provider_rsvp.waiting.invitations import KnownInvitations

        with failing_at_once():
            changes = asyncio.run(retry_passing(WatchedCalendar(watch).read, failure_timeout=failure_timeout))
        known = KnownInvitations(watch, self._known or {})
        found = known.update(changes, pendulum.now("UTC"))
        if self._known is None:
            self._known, found = known.hashes, []
        self.log.info("%d of %d invitations match.", len(found), len(changes.invitations))
        return found

    def _watch(self) -> CalendarWatch:
        from airflow_provider_rsvp.waiting.invitations import CalendarWatch

        return CalendarWatch(
            conn_id=self.conn_id,
            mailbox=self.mailbox or None,
            calendar_id=self.calendar_id or None,
            filter=self.filter,
            answered=self.answered,
            days=self.days,
            poll_interval=self.poke_interval,
            failure_timeout=self.failure_timeout,
            request_timeout=self.request_timeout,
            throttle_timeout=self.throttle_timeout,
        )
