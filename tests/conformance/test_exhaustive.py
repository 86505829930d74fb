"""Exhaustive runs: what they enumerate, that a fault cannot hide in it, and that they go on where they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from redlark.conformance.alphabet import alphabet
from redlark.conformance.exhaustive import Exhaustive
from redlark.conformance.generate import Grammar, grammar
from redlark.conformance.history import History
from redlark.conformance.servers import Running, running
from redlark.conformance.target import parse_address, prepare
from redlark.reference import Model
from tests.quality.faults import FAULTS
from tests.quality.proxy import Handler, proxy

PROFILE = "redis-8.2"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Redlark's own server."""
    with running(None) as one:
        yield one


def grammars(model: Model, *names: str) -> list[Grammar]:
    """The syntax lines of some commands, of all where none is named."""
    return [grammar(model.commands[name].block, model.profile) for name in names or model.commands]


def explore(url: str, names: tuple[str, ...], state: Path | None = None, units: int | None = None) -> Exhaustive:
    """Every sequence of up to two requests of these commands, or of the first units."""
    target = prepare(parse_address(url), destructive=True)
    model = Model.load(PROFILE)
    found: list[History] = []
    one = Exhaustive(model, target, found.append, length=2, state=state)
    one.plan(grammars(model, *names), frozenset({"string"}))
    began = sum(len(progress.done) for progress in one.groups)
    one.run(lambda: units is not None and len(one.groups[0].done) - began >= units, lambda: None)
    return one


def test_an_alphabet_has_every_option_once_and_nothing_twice() -> None:
    """SET's alphabet holds each option alone, and two options of different kinds together."""
    letters = alphabet(grammars(Model.load(PROFILE), "SET"))
    assert len(set(letters)) == len(letters)
    tails = {letter[3:] for letter in letters if letter[:3] == (b"SET", b"a", b"x")}
    assert {(b"NX",), (b"XX",), (b"GET",), (b"EX", b"100"), (b"KEEPTTL",), (b"NX", b"GET")} <= tails


def test_every_sequence_is_judged_and_none_is_suspect(server: Running) -> None:
    """The count is that of all sequences, and Redlark's own server answers each as the text says."""
    one = explore(server.url, ("SET", "GET", "INCR", "APPEND"))
    (progress,) = one.groups
    size = len(progress.alphabet)
    assert progress.sequences == progress.total == size + size * size
    assert progress.suspects == []


def test_a_fault_is_suspect(server: Running) -> None:
    """A server that ignores NX is caught by the first sequence that tells."""
    (fault,) = [fault for fault in FAULTS if fault.name == "SET ignores NX"]
    handler: Handler = fault.handle
    with proxy(server.host, server.port, handler) as url:
        one = explore(url, ("SET", "GET"))
    suspects = one.groups[0].suspects
    assert suspects
    assert all(any(b"NX" in request for request in sequence) for sequence in suspects)


def test_an_interrupted_run_goes_on_where_it_was(server: Running, tmp_path: Path) -> None:
    """Units that are done are kept in the file, with their count; the next run makes the others."""
    state = tmp_path / "state.json"
    names = ("GET", "STRLEN", "SET")
    first = explore(server.url, names, state, units=5)
    assert len(first.groups[0].done) == 5
    again = Exhaustive(first.model, first.target, lambda _: None, length=2, state=state)
    again.plan(grammars(first.model, *names), frozenset({"string"}))
    assert again.groups[0].done == first.groups[0].done
    rest = explore(server.url, names, state)
    assert rest.groups[0].sequences == rest.groups[0].total
