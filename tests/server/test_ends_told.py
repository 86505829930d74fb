"""What ends by itself, or because of a script: events first, then who tracks, each once; as the text has it."""

from __future__ import annotations

import pytest

from redlark.conformance.history import History, Step, request
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets.target import parse_address, prepare
from redlark.reference import Model
from redlark.server import Server

EVENTS = "2> CONFIG SET notify-keyspace-events KEA"
BROADCAST, READ = ("4> CLIENT TRACKING ON BCAST",), ("4> CLIENT TRACKING ON", "4> EXISTS k h")
LISTENS = "4> PSUBSCRIBE *"
ENDINGS = {
    "a key, as it is met": ("3> SET k v PX 1", *BROADCAST, LISTENS, "3 3> GET k"),
    "a key that was read": ("3> SET k v PX 3", *READ, LISTENS, "130 3> PING"),
    "a key, broadcast": ("3> SET k v PX 2", *BROADCAST, LISTENS, "130 3> PING"),
    "a field": ("3> HSET h f v g w", "3> HPEXPIRE h 3 FIELDS 1 f", *READ, LISTENS, "130 3> PING"),
    "the last field": ("3> HSET h f v", "3> HPEXPIRE h 3 FIELDS 1 f", *READ, LISTENS, "130 3> PING"),
    "the last field, broadcast": ("3> HSET h f v", "3> HPEXPIRE h 3 FIELDS 1 f", *BROADCAST, LISTENS, "130 3> PING"),
    "a field, when met": ("3> HSET h f v g w", "3> HPEXPIRE h 3 FIELDS 1 f", *READ, LISTENS, "5 3> HSET h g x"),
    "a script": (*READ, LISTENS, "3> EVAL redis.call('GET','k')redis.call('SET','k',1)redis.call('DEL','k') 1 k"),
    "a table that is full": (
        "1> CLIENT TRACKING ON", "1> EXISTS k h", "1> CLIENT TRACKING OFF", "1> CONFIG SET tracking-table-max-keys 1",
        "1> CLIENT TRACKING ON", "1> MULTI",
    ),
}  # fmt: skip


def step(line: str) -> Step:
    """A step of a client, perhaps after some milliseconds: `3 4> GET k`."""
    head, asked = line.split("> ", 1)
    wait, _, client = head.rpartition(" ")
    return Step(int(client) - 1, (request(*asked.split(" ")),), wait=int(wait or 0))


@pytest.mark.parametrize("ending", ENDINGS)
def test_events_come_before_invalidations(core: str, ending: str) -> None:
    """Each connection gets them in the order of the text, several times in a row."""
    with Server(core=core) as running:
        target = prepare(parse_address(f"redis://127.0.0.1:{running.port}"), destructive=True)
        judge = Judge(Model.load("redis-8.2"), target)
        history = History(tuple(map(step, (EVENTS, *ENDINGS[ending]))), 3)
        assert [found.seen for found in (judge.run(history) for _ in range(3)) if found is not None] == []
        judge.close()
