"""Undo: a plan that restores the statuses from before the replies of a report."""

from __future__ import annotations

from dataclasses import dataclass

import pendulum

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.model import Capabilities, Invitation, Recurrence, Reply, Result, Scope, TimeRange
from airflow_provider_rsvp.plans.plan import Decision, Plan
from airflow_provider_rsvp.plans.report import Report, ReportLine
from airflow_provider_rsvp.preconditions import against_service, sentences
from airflow_provider_rsvp.times import UTC

_GONE = (
    "the service deleted the event when it was declined. Ask the organizer for another invitation, or restore the "
    "event from the deleted items by hand."
)


def plan_from_report(
    report: Report,
    *,
    conn_id: str | None = None,
    capabilities: Capabilities | None = None,
    comment: str | None = None,
    notify_organizer: bool = True,
    now: pendulum.DateTime | None = None,
) -> Plan:
    """
    Return the plan that restores the earlier statuses; nothing is read and nothing is sent.

    For a status that cannot be restored, :attr:`~airflow_provider_rsvp.plans.Decision.unsupported` says why.

    :param conn_id: the connection that the plan is for; default is the report's connection
    :param capabilities: the service's capabilities; if given, the plan says which statuses the service cannot set
    :param comment: text for the organizers
    :param notify_organizer: whether the organizers are told
    :raises InvalidInputError: the report is from another connection, from several, or from a dry run
    """
    if report.dry_run:
        raise InvalidInputError("report: it is from a dry run, which sent nothing.")
    conn_id = _only_connection(report, conn_id)
    planner = _Planner(report, capabilities, comment, notify_organizer)
    return Plan(
        decisions=tuple(planner.decide(line) for line in report.lines),
        created_at=now or pendulum.now(UTC),
        conn_id=conn_id,
        service=report.lines[0].outcome.service if report.lines else None,
    )


def _only_connection(report: Report, conn_id: str | None) -> str | None:
    found = sorted({line.conn_id for line in report.lines})
    if conn_id is None and len(found) > 1:
        raise InvalidInputError(
            f"conn_id: the report is from several connections ({', '.join(found)}); name them one at a time."
        )
    if conn_id is not None and any(each != conn_id for each in found):
        raise InvalidInputError(f"report: it is from connection {', '.join(found)}, not from {conn_id}.")
    return conn_id or (found[0] if found else None)


@dataclass(frozen=True, slots=True)
class _Planner:
    report: Report
    capabilities: Capabilities | None
    comment: str | None
    notify_organizer: bool

    def decide(self, line: ReportLine) -> Decision:
        outcome = line.outcome
        sent = outcome.reply.status
        if outcome.result is Result.FAILED:
            return self._left(
                line, f"The reply failed, so the status before it is not known: {outcome.detail}"
            )
        if outcome.result is not Result.REPLIED:
            return self._left(line, f"Nothing was sent: {outcome.result}.")
        if outcome.before is sent:
            return self._left(line, f"The status was '{sent}' before as well.")
        if outcome.gone:
            return self._left(
                line, f"It was {outcome.before or 'not shown'}, then {sent}.", unsupported=_GONE
            )
        if outcome.before is None:
            return self._left(
                line, f"It is {sent} now.", unsupported="the service did not show the status before it."
            )
        reply = Reply(status=outcome.before, comment=self.comment, notify_organizer=self.notify_organizer)
        unsupported = None
        if self.capabilities is not None:
            unsupported = sentences(
                against_service(self.capabilities, outcome.service, outcome.reference, reply, line.scope)
            )
        return Decision(
            invitation=self._invitation(line),
            reply=reply,
            scope=line.scope,
            reason=f"It was {outcome.before} before '{sent}' was sent.",
            unsupported=unsupported,
        )

    def _left(self, line: ReportLine, reason: str, unsupported: str | None = None) -> Decision:
        return Decision(
            invitation=self._invitation(line),
            reply=None,
            scope=line.scope,
            reason=reason,
            unsupported=unsupported,
        )

    def _invitation(self, line: ReportLine) -> Invitation:
        """Return the invitation as the reply left it, so that a later change by hand is noticed."""
        outcome, reference = line.outcome, line.outcome.reference
        recurrence = Recurrence.INSTANCE if reference.original_start is not None else Recurrence.SINGLE
        return Invitation(
            reference=reference,
            subject=outcome.subject or "",
            # An event that was gone before it was ever seen has no time.
            time=outcome.time or TimeRange(self.report.created_at, self.report.created_at),
            status=outcome.after or outcome.reply.status,
            recurrence=Recurrence.SERIES if line.scope is Scope.SERIES else recurrence,
            link=outcome.link,
        )
