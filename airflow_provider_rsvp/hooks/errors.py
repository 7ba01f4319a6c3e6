"""How this package's errors end a task: permanent errors at once, passing errors through Airflow's retries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_rsvp.exceptions import PermanentError

try:
    from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
except ImportError:  # Airflow 3.1 has them here only
    from airflow.exceptions import (  # type: ignore[no-redef]
        AirflowFailException,
        AirflowSensorTimeout,
        AirflowSkipException,
    )

__all__ = ["AirflowFailException", "AirflowSensorTimeout", "failing_at_once", "skipping_if"]


@contextmanager
def failing_at_once() -> Iterator[None]:
    """
    Turn a permanent error into one that Airflow does not retry; pass on passing errors unchanged.

    :raises AirflowFailException: with the message of the permanent error
    """
    try:
        yield
    except PermanentError as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error


@contextmanager
def skipping_if(wanted: bool) -> Iterator[None]:
    """
    Turn a permanent failure into a skip, if a sensor's ``soft_fail`` or ``never_fail`` asks for it.

    :raises AirflowSkipException: instead of ``AirflowFailException`` and ``AirflowSensorTimeout``
    """
    try:
        yield
    except (AirflowFailException, AirflowSensorTimeout) as error:
        if wanted:
            raise AirflowSkipException(str(error)) from error
        raise
