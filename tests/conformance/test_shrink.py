"""The reducer: from a long history that diverges to the shortest, on targets that are functions of the history."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from redlark.conformance.history import History, Moment, Request, Step, request
from redlark.conformance.judging.divergence import Divergence, Exchange
from redlark.conformance.judging.shrink import Shrinker, measure, without

Fails = Callable[[list[tuple[int, Request]]], bool]


def target(fails: Fails, chance: Callable[[], bool] = lambda: True) -> Callable[[History], Divergence | None]:
    """A target that diverges on the first request up to which the requests fail."""

    def run(history: History) -> Divergence | None:
        sent: list[tuple[int, Request]] = []
        for number, step in enumerate(history.steps, 1):
            for place, one in enumerate(step.requests, 1):
                sent.append((step.client, one))
                if fails(sent) and chance():
                    exchanges = tuple(Exchange(client, one.parts, None) for client, one in sent)
                    return Divergence(
                        "X", (), (), "seen", b"+X\r\n", exchanges, len(exchanges), history, (number, place)
                    )
        return None

    return run


def names(history: History) -> list[bytes]:
    return [one.parts[0] for step in history.steps for one in step.requests]


def noise(count: int, rng: random.Random) -> list[Step]:
    """Steps that do not matter, of several clients, some in pipelines."""
    return [
        Step(rng.randrange(3), tuple(request("NOISE", str(rng.random())) for _ in range(rng.randrange(1, 5))))
        for _ in range(count)
    ]


def shrunk(run: Callable[[History], Divergence | None], history: History) -> Shrinker:
    first = run(history)
    assert first is not None
    shrinker = Shrinker(run, first)
    shrinker.shrink()
    return shrinker


def test_what_does_not_matter_goes() -> None:
    """Of sixty steps the two requests that matter are left, of one client, one write each, in plain words."""

    def fails(sent: list[tuple[int, Request]]) -> bool:
        seen = [one.parts for _, one in sent]
        return seen[-1][0] == b"GET" and any(p[0] == b"SET" and p[1:2] == seen[-1][1:2] != () for p in seen)

    rng = random.Random(1)
    steps = [*noise(30, rng), Step(1, (request("SET", "k3", "value", "EX", "100"),)), *noise(25, rng)]
    steps += [Step(2, (request("PING"), request("GET", "k3"), request("PING"))), *noise(5, rng)]
    left = shrunk(target(fails), History(tuple(steps), protocol=3)).history
    assert left.steps == (Step(0, (request("SET", "k"),)), Step(0, (request("GET", "k"),)))
    assert left.protocol == 2


def test_requests_that_need_each_other_go_together() -> None:
    """MULTI and EXEC cannot go one by one, yet both go when the rest diverges without them."""

    def fails(sent: list[tuple[int, Request]]) -> bool:
        seen = [one.parts[0] for _, one in sent]
        open_ = seen.count(b"MULTI") - seen.count(b"EXEC")
        return b"BAD" in seen and open_ == 0 and seen[-1] in (b"EXEC", b"BAD")

    steps = (Step(0, (request("MULTI"), request("NOISE"), request("BAD"), request("NOISE"), request("EXEC"))),)
    assert names(shrunk(target(fails), History(steps)).history) == [b"BAD"]


def test_two_clients_stay_where_both_are_needed() -> None:
    """Clients are merged only where the divergence survives it, and are numbered from zero."""

    def fails(sent: list[tuple[int, Request]]) -> bool:
        return len({client for client, one in sent if one.parts[0] == b"BAD"}) > 1

    rng = random.Random(2)
    steps = (*noise(10, rng), Step(2, (request("BAD"),)), *noise(3, rng), Step(1, (request("BAD"),)))
    left = shrunk(target(fails), History(steps)).history
    assert sorted(left.clients) == [0, 1]
    assert left.size == 2


def test_a_pipeline_stays_where_it_is_needed() -> None:
    """Requests that diverge only in one write stay in one write, without the others."""

    def run(history: History) -> Divergence | None:
        for step in history.steps:
            if sum(one.parts[0] == b"BAD" for one in step.requests) > 1:
                exchanges = tuple(Exchange(step.client, one.parts, None) for s in history.steps for one in s.requests)
                return Divergence("X", (), (), "seen", b"+X\r\n", exchanges, len(exchanges), history)
        return None

    rng = random.Random(3)
    pipeline = Step(1, (request("PING"), request("BAD"), request("PING"), request("BAD")))
    left = shrunk(run, History((*noise(8, rng), pipeline))).history
    assert left.steps == (Step(0, (request("BAD"), request("BAD"))),)


def test_a_divergence_that_comes_by_chance_shrinks_too() -> None:
    """Seen two times in three, it is tried again, and reaches the same end."""
    rng = random.Random(4)
    run = target(lambda sent: sent[-1][1].parts[0] == b"BAD", chance=lambda: rng.random() < 0.66)
    history = History((*noise(40, random.Random(5)), Step(1, (request("BAD", "a", "b", "c"),))))
    first = None
    while first is None:
        first = run(history)
    shrinker = Shrinker(run, first)
    left = shrinker.shrink().history
    assert shrinker.reproduced
    assert left.steps == (Step(0, (request("BAD"),)),)


def test_a_divergence_that_never_comes_again_is_told_as_such() -> None:
    """It is reported as it was seen, and not as reproduced."""
    history = History((Step(0, (request("BAD"),)),))
    first = target(lambda sent: True)(history)
    assert first is not None
    shrinker = Shrinker(lambda history: None, first)
    assert shrinker.shrink() is first
    assert not shrinker.reproduced


def test_symbols_and_pauses_give_way_to_plain_values() -> None:
    """A moment becomes a number, a pause goes, where the divergence does not need them."""
    run = target(lambda sent: sent[-1][1].parts[0] == b"EXPIREAT" and len(sent[-1][1].parts) == 3)
    step = Step(0, (Request((b"EXPIREAT", b"k1", Moment(100_000, seconds=True))),), wait=5)
    left = shrunk(run, History((step,))).history
    assert left.steps[0].wait == 0
    assert all(isinstance(part, bytes) for part in left.steps[0].requests[0].parts)


def test_a_greeting_that_diverges_leaves_a_request_to_meet_it() -> None:
    """Where HELLO itself is not allowed, what is kept still opens a connection, and so shows it again."""

    def run(history: History) -> Divergence | None:
        hello = (Exchange(0, (b"HELLO", b"3"), None),)
        greets = history.protocol == 3 and history.clients
        return Divergence("HELLO", (), (), "seen", b"-X\r\n", hello, 0, history, (0, 1)) if greets else None

    shrinker = shrunk(run, History((Step(1, ()), *noise(5, random.Random(2))), 3))
    assert shrinker.reproduced
    assert (shrinker.history.size, shrinker.history.protocol) == (1, 3)
    assert run(shrinker.history) is not None


@pytest.mark.parametrize("early", [False, True])
def test_what_is_best_was_run_as_it_stands(early: bool) -> None:
    """Whatever a target says of how far it had come, and however soon the budget ends: it diverges again."""
    ran: list[History] = []

    def run(history: History) -> Divergence | None:
        ran.append(history)
        asked = names(history)
        if b"A" not in asked or b"B" not in asked[asked.index(b"A") :]:
            return None
        exchanges = (Exchange(0, (b"A",), None),)  # of B, sent with it, nothing is told
        reached = (1, 1) if early else (len(history.steps), len(history.steps[-1].requests))
        return Divergence("X", (), (), "seen", b"+X\r\n", exchanges, 1, history, reached)

    rng = random.Random(8)
    history = History((*noise(5, rng), Step(1, (request("A"),)), *noise(2, rng), Step(0, (request("B"),))))
    for runs in (2, 3, 4, 10, 1_000):
        first = run(history)
        assert first is not None
        best = Shrinker(run, first, runs=runs).shrink()
        assert best.history in ran
        assert run(best.history) is not None
    assert names(best.history) == [b"A", b"B"]


def test_the_budget_ends_it() -> None:
    """No more candidates are run than allowed."""
    counted = 0

    def fails(sent: list[tuple[int, Request]]) -> bool:
        nonlocal counted
        counted += len(sent) == 1
        return sent[-1][1].parts[0] == b"BAD"

    run = target(fails)
    history = History((*noise(40, random.Random(6)), Step(1, (request("BAD"),))))
    first = run(history)
    assert first is not None
    counted = 0
    Shrinker(run, first, runs=25).shrink()
    assert counted <= 25


def test_the_measure_orders_by_requests_first() -> None:
    """Fewer requests are simpler, whatever else; leaving a request out makes a history smaller."""
    short = History((Step(2, (request("SET", "k" * 50, "v" * 500),)),), protocol=3)
    long = History((Step(0, (request("A"),)), Step(0, (request("B"),))))
    assert measure(short) < measure(long)
    assert measure(without(long, [1])) < measure(long)
