"""Histories in company: clients that wait for keys, and others that make them come to be.

What must live here: scenarios of which one client's step is felt by another, as `draw` mixes them with its own. A
history in company is slower to judge, so few are drawn unless commands that need one are what is asked for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from redlark.conformance.drawing import tracking, values
from redlark.conformance.drawing.tracking import TRACKING
from redlark.conformance.history import ClientId, History, Part, Request, Step, request, steps_of

if TYPE_CHECKING:
    from redlark.conformance.drawing.scenarios import Pool

Scenario = tuple[Step, ...]

CLIENTS = 4
LIST_WAITERS = ("BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP")
ZSET_WAITERS = ("BZPOPMIN", "BZPOPMAX", "BZMPOP")
WAITERS = (*LIST_WAITERS, *ZSET_WAITERS)
STREAM_WAITERS = ("XREAD", "XREADGROUP")  # these wait if they are asked to
LISTENERS = ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE")
SPEAKERS = ("PUBLISH", "SPUBLISH", "PUBSUB|CHANNELS", "PUBSUB|NUMSUB", "PUBSUB|NUMPAT", "PUBSUB|SHARDCHANNELS")
COMPANY = frozenset((*WAITERS, "CLIENT|UNBLOCK", *LISTENERS, *SPEAKERS, "PUBSUB|SHARDNUMSUB", TRACKING))

_MANIFOLD = {TRACKING: 6.0}  # what concerns every command that reads or writes


def share(pool: Pool) -> float:
    """How many of a round's histories are in company, of one; none for the sake of what only fills the database."""
    company = COMPANY.union(STREAM_WAITERS) - pool.helping
    parts = [pair for pair in zip(pool.names, pool.weights, strict=True) if pair[0] in company]
    ours = sum(weight * _MANIFOLD.get(name, 1.0) for name, weight in parts)
    return 0.0 if not ours else max(0.12, min(0.9, ours / sum(pool.weights) * 1.5))


@frozen
class Kind:
    """What is waited for: a type of key, who waits for one, and what makes one, whole or its least."""

    group: str
    waiters: tuple[str, ...]
    full: tuple[str, ...]
    least: tuple[str, ...]


KINDS = (
    Kind("list", LIST_WAITERS, ("RPUSH", "a", "b"), ("RPUSH", "a")),
    Kind("sorted-set", ZSET_WAITERS, ("ZADD", "1", "m", "2", "n"), ("ZADD", "1", "m")),
)


def _kind(pool: Pool, rng: random.Random) -> Kind:
    return rng.choice([kind for kind in KINDS if any(map(pool.has, kind.waiters))] or KINDS)


def _waiter(pool: Pool, kind: Kind, key: bytes, rng: random.Random, seconds: bytes = b"0") -> Request:
    """A request that waits for a key, perhaps among others; now and then for one of another type."""
    if rng.random() < 0.1:
        kind = _kind(pool, rng)
    other = values.key(rng, kind.group)
    keys = rng.choice(([key], [key], [other, key], [key, other]))
    ends = [rng.choice((b"LEFT", b"RIGHT")) for _ in range(2)]
    count = [b"COUNT", rng.choice((b"1", b"2", b"10"))] if rng.random() < 0.4 else []
    name = rng.choice([name for name in kind.waiters if pool.has(name)] or kind.waiters)
    number = b"%d" % len(keys)
    parts: dict[str, list[bytes]] = {
        "BLMOVE": [key, other, *ends, seconds],
        "BRPOPLPUSH": [key, other, seconds],
        "BLMPOP": [seconds, number, *keys, ends[0], *count],
        "BZMPOP": [seconds, number, *keys, rng.choice((b"MIN", b"MAX")), *count],
    }
    return Request((name.encode(), *parts.get(name, [*keys, seconds])))


