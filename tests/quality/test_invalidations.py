"""Seeded faults of what is pushed: invalidations that are missing, doubled, or of another key."""

from __future__ import annotations

import pytest

from redlark.conformance.campaign import Campaign
from redlark.conformance.history import ClientId, Dumped, History, Part, Request, Step, request
from redlark.conformance.judging.judge import Judge
from redlark.conformance.options import Options
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.profiles import choose, model_of
from redlark.conformance.targets.target import parse_address, prepare
from redlark.reference.resp import Frame
from redlark.spec.profiles import recognise

from .power import Short, until_short
from .proxy import Pusher, tap

PROFILE = "redis-8.2"
COMMANDS = frozenset(("CLIENT|TRACKING", "CLIENT|ID", "HELLO", "GET", "SET", "MULTI", "EXEC"))
BUDGET = 10_000  # requests in which a fault must be found
LONGEST = 6  # requests of the shrunk transcript, the ids that clients learn and HELLO not counted


def is_invalidation(frame: Frame) -> bool:
    """Whether a frame tells that a key has changed."""
    return frame.raw.startswith(b">2\r\n$10\r\ninvalidate\r\n*")


def missing(frame: Frame) -> bytes:
    """No invalidation comes."""
    return b"" if is_invalidation(frame) else frame.raw


def doubled(frame: Frame) -> bytes:
    """Every invalidation comes twice."""
    return frame.raw * 2 if is_invalidation(frame) else frame.raw


def of_another_key(frame: Frame) -> bytes:
    """An invalidation of a key tells of another one."""
    return frame.raw.replace(b"$2\r\nk1\r\n", b"$2\r\nk9\r\n") if is_invalidation(frame) else frame.raw


def one_short(frame: Frame) -> bytes:
    """An invalidation of several keys, which only broadcasts are, leaves the last one out."""
    keys = frame.value[1].value if is_invalidation(frame) else None
    if not keys or len(keys) < 2:
        return frame.raw
    return b">2\r\n$10\r\ninvalidate\r\n*%d\r\n%b" % (len(keys) - 1, b"".join(key.raw for key in keys[:-1]))


pytestmark = pytest.mark.slow  # on real servers, with time outs

FAULTS = (missing, doubled, of_another_key, one_short)


def campaign(running: machine.Running, pusher: Pusher, requests: int, seed: int = 1) -> Campaign:
    """A campaign through a proxy that changes what is pushed, until the first divergence.

    It ends with so many requests, however slow the machine is.
    """
    sound = prepare(parse_address(running.url), destructive=True)
    with tap(running.host, running.port, pusher) as url:
        target = prepare(parse_address(url), destructive=True)
        options = Options(profile=PROFILE, seed=seed, budget=600, requests=requests, commands=COMMANDS)
        one = Campaign(url, target, model_of(PROFILE, sound), choose(target.info, PROFILE), options, enough=1)
        one.run()
    return one


def measured(running: machine.Running, fault: Pusher) -> Short:
    """What is found of a fault, and how soon."""
    return until_short(lambda seed: campaign(running, fault, BUDGET, seed), _counts, LONGEST)


def _counts(parts: tuple[Part, ...]) -> bool:
    return parts[0] != b"HELLO" and parts[1:] != (b"ID",)


def test_without_a_fault_no_invalidation_is_wrong(real: machine.Running) -> None:
    """The proxy itself changes nothing, and invalidations come through it."""
    told: list[bytes] = []

    def noted(frame: Frame) -> bytes:
        told.extend([frame.raw] if is_invalidation(frame) else [])
        return frame.raw

    run = campaign(real, noted, 4_000)
    assert [finding.paste for finding in run.findings.values()] == []
    assert len(told) > 10


def one(client: int, *words: str, wait: int = 0) -> Step:
    """A step of one request."""
    return Step(client, (request(*words),), wait)


READ = ("XREADGROUP", "GROUP", "g", "a", "BLOCK", "0", "STREAMS", "k", "j", ">", ">")
GROUPS = (one(1, "XGROUP", "CREATE", "k", "g", "0", "MKSTREAM"), one(1, "XGROUP", "CREATE", "j", "g", "0", "MKSTREAM"))
BCAST = (b"CLIENT", b"TRACKING", b"ON", b"BCAST")
BROADCAST = one(0, "CLIENT", "TRACKING", "ON", "BCAST")

