"""Deadlines of a hash's fields: which field has which, and which ends first.  The plain core's hashes have them.

Must not live here: the fields' values, and what happens to a field whose time is over.
"""

from __future__ import annotations

import heapq
from collections.abc import Container
from typing import Final

TIMED: Final = 170  # bytes that Python needs for a field's deadline


class Deadlines:
    """A dict of fields with times, and a heap of what it says, or has said."""

    __slots__ = ("_ends", "_heap")

    def __init__(self) -> None:
        self._ends: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._ends)

    def get(self, field: bytes) -> int | None:
        """The deadline of a field (ms), None if it has none."""
        return self._ends.get(field)

    def put(self, field: bytes, at: int) -> None:
        """Give a field a deadline.  O(log n)."""
        self._ends[field] = at
        heapq.heappush(self._heap, (at, field))
        if len(self._heap) > 2 * len(self._ends) + 64:
            self._heap = [(at, field) for field, at in self._ends.items()]
            heapq.heapify(self._heap)

    def drop(self, field: bytes) -> None:
        """Take away a field's deadline, if it has one."""
        self._ends.pop(field, None)

    def first(self) -> tuple[int, bytes] | None:
        """The earliest deadline and its field, None if there is none."""
        heap = self._heap
        while heap and self._ends.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def memory(self) -> int:
        """About how many bytes they take.  O(1)."""
        return TIMED * len(self._ends)

    def copy(self) -> Deadlines:
        """The same for another hash.  O(n)."""
        other = Deadlines()
        other._ends = self._ends.copy()
        other._heap = self._heap.copy()
        return other

    def check(self, fields: Container[bytes]) -> None:
        """Assert that they are of these fields, and that the heap knows of each."""
        assert all(field in fields for field in self._ends)
        assert {(at, field) for field, at in self._ends.items()} <= set(self._heap)