def _feeding(pool: Pool, kind: Kind, key: bytes, rng: random.Random) -> tuple[Request, ...]:
    """Requests after which a key is likely to be there, or not quite."""

    def made(at: bytes | str, words: tuple[str, ...]) -> tuple[str | bytes, ...]:
        return (words[0], at, *words[1:])

    if rng.random() < 0.1:
        kind = _kind(pool, rng)
    fill, short = made(key, kind.full), made(key, kind.least)
    away = ("SELECT", "1"), short, ("SELECT", "0")
    ways: tuple[tuple[tuple[str | bytes, ...], ...], ...] = (
        (fill,), (short,), (short,), (("SET", key, "v"), ("DEL", key), fill),
        (("MULTI",), fill, ("DEL", key), ("EXEC",)),
        (("MULTI",), made(values.key(rng), kind.least), fill, ("EXEC",)),
        (("MULTI",), short, ("DEL", key), fill, ("EXEC",)),
        (made("other", kind.full), ("RENAME", "other", key)), (made("other", kind.least), ("COPY", "other", key)),
        (*away, ("SWAPDB", "0", "1")), (*away[:2], ("MOVE", key, "0"), away[2]), (("SET", key, "v"),),
        (("SADD", key, "v"),), (("SET", key, "v"), short), (fill, ("LRANGE", key, "0", "-1")),
        (("SADD", "other", "m", "n"), ("ZUNIONSTORE", key, "1", "other")), (("RPUSH", key, "a"),),
    )  # fmt: skip
    chosen = [one for one in rng.choice(ways) if pool.has(str(one[0]))]
    return tuple(request(*one) for one in chosen)


def _reader(pool: Pool, keys: Sequence[bytes], rng: random.Random, milliseconds: bytes = b"0") -> Request:
    """A request that waits for entries of streams, by itself or as one of a group."""
    name = rng.choice([name for name in STREAM_WAITERS if pool.has(name)])
    count = (b"COUNT", rng.choice((b"1", b"2", b"10"))) if rng.random() < 0.3 else ()
    block = (b"BLOCK", milliseconds)
    if name == "XREAD":
        ids = [rng.choice((b"$", b"$", b"$", b"0", b"+", b"1-1", b"5-1", b"9")) for _ in keys]
        return Request((b"XREAD", *count, *block, b"STREAMS", *keys, *ids))
    noack = (b"NOACK",) if rng.random() < 0.25 else ()
    group = (b"GROUP", b"g" if rng.random() < 0.9 else b"h", rng.choice((b"alice", b"bob")))
    ids = [b">" if rng.random() < 0.95 else b"0" for _ in keys]
    return Request((b"XREADGROUP", *group, *count, *block, *noack, b"STREAMS", *keys, *ids))


def _changes(pool: Pool, key: bytes, other: bytes, rng: random.Random) -> tuple[Request, ...]:
    """Requests that change a stream so that who waits for it may be woken: entries come, it goes, its group goes."""
    add, add_other = ("XADD", key, "*", "f", "v"), ("XADD", other, "*", "f", "v")
    at = ("XADD", key, rng.choice(("1-1", "5-1", "5-2", "9-9", "12-*")), "f", "v")
    made = ("XGROUP", "CREATE", key, "g", rng.choice(("0", "$")), "MKSTREAM")
    gone = rng.choice((("DEL", key), ("UNLINK", key), ("SET", key, "v"), ("EXPIRE", key, "-1"), ("FLUSHALL",)))
    atomic = (
        (at, ("XDEL", key, at[2])), (add, add), (add_other, add), (add, add_other), (gone, made), (gone, made, add),
        (("DEL", key), ("RPUSH", key, "a")), (("DEL", key), add), (add, ("DEL", key)), (("DEL", key), ("DEL", other)),
    )  # fmt: skip
    ways: tuple[tuple[tuple[str | bytes, ...], ...], ...] = (
        (add,), (add,), (add,), (at,), (at,), (add, add), (gone,), (gone, made), (("XGROUP", "DESTROY", key, "g"),),
        (("XGROUP", "SETID", key, "g", "0"), add), (("XTRIM", key, "MAXLEN", "0"), add), (("XSETID", key, "20-1"),),
        (("RENAME", key, other),), (("RENAME", other, key),), (("COPY", other, key, "REPLACE"),), (("MOVE", key, "1"),),
        (("FLUSHDB",),), (("SWAPDB", "0", "1"),), (("PEXPIRE", key, "2"),), (("SUNIONSTORE", key, "nokey"),),
        (("SADD", "j", "m"), ("SUNIONSTORE", key, "j")), (("BITOP", "NOT", key, "nokey"),), (("GETDEL", key),),
        (("EVAL", "return redis.call('XADD', KEYS[1], '*', 'f', 'v')", "1", key),), (("XDEL", key, "1-1"), at),
        (("SELECT", "1"), add, ("SWAPDB", "0", "1"), ("SELECT", "0")), (("SETRANGE", key, "0", "v"),),
        (("SELECT", "1"), add, ("MOVE", key, "0"), ("SELECT", "0")), (("XINFO", "STREAM", key, "FULL"),),
        *((("MULTI",), *inside, ("EXEC",)) for inside in atomic),
    )  # fmt: skip
    return tuple(request(*one) for one in rng.choice(ways) if pool.has(_named(one)))


