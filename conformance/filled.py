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

from redlark.conformance import values
from redlark.conformance.generate import Among
from redlark.conformance.history import Request, Step, request, steps_of

if TYPE_CHECKING:
    from redlark.conformance.scenarios import Pool


@frozen
class Kind:
    """A type: what fills a key, which words make one member, what tells all that is there and takes members away.

    `scan` iterates over the members; empty where nothing does.
    """

    fill: str
    words: Callable[[bytes, random.Random], tuple[bytes, ...]]
    tell: tuple[str, ...]
    take: str
    scan: str = ""


def _scored(member: bytes, rng: random.Random) -> tuple[bytes, ...]:
    return rng.choice((b"1", b"1", b"2", b"3", b"1.5", b"-1")), member


def _paired(member: bytes, rng: random.Random) -> tuple[bytes, ...]:
    return member, rng.choice((b"1", b"10", b"v", b"1.5", b""))


def _bare(member: bytes, rng: random.Random) -> tuple[bytes, ...]:
    return (member,)


KINDS: Mapping[str, Kind] = {
    "list": Kind("RPUSH", _bare, ("LRANGE", "0", "-1"), "LREM"),
    "set": Kind("SADD", _bare, ("SMEMBERS",), "SREM", "SSCAN"),
    "hash": Kind("HSET", _paired, ("HGETALL",), "HDEL", "HSCAN"),
    "sorted-set": Kind("ZADD", _scored, ("ZRANGE", "0", "-1", "WITHSCORES"), "ZREM", "ZSCAN"),
}
MEMBERS = (b"a", b"b", b"c", b"d", b"1", b"2", b"f1", b"")


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
    keys = rng.sample(values.KEYS, rng.choice((1, 1, 2)))
    among = Among(tuple(keys), tuple(members))
    made = [request("DEL", *keys)] if pool.has("DEL") and rng.random() < 0.8 else []
    for key in keys:
        there = rng.choices(members, k=rng.choice((1, 2, 3))) if len(keys) > 1 else members
        made.append(request(kind.fill, key, *(word for member in there for word in kind.words(member, rng))))
    asked: list[Request] = []
    for _ in range(rng.randrange(2, 6)):
        asked.append(pool.of(rng.choice(able[group] if rng.random() < 0.85 else pool.names), rng, among))
    if pool.has(kind.tell[0]):
        asked += [request(kind.tell[0], key, *kind.tell[1:]) for key in keys]
    return (Step(client, tuple(made)), *steps_of(client, (one for one in asked if not (pool.alone and one.social))))


def _own(pool: Pool, group: str) -> tuple[str, ...]:
    """The commands of a group that are to be drawn for their own sake."""
    commands = pool.generator.commands
    return tuple(name for name in pool.names if commands[name].group == group and name not in pool.helping)
