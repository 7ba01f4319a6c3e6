"""
The fault matrix: every service, every step of the reply protocol, every fault we can name.

A cell runs the operator as Airflow does, try after try with the task's state store, against a sandbox that
misbehaves once or for ever at one step, and holds what the task reported against what the organizer got.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.transport.tokens import forget_grants
from support.services import SERVICES, Service
from support.state_store import StateStore
from support.stored_tokens import forget_stored_tokens

TRIES = 3
ANSWER_TIMEOUT, SHORT_TIMEOUT = 20.0, 0.25
"""Seconds to wait for an answer; the short one where none comes, so that a slow machine counts as none elsewhere."""
SETTLE_TIMEOUT = 0.4


@dataclass(frozen=True)
class Subject:
    """Which reply is sent, and by which connection."""

    name: str
    service: str
    conn_id: str
    slug: str
    status: str
    calendar_id: str | None = None
    steps: dict[str, dict[str, Any]] = field(default_factory=dict, hash=False)
    shows: bool = False
    """Whether the response to the sending shows the status, so that only an unclear one is read back."""
    commands: int = 0
    """Of how many commands a look is made that count one by one, if it is a batch."""


def _steps(service: Service) -> dict[str, dict[str, Any]]:
    return {
        "look": {"operation": service.look},
        "send": {"operation": "send"},
        "read back": {"operation": "observe", "skip": service.commands or service.looks},
        "token": {"operation": "token"},
    }


SUBJECTS = tuple(
    Subject(
        each.name,
        service.name,
        each.conn_id,
        each.slug,
        each.status,
        calendar_id=each.calendar_id,
        steps=_steps(service),
        shows=service.shows,
        commands=service.commands,
    )
    for service in SERVICES.values()
    for each in service.matrix
)

_BEFORE: dict[str, dict[str, Any]] = {
    "cut before the request": {"kind": "cut"},
    "429 with Retry-After": {"kind": "status", "status": 429, "headers": {"Retry-After": "0.05"}},
    "429 without": {"kind": "status", "status": 429},
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "status", "status": 502},
    "503 with Retry-After": {"kind": "status", "status": 503, "headers": {"Retry-After": "0.05"}},
    "503 without": {"kind": "status", "status": 503, "body": {"message": "Service Unavailable"}},
    "504": {"kind": "status", "status": 504},
    "401": {"kind": "status", "status": 401},
    "malformed body": {"kind": "malformed"},
    "empty body": {"kind": "empty"},
    "a page instead": {"kind": "html"},
    "timeout": {"kind": "hang", "seconds": 0.5},
    "slow response": {"kind": "slow", "seconds": 0.05},
    "redirect elsewhere": {"kind": "redirect"},
}
_AFTER: dict[str, dict[str, Any]] = {
    f"{name}, after it took effect": {**_BEFORE[name], "when": "after"}
    for name in (
        "429 with Retry-After",
        "429 without",
        "500",
        "502",
        "503 with Retry-After",
        "503 without",
        "504",
        "malformed body",
        "empty body",
        "a page instead",
        "timeout",
        "slow response",
    )
} | {
    "cut after it took effect": {"kind": "cut", "when": "after"},
    "truncated response, after it took effect": {"kind": "truncated", "when": "after"},
}
_ONLY_SEND: dict[str, dict[str, Any]] = {
    "'done' for nothing done": {"kind": "no_effect"},
    "a second task at the same time": {"kind": "slow", "seconds": 0.05},
    "a second task, and 500 after it took effect": {"kind": "status", "status": 500, "when": "after"},
}
_BY_TWO = "a second task"
"""How the faults begin that befall two tasks which send the same reply."""

EITHER = "unchanged or replied"
"""What a task reports whose reply was refused as the event had changed, and shows: a proxy may have repeated it."""
REFUSED = frozenset({"401", "redirect elsewhere"})
"""Faults that say "you may not", which a task may take at their word."""


@dataclass(frozen=True)
class Cell:
    subject: Subject
    step: str
    fault: str
    rule: dict[str, Any] = field(hash=False)
    for_ever: bool = False

    @property
    def by_two(self) -> bool:
        return self.fault.startswith(_BY_TWO)

    @property
    def id(self) -> str:
        return " | ".join((self.subject.name, self.step, self.fault, "for ever" if self.for_ever else "once"))


@dataclass(frozen=True)
class Finding:
    """What a cell showed: what the organizer got, what stands, and what the task said."""

    cell: Cell
    mails: int
    stands: str
    reported: str
    message: str
    tries: int
    struck: int

    @property
    def duplicate(self) -> bool:
        return self.mails > 1

    @property
    def lost(self) -> bool:
        """Whether a fault that passed cost the reply, although nothing said that it may not be sent."""
        passed = not self.cell.for_ever and self.cell.fault not in REFUSED
        return passed and self.reported not in ("replied", EITHER) and not self._lost_token

    @property
    def untrue(self) -> bool:
        """Whether the report and the organizer's side contradict each other."""
        wanted = self.cell.subject.status
        if self.reported in ("replied", EITHER):
            return self.mails != 1 or self.stands not in (wanted, "gone")
        # "Gave up" claims nothing: the last message says that the service did not serve or that it is unclear.
        return self.reported != "gave up" and self.mails > 0

    @property
    def _lost_token(self) -> bool:
        """Bitrix24 ends a refresh token with its use: an answer that is lost loses the new one."""
        return (
            self.cell.subject.service == "bitrix24"
            and self.cell.step == "token"
            and self.cell.rule.get("when") == "after"
            and self.cell.fault != "slow response, after it took effect"
        )


