"""Open calendars that the triggers of one event loop share."""

from __future__ import annotations

import asyncio
import importlib
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from airflow_provider_rsvp.hooks.base import Calendar, CalendarHook, aget_calendar_hook

_OPEN_FOR = 60.0
"""Seconds after which the connection is read again, so that a mended one is picked up."""

_SLOW_TO_IMPORT = ("aiohttp", "airflow.providers.http.hooks.http")

_Key: TypeAlias = tuple[str, float, float]

_open: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, _Shared]] = weakref.WeakKeyDictionary()


@asynccontextmanager
async def open_calendar(
    conn_id: str, *, request_timeout: float, throttle_timeout: float
) -> AsyncIterator[tuple[CalendarHook, Calendar]]:
    """
    Open a calendar for one look, or share one that was opened for another within the last minute.

    In a triggerer each reading of a connection, and each secret that is to be masked, is a message to its supervisor,
    which takes only some tens of them a second.

    :raises ConfigurationError: the connection is not there, is missing something or contradicts itself
    """
    among = _open.setdefault(asyncio.get_running_loop(), {})
    key = (conn_id, request_timeout, throttle_timeout)
    shared = among.get(key)
    if shared is None:
        shared = among[key] = _Shared(key, forget=lambda: among.pop(key))
    async with shared.used() as opened:
        yield opened


class _Shared:
    """
    A calendar in a task of its own, which closes it when its time is over and nobody uses it, or the event loop ends.

    :param key: the connection id, and the hook's timeouts
    :param forget: called when nobody is to begin to use it any more
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
        """Wait until it is open, and keep it open."""
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
            # In the event loop, this would hold up every other trigger for half a second.
            for module in _SLOW_TO_IMPORT:
                await asyncio.to_thread(importlib.import_module, module)
            hook = await aget_calendar_hook(
                conn_id, request_timeout=request_timeout, throttle_timeout=throttle_timeout
            )
            async with hook.calendar() as calendar:
                self._opened.set_result((hook, calendar))
                await asyncio.sleep(_OPEN_FOR)
                self._forget()
                await self._unused.wait()
        except Exception as error:
            if self._opened.done():
                raise
            self._forget()
            self._opened.set_exception(error)
            # Those who waited for it may be gone, and asyncio would complain that nobody asked.
            self._opened.exception()
        finally:
            self._opened.cancel()
