"""Turns within one process, across its threads and event loops."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Sequence

_lock = threading.Lock()
_held: dict[str, str] = {}
"""The turns that are taken in this process, with their holders."""


class ProcessReach:
    """Keeps out other repliers in this process."""

    async def take(self, names: Sequence[str], holder: str) -> set[str]:
        """Take the turns that are free."""
        with _lock:
            free = {name for name in names if name not in _held}
            _held.update(dict.fromkeys(free, holder))
        return free

    async def give_back(self, names: Collection[str]) -> None:
        """Give back turns."""
        with _lock:
            for name in names:
                _held.pop(name, None)

    async def holder(self, name: str) -> str | None:
        """Return who holds a turn."""
        return _held.get(name)

    def lasts_until(self, name: str) -> float | None:
        """Return None: it lasts as long as the process."""
        return None


def _begin_anew() -> None:
    """Forget, in a forked process, the turns that its parent holds."""
    global _lock
    _lock = threading.Lock()
    _held.clear()


os.register_at_fork(after_in_child=_begin_anew)
