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


@attrs.define(slots=True, eq=False)
class Rates:
    """Samples of growing counts: (ms, requests, bytes read, bytes written)."""

    _samples: deque[tuple[int, int, int, int]] = attrs.Factory(deque)

    def sample(self, now: int, stats: Stats) -> None:
        """Called from time to time, ms."""
        if not self._samples or now - self._samples[-1][0] >= APART:
            self._samples.append((now, stats.commands, stats.net_in, stats.net_out))
        while now - self._samples[0][0] > WINDOW:
            self._samples.popleft()

    def forget(self) -> None:
        """The counts begin anew."""
        self._samples.clear()

    def a_second(self) -> tuple[float, float, float]:
        """Requests, bytes read and bytes written in a second.

        >>> rates = Rates()
        >>> from types import SimpleNamespace as Stats
        >>> for at in range(3):
        ...     rates.sample(at * 500, Stats(commands=at * 10, net_in=at * 100, net_out=0))
        >>> rates.a_second()
        (20.0, 200.0, 0.0)
        """
        if len(self._samples) < 2:
            return 0.0, 0.0, 0.0
        first, last = self._samples[0], self._samples[-1]
        commands, read, written = ((last[n] - first[n]) * 1000 / max(last[0] - first[0], 1) for n in (1, 2, 3))
        return commands, read, written
