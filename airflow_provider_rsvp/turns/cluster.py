"""
Turns across machines: leases in Redis, taken with the lock of the Redis client.

A lease expires if its holder dies. That is safe under one rule, which ``Turn.sending`` enforces: nothing is sent
unless the lease outlasts the request. Leases are renewed as long as they are held.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from secrets import token_hex
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_rsvp.exceptions import TurnsUnavailableError

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.lock import Lock

_T = TypeVar("_T")
_PREFIX = "rsvp:turn:"
_RENEWALS_IN_A_LEASE = 4


class ClusterReach:
    """
    Keeps out repliers on other machines. Belongs to one event loop; use it inside :meth:`renewing`.

    :param redis: a client of the server that all machines share
    :param lease: seconds after which a turn expires unless it is renewed; several times the length of a request
    """

    def __init__(self, redis: Redis, *, lease: float) -> None:
        self._redis = redis
        self._lease = lease
        self._locks: dict[str, Lock] = {}
        self._ends: dict[str, float] = {}

    @asynccontextmanager
    async def renewing(self) -> AsyncIterator[None]:
        """Renew the turns that are held, until the block ends."""
        task = asyncio.create_task(self._renew_again_and_again())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def take(self, names: Sequence[str], holder: str) -> set[str]:
        """
        Take the turns that are free.

        :raises TurnsUnavailableError: Redis cannot be reached; turns already taken are given back, or expire
        """
        try:
            taken = await asyncio.gather(*(self._take(name, holder) for name in names))
        except TurnsUnavailableError:
            await self.give_back(names)
            raise
        return {name for name, free in zip(names, taken, strict=True) if free}

    async def give_back(self, names: Collection[str]) -> None:
        """Give back turns; if Redis cannot be reached, they expire."""
        await asyncio.gather(*(self._give_back(name) for name in names))

    async def holder(self, name: str) -> str | None:
        """Return who holds a turn."""
        try:
            value = await _reached(self._redis.get(_PREFIX + name))
        except TurnsUnavailableError as error:
            return str(error)
        if value is None:
            return None
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        return text.partition(" ")[2]

    def lasts_until(self, name: str) -> float | None:
        """Return until when a turn is certain to be held, on the event loop's clock."""
        return self._ends.get(name, 0.0)

    async def _take(self, name: str, holder: str) -> bool:
        lock = self._redis.lock(_PREFIX + name, timeout=self._lease, blocking=False, thread_local=False)
        asked_at = asyncio.get_running_loop().time()
        if not await _reached(lock.acquire(token=f"{token_hex(8)} {holder}")):
            return False
        self._locks[name] = lock
        self._ends[name] = asked_at + self._lease
        return True

    async def _give_back(self, name: str) -> None:
        from redis.exceptions import LockError

        lock = self._locks.pop(name, None)
        self._ends.pop(name, None)
        if lock is not None:
            with suppress(LockError, TurnsUnavailableError):
                await _reached(lock.release())

    async def _renew_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._lease / _RENEWALS_IN_A_LEASE)
            await asyncio.gather(*(self._renew(name, lock) for name, lock in tuple(self._locks.items())))

    async def _renew(self, name: str, lock: Lock) -> None:
        from redis.exceptions import LockError

        asked_at = asyncio.get_running_loop().time()
        # A turn that has expired, or cannot be renewed now, keeps the end it had.
        with suppress(LockError, TurnsUnavailableError):
            await _reached(lock.reacquire())
            if name in self._locks:
                self._ends[name] = asked_at + self._lease


async def _reached(asked: Awaitable[_T]) -> _T:
    """
    Return the response from Redis.

    :raises TurnsUnavailableError: Redis cannot be reached, or fails
    """
    from redis.exceptions import LockError, RedisError

    try:
        return await asked
    except LockError:
        raise
    except (RedisError, OSError) as error:
        raise TurnsUnavailableError(
            f"Redis, which keeps the turns of all machines, cannot be reached ({type(error).__name__}). "
            "Nothing was sent."
        ) from None
