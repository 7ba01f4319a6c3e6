"""Waits until attendees have answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_rsvp.model import EventReference, Invitation


class ParticipationStatusSensor(AuthorsTemplates, BaseSensorOperator):
    """
    Wait until attendees of an event have answered.

    The task fails at once if they no longer can: too many declined, the event was cancelled or is over, or the service
    does not show the answers. It sends nothing. All parameters except ``deferrable`` and the timeouts are templates.

    :param conn_id: a connection to any of the calendar services: the organizer's or an attendee's
    :param event_id: the service's id of the event
    :param ical_uid: the event's iCalendar UID, instead of ``event_id``
    :param original_start: with an id or UID: which instance, by its originally planned start;
        ISO 8601 or ``datetime``
    :param attendees: ``required`` for all required attendees (all but the organizer, if the service does not say who
        is required), ``me`` for the mailbox itself, or an address or a list of them; on Bitrix24, ``user 7``
    :param status: the participation status that counts, or a list of them
    :param quorum: how many of the attendees need one of them; default is all
    :param deadline: when to stop waiting; ISO 8601 or ``datetime``; default is ``timeout`` alone
    :param mailbox: the owner of the calendar; default is the connection's own user
    :param calendar_id: which calendar of the mailbox; default is the connection's or the service's
    :param scope: ``instance``, or ``series``
    :param timezone: the time zone of times that name none; an IANA or Windows name
    :param deferrable: whether to wait in the triggerer, without a worker
    :param failure_timeout: how long to retry passing failures, in seconds
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service throttles, in seconds
    :return: the invitation, as :meth:`airflow_provider_rsvp.model.Invitation.to_plain` gives it
    :raises AirflowFailException: the attendees can no longer answer, or an argument, the connection or the event is
        wrong; Airflow does not retry
    :raises AirflowSensorTimeout: the deadline or the timeout passed
    :raises PassingError: the service failed for longer than ``failure_timeout``; Airflow retries
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "event_id",
        "ical_uid",
        "original_start",
        "attendees",
        "status",
        "quorum",
        "deadline",
        "mailbox",
        "calendar_id",
        "scope",
        "timezone",
    )
    ui_color = "#dbeafe"

    def __init__(
        self,
        *,
        conn_id: str,
        event_id: str | int | None = None,
        ical_uid: str | None = None,
        original_start: str | datetime | None = None,
        attendees: str | Sequence[str] = "required",
        status: str | Sequence[str] = "accepted",
        quorum: int | str | None = None,
        deadline: str | datetime | None = None,
        mailbox: str | None = None,
        calendar_id: str | None = None,
        scope: str = "instance",
        timezone: str | tzinfo | None = None,
        deferrable: bool = True,
        failure_timeout: float = 600.0,
        request_timeout: float = 30.0,
        throttle_timeout: float = 300.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.event_id = event_id
        self.ical_uid = ical_uid
        self.original_start = original_start
        self.attendees = attendees
        self.status = status
        self.quorum = quorum
        self.deadline = deadline
        self.mailbox = mailbox
        self.calendar_id = calendar_id
        self.scope = scope
        self.timezone = timezone
        self.deferrable = deferrable
        self.failure_timeout = failure_timeout
        self.request_timeout = request_timeout
        self.throttle_timeout = throttle_timeout

    def execute(self, context: Context) -> Any:
        """Read the event once, and wait if the attendees can still answer."""
        if not self.deferrable:
            return super().execute(context)
        from airflow_provider_rsvp.hooks.errors import skipping_if

        with skipping_if(self.soft_fail or self.never_fail):
            return self._read_or_defer(self.failure_timeout, _now().add(seconds=self.timeout).isoformat())

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Read the event again, after the trigger fired."""
        from airflow_provider_rsvp.hooks.errors import skipping_if

        with skipping_if(self.soft_fail or self.never_fail):
            return self._read_or_defer(0.0 if event["failed"] else self.failure_timeout, event["until"])

    def poke(self, context: Context) -> PokeReturnValue:
        """Read the event once."""
        return self._read(self.failure_timeout)

    def _read_or_defer(self, failure_timeout: float, until: str) -> Any:
        from airflow_provider_rsvp.hooks.errors import AirflowSensorTimeout
        from airflow_provider_rsvp.times import parse_instant
        from airflow_provider_rsvp.triggers.participation_status_sensor import (
            ParticipationStatusSensorTrigger,
        )
        from airflow_provider_rsvp.waiting.attendees import AwaitedAnswers

        found = self._read(failure_timeout)
        if found:
            return found.xcom_value
        awaited = AwaitedAnswers.parse(self.attendees, self.status, self.quorum)
        left = (parse_instant(until, field="timeout") - _now()).total_seconds()
        if left <= 0:
            raise AirflowSensorTimeout(f"The attendees did not answer within {self.timeout:g} s.")
        self.defer(
            trigger=ParticipationStatusSensorTrigger(
                conn_id=self.conn_id,
                reference=self._reference().to_plain(),
                scope=self.scope,
                attendees=awaited.attendees,
                status=sorted(str(status) for status in awaited.statuses),
                quorum=awaited.quorum,
                deadline=self._deadline(),
                until=until,
                poll_interval=self.poke_interval,
                failure_timeout=self.failure_timeout,
                request_timeout=self.request_timeout,
                throttle_timeout=self.throttle_timeout,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=left),
        )
        return None

    def _read(self, failure_timeout: float) -> PokeReturnValue:
        from airflow_provider_rsvp.hooks.errors import (
            AirflowFailException,
            AirflowSensorTimeout,
            failing_at_once,
        )
        from airflow_provider_rsvp.times import parse_instant
        from airflow_provider_rsvp.waiting.attendees import AwaitedAnswers

        with failing_at_once():
            awaited = AwaitedAnswers.parse(self.attendees, self.status, self.quorum)
            deadline = self._deadline()
            service, invitation = asyncio.run(self._invitation(failure_timeout))
            progress = awaited.progress(invitation, service, _now())
            self.log.info("%r: %s", invitation.subject, progress.detail)
        if progress.impossible is not None:
            raise AirflowFailException(
                f"Stopped waiting for {invitation.subject!r} ({invitation.reference}): {progress.impossible}. "
                f"{progress.detail}"
            )
        if progress.reached:
            return PokeReturnValue(True, invitation.to_plain())
        if deadline is not None and parse_instant(deadline, field="deadline") <= _now():
            raise AirflowSensorTimeout(f"The deadline {deadline} has passed. {progress.detail}")
        return PokeReturnValue(False)

    async def _invitation(self, failure_timeout: float) -> tuple[str, Invitation]:
        from airflow_provider_rsvp.hooks.base import aget_calendar_hook
        from airflow_provider_rsvp.model import Scope
        from airflow_provider_rsvp.triggers.reading import retry_passing

        reference, scope = self._reference(), Scope.parse(self.scope)
        hook = await aget_calendar_hook(
            self.conn_id, request_timeout=self.request_timeout, throttle_timeout=self.throttle_timeout
        )
        invitation = await retry_passing(
            lambda: hook.aget_invitation(reference, scope=scope), failure_timeout=failure_timeout
        )
        return hook.hook_name, invitation

    def _reference(self) -> EventReference:
        from airflow_provider_rsvp.model import EventReference

        return EventReference.parse(
            event_id=self.event_id,
            ical_uid=self.ical_uid,
            original_start=self.original_start,
            mailbox=self.mailbox,
            calendar_id=self.calendar_id,
            timezone=self.timezone,
        )

    def _deadline(self) -> str | None:
        from airflow_provider_rsvp.times import parse_instant

        if not self.deadline:
            return None
        return parse_instant(self.deadline, field="deadline", timezone=self.timezone).isoformat()


def _now() -> Any:
    import pendulum

    return pendulum.now("UTC")
