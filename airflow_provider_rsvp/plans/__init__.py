"""
Plans and reports: what is to be answered how and why, and what became of it.

Values alone, with their reading, writing and tables. A plan is made by :mod:`airflow_provider_rsvp.policies`, and sent
by :mod:`airflow_provider_rsvp.bulk`.
"""

from airflow_provider_rsvp.plans.plan import Decision, Plan
from airflow_provider_rsvp.plans.planned_reply import PlannedReply
from airflow_provider_rsvp.plans.report import Report, ReportLine
from airflow_provider_rsvp.plans.undo import plan_from_report

__all__ = ["Decision", "Plan", "PlannedReply", "Report", "ReportLine", "plan_from_report"]
