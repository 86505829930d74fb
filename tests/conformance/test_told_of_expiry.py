"""What is told of keys that a request finds expired: event, invalidation, then what it does itself; on every server."""

from __future__ import annotations

import pytest
from attrs import evolve

from redlark.conformance.history import ClientId, History, Request, Step, request
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.profiles import model_of
from redlark.conformance.targets.servers import Server
from redlark.conformance.targets.target import parse_address, prepare
from redlark.spec.profiles import PROFILES, recognise

SOON = 2  # milliseconds to live
WRITES = (
    "SET k1 v", "SETBIT k1 3 1", "APPEND k1 x", "LPUSH k1 x", "SADD k1 x", "ZADD k1 1 x", "XADD k1 * f x",
    "HSET k1 f x",
    "MSET k1 f k2 x", "SETNX k1 x", "SETEX k1 10 x", "PFADD k1 x", "GETSET k1 x", "DEL k2 k1", "MSETNX k2 1 k1 2",
    "SUNIONSTORE k1 none", "SUNIONSTORE k1 s", "COPY s k1", "RENAME s k1", "SORT s ALPHA STORE k1",
    "SORT none STORE k1",
    "BITOP OR k1 k2", "ZUNIONSTORE k1 1 k2", "ZRANGESTORE k1 k2 0 -1", "SMOVE s k2 m", "BITFIELD k1 SET u8 0 1",
    "EVAL redis.call('SET',KEYS[1],1);return(redis.call('EXISTS',KEYS[2])) 2 k1 k2", "XGROUP CREATE k1 g 0 MKSTREAM",
    "EXISTS k1 k2", "UNLINK s k1", "SCAN 0 MATCH k* TYPE none", "SCAN 0 TYPE 0",
)  # fmt: skip


def told(write: str) -> History:
    """A client listens to events and is told of what another one tracks, as it writes where two keys have expired."""
    redirect = Request((b"CLIENT", b"TRACKING", b"ON", b"REDIRECT", ClientId(1)))
    return History((
        Step(0, (request("CLIENT", "ID"), request("SADD", "s", "m"))), Step(1, (request("CLIENT", "ID"),)),
        Step(0, (request("PSUBSCRIBE", "__key*"),)), Step(2, (redirect,)),
        Step(1, tuple(request("SET", key, "w", "PX", str(SOON)) for key in ("k1", "k2"))),
        Step(2, (request("EXISTS", "k1", "k2"),)), Step(1, (request("PSUBSCRIBE", "__key*"),)),
        Step(1, (request(*write.split()),), wait=2 * SOON), Step(1, (request("PING"),)),
    ), 3)  # fmt: skip


@pytest.mark.parametrize("server", [*machine.find_servers(), None], ids=lambda one: one.name if one else "embedded")
def test_what_has_expired_is_told_before_what_is_new(server: Server | None) -> None:
    """Each write meets keys whose time is over: who listens and is told of changes hears all in the text's order."""
    profile = recognise(server.product, server.version) if server else PROFILES["redis-8.2"]
    events = {"notify-keyspace-events": "EAm" if profile.name == "redis-6.2" else "EAmn"}
    with machine.running(server, events) as running:
        target = prepare(parse_address(running.url), destructive=True)
        target = evolve(target, config={**target.config, **events})  # where `A` is shown, `n` and `m` are not
        judge = Judge(model_of(profile.name, target), target)
        found = {write: judge.run(told(write)) for write in WRITES for _ in range(2)}
        judge.close()
    assert {write: divergence.seen for write, divergence in found.items() if divergence} == {}
