"""What may be sent in a row: a request, a pipeline, a transaction, an iteration, something that expires.

What must live here: the pool that scenarios are made from, and every kind of scenario. The histories made of them are
``draw``'s.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import frozen

from redlark.conformance.drawing import binary, filled, functions, iterating, places, scenes, sorting, streaming, values
from redlark.conformance.drawing.generate import Among, Generator
from redlark.conformance.history import ClientAddress, ClientId, Request, Step, request, steps_of

CLIENTS = 3

Scenario = tuple[Step, ...]


@frozen
class Pool:
    """Weighted commands and what may be made of them."""

    generator: Generator
    names: tuple[str, ...]
    weights: tuple[float, ...]
    likely: tuple[Request, ...] = ()
    foreign: frozenset[bytes] = frozenset()  # commands that the server has and the text has not
    helping: frozenset[str] = frozenset()  # commands that were not asked for
    clients: int = CLIENTS
    alone: bool = False  # for histories in which nobody waits, but now and then

    def requests(self, count: int, rng: random.Random) -> tuple[Request, ...]:
        """That many requests that may travel together in one write or be queued."""
        drawn: list[Request] = []
        while len(drawn) < count:
            name, one = self.request(rng)
            if name not in ALONE and (self.alone or name not in _STOPPING) and not (self.likely and _immodest(one)):
                drawn.append(one)
        return tuple(drawn)

    def request(self, rng: random.Random) -> tuple[str, Request]:
        """Any request, and the command that it was drawn for."""
        roll = rng.random()
        if self.likely and roll < 0.4:
            one = rng.choice(self.likely)
            return str(one.parts[0], "latin-1") if isinstance(one.parts[0], bytes) else "", one
        if roll > 0.99:
            return "", self.generator.unknown(rng)
        while True:
            name = rng.choices(self.names, self.weights)[0]
            one = self.of(name, rng)
            seldom = 0.004 if tells_all(name, one) else 0.1 if self.alone and one.social else 1.0
            if seldom == 1.0 or rng.random() < seldom:
                return name, one

    def of(self, name: str, rng: random.Random, among: Among | None = None) -> Request:
        """A request of one command; none that asks about what the text does not have."""
        while True:
            one = self.generator.request(name, rng, among)
            if not name.startswith("COMMAND|") or self.foreign.isdisjoint(one.asks_about()):
                return one

    def client(self, rng: random.Random) -> int:
        return 0 if rng.random() < 0.5 else rng.randrange(self.clients)

    def has(self, *names: str) -> bool:
        return all(name in self.names for name in names)


def _single(pool: Pool, rng: random.Random) -> Scenario:
    name, one = pool.request(rng)
    if name == "MULTI" and len(one.parts) == 1:
        return _transaction(pool, rng)
    if name == "CLIENT|REPLY" and any(part in (b"OFF", b"SKIP") for part in one.asks_about()):
        return _silence(pool, rng)  # silence must end with the step: nothing else tells when it was done
    return steps_of(pool.client(rng), (one,))


def _immodest(one: Request) -> bool:
    """More than a stranger may send. In a pipeline it would depend on how far a server reads ahead."""
    return len(one.parts) > 10 or any(isinstance(part, bytes) and len(part) > 16_384 for part in one.parts)


def _pipeline(pool: Pool, rng: random.Random) -> Scenario:
    return (Step(pool.client(rng), pool.requests(rng.randrange(2, 11), rng)),)


def _transaction(pool: Pool, rng: random.Random) -> Scenario:
    """MULTI, some requests, EXEC (or DISCARD, or RESET), in one write or in several, perhaps with company."""
    client = pool.client(rng)
    last = rng.choice(("EXEC", "EXEC", "EXEC", "EXEC", "DISCARD"))
    whole = (request("MULTI"), *pool.requests(rng.randrange(0, 5), rng), request(last))
    if rng.random() < 0.5:
        return (Step(client, whole),)
    steps = list(steps_of(client, whole))
    if rng.random() < 0.5:
        other = (client + 1) % pool.clients
        steps.insert(rng.randrange(1, len(steps)), Step(other, pool.requests(1, rng)))
    return tuple(steps)


def _watched(pool: Pool, rng: random.Random) -> Scenario:
    """WATCH, a write (mine, another's, or time), MULTI ... EXEC."""
    client, key = pool.client(rng), values.key(rng)
    other = client if rng.random() < 0.25 else (client + 1) % pool.clients
    before, after = (
        steps_of(client, (request("WATCH", key),)),
        (request("MULTI"), *pool.requests(1, rng), request("EXEC")),
    )
    if rng.random() < 0.35:
        set_up = (request("SET", key, "v", "PX", "2"),)
        return (*steps_of(other, set_up), *before, Step(client, after, wait=3 if rng.random() < 0.15 else 0))
    return (*before, *steps_of(other, (_touching(pool, key, rng),)), Step(client, after))


def _touching(pool: Pool, key: bytes, rng: random.Random) -> Request:
    """A request that is likely to change this key."""
    fixed = (
        ("SET", key, "w"), ("DEL", key), ("FLUSHALL",), ("FLUSHDB",), ("EXPIRE", key, "100"), ("PEXPIRE", key, "2"),
        ("GET", key), ("APPEND", key, ""), ("PERSIST", key), ("SWAPDB", "0", "1"), ("RENAME", "k2", key),
    )  # fmt: skip
    chosen = rng.choice(fixed)
    return request(*chosen) if pool.has(str(chosen[0])) and rng.random() < 0.7 else pool.requests(1, rng)[0]


def _member_iteration(pool: Pool, rng: random.Random) -> Scenario:
    """An iteration over the members of one key, of any type that is to be drawn."""
    return iterating.of_members(pool, rng) or _single(pool, rng)


def _sketch(pool: Pool, rng: random.Random) -> Scenario:
    """A HyperLogLog, well made or broken or of many elements, and what is asked of it."""
    client, key = pool.client(rng), values.key(rng, "hyperloglog")
    many = [rng.choice((b"e%d", b"%d")) % rng.randrange(5_000) for _ in range(rng.choice((2, 5, 20, 20, 150)))]
    made = request("PFADD", key, *many) if rng.random() < 0.3 else request("SET", key, rng.choice(binary.SKETCHES))
    asked = [pool.generator.request(rng.choice(_SKETCHING), rng) for _ in range(rng.randrange(2, 6))]
    return (Step(client, (made,)), *steps_of(client, [at_key(one, key, rng) for one in asked]), *(
        steps_of(client, (request("GET", key),)) if rng.random() < 0.5 else ()
    ))  # fmt: skip


def _places(pool: Pool, rng: random.Random) -> Scenario:
    """Some places under a key, and what is searched for among them."""
    client, key = pool.client(rng), values.key(rng, "geo")
    there = places.some(rng)
    made = (request("DEL", key), request("GEOADD", key, *there))
    asked = [at_key(pool.of(rng.choice(_SEARCHING), rng), key, rng) for _ in range(rng.randrange(1, 5))]
    return (Step(client, made), *steps_of(client, [places.around(one, rng.choice(there[2::3]), rng) for one in asked]))


_SEARCHING = (
    "GEOSEARCH",
    "GEOSEARCH",
    "GEOSEARCHSTORE",
    "GEORADIUS",
    "GEORADIUSBYMEMBER",
    "GEODIST",
    "GEOPOS",
    "GEORADIUSBYMEMBER_RO",
)
_SKETCHING = ("PFADD", "PFADD", "PFCOUNT", "PFCOUNT", "PFMERGE", "PFDEBUG")


def at_key(one: Request, key: bytes, rng: random.Random) -> Request:
    """The request with this key in the place of the first one, mostly."""
    place = 2 if one.parts and one.parts[0] in (b"PFDEBUG", b"GEOSEARCHSTORE") else 1
    if len(one.parts) <= place or rng.random() < 0.2:
        return one
    return Request((*one.parts[:place], key, *one.parts[place + 1 :]))


def on_one_key(one: Request, key: bytes) -> Request:
    """The same request, all its usual keys one."""
    return Request(tuple(key if part in values.KEYS else part for part in one.parts))


def _expiry(pool: Pool, rng: random.Random) -> Scenario:
    """Something that expires, and a look at it before, around and after that moment."""
    client, key = pool.client(rng), values.key(rng)
    soon = rng.choice((1, 2, 3))
    make = request("SET", key, rng.choice((b"v", b"10")), "PX", str(soon))
    if rng.random() < 0.3:
        return (Step(client, (request("RPUSH", key, "a"), request("PEXPIRE", key, str(soon)), *pool.requests(2, rng))),)
    wait = soon + 1 if rng.random() < 0.1 else 0
    return (*steps_of(client, (make,)), Step(client, pool.requests(2, rng), wait=wait))


def _fields(pool: Pool, rng: random.Random) -> Scenario:
    """Fields of a hash that expire, some or all of them, and what is then asked of the hash."""
    client, key = pool.client(rng), values.key(rng, "hash")
    fields = rng.sample((b"f1", b"f2", b"f3", b"f4"), rng.randrange(1, 5))
    ending = fields[: rng.randrange(1, len(fields) + 1)]
    pairs = [word for field in fields for word in (field, rng.choice((b"1", b"v", b"v" * 70)))]
    soon = str(rng.choice((1, 1, 2, 5)))
    make = [request("DEL", key)] if rng.random() < 0.7 else []
    make.append(request("HSET", key, *pairs))
    make.append(request("HPEXPIRE", key, soon, "FIELDS", str(len(ending)), *ending))
    hashes = [name for name in pool.names if pool.generator.commands[name].group == "hash"]
    asked = [at_key(pool.of(rng.choice(hashes), rng), key, rng) for _ in range(rng.randrange(1, 4))]
    told = (("HLEN",), ("HGETALL",), ("EXISTS",), ("OBJECT", "ENCODING"), ("COPY",))
    able = [words for words in told if pool.has("|".join(words))]
    chosen = rng.sample(able, min(2, len(able)))
    looks = [request(*words, key, *(("k3",) if words == ("COPY",) else ())) for words in chosen]
    wait = int(soon) + 1 if rng.random() < 0.3 else 0
    return (Step(client, tuple(make)), Step(client, tuple(asked), wait=wait), *steps_of(client, looks))


def _elsewhere(pool: Pool, rng: random.Random) -> Scenario:
    """The same key in two databases, or in one of them, and a command that goes from one to the other."""
    client, key, other = pool.client(rng), values.key(rng), rng.choice(("1", "1", "1", "15"))
    there = (request("SELECT", other), request("SET", key, "there"), request("SELECT", "0"))
    here = (request("SET", key, "here", *rng.choice(((), ("EX", "100")))),) if rng.random() < 0.6 else ()
    across = (("MOVE", key, other), ("MOVE", key, other), ("COPY", key, key, "DB", other), ("SWAPDB", "0", other))
    chosen = rng.choice(across)
    last = request(*chosen) if pool.has(str(chosen[0])) else pool.requests(1, rng)[0]
    return (Step(client, (*there, *here, last)), *steps_of(client, pool.requests(1, rng)))


def _stream(pool: Pool, rng: random.Random) -> Scenario:
    """A stream that a group has read, and what is then asked of it."""
    client, made = pool.client(rng), streaming.set_up(rng)
    key = made[0].parts[1]
    assert isinstance(key, bytes)
    names = [name for name in pool.names if pool.generator.commands[name].group == "stream"]
    among = Among((key,), (), tuple(one.encode() for one in streaming.IDS))
    asked = []
    for one in pool.requests(rng.randrange(1, 6), rng):
        name, roll = rng.choice(names), rng.random()
        asked.append(streaming.about(key, rng, names) if roll < 0.4 else on_one_key(pool.of(name, rng, among), key))
        asked += [one] if roll > 0.7 else []
    return (Step(client, made), *steps_of(client, (one for one in asked if not (pool.alone and one.social))))


def _sorting(pool: Pool, rng: random.Random) -> Scenario:
    """Something to be sorted, and that it is sorted, perhaps in a transaction, a script or by another client."""
    key = values.key(rng)
    made = sorting.set_up(key, rng)
    names = [name for name in ("SORT", "SORT", "SORT_RO") if pool.has(name)]
    asked = [at_key(pool.of(rng.choice(names), rng), key, rng) for _ in range(rng.randrange(2, 6))]
    if pool.has("MULTI", "EXEC") and rng.random() < 0.1:
        asked = [request("MULTI"), *asked, request("EXEC")]
    elif pool.has("EVAL") and rng.random() < 0.1:
        asked = [Request((b"EVAL", b"return redis.call(unpack(ARGV))", b"1", key, *one.parts)) for one in asked]
    client = pool.client(rng)
    return (Step(client, made), *steps_of(client, asked), *steps_of(client, pool.requests(1, rng)))


def _library(pool: Pool, rng: random.Random) -> Scenario:
    """A library, and what is then asked of it."""
    client, names = pool.client(rng), rng.choices(functions.ASKED, k=rng.randrange(1, 4))
    return (Step(client, functions.set_up(rng)), *steps_of(client, [pool.of(name, rng) for name in names]))


def _payload(pool: Pool, rng: random.Random) -> Scenario:
    """A value as bytes, dumped and restored."""
    helpers = [name for name in HELPERS if pool.has(name)]
    return scenes.payload(pool.client(rng), lambda: pool.of(rng.choice(helpers), rng), at_key, rng)


def _silence(pool: Pool, rng: random.Random) -> Scenario:
    """Replies switched off and on again, in one write: what stands between must not be answered."""
    client = pool.client(rng)
    if rng.random() < 0.3:
        return (Step(client, (request("CLIENT", "REPLY", "SKIP"), *pool.requests(2, rng))),)
    if rng.random() < 0.15:
        gone = (request("CLIENT", "REPLY", rng.choice(("OFF", "SKIP"))), request("QUIT"), *pool.requests(1, rng))
        return (Step(client, gone),)
    inside = tuple(one for one in pool.requests(rng.randrange(1, 4), rng) if not one.watched)
    return (Step(client, (request("CLIENT", "REPLY", "OFF"), *inside, request("CLIENT", "REPLY", "ON"))),)


def _murder(pool: Pool, rng: random.Random) -> Scenario:
    """A connection that another one (or itself) closes."""
    client = pool.client(rng)
    victim = (client + rng.randrange(2)) % pool.clients
    if rng.random() < 0.4:
        kill = Request((b"CLIENT", b"KILL", ClientAddress(victim)))
        return (*steps_of(victim, (request("PING"),)), Step(client, (kill,)), Step(victim, pool.requests(1, rng)))
    ask = Step(victim, (request("CLIENT", "ID"),))
    kill = Request((b"CLIENT", b"KILL", b"ID", ClientId(victim), *((b"SKIPME", b"no") if rng.random() < 0.5 else ())))
    return (ask, Step(client, (kill,)), Step(victim, pool.requests(1, rng)))


def _waiting(pool: Pool, rng: random.Random) -> Scenario:
    """A time out that no clock will reach, where nothing has to be waited for."""
    asked = rng.choice((("WAIT", "0"), ("WAITAOF", "0", "0")))
    return steps_of(pool.client(rng), (request(*asked, str(values.MAX)),))


_MAKING = (("SET", "v"), ("RPUSH", "a", "b"), ("SADD", "a", "b"), ("HSET", "a", "1"), ("ZADD", "1", "a"))


def _one_key(pool: Pool, rng: random.Random) -> Scenario:
    """Requests that name one key which is there, and no other, however many they take."""
    key = rng.choice(values.KEYS)
    made = [request(name, key, *rest) for name, *rest in _MAKING if pool.has(name)]
    return steps_of(
        rng.randrange(pool.clients),
        ([rng.choice(made)] if made else []) + [on_one_key(one, key) for one in pool.requests(2, rng)],
    )


def _filled(pool: Pool, rng: random.Random) -> Scenario:
    """Members of one type, and what its own commands do with them."""
    return filled.scene(pool, rng) or _single(pool, rng)


_KINDS: tuple[tuple[Callable[[Pool, random.Random], Scenario], float, tuple[str, ...]], ...] = (
    (_single, 36, ()),
    (_pipeline, 32, ()),
    (_transaction, 9, ("MULTI", "EXEC")),
    (_one_key, 4, ()),
    (_filled, 24, ()),
    (_watched, 3, ("MULTI", "EXEC", "WATCH", "SET")),
    (iterating.of_keys, 2, ("SCAN", "SET")),
    (_member_iteration, 2, ()),
    (_elsewhere, 2.5, ("SELECT", "SET")),
    (_expiry, 4, ("SET", "RPUSH", "PEXPIRE")),
    (_fields, 4, ("DEL", "HSET", "HPEXPIRE")),
    (_stream, 3, ("XADD", "XGROUP|CREATE", "XREADGROUP", "DEL")),
    (_sketch, 3, ("SET", "GET", "PFADD", "PFCOUNT", "PFMERGE", "PFDEBUG")),
    (_sorting, 5, ("SORT", "DEL", "RPUSH", "SADD", "ZADD", "HSET", "SET")),
    (_places, 3, ("DEL", "GEOADD", *_SEARCHING)),
    (_library, 5, ("FUNCTION|LOAD", "FUNCTION|LIST", "FCALL", "FCALL_RO")),
    (_payload, 5, ("DUMP", "RESTORE")),
    (_waiting, 0.2, ("WAIT",)),
    (_silence, 1, ("CLIENT|REPLY",)),
    (_murder, 0.4, ("CLIENT|ID", "CLIENT|KILL")),
)


def scenarios(pool: Pool, count: int, rng: random.Random) -> list[Scenario]:
    """That many scenarios."""
    kinds = [(kind, weight) for kind, weight, needs in _KINDS if pool.has(*needs)]
    chosen = rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds], k=count)
    return [kind(pool, rng) for kind in chosen]


