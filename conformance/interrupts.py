"""Signals that end a run: each is a KeyboardInterrupt, so that whoever has started something stops it."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def interrupts() -> Iterator[list[int]]:
    """Ctrl-C, SIGTERM and SIGHUP as KeyboardInterrupt, so that started servers are stopped; the signals that came.

    An exception raised inside a callback of the garbage collector is lost: who looks at the list sees it all the same.
    """
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    def unraisable(lost: sys.UnraisableHookArgs) -> None:
        if lost.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(lost)

    main_thread = threading.current_thread() is threading.main_thread()  # no other may set handlers
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if main_thread else ()
    before = {number: signal.signal(number, interrupt) for number in numbers}
    sys.unraisablehook = unraisable
    try:
        yield came
    finally:
        sys.unraisablehook = sys.__unraisablehook__
        for number, handler in before.items():
            signal.signal(number, handler)
