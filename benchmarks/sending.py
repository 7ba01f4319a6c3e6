"""Sending many replies: ours, what one would take instead, and the fewest requests that there can be."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.runs import ContenderError, Run, run
from benchmarks.sandbox import SandboxProcess
from benchmarks.stats import Sample, seconds, times
from benchmarks.table import Table

LATENCIES = (0.02, 0.1)
RUNS = 3
"""Of ours and of the floor; of Cronofy, whose rate leaves little to chance, fewer, and of all others one."""
_SETTLED = 2.0
"""Seconds for which the sandbox may still carry out what a service took without having done it."""
_LOOPED = {0.02: 50, 0.1: 20}
"""Replies that the slow ones are given, by latency; theirs are scaled."""
FREED = {"requests_per_second": 10_000.0, "burst": 10_000}
"""What a Bitrix24 connection can be told of a portal without limits."""


@dataclass(frozen=True)
class Contender:
    """
    One way of sending.

    :param job: what the contender is told besides the plan
    :param limited: whether it is also run with the service's limits in force
    :param slow: whether it is given fewer replies, once, and the result is scaled
    """

    name: str
    module: str
    job: Mapping[str, Any] = field(default_factory=dict)
    limited: bool = True
    slow: bool = False


@dataclass(frozen=True)
class Service:
    """
    One service: how many replies, on how many mailboxes, by whom.

    :param freed: what a job is told more where the sandbox has no limits
    :param runs: of ours and of the floor
    """

    name: str
    title: str
    about: str
    mailboxes: int
    replies: int
    contenders: tuple[Contender, ...]
    freed: Mapping[str, Any] = field(default_factory=dict)
    runs: int = RUNS


_OURS = Contender("**`SendRepliesOperator`**: look, send, read back", "ours")
_LOOPS = tuple(
    Contender(
        f"loop over `HttpHook`: {what}, scaled from fewer",
        "http_hook",
        {"verified": verified},
        limited=False,
        slow=True,
    )
    for what, verified in (("look, send, read back", True), ("send only", False))
)

SERVICES = (
    Service(
        "graph",
        "Microsoft Graph",
        "1,000 replies in 20 mailboxes. Ours keeps to four requests at once for one mailbox, on or off, as users "
        "cannot change that; so does the floor, and below it stands the floor without any limit. The hook of "
        "`MSGraphAsyncOperator` signs in over https only, so msgraph-sdk stands for it: the same Kiota adapter, "
        "without a triggerer.",
        20,
        1000,
        (
            _OURS,
            Contender("floor: bare aiohttp, look, send, read back", "floor_graph"),
            Contender("floor without limits", "floor_graph", {"unlimited": True}, limited=False),
            Contender("msgraph-sdk: send only", "msgraph_sdk"),
            *_LOOPS,
        ),
    ),
    Service(
        "bitrix24",
        "Bitrix24",
        "1,000 replies of one user. With the limits off, ours and fast_bitrix24 are told so by their own settings "
        "(`requests_per_second`, `burst`).",
        1,
        1000,
        (
            _OURS,
            Contender("floor: bare aiohttp, look, send, read back", "floor_bitrix24"),
            Contender("fast_bitrix24: look, send, read back", "fast_bitrix24", {"verified": True}),
            Contender("fast_bitrix24: send only", "fast_bitrix24", {"verified": False}),
            *_LOOPS,
        ),
        {"rates": FREED},
    ),
    Service(
        "cronofy",
        "Cronofy",
        "150 replies of one account: of 1,000, Cronofy takes 500 in the first minute whatever one does. Ours keeps to "
        "50 requests a second and 500 a minute, on or off, as users cannot change that; so does the floor, and below "
        "it stands the floor without any limit.",
        1,
        150,
        (
            _OURS,
            Contender("floor: bare aiohttp, look, send, read back", "floor_cronofy"),
            Contender("floor without limits", "floor_cronofy", {"unlimited": True}, limited=False),
            Contender("pycronofy: send only, scaled from fewer", "pycronofy", limited=False, slow=True),
            *_LOOPS,
        ),
        runs=2,
    ),
)

Settings = tuple[float, bool]
"""The latency in seconds, and whether the limits are in force."""


@dataclass(frozen=True)
class _Measured:
    run: Run
    requests: int
    replies: int


class Bench:
    """The sandbox, and plans for it."""

    def __init__(self, sandbox: SandboxProcess, note: Callable[[str], None]) -> None:
        self.sandbox = sandbox
        self.note = note

    def plan(self, service: str, mailboxes: int, replies: int) -> dict[str, Any]:
        """Plan to accept all of so many invitations; resets the sandbox."""
        self.sandbox.reset(bulk={"mailboxes": mailboxes, "invitations": replies}, limits=False)
        job = {"service": service, "mailboxes": mailboxes, "connections": self.sandbox.connections()}
        found: dict[str, Any] = run("contenders.planning", job).result
        return found

    def send(
        self,
        service: Service,
        contender: Contender,
        plan: dict[str, Any],
        settings: Settings,
        replies: int | None = None,
    ) -> _Measured:
        """
        Let a contender send the replies of a plan, or the first of them.

        :raises ContenderError: an invitation was not answered exactly once
        """
        latency, limits = settings
        self.note(
            f"{service.name} {latency * 1000:g} ms, limits {'on' if limits else 'off'}: {contender.module}"
        )
        bulk = {"mailboxes": service.mailboxes, "invitations": len(plan["decisions"])}
        part = {**plan, "decisions": plan["decisions"][:replies]}
        job = {
            "service": service.name,
            "connections": self.sandbox.connections(),
            "plan": part,
            **contender.job,
        }
        if not limits:
            job |= service.freed

        def reset() -> None:
            self.sandbox.reset(bulk=bulk, limits=limits, latency=latency)

        measured = run(f"contenders.{contender.module}", job, reset)
        mails = self._mails(len(part["decisions"]))
        if len(mails) != len(part["decisions"]) or set(mails.values()) != {1}:
            raise ContenderError(
                f"{contender.module}: {len(mails)} invitations of {len(part['decisions'])} were answered, "
                f"{mails.total()} times."
            )
        return _Measured(measured, len(self.sandbox.requests()), len(part["decisions"]))

    def _mails(self, expected: int) -> Counter[str]:
        """Return how often each invitation was answered."""
        deadline = time.monotonic() + _SETTLED
        while True:
            mails = Counter(mail["event_id"] for mail in self.sandbox.mail())
            if len(mails) >= expected or time.monotonic() > deadline:
                return mails
            time.sleep(0.05)


def tables(bench: Bench) -> Iterator[Table]:
    """Run everything, and yield a table for each service."""
    for service in SERVICES:
        yield _table(service, bench)


def _table(service: Service, bench: Bench) -> Table:
    plan = bench.plan(service.name, service.mailboxes, service.replies)
    every = [(latency, limits) for limits in (False, True) for latency in LATENCIES]
    found: dict[tuple[int, Settings], list[_Measured]] = defaultdict(list)
    # In turn, so that what else the machine does befalls all alike.
    for turn in range(service.runs):
        for settings in every:
            for number, contender in enumerate(service.contenders):
                once = contender.module not in ("ours", f"floor_{service.name}") or contender.job
                if (once and turn) or (settings[1] and not contender.limited):
                    continue
                replies = _LOOPED[settings[0]] if contender.slow else None
                try:
                    measured = bench.send(service, contender, plan, settings, replies)
                except ContenderError as failure:
                    if contender is _OURS:
                        raise
                    bench.note(str(failure))
                else:
                    found[number, settings].append(measured)
    ours = {settings: _sample(found[0, settings], service.replies).median for settings in every}
    rows = []
    for number, contender in enumerate(service.contenders):
        cells = []
        for settings in every:
            runs = found.get((number, settings))
            if not runs:
                cells.append("failed" if contender.limited or not settings[1] else "")
                continue
            sample = _sample(runs, service.replies)
            cells.append(f"{sample}, {times(sample.median / ours[settings])}")
        all_runs = [each for settings in every for each in found.get((number, settings), [])]
        rows.append(
            (
                contender.name,
                f"{median(each.requests / each.replies for each in all_runs):.3f}" if all_runs else "",
                *cells,
                seconds(median(each.run.cpu / each.replies for each in all_runs) * 1000) if all_runs else "",
                f"{median(each.run.peak for each in all_runs):.0f}" if all_runs else "",
            )
        )
    heads = [
        f"{latency * 1000:g} ms, limits {'on' if limits else 'off'}: s, × ours" for latency, limits in every
    ]
    return Table(
        f"{service.title}: many replies",
        f"{service.about} Seconds are medians of {service.runs} runs of ours and of the floor, taken in turn, and "
        "the range of them; the others ran once.",
        ("way", "requests per reply", *heads, "CPU s per 1,000", "peak MiB"),
        rows,
    )


def _sample(runs: list[_Measured], replies: int) -> Sample:
    """Return the seconds that so many replies take."""
    return Sample([each.run.wall * replies / each.replies for each in runs])
