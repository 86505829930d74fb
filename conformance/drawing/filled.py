"""Scenes of one type: a key or two with few members, and what the type's own commands then do with those members.

Of what is drawn from everything few requests meet a value of their type, and hardly one a member that is there: in a
million requests LINSERT had found its pivot seven times. What must not live here: scenes of one feature
(``scenes.py``, ``scenarios.py``, ``iterating.py``).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from redlark.conformance.drawing import values
from redlark.conformance.drawing.generate import Among
from redlark.conformance.history import Request, Step, request, steps_of

if TYPE_CHECKING:
    from redlark.conformance.drawing.scenarios import Pool


@frozen
class Kind:
    """A type: what fills a key, which words make one member, what tells all that is there and takes members away.

    `scan` iterates over the members; empty where nothing does. `whole`: a key holds one value, and no members.
    """

    fill: str
    words: Callable[[bytes, random.Random], tuple[bytes, ...]]
    tell: tuple[str, ...]
    take: str
    scan: str = ""
    whole: bool = False


def _scored(member: bytes, rng: random.Random) -> tuple[bytes, ...]:
    return rng.choice((b"1", b"1", b"2", b"3", b"1.5", b"-1", b"1", b"inf")), member


def _paired(member: bytes, rng: random.Random) -> tuple[bytes, ...]:
    return member, rng.choice((b"1", b"10", b"v", b"1.5", b""))


def _bare(member: bytes, rng: random.Random) -> tuple[bytes, ...]:
    return (member,)


def _bits(_: bytes, rng: random.Random) -> tuple[bytes, ...]:
    """Bits that those of another key meet, and those that they do not."""
    return (rng.choice((b"\x0f", b"\xff\xff", b"\xaa\x55\xf0", b"a", b"foobar", b"\x00\x00\x01", b"\x80")),)


KINDS: Mapping[str, Kind] = {
    "list": Kind("RPUSH", _bare, ("LRANGE", "0", "-1"), "LREM"),
    "set": Kind("SADD", _bare, ("SMEMBERS",), "SREM", "SSCAN"),
    "hash": Kind("HSET", _paired, ("HGETALL",), "HDEL", "HSCAN"),
    "sorted-set": Kind("ZADD", _scored, ("ZRANGE", "0", "-1", "WITHSCORES"), "ZREM", "ZSCAN"),
    "bitmap": Kind("SET", _bits, ("GET",), "DEL", whole=True),
}
MEMBERS = (b"a", b"b", b"c", b"d", b"1", b"2", b"f1", b"")
_ABSENT = (b"bb", b"e", b"3")


def scene(pool: Pool, rng: random.Random) -> tuple[Step, ...]:
    """One such scene; nothing where no command of these types is to be drawn."""
    able = {group: own for group, kind in KINDS.items() if pool.has(kind.fill) and (own := _own(pool, group))}
    if not able:
        return ()
    group = rng.choice(list(able))
    kind, client = KINDS[group], rng.randrange(pool.clients)
    members = rng.sample(MEMBERS, rng.choice((1, 2, 3, 3, 5)))
    if rng.random() < 0.15:
        members.append(b"x" * 65)  # no packed form takes it
    keys = rng.sample(values.KEYS, rng.choice((2, 3)) if kind.whole else rng.choice((1, 1, 2)))
    absent = rng.sample(_ABSENT, rng.choice((0, 1)))  # asked about as well, and not there
    among = Among(tuple(keys), (*members, *absent))
    made = [request("DEL", *keys)] if pool.has("DEL") and rng.random() < 0.8 else []
    alike = rng.getrandbits(32) if rng.random() < 0.3 else None  # all scores, or all values, are the same
    for key in keys:
        there = rng.choices(members, k=1 if kind.whole else rng.choice((1, 2, 3))) if len(keys) > 1 else members
        words = (kind.words(one, rng if alike is None else random.Random(alike)) for one in there)
        made.append(request(kind.fill, key, *(word for some in words for word in some)))
    told: tuple[tuple[str | bytes, ...], ...] = (kind.tell,) if pool.has(kind.tell[0]) else ()
    if group == "hash" and pool.has("HEXPIRE", "HTTL") and rng.random() < 0.3:
        ending = rng.sample(members, rng.randrange(1, len(members) + 1))
        made += [request("HEXPIRE", key, "100", "FIELDS", str(len(ending)), *ending) for key in keys]
        told = (*told, ("HTTL", "FIELDS", str(len(members)), *members))
    asked: list[Request] = []
    for _ in range(rng.randrange(2, 6)):
        asked.append(pool.of(rng.choice(able[group] if rng.random() < 0.85 else pool.names), rng, among))
    asked += [request(words[0], key, *words[1:]) for words in told for key in keys]
    return (Step(client, tuple(made)), *steps_of(client, (one for one in asked if not (pool.alone and one.social))))


def _own(pool: Pool, group: str) -> tuple[str, ...]:
    """The commands of a group that are to be drawn for their own sake."""
    commands = pool.generator.commands
    return tuple(name for name in pool.names if commands[name].group == group and name not in pool.helping)
