"""Client-side caching beside a real Redis: several connections track, read and write, and are told the same."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from redlark.server import Server

from .conftest import Wire

KEYS = st.sampled_from(["a", "b", "ab", "c"])
READS = st.one_of(
    KEYS.map(lambda key: ["GET", key]),
    st.lists(KEYS, min_size=1, max_size=3).map(lambda keys: ["MGET", *keys]),
    KEYS.map(lambda key: ["LRANGE", key, "0", "-1"]),
    KEYS.map(lambda key: ["XREAD", "STREAMS", "a", key, "0", "0"]),
    KEYS.map(lambda key: ["SORT_RO", key, "BY", "nosort"]),
    KEYS.map(lambda key: ["GEORADIUS_RO", key, "0", "0", "1", "m"]),
)
WRITES = st.one_of(
    KEYS.map(lambda key: ["SET", key, "1"]),
    KEYS.map(lambda key: ["DEL", key, "a"]),
    KEYS.map(lambda key: ["RPUSH", key, "x"]),
    KEYS.map(lambda key: ["INCR", key]),
    st.tuples(KEYS, KEYS).map(lambda keys: ["RENAME", *keys]),
    st.tuples(KEYS, KEYS).map(lambda keys: ["MSET", keys[0], "1", keys[1], "2"]),
    st.tuples(KEYS, KEYS).map(lambda keys: ["LMOVE", *keys, "LEFT", "RIGHT"]),
    st.sampled_from([["FLUSHALL"], ["FLUSHDB", "ASYNC"], ["SWAPDB", "0", "1"], ["SELECT", "1"], ["SELECT", "0"]]),
)
OTHERS = st.sampled_from([["NOSUCH"], ["GET"], ["CLIENT", "TRACKINGINFO"], ["PING"], ["CLIENT", "GETNAME"]])
CACHING = st.sampled_from([["CLIENT", "CACHING", "YES"], ["CLIENT", "CACHING", "NO"]])
MODES = st.sampled_from([
    "ON", "ON NOLOOP", "ON BCAST", "ON BCAST NOLOOP", "ON BCAST PREFIX a", "ON BCAST PREFIX ab PREFIX b",
    "ON BCAST PREFIX c PREFIX a PREFIX ab", "ON OPTIN", "ON OPTOUT", "ON OPTIN NOLOOP", "ON REDIRECT 2", "OFF", "OFF",
    "ON BCAST REDIRECT 2", "ON OPTIN REDIRECT 1", "ON PREFIX a", "ON OPTIN OPTOUT", "ON REDIRECT 999999",
])  # fmt: skip
WHO = st.integers(0, 2)


class Side:
    """Two connections of RESP3 and one of RESP2, which listens, to one server."""

    def __init__(self, port: int) -> None:
        self.wires = [Wire(port) for _ in range(3)]
        self.ids = [wire("CLIENT", "ID")[1:-2].decode() for wire in self.wires]
        self.wires[0]("FLUSHALL")
        for wire in self.wires[:2]:
            wire("HELLO", 3)
        self.wires[2]("SUBSCRIBE", "x")

    def ask(self, who: int, words: Sequence[str]) -> list[list[bytes]]:
        """What each connection is sent from a request on, its reply among it; ids are those that this side has."""
        sent = list(words)
        if "REDIRECT" in sent and len(sent[-1]) == 1:
            sent[-1] = self.ids[int(sent[-1])]
        self.wires[who].send(*sent)
        told = [[self.common(self.wires[who].frame())] if place == who else [] for place in range(3)]
        return [frames + self.rest(place) for place, frames in enumerate(told)]

    def rest(self, place: int) -> list[bytes]:
        """What has come up to the reply of a request that keeps what CLIENT CACHING has said."""
        wire, frames = self.wires[place], []
        last = b":%b\r\n" % self.ids[place].encode()
        if place == 2:
            wire.send("PING")
            last = b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"
        else:
            wire.send("CLIENT", "ID")
        while (frame := wire.frame()) != last:
            frames.append(self.common(frame))
        return frames

    def common(self, frame: bytes) -> bytes:
        """A frame without ids that only this side has."""
        for place, number in enumerate(self.ids):
            frame = frame.replace(b":%b\r\n" % number.encode(), b":connection %d\r\n" % place)
        return frame

    def close(self) -> None:
        for wire in self.wires:
            wire.close()


class Twins(RuleBasedStateMachine):
    """The same requests to both, one at a time."""

    def __init__(self, ours: int, theirs: int) -> None:
        super().__init__()
        self.sides = [Side(ours), Side(theirs)]
        self.asked: list[str] = []

    def both(self, who: int, words: Sequence[str]) -> None:
        self.asked.append(f"{who}> {' '.join(words)}")
        mine, its = (side.ask(who, words) for side in self.sides)
        assert mine == its, "\n".join(self.asked)

    @rule(who=st.integers(0, 1), one=st.one_of(READS, READS, WRITES, OTHERS, CACHING))
    def ask(self, who: int, one: list[str]) -> None:
        self.both(who, one)

    @rule(who=st.integers(0, 1), mode=MODES)
    def track(self, who: int, mode: str) -> None:
        if "c PREFIX" in mode:  # an error and then OK
            for side in self.sides:
                side.wires[who]("CLIENT", "TRACKING", *mode.split())
            told = [[side.rest(place) for place in range(3)] for side in self.sides]
            assert told[0] == told[1]
        else:
            self.both(who, ["CLIENT", "TRACKING", *mode.split()])

    @rule(who=st.integers(0, 1), caching=st.booleans(), queued=st.lists(st.one_of(READS, WRITES), max_size=4))
    def transaction(self, who: int, caching: bool, queued: list[list[str]]) -> None:
        if caching:
            self.both(who, ["CLIENT", "CACHING", "YES"])
        for side in self.sides:
            for words in (["MULTI"], *queued):
                side.wires[who](*words)
        self.both(who, ["EXEC"])

    def teardown(self) -> None:
        for side in self.sides:
            side.close()


@pytest.mark.slow
def test_every_frame_is_that_of_redis(server: Server, real_port: int) -> None:
    """Whoever tracks, reads, writes and empties what, all connections are told the same in the same order."""
    run_state_machine_as_test(
        lambda: Twins(server.port, real_port), settings=settings(max_examples=40, stateful_step_count=30)
    )
