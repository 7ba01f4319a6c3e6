"""
Counting requests as the services do: leaky buckets, windows, and concurrent requests.

Time is that of the event loop that serves the requests.
"""

from __future__ import annotations

from asyncio import get_running_loop
from collections import Counter, deque
from collections.abc import Hashable


class LeakyBucket:
    """Takes ``size`` at once and drains at ``rate`` per second."""

    def __init__(self, size: float, rate: float) -> None:
        self._size, self._rate = size, rate
        self._level, self._seen = 0.0, 0.0

    def take(self) -> bool:
        """Whether one more fits in."""
        moment = get_running_loop().time()
        self._level = max(0.0, self._level - (moment - self._seen) * self._rate)
        self._seen = moment
        if self._level + 1 > self._size:
            return False
        self._level += 1
        return True


class Window:
    """At most ``most`` within the last ``seconds``, for each key."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._taken: dict[Hashable, deque[float]] = {}

    def take(self, key: Hashable = None) -> float | None:
        """None when it is allowed, else the seconds until it will be."""
        moment = get_running_loop().time()
        taken = self._taken.setdefault(key, deque())
        while taken and taken[0] <= moment - self._seconds:
            taken.popleft()
        if len(taken) >= self._most:
            return taken[0] + self._seconds - moment
        taken.append(moment)
        return None


class Gate:
    """At most ``most`` at the same time, for each key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside: Counter[Hashable] = Counter()

    def enter(self, key: Hashable) -> bool:
        """Let one more in, if there is room, and return whether there was; each must be let out again."""
        if self._inside[key] >= self._most:
            return False
        self._inside[key] += 1
        return True

    def leave(self, key: Hashable) -> None:
        """Let one out."""
        self._inside[key] -= 1
