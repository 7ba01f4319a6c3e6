"""Medians, spreads and ratios, and how they are written."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """Several measurements of the same thing."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        if len(self.values) == 1:
            return seconds(self.median)
        return f"{seconds(self.median)} ({seconds(min(self.values))}–{seconds(max(self.values))})"

    def scaled(self, factor: float) -> Sample:
        """Return the same sample in other units."""
        return Sample([value * factor for value in self.values])


def seconds(value: float) -> str:
    """Return a number of about three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def times(ratio: float) -> str:
    """Return a ratio as a factor."""
    return f"{ratio:,.0f}×" if ratio >= 20 else f"{ratio:.1f}×" if ratio >= 3 else f"{ratio:.2f}×"
