"""Many replies at once, each through the reply protocol."""

from airflow_provider_rsvp.bulk.sending import send_replies

__all__ = ["send_replies"]
