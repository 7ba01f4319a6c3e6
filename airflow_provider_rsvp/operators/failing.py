"""How this package's errors end a task: permanent ones at once, passing ones by Airflow's retries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_rsvp.exceptions import PermanentError

try:
    from airflow.sdk.exceptions import AirflowFailException
except ImportError:  # Airflow 3.1 has it here only
    from airflow.exceptions import AirflowFailException  # type: ignore[no-redef]


@contextmanager
def failing_at_once() -> Iterator[None]:
    """
    Turn a permanent error into one that Airflow does not retry; passing errors go through as they are.

    :raises AirflowFailException: with the message of the permanent error
    """
    try:
        yield
    except PermanentError as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
