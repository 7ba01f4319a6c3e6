"""Airflow's task state store, for tests that run no Airflow."""

from __future__ import annotations

from typing import Any


class StateStore(dict[str, Any]):
    """Airflow's task state store, as one task instance sees it over its tries."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)
