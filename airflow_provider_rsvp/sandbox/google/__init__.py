"""Google Calendar's API v3 and the token endpoint that goes with it."""

from airflow_provider_rsvp.sandbox.google.service import Google

__all__ = ["Google"]
