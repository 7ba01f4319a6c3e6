"""Waits, in the triggerer, until attendees have answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class ParticipationStatusTrigger(BaseTrigger):
    """
    Looks at one event again and again until there is something to decide.

    Its event does not say what: who waits looks for themselves. So no name, address or title is in the event.

    :param conn_id: a connection to any of the calendar services
    :param reference: the event, as :meth:`airflow_provider_rsvp.model.EventReference.to_plain` gives it
    :param scope: ``instance`` or ``series``
    :param attendees: ``me``, ``required``, or addresses
    :param status: the answers that count
    :param quorum: how many must have answered so; None for all
    :param deadline: ISO 8601 with a zone; None for no deadline
    :param until: when the task times out, ISO 8601; comes back with the event
    :param poll_interval: seconds between two looks
    :param failure_timeout: seconds for which passing failures are retried
    :param request_timeout: seconds to wait for the response to one request
    :param throttle_timeout: seconds that one request may wait in all because the service asks for fewer
    """

    def __init__(
        self,
        *,
        conn_id: str,
        reference: dict[str, str | None],
        scope: str,
        attendees: Sequence[str],
        status: Sequence[str],
        quorum: int | None,
        deadline: str | None,
        until: str,
        poll_interval: float,
        failure_timeout: float,
        request_timeout: float,
        throttle_timeout: float,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.reference = reference
        self.scope = scope
        self.attendees = attendees
        self.status = status
        self.quorum = quorum
        self.deadline = deadline
        self.until = until
        self.poll_interval = poll_interval
        self.failure_timeout = failure_timeout
        self.request_timeout = request_timeout
        self.throttle_timeout = throttle_timeout
        self._stood: str | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments, plain JSON without a secret."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "conn_id": self.conn_id,
                "reference": self.reference,
                "scope": self.scope,
                "attendees": list(self.attendees),
                "status": list(self.status),
                "quorum": self.quorum,
                "deadline": self.deadline,
                "until": self.until,
                "poll_interval": self.poll_interval,
                "failure_timeout": self.failure_timeout,
                "request_timeout": self.request_timeout,
                "throttle_timeout": self.throttle_timeout,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield ``{"failed": whether looking failed, "until": …}`` once."""
        import pendulum

        from airflow_provider_rsvp.exceptions import RsvpError
        from airflow_provider_rsvp.times import UTC, parse_instant
        from airflow_provider_rsvp.triggers.retrying import retry_passing

        deadline = parse_instant(self.deadline, field="deadline") if self.deadline else None
        while True:
            try:
                decided = await retry_passing(self._decided, failure_timeout=self.failure_timeout)
            except RsvpError as error:
                self.log.warning("%s", error)
                yield self._event(failed=True)
                return
            left = (deadline - pendulum.now(UTC)).total_seconds() if deadline else self.poll_interval
            if decided or left <= 0:
                yield self._event(failed=False)
                return
            await asyncio.sleep(min(self.poll_interval, left))

    async def _decided(self) -> bool:
        import pendulum

        from airflow_provider_rsvp.attendance import Awaited
        from airflow_provider_rsvp.model import EventReference, Scope
        from airflow_provider_rsvp.preconditions import against_reference, check
        from airflow_provider_rsvp.times import UTC
        from airflow_provider_rsvp.triggers.calendars import open_calendar

        reference = EventReference.parse(**self.reference)
        async with open_calendar(
            self.conn_id, request_timeout=self.request_timeout, throttle_timeout=self.throttle_timeout
        ) as (hook, calendar):
            check(against_reference(calendar.client.capabilities, calendar.client.service, reference))
            invitation = await calendar.client.observe(reference, Scope.parse(self.scope))
        awaited = Awaited.parse(self.attendees, self.status, self.quorum)
        standing = awaited.standing(invitation, hook.hook_name, pendulum.now(UTC))
        # The task told how it stood at first. The lines of all triggers go through one socket, and hold up all of them
        # while the triggerer's supervisor is too busy to read it.
        if self._stood not in (None, standing.detail):
            self.log.info("%s", standing.detail)
        self._stood = standing.detail
        return standing.reached or standing.impossible is not None

    def _event(self, *, failed: bool) -> TriggerEvent:
        payload = {"failed": failed, "until": self.until}
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]
