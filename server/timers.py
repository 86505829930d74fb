"""Callbacks at a time: what a loop must not sleep through."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import attrs


@attrs.define(slots=True, order=False, eq=False)
class Timer:
    """One callback; None once it was called or cancelled."""

    when: int  # ms
    number: int
    callback: Callable[[], None] | None

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self.number) < (other.when, other.number)


@attrs.define(slots=True, eq=False)
class Timers:
    """What is to be called, the earliest first; of equal times what was asked for first."""

    _heap: list[Timer] = attrs.Factory(list)
    _made: int = 0
    _cancelled: int = 0  # of those in the heap

    def at(self, when: int, callback: Callable[[], None]) -> Timer:
        """Call back once `when` (ms) has come."""
        self._made += 1
        timer = Timer(when, self._made, callback)
        heapq.heappush(self._heap, timer)
        return timer

    def cancel(self, timer: Timer) -> None:
        """Do not call back.  The heap is swept once most of it is cancelled."""
        if timer.callback is not None:
            timer.callback = None
            self._cancelled += 1
            if self._cancelled > len(self._heap) // 2 + 32:
                self._heap = [each for each in self._heap if each.callback is not None]
                heapq.heapify(self._heap)
                self._cancelled = 0

    def next(self) -> int | None:
        """The earliest time, or None."""
        while self._heap and self._heap[0].callback is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0].when if self._heap else None

    def run(self, now: int) -> None:
        """Call everything whose time has come."""
        while (when := self.next()) is not None and when <= now:
            timer = heapq.heappop(self._heap)
            callback, timer.callback = timer.callback, None
            assert callback is not None
            callback()
