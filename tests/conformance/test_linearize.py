"""The search for an order says what trying every order says, whatever it leaves out."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from redlark.conformance.crowds.footprints import Footprints
from redlark.conformance.crowds.linearize import NEVER, Operation, Undecided, order_of
from redlark.reference import Model, Worlds
from redlark.reference.resp import Frame, frame

MODEL = Model.load("redis-8.2")
CLIENTS = 3
NOW = 1_700_000_000_000

Request = tuple[bytes, ...]

REQUESTS: tuple[Request, ...] = tuple(
    tuple(line.encode().split())
    for line in (
        "SET a 1", "SET a 2", "GET a", "GET b", "MGET a b", "INCR a", "APPEND a x", "DEL a", "DEL a b", "SETNX b 1",
        "RENAME a b", "LPUSH a x", "LPOP a", "RPUSH b y", "LRANGE a 0 -1", "LMOVE a b LEFT LEFT", "SADD a m", "SCARD a",
        "MULTI", "EXEC", "DISCARD", "WATCH a", "WATCH b", "UNWATCH", "NOSUCH", "SET a 1 PX 3", "PTTL a", "PERSIST a",
        "EXISTS a b", "PFADD a e", "PFCOUNT a", "SET c 1", "GET c", "COPY a b REPLACE", "BLPOP a 0",
        "BLPOP b a 0", "BLMOVE a b LEFT LEFT 0", "BLPOP a 0.002", "XADD s * f v", "XREAD BLOCK 0 STREAMS s $",
    )
)  # fmt: skip


def beginning(clients: int) -> Worlds:
    worlds = MODEL.start()
    for client in range(clients):
        worlds = MODEL.connect(worlds, client)
    return worlds


def happened(rng: random.Random, size: int) -> list[Operation]:
    """What a server that is what the model says shows to clients whose requests overlap."""
    (world,) = beginning(CLIENTS)
    sent: dict[int, Operation] = {}
    served: dict[int, Frame] = {}
    waiting: set[int] = set()
    seen: list[Operation] = []
    event, now, left = 0, NOW, size

    def deliver() -> None:
        nonlocal world
        world, frames = MODEL.deliver(world, now)
        for client, raw in frames:
            waiting.discard(client)
            served[client] = frame(raw)

    while left or sent.keys() - waiting:
        event += 1
        now += rng.choice((0, 0, 0, 1, 2))
        deliver()
        client = rng.randrange(CLIENTS)
        if client not in sent:
            if left:
                left -= 1
                sent[client] = Operation(client, rng.choice(REQUESTS), None, event, event, (now, now))
        elif client in served:
            one = sent.pop(client)
            seen.append(evolve(one, reply=served.pop(client), returned=event, interval=(one.interval[0], now)))
        elif client not in waiting:
            world, raw = MODEL.perform(world, client, sent[client].request, now)
            if raw:
                served[client] = frame(raw)
            else:
                waiting.add(client)
            deliver()
    seen += [evolve(sent[client], returned=NEVER) for client in waiting]
    return sorted(seen, key=lambda one: one.invoked)


def disturbed(seen: list[Operation], rng: random.Random) -> list[Operation]:
    """The same with one reply that another request got, or that came a little earlier."""
    seen = list(seen)
    place = rng.randrange(len(seen))
    one = seen[place]
    if rng.random() < 0.5:
        replies = [other.reply for other in seen if other.request[0] == one.request[0]]
        seen[place] = evolve(one, reply=rng.choice(replies))
    else:
        seen[place] = evolve(one, returned=one.invoked)
    return seen


def orders(seen: Sequence[Operation]) -> Iterator[tuple[Operation, ...]]:
    """Every order in which nothing stands before what had returned before it was sent."""
    for order in itertools.permutations(seen):
        if all(not later.returned < one.invoked for one, later in itertools.combinations(order, 2)):
            yield order


def allowed(worlds: Worlds, order: Sequence[Operation]) -> bool:
    for one in order:
        worlds = MODEL.allows(worlds, one.client, one.request, one.interval, one.reply)
    return bool(worlds)


@given(st.integers(0, 1 << 32), st.integers(1, 6), st.booleans())
def test_the_search_finds_an_order_where_there_is_one(seed: int, size: int, disturb: bool) -> None:
    """Nothing that the search splits, forgets or takes early changes its verdict."""
    rng = random.Random(seed)
    seen = [one for one in happened(rng, size) if not MODEL.parks(one.request)]
    if disturb and seen:
        seen = disturbed(seen, rng)
    worlds = beginning(CLIENTS)
    found = order_of(MODEL, worlds, seen)
    assert (found is not None) == any(allowed(worlds, order) for order in orders(seen))
    if found is not None:
        assert sorted(one.invoked for one in found) == [one.invoked for one in seen]
        assert all(not later.returned < one.invoked for one, later in itertools.combinations(found, 2))


@given(st.integers(0, 1 << 32), st.integers(1, 14))
def test_what_happened_has_an_order(seed: int, size: int) -> None:
    """A history of a server that is what the model says has an order, those who waited and were served in it."""
    seen = happened(random.Random(seed), size)
    assert order_of(MODEL, beginning(CLIENTS), seen) is not None


def test_a_waiter_that_is_freed_had_nothing_to_take() -> None:
    """CLIENT UNBLOCK that frees a client says that it waited: nothing was there for it, before or since."""

    def freed(*before: tuple[Request, bytes, int, int]) -> bool:
        asked = (
            *before,
            ((b"BLPOP", b"a", b"0"), b"*-1\r\n", 3, 9),
            ((b"CLIENT", b"UNBLOCK", b"7"), b":1\r\n", 7, 8),
        )
        worlds = MODEL.allows(beginning(len(asked)), len(asked) - 2, (b"CLIENT", b"ID"), (NOW, NOW), frame(b":7\r\n"))
        seen = [
            Operation(client, request, frame(raw), invoked, returned, (NOW, NOW))
            for client, (request, raw, invoked, returned) in enumerate(asked)
        ]
        return order_of(MODEL, worlds, sorted(seen, key=lambda one: one.invoked)) is not None

    push, pop = (b"RPUSH", b"a", b"x"), (b"LPOP", b"a")
    assert freed()
    assert freed((push, b":1\r\n", 1, 10))  # it may have come after all
    assert not freed((push, b":1\r\n", 1, 2))
    assert not freed((push, b":1\r\n", 4, 5))
    assert freed((push, b":1\r\n", 1, 2), (pop, b"$1\r\nx\r\n", 5, 6))


def test_worlds_that_were_left_out_are_no_contradiction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the model keeps fewer worlds than there are, an order may stand in those that are gone."""
    members = (b"x", b"y", b"z")

    def found(left: frozenset[bytes]) -> bool:
        asked = (
            ((b"SADD", b"a", *members), b":3\r\n"),
            ((b"SPOP", b"a"), None),
            ((b"SMISMEMBER", b"a", *members), b"*3\r\n" + b"".join(b":%d\r\n" % (one in left) for one in members)),
        )
        seen = [
            Operation(client, request, frame(raw) if raw else None, 2 * client, 2 * client + 1, (NOW, NOW))
            for client, (request, raw) in enumerate(asked)
        ]
        return order_of(MODEL, beginning(3), seen) is not None

    lefts = [frozenset(left) for left in itertools.combinations(members, 2)]
    assert all(found(left) for left in lefts)
    for module in ("model", "owing"):
        monkeypatch.setattr(f"redlark.reference.{module}.MAX_WORLDS", 1)
    undecided = 0
    for left in lefts:
        try:
            assert found(left)
        except Undecided:
            undecided += 1
    assert undecided == 2