def _named(words: Sequence[str | bytes]) -> str:
    """The command that these words mean."""
    container = words[0] in ("XGROUP", "XINFO")
    return f"{words[0]}|{words[1]}" if container else str(words[0])  # type: ignore[str-bytes-safe]


def _read(pool: Pool, rng: random.Random) -> Scenario:
    """Some wait for entries of a stream or two, and the streams change."""
    key = values.key(rng, "stream")
    other = values.key(rng, "stream") if rng.random() < 0.5 else b"other"
    clients = rng.sample(range(CLIENTS), rng.choice((2, 2, 3, 4)))
    *readers, feeder = clients
    first = [request("XGROUP", "CREATE", name, "g", "$", "MKSTREAM") for name in dict.fromkeys((key, other))]
    if rng.random() < 0.3:
        first.insert(rng.randrange(2), request("XADD", key, rng.choice(("1-1", "5-1")), "f", "v"))
    if rng.random() < 0.5:
        first = [request("DEL", key, other), *first]
    steps = [Step(feeder, tuple(first) if pool.has("XGROUP|CREATE", "XADD", "DEL") else ())]
    for client in readers:
        keys = rng.choice(([key], [key], [key, other], [other, key]))
        waits = rng.choice((b"1", b"3", b"10")) if rng.random() < 0.1 else b"0"
        asked = _waiter(pool, _kind(pool, rng), key, rng) if rng.random() < 0.1 else _reader(pool, keys, rng, waits)
        steps.append(Step(client, (asked,)))
    for _ in range(rng.choice((1, 1, 2, 3))):
        changes = _changes(pool, *rng.choice(((key, other), (key, other), (other, key))), rng)
        steps += [Step(feeder, changes)] if rng.random() < 0.5 else steps_of(feeder, changes)
    return tuple(step for step in steps if step.requests)


def _served(pool: Pool, rng: random.Random) -> Scenario:
    """Some wait for a key, and it comes to be."""
    kind = _kind(pool, rng)
    key = values.key(rng, kind.group)
    clients = rng.sample(range(CLIENTS), rng.choice((2, 2, 3, 4)))
    *waiters, feeder = clients
    steps = [Step(client, (_waiter(pool, kind, key, rng),)) for client in waiters]
    if rng.random() < 0.2:
        behind = pool.requests(rng.randrange(1, 3), rng)
        steps[-1] = Step(waiters[-1], (*steps[-1].requests, *(one for one in behind if not one.watched)))
    feeding = _feeding(pool, kind, key, rng)
    steps += [Step(feeder, feeding)] if rng.random() < 0.5 else steps_of(feeder, feeding)
    return tuple(steps)


def _queued(pool: Pool, rng: random.Random) -> Scenario:
    """Who would wait in a transaction does not."""
    client, kind = rng.randrange(CLIENTS), _kind(pool, rng)
    key = values.key(rng, kind.group)
    drawn = pool.requests(rng.randrange(1, 5), rng)
    inside = [_waiter(pool, kind, key, rng) if rng.random() < 0.7 else one for one in drawn]
    return (Step(client, (request("MULTI"), *inside, request("EXEC"))),) if pool.has("MULTI", "EXEC") else ()


def _timed(pool: Pool, rng: random.Random) -> Scenario:
    """Somebody waits for a moment, in vain mostly."""
    kind, (client, other) = _kind(pool, rng), rng.sample(range(CLIENTS), 2)
    key = values.key(rng, kind.group)
    steps = [Step(client, (_waiter(pool, kind, key, rng, rng.choice((b"0.001", b"0.005", b"0.01", b"0.0001"))),))]
    if rng.random() < 0.4:
        steps.append(Step(other, _feeding(pool, kind, key, rng)))
    return (*steps, Step(client, ()))


def _freed(pool: Pool, rng: random.Random) -> Scenario:
    """Somebody waits until another one ends it."""
    kind, (client, other) = _kind(pool, rng), rng.sample(range(CLIENTS), 2)
    key = values.key(rng, kind.group)
    how = rng.choice((("UNBLOCK",), ("UNBLOCK",), ("UNBLOCK", "TIMEOUT"), ("UNBLOCK", "ERROR"), ("KILL", "ID")))
    name: bytes
    option: list[bytes]
    name, *option = (word.encode() for word in how)
    words: tuple[Part, ...] = (
        (name, *option, ClientId(client)) if name == b"KILL" else (name, ClientId(client), *option)
    )
    waits = () if rng.random() < 0.1 else (Step(client, (_waiter(pool, kind, key, rng),)),)
    free = Request((b"CLIENT", *words)) if pool.has("CLIENT|" + how[0]) else request("PING")
    inside = (request("MULTI"), free, *_feeding(pool, kind, key, rng), request("EXEC"))
    alone = rng.random() < 0.8 or b"KILL" in free.parts
    return (*waits, Step(other, (free,) if alone else inside))


