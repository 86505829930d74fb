"""What the tests of sets, hashes and sorted sets share: limits, members, and the promises of a walk and of a draw."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from typing import Any

from hypothesis import strategies as st

from redlark.server import Server

MEMBERS = st.one_of(
    st.sampled_from([b"1", b"2", b"-3", b"40", b"500", b"6", b"9223372036854775807", b"9223372036854775808"]),
    st.sampled_from([b"a", b"b", b"", b"01", b"longer", b"longest of all"]),
)
FEW = st.sampled_from([0, 1, 2, 4, 128])
SHORT = st.sampled_from([0, 1, 6, 64])


def walk_meets_all(value: Any, add: Callable[[list[bytes]], None], seed: int) -> None:
    """What is there from start to end of a walk is met, though much else comes and goes, and a copy takes over."""
    rng = random.Random(seed)
    stay = {b"stay:%d" % number for number in range(400)}
    add(sorted(stay))
    seen: set[bytes] = set()
    cursor, serial = 0, 0
    for _ in range(20_000):
        cursor, told = value.scan(cursor, rng.choice([1, 5, 10, 100]))
        seen.update(told)
        if cursor == 0:
            break
        new = [b"new:%d" % number for number in range(serial, serial + rng.choice([0, 3, 40, 400]))]
        serial = min(serial + len(new), 20_000)
        if new:
            add(new)
        if rng.random() < 0.3:
            value.remove([b"new:%d" % number for number in range(serial)])
    assert cursor == 0, "the walk ends"
    assert stay <= seen
    value.check()


def draws_are_fair(value: Any, members: Collection[bytes]) -> None:
    """A sample has different members, all if there are no more; draws can be any member."""
    for count in (1, 2, len(members) // 2, len(members) - 1, len(members), len(members) + 5):
        told = value.sample(count)
        assert len(set(told)) == len(told) == min(count, len(members))
        assert set(told) <= set(members)
    assert set(value.draw(60 * len(members))) == set(members)


def keyspaces_hold(server: Server) -> None:
    """The invariants of every keyspace of a server in this process that has nothing to do."""
    assert server._running
    for database in server._running.state.databases:
        database.check()
