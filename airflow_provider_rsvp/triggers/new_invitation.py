"""Starts DAGs when invitations come in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

if TYPE_CHECKING:
    from airflow_provider_rsvp.model import EventReference
    from airflow_provider_rsvp.services.client import Changes
    from airflow_provider_rsvp.triggers.looks import ConfirmedLooks, Look
    from airflow_provider_rsvp.triggers.remembering import Remembering

_SHARED = (
    "conn_id",
    "mailbox",
    "calendar_id",
    "days",
    "poll_interval",
    "failure_timeout",
    "request_timeout",
    "throttle_timeout",
)


class NewInvitationTrigger(BaseEventTrigger):
    """
    Fires when invitations that match a filter are new or have changed; for an ``AssetWatcher``.

    At each look there is one event at most. It says which invitations, by their ids and original starts, and nothing
    else about them: no title, no address. Airflow may fold several events into one run, so the DAG lists for itself
    what waits for an answer.

    What was announced is remembered as hashes, in the state store of the asset (Airflow 3.3 and later) or in a
    Variable, and saved as soon as Airflow has stored the event: it says so from 3.3 on, and before it is given ten
    seconds. So nothing is lost when a triggerer dies; if it dies just in between, the same references are announced a
    second time.

    Only invitations that lie ahead and wait for an answer of mine fire, so that my own answer does not. Triggers that
    differ in nothing but ``filter`` and ``answered`` share one look, from Airflow 3.3 on.

    It never ends: Airflow would begin it again a second later, and show nobody that it failed. A failure that lasts, or
    is for good, is an error in the triggerer's log, and looks become rarer, down to one in a quarter of an hour, until
    one succeeds. The connection is read anew each minute.

    :param conn_id: a connection to any of the calendar services
    :param mailbox: whose calendar; default is the connection's own user
    :param calendar_id: which calendar of the mailbox; default is the connection's or the service's
    :param filter: a condition as under ``when`` in a policy; default is everything. Conditions that ask for a whole
        calendar (``conflict``, ``during_leave``, ``outside_working_hours``) are refused
    :param answered: whether invitations fire too that wait for no answer of mine: answered and cancelled ones
    :param days: how many days ahead events begin that are looked at; from the beginning of the day in UTC
    :param poll_interval: seconds between two looks
    :param failure_timeout: seconds for which passing failures are retried without being logged as errors
    :param request_timeout: seconds to wait for the response to one request
    :param throttle_timeout: seconds that one request may wait in all because the service asks for fewer
    :raises InvalidTriggerError: the filter or a number is malformed; raised when the DAG is parsed
    """

    def __init__(
        self,
        *,
        conn_id: str,
        mailbox: str | None = None,
        calendar_id: str | None = None,
        filter: dict[str, Any] | None = None,
        answered: bool = False,
        days: int = 60,
        poll_interval: float = 60.0,
        failure_timeout: float = 3600.0,
        request_timeout: float = 30.0,
        throttle_timeout: float = 300.0,
    ) -> None:
        from airflow_provider_rsvp.exceptions import InvalidInputError, InvalidTriggerError
        from airflow_provider_rsvp.policies.conditions.filter import Filter

        super().__init__()  # type: ignore[no-untyped-call]
        try:
            self._filter = Filter.parse(filter)
        except InvalidInputError as mistake:
            raise InvalidTriggerError(str(mistake)) from None
        if isinstance(days, bool) or not isinstance(days, int) or days < 1:
            raise InvalidTriggerError(f"days: {days!r} is not a whole number from 1 on.")
        if (
            isinstance(poll_interval, bool)
            or not isinstance(poll_interval, int | float)
            or poll_interval <= 0
        ):
            raise InvalidTriggerError(f"poll_interval: {poll_interval!r} is not a number of seconds.")
        self.conn_id = conn_id
        self.mailbox = mailbox
        self.calendar_id = calendar_id
        self.filter = filter
        self.answered = answered
        self.days = days
        self.poll_interval = poll_interval
        self.failure_timeout = failure_timeout
        self.request_timeout = request_timeout
        self.throttle_timeout = throttle_timeout

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments, plain JSON without a secret."""
        names = (*_SHARED, "filter", "answered")
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {name: getattr(self, name) for name in names},
        )

    async def changes(self, today: Any, since: str | None) -> Changes:
        """Read what changed in the window that begins with a day, since a token; without one, all of it."""
        from airflow_provider_rsvp.preconditions import against_mailbox, check
        from airflow_provider_rsvp.services.client import Window
        from airflow_provider_rsvp.triggers.calendars import open_calendar

        async with open_calendar(
            self.conn_id, request_timeout=self.request_timeout, throttle_timeout=self.throttle_timeout
        ) as (_, calendar):
            check(against_mailbox(calendar.client.capabilities, calendar.client.service, self.mailbox))
            return await calendar.client.changes(
                Window(today, today.add(days=self.days)),
                since,
                mailbox=self.mailbox,
                calendar_id=self.calendar_id,
            )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look on its own, where looks are not shared."""
        async for event in self.filter_shared_stream(self.open_shared_stream(self.serialize()[1])):
            yield event

    def shared_stream_key(self) -> Hashable | None:
        """Return what triggers have in common that share one look."""
        return ("airflow_provider_rsvp", *(getattr(self, name) for name in _SHARED))

    @classmethod
    def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Look]:
        """Look again and again, for an Airflow that does not say when it has stored an event."""
        from airflow_provider_rsvp.triggers.looks import unconfirmed

        trigger = cls(**kwargs)
        return unconfirmed(trigger.looks(trigger._tirelessly), pause=trigger.poll_interval)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> ConfirmedLooks:
        """Look again and again, and hear from Airflow when it has stored an event."""
        from airflow_provider_rsvp.triggers.looks import ConfirmedLooks

        trigger = cls(**kwargs)
        return ConfirmedLooks(trigger.looks(trigger._tirelessly), pause=trigger.poll_interval)

    async def looks(
        self, riding_out: Callable[[Callable[[], Awaitable[Look]]], Awaitable[Look]]
    ) -> AsyncIterator[Look]:
        """
        Look whenever asked; the first look is at everything, and so is one each day, as the window moves.

        :param riding_out: calls what it is given until that does not fail, or gives up
        """
        import pendulum

        from airflow_provider_rsvp.triggers.looks import Look

        last: Look | None = None

        async def look() -> Look:
            today = pendulum.today("UTC")
            return Look(await self.changes(today, last.since(today) if last else None), today)

        while True:
            last = await riding_out(look)
            yield last

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Look]) -> AsyncIterator[TriggerEvent]:
        """Yield ``{"invitations": [{"event_id": …, "original_start": …}]}`` whenever there is something to announce."""
        from airflow_provider_rsvp.triggers.announcing import Announcing

        announcing = Announcing(
            self._filter, answered=self.answered, begin=self._remembering, what=self._what()
        )
        async for look in shared_stream:
            new = await announcing.new(look)
            if new:
                payload = {"invitations": [_pointer(each.reference) for each in new]}
                yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
            # Not before the event is on its way: what is saved without it would be lost.
            announcing.save(look)

    async def _tirelessly(self, look: Callable[[], Awaitable[Look]]) -> Look:
        from airflow_provider_rsvp.triggers.retrying import retry_forever

        return await retry_forever(
            look, failure_timeout=self.failure_timeout, rest=self.poll_interval, what=self._what()
        )

    def _what(self) -> str:
        return f"Watching {self.mailbox or 'the mailbox'} through {self.conn_id!r}"

    async def _remembering(self) -> Remembering:
        from airflow_provider_rsvp.triggers.remembering import AssetStateMemory, Remembering, VariableMemory

        looked_at = [self.conn_id, self.mailbox, self.calendar_id, self.filter, self.answered]
        key = hashlib.sha256(json.dumps(looked_at, sort_keys=True).encode()).hexdigest()[:16]
        store = getattr(self, "asset_state_store", None)
        if store is not None:
            # One trigger that several assets watch with has no store of its own.
            with suppress(ValueError):
                return await Remembering.begin(AssetStateMemory(store, key))
        return await Remembering.begin(VariableMemory(key))


def _pointer(reference: EventReference) -> dict[str, str | None]:
    start = reference.original_start
    return {"event_id": reference.event_id, "original_start": start.isoformat() if start else None}
