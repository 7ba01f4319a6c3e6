"""Cronofy's API: calendars of several providers behind one account, answered with 202 and settled later."""

from airflow_provider_rsvp.sandbox.cronofy.service import Cronofy

__all__ = ["Cronofy"]
