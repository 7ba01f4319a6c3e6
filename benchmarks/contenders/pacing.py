"""Keeping to a service's limits, in the simplest way that is exact."""

from __future__ import annotations

import asyncio
import time
from collections import deque


class Window:
    """
    At most so many requests within any stretch of time.

    :param most: requests
    :param seconds: the stretch
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._sent: deque[float] = deque(maxlen=most)
        # The service counts when a request arrives, which is not exactly when it leaves.
        self._seconds = seconds * 1.04
        self._lock = asyncio.Lock()

    async def take(self) -> None:
        """Wait until one more may leave."""
        async with self._lock:
            if len(self._sent) == self._sent.maxlen:
                await asyncio.sleep(max(0.0, self._sent[0] + self._seconds - time.monotonic()))
            self._sent.append(time.monotonic())
