"""What is propagated, beside the stream that real servers send to their replicas: the text has it word for word.

A connection that says SYNC is taken for a replica: after a snapshot it gets every command that changes something. The
requests are the product's own draws. MULTI and EXEC around what one request did are left aside, as are the deletions
of keys that have expired: a server may come upon those at any time.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from attrs import define, evolve, field

from redlark.conformance.history import request
from redlark.conformance.judging.connection import milliseconds
from redlark.conformance.targets.target import configuration
from redlark.reference import Model, World
from redlark.reference.replies import matches
from redlark.reference.resp import Decoder, Frame, encode_request
from redlark.reference.transcript import command_line
from redlark.reference.values import NO_REPLY, Uncertain, type_of

from .histories import Call, Walk, is_over, pool

SERVERS = {
    "redis:6.2": "redis-6.2",
    "redis:7.0": "redis-7.0",
    "redis:8.2": "redis-8.2",
    "valkey:8.1": "valkey-8.1",
    "valkey:9.1": "valkey-9.1",
}
REQUESTS = 1_000
CHANGES = 40  # of these at least must change something
SCRIPTED = 40  # times as often as other requests are those drawn that are about scripts
# Connections are not what is tested here, and one that leaves, waits or falls silent would end the test. Once INFO's
# counters are known, what they count of the one that listens here would have to be known, too.
LEFT_OUT = {
    "QUIT", "RESET", "AUTH", "HELLO", "CLIENT|REPLY", "CLIENT|KILL", "WAIT", "WAITAOF", "MULTI", "EXEC", "DISCARD",
    "ROLE", "SCRIPT|DEBUG", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE",
    "CONFIG|RESETSTAT",
}  # fmt: skip
ASIDE = {b"MULTI", b"EXEC", b"PING", b"REPLCONF"}

Words = tuple[bytes, ...]
Propagated = list[tuple[int, tuple[Any, ...]]]


@define
class Wire:
    """A connection that gives whole frames."""

    socket: socket.socket
    decoder: Decoder = field(factory=Decoder)
    frames: list[Frame] = field(factory=list)
    selected: int = 0

    def ask(self, *words: bytes) -> Frame:
        """A request and its reply."""
        self.socket.sendall(encode_request(words))
        return self.frame()

    def frame(self) -> Frame:
        """The next frame."""
        while not self.frames:
            data = self.socket.recv(1 << 16)
            assert data, "the server closed the connection"
            self.frames += self.decoder.feed(data)
        return self.frames.pop(0)

    def follow(self) -> None:
        """Becomes a replica: the snapshot is read away."""
        self.socket.sendall(b"SYNC\r\n")
        line = b"\n"
        while not line.strip():  # line breaks come while it waits
            line = self.line()
        size = int(line.strip()[1:])
        while size:
            size -= len(self.socket.recv(size))

    def line(self) -> bytes:
        """Bytes up to a line break, one by one so that nothing behind it is read."""
        got = b""
        while not got.endswith(b"\n"):
            got += self.socket.recv(1)
        return got

    def sent_before(self, marker: bytes) -> list[tuple[int, Words]]:
        """What was sent to this replica up to the marker, each with the database that it is of."""
        sent = []
        while True:
            words = tuple(child.value for child in self.frame().value)
            name = words[0].upper()
            if name == b"SELECT":
                self.selected = int(words[1])
            elif name == b"PUBLISH" and words[1:] == (b"marker", marker):
                return sent
            elif name not in ASIDE:
                sent.append((self.selected, words))


@pytest.mark.slow
@pytest.mark.parametrize("scripted", [False, True], ids=["all", "scripts"])
@pytest.mark.parametrize("name", SERVERS)
def test_what_is_propagated_is_what_replicas_get(name: str, scripted: bool, start_server: Any) -> None:
    """After each request a replica gets what the text propagates: names, words, times and order."""
    profile = SERVERS[name]
    running = start_server(name, repl_diskless_sync="no")
    with ExitStack() as opened:
        address = ("127.0.0.1", running.port)
        client, other, replica = (Wire(opened.enter_context(socket.create_connection(address, 20))) for _ in range(3))
        replica.follow()
        walk, changed = Walk(Model.load(profile), (0,)), 0
        config = configuration(client.ask(b"CONFIG", b"GET", b"*"))
        worlds: tuple[World, ...] = walk.model.connect(walk.model.start(config=config), 0)
        for number, call in enumerate(drawn(profile, scripted)):
            walk.now = milliseconds()
            words = walk.request(call)
            reply = client.ask(*words)
            when, marker = (walk.now, milliseconds()), b"%d" % number
            other.ask(b"PUBLISH", b"marker", marker)
            seen = replica.sent_before(marker)
            changed += bool(seen)
            worlds = after(walk.model, worlds, words, when, reply, seen)
        assert changed > CHANGES


# Some wait, and one request after another wakes them: what replicas get is as if nobody had waited.
SCENES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("BLPOP k 0", "BRPOP k 0"), ("RPUSH k a b c",)),
    (("BLMOVE k l LEFT RIGHT 0", "BLPOP l 0"), ("RPUSH k a",)),
    (("BRPOPLPUSH k l 0", "BRPOPLPUSH l m 0"), ("RPUSH k a b",)),
    (("BLMPOP 0 2 j k LEFT COUNT 2", "BLMPOP 0 1 k RIGHT"), ("RPUSH k a b c d",)),
    (("BZPOPMIN k 0", "BZPOPMAX k 0"), ("ZADD k 1 a 2 b",)),
    (("BZMPOP 0 2 j k MAX COUNT 5", "BZMPOP 0 1 k MIN"), ("ZADD k 1 a", "ZADD k 1 a 2 b")),
    (("XREAD BLOCK 0 STREAMS s $",), ("XADD s 1-1 f v",)),
    (
        ("XREADGROUP GROUP g alice BLOCK 0 STREAMS s >", "XREADGROUP GROUP g bob BLOCK 0 NOACK STREAMS s >"),
        ("XADD s 1-1 f v", "XADD s 1-2 f v"),
    ),
    (("XREADGROUP GROUP g alice BLOCK 0 NOACK STREAMS s >",), ("XADD s 2-1 f v",)),
    (("XREADGROUP GROUP g alice BLOCK 0 STREAMS s >",), ("XGROUP DESTROY s g",)),
    (("XREADGROUP GROUP g alice BLOCK 0 STREAMS s >",), ("DEL s",)),
)


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVERS)
def test_what_is_propagated_as_waiting_ends(name: str, start_server: Any) -> None:
    """What a client does that is woken reaches replicas behind what woke it, and not as the request that waited."""
    model = Model.load(SERVERS[name])
    running = start_server(name, repl_diskless_sync="no")
    with ExitStack() as opened:
        address = ("127.0.0.1", running.port)
        first, second, feeder, other, replica = (
            Wire(opened.enter_context(socket.create_connection(address, 20))) for _ in range(5)
        )
        replica.follow()
        for number, (waiting, feeding) in enumerate(SCENES):
            if any(model.command((words.split()[0].encode(),)) is None for words in waiting):
                continue
            worlds = model.start(now=milliseconds())
            for client in range(3):
                worlds = model.connect(worlds, client)
            set_up = ("FLUSHALL", "XGROUP CREATE s g $ MKSTREAM") if "XREADGROUP" in waiting[0] else ("FLUSHALL",)
            for place, words in enumerate((*set_up, *feeding)):
                if place == len(set_up):
                    for client, (wire, asked) in enumerate(zip((first, second), waiting, strict=False)):
                        worlds = parked(model, worlds, client, wire, asked, other, replica)
                request, when = tuple(words.encode().split()), milliseconds()
                reply = feeder.ask(*request)
                marker = b"scene %d %d" % (number, place)
                other.ask(b"PUBLISH", b"marker", marker)
                worlds = after(model, worlds, request, (when, milliseconds()), reply, replica.sent_before(marker), 2)
                for owed in worlds[0].outbox:
                    assert matches(owed.reply, (first, second)[owed.client].frame(), owed.resp)
                worlds = tuple(evolve(world, outbox=()) for world in worlds)
            assert not worlds[0].parked or name == "redis:6.2"  # where a stream that goes wakes nobody


def parked(
    model: Model, worlds: tuple[World, ...], client: int, wire: Wire, asked: str, other: Wire, replica: Wire
) -> tuple[World, ...]:  # fmt: skip
    """The worlds in which a client waits, as it does on the server by then; what that propagates is compared, too."""
    request, when = tuple(asked.encode().split()), milliseconds()
    wire.socket.sendall(encode_request(request))
    while b"blocked_clients:%d" % (client + 1) not in other.ask(b"INFO", b"clients").value:
        assert milliseconds() < when + 5_000, f"{asked} does not wait"
    other.ask(b"PUBLISH", b"marker", b"parked")
    seen = replica.sent_before(b"parked")
    runs = [run for run, _ in model._runs(worlds[0], client, request, (when, milliseconds()), None)]
    assert any(agree(run.propagated, seen) for run in runs), f"{asked} propagates {seen}"
    return model.left_waiting(worlds, client, request, (when, milliseconds()))


def drawn(profile: str, scripted: bool) -> Iterator[Call]:
    """Requests of the product's own draws, now and then some of them as a transaction; or mostly scripts, functions."""
    rng, model = random.Random(profile), Model.load(profile)
    begin, end = (Call(0, request(word), 0, 0) for word in ("MULTI", "EXEC"))
    left = 0
    named = ((call, model.command(call.request.resolve(0, lambda _: b"0"))) for call in pool(profile))
    fit = [call for call, command in named if command is None or not (is_left_out(command) or waits(call))]
    weights = [SCRIPTED if scripted and is_of_scripts(model, call) else 1 for call in fit]
    for call in rng.choices(fit, weights, k=REQUESTS):
        if left == 0 and rng.random() < 0.1:
            left = rng.randrange(1, 5)
            yield begin
        yield call
        if left == 1:
            yield end
        left = max(left - 1, 0)


