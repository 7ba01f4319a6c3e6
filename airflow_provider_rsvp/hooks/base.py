"""What the hooks of all calendar services have in common."""

from __future__ import annotations

import asyncio
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, TypeVar

import pendulum
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException
from asgiref.sync import sync_to_async

from airflow_provider_rsvp.exceptions import ConfigurationError, RsvpError
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.hooks.secrets import hide
from airflow_provider_rsvp.hooks.turns import open_turns
from airflow_provider_rsvp.model import (
    Account,
    Capabilities,
    EventReference,
    Invitation,
    Outcome,
    Reply,
    Scope,
)
from airflow_provider_rsvp.preconditions import against_mailbox, against_reference, check
from airflow_provider_rsvp.redaction import blotted
from airflow_provider_rsvp.replying import ReplyMemory, ReplyOptions, set_participation_status
from airflow_provider_rsvp.services.client import CalendarClient, Window
from airflow_provider_rsvp.times import UTC, parse_moment
from airflow_provider_rsvp.transport.session import Timeouts, Transport

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_rsvp.bulk.looking import Claims
    from airflow_provider_rsvp.plans import PlannedReply, ReportLine
    from airflow_provider_rsvp.turns import Turns

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Calendar:
    """A client and the transport that it uses; enter it before use."""

    client: CalendarClient
    transport: Transport


