"""Seeded faults of what replicas are told: each is seen in the stream beside what the text propagates, and cut short.

A real server is asked what the product draws, and a connection that is its replica gets what changes. The stream goes
through a fault before it is compared. `redlark conform` has no replica, so this is where propagation is held to the
text (`tests/reference/test_propagation.py`, on all servers).
"""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from attrs import define, frozen

from redlark.conformance.errors import CannotRun
from redlark.conformance.judging.connection import milliseconds
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.target import configuration
from redlark.reference import Model, World
from tests.reference.histories import Walk, pool
from tests.reference.test_propagation import Propagated, Wire, Words, after

PROFILE = "redis-8.2"
BUDGET = 1_000  # requests in which a fault must be found
LONGEST = 5

Change = Callable[[Propagated, Words], Propagated]


def a_deletion_is_not_told(told: Propagated, request: Words) -> Propagated:
    """A replica keeps what was deleted."""
    return [one for one in told if request[0].upper() != b"DEL" or one[1][0].upper() not in (b"DEL", b"UNLINK")]


def a_change_is_told_twice(told: Propagated, request: Words) -> Propagated:
    """What adds to a string is told twice."""
    return told * 2 if request[0].upper() == b"APPEND" else told


def a_deadline_is_told_as_it_was_asked_for(told: Propagated, request: Words) -> Propagated:
    """A replica counts from when it hears of it."""
    if request[0].upper() not in (b"EXPIRE", b"PEXPIRE"):
        return told
    return [(number, request if words[0].upper() == b"PEXPIREAT" else words) for number, words in told]


