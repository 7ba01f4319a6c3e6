"""What a task remembers of many replies from one of its tries to the next."""

from __future__ import annotations

from typing import Any, Protocol

from airflow_provider_rsvp.replying import IntentMemory, NoMemory


class Page(Protocol):
    """A place for the notes on some of the replies, which are written down together."""

    def memory(self, key: str) -> IntentMemory:
        """Return the memory of one reply."""

    def settle(self, key: str, outcome: dict[str, Any]) -> None:
        """Note the outcome of a reply that needs no other try; JSON-plain."""

    async def write(self) -> None:
        """Write down what was noted since the last time."""


class Ledger(Protocol):
    """Remembers intents and outcomes of many replies."""

    def outcome(self, key: str) -> dict[str, Any] | None:
        """Return the outcome that an earlier try noted, or None."""

    def page(self) -> Page:
        """Return a page that no one else writes on."""


class NoLedger:
    """
    Remembers nothing.

    :param retried: whether an earlier try may have sent any of the replies
    """

    def __init__(self, *, retried: bool = False) -> None:
        self._retried = retried

    def outcome(self, key: str) -> dict[str, Any] | None:
        """Return None."""
        return None

    def page(self) -> Page:
        """Return a page that keeps nothing."""
        return _NoPage(self._retried)


class _NoPage:
    def __init__(self, retried: bool) -> None:
        self._retried = retried

    def memory(self, key: str) -> IntentMemory:
        return NoMemory(retried=self._retried)

    def settle(self, key: str, outcome: dict[str, Any]) -> None:
        pass

    async def write(self) -> None:
        pass
