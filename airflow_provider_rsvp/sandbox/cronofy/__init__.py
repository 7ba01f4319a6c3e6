"""Cronofy's API: calendars of several providers behind one account; a reply gets a 202 and is settled later."""

from airflow_provider_rsvp.sandbox.cronofy.service import Cronofy

__all__ = ["Cronofy"]
