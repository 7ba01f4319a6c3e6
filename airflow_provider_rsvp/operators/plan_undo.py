"""A plan that restores the statuses from before many replies, as a step of a DAG; nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates
from airflow_provider_rsvp.exceptions import InvalidInputError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_rsvp.plans import Plan, Report


class PlanUndoOperator(AuthorsTemplates):
    """
    Plan how to restore the statuses from before the replies of a report; sends nothing.

    The log shows the plan as a table, and names what cannot be restored: a status that the service cannot set, or
    an event that was gone after it was declined. XComs: the plan as ``return_value``, and ``markdown``. All
    parameters are templated.

    :param report: a report, as ``SendRepliesOperator`` returns it
    :param report_path: the ``.json`` file that it wrote, instead of ``report``
    :param conn_id: the connection that the replies were sent through; required if the report is from several
    :param comment: text for the organizers
    :param notify_organizer: whether the organizers are told
    :param on_unsupported: ``fail`` if a status cannot be restored, or ``skip`` it
    :return: the plan, as :meth:`airflow_provider_rsvp.plans.Plan.to_plain` gives it
    :raises AirflowFailException: a permanent error; Airflow does not retry
    """

    template_fields: Sequence[str] = (
        "report",
        "report_path",
        "conn_id",
        "comment",
        "notify_organizer",
        "on_unsupported",
    )
    ui_color = "#dbeafe"

    def __init__(
        self,
        *,
        report: Mapping[str, Any] | None = None,
        report_path: str | None = None,
        conn_id: str | None = None,
        comment: str | None = None,
        notify_organizer: bool | str = True,
        on_unsupported: Literal["fail", "skip"] = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (report is None) == (report_path is None):
            raise InvalidInputError("report: give exactly one of report and report_path.")
        self.report = report
        self.report_path = report_path
        self.conn_id = conn_id
        self.comment = comment
        self.notify_organizer = notify_organizer
        self.on_unsupported = on_unsupported

    def execute(self, context: Context) -> dict[str, Any]:
        """Make the plan."""
        from airflow_provider_rsvp._tasks.plans import show_plan
        from airflow_provider_rsvp.hooks.errors import failing_at_once

        with failing_at_once():
            plan = self._plan()
            show_plan(plan, context, self.on_unsupported, self.log)
        return plan.to_plain()

    def _plan(self) -> Plan:
        from airflow_provider_rsvp.hooks.base import get_calendar_hook
        from airflow_provider_rsvp.model import parse_flag
        from airflow_provider_rsvp.plans import plan_from_report

        report = self._report()
        conn_id = self.conn_id or next((line.conn_id for line in report.lines), None)
        return plan_from_report(
            report,
            conn_id=self.conn_id or None,
            capabilities=get_calendar_hook(conn_id).capabilities if conn_id else None,
            comment=self.comment or None,
            notify_organizer=parse_flag(self.notify_organizer, "notify_organizer"),
        )

    def _report(self) -> Report:
        from airflow_provider_rsvp._tasks.report_files import read_report
        from airflow_provider_rsvp.plans import Report

        if self.report_path is not None:
            return read_report(self.report_path)
        if self.report is None:
            raise InvalidInputError("report: there is none. Did the sending task end without one?")
        return Report.from_plain(self.report)
