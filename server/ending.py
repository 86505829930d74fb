"""The end of a server: what SHUTDOWN and signals ask for, and whether it can be had.

Must not live here: signals (`process`), closing connections (`Loop`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redlark.server.state import State


def hindrance(server: State, words: Collection[str], by_signal: bool = False) -> str | None:
    """Why the server may not end: what is to be saved cannot be.  None where it may, always with "force".

    Data are to be saved on "save", or where `save` has points and nobody says "nosave".  A signal that says neither
    ends the server all the same, for there is nobody to be told; the log says what is lost.
    """
    points = bool(server.config.get("save"))
    if "save" not in words and ("nosave" in words or not points):
        return None
    if "force" in words or (by_signal and "save" not in words):
        server.log("warning", "nothing can be written to disk yet: the data are lost")
        return None
    return (
        "the data cannot be saved, for nothing can be written to disk yet: SHUTDOWN NOSAVE or FORCE ends all the same"
    )


def asked_by(server: State, signal: str) -> tuple[str, ...]:
    """What `shutdown-on-sigint` or `shutdown-on-sigterm` asks for."""
    config = server.config
    words = config.shutdown_on_sigint if signal == "SIGINT" else config.shutdown_on_sigterm
    return tuple(word.decode() for word in words if word != b"default")


def end(server: State, signal: str) -> bool:
    """A signal asks for the end: begin it, or say in the log why not."""
    why = hindrance(server, asked_by(server, signal), by_signal=True)
    if why is not None:
        server.log("warning", f"{signal}: not closing down: {why}")
        return False
    server.loop.stop()
    return True
