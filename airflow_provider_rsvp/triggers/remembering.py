"""Where a trigger keeps what it must know after a restart of the triggerer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, Self

from asgiref.sync import sync_to_async

_KEY = "rsvp_announced"


class Memory(Protocol):
    """Keeps hashes of what was announced."""

    async def load(self) -> dict[str, str]:
        """Return what was saved last; nothing at first."""

    async def save(self, remembered: dict[str, str]) -> None:
        """Keep it."""


class AssetStateMemory:
    """
    Keeps it in the state store of the watched asset, Airflow 3.3 and later.

    :param store: the trigger's ``asset_state_store``
    :param key: which of the asset's watchers
    """

    def __init__(self, store: Any, key: str) -> None:
        self._store = store
        self._key = f"{_KEY}_{key}"

    async def load(self) -> dict[str, str]:
        """Return what was saved last."""
        value = await self._store.aget(self._key)
        return dict(value) if isinstance(value, dict) else {}

    async def save(self, remembered: dict[str, str]) -> None:
        """Keep it."""
        await self._store.aset(self._key, remembered)


class VariableMemory:
    """
    Keeps it in an Airflow Variable, where there is no asset's state store.

    :param key: which trigger
    """

    def __init__(self, key: str) -> None:
        self._name = f"{_KEY}_{key}"

    async def load(self) -> dict[str, str]:
        """Return what was saved last."""
        from airflow_provider_rsvp.hooks.secrets import variables

        text = await sync_to_async(variables().get)(self._name, None)
        value = json.loads(text) if text else {}
        return dict(value) if isinstance(value, dict) else {}

    async def save(self, remembered: dict[str, str]) -> None:
        """Keep it."""
        from airflow_provider_rsvp.hooks.secrets import variables

        await sync_to_async(variables().set)(self._name, json.dumps(remembered))


class Remembering:
    """
    Saves what is to be remembered when it has changed.

    :param memory: where
    :param saved: what was saved last
    """

    def __init__(self, memory: Memory, saved: dict[str, str]) -> None:
        self._memory = memory
        self.saved = saved

    @classmethod
    async def begin(cls, memory: Memory) -> Self:
        """Load what was saved last."""
        return cls(memory, await memory.load())

    def saving(self, remembered: dict[str, str]) -> Callable[[], Awaitable[None]]:
        """Return what saves this, if it is not what was saved last."""

        async def save() -> None:
            if remembered != self.saved:
                await self._memory.save(remembered)
                self.saved = remembered

        return save
