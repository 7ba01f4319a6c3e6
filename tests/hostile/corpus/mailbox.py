"""What a mailbox is, into which hostile invitations are laid between two good ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hostile.corpus.case import Hostile

BEFORE, AFTER = "Neighbour before", "Neighbour after"
DAYS = 10
"""Days from now to a hostile invitation that says no other time."""


@dataclass
class Laid:
    """
    What lies in a mailbox.

    :param hostile: the event id of each hostile invitation, as the service shows it, by the name of the case
    :param subjects: what the strangers wrote as subjects, likewise
    :param neighbours: the event id of each good one, by its subject
    """

    hostile: dict[str, Any] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    neighbours: dict[str, str] = field(default_factory=dict)


class Mailbox(Protocol):
    """
    One mailbox of one service.

    :param conn_id: its connection
    :param links: the hosts to which its links may lead; None where the service makes them, and no stranger
    """

    service: str
    conn_id: str
    comments: bool
    links: frozenset[str] | None

    def connection(self) -> dict[str, Any]:
        """Return the connection, secrets and all."""

    def carries(self, case: Hostile) -> bool:
        """Return whether the service's format has room for what the stranger wrote."""

    def lay(self, cases: Sequence[Hostile]) -> Laid:
        """Put these invitations, between two good ones, into the empty mailbox."""

    def mails(self) -> Counter[str]:
        """Return how often an organizer was mailed, by event id."""

    def words(self) -> list[str]:
        """Return what organizers were written."""


def subjects_of(cases: Sequence[Hostile]) -> dict[str, str]:
    return {case.name: case.wrote["subject"] for case in cases if "subject" in case.wrote}
