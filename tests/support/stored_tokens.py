"""Airflow's Variables, as far as the tests need to empty them."""

from __future__ import annotations


def forget_stored_tokens() -> None:
    """Delete every Variable, where rotated refresh tokens are kept."""
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        session.query(Variable).delete()
