"""`watchdog-period`: where the server is when it has not come round for so long, as a stack in the log.

Theory of operation.  The loop comes round many times a second (`State.cron`), and says so; a thread of its own looks
whether it has.  What runs in Python is seen in the midst of it; C code that keeps the interpreter's lock, when it lets
go of it.  One stall is told once.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency/ (software watchdog).
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable

import attrs


@attrs.define(slots=True, eq=False)
class Watchdog:
    """Watches one thread, the one that calls `seen`."""

    log: Callable[[str, str], None]
    _period: float = 0.0  # seconds; 0: nobody watches
    _at: float = 0.0
    _thread: int = 0
    _stop: threading.Event | None = None

    def configure(self, period: int, least: float) -> None:
        """From now on tell of whatever takes longer than so many ms, and than the loop's own pace, in seconds."""
        wanted = max(period / 1000, least) if period else 0.0
        if wanted == self._period:
            return
        self.stop()
        self._period = wanted
        if wanted:
            self.seen()
            self._stop = threading.Event()
            threading.Thread(target=self._watch, args=(self._stop, wanted), name="watchdog", daemon=True).start()

    def seen(self) -> None:
        """The loop has come round."""
        if self._period:
            self._at, self._thread = time.monotonic(), threading.get_ident()

    def stop(self) -> None:
        """Nobody watches any more."""
        if self._stop is not None:
            self._stop.set()
        self._stop, self._period = None, 0.0

    def _watch(self, stop: threading.Event, period: float) -> None:
        told = 0.0
        while not stop.wait(period / 4):
            at, frame = self._at, sys._current_frames().get(self._thread)
            late = time.monotonic() - at
            if late > period and at != told and frame is not None:
                told = at
                stack = " < ".join(
                    f"{one.name} ({one.filename.rpartition('/')[2]}:{one.lineno})"
                    for one in reversed(traceback.extract_stack(frame))
                )
                self.log("warning", f"watchdog: nobody was served for {late * 1000:.0f} ms; now in {stack}")
