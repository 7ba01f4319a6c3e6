"""Busy times: finds which of many intervals overlaps a given one, in logarithmic time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass

_NOTHING = float("-inf")


@dataclass(frozen=True, slots=True)
class Interval:
    """
    A half-open interval of time; an empty one overlaps nothing.

    :param start: seconds since 1970-01-01 UTC
    :param end: seconds since 1970-01-01 UTC, exclusive
    :param label: the name that people see
    :param keys: the events and series that it belongs to; it does not conflict with events that share a key with it
    """

    start: float
    end: float
    label: str = ""
    keys: frozenset[str] = frozenset()


class BusyTimes:
    """
    A fixed set of intervals, each of which can be present or absent.

    The intervals are sorted by start, under a tree that holds the latest end of those present. So it takes O(log n) to
    find the first present interval that overlaps, and O(log n) to add or remove one.

    :param intervals: all intervals that may ever be present; absent at first
    """

    def __init__(self, intervals: Sequence[Interval]) -> None:
        order = sorted(range(len(intervals)), key=lambda i: (intervals[i].start, intervals[i].end, i))
        self._intervals = [intervals[i] for i in order]
        self._starts = [interval.start for interval in self._intervals]
        self._place = {index: place for place, index in enumerate(order)}
        self._size = 1
        while self._size < len(order):
            self._size *= 2
        self._latest_end = [_NOTHING] * (2 * self._size)

    @classmethod
    def present(cls, intervals: Sequence[Interval]) -> BusyTimes:
        """Return a set in which all intervals are present."""
        times = cls(intervals)
        for index in range(len(intervals)):
            times.put(index, present=True)
        return times

    def put(self, index: int, *, present: bool) -> None:
        """
        Add or remove an interval.

        :param index: its index in the sequence that was given
        """
        place = self._place[index]
        interval = self._intervals[place]
        node = place + self._size
        takes_time = interval.end > interval.start
        self._latest_end[node] = interval.end if present and takes_time else _NOTHING
        while node > 1:
            node //= 2
            self._latest_end[node] = max(self._latest_end[2 * node], self._latest_end[2 * node + 1])

    def overlapping(self, start: float, end: float, but: Collection[str] = frozenset()) -> Interval | None:
        """
        Return the present interval that starts first among those that overlap, or None.

        :param start: seconds since 1970-01-01 UTC
        :param end: seconds since 1970-01-01 UTC, exclusive
        :param but: intervals with one of these keys do not count
        """
        if end <= start:
            return None
        place = -1
        below = bisect_left(self._starts, end)
        while True:
            place = self.next_ending_after(start, place + 1, below)
            if place < 0:
                return None
            interval = self._intervals[place]
            if not but or interval.keys.isdisjoint(but):
                return interval

    def next_ending_after(self, moment: float, first: int, below: int) -> int:
        """Return the first place in ``first..below-1`` whose interval is present and ends after a moment, or -1."""
        if first >= below:
            return -1
        ends = self._latest_end
        node = first + self._size
        # Up, as long as this subtree has nothing; to the right neighbour of a subtree that is done.
        while ends[node] <= moment:
            while node % 2 == 1:
                node //= 2
                if node == 0:
                    return -1
            node += 1
        while node < self._size:
            node *= 2
            if ends[node] <= moment:
                node += 1
        place = node - self._size
        return place if place < below else -1
