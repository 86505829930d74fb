"""The server beside the model, over a socket: Hypothesis decides who sends what, in how many pieces, and who leaves.

Each reply is judged by the model of the text; nothing here knows what a command does. Both cores are held to it, in
both protocols, over several connections. A failure is told as the requests and replies of all connections, to be
pasted into redis-cli, and what the text would have allowed.
"""

from __future__ import annotations

import random
import re
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from attrs import define, field
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from redlark.conformance.drawing.generate import Generator, grammar
from redlark.conformance.drawing.values import KEYS
from redlark.conformance.history import ClientId, Cursor, Dumped, Request, request
from redlark.conformance.targets.target import configuration
from redlark.reference import Model, World
from redlark.reference.resp import Decoder, Frame, encode_request
from redlark.reference.transcript import command_line, printed
from redlark.server import Server
from redlark.server.commands.facts import TABLE
from tests.campaign import Rounds

PROFILE = "redis-8.2"
TIMEOUT = 10.0  # seconds: server and tests share a process, and its collector may pause for long on a busy machine
CLOSING = 0.1  # seconds in which a connection that may have been closed shows it
MOST = 4  # connections
POOL = 3_000
MAKERS = {
    "SET": 8.0,
    "MSET": 3.0,
    "RPUSH": 3.0,
    "SADD": 3.0,
    "HSET": 3.0,
    "ZADD": 3.0,
    "APPEND": 2.0,
    "PEXPIRE": 3.0,
    "HPEXPIRE": 2.0,
    "EXPIRE": 2.0,
    "EXEC": 3.0,
}
# Nobody waits here, nor for PFSELFTEST; and CLIENT REPLY, which tears an EXEC around it, has a rule of its own. SCRIPT
# DEBUG is refused where other replies are still to be sent.
WAITING = frozenset(name.upper() for name, facts in TABLE.commands.items() if "blocking" in facts.flags)
LEFT_OUT = {*WAITING, "CLIENT|REPLY", "CLIENT|TRACKING", "PFSELFTEST", "SCRIPT|DEBUG"}
GROUPS_LEFT_OUT = ("pubsub",)  # frames that nobody asked for: `redlark conform` and test_pubsub.py judge them

Words = tuple[bytes, ...]


@cache
def known() -> Model:
    """The model to which the commands that this server has not are unknown."""
    implemented = {name.upper() for name in TABLE.commands}
    full = Model.load(PROFILE)
    return Model.load(PROFILE, lacking=frozenset(full.commands.keys() - implemented))


