"""Histories in company on a real server: whose reply is whose when connections wait, close and are opened again."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from attrs import evolve

from redlark.conformance import written
from redlark.conformance.history import ClientId, History, Request, Step, request
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.profiles import choose, model_of
from redlark.conformance.targets.target import parse_address, prepare
from tests.quality import proxy


def test_what_a_killed_connection_had_asked_is_forgotten(real: machine.Running) -> None:
    """Whoever was killed while it waited is answered on a new connection only for what it asks there."""
    target = prepare(parse_address(real.url), destructive=True)
    judge = Judge(model_of(choose(target.info, None).profile, target), target)
    learn = (request("CLIENT", "ID"),)
    kill = Request((b"CLIENT", b"KILL", b"ID", ClientId(0)))
    history = History((
        Step(0, learn), Step(1, learn), Step(0, (request("BLPOP", "k", "0"), request("ECHO", "behind"))),
        Step(1, (kill,)), Step(0, (request("GET", "k"),)), Step(1, (request("ECHO", "x"),)),
    ))  # fmt: skip
    try:
        found = judge.run(history)
        assert found is None, (found.seen, found.exchanges)
    finally:
        judge.close()


def test_what_follows_an_exec_of_several_frames_says_how_its_choices_went(real: machine.Running) -> None:
    """SUBSCRIBE of two channels moves the last replies behind EXEC's array, where a time or a random key is read."""
    target = prepare(parse_address(real.url), destructive=True)
    judge = Judge(model_of(choose(target.info, None).profile, target), target)
    queued = (request("SUBSCRIBE", "a", "b", "c"), request("TIME"), request("SRANDMEMBER", "s"))
    members = request("SADD", "s", *(f"m{number}" for number in range(40)))
    history = History((Step(0, (members,)), Step(0, (request("MULTI"), *queued, request("EXEC")))), 3)
    try:
        found = judge.run(history)
        assert found is None, (found.seen, found.exchanges)
    finally:
        judge.close()


def test_many_channels_are_left_in_any_order(real: machine.Running) -> None:
    """UNSUBSCRIBE of all of twelve channels: each order is possible, and the frames that came say which it was."""
    target = prepare(parse_address(real.url), destructive=True)
    judge = Judge(model_of(choose(target.info, None).profile, target), target)
    names = [f"channel-{number}" for number in range(12)]
    history = History((Step(0, (request("SUBSCRIBE", *names),)), Step(0, (request("UNSUBSCRIBE"), request("PING")))), 3)
    try:
        found = judge.run(history)
        assert found is None, (found.seen, found.exchanges)
    finally:
        judge.close()


def test_who_asks_to_wait_may_be_met_later_than_the_judge_has_looked(real_server: machine.Server) -> None:
    """A request that would wait reaches the server as the key has expired, or is told then."""

    class Late(proxy.Tap):
        """Requests that may wait are on their way for longer than the key lives."""

        def _forward(self, client: socket.socket) -> None:
            with suppress(OSError):
                if b"BLOCK" in client.recv(1 << 16, socket.MSG_PEEK):
                    time.sleep(0.006)
            super()._forward(client)

    lines = (
        "3> PSUBSCRIBE __keyevent*", "XGROUP CREATE k g $ MKSTREAM", "2> PEXPIRE k 3",
        "XREADGROUP GROUP g c BLOCK 3 STREAMS k > ; XREADGROUP GROUP g e STREAMS k 0", "2> (after 2 ms) EXISTS k",
    )  # fmt: skip
    config = {"notify-keyspace-events": "KEA"}
    with (
        machine.running(real_server, config) as running,
        proxy.tap(running.host, running.port, lambda frame: frame.raw, kind=Late) as url,
    ):
        target = prepare(parse_address(url), destructive=True)
        target = evolve(target, config={**target.config, **config})
        judge = Judge(model_of(choose(target.info, None).profile, target), target)
        found = [judge.run(written.history(lines, protocol)) for protocol in (2, 3, 2)]
        judge.close()
    assert [one and (one.seen, one.exchanges) for one in found] == [None] * 3
