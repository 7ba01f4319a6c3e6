"""Many replies at once, each through the reply protocol; their report, and the way back."""

from airflow_provider_rsvp.bulk.planned import PlannedReply
from airflow_provider_rsvp.bulk.report import Report, ReportLine
from airflow_provider_rsvp.bulk.sending import Settled, send_replies
from airflow_provider_rsvp.bulk.undo import plan_from_report

__all__ = ["PlannedReply", "Report", "ReportLine", "Settled", "plan_from_report", "send_replies"]
