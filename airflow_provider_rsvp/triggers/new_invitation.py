"""Starts DAGs when invitations come in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

if TYPE_CHECKING:
    from airflow_provider_rsvp.model import EventReference
    from airflow_provider_rsvp.triggers.announcing import ConfirmedPolls, Poll


class NewInvitationTrigger(BaseEventTrigger):
    """
    Fires whenever invitations that match a filter are new or have changed; for an ``AssetWatcher``.

    Each poll fires one event at most. It names the invitations by their ids and original starts alone, with no title
    and no address. Airflow may merge several events into one run, so let the DAG itself list what is pending.

    An invitation fires if it lies ahead and the mailbox has not answered it; your own reply fires nothing.

    What was announced is stored as hashes, in the state store of the asset (Airflow 3.3 and later) or in a Variable,
    after Airflow has stored the event. So nothing is lost when a triggerer dies. If it dies between the two, the same
    invitations are announced again.

    The trigger never ends, since Airflow would restart it a second later and show nobody that it failed. An error that
    is permanent, or lasts, is logged in the triggerer; polls then become rarer, down to one in a quarter of an hour,
    until one succeeds. The connection is read again each minute. From Airflow 3.3 on, triggers that differ only in
    ``filter`` and ``answered`` share their polls.

    :param conn_id: a connection to any of the calendar services
    :param mailbox: the owner of the calendar; default is the connection's own user
    :param calendar_id: which calendar of the mailbox; default is the connection's or the service's
    :param filter: a condition as under ``when`` in a policy; default is everything. Conditions about a whole calendar
        (``conflict``, ``during_leave``, ``outside_working_hours``) are refused
    :param answered: whether answered and cancelled invitations fire too
    :param days: how many days ahead to look, from the beginning of today in UTC
    :param poll_interval: seconds between two polls
    :param failure_timeout: how long to retry passing failures before logging one as an error, in seconds
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service throttles, in seconds
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
        from airflow_provider_rsvp.waiting.invitations import CalendarWatch

        super().__init__()  # type: ignore[no-untyped-call]
        self.watch = CalendarWatch(
            conn_id=conn_id,
            mailbox=mailbox,
            calendar_id=calendar_id,
            filter=filter,
            answered=answered,
            days=days,
            poll_interval=poll_interval,
            failure_timeout=failure_timeout,
            request_timeout=request_timeout,
            throttle_timeout=throttle_timeout,
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments, plain JSON without a secret."""
        return f"{type(self).__module__}.{type(self).__qualname__}", self.watch.to_plain()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll alone, where polls are not shared."""
        async for event in self.filter_shared_stream(self.open_shared_stream(self.serialize()[1])):
            yield event

    def shared_stream_key(self) -> Hashable | None:
        """Return what is equal for all triggers that share their polls."""
        return self.watch.source

    @classmethod
    def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Poll]:
        """Poll again and again, for an Airflow that does not confirm that it has stored an event."""
        from airflow_provider_rsvp.triggers.announcing import unconfirmed_polls
        from airflow_provider_rsvp.waiting.invitations import CalendarWatch

        return unconfirmed_polls(CalendarWatch.from_plain(kwargs))

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> ConfirmedPolls:
        """Poll again and again, for an Airflow that confirms that it has stored an event."""
        from airflow_provider_rsvp.triggers.announcing import ConfirmedPolls
        from airflow_provider_rsvp.waiting.invitations import CalendarWatch

        return ConfirmedPolls(CalendarWatch.from_plain(kwargs))

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Poll]) -> AsyncIterator[TriggerEvent]:
        """Yield ``{"invitations": [{"event_id": …, "original_start": …}]}`` for each poll that found some."""
        from airflow_provider_rsvp.triggers.announcing import Announcer

        announcer = Announcer(self.watch, getattr(self, "asset_state_store", None))
        async for poll in shared_stream:
            new = await announcer.pick(poll)
            if new:
                payload = {"invitations": [_pointer(each.reference) for each in new]}
                yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
            # Only after the event was taken: one that is saved as announced, and never was, would be lost.
            announcer.save(poll)


def _pointer(reference: EventReference) -> dict[str, str | None]:
    start = reference.original_start
    return {"event_id": reference.event_id, "original_start": start.isoformat() if start else None}
