"""What a task remembers of its replies from one of its tries to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

from airflow_provider_rsvp.model import ParticipationStatus


@dataclass(frozen=True, slots=True)
class Intent:
    """
    A reply that was about to be sent, as an earlier try noted it.

    :param before: the status that stood before it
    """

    status: ParticipationStatus
    before: ParticipationStatus | None

    def to_plain(self) -> dict[str, Any]:
        """Return the intent as JSON-plain values."""
        return {
            "status": self.status.value,
            "before": self.before.value if self.before else None,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the intent that :meth:`to_plain` wrote."""
        before = plain.get("before")
        return cls(
            status=ParticipationStatus(plain["status"]),
            before=ParticipationStatus(before) if before else None,
        )


class ReplyMemory(Protocol):
    """
    Remembers, under a key for each reply, the intent to send it, and then its outcome.

    A task that sends a single reply remembers one; a task that sends thousands has one memory for all of them.
    """

    @property
    def retried(self) -> bool:
        """Whether an earlier try may have sent a reply without leaving a note."""

    def intent(self, key: str) -> Intent | None:
        """Return the intent that an earlier try noted, or None."""

    async def note_intent(self, key: str, intent: Intent) -> None:
        """Write an intent down; to be called before anything is sent."""

    async def forget(self, key: str) -> None:
        """Forget an intent: the service refused the reply, so nothing was sent."""

    def outcome(self, key: str) -> dict[str, Any] | None:
        """Return the outcome that an earlier try noted, JSON-plain, or None."""

    def settle(self, key: str, outcome: dict[str, Any]) -> None:
        """Note the outcome, JSON-plain, of a reply that needs no other try; :meth:`write` writes it down."""

    async def write(self) -> None:
        """Write down the outcomes noted since the last time."""


class NoMemory:
    """
    Remembers nothing: for replies outside a task, and where Airflow has no state store.

    :param retried: whether an earlier try may have sent a reply
    """

    def __init__(self, *, retried: bool = False) -> None:
        self.retried = retried

    def intent(self, key: str) -> Intent | None:
        """Return None."""
        return None

    async def note_intent(self, key: str, intent: Intent) -> None:
        """Do nothing."""

    async def forget(self, key: str) -> None:
        """Do nothing."""

    def outcome(self, key: str) -> dict[str, Any] | None:
        """Return None."""
        return None

    def settle(self, key: str, outcome: dict[str, Any]) -> None:
        """Do nothing."""

    async def write(self) -> None:
        """Do nothing."""
