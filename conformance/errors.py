"""What stops a run before it can say anything about a server: one clear line, and exit status 2."""

from __future__ import annotations


class CannotRun(Exception):
    """No verdict is possible; the message is the one line that the user reads."""


class NotRestored(CannotRun):
    """A server is left as we changed it; the message says what, and why."""


class Lost(Exception):
    """A server stopped answering in the middle of a run: closed, reset, silent, or not RESP any more.

    Unlike `CannotRun` this is something that the server under test *did*; the judge turns it into a divergence.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
