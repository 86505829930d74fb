"""Hot commands on groups of consumers against the Python commands that they shorten: two cores, equal replies."""

from __future__ import annotations

import random
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.core.test_hot import both, keyspaces_hold, replies

__all__ = ["both"]  # the fixture

KEYS = [b"x", b"x", b"x", b"y", b"none", b"text"]
GROUPS = [b"g", b"g", b"g", b"h", b"none"]
CONSUMERS = [b"al", b"bo", b"cy"]
IDS = [b"%d-%d" % (ms, seq) for ms in range(1, 9) for seq in range(3)]
ODD_IDS = [b"0", b"3", b"5-*", b"$", b">", b"+", b"-", b"(2-1", b"x", b"18446744073709551615-18446744073709551615"]
COUNTS = [b"1", b"2", b"10", b"10", b"0", b"-1", b"x"]
IDLE = [b"0", b"0", b"0", b"1000000", b"-1", b"x"]
READING = b"XREADGROUP XREADGROUP XREADGROUP XACK XACK XCLAIM XAUTOCLAIM XPENDING XPENDING XADD XADD XDEL".split()
READING += [b"XDELEX", b"XACKDEL"]
AROUND = b"CREATE CREATE SETID DESTROY DELCONSUMER CREATECONSUMER FULL GROUPS XTRIM XSETID COPY DEL RENAME".split()
POLICIES = [b"KEEPREF", b"delref", b"DELREF", b"ACKED", b"acked", b"other"]
ADDED = [[], [], [b"ENTRIESADDED", b"1"], [b"ENTRIESADDED", b"20"]]  # fewer than a group has read: its lag is below 0
CONFIG = [b"CONFIG", b"SET", b"stream-node-max-entries"]


def words_of(rng: random.Random, name: bytes) -> list[bytes]:
    some = rng.choice
    key, group, one = some(KEYS), some(GROUPS), some(CONSUMERS)
    several = [some(IDS) if rng.random() < 0.95 else some(ODD_IDS) for _ in range(some((1, 1, 2, 6)))]
    count = [b"COUNT", some(COUNTS)] if rng.random() < 0.5 else []
    just = [b"justid"] if rng.random() < 0.2 else []
    start = some([b"-", b"-", b"0-0", *several])
    if name == b"XREADGROUP":
        last = some([b">", b">", b">", b"0", *several])
        more = [some(KEYS), b">"] if rng.random() < 0.1 else []
        options = [*count, *([b"noack"] if rng.random() < 0.2 else [])]
        return [b"GROUP", group, one, *options, b"STREAMS", key, *more[:1], last, *more[1:]]
    if name == b"XCLAIM":
        odd = some([[b"FORCE"], [b"RETRYCOUNT", b"7"], [b"LASTID", b"3-1"]]) if rng.random() < 0.1 else just
        return [key, group, one, some(IDLE), *several, *odd]
    if name == b"XPENDING":
        if rng.random() < 0.3:
            return [key, group]
        idle = [b"IDLE", some(IDLE)] if rng.random() < 0.2 else []
        return [key, group, *idle, start, some([b"+", *several]), some(COUNTS), *([one] if rng.random() < 0.3 else [])]
    if name in (b"XDELEX", b"XACKDEL"):
        policy = [some(POLICIES)] if rng.random() < 0.6 else []
        size = b"%d" % len(several) if rng.random() < 0.95 else some(COUNTS)
        words = [b"IDS", size, *several]
        return [
            key,
            *([group] if name == b"XACKDEL" else []),
            *(words + policy if rng.random() < 0.1 else policy + words),
        ]
    return {
        b"XACK": [key, group, *several],
        b"XAUTOCLAIM": [key, group, one, some(IDLE), start, *count, *just],
        b"XADD": [some(KEYS[:4]), some(IDS), b"f", b"v"],
        b"XDEL": [key, *several],
    }[name]


def around(rng: random.Random, name: bytes) -> list[bytes]:
    some = rng.choice
    key, group, one, id_ = some(KEYS), some(GROUPS), some(CONSUMERS), some([b"0", b"$", *IDS])
    read = [b"ENTRIESREAD", some([b"0", b"3", b"-1"])] if rng.random() < 0.2 else []
    if name in (b"CREATE", b"SETID"):
        return [b"XGROUP", name, key, group, id_, *([b"MKSTREAM"] if name == b"CREATE" else []), *read]
    return {
        b"DESTROY": [b"XGROUP", name, key, group],
        b"DELCONSUMER": [b"XGROUP", name, key, group, one],
        b"CREATECONSUMER": [b"XGROUP", name, key, group, one],
        b"FULL": [b"XINFO", b"STREAM", key, b"FULL"],
        b"GROUPS": [b"XINFO", b"GROUPS", key],
        b"XTRIM": [b"XTRIM", key, b"MINID", some(IDS)],
        b"XSETID": [b"XSETID", key, some(IDS), *some(ADDED)],
        b"COPY": [b"COPY", key, some(KEYS[:4]), b"REPLACE"],
        b"RENAME": [b"RENAME", key, some(KEYS[:4])],
        b"DEL": [b"DEL", key],
    }[name]


def draw(rng: random.Random, count: int) -> list[list[bytes]]:
    history = [[*CONFIG, rng.choice([b"3", b"100"])], [b"SET", b"text", b"v"]]
    history += [[b"XGROUP", b"CREATE", b"x", b"g", b"0", b"MKSTREAM"]]
    history += [[b"XADD", b"x", id_, b"f", b"v"] for id_ in sorted(rng.sample(IDS[:12], rng.randrange(12)))]
    for _ in range(count):
        if rng.random() < 0.15:
            history.append(around(rng, rng.choice(AROUND)))
            continue
        name = rng.choice(READING)
        words = words_of(rng, name)
        if rng.random() < 0.03:
            words = words[:-1]
        history.append([name, *words])
    return history


def timeless(raw: bytes) -> bytes:
    """Replies without times, and without how long ago something was (which stands before how often it was)."""
    return re.sub(rb":\d{13}\b", b":T", re.sub(rb"(\$2\r\n(?:al|bo|cy)\r\n):\d+\b", rb"\1:T", raw))


def changes_and_replies(server: Server, history: list[list[bytes]], resp3: bool) -> tuple[int, bytes]:
    """How many changes a history is counted as, and what it gets."""
    replies(server, [], resp3)  # empty, so that what is flushed is not counted
    before = changes_of(server)
    got = timeless(replies(server, history, resp3))
    return changes_of(server) - before, got


def changes_of(server: Server) -> int:
    assert server._running is not None
    return sum(database.changes for database in server._running.state.databases)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 150), resp3=st.booleans())
def test_the_two_cores_agree_on_groups(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """A history of deliveries, acknowledgements and claims gets the same from both cores, whatever the clock says."""
    history = draw(random.Random(seed), count)
    for length in (len(history), *range(1, len(history) + 1)):
        got, wanted = (changes_and_replies(server, history[:length], resp3) for server in both)
        if length == len(history) and got == wanted:
            break
        assert got == wanted, history[max(length - 4, 0) : length]
    keyspaces_hold(both[0])
