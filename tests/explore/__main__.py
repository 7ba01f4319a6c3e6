"""Explores the reply protocol in full and prints what was found: ``make explore``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby

from explore.explorer import Findings, explore
from explore.planted import NEEDED, PLANTS
from explore.situations import ASSUMPTIONS, situations


def main() -> int:
    """Explore; return 1 if a promise was broken, a planted bug was not found, or something was left out."""
    failed = False
    _print_assumptions("all")
    for kind, group in groupby(situations(full=True), key=lambda each: each.kind):
        print(f"\n{kind.name}")
        _print_assumptions(kind.name)
        total = Findings(complete=True)
        for situation in group:
            findings = explore(situation)
            print(f"  {situation.name}: {_counts(findings)}", flush=True)
            for line in _traces(findings):
                print(line)
            failed |= bool(findings.violations) or not findings.complete
            total.runs += findings.runs
            total.states += findings.states
            total.leaves += findings.leaves
            total.seconds += findings.seconds
            total.complete &= findings.complete
        print(f"  in all: {_counts(total)}")
    for title, plants in (("planted bugs", PLANTS), ("where an assumption does not hold", NEEDED)):
        print(f"\n{title}")
        for plant in plants:
            findings = explore(plant.situation, until=plant.tells)
            found = [sentence for sentence in findings.violations if plant.tells in sentence]
            print(
                f"  {plant.situation.name}: {f'found in run {findings.runs}: {found[0]}' if found else 'NOT FOUND'}"
            )
            failed |= not found
    return int(failed)


def _print_assumptions(name: str) -> None:
    for sentence in ASSUMPTIONS[name]:
        print(f"  assuming that {sentence}" if name == "all" else f"  assuming, {sentence}")


def _counts(findings: Findings) -> str:
    how = "complete" if findings.complete else "NOT COMPLETE"
    return (
        f"{findings.states} states, {findings.runs} runs ({findings.leaves} to their end), "
        f"{findings.seconds:.0f} s, {how}"
    )


def _traces(findings: Findings) -> Iterator[str]:
    for sentence, trace in findings.violations.items():
        yield f"    VIOLATED: {sentence}"
        yield from (f"      {line}" for line in trace)


if __name__ == "__main__":
    sys.exit(main())
