"""Histories that a server of some version would not survive, so that they are not run on it: see docs/findings.md.

A finding that ends a run is worth telling once; after that it hides what a longer run would find. Must not live here:
what is never sent to any server (the text says that of its commands).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from redlark.conformance.history import History

_EXPIRING = (b"hexpire", b"hpexpire", b"hsetex", b"hgetex")


def _texts(history: History) -> Iterator[bytes]:
    """Every word of a history in small letters, scripts among them."""
    for step in history.steps:
        for one in step.requests:
            yield from (part.lower() for part in one.parts if isinstance(part, bytes))


def _draws_from_no_fields(history: History) -> bool:
    """HRANDFIELD of what COPY has made of a hash whose fields are all over."""
    words = b" ".join(_texts(history))
    return b"hrandfield" in words and b"copy" in words and any(name in words for name in _EXPIRING)


FATAL: Mapping[str, Callable[[History], bool]] = {"valkey-9.1": _draws_from_no_fields}


def is_fatal(profile: str, history: History) -> bool:
    """Whether a server that is held to this profile may not survive a history."""
    ends = FATAL.get(profile)
    return ends is not None and ends(history)