def test_a_watched_key_that_had_expired_is_not_changed_as_it_goes() -> None:
    """What was over as it was watched may be removed at any time: EXEC runs; what ends later counts."""

    def runs(deadline: int) -> bool:
        asked = (
            ((b"SET", b"a", b"1", b"PX", b"%d" % deadline), b"+OK\r\n", 0),
            ((b"WATCH", b"a"), b"+OK\r\n", 10),
            ((b"EXISTS", b"a"), b":%d\r\n" % (deadline > 10), 11),
            ((b"MULTI",), b"+OK\r\n", 30),
            ((b"EXEC",), b"*0\r\n", 31),
        )
        seen = [
            Operation(0, request, frame(raw), 2 * place, 2 * place + 1, (NOW + at, NOW + at))
            for place, (request, raw, at) in enumerate(asked)
        ]
        return order_of(MODEL, beginning(1), seen) is not None

    assert runs(5)
    assert not runs(20)
    assert runs(100)


@pytest.mark.parametrize("profile", ["redis-6.2", "redis-8.2", "valkey-9.1"])
def test_every_request_has_a_footprint(profile: str) -> None:
    """Whatever may be asked has one, also where the container of a subcommand is left out of the text."""
    whole = Model.load(profile)
    held = [one for one in whole.text.commands if one.name not in ("XGROUP", "QUIT")]
    for model in (whole, Model(evolve(whole.text, commands=tuple(held)), whole.profile)):
        footprints = Footprints(model)
        for name in model.commands:
            request = (*name.encode().split(b"|"), b"k", b"1")
            assert footprints.is_timed(request) in (True, False)
            assert all(len(thing) == 2 for thing in footprints.keys(request))
            footprints.only_reads(Operation(0, request, frame(b"+OK\r\n"), 0, 1))
