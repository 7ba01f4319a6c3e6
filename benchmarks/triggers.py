"""``python -m benchmarks.triggers``: a thousand triggers that wait in one triggerer process of Airflow's own."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from airflow_provider_rsvp.sandbox.graph import ids
from benchmarks import triggerer
from benchmarks.sandbox import SandboxProcess
from benchmarks.table import Table
from benchmarks.triggerer import CONN_ID, POLL, TICK, Waiting

WAITING = 1000
MAILBOXES = 20
LATENCY = 0.02
SECONDS = POLL
_SETTLING = 30.0
"""Seconds after the last trigger has begun, until what that brought about is over: reading what was announced, say."""
_NOTHING = 5.0
"""Seconds over which a triggerer is measured in which nothing waits."""

_HEADS = (
    "triggers",
    "until all run, s",
    "requests a minute",
    "CPU % of a core",
    "its supervisor's",
    "MiB",
    "its supervisor's",
    "lag: median, 99th %, longest, ms",
    "while they begin",
)


def table(sandbox: SandboxProcess, note: Callable[[str], None]) -> Table:
    """
    Measure each kind of trigger in a triggerer of its own.

    :param note: told what is under way
    """
    sandbox.reset(bulk={"mailboxes": MAILBOXES, "invitations": WAITING}, latency=LATENCY)
    share = WAITING // MAILBOXES
    mailboxes = [f"bulk{number}@contoso.example" for number in range(1, MAILBOXES + 1)]
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        empty = Path(folder) / "empty"
        note("making Airflow's database")
        triggerer.make(empty, {CONN_ID: sandbox.connections()[CONN_ID]})
        kinds = {
            "none": Waiting(),
            f"{WAITING:,} `ParticipationStatusSensorTrigger`, each its own event": Waiting(
                events=[_event(index, mailboxes) for index in range(WAITING)]
            ),
            f"{MAILBOXES} `NewInvitationTrigger`, a mailbox each": Waiting(mailboxes, share=1),
            f"{WAITING:,} `NewInvitationTrigger`, {share} for each mailbox, sharing its look": Waiting(
                mailboxes, share=share
            ),
        }
        rows = []
        for number, (name, waiting) in enumerate(kinds.items()):
            note(name)
            home = Path(folder) / str(number)
            shutil.copytree(empty, home)
            triggerer.fill(home, waiting)
            rows.append((name, *_measured(home, waiting, sandbox)))
    return Table(
        "Triggers that wait",
        f"In one triggerer process of Airflow, on SQLite, with Microsoft Graph at {LATENCY * 1000:g} ms; each looks "
        f"every {POLL:g} s. Over {SECONDS:g} s once all run. The lag is how late a timer of {TICK * 1000:g} ms rings "
        "in the triggerer's event loop. The supervisor is its other process, which speaks with the database.",
        _HEADS,
        rows,
    )


def main() -> int:
    """Measure, and print the table."""
    begun = time.monotonic()

    def note(what: str) -> None:
        print(f"{time.monotonic() - begun:4.0f} s  {what}", file=sys.stderr, flush=True)

    with SandboxProcess() as sandbox:
        found = table(sandbox, note)
    print(f"{found.about}\n\n{found.as_text()}")
    return 0


def _event(index: int, mailboxes: list[str]) -> dict[str, str]:
    """Return the sensor's arguments for one of the sandbox's many invitations."""
    mailbox = mailboxes[index % MAILBOXES]
    return {"event_id": ids.immutable(mailbox, f"bulk-{index:06d}"), "mailbox": mailbox}


def _measured(home: Path, waiting: Waiting, sandbox: SandboxProcess) -> tuple[str, ...]:
    begun = time.monotonic()
    with triggerer.running(home) as running:
        running.wait_for(waiting.triggers)
        filled = time.monotonic() - begun
        seconds = SECONDS if waiting.triggers else _NOTHING
        time.sleep(_SETTLING if waiting.triggers else _NOTHING)
        beginning = running.lags()
        requests, runner, supervisor = len(sandbox.requests()), running.runner(), running.supervisor()
        time.sleep(seconds)
        requests = len(sandbox.requests()) - requests
        now = running.runner(), running.supervisor()
        lags = running.lags()[len(beginning) :]
    return (
        f"{filled:.0f}",
        f"{requests * 60 / seconds:,.0f}",
        *(
            f"{100 * (then.cpu - before.cpu) / seconds:.0f}"
            for before, then in zip((runner, supervisor), now, strict=True)
        ),
        *(f"{then.resident:.0f}" for then in now),
        _spread(lags),
        _spread(beginning),
    )


def _spread(lags: list[float]) -> str:
    """Return the median, the 99th percentile and the longest, in milliseconds."""
    lags = sorted(lags)
    return ", ".join(
        f"{1000 * lag:.0f}" for lag in (lags[len(lags) // 2], lags[int(len(lags) * 0.99)], lags[-1])
    )


if __name__ == "__main__":
    sys.exit(main())
