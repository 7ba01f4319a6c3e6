"""What a task remembers about its replies from one try to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

from airflow_provider_rsvp.model import ParticipationStatus


@dataclass(frozen=True, slots=True)
class Intent:
    """
    A reply that an earlier try was about to send.

    :param before: the status before the reply
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
    Remembers the intent to send each reply, and then its outcome, under the reply's key.

    A task has one memory, whether it sends one reply or thousands.
    """

    @property
    def retried(self) -> bool:
        """Whether an earlier try may have sent a reply without noting it."""

    def intent(self, key: str) -> Intent | None:
        """Return the intent that an earlier try noted, or None."""

    async def note_intent(self, key: str, intent: Intent) -> None:
        """Write down an intent; called before anything is sent."""

    async def forget(self, key: str) -> None:
        """Forget an intent: the service refused the reply, so nothing was sent."""

    def outcome(self, key: str) -> dict[str, Any] | None:
        """Return the outcome that an earlier try noted, JSON-plain, or None."""

    def settle(self, key: str, outcome: dict[str, Any]) -> None:
        """Note the JSON-plain outcome of a reply that needs no further try; :meth:`write` writes it down."""

    async def write(self) -> None:
        """Write down the outcomes noted since the last call."""


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
