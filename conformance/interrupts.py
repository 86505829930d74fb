"""Signals that end a run: each is a KeyboardInterrupt, so that whoever has started something stops it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

PATIENCE = 10.0  # seconds that a run has to end by itself behind a signal
ENDING = b"redlark: ending, what was found is told; to give that up, interrupt it once more in %d s\n"


@contextlib.contextmanager
def interrupts() -> Iterator[list[int]]:
    """Ctrl-C, SIGTERM and SIGHUP as KeyboardInterrupt, so that started servers are stopped; the signals that came.

    Who interrupts once more loses nothing while the run is about to end; behind `PATIENCE`, everything. An exception
    raised inside a callback of the garbage collector is lost: who looks at the list sees it all the same.
    """
    came: list[int] = []
    until = 0.0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal until
        left = until - time.monotonic()
        came.append(number)
        if left > 0:
            with contextlib.suppress(OSError):
                os.write(2, ENDING % (left + 1))  # not by Python's buffers, which the signal may have met in use
            return
        until = time.monotonic() + PATIENCE
        raise KeyboardInterrupt

    def unraisable(lost: sys.UnraisableHookArgs) -> None:
        if lost.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(lost)

    sys.unraisablehook = unraisable
    try:
        with _handled(interrupt):
            yield came
    finally:
        sys.unraisablehook = sys.__unraisablehook__


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """What was found is being written, which takes seconds at most: Ctrl-C, SIGTERM and SIGHUP are not heard."""
    with _handled(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _handled(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    """The signals that end a run are handled so, where it is the main thread: no other may say how."""
    main_thread = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if main_thread else ()
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
