"""What an effect of the text does to a run, and to what its state holds.

What must live here: small helpers of ``steps.py`` and ``world.py``. What a step means is theirs to say.
"""

from __future__ import annotations

from typing import Any

from immutables import Map

from redlark.reference.notifying import arrive
from redlark.reference.values import Entry, Kinded


def push_all(run: Any, client: int, frames: tuple[Any, ...], ahead: bool) -> None:
    """Several pushes in any order; among the replies of EXEC, which are told in one, that order is a choice."""
    if client == run.client and run.children >= 0 and not run.model.own_pushes_follow:
        left = list(frames)
        while left:
            run.send(client, Kinded("push", left.pop(run.fork(len(left)))), ahead=ahead)
        return
    for frame in frames:
        run.send(client, Kinded("push", frame), bag=frames if len(frames) > 1 else None, ahead=ahead)


def put(run: Any, number: int, key: bytes, value: Any) -> None:
    """Stores a value, or an entry as it is, under a key."""
    if isinstance(value, Entry):
        run.put_entry(number, key, value, None)
    else:
        run.put(number, key, value)


def store(run: Any, number: int, key: bytes, entry: Entry) -> None:
    """Stores an entry under a key, and tells that the key comes to be if there was none."""
    is_new = key not in run.databases[number]
    run.databases[number] = run.databases[number].set(key, entry)
    if is_new:
        arrive(run, number, key)


def set_own(run: Any, field: str, value: Any) -> None:
    """Writes a field of the session that asks, in a script that of its calls; ``selected`` moves to a database."""
    run.session = run.session.set(field, value)
    if field == "selected":
        run.selected = value


def set_server(run: Any, name: str, value: Any) -> None:
    """Writes a field of the server."""
    run.server = run.server.set(name, value)


def joined(container: Any, key: Any, value: Any) -> Any:
    """A map with a pair; an absent one is empty."""
    return (Map() if container is None else container).set(key, value)


def without(container: Any, key: Any) -> Any:
    """A set, or a map, without one of its members or keys."""
    if isinstance(container, frozenset):
        return container - {key}
    return container.delete(key) if key in container else container
