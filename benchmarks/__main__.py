"""``python -m benchmarks``: all that is quick, or the sections that are named; writes ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable

from benchmarks import growth, page, parsing, scheduled, sending, triggers
from benchmarks.sandbox import SandboxProcess
from benchmarks.table import Table

_started = time.monotonic()


def main(argv: list[str] | None = None) -> int:
    """Measure, print the tables, and return the exit code."""
    with SandboxProcess() as sandbox:
        bench = sending.Bench(sandbox, _note)
        sections: dict[str, Callable[[], Iterable[Table]]] = {
            "sending": lambda: sending.tables(bench),
            "growth": lambda: [growth.replies_table(bench)],
            "scheduled": lambda: scheduled.tables(sandbox, bench.plan, _note),
            "parsing": lambda: [parsing.table(_note)],
            "planning": lambda: [growth.planning_table(_note)],
            "triggers": lambda: [triggers.table(sandbox, _note)],
        }
        parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
        parser.add_argument(
            "section", nargs="*", help=f"of {', '.join(sections)}; default is all but triggers"
        )
        # Which takes four minutes of its own.
        asked = parser.parse_args(argv).section or [name for name in sections if name != "triggers"]
        if unknown := set(asked) - set(sections):
            parser.error(f"there is no section {min(unknown)!r}")
        for name in asked:
            for table in sections[name]():
                print(f"\n{table.as_text()}", flush=True)
                page.write([table])
    print(f"\nWritten to {page.PAGE.relative_to(page.PAGE.parent.parent)}.")
    return 0


def _note(what: str) -> None:
    """Say what is under way."""
    print(f"{time.monotonic() - _started:4.0f} s  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
