"""The memory of a task that sends many replies: what its earlier tries were about to send, and what they settled."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp.bulk.ledger import Ledger, NoLedger, Page
from airflow_provider_rsvp.replying import Intent, IntentMemory

if TYPE_CHECKING:
    from airflow.sdk import Context

_GATHERING = 0.005
"""Seconds for which a page waits for more notes: writing is a call to Airflow's API server."""


class TaskStateLedger:
    """
    Keeps notes in Airflow's task state store, which survives a crashed try; a page is one entry of it.

    :param store: ``context["task_state_store"]``, Airflow 3.3 and later
    :param name: tells these notes from others of the task
    """

    def __init__(self, store: Any, name: str) -> None:
        self._store = store
        self._name = name
        self._pages = int(store.get(name) or 0)
        self._notes: dict[str, dict[str, Any]] = {}
        for number in range(self._pages):
            self._notes |= store.get(f"{name}_{number}") or {}

    def outcome(self, key: str) -> dict[str, Any] | None:
        """Return the outcome that an earlier try noted, or None."""
        return self._notes.get(key, {}).get("outcome")

    def page(self) -> Page:
        """Return a page that no one else writes on."""
        page = _TaskStatePage(self._store, f"{self._name}_{self._pages}", self._notes)
        self._pages += 1
        self._store.set(self._name, self._pages)
        return page


class _TaskStatePage:
    """
    One entry of the store.

    :param earlier: the notes of earlier tries
    """

    def __init__(self, store: Any, name: str, earlier: dict[str, dict[str, Any]]) -> None:
        self._store = store
        self._name = name
        self._earlier = earlier
        self._notes: dict[str, dict[str, Any]] = {}
        self._written: dict[str, dict[str, Any]] = {}
        self._writing: asyncio.Task[None] | None = None

    def memory(self, key: str) -> IntentMemory:
        return _NotedIntent(self, key)

    def intent(self, key: str) -> Intent | None:
        value = self._notes.get(key, self._earlier.get(key, {})).get("intent")
        return Intent.from_dict(value) if value else None

    async def note_intent(self, key: str, intent: Intent) -> None:
        """Note an intent, and return when it is written down, together with those noted at the same time."""
        self._notes[key] = {"intent": intent.to_dict()}
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_soon())
        await asyncio.shield(self._writing)

    def forget(self, key: str) -> None:
        # An empty note hides what an earlier try wrote on its own page.
        self._notes[key] = {}

    def settle(self, key: str, outcome: dict[str, Any]) -> None:
        self._notes[key] = {"outcome": outcome}

    async def write(self) -> None:
        if self._notes != self._written:
            self._store.set(self._name, self._notes)
            self._written = dict(self._notes)

    async def _write_soon(self) -> None:
        await asyncio.sleep(_GATHERING)
        self._writing = None
        await self.write()


class _NotedIntent:
    """The memory of one reply, as a note on a page."""

    retried = False

    def __init__(self, page: _TaskStatePage, key: str) -> None:
        self._page = page
        self._key = key

    async def load(self) -> Intent | None:
        return self._page.intent(self._key)

    async def save(self, intent: Intent) -> None:
        await self._page.note_intent(self._key, intent)

    async def clear(self) -> None:
        self._page.forget(self._key)


def task_ledger(context: Context, conn_id: str) -> Ledger:
    """
    Return the memory of the running task for one connection.

    Without a state store only the number of the try is known.
    """
    store = context.get("task_state_store")
    if store is None:
        return NoLedger(retried=(context["ti"].try_number or 1) > 1)
    return TaskStateLedger(store, f"rsvp_replies_{hashlib.sha256(conn_id.encode()).hexdigest()[:12]}")
