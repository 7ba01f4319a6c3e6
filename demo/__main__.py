"""``python -m demo``: runs all example DAGs once, and shows what happened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from airflow_provider_rsvp.sandbox import Sandbox
from demo.home import EXAMPLES, ON_A_REAL_SERVER, PROJECT, prepare, settings
from demo.invitations import of_the_examples
from demo.mail import matched
from demo.runs import ASK_A_PERSON, Run, run_dags
from demo.table import render, rows

HOME = PROJECT / ".airflow" / "demo"
LOG = HOME / "demo.log"
LAST_LINES = 25
SENDS_NOTHING = {"rsvp_callback", "rsvp_wait_for_approvers"}
"""The examples that send nothing while all is well."""


def main() -> int:
    """Run the DAGs, show the table, and return 1 if anything is not as it should be."""
    HOME.mkdir(parents=True, exist_ok=True)
    LOG.write_text("")
    left_out = ASK_A_PERSON | ON_A_REAL_SERVER
    runs = [Run(file.stem) for file in EXAMPLES.glob("rsvp_*.py") if file.stem not in left_out]
    runs += [Run(f"rsvp_pipeline_{which}", {"fresh": False}) for which in ("gate", "plan")]
    runs.sort(key=lambda run: run.dag_id)
    with Sandbox() as sandbox:
        environment = settings(HOME, sandbox.url, sandbox.connections())
        print(f"The calendar services of the sandbox are at {sandbox.url}.")
        try:
            if prepare(HOME, environment, LOG):
                print("Made a database for Airflow.")
            print("Airflow runs the example DAGs ...\n", flush=True)
            runs = run_dags(runs, environment, LOG)
        except subprocess.CalledProcessError:
            print(f"Airflow broke. The end of {shown(LOG)}:\n")
            print("\n".join(LOG.read_text().splitlines()[-LAST_LINES:]))
            return 1
        problems = report(runs, sandbox)
    print(f"\nAirflow's own log: {shown(LOG)}")
    if problems:
        print("\n".join(["", "This went wrong:", *(f"  {problem}" for problem in problems)]))
        return 1
    print("The same in Airflow's UI: make up")
    return 0


def report(runs: list[Run], sandbox: Sandbox) -> list[str]:
    """Print the table; return the problems."""
    outcomes = [outcome for run in runs for outcome in run.outcomes]
    mails, left = matched(outcomes, of_the_examples(sandbox.mail()))
    pairs = iter(zip(outcomes, mails, strict=True))
    table = [(title(run), [line for _ in run.outcomes for line in rows(*next(pairs))]) for run in runs]
    print(render(table))

    problems = [f"{title(run)} ended {run.state}" for run in runs if run.state != "success"]
    problems += [f"{title(run)}, {error}" for run in runs for error in run.errors]
    problems += [
        f"{title(run)} answered nothing"
        for run in runs
        if not run.outcomes and run.dag_id not in SENDS_NOTHING
    ]
    problems += [
        f"the organizer of {outcome['subject']!r} did not receive '{outcome['reply']['status']}'"
        for outcome, mail in zip(outcomes, mails, strict=True)
        if outcome["organizer_notified"] and mail is None
    ]
    problems += [f"{mail['organizer']} received '{mail['status']}' of nobody's asking" for mail in left]
    return problems


def title(run: Run) -> str:
    """Return the name of a run."""
    return " ".join([run.dag_id, *(f"{name}={value}" for name, value in run.conf.items())])


def shown(path: Path) -> Path:
    """Return a path as a person in the project's folder would type it."""
    return path.relative_to(PROJECT)


if __name__ == "__main__":
    sys.exit(main())
