"""Airflow's task state store, for tests that run no Airflow."""

from __future__ import annotations

import json
from typing import Any


class StateStore(dict[str, Any]):
    """Airflow's task state store, as one task instance sees it over its tries; it keeps values as JSON."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))

    def delete(self, key: str) -> None:
        self.pop(key, None)