def tells_all(name: str, one: Request) -> bool:
    """Whether a request asks a command to tell all that it can."""
    return name in TELLING and len(one.parts) <= 1 + name.count("|")


# They stop a server while it waits for another one: where several clients meet, nobody can tell what happened when.
_STOPPING = frozenset(("MIGRATE",))

# Never in a pipeline or a transaction: Redis (7.2 and later) loses the reply of a failed AUTH or HELLO when others are
# still to be sent, and CLIENT REPLY, or a CLIENT KILL that hits its own sender, tears the array that EXEC has begun.
# SCRIPT DEBUG is refused where other replies are still to be sent.
ALONE = frozenset(("AUTH", "HELLO", "CLIENT|KILL", "CLIENT|REPLY", "MULTI", "SCRIPT|DEBUG"))

# Without arguments these tell all about all commands, in hundreds of kilobytes, or take a server half a second: seldom
# is enough.
TELLING = frozenset(("COMMAND", "COMMAND|DOCS", "COMMAND|INFO", "COMMAND|LIST", "PFSELFTEST"))

HELPERS = {
    "SET": 12.0, "RPUSH": 9.0, "SADD": 7.0, "ZADD": 9.0, "HSET": 7.0, "PEXPIRE": 4.0, "DEL": 3.0,
    "XADD": 8.0, "XGROUP|CREATE": 3.0, "XREADGROUP": 3.0, "GEOADD": 5.0,
    "LRANGE": 1.0, "SMEMBERS": 1.0, "HGETALL": 1.0, "ZRANGE": 1.0,
}  # fmt: skip
