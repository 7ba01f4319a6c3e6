"""Waits in the triggerer on behalf of ``InvitationSensor``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class InvitationSensorTrigger(BaseTrigger):
    """
    Polls a calendar until there is a matching invitation that is not known yet, and fires once.

    The event does not say which invitation; the sensor then reads the calendar itself.

    :param watch: what to poll, as :meth:`airflow_provider_rsvp.waiting.invitations.CalendarWatch.to_plain` gives it
    :param known: the invitations that are known already, as
        :attr:`airflow_provider_rsvp.waiting.invitations.KnownInvitations.hashes` gives them
    :param until: when the task times out, ISO 8601; returned in the event
    :raises InvalidTriggerError: a part of the watch is missing, unknown or malformed
    """

    def __init__(self, *, watch: dict[str, Any], known: dict[str, str], until: str) -> None:
        from airflow_provider_rsvp.waiting.invitations import CalendarWatch

        super().__init__()  # type: ignore[no-untyped-call]
        self.watch = CalendarWatch.from_plain(watch)
        self.known = known
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments, plain JSON without a secret."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"watch": self.watch.to_plain(), "known": self.known, "until": self.until},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield ``{"failed": whether reading failed, "known": …, "until": …}`` once."""
        from airflow_provider_rsvp.exceptions import RsvpError

        try:
            await self._wait()
        except RsvpError as error:
            self.log.warning("%s", error)
            yield self._event(failed=True)
        else:
            yield self._event(failed=False)

    async def _wait(self) -> None:
        import pendulum

        from airflow_provider_rsvp.triggers.reading import WatchedCalendar, retry_passing
        from airflow_provider_rsvp.waiting.invitations import KnownInvitations

        watch = self.watch
        calendar, known = WatchedCalendar(watch), KnownInvitations(watch, self.known)
        while True:
            changes = await retry_passing(calendar.read, failure_timeout=watch.failure_timeout)
            if known.update(changes, pendulum.now("UTC")):
                return
            await asyncio.sleep(watch.poll_interval)

    def _event(self, *, failed: bool) -> TriggerEvent:
        payload = {"failed": failed, "known": self.known, "until": self.until}
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]