class CalendarHook(BaseHook, ABC):
    """
    Reads and answers invitations on one account of a calendar service.

    Every method has an async twin whose name begins with ``a``. The sync methods share one pool of
    connections, which :meth:`close` (or ``with hook:``) closes.

    A subclass turns a connection into a client and declares its capabilities; everything else is here.

    :param conn_id: the Airflow connection
    :param connection: the connection itself, if it has been read already
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service asks for fewer, in seconds
    """

    conn_name_attr = "conn_id"
    default_conn_name: str
    conn_type: str
    hook_name: str

    capabilities: Capabilities
    """What the service can express."""

    def __init__(
        self,
        conn_id: str | None = None,
        *,
        connection: Connection | None = None,
        request_timeout: float = 30.0,
        throttle_timeout: float = 300.0,
    ) -> None:
        super().__init__()
        self.conn_id = conn_id or self.default_conn_name
        self.timeouts = Timeouts(request=request_timeout, throttle=throttle_timeout)
        self._connection = connection
        self._pool: _Pool | None = None

    @abstractmethod
    def build(self, fields: Fields) -> Calendar:
        """
        Return the client for a connection.

        :raises ConfigurationError: the connection is missing something or contradicts itself
        """

    def check_connection(self) -> None:
        """
        Check all that can be checked about the connection without a request.

        :raises ConfigurationError: it is missing something or contradicts itself
        """
        if self._connection is None:
            self._connection = self.get_connection(self.conn_id)
        self.build(Fields(self._connection, self.conn_type))

    async def describe(self, calendar: Calendar) -> Account:
        """Ask the service which account the connection signs in to."""
        account = await calendar.client.account()
        grant = await calendar.transport.granted()
        if grant is None or grant.expires_at is None:
            return account
        return replace(account, token_expires_at=pendulum.from_timestamp(grant.expires_at))

    @asynccontextmanager
    async def calendar(self, *, batched: bool = False) -> AsyncIterator[Calendar]:
        """
        Open the calendar; everything done inside shares one pool of connections.

        Belongs to the event loop that opens it.

        :param batched: send requests that are under way at the same time together, if the service takes batches
        """
        if self._connection is None:
            self._connection = await self.aget_connection(self.conn_id)
        # Reading the extra masks it, which is a call to Airflow that must not be made from an event loop.
        fields = await sync_to_async(Fields)(self._connection, self.conn_type)
        async with _opened(self.build(fields)) as calendar:
            if batched:
                calendar.transport.batch()
            yield calendar

    async def aget_invitation(
        self, reference: EventReference, *, scope: Scope | str = Scope.INSTANCE
    ) -> Invitation:
        """
        Read one event as it is on the calendar.

        :raises EventNotFoundError: there is no such event
        """
        async with self.calendar() as calendar:
            return await _observe(calendar, reference, Scope.parse(scope))

    def get_invitation(self, reference: EventReference, *, scope: Scope | str = Scope.INSTANCE) -> Invitation:
        """
        Read one event as it is on the calendar.

        :raises EventNotFoundError: there is no such event
        """
        return self._run(lambda calendar: _observe(calendar, reference, Scope.parse(scope)))

    async def aset_participation_status(
        self,
        reference: EventReference,
        reply: Reply,
        *,
        scope: Scope | str = Scope.INSTANCE,
        options: ReplyOptions | None = None,
        planned: Invitation | None = None,
        memory: ReplyMemory | None = None,
    ) -> Outcome:
        """Answer one invitation; see :meth:`set_participation_status`."""
        async with self.calendar() as calendar:
            return await self._reply(calendar, reference, reply, scope, options, planned, memory)

    def set_participation_status(
        self,
        reference: EventReference,
        reply: Reply,
        *,
        scope: Scope | str = Scope.INSTANCE,
        options: ReplyOptions | None = None,
        planned: Invitation | None = None,
        memory: ReplyMemory | None = None,
    ) -> Outcome:
        """
        Answer one invitation: look, skip it if it already has this answer, send once, read back.

        :param scope: whether the reply is for one instance or for the whole series
        :param planned: the invitation as it was when the reply was planned; if it has changed since, nothing is sent
        :param memory: what earlier tries of the task noted
        :raises PermanentError: the reply cannot be sent, and was not
        :raises UnclearOutcomeError: a reply may have been sent; a later try looks first
        :raises PassingError: the service failed; try again later
        """
        return self._run(
            lambda calendar: self._reply(calendar, reference, reply, scope, options, planned, memory)
        )

    async def asend_replies(
        self,
        replies: Sequence[PlannedReply],
        *,
        options: ReplyOptions | None = None,
        memory: ReplyMemory | None = None,
        claims: Claims | None = None,
        progress: Callable[[ReportLine], None] | None = None,
    ) -> list[ReportLine]:
        """
        Answer many invitations in batches; see :func:`airflow_provider_rsvp.bulk.send_replies`.

        :return: one line for each reply, in their order; a reply that fails raises nothing
        """
        # Most tasks send one reply, and need not pay for the import of all that plans and sends many.
        from airflow_provider_rsvp.bulk import send_replies

        options = options or ReplyOptions()
        async with self.calendar(batched=True) as calendar, self._turns(calendar, options) as turns:
            return await send_replies(
                calendar.client,
                replies,
                options=options,
                memory=memory,
                turns=turns,
                claims=claims,
                progress=progress,
                conn_id=self.conn_id,
            )

    def send_replies(
        self,
        replies: Sequence[PlannedReply],
        *,
        options: ReplyOptions | None = None,
        memory: ReplyMemory | None = None,
        progress: Callable[[ReportLine], None] | None = None,
    ) -> list[ReportLine]:
        """
        Answer many invitations in batches; see :meth:`asend_replies`.

        :return: one line for each reply, in their order; a reply that fails raises nothing
        """
        return asyncio.run(self.asend_replies(replies, options=options, memory=memory, progress=progress))

    async def alist_invitations(
        self,
        start: str | datetime,
        end: str | datetime,
        *,
        mailbox: str | None = None,
        calendar_id: str | None = None,
        timezone: str | tzinfo | None = None,
    ) -> list[Invitation]:
        """List the events of a window; see :meth:`list_invitations`."""
        window = _window(start, end, timezone)
        async with self.calendar() as calendar:
            return await _collect(calendar, window, mailbox, calendar_id)

    def list_invitations(
        self,
        start: str | datetime,
        end: str | datetime,
        *,
        mailbox: str | None = None,
        calendar_id: str | None = None,
        timezone: str | tzinfo | None = None,
    ) -> list[Invitation]:
        """
        List the events of a window with the mailbox's own status, whatever the status.

        :param start: list events that end after this: ``now``, ``-3h``, ISO 8601 or ``datetime``
        :param end: list events that begin before this; same forms, such as ``+14d``
        :param timezone: the zone of a ``start`` and ``end`` without one
        :raises InvalidInputError: the window is reversed or has no zone
        """
        window = _window(start, end, timezone)
        return self._run(lambda calendar: _collect(calendar, window, mailbox, calendar_id))

    async def atest_connection(self) -> tuple[bool, str]:
        """Test the connection; see :meth:`test_connection`."""
        try:
            async with self.calendar() as calendar:
                # Who and what this is are the service's own words.
                return True, blotted((await self.describe(calendar)).describe())
        except RsvpError as error:
            # Airflow tests a connection under an id that it makes up, which would tell nobody anything.
            return False, str(error).replace(f"Connection {self.conn_id!r}", "The connection")
        except Exception as error:
            # The text of an unexpected error may contain anything, even a secret.
            self.log.debug("The test failed with an unexpected %s.", type(error).__name__)
            return False, f"The test failed with an unexpected {type(error).__name__}."

    def test_connection(self) -> tuple[bool, str]:
        """
        Make one or two harmless requests.

        :return: whether it worked; and which account the connection signs in to and what it may do, or what is wrong
        """
        return asyncio.run(self.atest_connection())

    def close(self) -> None:
        """Close the connections that the sync methods share."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def __enter__(self) -> CalendarHook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _reply(
        self,
        calendar: Calendar,
        reference: EventReference,
        reply: Reply,
        scope: Scope | str,
        options: ReplyOptions | None,
        planned: Invitation | None,
        memory: ReplyMemory | None,
    ) -> Outcome:
        options = options or ReplyOptions()
        async with self._turns(calendar, options) as turns:
            return await set_participation_status(
                calendar.client,
                reference,
                reply,
                scope=Scope.parse(scope),
                options=options,
                planned=planned,
                memory=memory,
                turns=turns,
            )

    def _turns(self, calendar: Calendar, options: ReplyOptions) -> AbstractAsyncContextManager[Turns]:
        return open_turns(
            calendar.transport.place,
            turn_timeout=options.turn_timeout,
            request_timeout=calendar.transport.request_timeout,
        )

    def _run(self, work: Callable[[Calendar], Coroutine[Any, Any, T]]) -> T:
        if self._connection is None:
            self._connection = self.get_connection(self.conn_id)
        if self._pool is None:
            self._pool = _Pool(self, self.build(Fields(self._connection, self.conn_type)))
        return self._pool.run(work)


def get_calendar_hook(conn_id: str, **options: Any) -> CalendarHook:
    """
    Return the hook for a connection of any calendar service, by the connection's type.

    :param options: keyword arguments of :class:`CalendarHook`
    :raises ConfigurationError: the connection's type is not one of a calendar service
    """
    with _naming(conn_id):
        connection = BaseHook.get_connection(conn_id)
    return _hook(conn_id, connection, options)


async def aget_calendar_hook(conn_id: str, **options: Any) -> CalendarHook:
    """
    Return the hook for a connection without blocking the event loop; see :func:`get_calendar_hook`.

    :raises ConfigurationError: the connection's type is not one of a calendar service
    """
    with _naming(conn_id):
        connection = await BaseHook.aget_connection(conn_id)
    return _hook(conn_id, connection, options)


@contextmanager
def _naming(conn_id: str) -> Iterator[None]:
    """Say which connection is missing or cannot be read."""
    try:
        yield
    except AirflowException as error:
        if type(error).__name__ != "AirflowNotFoundException":
            raise
        raise ConfigurationError(f"conn_id: there is no connection {conn_id!r}.") from None
    except PermissionError:
        raise ConfigurationError(
            f"conn_id: Airflow does not let this process read connection {conn_id!r}. "
            "A SyncCallback may read none that Airflow's database keeps; use an AsyncCallback there."
        ) from None


def _hook(conn_id: str, connection: Connection, options: dict[str, Any]) -> CalendarHook:
    try:
        hook = connection.get_hook(  # type: ignore[no-untyped-call]
            hook_params={"connection": connection, **options}
        )
    except (AirflowException, TypeError):
        hook = None
    if not isinstance(hook, CalendarHook):
        raise ConfigurationError(
            f"Connection {conn_id!r} is of type {connection.conn_type!r}, which answers no calendar invitations. "
            "Use a connection of one of the calendar types; `airflow providers hooks` lists those that work here."
        )
    return hook


@asynccontextmanager
async def _opened(calendar: Calendar) -> AsyncIterator[Calendar]:
    if calendar.transport.auth is not None:
        for secret in calendar.transport.auth.secrets():
            await hide(secret)
    async with calendar.transport:
        yield calendar


class _Pool:
    """
    An event loop and an open calendar for sync callers, closed with the hook at the latest.

    It holds no reference to the hook, because the hook could never be freed otherwise.
    """

    def __init__(self, hook: CalendarHook, calendar: Calendar) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._calendar: Calendar | None = None
        self._opening = _opened(calendar)
        self._finalizer = weakref.finalize(hook, _close, self._runner, self._stack)

    def run(self, work: Callable[[Calendar], Coroutine[Any, Any, T]]) -> T:
        return self._runner.run(self._with_calendar(work))

    async def _with_calendar(self, work: Callable[[Calendar], Coroutine[Any, Any, T]]) -> T:
        if self._calendar is None:
            self._calendar = await self._stack.enter_async_context(self._opening)
        return await work(self._calendar)

    def close(self) -> None:
        self._finalizer()


def _close(runner: asyncio.Runner, stack: AsyncExitStack) -> None:
    def close() -> None:
        runner.run(stack.aclose())
        runner.close()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        close()
    else:
        # The hook went away amid other work of an event loop, within which no second one runs.
        thread = threading.Thread(target=close)
        thread.start()
        thread.join()


def _window(start: str | datetime, end: str | datetime, timezone: str | tzinfo | None) -> Window:
    return Window(
        parse_moment(start, field="start", timezone=timezone).in_timezone(UTC),
        parse_moment(end, field="end", timezone=timezone).in_timezone(UTC),
    )


async def _observe(calendar: Calendar, reference: EventReference, scope: Scope) -> Invitation:
    client = calendar.client
    check(against_reference(client.capabilities, client.service, reference))
    return await calendar.client.observe(reference, scope)


async def _collect(
    calendar: Calendar, window: Window, mailbox: str | None, calendar_id: str | None
) -> list[Invitation]:
    client = calendar.client
    check(against_mailbox(client.capabilities, client.service, mailbox))
    listing = calendar.client.list_invitations(window, mailbox=mailbox, calendar_id=calendar_id)
    return [invitation async for invitation in listing]
