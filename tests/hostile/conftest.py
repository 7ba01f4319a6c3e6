"""Hostile services are servers in plain threads, which the tests' clock knows nothing of."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def clock() -> None:
    """Time passes as it does."""
