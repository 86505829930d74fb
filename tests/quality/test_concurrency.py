"""Faults that only several clients at once can see: each is found, and told as a short contradiction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from redlark.conformance.campaign import Campaign
from redlark.conformance.crowds.crowd import Crowd
from redlark.conformance.drawing import draw
from redlark.conformance.drawing.generate import Generator, grammar
from redlark.conformance.drawing.scenarios import HELPERS, Pool
from redlark.conformance.options import Options
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.profiles import choose, model_of
from redlark.conformance.targets.target import parse_address, prepare
from redlark.reference import Observed

from .faults import FAULTS
from .proxy import Handler, Link, proxy

PROFILE = "redis-8.2"
HISTORIES = 400  # in which a fault must be found; most take a few
LONGEST = 12  # operations of what is told

Request = tuple[bytes, ...]
Starter = Callable[..., machine.Running]


@pytest.fixture(scope="module")
def embedded() -> Iterator[machine.Running]:
    """Redlark's own server, in which there is no fault."""
    with machine.running(None) as running:
        yield running


def crowd(running: machine.Running, handler: Handler, histories: int, seed: int = 1, *, waits: bool = False) -> Crowd:
    """A crowd through a proxy with this handler, until the first contradiction; a proxy may keep nobody waiting."""
    with proxy(running.host, running.port, handler) as url:
        target = prepare(parse_address(url), destructive=True)
        model = model_of(PROFILE, target)
        grammars = {name: grammar(command.block, model.profile) for name, command in model.commands.items()}
        plain = ("string", "transactions")  # where the faults of these proxies are, and nobody waits
        alone = frozenset(name for name, one in grammars.items() if waits or one.group in plain)
        names, weights = draw.weighted(dict.fromkeys(grammars, 0), alone, frozenset(), HELPERS)
        one = Crowd(model, target, Pool(Generator(grammars), names, weights), seed)
        one.run(lambda c: c.histories >= histories or bool(c.contradictions))
    return one


def split_exec() -> Handler:
    """EXEC runs what was queued one by one, and others come in between."""
    queues: dict[Link, list[Request]] = {}

    def handle(link: Link, request: Request) -> bytes:
        name = request[0].upper()
        if name == b"MULTI" and link not in queues:
            queues[link] = []
            return b"+OK\r\n"
        if link not in queues or name in (b"WATCH", b"UNWATCH", b"MULTI"):
            return link.ask(*request)
        if name == b"DISCARD":
            del queues[link]
            return link.ask(b"UNWATCH")
        if name == b"EXEC":
            replies = [link.ask(*queued) for queued in queues.pop(link)]
            link.ask(b"UNWATCH")
            return b"*%d\r\n" % len(replies) + b"".join(replies)
        queues[link].append(request)
        return b"+QUEUED\r\n"

    return handle


def split_mset() -> Handler:
    """MSET is as many SETs, and others see some of them."""

    def handle(link: Link, request: Request) -> bytes:
        if request[0].upper() == b"MSET" and len(request) % 2 and len(request) > 3 and not link.in_multi:
            for place in range(1, len(request), 2):
                link.ask(b"SET", *request[place : place + 2])
            return b"+OK\r\n"
        return link.ask(*request)

    return handle


def stale_reads() -> Handler:
    """Every third GET is answered with what the GET of that key before it was, whoever asked."""
    known: dict[bytes, bytes] = {}
    count = 0

    def handle(link: Link, request: Request) -> bytes:
        nonlocal count
        if request[0].upper() == b"FLUSHALL":
            known.clear()
        if request[0].upper() != b"GET" or len(request) != 2 or link.in_multi:
            return link.ask(*request)
        count += 1
        if count % 3 == 0 and request[1] in known:
            return known[request[1]]
        known[request[1]] = link.ask(*request)
        return known[request[1]]

    return handle


def lost_updates() -> Handler:
    """APPEND is a GET and a SET: of two at once, one may be lost."""

    def handle(link: Link, request: Request) -> bytes:
        if request[0].upper() == b"APPEND" and len(request) == 3 and not link.in_multi:
            held = link.ask(b"GET", request[1])
            if held[:1] == b"$":
                text = b"" if held[1:3] == b"-1" else held.split(b"\r\n", 1)[1][:-2]
                link.ask(b"SET", request[1], text + request[2], b"KEEPTTL")
                return b":%d\r\n" % len(text + request[2])
            return held
        return link.ask(*request)

    return handle


def lost_wakeups() -> Handler:
    """Every other BLPOP that finds nothing is registered where nobody looks: what is pushed does not wake it."""
    count = 0

    def handle(link: Link, request: Request) -> bytes:
        nonlocal count
        if request[0].upper() == b"BLPOP" and len(request) == 3 and not link.in_multi:
            count += 1
            if count % 2 and link.ask(b"EXISTS", request[1]) == b":0\r\n":
                return link.ask(b"BLPOP", b"nobody looks here", request[2])
        return link.ask(*request)

    return handle


