"""Bitrix24's REST API: one portal, where every user answers for themselves only."""

from airflow_provider_rsvp.sandbox.bitrix24.service import Bitrix24

__all__ = ["Bitrix24"]
