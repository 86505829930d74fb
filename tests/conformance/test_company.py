"""Histories in company, judged: a server that serves as it should passes, and one that does not is caught."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.conformance.drawing import company as company_draw
from redlark.conformance.drawing.generate import Generator, grammar
from redlark.conformance.drawing.scenarios import HELPERS, Pool
from redlark.conformance.history import History, Step, request, steps_of
from redlark.conformance.judging.divergence import Divergence
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets.target import Target, parse_address
from redlark.reference import Model
from redlark.reference.tcp import ModelServer
from redlark.spec.loader import specification
from redlark.spec.profiles import profile as profile_of

PROFILES = ("redis-6.2", "redis-7.0", "redis-8.2", "valkey-9.1")
WAITING = (*company_draw.WAITERS, *company_draw.STREAM_WAITERS, "CLIENT|UNBLOCK", "CLIENT|ID", "MULTI", "EXEC")
MAKING = (
    "XGROUP|CREATE",
    "XGROUP|DESTROY",
    "XDEL",
    "SADD",
    "SWAPDB",
    "RENAME",
    "MOVE",
    "SELECT",
    "UNLINK",
    "XINFO|STREAM",
)

Frames = list[tuple[int, bytes]]


class Unfaithful(ModelServer):
    """The model over TCP, but what it owes to others passes through a function first."""

    change: Callable[[Frames], Frames] = staticmethod(lambda frames: frames)

    def _deliver(self) -> None:
        self.world, frames = self.model.deliver(self.world, _now())
        changed = type(self).change(list(frames))
        where = {client: connection for connection, (client, _) in self._clients.items()}
        for client, frame in changed:
            where[client].sendall(frame)
        for client in dict.fromkeys(client for client, _ in changed):
            if self._clients[where[client]][1].asked and not self.world.waits(client):
                self._answer(where[client])


def _now() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def judging(name: str, server: ModelServer) -> Iterator[Callable[[History], Divergence | None]]:
    """Runs histories on a server that speaks a profile."""
    thread = threading.Thread(target=server.serve, daemon=True)
    with server:
        thread.start()
        target = Target(parse_address(f"redis://127.0.0.1:{server.port}"), {}, 16, {}, (0, 0))
        judge = Judge(Model.load(name), target, timeout=3.0)
        try:
            yield judge.run
        finally:
            judge.close()
            server.stop()
            thread.join(5)


def pool(name: str) -> Pool:
    """What waits, and what makes keys for it."""
    chosen = profile_of(name)
    commands = {
        one.name: grammar(one, chosen) for one in specification().commands if one.name in Model.load(name).commands
    }
    names = tuple(one for one in (*WAITING, *MAKING, *HELPERS) if one in commands)
    return Pool(Generator(commands), names, tuple(1.0 for _ in names))


@pytest.mark.parametrize("name", PROFILES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 32), protocol=st.sampled_from([2, 3]))
def test_the_text_itself_serves_as_it_should(name: str, seed: int, protocol: int) -> None:
    """Whatever is drawn of clients that wait and others that feed them, the model over TCP is never found to err."""
    rng, drawn = random.Random(seed), pool(name)
    history = company_draw.history(company_draw.scenarios(drawn, 4, rng), protocol)
    with judging(name, ModelServer(Model.load(name))) as run:
        found = run(history)
    assert found is None, found


def waited(*feeding: str) -> History:
    """Two clients wait for a list, and a third one feeds it."""
    waiters = [Step(client, (request("BLPOP", "k", "0"),)) for client in (0, 1)]
    return History((*waiters, *steps_of(2, (request(*one.split()) for one in feeding))))


FAULTS: dict[str, tuple[Callable[[Frames], Frames], History, str]] = {
    "silence": (lambda frames: [], waited("RPUSH k a"), "did not get what it was owed"),
    "twice": (lambda frames: [one for one in frames for _ in (0, 1)], waited("RPUSH k a"), "got what nobody owed it"),
    "another's": (lambda frames: [(3 - c, f) for c, f in frames], waited("RPUSH k a"), "got what nobody owed it"),
    "other words": (
        lambda frames: [(c, f.replace(b"a", b"b")) for c, f in frames], waited("RPUSH k a"), "which was owed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_who_serves_wrongly_is_caught(fault: str) -> None:
    """A frame that is lost, comes twice, to another client or with other words is a divergence, and says so."""
    change, history, said = FAULTS[fault]
    server = type("Faulty", (Unfaithful,), {"change": staticmethod(change)})(Model.load("redis-8.2"))
    with judging("redis-8.2", server) as run:
        found = run(history)
    assert found is not None
    assert found.seen is not None
    assert said in found.seen


def test_what_a_parked_client_asks_is_done_when_it_waits_no_longer() -> None:
    """Requests behind one that waits are answered after it, in their order, and judged then."""
    first = Step(0, (request("BLPOP", "k", "0"), request("RPUSH", "k", "mine"), request("LRANGE", "k", "0", "-1")))
    history = History((first, *steps_of(1, (request("RPUSH", "k", "x", "y"), request("LLEN", "k")))))
    with judging("redis-8.2", ModelServer(Model.load("redis-8.2"))) as run:
        assert run(history) is None


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(4)), fed=st.integers(1, 4))
def test_backlogs_are_done_in_the_order_in_which_waiting_ended(order: list[int], fed: int) -> None:
    """Whoever was freed first does first all that it had asked meanwhile; who still waits has done nothing of it."""
    wait, read = request("BLPOP", "k", "0"), request("LRANGE", "log", "0", "-1")
    waiters = [Step(client, (wait, request("RPUSH", "log", str(client)), read)) for client in order]
    feeding = (request("RPUSH", "k", *"abcd"[:fed]), read)
    history = History((*waiters, *steps_of(4, feeding)))
    with judging("redis-8.2", ModelServer(Model.load("redis-8.2"))) as run:
        assert run(history) is None

    class Disordered(Unfaithful):
        change = staticmethod(lambda frames: frames[::-1])

    with judging("redis-8.2", Disordered(Model.load("redis-8.2"))) as run:
        assert (run(history) is None) == (fed == 1)  # what was in the log tells who was first


def test_who_waits_too_long_is_told_in_time() -> None:
    """A step without requests waits for the end of its client's waiting; nobody may be left waiting after it."""
    history = History((Step(0, (request("BLPOP", "k", "0.005"),)), Step(0, ()), *steps_of(0, (request("PING"),))))
    with judging("redis-8.2", ModelServer(Model.load("redis-8.2"))) as run:
        assert run(history) is None

    class Patient(Unfaithful):
        def _deliver(self) -> None:
            """Never tells anybody."""

    with judging("redis-8.2", Patient(Model.load("redis-8.2"))) as run:
        found = run(history)
    assert found is not None
    assert isinstance(found.seen, str)
    assert "waits on" in found.seen


def test_a_closed_socket_is_no_reply() -> None:
    """A server that hangs up on a parked client is found out."""

    class Rude(Unfaithful):
        def _deliver(self) -> None:
            where = {client: connection for connection, (client, _) in self._clients.items()}
            _, frames = self.model.deliver(self.world, _now())
            for client, _ in frames:
                where[client].shutdown(socket.SHUT_RDWR)

    with judging("redis-8.2", Rude(Model.load("redis-8.2"))) as run:
        assert run(waited("RPUSH k a")) is not None
