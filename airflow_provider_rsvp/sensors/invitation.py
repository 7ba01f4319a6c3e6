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
    from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger
    from airflow_provider_rsvp.watching import Announced


class InvitationSensor(AuthorsTemplates, BaseSensorOperator):
    """
    Wait until there is an invitation that matches a filter, lies ahead and waits for an answer.

    It sends nothing. ``conn_id``, ``mailbox`` and ``calendar_id`` are templated.

    :param conn_id: a connection to any of the calendar services
    :param mailbox: whose calendar; default is the connection's own user
    :param calendar_id: which calendar of the mailbox; default is the connection's or the service's
    :param filter: a condition as under ``when`` in a policy; default is everything
    :param answered: whether invitations count too that wait for no answer: answered and cancelled ones
    :param existing: whether those count that are there when a try of the task begins; otherwise those alone that come
        in or change while it waits
    :param days: how many days ahead events begin that are looked at; from the beginning of the day in UTC
    :param deferrable: whether to wait in the triggerer, without a worker
    :param failure_timeout: seconds for which passing failures are retried
    :param request_timeout: seconds to wait for the response to one request
    :param throttle_timeout: seconds that one request may wait in all because the service asks for fewer
    :return: the invitations, as :meth:`airflow_provider_rsvp.model.Invitation.to_plain` gives them, by start
    :raises InvalidInputError: the filter or a number is malformed; raised when the DAG is parsed
    :raises AirflowFailException: it cannot be done; Airflow does not retry
    :raises AirflowSensorTimeout: the timeout passed
    :raises PassingError: the service did not serve for longer than ``failure_timeout``; Airflow retries
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
                "existing: in the mode 'reschedule' the task begins anew each time and does not know what was there "
                "before. Use deferrable=True or mode='poke'."
            )
        self._looker()

    def execute(self, context: Context) -> Any:
        """Look, and wait where nothing has come in."""
        if not self.deferrable:
            return super().execute(context)
        import pendulum

        from airflow_provider_rsvp.hooks.errors import skipping_if

        until = pendulum.now("UTC").add(seconds=self.timeout).isoformat()
        with skipping_if(self.soft_fail or self.never_fail):
            return self._look_or_defer(self.failure_timeout, until)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Look again, after the trigger saw that something has come in."""
        from airflow_provider_rsvp.hooks.errors import skipping_if

        self._known = event["known"]
        with skipping_if(self.soft_fail or self.never_fail):
            return self._look_or_defer(0.0 if event["failed"] else self.failure_timeout, event["until"])

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        found = self._look(self.failure_timeout)
        return PokeReturnValue(bool(found), [each.to_plain() for each in found] or None)

    def _look_or_defer(self, failure_timeout: float, until: str) -> Any:
        import pendulum

        from airflow_provider_rsvp.hooks.errors import AirflowSensorTimeout
        from airflow_provider_rsvp.times import parse_instant
        from airflow_provider_rsvp.triggers.invitation import InvitationTrigger

        found = self._look(failure_timeout)
        if found:
            return [each.to_plain() for each in found]
        left = (parse_instant(until, field="timeout") - pendulum.now("UTC")).total_seconds()
        if left <= 0:
            raise AirflowSensorTimeout(f"No such invitation came in within {self.timeout:g} s.")
        self.defer(
            trigger=InvitationTrigger(
                look=self._looker().serialize()[1], known=dict(self._known or {}), until=until
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=left),
        )
        return None

    def _look(self, failure_timeout: float) -> list[Invitation]:
        """Return what has come in; what is known is not changed by it, but for the first look without ``existing``."""
        import pendulum

        from airflow_provider_rsvp.hooks.errors import failing_at_once
        from airflow_provider_rsvp.triggers.retrying import retry_passing

        looker = self._looker()
        with failing_at_once():
            changes = asyncio.run(
                retry_passing(
                    lambda: looker.changes(pendulum.today("UTC"), None), failure_timeout=failure_timeout
                )
            )
        announced = self._announced()
        found = announced.take(changes, pendulum.now("UTC"))
        if self._known is None:
            self._known = announced.remembered
            found = []
        self.log.info(
            "%d of %d invitations are such as are waited for.", len(found), len(changes.invitations)
        )
        return found

    def _announced(self) -> Announced:
        from airflow_provider_rsvp.policies.conditions.filter import Filter
        from airflow_provider_rsvp.watching import Announced

        return Announced(Filter.parse(self.filter), answered=self.answered, remembered=self._known or {})

    def _looker(self) -> NewInvitationTrigger:
        from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger

        return NewInvitationTrigger(
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
