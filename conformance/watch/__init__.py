"""Watching: a proxy between an application and its server that records what passes, and judges it.

`Watch` is the whole of it for a program: an address in, an address out, and what the text did not allow. ``forward.py``
passes bytes on, ``wire.py`` takes them apart, ``trace.py`` writes them down, ``observed.py`` judges them, ``replay.py``
runs a trace on another server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redlark.conformance.watch.observed import Finding
    from redlark.conformance.watch.watching import Watch

__all__ = ["Finding", "Watch"]


def __getattr__(name: str) -> Any:
    """The relay's own process imports this package, and needs none of the rest."""
    if name == "Watch":
        from redlark.conformance.watch.watching import Watch

        return Watch
    if name == "Finding":
        from redlark.conformance.watch.observed import Finding

        return Finding
    raise AttributeError(name)
