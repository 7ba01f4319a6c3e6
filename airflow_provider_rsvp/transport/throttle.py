"""Keeping to a service's limits within one process."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from airflow_provider_rsvp.services.wire import Bucket, Limits


class Throttle:
    """
    Lets requests through as fast as the limits allow, and holds them while the service asks for a pause.

    Belongs to one event loop.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._levels = [_Level(bucket) for bucket in limits.buckets]
        self._at_once = asyncio.Semaphore(limits.at_once)
        self._mailboxes: dict[str | None, asyncio.Semaphore] = {}
        self._paused_until: dict[str | None, float] = {}

    @asynccontextmanager
    async def slot(self, mailbox: str | None) -> AsyncIterator[None]:
        """Hold a place for one request of a mailbox, waiting for it if need be."""
        per_mailbox = self._mailboxes.get(mailbox)
        if per_mailbox is None:
            per_mailbox = self._mailboxes[mailbox] = asyncio.Semaphore(self._limits.per_mailbox)
        async with AsyncExitStack() as held:
            await held.enter_async_context(per_mailbox)
            while (delay := self._delay(mailbox)) > 0:  # noqa: ASYNC110 - a pause may be prolonged meanwhile
                await asyncio.sleep(delay)
            await held.enter_async_context(self._at_once)
            for level in self._levels:
                await level.pour()
            yield

    def pause(self, mailbox: str | None, seconds: float) -> None:
        """Let no further request of a mailbox through for a number of seconds."""
        until = asyncio.get_running_loop().time() + seconds
        self._paused_until[mailbox] = max(until, self._paused_until.get(mailbox, 0.0))

    def _delay(self, mailbox: str | None) -> float:
        return self._paused_until.get(mailbox, 0.0) - asyncio.get_running_loop().time()


_SHARED: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Throttle]] = (
    weakref.WeakKeyDictionary()
)


def shared_throttle(key: str, limits: Limits) -> Throttle:
    """
    Return the throttle that everything in this event loop with the same key shares.

    :param key: what the service counts by, such as its host
    """
    throttles = _SHARED.setdefault(asyncio.get_running_loop(), {})
    throttle = throttles.get(key)
    if throttle is None:
        throttle = throttles[key] = Throttle(limits)
    return throttle


_HEADROOM = 0.96
"""How much of a burst is used: the service's clock is not ours, and a refusal costs more than a short wait."""


class _Level:
    """How full a leaky bucket is."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._capacity = max(1.0, bucket.burst * _HEADROOM)
        self._level = 0.0
        self._at = 0.0

    async def pour(self) -> None:
        """Wait until one more request fits into the bucket, and add it."""
        now = asyncio.get_running_loop().time()
        self._level = max(0.0, self._level - (now - self._at) * self._bucket.per_second)
        self._at = now
        self._level += 1
        overflow = self._level - self._capacity
        if overflow > 0:
            await asyncio.sleep(overflow / self._bucket.per_second)
