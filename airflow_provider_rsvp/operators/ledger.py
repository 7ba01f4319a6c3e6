"""The memory of a task that sends many replies: what its earlier tries were about to send, and what they settled."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp.bulk.ledger import Ledger, NoLedger, Page
from airflow_provider_rsvp.replying import Intent, IntentMemory

if TYPE_CHECKING:
    from airflow.sdk import Context

_GATHERING = 0.005
"""Seconds for which a page waits for more notes: writing is a call to Airflow's API server."""
_NOTES = 80
"""Notes in one entry of the store, which is meant for values of up to 64 KB."""


class TaskStateLedger:
    """
    Keeps notes in Airflow's task state store, which survives a crashed try; a page is some entries of it.

    :param store: ``context["task_state_store"]``, Airflow 3.3 and later
    :param name: tells these notes from others of the task
    """

    def __init__(self, store: Any, name: str) -> None:
        self._store = store
        self._name = name
        self._entries = int(store.get(name) or 0)
        self._notes: dict[str, dict[str, Any]] = {}
        for number in range(self._entries):
            self._notes |= store.get(f"{name}_{number}") or {}

    def outcome(self, key: str) -> dict[str, Any] | None:
        """Return the outcome that an earlier try noted, or None."""
        return self._notes.get(key, {}).get("outcome")

    def page(self) -> Page:
        """Return a page that no one else writes on."""
        return _TaskStatePage(self._store, self._new_entry, self._notes)

    def _new_entry(self) -> str:
        """Return the name of an entry that no one else writes to."""
        name = f"{self._name}_{self._entries}"
        self._entries += 1
        self._store.set(self._name, self._entries)
        return name


class _TaskStatePage:
    """
    Notes on some replies.

    :param new_entry: returns the name of a new entry of the store
    :param earlier: the notes of earlier tries
    """

    def __init__(self, store: Any, new_entry: Callable[[], str], earlier: dict[str, dict[str, Any]]) -> None:
        self._store = store
        self._new_entry = new_entry
        self._earlier = earlier
        self._notes: dict[str, dict[str, Any]] = {}
        self._names: list[str] = []
        self._written: list[dict[str, dict[str, Any]]] = []
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
        notes = list(self._notes.items())
        for number, first in enumerate(range(0, len(notes), _NOTES)):
            entry = dict(notes[first : first + _NOTES])
            if number == len(self._names):
                self._names.append(self._new_entry())
                self._written.append({})
            if entry != self._written[number]:
                self._store.set(self._names[number], entry)
                self._written[number] = entry

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
