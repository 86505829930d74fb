"""What iterations (SCAN and its kin) owe, as keys and members go: nothing that was away meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from immutables import Map

if TYPE_CHECKING:
    from redlark.reference.world import Run


def forget(run: Run, number: int, key: bytes) -> None:
    """An iteration over keys does not owe what was away meanwhile."""
    iterations = run.server.get("iterations")
    if iterations:
        for place, keys in iterations.items():
            if place[0] == number and key in keys:
                iterations = iterations.set(place, keys - {key})
        run.server = run.server.set("iterations", iterations)


def narrow(run: Run, number: int, key: bytes) -> None:
    """An iteration over a key's members does not owe what was away meanwhile."""
    iterations = run.server.get("member-iterations")
    if iterations and (number, key) in iterations:
        entry = run.databases[number].get(key)
        there = () if entry is None or isinstance(entry.value, bytes) else entry.value
        kept = {x: frozenset(m for m in due if m in there) for x, due in iterations[number, key].items()}
        left = Map({cursor: due for cursor, due in kept.items() if due})
        changed = iterations.set((number, key), left) if left else iterations.delete((number, key))
        run.server = run.server.set("member-iterations", changed)
