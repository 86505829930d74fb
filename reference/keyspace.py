"""Built-in functions over whole databases: emptying, swapping, and what iterations owe.

What must live here: functions of the run that see more than one key. Theory of SCAN: a cursor is opaque and belongs to
no connection, so the server's field ``owed`` keeps, for each database and cursor, the keys that whoever comes with
that cursor must still be given. ``World`` forgets a key there as soon as it is gone (:func:`still_owed`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from immutables import Map

from redlark.reference.functions import of_run, pure
from redlark.reference.values import Uncertain

Owed = Map[tuple[int, int], frozenset[bytes]]


# ---- emptying and swapping -----------------------------------------------------------------------------------


@of_run
def all_databases(run: Any) -> tuple[int, ...]:
    """The numbers of all databases."""
    return tuple(range(len(run.databases)))


@of_run
def flush(run: Any, number: int) -> None:
    """Removes every key of a database; who watches one that was there sees a change."""
    _touch_watched(run, (number,))
    run.changes += len(run.databases[number])
    run.databases[number] = Map()


@of_run
def swap(run: Any, one: int, other: int) -> None:
    """Exchanges two databases; who watches a key that is in either sees a change. Iterations are owed nothing more."""
    if one == other:
        return
    _touch_watched(run, (one, other))
    run.databases[one], run.databases[other] = run.databases[other], run.databases[one]
    exchanged = {one: other, other: one}
    run.deadlines = {(exchanged.get(n, n), key): moment for (n, key), moment in run.deadlines.items()}
    run.alive = {(exchanged.get(n, n), key) for n, key in run.alive}
    owed: Owed = run.server.get("owed", Map())
    for place in [place for place in owed if place[0] in exchanged]:
        owed = owed.delete(place)
    if owed is not run.server.get("owed", owed):
        run.server = run.server.set("owed", owed)


def _touch_watched(run: Any, numbers: tuple[int, ...]) -> None:
    for number, key in sorted(place for place in run.versions if place[0] in numbers):
        if any(key in run.databases[n] and not run.expired(n, key) for n in numbers):
            run.touch(number, key)


# ---- iteration -----------------------------------------------------------------------------------------------


@of_run
def owed(run: Any, cursor: int) -> frozenset[bytes]:
    """The keys that the iteration at a cursor still has to return; none for a cursor that nobody was given."""
    found: frozenset[bytes] = run.server["owed"].get((run.selected, cursor), frozenset())
    return found


@of_run
def owe(run: Any, cursor: int, keys: Iterable[bytes]) -> None:
    """Whoever comes with this cursor is owed these keys, besides what it was owed already."""
    place, before = (run.selected, cursor), run.server["owed"]
    due = before.get(place, frozenset()) | frozenset(keys)
    if due != before.get(place, frozenset()):
        run.server = run.server.set("owed", before.set(place, due))


def still_owed(owed: Owed, databases: tuple[Any, ...]) -> Owed:
    """What is owed once the keys that are gone are left out; the very same where none is."""
    for place, keys in owed.items():
        left = frozenset(key for key in keys if key in databases[place[0]])
        if len(left) != len(keys):
            owed = owed.set(place, left) if left else owed.delete(place)
    return owed


class Pages:
    """Any of some keys in any order, also more than once: what a call of SCAN may return behind its cursor."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self.keys = keys

    def candidates(self, leaves: list[Any]) -> Iterable[tuple[bytes, ...]]:
        """The page that the reply shows, if it holds none but these keys."""
        page = tuple(leaves[1:])
        return (page,) if all(key in self.keys for key in page) else ()

    def all(self, bound: int) -> Iterable[tuple[bytes, ...]]:
        """One page for all: where nobody saw the reply, every key was in it."""
        return (self.keys,)


@pure
def pages(keys: tuple[bytes, ...]) -> Pages:
    """What a call of SCAN may return of these keys."""
    return Pages(keys)


class Cursors:
    """The cursors that a call of SCAN may give: any but 0, the end, while a key is owed."""

    def __init__(self, left: tuple[bytes, ...]) -> None:
        self.left = left

    def candidates(self, leaves: list[Any]) -> Iterable[int]:
        """The cursor that the reply shows, if it may be."""
        shown = leaves[0] if leaves else None
        if isinstance(shown, bytes) and shown.isdigit() and b"%d" % int(shown) == shown and int(shown) < 1 << 64:
            if shown != b"0" or not self.left:
                yield int(shown)

    def all(self, bound: int) -> Iterable[int]:
        """One cursor for all."""
        return (1,) if self.left else (0,)


@pure
def cursors_after(left: tuple[bytes, ...]) -> Cursors:
    """The cursors that SCAN may give while it owes these keys."""
    return Cursors(left)


# ---- the clock and the help ----------------------------------------------------------------------------------


class Instants:
    """The microseconds since 1970, as TIME tells them in two numbers."""

    def __init__(self, now: Any) -> None:
        self.now = now

    def candidates(self, leaves: list[Any]) -> Iterable[int]:
        """The instant that the reply shows."""
        if len(leaves) == 2 and all(isinstance(x, bytes) and x.isdigit() for x in leaves) and int(leaves[1]) < 1_000_000:
            yield int(leaves[0]) * 1_000_000 + int(leaves[1])

    def all(self, bound: int) -> Iterable[int]:
        """The first instant of the moment."""
        return ((self.now.lo if isinstance(self.now, Uncertain) else self.now) * 1000,)


@pure
def microseconds(now: Any) -> Instants:
    """The instants that TIME may tell."""
    return Instants(now)


class HelpLines:
    """The lines of a container's HELP: the words are each server's own, but for the first one's beginning."""

    def __init__(self, container: bytes) -> None:
        self.container = container

    def candidates(self, leaves: list[Any]) -> Iterable[tuple[bytes, ...]]:
        """The lines that the reply shows, if they begin as they should."""
        if len(leaves) > 1 and all(isinstance(x, bytes) for x in leaves) and leaves[0].startswith(self.container + b" "):
            yield tuple(leaves)

    def all(self, bound: int) -> Iterable[tuple[bytes, ...]]:
        """Lines that say the least."""
        return ((self.container + b" <subcommand> [<arg> ...]. Subcommands are:", b"HELP", b"    Print this."),)


@pure
def help_lines(container: bytes) -> HelpLines:
    """What HELP of a container may say."""
    return HelpLines(container)
