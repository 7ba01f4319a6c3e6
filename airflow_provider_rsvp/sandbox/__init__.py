"""An embedded fake of the calendar services on loopback: for tests, the demo, and developing DAGs against."""

from airflow_provider_rsvp.sandbox.embedded import Sandbox
from airflow_provider_rsvp.sandbox.options import InputError

__all__ = ["InputError", "Sandbox"]
