"""What the server propagates, beside what the text does: which is what real servers send to their replicas."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from redlark.conformance.history import request
from redlark.conformance.judging.connection import milliseconds
from redlark.conformance.targets.target import configuration
from redlark.reference import Model, World
from redlark.server import Server
from redlark.server.off import refusal
from redlark.server.propagation import TO_REPLICAS, Effect
from redlark.server.state import State
from tests.reference.histories import Call, Walk, pool
from tests.reference.test_propagation import Wire as Framed
from tests.reference.test_propagation import after, is_left_out, waits
from tests.server.conftest import Connect, Start
from tests.server.test_against_model import known

PROFILE = "redis-8.2"
LEFT_OUT = frozenset(("migrate", "sort", "geosearchstore", "georadius", "georadiusbymember"))  # members in no order
RICH = frozenset(("stream", "hash"))  # what is told is most often not the request
REQUESTS = 2_000
DEBUG = ("--enable-debug-command", "yes")


def state_of(server: Server) -> State:
    """That of a server in a thread."""
    assert server._running is not None
    return server._running.state


def drawn(model: Model) -> Iterator[Call]:
    """Requests of the product's own draws, now and then some of them as a transaction."""
    rng = random.Random(PROFILE)
    begin, end = (Call(0, request(word), 0, 0) for word in ("MULTI", "EXEC"))
    named = ((call, model.command(call.request.resolve(0, lambda _: b"0"))) for call in pool(PROFILE))
    fit = [
        call
        for call, command in named
        if command is not None
        and command.name.lower() not in LEFT_OUT
        and not (is_left_out(command) or waits(call) or is_off(call))
    ]
    weights = [5 if model.command(c.request.resolve(0, lambda _: b"0")).facts["group"][0] in RICH else 1 for c in fit]
    left = 0
    for call in rng.choices(fit, weights, k=REQUESTS):
        if left == 0 and rng.random() < 0.1:
            left = rng.randrange(1, 5)
            yield begin
        yield call
        if left == 1:
            yield end
        left = max(left - 1, 0)


def is_off(call: Call) -> bool:
    """Whether the server says of a request's subcommand that it is off: to the text it is unknown."""
    return refusal(b"|".join(call.request.resolve(0, lambda _: b"0")[:2])) is not None


def is_late(effect: Effect, worlds: tuple[World, ...]) -> bool:
    """Whether it is the deletion of a key whose time was over when the text met it: a server may meet it later."""
    name, *keys = effect.request
    return name == b"DEL" and len(keys) == 1 and all(keys[0] not in world.databases[effect.index] for world in worlds)


@pytest.mark.slow
def test_what_is_propagated_is_what_the_text_propagates(start: Start) -> None:
    """After each request the listener has what the text propagates: names, words, times and order, in one unit."""
    server, units, model = start(), list[list[Effect]](), known()
    state_of(server).propagation.listen(units.append)
    walk, changed = Walk(model, (0,)), 0
    with ExitStack() as opened:
        client = Framed(opened.enter_context(socket.create_connection(("127.0.0.1", server.port), 20)))
        worlds: tuple[World, ...] = model.connect(
            model.start(config=configuration(client.ask(b"CONFIG", b"GET", b"*"))), 0
        )
        for call in drawn(model):
            walk.now = milliseconds()
            words = walk.request(call)
            reply = client.ask(*words)
            when = (walk.now, milliseconds())
            told, units[:] = units[:], []
            seen = [
                (one.index, tuple(one.request))
                for unit in told
                for one in unit
                if one.targets & TO_REPLICAS and not is_late(one, worlds)
            ]
            changed += bool(seen)
            worlds = after(model, worlds, words, when, reply, seen)
    assert changed > REQUESTS / 15


def test_who_is_woken_has_a_unit_of_its_own(start: Start, wire: Connect) -> None:
    """What a client does that is woken is told behind what woke it, as what it does without waiting."""
    server, units = start(), list[list[Effect]]()
    waiting, other = wire(server.port), wire(server.port)
    state_of(server).propagation.listen(units.append)
    for asked, feeding, told in (
        ("BLPOP k 0", "RPUSH k a b", "LPOP k"),
        ("BLMOVE k l LEFT RIGHT 0", "EVAL return(redis.call('RPUSH','k','a')) 0", "LMOVE k l LEFT RIGHT"),
        ("BZMPOP 0 1 z MAX COUNT 2", "ZADD z 1 a", "ZPOPMAX z 1"),
    ):
        other("FLUSHALL")
        units.clear()
        waiting.send(*asked.split())
        while b"blocked_clients:1" not in other("INFO", "clients"):
            pass
        other(*feeding.split())
        waiting.frame()
        assert [len(unit) for unit in units] == [1, 1]
        assert b" ".join(units[1][0].request).decode() == told


def test_scripts_and_transactions_are_one_unit(start: Start, wire: Connect) -> None:
    """EXEC and EVAL give all their effects at once; set_repl says for whom they are; a key that expires is a DEL."""
    server, units = start(), list[list[Effect]]()
    client = wire(server.port)
    state_of(server).propagation.listen(units.append)
    client("MULTI")
    client("SET", "k", "v", "PX", "1")
    client("INCRBYFLOAT", "n", "1.5")
    client("GET", "k")
    client("EXEC")
    (unit,) = units
    assert [effect.request[0] for effect in unit] == [b"SET", b"SET"]
    assert unit[1].request == [b"SET", b"n", b"1.5", b"KEEPTTL"]
    while client("EXISTS", "k") != b":0\r\n":
        pass
    while not units[1:]:
        time.sleep(0.01)  # a hot command has met it: it is told by cron, or before the next that is not
    assert [effect.request for unit in units[1:] for effect in unit] == [[b"DEL", b"k"]]
    units.clear()
    client("EVAL", "redis.call('SET', 'a', 1) redis.set_repl(redis.REPL_AOF) redis.call('SADD', 'b', 1)", "0")
    (unit,) = units
    assert [(effect.request[0], effect.targets) for effect in unit] == [(b"SET", 3), (b"SADD", 1)]
    state_of(server).propagation.leave(units.append)


@pytest.mark.slow
def test_what_is_propagated_makes_the_same_databases(start: Start) -> None:
    """Replaying, on an empty server, what a history has propagated gives databases of the same digest."""
    server, copy, units, model = start(*DEBUG), start(*DEBUG), list[list[Effect]](), known()
    state_of(server).propagation.listen(units.append)
    walk = Walk(model, (0,))
    with ExitStack() as opened:
        client, other = (
            Framed(opened.enter_context(socket.create_connection(("127.0.0.1", one.port), 20)))
            for one in (server, copy)
        )
        for call in drawn(model):
            walk.now = milliseconds()
            client.ask(*walk.request(call))
        client.ask(b"DISCARD")
        told = [effect for unit in units for effect in unit if effect.targets & TO_REPLICAS]
        for effect in told:
            assert other.ask(b"SELECT", b"%d" % effect.index).value == b"OK"
            reply = other.ask(*effect.request)
            assert reply.kind != b"-", (effect, reply)
        for one in (client, other):  # what is past goes, as it is looked at
            for index in range(16):
                one.ask(b"SELECT", b"%d" % index)
                for key in one.ask(b"KEYS", b"*").value:
                    one.ask(b"HLEN" if one.ask(b"TYPE", key.value).value == b"hash" else b"EXISTS", key.value)
        assert len(told) > REQUESTS / 15
        assert client.ask(b"DEBUG", b"DIGEST").value == other.ask(b"DEBUG", b"DIGEST").value
