"""Microsoft Graph's calendar API (v1.0 and beta) and the login that goes with it."""

from airflow_provider_rsvp.sandbox.graph.service import Graph

__all__ = ["Graph"]