def cells(
    subjects: Sequence[Subject] = SUBJECTS, only_send: Mapping[str, dict[str, Any]] | None = None
) -> Iterator[Cell]:
    """
    All cells of the matrix.

    :param only_send: further faults of the sending
    """
    for subject in subjects:
        for step, place in subject.steps.items():
            faults = dict(_BEFORE)
            if step in ("send", "token"):
                faults |= _AFTER
            if step == "send":
                faults |= {**_ONLY_SEND, **(only_send or {})}
            for fault, rule in faults.items():
                if fault.startswith("429 without") and step != "send":
                    continue
                cell = {**place, **rule}
                if subject.commands and rule["kind"] != "status":
                    # Only a status befalls single commands of the batch that is the look.
                    cell.pop("skip", None)
                yield Cell(subject, step, fault, cell)
                if (
                    step == "send"
                    and "slow" not in fault
                    and not fault.startswith(_BY_TWO)
                    and "429" not in fault
                    and "with Retry" not in fault
                ):
                    yield Cell(subject, step, fault, {**cell, "times": None}, for_ever=True)


def examine(sandbox: Sandbox, cell: Cell) -> Finding:
    """Run one cell."""
    sandbox.reset()
    forget_grants()
    forget_stored_tokens()
    subject = cell.subject
    event_id = sandbox.event_id(subject.service, subject.slug)
    rules: list[dict[str, Any]] = [{"service": subject.service, **cell.rule}]
    if subject.shows and cell.step == "read back":
        rules.append({"service": subject.service, "operation": "send", "kind": "cut", "when": "after"})
    sandbox.faults(rules)
    reported, message, tries = run(cell, event_id)
    struck = min(int(str(rule["struck"])) for rule in sandbox.faults())
    sandbox.faults([])
    mails = [mail for mail in sandbox.mail() if mail["event_id"] == event_id]
    return Finding(cell, len(mails), _stands(sandbox, subject, event_id), reported, message, tries, struck)


def operator_for(subject: Subject, event_id: str, cell: Cell | None = None) -> SetParticipationStatusOperator:
    """Return the task that sends the reply, with little patience for what befalls it in a cell."""
    hangs = cell is not None and cell.rule["kind"] == "hang"
    return SetParticipationStatusOperator(
        task_id="reply",
        conn_id=subject.conn_id,
        event_id=event_id,
        calendar_id=subject.calendar_id,
        status=subject.status,
        request_timeout=SHORT_TIMEOUT if hangs else ANSWER_TIMEOUT,
        throttle_timeout=2.0,
        settle_timeout=SETTLE_TIMEOUT,
    )


def run_tries(operator: SetParticipationStatusOperator) -> tuple[str, str, int]:
    """Run a task try after try; return what it reported, what it said, and the number of tries."""
    store = StateStore()
    message = ""
    for number in range(1, TRIES + 1):
        context: Any = {"task_state_store": store, "ti": SimpleNamespace(try_number=number)}
        try:
            outcome = operator.execute(context)
            either = outcome["outcome"] == "unchanged" and outcome["organizer_notified"] is None
            return EITHER if either else outcome["outcome"], outcome["detail"], number
        except AirflowFailException as error:
            return "failed", str(error), number
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
    return "gave up", message, TRIES


def run(cell: Cell, event_id: str) -> tuple[str, str, int]:
    """Run the task or the two tasks of a cell; return what was reported, what was said, and the number of tries."""
    if not cell.by_two:
        return run_tries(operator_for(cell.subject, event_id, cell))
    # One says "replied", and the other that it stands.
    operators = [operator_for(cell.subject, event_id, cell) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        both = sorted(pool.map(run_tries, operators))
    said = [reported for reported, _, _ in both]
    # The second finds that the status stands, or that the service deleted what the first declined.
    gone = "EventNotFoundError" in both[0][1]
    expected = said == ["replied", "unchanged"] or (said == ["failed", "replied"] and gone)
    return (
        "replied" if expected else " and ".join(said),
        " | ".join(message for _, message, _ in both),
        max(tries for _, _, tries in both),
    )


def _stands(sandbox: Sandbox, subject: Subject, event_id: str) -> str:
    rows = [
        row
        for row in sandbox.invitations()
        if row["service"] == subject.service and row["event_id"] == event_id
    ]
    return str(rows[0]["status"]) if rows else "gone"
