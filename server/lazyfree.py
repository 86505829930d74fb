"""Freeing what is large beside the loop: UNLINK, FLUSHALL ASYNC, the `lazyfree-*` parameters.

Theory of operation.  Objects of Python are freed under the interpreter's lock, wherever that happens: a thread would
free them no sooner, and hold everybody up.  Structures of C that refer to no object of Python can be freed without it.
So a type whose values are such structures has a method `release()`, which gives up the lock, frees them and leaves the
value empty; `later` hands it to a thread.  A value without one is let go at once.

Must not live here: which commands let go of values, and of which.
"""

from __future__ import annotations

import queue
import threading
from typing import Any

import attrs


@attrs.define(slots=True, eq=False)
class Lazy:
    """Frees for one server; its thread begins with the first value and ends with the process."""

    freed: int = 0  # values, since the server started or CONFIG RESETSTAT
    _taken: int = 0
    _waiting: queue.SimpleQueue[Any] = attrs.Factory(queue.SimpleQueue)
    _thread: threading.Thread | None = None

    @property
    def pending(self) -> int:
        """Values that are still to be freed."""
        return self._taken - self.freed

    def later(self, value: object) -> bool:
        """Free a value that nobody else refers to; False where that is not worth a thread, or cannot be had."""
        if not hasattr(value, "release"):
            return False
        if self._thread is None:
            self._thread = threading.Thread(target=self._free, name="lazyfree", daemon=True)
            self._thread.start()
        self._taken += 1
        self._waiting.put(value)
        return True

    def _free(self) -> None:
        while True:
            self._waiting.get().release()
            self.freed += 1
