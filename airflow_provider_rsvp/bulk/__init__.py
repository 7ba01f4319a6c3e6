"""Many replies at once, each through the reply protocol."""

from airflow_provider_rsvp.bulk.sending import failed_lines, send_replies

__all__ = ["failed_lines", "send_replies"]
