"""A part of a request as JSON: in the witnesses that are kept, and in the vectors that are published.

A text is an argument, a character for each byte; an object is what only a run can know. Those that vectors may hold
are described in docs/reference/vectors.md, whose connections are counted from 1; a history's are counted from 0. What
must not live here: how people write a history (`written`).
"""

from __future__ import annotations

from typing import Any

from redlark.conformance.history import ClientAddress, ClientId, Cursor, Dumped, Moment, Part


def as_json(part: Part) -> Any:
    """A part as JSON has it.

    >>> as_json(b"\\xffk"), as_json(Moment(500))
    ('ÿk', {'clock': 'ms', 'plus': 500})
    """
    match part:
        case bytes():
            return part.decode("latin-1")
        case Moment(offset=offset, seconds=seconds):
            return {"clock": "s" if seconds else "ms", "plus": offset}
        case Cursor():
            return {"cursor": True}
        case Dumped(change=change, place=place):
            return {"dumped": change, "place": place}
        case ClientId(client=client):
            return {"id": client}
        case ClientAddress(client=client):
            return {"address": client}


def from_json(told: Any) -> Part:
    """The part that `as_json` wrote so. Raises ValueError for anything else."""
    match told:
        case str():
            return told.encode("latin-1")
        case {"clock": "ms" | "s" as unit, "plus": offset}:
            return Moment(offset, unit == "s")
        case {"cursor": True}:
            return Cursor()
        case {"dumped": change, "place": place}:
            return Dumped(change, place)
        case {"id": client}:
            return ClientId(client)
        case {"address": client}:
            return ClientAddress(client)
    raise ValueError(f"no part of a request: {told!r}")
