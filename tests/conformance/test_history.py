"""Histories and their drawing: equal seeds, symbols, what may stand together."""

from __future__ import annotations

import random

import pytest

from redlark.conformance.drawing import draw
from redlark.conformance.drawing.generate import Generator, grammar, walk
from redlark.conformance.drawing.scenarios import CLIENTS, HELPERS, Pool
from redlark.conformance.history import ClientId, Cursor, Moment, Request, request
from redlark.reference import Model
from redlark.spec import syntax
from redlark.spec.profiles import profile


@pytest.fixture(scope="module")
def pool() -> Pool:
    """All commands of redis-8.2, evenly weighted."""
    chosen = profile("redis-8.2")
    grammars = {name: grammar(command.block, chosen) for name, command in Model.load("redis-8.2").commands.items()}
    names, weights = draw.weighted(dict.fromkeys(grammars, 0), frozenset(grammars), frozenset(), HELPERS)
    return Pool(Generator(grammars), names, weights)


def test_equal_seeds_draw_equal_histories(pool: Pool) -> None:
    """The same number gives the same round; another number another one."""
    assert draw.draw(pool, 7, (2, 3), histories=10) == draw.draw(pool, 7, (2, 3), histories=10)
    assert draw.draw(pool, 7, (2, 3), histories=10) != draw.draw(pool, 8, (2, 3), histories=10)


def test_histories_have_what_the_issue_asks_for(pool: Pool) -> None:
    """Several clients, pipelines, transactions, both protocols, waits and iterations all occur in one round."""
    histories = [history for number in range(8) for history in draw.draw(pool, number, (2, 3))]
    steps = [step for history in histories for step in history.steps]
    parts = [part for step in steps for one in step.requests for part in one.parts]
    assert {history.protocol for history in histories} == {2, 3}
    assert {step.client for step in steps} >= set(range(CLIENTS))
    assert max(len(step.requests) for step in steps) >= 5
    assert any(step.wait for step in steps)
    assert any(isinstance(part, Cursor) for part in parts)
    assert any(isinstance(part, Moment) for part in parts)
    assert {b"MULTI", b"EXEC", b"WATCH"} <= {part.upper() for part in parts if isinstance(part, bytes)}


def test_every_command_is_drawn_with_every_word_of_its_line(pool: Pool) -> None:
    """A few hundred requests of a command use each of its tokens."""
    rng = random.Random(3)
    for name, one in pool.generator.commands.items():
        drawn = [pool.generator.request(name, rng) for _ in range(500)]
        words = {part.upper() for one in drawn for part in one.parts if isinstance(part, bytes)}
        tokens = {part.word.encode() for part in walk(one.line) if isinstance(part, syntax.Token)}
        assert tokens <= words, name


def test_what_must_travel_alone_does(pool: Pool) -> None:
    """AUTH, HELLO and CLIENT REPLY never share a write with others, but for the scenario that is made for REPLY."""
    for history in draw.draw(pool, 5, (2, 3)):
        for step in history.steps:
            if len(step.requests) > 1:
                firsts = [one.parts[0].upper() for one in step.requests if isinstance(one.parts[0], bytes)]
                assert b"AUTH" not in firsts
                assert b"HELLO" not in firsts


def test_symbols_are_resolved_when_they_are_sent() -> None:
    """Moments count from now, cursors and ids are those of the run; plain requests are encoded once."""
    parts = (b"X", Moment(1500), Moment(1500, seconds=True), Cursor(), ClientId(2))
    resolved = Request(parts).resolve(10_000, {Cursor(): b"17", ClientId(2): b"id2"}.__getitem__)
    assert resolved == (b"X", b"11500", b"11", b"17", b"id2")
    assert Request(parts).fixed is None
    assert request("GET", "k").fixed == ((b"GET", b"k"), b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")


def test_only_unreached_rules_raise_a_weight() -> None:
    """A command with unreached rules is drawn more often; one that is not selected only if it helps."""
    names, weights = draw.weighted({"A": 0, "B": 4, "SET": 0, "C": 9}, frozenset({"A", "B"}), frozenset(), HELPERS)
    found = dict(zip(names, weights, strict=True))
    assert found["B"] > found["A"] > 0
    assert found["SET"] == HELPERS["SET"]
    assert "C" not in found
