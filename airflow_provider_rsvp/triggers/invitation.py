"""Waits, in the triggerer, for invitations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class InvitationTrigger(BaseTrigger):
    """
    Looks at a calendar until an invitation comes in that is not known yet.

    Its event does not say which: who waits looks for themselves.

    :param look: the arguments of :class:`airflow_provider_rsvp.triggers.new_invitation.NewInvitationTrigger`
    :param known: hashes of the invitations that are known, as
        :attr:`airflow_provider_rsvp.watching.Announced.remembered` holds them
    :param until: when the task times out, ISO 8601; comes back with the event
    """

    def __init__(self, *, look: dict[str, Any], known: dict[str, str], until: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.look = look
        self.known = known
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments, plain JSON without a secret."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"look": self.look, "known": self.known, "until": self.until},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield ``{"failed": whether looking failed, "known": …, "until": …}`` once."""
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

        from airflow_provider_rsvp.policies.conditions.filter import Filter
        from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger
        from airflow_provider_rsvp.triggers.retrying import retry_passing
        from airflow_provider_rsvp.watching import Announced

        looker = NewInvitationTrigger(**self.look)
        announced = Announced(Filter.parse(looker.filter), answered=looker.answered, remembered=self.known)
        async for look in looker.looks(
            lambda look: retry_passing(look, failure_timeout=looker.failure_timeout)
        ):
            if announced.take(look.changes, pendulum.now("UTC")):
                return
            await asyncio.sleep(looker.poll_interval)

    def _event(self, *, failed: bool) -> TriggerEvent:
        payload = {"failed": failed, "known": self.known, "until": self.until}
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]
