"""
Plans and reports: which reply to send to each invitation and why, and what happened to it.

Only values, and how they are read, written and shown as tables. :mod:`airflow_provider_rsvp.policies` makes plans, and
:mod:`airflow_provider_rsvp.bulk` sends them.
"""

from airflow_provider_rsvp.plans.plan import Decision, Plan
from airflow_provider_rsvp.plans.planned_reply import PlannedReply
from airflow_provider_rsvp.plans.report import Report, ReportLine
from airflow_provider_rsvp.plans.undo import plan_from_report

__all__ = ["Decision", "Plan", "PlannedReply", "Report", "ReportLine", "plan_from_report"]
