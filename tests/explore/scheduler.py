"""
Holds time and every await: processes with event loops of their own, and the choices of what happens next.

A run is one sequence of choices. Coroutines cannot be copied, so that each run begins anew and repeats the choices that
lead to where it departs from the one before it.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
from asyncio import events
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Any, TypeVar

_T = TypeVar("_T")


class Choices:
    """Goes through all sequences of choices, depth first."""

    def __init__(self) -> None:
        self._path: list[list[int]] = []
        self._at = 0
        self._repeated = 0

    @property
    def fresh(self) -> bool:
        """Whether the run has left the path of those before it."""
        return self._at >= self._repeated

    def choose(self, options: Sequence[_T]) -> _T:
        """Return one of the options; in other runs, each of the others."""
        if len(options) == 1:
            return options[0]
        if self._at == len(self._path):
            self._path.append([0, len(options)])
        chosen, count = self._path[self._at]
        assert count == len(options), "the code does not do the same in the same situation"
        self._at += 1
        return options[chosen]

    def advance(self) -> bool:
        """Turn to the next sequence; return False where there is none."""
        # What lies behind the point at which the run was cut off belongs to no run.
        del self._path[self._at :]
        while self._path and self._path[-1][0] + 1 == self._path[-1][1]:
            self._path.pop()
        if not self._path:
            return False
        self._path[-1][0] += 1
        self._at, self._repeated = 0, len(self._path)
        return True


class Clock:
    """The time of all processes, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0


class Process(asyncio.AbstractEventLoop):
    """
    A process with one event loop; it does nothing but between the steps that it is let take.

    What it knows of the world is what its steps showed it, so that its trace stands for its state.

    :param name: of the replier
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.trace = b""
        self._clock = clock
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[asyncio.TimerHandle] = []
        self._steps: list[tuple[str, asyncio.Future[None]]] = []
        self._main: asyncio.Task[Any] | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._ended = False

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begin the work of the process."""
        self._main = self.create_task(work)
        self.run()

    @property
    def done(self) -> bool:
        """Whether the work has ended."""
        return self._main is not None and self._main.done()

    def result(self) -> Any:
        """Return what the work returned, or raise what it raised."""
        assert self._main is not None
        return self._main.result()

    def end(self) -> None:
        """Stop in the middle of it all; what is left of the code notices nothing and does nothing."""
        self._ended = True
        events._set_running_loop(self)
        try:
            for task in self._tasks:
                # A group of tasks says of its end that it had one.
                with suppress(BaseExceptionGroup):
                    task.get_coro().close()
        finally:
            events._set_running_loop(None)

    async def step(self, what: str) -> None:
        """Wait to be let take a step that others can notice."""
        gate = self.create_future()
        self._steps.append((what, gate))
        await gate
        self.learn(what)

    def learn(self, *seen: object) -> None:
        """Add to the trace."""
        self.trace = digest(self.trace, self._clock.now, seen)

    @property
    def steps(self) -> list[str]:
        """The steps that the process waits to be let take."""
        self._steps = [each for each in self._steps if not each[1].done()]
        return [what for what, _ in self._steps]

    def take_step(self, number: int) -> None:
        """Let the process take a step."""
        self._steps.pop(number)[1].set_result(None)
        self.run()

    def next_timer(self) -> float | None:
        """Return when the process does something by itself."""
        while self._timers and self._timers[0].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0].when() if self._timers else None

    def run(self) -> None:
        """Do all that can be done now."""
        events._set_running_loop(self)
        try:
            while True:
                while (due := self.next_timer()) is not None and due <= self._clock.now:
                    self._ready.append(heapq.heappop(self._timers))
                if not self._ready:
                    return
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            events._set_running_loop(None)

    # What asyncio asks of an event loop.

    def time(self) -> float:
        return self._clock.now

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        # Sums of seconds that are meant to be the same are.
        handle = asyncio.TimerHandle(round(when, 6), callback, args, self, context)
        heapq.heappush(self._timers, handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: cancelled timers are passed over."""

    def create_future(self) -> asyncio.Future[Any]:
        if self._ended:
            raise GeneratorExit
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        if self._ended:
            coro.close()
            raise GeneratorExit
        task = asyncio.Task(coro, loop=self, **options)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Do nothing: the processes that crash leave tasks behind."""

    def get_debug(self) -> bool:
        return False


def digest(*values: object) -> bytes:
    """Return a short value that stands for others; it is the same for two only if they are the same."""
    return hashlib.blake2b(repr(values).encode(), digest_size=16).digest()


def at_once(work: Awaitable[_T]) -> _T:
    """Return the result of a coroutine that waits for nothing."""
    try:
        next(work.__await__())
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")