@cache
def pool() -> tuple[Request, ...]:
    """Requests of every command of the profile, the shortest first."""
    model = known()
    grammars = {name: grammar(model.commands[name].block, model.profile) for name in model.commands}
    names = [name for name, one in grammars.items() if name not in LEFT_OUT and not one.never_sent]
    names = [name for name in names if grammars[name].group not in GROUPS_LEFT_OUT]
    generator = Generator(grammars)
    rng = random.Random(PROFILE)
    chosen = rng.choices(names, [MAKERS.get(name, 1.0) for name in names], k=POOL)
    drawn = [generator.request(name, rng) for name in chosen] + [generator.unknown(rng) for _ in range(POOL // 100)]
    return tuple(sorted(drawn, key=lambda one: (len(one.parts), repr(one.parts))))


REQUESTS = st.deferred(lambda: st.sampled_from(pool()))


@define
class Link:
    """One connection: its socket, the frames that came and were not judged yet, the last cursor that it was given."""

    socket: socket.socket
    decoder: Decoder = field(factory=Decoder)
    frames: list[Frame] = field(factory=list)
    cursor: bytes = b"0"
    is_reset: bool = False  # the server closed it with bytes unread: TCP drops what had been sent and was not received

    def frame(self) -> Frame:
        """The next frame; EOFError where the server closes, TimeoutError where nothing comes."""
        while not self.frames:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            self.frames += self.decoder.feed(data)
        return self.frames.pop(0)

    def closed_within(self, seconds: float) -> bool:
        """Whether the server closes the connection within that time, without another byte."""
        self.socket.settimeout(seconds)
        try:
            return not self.frames and self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT)


class AgainstModel(RuleBasedStateMachine):
    """Connections to one server, and the worlds that the model still holds possible."""

    clients = Bundle("clients")
    shortest = sys.maxsize  # characters of the shortest transcript of a failure

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port, self.model = port, known()
        self.worlds: tuple[World, ...] = ()
        self.links: dict[int, Link] = {}
        self.next = 1
        self.payload: bytes | None = None  # that DUMP told last
        self.transcript: list[str] = []

    # ---- who is there ----------------------------------------------------------------------------------------

    @initialize(target=clients, protocol=st.sampled_from([2, 3]))
    def begin(self, protocol: int) -> int:
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT) as connection:
            sweeper = Link(connection)
            for words in ([b"FLUSHALL"], [b"SCRIPT", b"FLUSH"], [b"FUNCTION", b"FLUSH"], [b"CONFIG", b"GET", b"*"]):
                connection.sendall(encode_request(words))
            assert [sweeper.frame().value for _ in range(3)] == [b"OK"] * 3
            self.worlds = self.model.start(config=configuration(sweeper.frame()))
        return self.open(protocol)

    @precondition(lambda self: len(self.links) < MOST)
    @rule(target=clients, protocol=st.sampled_from([2, 3]))
    def arrive(self, protocol: int) -> int:
        return self.open(protocol)

    @rule(client=consumes(clients))
    def leave(self, client: int) -> None:
        link = self.links.pop(client, None)
        if link is not None:
            link.socket.close()
            self.worlds = self.model.disconnect(self.worlds, client)
            self.transcript.append(f"{client}> (closes its connection)")

    def open(self, protocol: int) -> int:
        client, self.next = self.next, self.next + 1
        self.connect(client)
        if protocol == 3:
            self.converse(client, [request("HELLO", "3")])
        return client

    def connect(self, client: int) -> None:
        connection = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.links[client] = Link(connection)
        self.worlds = self.model.connect(self.worlds, client)

    # ---- what they send --------------------------------------------------------------------------------------

    @rule(client=clients, one=REQUESTS)
    def ask(self, client: int, one: Request) -> None:
        self.converse(client, [one])

    @rule(
        client=clients,
        several=st.lists(REQUESTS, min_size=2, max_size=9),
        cuts=st.lists(st.integers(1, 99), max_size=5),
        typed=st.booleans(),
    )
    def pipeline(self, client: int, several: list[Request], cuts: list[int], typed: bool) -> None:
        self.converse(client, several, cuts, typed)

    @rule(
        client=clients,
        queued=st.lists(REQUESTS, max_size=4),
        last=st.sampled_from(["EXEC", "EXEC", "DISCARD", "RESET"]),
    )
    def transaction(self, client: int, queued: list[Request], last: str) -> None:
        self.converse(client, [request("MULTI"), *queued, request(last)])

    @rule(client=clients, key=st.sampled_from(KEYS), writer=clients, write=REQUESTS, queued=REQUESTS)
    def watch(self, client: int, key: bytes, writer: int, write: Request, queued: Request) -> None:
        self.converse(client, [request("WATCH", key)])
        self.converse(writer, [write])
        self.converse(client, [request("MULTI"), queued, request("EXEC")])

    @rule(
        client=clients, key=st.sampled_from(KEYS), lives=st.integers(1, 6), then=REQUESTS, wait=st.sampled_from([0, 3])
    )
    def expire(self, client: int, key: bytes, lives: int, then: Request, wait: int) -> None:
        self.converse(client, [request("SET", key, "10", "PX", str(lives))])
        time.sleep(wait / 1_000)
        self.converse(client, [then, request("PTTL", key), request("GET", key)])

    @rule(
        client=clients, key=st.sampled_from(KEYS), lives=st.integers(0, 6), then=REQUESTS, wait=st.sampled_from([0, 3])
    )
    def expire_fields(self, client: int, key: bytes, lives: int, then: Request, wait: int) -> None:
        self.converse(
            client, [request("HSET", key, "f", "1"), request("HSETEX", key, "PX", "4", "FIELDS", "1", "g", "2")]
        )
        self.converse(client, [request("HPEXPIRE", key, str(lives), "FIELDS", "1", "f")])
        time.sleep(wait / 1_000)
        self.converse(client, [then, request("HPTTL", key, "FIELDS", "2", "f", "g"), request("HGETALL", key)])

    @rule(client=clients, number=st.integers(0, 2))
    def select(self, client: int, number: int) -> None:
        self.converse(client, [request("SELECT", str(number))])

    @rule(client=clients, mode=st.sampled_from(["OFF", "SKIP"]), unseen=st.lists(REQUESTS, min_size=1, max_size=3))
    def silence(self, client: int, mode: str, unseen: list[Request]) -> None:
        outside = [request("DISCARD"), request("CLIENT", "REPLY", mode)]  # inside EXEC it would tear its array
        self.converse(client, [*outside, *unseen, *outside[:1], request("CLIENT", "REPLY", "ON")])

    # ---- what comes back -------------------------------------------------------------------------------------

    def converse(self, client: int, requests: list[Request], cuts: Sequence[int] = (), typed: bool = False) -> None:
        """Sends requests in one write, or cut at percents of it, as lines where they can be, and judges each reply."""
        if client not in self.links:
            self.connect(client)
        link, sent = self.links[client], milliseconds()
        resolved = [one.resolve(sent, lambda symbol: self.known(client, symbol)) for one in requests]
        wire = b"".join(line(words) if typed and can_be_typed(words) else encode_request(words) for words in resolved)
        places = sorted({cut * len(wire) // 100 for cut in cuts} - {0})
        for begin, end in zip([0, *places], [*places, len(wire)], strict=True):
            with suppress(OSError):  # QUIT may have closed the connection in the middle: the replies will tell
                link.socket.sendall(wire[begin:end])
        for place, words in enumerate(resolved):
            self.judge(client, link, words, sent, resolved[place + 1 :])
            if client not in self.links:
                return  # what stood behind went down with the connection
        if link.frames or link.decoder.pending:
            self.diverges(client, resolved[-1], "more than was asked for")

    def known(self, client: int, symbol: object) -> bytes:
        """What only the run can know: a cursor, a payload, another connection's id or address."""
        if isinstance(symbol, Cursor):
            return self.links[client].cursor
        if isinstance(symbol, Dumped):
            return symbol.of(self.payload)
        place = symbol.client % self.next  # type: ignore[attr-defined]
        if isinstance(symbol, ClientId):
            ids = [session.get("id") for world in self.worlds for c, session in world.sessions.items() if c == place]
            return b"%d" % ids[0] if ids and ids[0] else b"0"
        return "{}:{}".format(*self.links[place].socket.getsockname()).encode() if place in self.links else b"0.0.0.0:0"

    def judge(self, client: int, link: Link, words: Words, sent: int, behind: Sequence[Words]) -> None:
        frame, said = None, "(no reply)"
        if words and not self.model.silent(self.worlds, client, words) and not link.is_reset:
            try:
                frame = link.frame()
            except (EOFError, ConnectionError) as problem:
                link.is_reset = isinstance(problem, ConnectionError) and any(map(may_close, behind))
                if not link.is_reset:
                    if not self.gone(client):
                        self.diverges(client, words, "the connection closed")
                    return
                said = "(lost)"
            except TimeoutError:
                self.diverges(client, words, "no reply")
            said = printed(frame.raw) if frame else said
        when = (sent, milliseconds())
        after = self.model.allows(self.worlds, client, words, when, frame)
        if not after:
            allowed = self.model.expected(self.worlds, client, words, when)
            told = "\n".join(f"  {one.rule}: {one.reply}" for one in allowed)
            self.diverges(client, words, f"{said}\nwhere the text allows\n{told}")
        self.transcript.append(f"{client}> {command_line(words)}\n{said}")
        self.worlds = after
        if frame is not None and words[0].upper() == b"SCAN" and frame.kind == b"*" and frame.value:
            link.cursor = frame.value[0].value
        if frame is not None and words[0].upper() == b"DUMP" and isinstance(frame.value, bytes) and frame.kind == b"$":
            self.payload = frame.value
        self.closings(client, words)

    def closings(self, client: int, words: Words) -> None:
        """Connections that the server closes after QUIT or CLIENT KILL; where it is free to, what it does decides."""
        for other, link in list(self.links.items()):
            closed = sum(self.model.closes((world,), other) for world in self.worlds)
            if closed and link.closed_within(TIMEOUT if closed == len(self.worlds) else CLOSING):
                self.gone(other)
            elif closed == len(self.worlds):
                self.diverges(client, words, f"the connection of client {other} stays open")

    def gone(self, client: int) -> bool:
        """A connection has closed: only the worlds remain in which the server has closed it, if there are such."""
        closed = tuple(world for world in self.worlds if self.model.closes((world,), client))
        if closed:
            self.links.pop(client).socket.close()
            self.worlds = self.model.disconnect(closed, client)
        return bool(closed)

    def diverges(self, client: int, words: Words, seen: str) -> Any:
        shown = "\n".join([*self.transcript, f"{client}> {command_line(words)}", seen])
        if len(shown) < self.shortest:  # told at once: a fault that makes the server hang is slow to shrink
            AgainstModel.shortest = len(shown)
            print(f"{shown}\n")
        raise AssertionError(f"the server does what the text does not allow:\n{shown}")

    def teardown(self) -> None:
        for link in self.links.values():
            link.socket.close()


def line(words: Words) -> bytes:
    """A request as a person types it into a plain connection."""
    return b" ".join(words) + b"\r\n"


def can_be_typed(words: Words) -> bool:
    """Whether a line holds these words without quotes and begins like none that is RESP."""
    return all(re.fullmatch(rb"[\w.:+-]+", word, re.ASCII) for word in words) and words[0][:1].isalpha()


def may_close(words: Words) -> bool:
    """Whether a request may close connections, and leave unread what stands behind it."""
    return [word.upper() for word in words[:2]] in ([b"QUIT"], [b"CLIENT", b"KILL"])


def milliseconds() -> int:
    """The clock that the server reads as well."""
    return time.time_ns() // 1_000_000


@pytest.mark.slow
def test_every_reply_is_one_that_the_text_allows(server: Server, rounds: Rounds) -> None:
    """Whatever several clients send, in pipelines, transactions and pieces, the model allows what comes back."""
    count = 60 if rounds.many else 40  # requests of each example
    chosen = settings(max_examples=40, stateful_step_count=count, phases=[Phase.generate, Phase.shrink])
    for source in rounds(1):

        def machine() -> AgainstModel:
            return AgainstModel(server.port)

        if rounds.many:
            seed(source.randrange(1 << 31))(machine)
        run_state_machine_as_test(machine, settings=chosen)
