"""The memory of a task: what its earlier tries were about to send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp.replying import Intent, IntentMemory, NoMemory

if TYPE_CHECKING:
    from airflow.sdk import Context


class TaskStateMemory:
    """
    Keeps the intent in Airflow's task state store, which survives a crashed try.

    :param store: ``context["task_state_store"]``, Airflow 3.3 and later
    :param key: which reply of the task
    """

    retried = False

    def __init__(self, store: Any, key: str) -> None:
        self._store = store
        self._key = key

    async def load(self) -> Intent | None:
        """Return the intent that an earlier try noted, or None."""
        value = self._store.get(self._key)
        return Intent.from_dict(value) if isinstance(value, dict) else None

    async def save(self, intent: Intent) -> None:
        """Note the intent."""
        self._store.set(self._key, intent.to_dict())

    async def clear(self) -> None:
        """Forget the intent."""
        self._store.delete(self._key)


def task_memory(context: Context, key: str = "rsvp_intent") -> IntentMemory:
    """Return the memory of the running task; without a state store only the number of the try is known."""
    store = context.get("task_state_store")
    if store is not None:
        return TaskStateMemory(store, key)
    return NoMemory(retried=(context["ti"].try_number or 1) > 1)
