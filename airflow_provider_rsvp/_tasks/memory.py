"""The memory of a task: what its earlier tries were about to send, and what they settled."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp.replying import Intent, NoMemory, ReplyMemory

if TYPE_CHECKING:
    from airflow.sdk import Context

_GATHERING = 0.005
"""How long an intent waits for others to be written with it, in seconds: a write is a call to Airflow's API server."""
_NOTES = 80
"""Notes in one entry of the store, which is meant for values of up to 64 KB."""

_Note = dict[str, dict[str, Any]]


class TaskStateMemory:
    """
    Keeps notes in Airflow's task state store, which survives a crashed try; many notes share one entry.

    :param store: ``context["task_state_store"]``, Airflow 3.3 and later
    :param name: the prefix of the entries, which keeps these notes apart from others of the task
    """

    retried = False

    def __init__(self, store: Any, name: str) -> None:
        self._store = store
        self._name = name
        self._earlier: dict[str, _Note] = {}
        self._places: dict[str, int] = {}
        self._entries: dict[int, dict[str, _Note]] = {}
        self._unwritten: set[int] = set()
        self._writing: asyncio.Task[None] | None = None
        self._last = -1
        while entry := store.get(f"{name}_{self._last + 1}"):
            self._earlier |= entry
            self._last += 1

    def intent(self, key: str) -> Intent | None:
        """Return the intent that was noted last, or None."""
        plain = self._note(key).get("intent")
        return Intent.from_plain(plain) if plain else None

    def outcome(self, key: str) -> dict[str, Any] | None:
        """Return the outcome that was noted, or None."""
        return self._note(key).get("outcome")

    async def note_intent(self, key: str, intent: Intent) -> None:
        """Note an intent, and return when it is written, together with those noted at the same time."""
        await self._write_together(key, {"intent": intent.to_plain()})

    async def forget(self, key: str) -> None:
        """Forget an intent, even of an earlier try."""
        await self._write_together(key, {})

    def settle(self, key: str, outcome: dict[str, Any]) -> None:
        """Note an outcome."""
        self._put(key, {"outcome": outcome})

    async def write(self) -> None:
        """Write what was noted since the last call."""
        for number in sorted(self._unwritten):
            entry = self._entries[number]
            self._store.set(f"{self._name}_{number}", entry)
            if len(entry) == _NOTES and not any("intent" in note for note in entry.values()):
                # Nothing reads these again, so thousands of them need not stay in memory.
                del self._entries[number]
                for key in entry:
                    del self._places[key]
        self._unwritten.clear()

    def _note(self, key: str) -> _Note:
        place = self._places.get(key)
        return self._earlier.get(key, {}) if place is None else self._entries[place][key]

    def _put(self, key: str, note: _Note) -> None:
        place = self._places.get(key)
        if place is None:
            # Each try adds entries to those of earlier tries; its notes replace theirs.
            if self._last not in self._entries or len(self._entries[self._last]) == _NOTES:
                self._last += 1
                self._entries[self._last] = {}
            place = self._places[key] = self._last
        self._entries[place][key] = note
        self._unwritten.add(place)

    async def _write_together(self, key: str, note: _Note) -> None:
        self._put(key, note)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_soon())
        await asyncio.shield(self._writing)

    async def _write_soon(self) -> None:
        await asyncio.sleep(_GATHERING)
        self._writing = None
        await self.write()


def task_memory(context: Context, conn_id: str | None = None) -> ReplyMemory:
    """
    Return the memory of the running task; without a state store, only the number of the try is known.

    :param conn_id: which connection, for a task that replies through several
    """
    store = context.get("task_state_store")
    if store is None:
        return NoMemory(retried=(context["ti"].try_number or 1) > 1)
    if conn_id is None:
        return TaskStateMemory(store, "rsvp_reply")
    return TaskStateMemory(store, f"rsvp_replies_{hashlib.sha256(conn_id.encode()).hexdigest()[:12]}")
