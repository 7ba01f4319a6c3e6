"""What one trigger announces of the looks at a calendar, which it may share with others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pendulum

from airflow_provider_rsvp.triggers.retrying import redacted
from airflow_provider_rsvp.watching import Announced

if TYPE_CHECKING:
    from airflow_provider_rsvp.model import Invitation
    from airflow_provider_rsvp.policies.conditions.filter import Filter
    from airflow_provider_rsvp.triggers.looks import Look
    from airflow_provider_rsvp.triggers.remembering import Remembering


log = logging.getLogger(__name__)


class Announcing:
    """
    Tells what is new at a look from what was announced before.

    :param wanted: which invitations are announced
    :param answered: whether those are announced too that wait for no answer of mine
    :param begin: loads what was announced before
    :param what: names it in the log
    """

    def __init__(
        self, wanted: Filter, *, answered: bool, begin: Callable[[], Awaitable[Remembering]], what: str
    ) -> None:
        self._wanted = wanted
        self._answered = answered
        self._begin = begin
        self._what = what
        self._remembering: Remembering | None = None
        self._announced: Announced | None = None
        self._saw_all = False
        self._complaint: str | None = None

    async def new(self, look: Look) -> list[Invitation]:
        """
        Return what is to be announced of a look.

        Nothing where that fails: the next look, at all of the calendar, makes up for it. Those who share this one do
        not wait, and a failure that stays is logged once.
        """
        complaint, new = None, []
        try:
            new = await self._take(look)
        except Exception as error:
            self._saw_all, complaint = False, redacted(error)
            if complaint != self._complaint:
                log.error("%s: %s", self._what, complaint)
        self._complaint = complaint
        if not self._saw_all:
            look.want_all_next()
        return new

    async def _take(self, look: Look) -> list[Invitation]:
        if self._announced is None:
            self._remembering = await self._begin()
            self._announced = Announced(
                self._wanted, answered=self._answered, remembered=self._remembering.saved
            )
        # One that joins looks that others have begun has still to see what they saw first.
        self._saw_all = self._saw_all or look.changes.complete
        return self._announced.take(look.changes, pendulum.now("UTC")) if self._saw_all else []

    def save(self, look: Look) -> None:
        """Have what was announced saved once Airflow has stored the event."""
        if self._remembering and self._announced:
            look.when_stored(self._remembering.saving(self._announced.remembered))
