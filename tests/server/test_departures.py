"""The server beside the model where clients wait, listen, and leave at any byte of what they write.

Hypothesis draws who does what: requests of every command, pipelines, transactions, scripts, BLPOP and its kin,
subscriptions and tracking, over up to four connections in either protocol; and writes that end anywhere, behind which
the connection is closed or reset.  What was whole by then is judged by the model of the text, as `redlark conform`
judges it; what was not must leave nothing: nobody who waits, listens, watches or queues is left of who has gone.
"""

from __future__ import annotations

import random
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from attrs import field, frozen, mutable
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from redlark.conformance.drawing.generate import Generator, grammar
from redlark.conformance.errors import Lost
from redlark.conformance.history import History, Request, Step, request
from redlark.conformance.judging.attempt import Sent
from redlark.conformance.judging.company import Company
from redlark.conformance.judging.connection import milliseconds
from redlark.conformance.judging.divergence import Divergence
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets.target import parse_address, prepare
from redlark.reference.transcript import command_line, printed
from redlark.server import Server
from tests.campaign import Rounds
from tests.server.test_against_model import MAKERS, WAITING, known

CLIENTS = 4
POOL = 4_000
RESET = struct.pack("ii", 1, 0)  # linger: on, for no time
# The first two wait for replicas, whose number nobody changes; the last is refused where other replies are due.
NEVER = frozenset(("WAIT", "WAITAOF", "PFSELFTEST", "SCRIPT|DEBUG"))
OFTEN = {
    **MAKERS,
    **dict.fromkeys(WAITING - NEVER, 10.0),
    **dict.fromkeys(("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "PUBLISH", "SPUBLISH", "CLIENT|TRACKING"), 6.0),
    **dict.fromkeys(("XADD", "LPUSH", "EVAL", "WATCH", "GET", "CLIENT|LIST", "INFO", "PUBSUB|NUMSUB"), 6.0),
}


WHOLE = -1
# For keys that no request of those drawn names: who asks this waits until it leaves.
FOR_EVER = tuple(
    request(*line.split())
    for line in (
        "BLPOP nobody's 0", "BRPOP nobody's none 0", "BLMOVE nobody's l LEFT RIGHT 0", "BLMPOP 0 1 nobody's LEFT",
        "BZPOPMAX nobody's 0", "BZMPOP 0 2 nobody's none MIN", "XREAD BLOCK 0 STREAMS nobody's $",
    )
)  # fmt: skip


@cache
def drawn() -> tuple[Request, ...]:
    """Requests of every command, those that wait and listen among them; the shortest first."""
    model = known()
    grammars = {name: grammar(model.commands[name].block, model.profile) for name in model.commands}
    names = [name for name, one in grammars.items() if name not in NEVER and not one.never_sent]
    generator, rng = Generator(grammars), random.Random("who leaves")
    chosen = rng.choices(names, [OFTEN.get(name, 1.0) for name in names], k=POOL)
    found = [generator.request(name, rng) for name in chosen]
    return tuple(sorted(found, key=lambda one: (len(one.parts), repr(one.parts))))


@frozen
class Leaving(Step):
    """A write that ends behind some of its bytes, with which its connection ends, too: closed, or reset."""

    cut: int = WHOLE  # behind how many bytes, taken modulo those that there are; or behind all
    reset: bool = False


REQUESTS = st.deferred(lambda: st.sampled_from(drawn()))
WHO = st.integers(0, CLIENTS - 1)
STEPS = st.one_of(
    st.builds(lambda who, one: Step(who, (one,)), WHO, REQUESTS),
    st.builds(lambda who, several: Step(who, tuple(several)), WHO, st.lists(REQUESTS, min_size=2, max_size=5)),
    st.builds(
        lambda who, queued: Step(who, (request("MULTI"), *queued, request("EXEC"))), WHO, st.lists(REQUESTS, max_size=3)
    ),
    st.builds(lambda who: Step(who, (request("HELLO", "3"),)), WHO),
    st.builds(
        lambda who, several, cut, reset: Leaving(who, tuple(several), cut=cut, reset=reset),
        WHO, st.lists(REQUESTS, min_size=1, max_size=4), st.integers(0, 300), st.booleans(),
    ),
    st.builds(lambda who, one, reset: Leaving(who, (one,), reset=reset), WHO, st.sampled_from(FOR_EVER), st.booleans()),
)  # fmt: skip
HISTORIES = st.builds(
    lambda steps, protocol: History(tuple(steps), protocol),
    st.lists(STEPS, min_size=2, max_size=14),
    st.sampled_from([2, 3]),
)


@mutable
class Parting(Company):
    """A run of a history in which clients leave."""

    left: Counter[str] = field(factory=Counter)  # who have left so far, and how
    broken_off: bool = False

    def _send(self, step: Step) -> Sent:
        """Of a write that is cut only what is whole is asked."""
        if not isinstance(step, Leaving):
            return super()._send(step)
        client, judge = step.client, self.judge
        connection = judge.connection(client) if judge.connected(client) else self._reconnect(client)
        now = milliseconds()
        sent = [one.fixed or self._resolved(client, one, now) for one in step.requests]
        wire = b"".join(part for _, part in sent)
        cut = len(wire) if step.cut == WHOLE else step.cut % (len(wire) + 1)
        try:
            connection.send(wire[:cut])
        except Lost:
            if not self._may_be_gone(client):
                raise
            return Sent(client, [], now, self.begun)
        whole, size = [], 0
        for asked, part in sent:
            size += len(part)
            if size <= cut:
                whole.append(asked)
        self.broken_off = sum(len(part) for _, part in sent[: len(whole)]) < cut
        return Sent(client, whole, now + judge.target.clock[0], self.begun)

    def _step(self, step: Step) -> Divergence | None:
        found = super()._step(step)
        if found or not isinstance(step, Leaving) or not self.judge.connected(step.client):
            return found
        if step.reset:
            with socket.fromfd(self.judge.connection(step.client).fileno(), socket.AF_INET, socket.SOCK_STREAM) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.left["in the midst of a request"] += self.broken_off
        self.left["while it waits"] += self._parked(step.client)
        self._gone(step.client, self.worlds)
        self.paused = type(self.paused)(one for one in self.paused if one[0] != step.client)
        return self._gather()  # whom it kept from something may be served now


@frozen(repr=False)
class Held:
    """A server that is held to the model."""

    judge: Judge

    def run(self, history: History) -> tuple[Divergence | None, Parting]:
        """What is wrong with a history, from empty to empty."""
        attempt = Parting(self.judge, history, watched=False)
        self.judge.latest = attempt
        attempt.begin()
        found = attempt.run()
        self.judge.close()
        self.judge.flush()
        return found, attempt


@pytest.fixture(scope="module")
def held(core: str) -> Iterator[Held]:
    """Each core."""
    with Server(core=core) as server:
        target = prepare(parse_address(server.url), destructive=True)
        with Judge(known(), target) as judge:
            yield Held(judge)


def shown(found: Divergence | None) -> str:
    """What was said, and what the text allows instead."""
    if found is None:
        return ""
    lines = [
        f"{one.client}> {command_line(one.request)}\n{printed(one.reply.raw) if one.reply else '(nothing)'}"
        for one in found.exchanges
    ]
    return "\n".join([*lines, f"seen: {found.seen}", *(f"  {allowed}" for allowed in found.allowed)])


def trial(held: Held, seen: Counter[str]) -> Callable[[], None]:
    """What Hypothesis runs; it counts who has left, and how."""

    @settings(max_examples=250, phases=[Phase.generate, Phase.shrink], deadline=None)
    @given(history=HISTORIES)
    def each(history: History) -> None:
        found, attempt = held.run(history)
        seen.update(attempt.left)
        assert found is None, shown(found)

    return each


@pytest.mark.slow
def test_who_leaves_at_any_byte_leaves_nothing(held: Held, rounds: Rounds) -> None:
    """Whatever several clients ask, wait for and hear, and wherever they break off, the text allows what is seen."""
    for source in rounds(1):
        seen: Counter[str] = Counter()
        each = trial(held, seen)
        (seed(source.randrange(1 << 31))(each) if rounds.many else each)()
        assert seen["in the midst of a request"] > 30
        assert seen["while it waits"] > 30
