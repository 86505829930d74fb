"""Scenarios of client-side caching: some track and read, others (or they themselves) write.

What must live here: what is drawn so that invalidations come, and do not come. What is owed is the model's to say.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from redlark.conformance.drawing import values
from redlark.conformance.history import ClientId, History, Part, Request, Step, request, steps_of

if TYPE_CHECKING:
    from redlark.conformance.drawing.scenarios import Pool

Scenario = tuple[Step, ...]

TRACKING = "CLIENT|TRACKING"
_AGAIN = "redis.call('GET',KEYS[1]); redis.call('SET',KEYS[1],'s'); return redis.call('GET',KEYS[1])"
_MODES: tuple[tuple[str, ...], ...] = (
    (), (), (), ("NOLOOP",), ("BCAST",), ("BCAST", "NOLOOP"), ("BCAST", "PREFIX", "k"),
    ("BCAST", "PREFIX", "k1", "PREFIX", "k2", "PREFIX", "{"), ("BCAST", "PREFIX", "k", "NOLOOP"), ("OPTIN",),
    ("OPTOUT",), ("OPTIN", "NOLOOP"), ("BCAST", "PREFIX", "k1", "PREFIX", "k", "PREFIX", "kk"),
)  # fmt: skip


def tracked(pool: Pool, rng: random.Random, clients: int) -> Scenario:
    """Some track, read and write in turns; now and then in a transaction or a pipeline."""
    trackers = rng.sample(range(clients), rng.choice((1, 1, 2, 2, 3)))
    steps: list[Step] = []
    if rng.random() < 0.04 and pool.has("CONFIG|SET"):
        least = rng.choice(("1", "1", "2", "3", "0"))
        steps.append(Step(rng.randrange(clients), (request("CONFIG", "SET", "tracking-table-max-keys", least),)))
    for client in trackers:
        steps += _begun(pool, client, rng, clients)
    for _ in range(rng.randrange(1, 6)):
        key = values.key(rng)
        reader = rng.choice(trackers) if rng.random() < 0.9 else rng.randrange(clients)
        writer = rng.randrange(clients)
        steps.append(Step(reader, _together(pool, _read(pool, key, rng), rng)))
        steps.append(Step(writer, _together(pool, _written(pool, key, rng), rng), wait=rng.choice((0,) * 9 + (2,))))
    for client in trackers:
        if rng.random() < 0.6:
            steps.append(Step(client, (rng.choice((request("CLIENT", "TRACKING", "OFF"), request("RESET"))),)))
    return tuple(steps)


def redirected(protocol: int) -> History:
    """Two whose invalidations go to a third, by key and broadcast, while that one listens and when it is gone."""
    by_key, broadcast, hears, writer = range(4)
    know = tuple(Step(client, (request("CLIENT", "ID"),)) for client in range(4))

    def on(client: int, *words: Part) -> tuple[Step, ...]:
        return steps_of(
            client, (Request((b"CLIENT", b"TRACKING", b"OFF")), Request((b"CLIENT", b"TRACKING", b"ON", *words)))
        )

    flushes = [request(*words) for words in (("FLUSHALL",), ("FLUSHDB",), ("FLUSHALL", "ASYNC"), ("FLUSHDB", "ASYNC"))]
    told = (
        *steps_of(by_key, (request("GET", "k"), request("GET", "j"))),
        *steps_of(writer, (request("SET", "k", "theirs"),)),
        *steps_of(by_key, (request("SET", "j", "mine"), *flushes)),
        *steps_of(writer, flushes[:2]),
    )
    limit, plenty = (Step(writer, (request("CONFIG", "SET", "tracking-table-max-keys", n),)) for n in ("1", "1000000"))
    read = steps_of(by_key, (request("GET", "k"), request("GET", "j")))
    forgotten = (limit, *read, Step(writer, (request("PING"),)), plenty)
    return History(
        (
            *know,
            Step(hears, (request("SUBSCRIBE", "__redis__:invalidate"),)),
            *on(by_key, b"REDIRECT", ClientId(hears)),
            *told,
            *forgotten,
            *on(broadcast, b"BCAST", b"REDIRECT", ClientId(hears)),
            *told,
            Step(hears, (request("QUIT"),)),
            *told,
            *forgotten,
        ),
        protocol,
    )


def to_oneself(pool: Pool, rng: random.Random, clients: int) -> Scenario:
    """One hears of events and of changes that it makes itself: of what another one has read, and redirects to it."""
    client = rng.randrange(clients)
    reader = (client + 1) % clients
    classes = rng.choice(("KEA", "EA", "KEA", "KEAm", "EAmn"))
    first = [request("HELLO", "3"), request("CLIENT", "ID")]
    if pool.has("PSUBSCRIBE", "CONFIG|SET") and rng.random() < 0.8:
        first += [request("CONFIG", "SET", "notify-keyspace-events", classes), request("PSUBSCRIBE", "__key*")]
    redirect = (b"CLIENT", b"TRACKING", b"ON", b"REDIRECT", ClientId(client))
    steps = [*steps_of(client, first), Step(reader, (Request(redirect),))]
    read = request(*("EXISTS", "k1", "k2", "k3", "k4", "{tag}5") if pool.has("EXISTS") else ("GET", "k1"))
    for _ in range(rng.randrange(2, 7)):
        steps.append(Step(reader, (read,)))
        steps.append(Step(client, _together(pool, pool.requests(rng.choice((1, 1, 1, 2)), rng), rng)))
    return (*steps, Step(reader, (request("CLIENT", "TRACKING", "OFF"),)), Step(client, (request("RESET"),)))


def broadcast_while_waiting(rng: random.Random, clients: int) -> Scenario:
    """One waits, and is told of what others change, who wait themselves in the midst of a pipeline."""
    waiter, writer, third = rng.sample(range(clients), 3)
    on = request("CLIENT", "TRACKING", "ON", "BCAST", *rng.choice(((), ("NOLOOP",), ("PREFIX", "k"))))
    asked = request("BZPOPMIN", "k4", "0") if rng.random() < 0.5 else request("BLPOP", "k3", "0")
    short = request("BLPOP", "no", "0")  # until the third one frees it: a clock would decide otherwise in each run
    value = rng.choice(("v", "v" * 9_000, "v" * 20_000))  # a server reads some 16 KB at once, and may sleep between
    before = [request("SET", rng.choice(("k1", "k2")), value) for _ in range(rng.choice((1, 1, 2, 3)))]
    waking = (request("ZADD", "k4", "1", "m"), request("RPUSH", "k3", "a"))
    after = [rng.choice((*waking, request("SET", "k2", "w"))) for _ in range(rng.choice((1, 2, 3)))]
    frees = Step(third, (request("SET", "k1", "x"), request("RPUSH", "no", "a")))
    last = steps_of(third, waking)  # so that nobody waits on
    return (
        *steps_of(waiter, (request("HELLO", "3"), on, asked)),
        Step(writer, (*before, *([short] if rng.random() < 0.6 else []), *after)),
        frees,
        *last,
        *steps_of(waiter, (request("CLIENT", "TRACKING", "OFF"),)),
    )


def _begun(pool: Pool, client: int, rng: random.Random, clients: int) -> list[Step]:
    """A client that tracks, in some way; it may be that another one listens for it."""
    first: list[Step] = []
    if pool.has("HELLO") and rng.random() < 0.5:
        first.append(Step(client, (request("HELLO", rng.choice(("3", "3", "3", "2"))),)))
    words: list[Part] = [b"CLIENT", b"TRACKING", b"ON", *(word.encode() for word in rng.choice(_MODES))]
    if rng.random() < 0.3:
        other = rng.randrange(clients)
        words += [b"REDIRECT", ClientId(other)]
        if pool.has("SUBSCRIBE") and rng.random() < 0.6:
            channel = rng.choice((("SUBSCRIBE", "__redis__:invalidate"), ("SUBSCRIBE", "a"), ("PSUBSCRIBE", "x*")))
            first.append(Step(other, (request(*channel),)))
    if pool.has("PSUBSCRIBE") and rng.random() < 0.2:  # where events are told, who tracks hears of both, in an order
        first.append(Step(client, (request("PSUBSCRIBE", "__key*"),)))
    if rng.random() < 0.15:
        return [*first, Step(client, (pool.generator.request(TRACKING, rng),))]
    return [*first, Step(client, (Request(tuple(words)),))]


def _read(pool: Pool, key: bytes, rng: random.Random) -> tuple[Request, ...]:
    """Requests that read a key, mostly."""
    caching = (request("CLIENT", "CACHING", rng.choice(("YES", "NO"))),) if rng.random() < 0.25 else ()
    ways: tuple[tuple[str | bytes, ...], ...] = (
        ("GET", key), ("GET", key), ("GET", key), ("MGET", key, "k2"), ("EXISTS", key), ("LRANGE", key, "0", "-1"),
        ("TTL", key), ("TYPE", key), ("EVAL", "return redis.call('GET',KEYS[1])", "1", key),
        ("EVAL", _AGAIN, "1", key),
    )  # fmt: skip
    chosen = rng.choice(ways)
    found = request(*chosen) if pool.has(str(chosen[0])) and rng.random() < 0.75 else pool.requests(1, rng)[0]
    return (*caching, found)


def _written(pool: Pool, key: bytes, rng: random.Random) -> tuple[Request, ...]:
    """Requests that write a key, mostly."""
    ways: tuple[tuple[str | bytes, ...], ...] = (
        ("SET", key, "w"), ("SET", key, "w"), ("SET", key, "w", "PX", "2"), ("DEL", key), ("MSET", key, "1", "k2", "2"),
        ("RENAME", "k2", key), ("FLUSHALL",), ("FLUSHDB",), ("RPUSH", key, "a"), ("EXPIRE", key, "100"), ("GET", key),
        ("PEXPIRE", key, "1"), ("SWAPDB", "0", "1"), ("MOVE", key, "1"), ("COPY", "k2", key, "REPLACE"),
        ("APPEND", key, ""), ("EVAL", "return redis.call('SET',KEYS[1],'s')", "1", key), ("UNLINK", key, "k2"),
        ("SET", key, "v", "EXAT", "1"),
    )  # fmt: skip
    chosen = rng.choice(ways)
    if pool.has(str(chosen[0])) and rng.random() < 0.7:
        return (request(*chosen),)
    return tuple(one for one in pool.requests(rng.randrange(1, 4), rng) if not one.watched)


def _together(pool: Pool, requests: tuple[Request, ...], rng: random.Random) -> tuple[Request, ...]:
    """Requests as they are, in a transaction, or among others."""
    roll = rng.random()
    if roll < 0.12 and pool.has("MULTI", "EXEC"):
        return (request("MULTI"), *requests, request("EXEC"))
    if roll < 0.3:
        return (*requests, *(one for one in pool.requests(rng.randrange(1, 4), rng) if not one.watched))
    return requests


def informed(pool: Pool, rng: random.Random, clients: int) -> Scenario:
    """What a connection says of its tracking, between changes of it."""
    client = rng.randrange(clients)
    telling = ("CLIENT|TRACKINGINFO", "CLIENT|GETREDIR", "CLIENT|CACHING", "CLIENT|INFO")
    names = [name for name in telling if pool.has(name)]
    asked = [
        pool.generator.request(TRACKING if not names or rng.random() < 0.6 else rng.choice(names), rng)
        for _ in range(rng.randrange(2, 7))
    ]
    return (*steps_of(client, asked), Step(client, (request("CLIENT", "TRACKING", "OFF"),)))
