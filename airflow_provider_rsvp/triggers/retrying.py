"""Retrying looks that fail."""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Awaitable, Callable
from typing import TypeVar

from airflow_provider_rsvp.exceptions import PassingError, RsvpError

T = TypeVar("T")
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_LONGEST_REST = 900.0

log = logging.getLogger(__name__)


async def retry_passing(look: Callable[[], Awaitable[T]], *, failure_timeout: float) -> T:
    """
    Return what ``look`` returns; while it fails in a way that may pass, look again after growing pauses.

    :param failure_timeout: seconds after the first failure for which to try again; with 0, the first failure counts
    :raises PassingError: it still fails after that time
    :raises PermanentError: at once
    """
    clock = asyncio.get_running_loop().time
    give_up: float | None = None
    pause = _FIRST_PAUSE
    while True:
        try:
            return await look()
        except PassingError as error:
            give_up = clock() + failure_timeout if give_up is None else give_up
            left = give_up - clock()
            if left <= 0:
                raise
            log.warning("%s Looking again for another %.0f s.", error, left)
        await asyncio.sleep(min(_spread(pause), left))
        pause = min(2 * pause, _LONGEST_PAUSE)


async def retry_forever(
    look: Callable[[], Awaitable[T]], *, failure_timeout: float, rest: float, what: str
) -> T:
    """
    Return what ``look`` returns, however long it fails.

    For what Airflow would begin again a second after its end, and so ask the service again and again. A passing
    failure is first retried as :func:`retry_passing` does. Whatever fails then, or for good, is logged as an error; the
    next look comes after a rest, which doubles each time, up to a quarter of an hour.

    :param failure_timeout: seconds for which a failure that may pass is none yet
    :param rest: seconds of the first rest; a longer one than a quarter of an hour does not grow
    :param what: names it in the log
    """
    while True:
        try:
            return await retry_passing(look, failure_timeout=failure_timeout)
        except Exception as error:
            pause = _spread(rest)
            log.error("%s: %s Looking again in %.0f s.", what, redacted(error), pause)
        await asyncio.sleep(pause)
        failure_timeout, rest = 0.0, min(2 * rest, max(rest, _LONGEST_REST))


def redacted(error: Exception) -> str:
    """Return an error as the log may hold it: the text of an unforeseen one may hold anything, a secret included."""
    if isinstance(error, RsvpError):
        return f"{type(error).__name__}: {error}"
    return f"An unforeseen {type(error).__name__}.\n{''.join(traceback.format_tb(error.__traceback__))}"


def _spread(pause: float) -> float:
    """Return about as many seconds, so that those who began together do not come back together."""
    return pause * random.uniform(0.5, 1.5)  # noqa: S311
