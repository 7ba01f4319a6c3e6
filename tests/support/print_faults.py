"""Prints the fault matrix and writes it to ``docs/reliability.md``: ``make faults``."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any

from support import airflow_home  # noqa: F401 - before anything imports Airflow

WORKERS = 4
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

_worker: dict[str, Any] = {}


def main() -> int:
    """Run all cells and print what they showed; return 1 if a promise was broken."""
    from support import caldav_mail_faults, fault_matrix

    cells = [*fault_matrix.cells(), *caldav_mail_faults.cells()]
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn"), _prepare) as pool:
        findings = []
        for finding in pool.map(_examine, range(len(cells)), chunksize=4):
            findings.append(finding)
            if sys.stderr.isatty():
                print(f"\r{len(findings)} of {len(cells)}", end="", file=sys.stderr)
    never = [finding.cell.id for finding in findings if not finding.struck]
    table = "\n".join(_rows(findings))
    verdict = (
        f"{len(findings)} cells: {sum(finding.duplicate for finding in findings)} duplicates, "
        f"{sum(finding.lost for finding in findings)} lost, {sum(finding.untrue for finding in findings)} untrue."
    )
    print(f"\n{table}\n\n{verdict}")
    if never:
        print("The fault never struck:", *never, sep="\n  ")
    _write(table, verdict)
    return int(bool(never) or any(f.duplicate or f.lost or f.untrue for f in findings))


def _prepare() -> None:
    import json
    import logging

    from airflow.utils.db import initdb

    from airflow_provider_rsvp.sandbox import Sandbox
    from support import caldav_mail_faults, fault_matrix

    logging.disable(logging.CRITICAL)
    initdb()
    sandbox = _worker["sandbox"] = Sandbox()
    sandbox.__enter__()
    open_servers = ExitStack()
    atexit.register(open_servers.close)
    _worker["servers"] = open_servers.enter_context(caldav_mail_faults.running())
    _worker["cells"] = [*fault_matrix.cells(), *caldav_mail_faults.cells()]
    for conn_id, connection in sandbox.connections().items():
        os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)


def _examine(number: int) -> Any:
    from support import caldav_mail_faults, fault_matrix

    cell = _worker["cells"][number]
    if cell.subject is caldav_mail_faults.SUBJECT:
        servers = _worker["servers"]
        return caldav_mail_faults.examine(servers.radicale, servers.proxy, servers.sink, cell)
    return fault_matrix.examine(_worker["sandbox"], cell)


def _rows(findings: list[Any]) -> list[str]:
    rows = [
        "| reply | step | fault | | tries | mails | stands | reported |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for _, group in groupby(findings, key=lambda finding: (finding.cell.subject.name, finding.cell.step)):
        for finding in group:
            cell = finding.cell
            rows.append(
                f"| {cell.subject.name} | {cell.step} | {cell.fault} | {'for ever' if cell.for_ever else 'once'} | "
                f"{finding.tries} | {finding.mails} | {finding.stands} | {finding.reported} |"
            )
    return rows


def _write(table: str, verdict: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    marker = "<!-- written by make faults -->"
    head, _, _ = text.partition(marker)
    PAGE.write_text(f"{head}{marker}\n\n{verdict}\n\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