def _heard(pool: Pool, rng: random.Random) -> Scenario:
    """Some listen, somebody speaks, perhaps to itself; now and then in a transaction or a pipeline."""
    steps: list[Step] = []
    for _ in range(rng.randrange(2, 8)):
        client = rng.randrange(CLIENTS)
        asked = tuple(_said(pool, rng) for _ in range(rng.choice((1, 1, 1, 2, 4))))
        if rng.random() < 0.15 and pool.has("MULTI", "EXEC"):
            asked = (request("MULTI"), *asked, request("EXEC"))
        steps.append(Step(client, asked))
    steps += [Step(client, (request("RESET"),)) for client in range(CLIENTS) if rng.random() < 0.4]
    return tuple(steps)


def _said(pool: Pool, rng: random.Random) -> Request:
    roll = rng.random()
    names = LISTENERS if roll < 0.45 else (*SPEAKERS, "PUBLISH", "PUBLISH")
    able = [name for name in names if pool.has(name)]
    return pool.generator.request(rng.choice(able), rng) if able and roll < 0.85 else pool.requests(1, rng)[0]


def _tracked(pool: Pool, rng: random.Random) -> Scenario:
    return tracking.tracked(pool, rng, CLIENTS)


def _to_oneself(pool: Pool, rng: random.Random) -> Scenario:
    return tracking.to_oneself(pool, rng, CLIENTS)


def _broadcast(pool: Pool, rng: random.Random) -> Scenario:
    return tracking.broadcast_while_waiting(rng, CLIENTS)


def _informed(pool: Pool, rng: random.Random) -> Scenario:
    return tracking.informed(pool, rng, CLIENTS)


def _mixed(pool: Pool, rng: random.Random) -> Scenario:
    """A request of the pool, whatever it is."""
    return steps_of(rng.randrange(CLIENTS), pool.requests(1, rng))


_KINDS: tuple[tuple[Callable[[Pool, random.Random], Scenario], float, tuple[str, ...]], ...] = (
    (_served, 12.0, WAITERS),
    (_timed, 2.0, WAITERS),
    (_freed, 2.0, WAITERS),
    (_queued, 1.5, WAITERS),
    (_read, 12.0, STREAM_WAITERS),
    (_heard, 12.0, ("SUBSCRIBE",)),
    (_tracked, 12.0, (TRACKING,)),
    (_to_oneself, 6.0, (TRACKING,)),
    (_broadcast, 1.0, (TRACKING,)),
    (_informed, 2.0, (TRACKING,)),
    (_mixed, 9.0, ()),
)


def scenarios(pool: Pool, count: int, rng: random.Random) -> list[Scenario]:
    """That many scenarios; who is left waiting is mostly freed at the end of one."""
    kinds = [(kind, weight) for kind, weight, needs in _KINDS if not needs or any(map(pool.has, needs))]
    chosen = rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds], k=count)
    return [_ended(pool, kind(pool, rng), rng) for kind in chosen]


def _ended(pool: Pool, scenario: Scenario, rng: random.Random) -> Scenario:
    waiting = dict.fromkeys(step.client for step in scenario if any(_waits(one) for one in step.requests))
    if not pool.has("CLIENT|UNBLOCK") or rng.random() < 0.2:
        return scenario
    last = CLIENTS  # one who never waits
    free = tuple(Request((b"CLIENT", b"UNBLOCK", ClientId(client))) for client in waiting)
    return (*scenario, Step(last, free)) if free else scenario


def _waits(one: Request) -> bool:
    words = [part.upper() for part in one.parts if isinstance(part, bytes)]
    return bool(words) and (words[0].decode("latin-1") in WAITERS or (words[0][:5] == b"XREAD" and b"BLOCK" in words))


def history(chosen: list[Scenario], protocol: int) -> History:
    """A history of these scenarios, which begins with everyone's learning its id."""
    ask = (request("CLIENT", "ID"),)
    known = tuple(Step(client, ask) for client in range(CLIENTS))
    return History((*known, *(step for scenario in chosen for step in scenario)), protocol)
