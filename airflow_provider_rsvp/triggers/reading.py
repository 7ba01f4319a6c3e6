"""How triggers and sensors read calendars: over shared connections, only what changed, with retries."""

from __future__ import annotations

import asyncio
import importlib
import logging
import random
import traceback
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias, TypeVar

import pendulum

from airflow_provider_rsvp.exceptions import PassingError, RsvpError
from airflow_provider_rsvp.hooks.base import Calendar, CalendarHook, aget_calendar_hook
from airflow_provider_rsvp.preconditions import against_mailbox, check
from airflow_provider_rsvp.services.client import Changes
from airflow_provider_rsvp.waiting.invitations import CalendarWatch

SHARED_FOR = 60.0
"""Seconds for which an open calendar is shared. Then the connection is read again, so a corrected one is picked up."""

_SLOW_TO_IMPORT = ("aiohttp", "airflow.providers.http.hooks.http")

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_LONGEST_PAUSE_AFTER_ERRORS = 900.0

_T = TypeVar("_T")
_Key: TypeAlias = tuple[str, float, float]

_open: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, _SharedCalendar]] = (
    weakref.WeakKeyDictionary()
)

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_calendar(
    conn_id: str, *, request_timeout: float, throttle_timeout: float
) -> AsyncIterator[tuple[CalendarHook, Calendar]]:
    """
    Open a calendar, or share one that was opened in this event loop within the last minute.

    In a triggerer, reading a connection and masking each of its secrets are messages to the supervisor process, which
    handles only some tens of messages a second.

    :param conn_id: a connection to any of the calendar services
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service throttles, in seconds
    :raises ConfigurationError: the connection is not there, is missing something or contradicts itself
    """
    calendars = _open.setdefault(asyncio.get_running_loop(), {})
    key = (conn_id, request_timeout, throttle_timeout)
    shared = calendars.get(key)
    if shared is None:
        shared = calendars[key] = _SharedCalendar(key, forget=lambda: calendars.pop(key))
    async with shared.used() as opened:
        yield opened


class _SharedCalendar:
    """
    An open calendar, held by a task of its own until it has expired and is unused, or the event loop ends.

    :param key: the connection id, and the hook's timeouts
    :param forget: called when it has expired or could not be opened, so that nobody else begins to use it
    """

    def __init__(self, key: _Key, *, forget: Callable[[], object]) -> None:
        self._key = key
        self._forget = forget
        self._users = 0
        self._unused = asyncio.Event()
        self._opened: asyncio.Future[tuple[CalendarHook, Calendar]] = (
            asyncio.get_running_loop().create_future()
        )
        self._task = asyncio.create_task(self._hold())

    @asynccontextmanager
    async def used(self) -> AsyncIterator[tuple[CalendarHook, Calendar]]:
        """Wait until the calendar is open, and keep it open."""
        self._users += 1
        self._unused.clear()
        try:
            yield await asyncio.shield(self._opened)
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def _hold(self) -> None:
        conn_id, request_timeout, throttle_timeout = self._key
        try:
            # Importing them in the event loop would block every other trigger for half a second.
            for module in _SLOW_TO_IMPORT:
                await asyncio.to_thread(importlib.import_module, module)
            hook = await aget_calendar_hook(
                conn_id, request_timeout=request_timeout, throttle_timeout=throttle_timeout
            )
            async with hook.calendar() as calendar:
                self._opened.set_result((hook, calendar))
                await asyncio.sleep(SHARED_FOR)
                self._forget()
                await self._unused.wait()
        except Exception as error:
            if self._opened.done():
                raise
            self._forget()
            self._opened.set_exception(error)
            # All who waited may have been cancelled; asyncio would log that nobody retrieved the exception.
            self._opened.exception()
        finally:
            self._opened.cancel()


class WatchedCalendar:
    """
    The calendar of a watch, to be read again and again.

    :param watch: which calendar, and how many days ahead
    """

    def __init__(self, watch: CalendarWatch) -> None:
        self._watch = watch
        self._day: pendulum.DateTime | None = None
        self._token: str | None = None

    async def read(self) -> Changes:
        """
        Read what changed since the last read. The first read of each day, in UTC, is of the whole window.

        :raises RsvpError: as the service's client does
        :raises UnsupportedByServiceError: the connection acts only for its own user
        """
        watch, today = self._watch, pendulum.today("UTC")
        async with open_calendar(
            watch.conn_id, request_timeout=watch.request_timeout, throttle_timeout=watch.throttle_timeout
        ) as (_, calendar):
            client = calendar.client
            check(against_mailbox(client.capabilities, client.service, watch.mailbox))
            changes = await calendar.client.changes(
                watch.window(today),
                self._token if today == self._day else None,
                mailbox=watch.mailbox,
                calendar_id=watch.calendar_id,
            )
        self._day, self._token = today, changes.token
        return changes

    def read_all_next(self) -> None:
        """Make the next read one of the whole window."""
        self._token = None


async def retry_passing(read: Callable[[], Awaitable[_T]], *, failure_timeout: float) -> _T:
    """
    Return what ``read`` returns. Retry its passing errors, after pauses that grow to a minute.

    :param failure_timeout: how long to retry, in seconds from the first error; with 0, the first error is raised
    :raises PassingError: it still fails after that time
    :raises PermanentError: at once
    """
    clock = asyncio.get_running_loop().time
    give_up: float | None = None
    pause = _FIRST_PAUSE
    while True:
        try:
            return await read()
        except PassingError as error:
            give_up = clock() + failure_timeout if give_up is None else give_up
            left = give_up - clock()
            if left <= 0:
                raise
            log.warning("%s Retrying for up to another %.0f s.", error, left)
        await asyncio.sleep(min(_randomized(pause), left))
        pause = min(2 * pause, _LONGEST_PAUSE)


async def retry_forever(
    read: Callable[[], Awaitable[_T]], *, failure_timeout: float, pause: float, what: str
) -> _T:
    """
    Return what ``read`` returns, however long it fails.

    Airflow restarts a failed watcher a second later, which would then ask the service again and again. So nothing is
    raised: passing errors are first retried as by :func:`retry_passing`; after that, and at once for all others, each
    error is logged, followed by a pause that doubles each time, up to a quarter of an hour.

    :param failure_timeout: how long to retry passing errors before logging one as an error, in seconds
    :param pause: the first pause, in seconds; one of more than a quarter of an hour does not grow
    :param what: begins each message in the log
    """
    while True:
        try:
            return await retry_passing(read, failure_timeout=failure_timeout)
        except Exception as error:
            seconds = _randomized(pause)
            log.error("%s: %s Trying again in %.0f s.", what, redacted(error), seconds)
        await asyncio.sleep(seconds)
        failure_timeout, pause = 0.0, min(2 * pause, max(pause, _LONGEST_PAUSE_AFTER_ERRORS))


def redacted(error: Exception) -> str:
    """Return an error for the log. The text of an unexpected one is left out: it may hold a secret."""
    if isinstance(error, RsvpError):
        return f"{type(error).__name__}: {error}"
    return f"Unexpected {type(error).__name__}.\n{''.join(traceback.format_tb(error.__traceback__))}"


def _randomized(pause: float) -> float:
    """Return about as many seconds, so that triggers that failed together do not retry together."""
    return pause * random.uniform(0.5, 1.5)  # noqa: S311
