"""Exhaustive runs: what they enumerate, that a fault cannot hide in it, and that they go on where they were."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from redlark.conformance.drawing.generate import Grammar, grammar
from redlark.conformance.history import History
from redlark.conformance.small_worlds.alphabet import alphabet
from redlark.conformance.small_worlds.exhaustive import Exhaustive, Letter
from redlark.conformance.targets.servers import Running, running
from redlark.conformance.targets.target import parse_address, prepare
from redlark.reference import Model
from tests.quality.faults import FAULTS
from tests.quality.proxy import Handler, Link, proxy

PROFILE = "redis-8.2"
Starter = Callable[..., Running]


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
    assert all(any(b"NX" in request for letter in sequence for request in letter) for sequence in suspects)


def waiting(url: str, over: Callable[[Exhaustive], bool], timeout: float = 5.0) -> Exhaustive:
    """The sequences of BLPOP's letters and what feeds them, each letter of a client of its own, until it is over."""
    target = prepare(parse_address(url), destructive=True)
    model = Model.load(PROFILE)
    one = Exhaustive(model, target, lambda _: None, timeout=timeout)
    one.plan(grammars(model, "BLPOP"), frozenset({"list"}))
    one.groups = [progress for progress in one.groups if progress.together]
    one.run(lambda: over(one), lambda: None)
    return one


def test_who_waits_is_served_as_the_text_says(start_server: Starter) -> None:
    """Every sequence that begins with a client that waits for a key is what the text allows, on a real server."""
    one = waiting(start_server("redis:8.2").url, lambda one: bool(one.groups[0].done))
    (progress,) = one.groups
    size = len(progress.alphabet)
    assert progress.sequences == size + size + size * size
    assert progress.suspects == []


def last_come_first_served() -> Handler:
    """Who waits for a key is sent to the end of the queue, when another one comes to wait for it."""
    waits: dict[bytes, bytes] = {}
    sent_back: set[bytes] = set()

    def handle(link: Link, request: tuple[bytes, ...]) -> bytes:
        if request[0] != b"BLPOP" or len(request) != 3 or link.in_multi:
            return link.ask(*request)
        own = link.ask(b"CLIENT", b"ID")[1:-2]
        if request[1] in waits:
            sent_back.add(waits[request[1]])
            link.ask(b"CLIENT", b"UNBLOCK", waits[request[1]])
        waits[request[1]] = own
        raw = link.ask(*request)
        if own in sent_back and raw == b"*-1\r\n":
            sent_back.discard(own)
            time.sleep(0.005)
            raw = link.ask(*request)
        if waits.get(request[1]) == own:
            del waits[request[1]]
        return raw

    return handle


def test_who_is_served_in_the_wrong_order_is_suspect(start_server: Starter) -> None:
    """A server that serves who came last is caught by two who wait and one who pushes."""
    behind = start_server("redis:8.2")
    with proxy(behind.host, behind.port, last_come_first_served()) as url:
        one = waiting(url, lambda one: any(map(two_wait, one.groups[0].suspects)), 0.5)
    assert any(map(two_wait, one.groups[0].suspects))


def two_wait(sequence: Sequence[Letter]) -> bool:
    return [letter[0][0] for letter in sequence[:-1]] == [b"BLPOP", b"BLPOP"]


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
