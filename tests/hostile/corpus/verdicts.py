"""
The verdicts: what became of each hostile invitation, on each service, with each consumer.

=============  =========================================================================================
ok             it was read, shown or answered like any other, and its neighbours too
refused        it cannot be answered, which a row or a clear error says; its neighbours can
hidden         a good invitation beside it was not listed, planned, announced or answered
vanished       it is not in a listing of everything, not even as a row that cannot be answered
hung           it took too long
leaked         a secret was seen, or a stranger's template rendered
mailed twice   an organizer got more than one mail
misled         characters that cannot be seen, a forged line, live markup, a formula, a link off the host
crashed        an error that is none of the package's
-              the service does not carry it
=============  =========================================================================================
"""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from hostile.corpus.case import Hostile
from hostile.corpus.consumers import CONSUMERS, GOOD
from hostile.corpus.evidence import Evidence, logged
from hostile.corpus.mailbox import Mailbox
from hostile.corpus.run import REFUSALS, Run, Seen

GROUP = 24
"""How many hostile invitations lie in one mailbox; where one fails, each is tried alone."""
SECONDS_ALONE, SECONDS_EACH = 6.0, 0.5
"""How long a consumer may take: for one mailbox, and for each hostile invitation in it."""
_SHOWN = 240


@dataclass(frozen=True)
class Verdict:
    """
    A verdict, and what it is based on.

    :param kind: as above
    """

    kind: str
    why: str = ""

    @property
    def bad(self) -> bool:
        return self.kind not in ("ok", "refused", "-")


