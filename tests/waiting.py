"""Waiting for what another process, thread or connection does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PAUSE = 0.01
Said = TypeVar("Said")


def soon(true: Callable[[], Said], seconds: float = 60.0) -> Said:
    """Wait until a function says something true, and tell that; AssertionError if it has not after so long."""
    end = time.monotonic() + seconds
    while not (said := true()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(PAUSE)
    return said
