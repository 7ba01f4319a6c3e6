"""How time and memory grow with the number of replies, and with the number of invitations that are planned."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.runs import run
from benchmarks.sending import FREED, Bench, Contender, Service
from benchmarks.stats import Sample, seconds, times
from benchmarks.table import Table

REPLIES = (10, 100, 1_000, 10_000)
PLANNED = (1_250, 2_500, 5_000, 10_000)
RUNS = 3
_LATENCY = 0.02


def replies_table(bench: Bench) -> Table:
    """Send more and more replies to Bitrix24, whose batches are the largest."""
    service = Service("bitrix24", "Bitrix24", "", 1, max(REPLIES), (), {"rates": FREED})
    ours = Contender("ours", "ours")
    plans = {count: bench.plan(service.name, service.mailboxes, count) for count in REPLIES}
    rows = []
    for count, plan in plans.items():
        runs = [
            bench.send(service, ours, plan, (_LATENCY, False)).run
            for _ in range(RUNS if count < 10_000 else 1)
        ]
        wall, cpu = Sample([each.wall for each in runs]), Sample([each.cpu for each in runs])
        peak, before = Sample([each.peak for each in runs]), Sample([each.before for each in runs])
        rows.append(
            (
                f"{count:,}",
                str(wall),
                seconds(wall.median / count * 1000),
                seconds(cpu.median / count * 1000),
                f"{peak.median:.0f}",
                f"{peak.median - before.median:.0f}",
            )
        )
    return Table(
        "Growth of sending",
        f"`SendRepliesOperator` on Bitrix24 at {_LATENCY * 1000:g} ms, limits off. The memory includes Airflow's own, "
        "and the plan as it comes from XCom; the last column is what sending added to it.",
        ("replies", "s", "ms per reply", "CPU ms per reply", "peak MiB", "of which sending"),
        rows,
    )


def planning_table(note: Callable[[str], None]) -> Table:
    """Plan more and more invitations."""
    found: dict[int, list[float]] = {count: [] for count in PLANNED}
    for _ in range(RUNS):
        for count, walls in found.items():
            note(f"planning {count:,}")
            walls.append(run("contenders.plan", {"count": count}).cpu)
    first = Sample(found[PLANNED[0]]).median
    return Table(
        "Planning",
        "A policy of 50 rules, half of which ask for conflicts, on a calendar with as many events as there are "
        "invitations. CPU seconds, medians of "
        f"{RUNS} runs. Linear growth would be the same as that of the number.",
        ("invitations", "CPU s", "invitations per second", "growth of number", "growth of time"),
        [
            (
                f"{count:,}",
                str(Sample(walls)),
                f"{count / Sample(walls).median:,.0f}",
                times(count / PLANNED[0]),
                times(Sample(walls).median / first),
            )
            for count, walls in found.items()
        ],
    )
