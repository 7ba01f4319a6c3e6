"""
A clock that the tests control: time advances when everybody waits.

Every event loop of the process (the sandbox's in its thread too) tells the time of one clock. When the loop of the
main thread has nothing to do, no other loop has, and no thread works for one of them, nobody can do anything before
the next timer: the clock goes there at once, in place of waiting. Nothing is mocked: all timers fire in their order,
and answers that are under way are waited for in real time.

Only what happens in this process is known. Tests that talk to a server in another process leave it alone.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any


class Clock:
    """How far the loops' time is ahead of the machine's, in seconds, and who must wait before it moves on."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.controlled = False
        self._loops: weakref.WeakSet[Loop] = weakref.WeakSet()

    def join(self, loop: Loop) -> None:
        self._loops.add(loop)

    @contextmanager
    def control(self) -> Iterator[None]:
        """Let time advance when everybody waits."""
        self.controlled = True
        try:
            yield
        finally:
            self.controlled = False

    def advance(self, loop: Loop, seconds: float) -> bool:
        """Move on by at most so many seconds if everybody else waits; return whether it did."""
        others = [each for each in self._loops if each is not loop and each.is_running()]
        before = [each.waiting.passes for each in others]
        if loop.threads or not all(each.waits() for each in others):
            return False
        # Whoever worked in between may have sent something to this loop.
        if loop.waiting.ready() or before != [each.waiting.passes for each in others]:
            return False
        due = [each.waiting.until - each.time() for each in others if each.waiting.until is not None]
        self.ahead += max(0.0, min([seconds, *due]))
        for each in others:
            each.call_soon_threadsafe(_wake)
        return True


def _wake() -> None:
    """Do nothing but have the loop look at the clock."""


CLOCK = Clock()


class Waiting(selectors.DefaultSelector):
    """The place where a loop waits."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: Loop | None = None
        self.passes = 0
        self.until: float | None = None
        self.inside = False
        self._poll = select.poll()
        self._poll.register(self.fileno(), select.POLLIN)

    def ready(self) -> bool:
        """Return whether there is something to do, although the loop may not have noticed yet."""
        return bool(self._poll.poll(0))

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        loop = self.loop
        if found or loop is None or (timeout is not None and timeout <= 0):
            self.passes += 1
            return found
        drives = (
            CLOCK.controlled and timeout is not None and threading.current_thread() is threading.main_thread()
        )
        if drives and timeout is not None and CLOCK.advance(loop, timeout):
            self.passes += 1
            return []
        self.until = None if timeout is None else loop.time() + timeout
        self.inside = True
        try:
            # One that drives looks again soon whether the others have come to wait.
            return super().select(min(timeout, 0.001) if drives and timeout is not None else timeout)
        finally:
            self.inside = False
            self.passes += 1


class Loop(asyncio.SelectorEventLoop):
    """An event loop that tells the time of the tests' clock."""

    def __init__(self) -> None:
        self.waiting = Waiting()
        self.threads = 0
        super().__init__(self.waiting)
        self.waiting.loop = self
        CLOCK.join(self)

    def time(self) -> float:
        return super().time() + CLOCK.ahead

    def waits(self) -> bool:
        """Return whether it waits for a timer, or for what nobody in this process has sent."""
        return self.waiting.inside and not self.threads and not self.waiting.ready()

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> Any:
        self.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: object) -> None:
        self.threads -= 1


class Policy(asyncio.DefaultEventLoopPolicy):
    """Makes loops of the tests' clock."""

    _loop_factory = Loop