def a_deadline_is_told_in_seconds(told: Propagated, request: Words) -> Propagated:
    """SET with a deadline loses its milliseconds."""
    return [
        (number, tuple(b"%d000" % (int(word) // 1000) if re.fullmatch(rb"\d{13}", word) else word for word in words))
        for number, words in told
    ]


def what_was_drawn_is_drawn_again(told: Propagated, request: Words) -> Propagated:
    """SPOP is told as it was asked, and a replica takes another member."""
    return [(number, request) for number, _ in told[:1]] if request[0].upper() == b"SPOP" else told


def a_sum_is_told_as_it_was_asked(told: Propagated, request: Words) -> Propagated:
    """INCRBYFLOAT is told as such, and rounds otherwise on another machine."""
    return [(number, request) for number, _ in told[:1]] if request[0].upper() == b"INCRBYFLOAT" else told


def an_id_is_chosen_again(told: Propagated, request: Words) -> Propagated:
    """XADD is told with the id that was asked for."""
    return [(number, request) for number, _ in told[:1]] if request[0].upper() == b"XADD" else told


def another_database_is_told(told: Propagated, request: Words) -> Propagated:
    """A replica is not told which database a change is of."""
    return [(0, words) for _, words in told]


def what_changes_nothing_is_told(told: Propagated, request: Words) -> Propagated:
    """A key that is not there is deleted on the replica all the same."""
    return told or ([(0, request)] if request[0].upper() == b"DEL" and len(request) == 2 else told)


def effects_are_told_the_wrong_way_round(told: Propagated, request: Words) -> Propagated:
    """Of several changes that one request makes, the last is told first."""
    return told[::-1]


def a_script_is_told_as_such(told: Propagated, request: Words) -> Propagated:
    """A script is run again by the replica, and not what it did."""
    return [(number, request) for number, _ in told[:1]] if request[0].upper() == b"EVAL" else told


def an_expiry_of_a_field_is_lost(told: Propagated, request: Words) -> Propagated:
    """A hash is told without the deadline of its field."""
    return [one for one in told if one[1][0].upper() not in (b"HPEXPIREAT", b"HSETEX", b"HPERSIST")]


# Of each fault the commands that it is about.
FAULTS: dict[Change, str] = {
    a_deletion_is_not_told: "SET SADD DEL",
    a_change_is_told_twice: "SET APPEND",
    a_deadline_is_told_as_it_was_asked_for: "APPEND EXPIRE PEXPIRE",
    a_deadline_is_told_in_seconds: "SET",
    what_was_drawn_is_drawn_again: "SADD SPOP",
    a_sum_is_told_as_it_was_asked: "APPEND INCRBYFLOAT",
    an_id_is_chosen_again: "XADD",
    another_database_is_told: "SELECT APPEND",
    what_changes_nothing_is_told: "APPEND DEL",
    effects_are_told_the_wrong_way_round: "SADD APPEND RPUSH",
    a_script_is_told_as_such: "EVAL",
    an_expiry_of_a_field_is_lost: "HSET HPEXPIRE HPERSIST",
}


@define
class Bench:
    """A real server, who asks it, and its replica."""

    model: Model
    client: Wire
    other: Wire
    replica: Wire
    config: dict[str, str]
    asked: int = 0

    def fails(self, requests: list[Words], change: Change) -> int | None:
        """From empty on, the place of the first request of which the replica is told otherwise than the text says."""
        for words in ((b"DISCARD",), (b"FLUSHALL",), (b"SELECT", b"0"), (b"FUNCTION", b"FLUSH")):
            self.client.ask(*words)
        self.told()
        self.replica.selected = 0
        worlds: tuple[World, ...] = self.model.connect(self.model.start(config=self.config), 0)
        for place, words in enumerate(requests):
            when = milliseconds()
            reply = self.client.ask(*words)
            until = milliseconds()
            seen = change(self.told(), words)
            try:
                worlds = after(self.model, worlds, words, (when, until), reply, seen)
            except AssertionError:
                return place
        return None

    def told(self) -> Propagated:
        """What the replica has got since it was last asked."""
        self.asked += 1
        marker = b"%d" % self.asked
        self.other.ask(b"PUBLISH", b"marker", marker)
        return self.replica.sent_before(marker)

    def shortest(self, requests: list[Words], change: Change) -> list[Words]:
        """The requests without those that are not needed, whole halves first."""
        size = len(requests) // 2
        while size:
            place = 0
            while place < len(requests):
                fewer = requests[:place] + requests[place + size :]
                found = self.fails(fewer, change) if fewer else None
                if found is None:
                    place += size
                else:
                    requests = fewer[: found + 1]
            size //= 2
        return requests


@contextmanager
def beside_a_replica(server: machine.Server) -> Iterator[Bench]:
    """A real server with a replica."""
    with machine.running(server, {"repl-diskless-sync": "no"}) as running, ExitStack() as opened:
        address = ("127.0.0.1", running.port)
        client, other, replica = (Wire(opened.enter_context(socket.create_connection(address, 20))) for _ in range(3))
        replica.follow()
        yield Bench(Model.load(PROFILE), client, other, replica, configuration(client.ask(b"CONFIG", b"GET", b"*")))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """The newest Redis with a replica; skips where there is none."""
    try:
        server = machine.pick("redis:8.2", machine.find_servers())
    except CannotRun as problem:
        pytest.skip(str(problem))
    with beside_a_replica(server) as one:
        yield one


@frozen
class Found:
    """How many requests were asked until a fault was found, and what shows it; nothing where it was not found."""

    asked: int
    shortest: list[Words]


def measured(bench: Bench, fault: Change) -> Found:
    """Ask until a fault is found, with other seeds while it is not cut short: what expires meanwhile may keep it."""
    spent = 0
    for seed in (1, 2, 3):
        asked = requests(FAULTS[fault], seed)
        place = bench.fails(asked, fault)
        if place is None:
            return Found(spent + len(asked), [])
        spent += place + 1
        found = Found(spent, bench.shortest(asked[: place + 1], fault))
        if len(found.shortest) <= LONGEST:
            break
    return found


def requests(commands: str, seed: int) -> list[Words]:
    """What is asked: the product's own draws of some commands, some of them as transactions."""
    rng, walk, names = random.Random(seed), Walk(Model.load(PROFILE), (0,)), set(commands.encode().split())
    walk.now = milliseconds()
    resolved = [spelled(words) for call in pool(PROFILE) if (words := walk.request(call))[0].upper() in names]
    if "XADD" in commands:  # few of those drawn leave the id to the server and are taken
        resolved.append((b"XADD", b"k4", b"*", b"f", b"v"))
    found: list[Words] = []
    while len(found) < BUDGET:
        some = rng.choices(resolved, k=rng.choice((1, 1, 1, 3)))
        found += some if len(some) == 1 else [(b"MULTI",), *some, (b"EXEC",)]
    return found


def spelled(words: Words) -> Words:
    """The request with FIELDS in capitals: Redis passes that word on as it was sent, and the text writes it so."""
    return tuple(b"FIELDS" if word.upper() == b"FIELDS" else word for word in words)


def passed(told: Propagated, request: Words) -> Propagated:
    """What is told, as it is."""
    return told


@pytest.mark.slow
def test_without_a_fault_nothing_is_found(bench: Bench) -> None:
    """What replicas get is what the text propagates."""
    assert bench.fails(requests("SELECT SADD SPOP APPEND INCRBYFLOAT XADD DEL RPUSH EVAL", 1), passed) is None


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_is_found_and_cut_short(bench: Bench, fault: Change) -> None:
    """A fault shows itself within the budget, and in at most five requests, which conform without it."""
    found = measured(bench, fault)
    assert found.shortest, f"not found in {found.asked} requests"
    print(f"{fault.__name__}: {found.asked} requests, {len(found.shortest)}: {found.shortest}")
    assert len(found.shortest) <= LONGEST, found.shortest
    assert bench.fails(found.shortest, fault) is not None
    assert bench.fails(found.shortest, passed) is None