READING = (one(0, "GET", "k"), one(0, "LRANGE", "l", "0", "-1"))
REDIRECTED = Step(0, (request("CLIENT", "TRACKING", "ON", "REDIRECT", ClientId(1)),))
AT_ONCE = (request("MULTI"), request("RPUSH", "l", "b"), request("SET", "k", "w"), request("PING"), request("EXEC"))
CALLED = ("EVAL", "redis.call('RPUSH','l','c') redis.call('SET','k','v') return redis.call('PUBLISH','x','m')", "0")

HISTORIES = {
    "who is told for another is told of its own changes, ahead of its reply or behind it": (
        one(1, "CLIENT", "ID"), REDIRECTED, *READING, one(1, "RPUSH", "l", "a"), one(1, "SET", "k", "v"), *READING,
        Step(1, AT_ONCE), *READING, one(1, *CALLED), *READING, Step(1, (request("MULTI"), request(*CALLED),
        request("PING"), request("EXEC"))),
    ),
    "who runs a script hears what it causes": (
        one(0, "PSUBSCRIBE", "*"), one(0, *CALLED), Step(0, AT_ONCE),
        Step(0, (request("MULTI"), request(*CALLED), request("GET", "k"), request("EXEC"))),
    ),
    "what those change who were woken may be told together with what woke them": (
        BROADCAST, *GROUPS,
        Step(1, (request(*READ), request("XADD", "b", "1-1", "f", "v"), request("SET", "c", "1"))),
        Step(2, (request(*READ), request("DEL", "b"))), one(0, "DEL", "j", "k"), one(1, "SET", "d", "1"),
    ),
    "who was woken is told behind what it had asked": (
        *GROUPS, Step(2, (request(*READ), request("HELLO"), request("PING"))), BROADCAST,
        one(3, "CLIENT", "TRACKING", "ON", "BCAST"), one(3, "DEL", "j", "k"),
    ),
    "what expired before anybody listened is not told": (
        one(1, "SET", "t", "v", "PX", "3"), Step(0, BROADCAST.requests, 300), one(1, "SET", "k", "v"),
        one(1, "DEL", "t", "k"),
    ),
    "it may have been about to when somebody did": (
        one(1, "SET", "t", "v", "PX", "3"), Step(0, BROADCAST.requests, 3), one(1, "SET", "k", "v"),
        one(1, "DEL", "t", "k"),
    ),
    "who waits is served when a key is given a time that is over": (
        *GROUPS, BROADCAST, one(2, *READ), one(1, "SET", "k", "v", "PXAT", "1"), one(1, "EXISTS", "k"),
    ),
    "what expires may be told before it is taken away unseen": (
        one(0, "PSUBSCRIBE", "*"), one(1, "SET", "k", "v"), one(1, "DUMP", "k"), one(1, "SET", "k", "v", "PX", "4"),
        Step(1, (Request((b"RESTORE", b"k", b"0", Dumped(), b"REPLACE")),), 4), one(1, "SET", "k", "v", "PX", "4"),
        one(1, "FLUSHALL", wait=4),
    ),
    "what is broadcast comes before a reply that is late": (
        one(0, "CLIENT", "ID"), Step(1, (Request((*BCAST, b"REDIRECT", ClientId(0))),)),
        Step(0, (request("HSET", "h", "f", "v"), request("FLUSHALL"), request("SET", "k", "v"))),
    ),
    "what somebody who waits cannot take is not looked at, and has not gone": (
        one(2, "BZPOPMIN", "z", "0"), one(1, "SET", "z", "v", "EXAT", "1"), BROADCAST, one(1, "GET", "z"),
    ),
    "nor are keys behind the one that is served": (
        one(1, "RPUSH", "l", "a"), one(1, "SET", "k", "v", "EXAT", "1"), one(1, "BLPOP", "l", "k", "0"), BROADCAST,
        one(1, "GET", "k"),
    ),
    "who is served is told for another behind its reply or ahead of it": (
        one(1, "CLIENT", "ID"), REDIRECTED, *READING, one(1, "BRPOPLPUSH", "a", "l", "0"), one(2, "RPUSH", "a", "x"),
        one(1, "LPOP", "l"),
    ),
    "what others had still to be asked is done before a reply that is late": (
        BROADCAST, one(0, "GET", "k"), one(3, "CLIENT", "ID"), one(1, "CLIENT", "ID"),
        Step(3, (request("BLPOP", "a", "0"), request("SET", "k", "v"), request("FLUSHALL"), request("GET", "k"))),
        Step(1, (request("BLPOP", "a", "0"), request("SET", "k", "w"), request("FLUSHDB"), request("SET", "k", "x"))),
        Step(2, (Request((b"CLIENT", b"UNBLOCK", ClientId(3))), Request((b"CLIENT", b"UNBLOCK", ClientId(1))))),
    ),
    "whose waiting ends first is done first, whoever is told of something before": (
        one(3, "CLIENT", "TRACKING", "ON"), one(3, "GET", "a"), Step(2, (request("BRPOPLPUSH", "a", "b", "0"),
        request("SADD", "k", "m"))), Step(3, (request("BRPOP", "b", "0"), request("GET", "k"))),
        one(1, "RPUSH", "a", "x"),
    ),
    "what trims nothing may tell of it, and change nothing": (
        BROADCAST, one(1, "RPUSH", "l", "a", "b"), one(1, "LTRIM", "l", "0", "5"), one(1, "LTRIM", "l", "1", "5"),
    ),
    "who goes on and waits again is served by what the next one had still to be asked": (
        one(1, "CLIENT", "ID"), one(2, "CLIENT", "ID"),
        Step(1, (request("BLPOP", "a", "0"), request("BLPOP", "l", "0"))),
        Step(2, (request("BLPOP", "b", "0"), request("RPUSH", "l", "x"))),
        Step(3, (Request((b"CLIENT", b"UNBLOCK", ClientId(1))), Request((b"CLIENT", b"UNBLOCK", ClientId(2))))),
    ),
    "who has asked for silence waits in silence, and goes on": (
        Step(0, (request("CLIENT", "REPLY", "OFF"),)), Step(0, (request("BLPOP", "l", "0"), request("SET", "k", "v"))),
        one(1, "GET", "k"), one(1, "RPUSH", "l", "a"), one(1, "GET", "k"), one(0, "CLIENT", "REPLY", "ON"),
        one(2, "CLIENT", "ID"), Step(2, (request("CLIENT", "REPLY", "SKIP"), request("BRPOP", "l", "0"),
        request("SET", "k", "w"))), Step(1, (Request((b"CLIENT", b"UNBLOCK", ClientId(2))),)), one(1, "GET", "k"),
    ),
    "nor is it an event": (
        one(1, "SET", "t", "v", "PX", "3"),
        one(0, "SUBSCRIBE", "__keyevent@0__:expired", wait=300), one(1, "DEL", "t"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("server", machine.find_servers(), ids=lambda server: server.name)
def test_what_is_told_together_or_never_is_no_divergence(server: machine.Server) -> None:
    """What a server tells in one message or in several, by its timing, is right, and nothing is owed beyond it."""
    profile = recognise(server.product, server.version)
    with machine.running(server, {"notify-keyspace-events": "KEA"}) as running:
        target = prepare(parse_address(running.url), destructive=True)
        judge = Judge(model_of(profile.name, target), target)
        found = {name: judge.run(History(steps, 3)) for name, steps in HISTORIES.items() for _ in range(3)}
        judge.close()
    assert {name: divergence.seen for name, divergence in found.items() if divergence} == {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_is_found_and_shrunk(real: machine.Running, fault: Pusher) -> None:
    """A fault shows itself within the budget, again when repeated, in a few requests that conform without it."""
    short = measured(real, fault)
    assert short.finding is not None, f"not found in {short.requests} requests: {short.run.notes}"
    assert short.finding.reproduced
    assert len(short.asked) <= LONGEST, short.finding.paste
    sound = Judge(short.run.model, prepare(parse_address(real.url), destructive=True))
    assert sound.run(short.finding.divergence.history) is None, short.finding.paste
    sound.close()