def split_blmove() -> Handler:
    """BLMOVE is a BLPOP and an RPUSH: what is moved is nowhere for a while."""

    def handle(link: Link, request: Request) -> bytes:
        words = tuple(part.upper() for part in request)
        if words[0] == b"BLMOVE" and words[3:4] == (b"LEFT",) and len(request) == 6 and not link.in_multi:
            raw = link.ask(b"BLPOP", request[1], request[5])
            frame = Observed(raw)
            if frame.kind == b"*" and frame.value:
                moved = frame.value[1]
                link.ask(b"RPUSH" if words[4] == b"RIGHT" else b"LPUSH", request[2], moved.value)
                return moved.raw
            return raw
        return link.ask(*request)

    return handle


def polling() -> Handler:
    """BLPOP looks every few milliseconds, and others take away meanwhile what it waits for."""

    def handle(link: Link, request: Request) -> bytes:
        if request[0].upper() != b"BLPOP" or len(request) != 3 or link.in_multi:
            return link.ask(*request)
        raw = link.ask(b"BLPOP", request[1], b"0.001")
        for _ in range(10):
            if raw != b"*-1\r\n" or request[2] != b"0":
                break
            time.sleep(0.002)
            raw = link.ask(b"BLPOP", request[1], b"0.001")
        return link.ask(*request) if raw == b"*-1\r\n" and request[2] == b"0" else raw

    return handle


# Of each whether it is one of clients who wait.
BETWEEN = {
    **dict.fromkeys((split_exec, split_mset, stale_reads, lost_updates), False),
    **dict.fromkeys((lost_wakeups, split_blmove, polling), True),
}


@pytest.mark.parametrize("fault", [one for one, waits in BETWEEN.items() if not waits], ids=lambda f: f.__name__)
def test_what_is_not_atomic_is_found(embedded: machine.Running, fault: Callable[[], Handler]) -> None:
    """A fault of atomicity or of freshness is found, and the picture of it is short."""
    found_and_short(crowd(embedded, fault(), HISTORIES))


@pytest.mark.parametrize("fault", [one for one, waits in BETWEEN.items() if waits], ids=lambda f: f.__name__)
def test_who_waits_and_is_served_wrongly_is_found(start_server: Starter, fault: Callable[[], Handler]) -> None:
    """A waiter that is not woken, or whose waiting is not one request, is found, and told as a short picture."""
    found_and_short(crowd(start_server("redis:8.2"), fault(), HISTORIES, waits=True))


def found_and_short(one: Crowd) -> None:
    assert one.contradictions, f"not found in {one.histories} histories"
    found = one.contradictions[0]
    assert len(found.operations) <= LONGEST, found.picture()
    assert len(found.picture().splitlines()) == len(found.operations)
    assert not one.explains(found.operations)


def test_with_those_who_wait_every_history_has_an_order(start_server: Starter) -> None:
    """The proxy contradicts nothing where clients wait for each other, either."""
    one = crowd(start_server("redis:8.2"), lambda link, request: link.ask(*request), 60, waits=True)
    assert [found.picture() for found in one.contradictions] == []
    assert one.histories == 60
    assert one.undecided == 0


def test_without_a_fault_every_history_has_an_order(embedded: machine.Running) -> None:
    """The proxy itself contradicts nothing."""
    one = crowd(embedded, lambda link, request: link.ask(*request), 60)
    assert [found.picture() for found in one.contradictions] == []
    assert one.histories == 60
    assert one.undecided == 0


def told_by(running: machine.Running, handler: Handler, histories: int) -> Campaign:
    """A campaign of nothing but histories of several clients, through a proxy with this handler."""
    with proxy(running.host, running.port, handler) as url:
        target = prepare(parse_address(url), destructive=True)
        options = Options(PROFILE, groups=frozenset(("string",)), seed=1, budget=40, concurrent=histories)
        one = Campaign(url, target, model_of(PROFILE, target), choose(target.info, PROFILE), options)
        one.spared = frozenset(name for name, command in one.model.commands.items() if command.parks)
        one.run()
    return one


@pytest.mark.slow
def test_what_one_client_can_show_is_no_contradiction(embedded: machine.Running) -> None:
    """A wrong reply that comes without company is told as a divergence of its rule, and not as a contradiction."""
    fault = next(one for one in FAULTS if one.name == "STRLEN counts one for an absent key")
    one = told_by(embedded, fault.handle, 45)  # some eight of which ask for it; others may come first on a busy machine
    assert one.crowd is not None
    assert [each.picture() for each in one.crowd.contradictions] == []
    assert "STRLEN" in {finding.command for finding in one.findings.values()}
    assert one.report().diverges


@pytest.mark.slow
def test_what_needs_company_stays_a_contradiction(embedded: machine.Running) -> None:
    """What the same requests do not show one after another is told as it was seen."""
    one = told_by(embedded, split_mset(), 120)
    assert one.crowd is not None
    assert one.crowd.contradictions
    assert not one.findings
