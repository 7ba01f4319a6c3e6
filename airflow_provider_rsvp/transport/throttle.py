"""Keeping to a service's limits within one process."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from airflow_provider_rsvp.services.wire import Bucket, Limits, SlidingWindow


class Throttle:
    """
    Lets requests through as fast as the limits allow, and holds them while the service asks for a pause.

    Belongs to one event loop.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rates = [_rate(bucket) for bucket in limits.buckets]
        self._at_once = asyncio.Semaphore(limits.at_once)
        self._places: dict[Hashable, asyncio.Semaphore] = {}
        self._paused_until: dict[Hashable, float] = {}

    @asynccontextmanager
    async def turn(self, whose: Hashable) -> AsyncIterator[None]:
        """Hold one of the places of a mailbox, or of whoever else is counted, waiting for it if need be."""
        async with self._place(whose):
            while (delay := self._delay(whose)) > 0:  # noqa: ASYNC110 - a pause may be prolonged meanwhile
                await asyncio.sleep(delay)
            yield

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a place for one HTTP request, waiting for it if need be."""
        async with self._at_once:
            for rate in self._rates:
                await rate.take()
            yield

    def pause(self, whose: Hashable, seconds: float) -> None:
        """Let no further request of a mailbox, or of whoever else is counted, through for a number of seconds."""
        until = asyncio.get_running_loop().time() + seconds
        self._paused_until[whose] = max(until, self._paused_until.get(whose, 0.0))

    def _place(self, whose: Hashable) -> AbstractAsyncContextManager[None]:
        if self._limits.per_mailbox is None:
            return nullcontext()
        place = self._places.get(whose)
        if place is None:
            place = self._places[whose] = asyncio.Semaphore(self._limits.per_mailbox)
        return place

    def _delay(self, whose: Hashable) -> float:
        return self._paused_until.get(whose, 0.0) - asyncio.get_running_loop().time()


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
"""The share of a limit that is used: clocks differ, and a refusal costs more than a short wait."""


class _Level:
    """How full a leaky bucket is."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._capacity = max(1.0, bucket.burst * _HEADROOM)
        self._level = 0.0
        self._at = 0.0

    async def take(self) -> None:
        """Wait until one more request fits into the bucket, and add it."""
        now = asyncio.get_running_loop().time()
        self._level = max(0.0, self._level - (now - self._at) * self._bucket.per_second)
        self._at = now
        self._level += 1
        overflow = self._level - self._capacity
        if overflow > 0:
            await asyncio.sleep(overflow / self._bucket.per_second)


class _Recent:
    """When the last requests of a window left, or are to leave."""

    def __init__(self, window: SlidingWindow) -> None:
        self._seconds = window.seconds / _HEADROOM
        self._times: deque[float] = deque(maxlen=window.most)

    async def take(self) -> None:
        """Wait until one more request may leave."""
        now = when = asyncio.get_running_loop().time()
        if len(self._times) == self._times.maxlen:
            when = max(now, self._times[0] + self._seconds)
        self._times.append(when)
        if when > now:
            await asyncio.sleep(when - now)


def _rate(limit: Bucket | SlidingWindow) -> _Level | _Recent:
    return _Level(limit) if isinstance(limit, Bucket) else _Recent(limit)
