"""What must hold at the end of every run."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_rsvp.exceptions import EditConflictError, PermanentError
from airflow_provider_rsvp.model import Result
from explore.repliers import Ending
from explore.service import Service


def violations(service: Service, endings: list[Ending]) -> Iterator[str]:
    """Yield what is wrong, as sentences."""
    for mail in service.mails:
        if mail.repeats:
            yield f"{mail.decision}: the organizer is told '{mail.status}' twice in a row."
    for ending in endings:
        for sentence in _untrue(service, ending):
            yield f"{ending.task.decision}, {ending.event}: {sentence}"


def _untrue(service: Service, ending: Ending) -> Iterator[str]:
    decision = ending.task.decision
    mails = sum((mail.decision, mail.event) == (decision, ending.event) for mail in service.mails)
    # What another sets to the same stands all the same, and cannot be told from this task's own reply.
    by_others = any(
        who != decision and event == ending.event and status is ending.status
        for who, event, status in service.history
    )
    outcome, error = ending.outcome, ending.error
    if mails > 1:
        yield f"{mails} mails for one decision."
    if outcome is None and error is None:
        yield "it ended in nothing."
    if mails and isinstance(error, PermanentError):
        yield f"a mail went out, and a {type(error).__name__} says that nothing was sent: {error}"
    if mails and isinstance(error, EditConflictError) and ending.tries == 1:
        yield f"a mail went out, and an EditConflictError says that nothing was sent: {error}"
    if outcome is None:
        return
    if outcome.result is Result.REPLIED and outcome.verified and not (mails or by_others):
        yield f"verified, and nothing was sent: {outcome.detail}"
    if outcome.result is Result.UNCHANGED and not (mails or by_others):
        yield f"unchanged, and nobody set it: {outcome.detail}"
    if outcome.organizer_notified is True and not (mails or by_others):
        yield f"the organizer is said to be told, and was not: {outcome.detail}"
    if outcome.organizer_notified is False and mails:
        yield f"{outcome.result}: the organizer is said not to be told, and was: {outcome.detail}"
