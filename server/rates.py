"""How much happens in a second: what INFO calls instantaneous, a mean over the last second and a half.

Must not live here: what is counted (`usage.Stats`).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from redlark.server.usage import Stats

WINDOW: Final = 1500  # ms
APART: Final = 50
SLOTS: Final = 8


@attrs.define(slots=True, eq=False)
class Rates:
    """Samples of growing counts: (ms, requests, bytes read, bytes written, turns of the loop, ns that these took)."""

    _samples: deque[tuple[int, int, int, int, int, int]] = attrs.Factory(deque)

    def sample(self, now: int, stats: Stats) -> None:
        """Called from time to time, ms."""
        if not self._samples or now - self._samples[-1][0] >= APART:
            counts = stats.commands, stats.net_in, stats.net_out, stats.turns, stats.busy_ns
            self._samples.append((now, *counts))
        while now - self._samples[0][0] > WINDOW:
            self._samples.popleft()

    def forget(self) -> None:
        """The counts begin anew."""
        self._samples.clear()

    def a_second(self) -> tuple[float, ...]:
        """Requests, bytes read, bytes written, turns of the loop, and ns that it was busy, in a second.

        >>> rates = Rates()
        >>> from types import SimpleNamespace as Stats
        >>> for at in range(3):
        ...     rates.sample(at * 500, Stats(commands=at * 10, net_in=at * 100, net_out=0, turns=at, busy_ns=at))
        >>> rates.a_second()
        (20.0, 200.0, 0.0, 2.0, 2.0)
        """
        if len(self._samples) < 2:
            return 0.0, 0.0, 0.0, 0.0, 0.0
        (began, *first), (ended, *last) = self._samples[0], self._samples[-1]
        return tuple((new - old) * 1000 / max(ended - began, 1) for old, new in zip(first, last, strict=True))


@attrs.define(slots=True, eq=False)
class Largest:
    """The largest buffers that a client had of late: a slot for each of the last eight seconds, as in Redis."""

    _slots: list[tuple[int, int, int]] = attrs.Factory(lambda: [(0, 0, 0)] * SLOTS)  # second, input, output

    def note(self, now: int, read: int, waits: int) -> None:
        """Called by cron: ms; bytes of the largest query buffer, and of what waits for a client at most."""
        second = now // 1000
        kept, *old = self._slots[second % SLOTS]
        if kept != second:
            old = [0, 0]
        self._slots[second % SLOTS] = second, max(old[0], read), max(old[1], waits)

    def of(self, now: int, which: int) -> int:
        """The largest query buffer (0), or what waited for a client (1), in bytes.

        >>> largest = Largest()
        >>> largest.note(10_000, 100, 7)
        >>> largest.note(10_500, 50, 8)
        >>> [largest.of(ms, 0) for ms in (10_500, 17_999, 18_000)], largest.of(10_500, 1)
        ([100, 100, 0], 8)
        """
        return max(slot[1 + which] for slot in self._slots if now // 1000 - slot[0] < SLOTS or not slot[0])