def is_of_scripts(model: Model, call: Call) -> bool:
    """Whether a call runs, loads or forgets code."""
    command = model.command(call.request.resolve(0, lambda _: b"0"))
    return command is not None and command.facts["group"][0] == "scripting"


def is_left_out(command: Any) -> bool:
    """Whether requests of a command have no place here: for its name, or because it may do harm."""
    return command.name in LEFT_OUT or not {"semantics", "never-sent"}.isdisjoint(command.facts)


def waits(call: Call) -> bool:
    """Whether a request may leave its client waiting."""
    return call.request.social


def after(
    model: Model, worlds: tuple[World, ...], request: Words, when: tuple[int, int], reply: Frame, seen: Propagated,
    client: int = 0,
) -> tuple[World, ...]:  # fmt: skip
    """The worlds in which the request has this reply and propagates this."""
    found, told = [], []
    for world in worlds:
        for run, given in model._runs(world, client, request, when, reply):
            if given is not NO_REPLY and matches(given, reply, run.session["resp"]):
                told.append(living(run.propagated, world, when[1]))
                if agree(told[-1], living(seen, world, when[1])):
                    found.append(run.finish())
    assert found, f"{command_line(request)}\nis answered {reply!r}\npropagates {seen}\nand in the text {told}"
    return tuple({id(world): world for world in found}.values())[:8]


