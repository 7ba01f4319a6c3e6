"""Riding out failures that may pass."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from airflow_provider_rsvp.exceptions import PassingError

T = TypeVar("T")
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0

log = logging.getLogger(__name__)


async def patiently(look: Callable[[], Awaitable[T]], *, patience: float) -> T:
    """
    Return what ``look`` returns; while it fails in a way that may pass, look again after growing pauses.

    :param patience: seconds after the first failure for which to try again; with 0, the first failure counts
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
            give_up = clock() + patience if give_up is None else give_up
            left = give_up - clock()
            if left <= 0:
                raise
            log.warning("%s Looking again for another %.0f s.", error, left)
        # Those who began together do not come back together.
        await asyncio.sleep(min(pause * random.uniform(0.5, 1.5), left))  # noqa: S311
        pause = min(2 * pause, _LONGEST_PAUSE)
