"""
``python -m benchmarks.triggers``: a thousand triggers that wait, in one event loop.

As in a triggerer, but without Airflow's database: what a trigger remembers is kept in memory. The sandbox is in
another process.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from benchmarks.sandbox import SandboxProcess
from benchmarks.table import Table

WAITING = 1000
MAILBOXES = 20
POLL = 30.0
SECONDS = 60.0
_TICK = 0.02


class _Store:
    """The state store of an asset, in memory."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    async def aget(self, key: str, default: Any = None) -> Any:
        return json.loads(self._values[key]) if key in self._values else default

    async def aset(self, key: str, value: Any) -> None:
        self._values[key] = json.dumps(value)


def main() -> int:
    """Measure, and print the table."""
    with tempfile.TemporaryDirectory() as home, SandboxProcess() as sandbox:
        # Before Airflow is imported for the first time.
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        sandbox.reset(bulk={"mailboxes": MAILBOXES, "invitations": WAITING}, latency=0.02)
        for conn_id, connection in sandbox.connections().items():
            os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)
        kinds: dict[str, Callable[[], list[AsyncIterator[Any]]]] = {
            f"{WAITING:,} `ParticipationStatusTrigger`, each its own event": lambda: _statuses(sandbox),
            f"{MAILBOXES} `NewInvitationTrigger`, a mailbox each": lambda: _invitations(1),
            f"{WAITING:,} `NewInvitationTrigger`, {WAITING // MAILBOXES} for each mailbox, sharing its look": (
                lambda: _invitations(WAITING // MAILBOXES)
            ),
        }
        rows = [(name, *asyncio.run(_wait(sandbox, make))) for name, make in kinds.items()]
    table = Table(
        "Triggers that wait",
        f"On Microsoft Graph at 20 ms, each looks every {POLL:g} s; over {SECONDS:g} s. The lag is how late a timer of "
        f"{_TICK * 1000:g} ms rings.",
        (
            "triggers",
            "requests a minute",
            "CPU %",
            "MiB more",
            "lag, median ms",
            "lag, 99th %, ms",
            "longest ms",
        ),
        rows,
    )
    print(f"{table.about.replace('`', '')}\n\n{table.as_text()}")
    return 0


def _statuses(sandbox: SandboxProcess) -> list[AsyncIterator[Any]]:
    from airflow_provider_rsvp.hooks.base import get_calendar_hook
    from airflow_provider_rsvp.triggers.participation_status import ParticipationStatusTrigger

    found = []
    with get_calendar_hook("msgraph_calendar_default") as hook:
        for number in range(1, MAILBOXES + 1):
            found += hook.list_invitations("now", "+60d", mailbox=f"bulk{number}@contoso.example")
    return [
        ParticipationStatusTrigger(
            conn_id="msgraph_calendar_default",
            reference=each.reference.to_dict() | {"ical_uid": None, "original_start": None},
            scope="instance",
            attendees=["me"],
            status=["accepted"],
            quorum=None,
            deadline=None,
            until="2099-01-01T00:00:00+00:00",
            poll_interval=POLL,
            patience=600,
            answer_timeout=30,
            throttle_timeout=300,
        ).run()
        for each in found[:WAITING]
    ]


def _invitations(share: int) -> list[AsyncIterator[Any]]:
    """Return watchers of each mailbox, so many of which share one look, as Airflow 3.3 lets them."""
    from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger

    watching: list[AsyncIterator[Any]] = []
    for number in range(1, MAILBOXES + 1):
        triggers = [
            NewInvitationTrigger(
                conn_id="msgraph_calendar_default",
                mailbox=f"bulk{number}@contoso.example",
                filter={"subject": f"bulk meeting {which}"},
                poll_interval=POLL,
            )
            for which in range(share)
        ]
        hub = _Hub(NewInvitationTrigger.open_shared_stream(triggers[0].serialize()[1]), share)
        for trigger in triggers:
            trigger.asset_state_store = _Store()  # type: ignore[attr-defined]
            watching.append(trigger.filter_shared_stream(hub.stream()))
    return watching


class _Hub:
    """Hands what one stream yields to several, as the triggerer does."""

    def __init__(self, source: AsyncIterator[Any], share: int) -> None:
        self._source = source
        self._left = share
        self._queues: list[asyncio.Queue[Any]] = []
        self._task: asyncio.Task[None] | None = None

    async def stream(self) -> AsyncIterator[Any]:
        """Yield what the source yields."""
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self._queues.append(queue)
        self._left -= 1
        if not self._left:
            self._task = asyncio.create_task(self._pump())
        while True:
            yield await queue.get()

    async def _pump(self) -> None:
        async for each in self._source:
            for queue in self._queues:
                queue.put_nowait(each)


async def _wait(
    sandbox: SandboxProcess, make: Callable[[], list[AsyncIterator[Any]]]
) -> tuple[str, str, str, str, str, str]:
    triggers = await asyncio.to_thread(make)
    before, asked = _resident(), len(await asyncio.to_thread(sandbox.requests))
    cpu = time.process_time()
    tasks = [asyncio.create_task(_run(each)) for each in triggers]
    lags = await _lags()
    cpu = time.process_time() - cpu
    more = _resident() - before
    asked = len(await asyncio.to_thread(sandbox.requests)) - asked
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [each for each in ended if isinstance(each, Exception)]
    if failed:
        raise RuntimeError(f"{len(failed)} triggers failed, the first with {failed[0]!r}")
    lags.sort()
    return (
        f"{asked * 60 / SECONDS:,.0f}",
        f"{100 * cpu / SECONDS:.0f}",
        f"{more:.0f}",
        f"{1000 * lags[len(lags) // 2]:.1f}",
        f"{1000 * lags[int(len(lags) * 0.99)]:.0f}",
        f"{1000 * lags[-1]:.0f}",
    )


async def _run(trigger: AsyncIterator[Any]) -> None:
    async for _ in trigger:
        pass


async def _lags() -> list[float]:
    """Return how late each of many timers rang."""
    lags, end = [], time.perf_counter() + SECONDS
    while (begun := time.perf_counter()) < end:
        await asyncio.sleep(_TICK)
        lags.append(time.perf_counter() - begun - _TICK)
    return lags


def _resident() -> float:
    """Return the memory of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


if __name__ == "__main__":
    sys.exit(main())