def living(propagated: Propagated, world: World, now: int) -> Propagated:
    """Without the deletions of keys and fields that expired, those whose deadline these requests set among them."""
    kept: Propagated = []
    deadlines: dict[tuple[int, Any], int] = {}
    for number, words in propagated:
        if words[0].upper() == b"HDEL":
            entry = world.databases[number].get(words[1])
            left = [f for f in words[2:] if entry is None or not is_over(entry, f, now)]
            if not left:
                continue
            words = (*words[:2], *left)
        elif words[0].upper() in (b"DEL", b"UNLINK") and len(words) == 2:
            entry = world.databases[number].get(words[1])
            stored = entry.deadline[0] if entry is not None and entry.deadline is not None else now + 1
            if (
                entry is not None
                and type_of(entry.value) == "hash"
                and all(is_over(entry, f, now) for f in entry.value)
            ):
                continue  # its last fields have expired
            if deadlines.get((number, words[1]), stored) <= now:
                continue
        elif (deadline := deadline_of(words)) is not None:
            deadlines[number, words[1]] = deadline
        kept.append((number, words))
    return kept


def deadline_of(words: tuple[Any, ...]) -> int | None:
    """The Unix time in milliseconds that a propagated request gives its key, the earliest that it may be."""
    place = 2 if words[0].upper() == b"PEXPIREAT" else words.index(b"PXAT") + 1 if b"PXAT" in words else 0
    if not 0 < place < len(words):
        return None
    return words[place].lo if isinstance(words[place], Uncertain) else int(words[place])


def agree(told: Propagated, seen: Propagated) -> bool:
    """Whether what was sent is what the text tells: names in any case, times within their bounds."""
    return len(told) == len(seen) and all(
        (number, ours[0].upper(), len(ours)) == (place, theirs[0].upper(), len(theirs))
        and all(map(same, ours[1:], theirs[1:]))
        for (number, ours), (place, theirs) in zip(told, seen, strict=True)
    )


def same(ours: Any, theirs: bytes) -> bool:
    """Whether a word that was sent is the text's."""
    if isinstance(ours, Uncertain):
        return theirs.isdigit() and ours.lo <= int(theirs) <= ours.hi
    return theirs == (ours if isinstance(ours, bytes) else b"%d" % ours)
