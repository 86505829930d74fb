"""Histories in company on a real server: whose reply is whose when connections wait, close and are opened again."""

from __future__ import annotations

from redlark.conformance import servers as machine
from redlark.conformance.history import ClientId, History, Request, Step, request
from redlark.conformance.judge import Judge
from redlark.conformance.profiles import choose, model_of
from redlark.conformance.target import parse_address, prepare


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