class Hung(BaseException):
    """A consumer took too long."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """
    Interrupt the block after so many seconds of work, wherever it is: in an event loop, or in a regular expression.

    Where it waits rather than works, or others keep the machine busy, it gets six times as long. It is interrupted
    again and again, as it may catch that. pytest-timeout's own timer goes on afterwards.
    """
    assert threading.current_thread() is threading.main_thread()
    begun, worked = time.monotonic(), time.process_time()

    def strike(*_: object) -> None:
        if time.process_time() - worked > seconds or time.monotonic() - begun > 6 * seconds:
            raise Hung(f"it took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, strike)
    left, interval = signal.setitimer(signal.ITIMER_REAL, 1.0, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, left - (time.monotonic() - begun)), interval)


def judge(
    box: Mailbox, consumer: Callable[[Run], Seen], cases: Sequence[Hostile], secrets: set[str]
) -> dict[str, Verdict]:
    """Run one consumer on a mailbox that holds these cases between two good ones; return the verdict on each."""
    laid = box.lay(cases)
    evidence = Evidence(secrets, box.links)
    seen: Seen | None = None
    failure: Verdict | None = None
    try:
        with at_most(SECONDS_ALONE + SECONDS_EACH * len(cases)), logged(evidence) as log:
            try:
                seen = consumer(Run(box, laid, evidence, log))
            except REFUSALS as error:
                evidence.error(error)
                failure = Verdict("hidden", _told(error))
            except Exception as error:
                evidence.error(error)
                failure = Verdict("crashed", _told(error))
    except Hung as error:
        failure = Verdict("hung", f"{error}, at {_place(error)}")
    for words in box.words():
        evidence.mail(words)
    mailed = {event: count for event, count in box.mails().items() if count > 1}
    if evidence.leaked:
        failure = Verdict("leaked", evidence.leaked[0])
    elif mailed:
        failure = Verdict("mailed twice", str(mailed))
    elif failure is None and seen is not None and (missing := GOOD - seen.neighbours):
        failure = Verdict("hidden", f"{sorted(missing)} not seen")
    elif failure is None and evidence.misled:
        failure = Verdict("misled", evidence.misled[0])
    if failure is not None or seen is None:
        return dict.fromkeys((case.name for case in cases), failure or Verdict("crashed"))
    return {case.name: _of(case, seen) for case in cases}


def _of(case: Hostile, seen: Seen) -> Verdict:
    why = seen.hostile.get(case.name)
    if why:
        return Verdict("refused", why[:_SHOWN])
    if why is None and seen.lists and not case.elsewhere:
        return Verdict("vanished", "it is not among all that is listed")
    return Verdict("ok")


Matrix = dict[tuple[str, str], dict[str, Verdict]]
"""Verdicts by service and case, and by consumer."""


def run(box: Mailbox, cases: Sequence[Hostile], secrets: set[str]) -> Matrix:
    """Run all that a service carries through all consumers."""
    carried = [case for case in cases if box.carries(case)]
    matrix: Matrix = defaultdict(dict)
    for name, consumer in CONSUMERS.items():
        # What hung once would hang again, and take its time each time.
        left = []
        for case in carried:
            before = matrix[box.service, case.name].values()
            if any(verdict.kind == "hung" for verdict in before):
                matrix[box.service, case.name][name] = Verdict("hung", "as before")
            else:
                left.append(case)
        for place in range(0, len(left), GROUP):
            for case, verdict in _narrowed(box, consumer, left[place : place + GROUP], secrets).items():
                matrix[box.service, case][name] = verdict
    return dict(matrix)


def _narrowed(
    box: Mailbox, consumer: Callable[[Run], Seen], cases: Sequence[Hostile], secrets: set[str]
) -> dict[str, Verdict]:
    """Judge many at once, and if there is something bad, fewer and fewer, down to each alone."""
    found = judge(box, consumer, cases, secrets)
    if len(cases) == 1 or not any(verdict.bad for verdict in found.values()):
        return found
    # Halves are fewer runs where few are bad; what hangs takes its whole time in each.
    size = 1 if any(verdict.kind == "hung" for verdict in found.values()) else len(cases) // 2
    parts = (cases[place : place + size] for place in range(0, len(cases), size))
    return {
        name: verdict for part in parts for name, verdict in _narrowed(box, consumer, part, secrets).items()
    }


def bad(matrix: Matrix) -> str:
    """Return the bad verdicts as a table: what happened, to which case, where, and the first reason; empty if none."""
    found: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    reasons: dict[tuple[str, str], str] = {}
    for (service, case), verdicts in matrix.items():
        for consumer, verdict in verdicts.items():
            if verdict.bad:
                found[verdict.kind, case][service].add(consumer)
                reasons.setdefault((verdict.kind, case), f"{service}, {consumer}: {verdict.why}")
    lines = []
    for (kind, case), services in sorted(found.items()):
        lines.append(f"{kind.upper()}: {case}")
        for service, consumers in services.items():
            named = "every consumer" if len(consumers) == len(CONSUMERS) else ", ".join(sorted(consumers))
            lines.append(f"    {service}: {named}")
        lines.append(f"    {reasons[kind, case][:_SHOWN]}")
    return "\n".join(lines)


def table(matrix: Matrix) -> str:
    """Return the whole matrix: a line for each service and case, a column for each consumer."""
    width = max(len(case) for _, case in matrix)
    head = f"{'':10} {'':{width}} " + " ".join(f"{name[:8]:8}" for name in CONSUMERS)
    lines = [
        f"{service:10} {case:{width}} "
        + " ".join(f"{verdicts.get(name, Verdict('-')).kind[:8]:8}" for name in CONSUMERS)
        for (service, case), verdicts in sorted(matrix.items())
    ]
    return "\n".join([head, *lines])


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {ascii(str(error))[:_SHOWN]} at {_place(error)}"


def _place(error: BaseException) -> str:
    """Return where in the package an error was raised."""
    frames = [
        each
        for each in traceback.extract_tb(error.__traceback__)
        if "airflow_provider_rsvp/" in each.filename
    ]
    if not frames:
        return "no place in the package"
    last = frames[-1]
    return f"{last.filename.rpartition('airflow_provider_rsvp/')[2]}:{last.lineno}"
