"""SELECT, TIME, CLIENT ID, GEOHASH, ranks with scores, and several members at random: from both cores."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.core.test_hot import agree, both, replies
from tests.server.core.test_hot_members import frames

pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

__all__ = ["both"]

SCORES: Final = [b"0", b"1", b"-1.5", b"3479099956230698", b"4503599627370495", b"1e300", b"-inf", b"3479447370796909"]
REQUESTS: Final = [
    *([b"SELECT", index] for index in (b"0", b"1", b"15", b"16", b"-1", b"x", b"01")),
    *([b"GEOHASH", key, b"a", b"none", b"b"] for key in (b"z", b"none", b"text")),
    *([b"ZADD", b"z", score, member] for score in SCORES for member in (b"a", b"b")),
    *([name, key, b"a", *more] for name in (b"ZRANK", b"ZREVRANK") for key in (b"z", b"none", b"text")
      for more in ([], [b"WITHSCORE"], [b"withscore"], [b"WITHSCORES"], [b"WITHSCORE", b"x"])),
    *([name, key, b"0"] for name in (b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER") for key in (b"none", b"text")),
    *([b"ZRANDMEMBER", b"z", *more] for more in ([b"x"], [b"1", b"x"], [b"-9223372036854775808"])),
    [b"HRANDFIELD", b"h", b"-9223372036854775807", b"WITHVALUES"],
    [b"SRANDMEMBER", b"z", b"1"],
    [b"SRANDMEMBER", b"s", b"1", b"1"],
    [b"SET", b"text", b"x"],
    [b"MULTI"],
    [b"EXEC"],
    [b"EVAL", b"redis.call('SELECT', ARGV[1]) redis.call('SET', 'text', '1')", b"0", b"3"],
    [b"CLIENT", b"GETNAME"],
    [b"CLIENT"],
    [b"TIME", b"x"],
    [b"DBSIZE"],
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(history=st.lists(st.sampled_from(REQUESTS), max_size=60), resp3=st.booleans())
def test_the_two_cores_agree(both: tuple[Server, Server], history: list[list[bytes]], resp3: bool) -> None:
    """The same bytes, errors among them."""
    agree(both, history, resp3)


def test_the_time_and_who_asks(both: tuple[Server, Server]) -> None:
    """TIME is the clock's, CLIENT ID is what CLIENT INFO says."""
    for server in both:
        before = time.time_ns() // 1000
        told = list(frames(replies(server, [[b"TIME"], [b"CLIENT", b"ID"], [b"CLIENT", b"INFO"]], True)))
        seconds, rest = sorted(told[0][1], key=int, reverse=True)  # type: ignore[index]
        assert before <= int(seconds) * 1_000_000 + int(rest) <= time.time_ns() // 1000
        assert told[2].startswith(b"txt:id=" + told[1][1:] + b" ")  # type: ignore[index, attr-defined]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=120)
@given(
    kind=st.sampled_from([b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER"]),
    size=st.sampled_from([1, 2, 5, 60, 700]),
    text=st.booleans(),
    count=st.one_of(st.integers(-30, 30), st.sampled_from([-1030, -700, 64, 65, 699, 700, 5000])),
    paired=st.booleans(),
    resp3=st.booleans(),
)
def test_as_many_members_as_were_asked_for(
    both: tuple[Server, Server], kind: bytes, size: int, text: bool, count: int, paired: bool, resp3: bool
) -> None:
    """All of them of the collection, with what belongs to them; different ones, or so many draws."""
    members = [b"%b%d" % (b"m" if text else b"", number) for number in range(size)]
    values = {member: b"%d" % (number * 3) for number, member in enumerate(members)}
    made = {
        b"SRANDMEMBER": [b"SADD", b"k", *members],
        b"HRANDFIELD": [b"HSET", b"k", *(word for pair in values.items() for word in pair)],
        b"ZRANDMEMBER": [b"ZADD", b"k", *(word for member, value in values.items() for word in (value, member))],
    }[kind]
    more = {b"SRANDMEMBER": [], b"HRANDFIELD": [b"WITHVALUES"], b"ZRANDMEMBER": [b"WITHSCORES"]}[kind] if paired else []
    for server in both:
        wire = replies(server, [made, [kind, b"k", b"%d" % count, *more]], resp3)
        head, *words = wire.partition(b"\r\n")[2].split(b"+RESET\r\n")[0].split(b"\r\n")[:-1]
        told = [word for word in words if word[:1] not in b"$*"]
        wanted = -count if count < 0 else min(count, size)
        if more:
            assert {member: values[member] for member in told[::2]} == {
                member: value.lstrip(b",") for member, value in zip(told[::2], told[1::2], strict=True)
            }
            told = told[::2]
        assert head == b"*%d" % (wanted * (2 if more and not resp3 else 1))
        assert len(told) == wanted
        assert set(told) <= set(members)
        assert count < 0 or len(set(told)) == wanted


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("kind", [b"SADD", b"HSET", b"ZADD"])
@pytest.mark.parametrize("text", [b"m", b""])
def test_each_member_is_as_likely(both: tuple[Server, Server], number: int, kind: bytes, text: bytes) -> None:
    """Of 8 members 3 are asked for, 400 times: each comes about 150 times, and so in single draws."""
    rng = random.Random(1)
    members = [b"%b%d" % (text, one) for one in range(8)]
    pair = {
        b"SADD": lambda one: [one],
        b"HSET": lambda one: [one, b"v"],
        b"ZADD": lambda one: [b"%d" % rng.randrange(9), one],
    }
    name = {b"SADD": b"SRANDMEMBER", b"HSET": b"HRANDFIELD", b"ZADD": b"ZRANDMEMBER"}[kind]
    history = [[kind, b"k", *(word for member in members for word in pair[kind](member))]]
    for count in (b"3", b"-3"):
        wire = replies(both[number], history + [[name, b"k", count]] * 400, False)
        found = Counter(word for word in wire.split(b"\r\n") if word in members)
        assert sum(found.values()) == 1200
        assert all(90 < found[member] < 215 for member in members), found
