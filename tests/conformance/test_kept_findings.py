"""What is kept of a finding can be run again: it diverges by the same rule where the fault is, and nowhere else."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from click.testing import CliRunner
from hypothesis import given

from redlark.conformance import encoded, written
from redlark.conformance.cli import conform
from redlark.conformance.history import ClientId, History, Request, Step, request
from redlark.conformance.judging.divergence import Divergence
from redlark.conformance.judging.judge import Judge
from redlark.conformance.memory.saved import Saved
from redlark.conformance.report import Finding
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.profiles import model_of
from redlark.conformance.targets.target import parse_address, prepare
from redlark.reference.resp import Frame
from tests.quality.faults import FAULTS, text
from tests.quality.proxy import Link, proxy, tap

from .test_gate import histories

PROFILE = "redis-8.2"


@pytest.fixture(scope="module")
def embedded() -> Iterator[machine.Running]:
    """Redlark's own server, in which there is no fault."""
    with machine.running(None) as running:
        yield running


# ---- faults that can be mended -----------------------------------------------------------------------------------


def one_key_more(link: Link, request: tuple[bytes, ...]) -> bytes:
    """INFO counts a key more."""
    return link.ask(*request).replace(b"keys=1,", b"keys=2,")


def text_alone(link: Link, request: tuple[bytes, ...]) -> bytes:
    """A value whose bytes are no ASCII is answered without them."""
    raw = link.ask(*request)
    other = text(raw, lambda value: bytes(byte for byte in value if byte < 128))
    return raw if other is None or request[0].upper() not in (b"GET", b"GETRANGE") else other


def twice(frame: Frame) -> bytes:
    """A message comes twice to a client that speaks RESP2: somebody else must have published it."""
    return frame.raw * (2 if frame.raw.startswith(b"*3\r\n$7\r\nmessage\r\n") else 1)


def nil_is_zero(frame: Frame) -> bytes:
    """Who has waited in vain gets a number."""
    return b":0\r\n" if frame.raw in (b"*-1\r\n", b"_\r\n") else frame.raw


Behind = Callable[[machine.Running, list[bool]], AbstractContextManager[str]]


def asked(handle: Callable[[Link, tuple[bytes, ...]], bytes]) -> Behind:
    """A server behind a fault in its replies, as long as the list holds True."""
    return lambda running, broken: proxy(
        running.host, running.port, lambda link, one: handle(link, one) if broken[0] else link.ask(*one)
    )


def pushed(change: Callable[[Frame], bytes]) -> Behind:
    """The same for a fault in any frame."""
    return lambda running, broken: tap(
        running.host, running.port, lambda frame: change(frame) if broken[0] else frame.raw
    )


def seeded(name: str) -> Behind:
    """One of the faults that the power of the search is measured by."""
    return asked(next(one.handle for one in FAULTS if one.name == name))


@frozen
class Seeded:
    """A fault, a history that meets it beside much that does not matter, and what the kept example must hold."""

    behind: Behind
    lines: tuple[str, ...]
    command: str
    holds: str = ""


CASES = {
    "a condition": Seeded(seeded("SET ignores NX"), ("SET k v", "SET k w NX"), "SET", "NX"),
    "a deadline": Seeded(seeded("PERSIST always says 1"), ("SET k v PX <ms:+5000>", "PERSIST j"), "PERSIST"),
    "a transaction": Seeded(
        seeded("DISCARD runs the transaction"), ("MULTI ; SET k v ; DISCARD", "GET k"), "GET", "DISCARD"
    ),
    "a type": Seeded(seeded("TYPE calls a list a string"), ("RPUSH k a", "TYPE k"), "TYPE", "RPUSH"),
    "a report": Seeded(asked(one_key_more), ("2> SET k v", "2> PFCOUNT p", "INFO keyspace"), "INFO", "INFO"),
    "a binary value": Seeded(asked(text_alone), ('SET k "a\\xff\\n\\x00"', "STRLEN k", "GET k"), "GET", "\\x"),
    "a script": Seeded(
        asked(text_alone), ("""EVAL "redis.call('SET', KEYS[1], '\\\\255')\\nreturn 1" 1 k""", "GET k"), "GET", "EVAL"
    ),
    "several clients": Seeded(pushed(twice), ("SUBSCRIBE c", "2> PUBLISH c m", "3> PING"), "PUBLISH", "2> "),
}
# What changes nothing: through a proxy with a thread for each client, what was sent last may be done when the judge has
# closed the connection and begun anew.
NOISE = written.history(("PING ; ECHO a", "2> EXISTS other", "2> (after 2 ms) STRLEN other", "EXISTS other"))


def run(url: str, requests: int, *more: str) -> tuple[int, str]:
    """`redlark conform` from a seed, which ends before it searches: its status and what it says."""
    usual = ["--profile", PROFILE, "--commands", "PING", "--seed", "4", "--requests", str(requests), "--budget", "20"]
    done = CliRunner().invoke(conform, [url, *usual, *more])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.parametrize("name", CASES)
def test_a_finding_is_found_first_known_and_seen_to_pass(embedded: machine.Running, tmp_path: Path, name: str) -> None:
    """Kept and drafted; found again by what is kept alone; known when reviewed; without the fault the gate fails."""
    case, saved, known, broken = CASES[name], tmp_path / "kept", tmp_path / "known.toml", [True]
    history = History((*NOISE.steps, *written.history(case.lines).steps, *NOISE.steps))
    with case.behind(embedded, broken) as url:
        first = Divergence(case.command, (), (), "seen by a search", b"", (), 0, history)
        Saved(saved, url, PROFILE).store([Finding(first, True, history.size)])
        (long,) = saved.glob("*.json")
        status, said = run(url, 1, "--saved", str(saved), "--write-baseline", str(known))
        assert status == 1, said
        long.unlink()
        (entry,) = tomllib.loads(known.read_text())["divergence"]
        (kept,) = Saved(saved, url, PROFILE).load()
        assert tuple(entry["example"]) == tuple(written.lines(kept.history))
        assert entry["command"] == case.command
        assert case.holds in "\n".join(entry["example"])
        assert kept.history.size < history.size - NOISE.size

        status, said = run(url, 1, "--saved", str(saved))
        assert status == 1, said
        assert "examples that have failed before (1)" in said
        assert len(list(saved.glob("*.json"))) == 1

        known.write_text(re.sub(r"^reason = .*$", 'reason = "so be it"', known.read_text(), flags=re.MULTILINE))
        status, said = run(url, 1, "--no-saved", "--baseline", str(known))
        assert status == 0, said
        assert "so be it" in said

        broken[0] = False
        status, said = run(url, 60, "--saved", str(saved), "--baseline", str(known))
        assert status == 1, said
        assert "passes now: its example conforms (5 runs)" in said
        assert not list(saved.glob("*.json"))


# ---- histories of which more than a line for each request is judged -----------------------------------------------

KILL = Step(1, (Request((b"CLIENT", b"KILL", b"ID", ClientId(0))),))
HISTORIES: dict[str, tuple[Behind, tuple[Step, ...]]] = {
    "a connection that was killed answers nothing": (
        asked(one_key_more),
        (
            Step(0, (request("CLIENT", "ID"),)), KILL, Step(0, (request("PING"), request("PING"))),
            Step(1, (request("SET", "k", "v"), request("PFCOUNT", "p"))), Step(0, (request("INFO", "keyspace"),)),
        ),
    ),
    "where clients meet, too": (
        asked(one_key_more),
        (
            Step(0, (request("CLIENT", "ID"),)), Step(1, (request("SUBSCRIBE", "c"), request("UNSUBSCRIBE", "c"))),
            KILL, Step(0, (request("PING"), request("PING"))), Step(1, (request("SET", "k", "v"),)),
            Step(0, (request("INFO", "keyspace"),)),
        ),
    ),
    "somebody waits during a pause": (
        pushed(nil_is_zero),
        (
            Step(0, (request("BLPOP", "l", "0.1"),)), Step(1, (request("PING"),), 250), Step(1, (request("PING"),)),
        ),
    ),
    "what a client quits is lost": (
        asked(one_key_more),
        (
            Step(1, (request("SET", "k", "v"),)), Step(0, (request("QUIT"), request("PING"), request("PING"))),
            Step(1, (request("INFO", "keyspace"),)),
        ),
    ),
}  # fmt: skip


@contextmanager
def judge_of(url: str) -> Iterator[Judge]:
    """A judge of a server, held to one profile."""
    target = prepare(parse_address(url), destructive=True)
    with Judge(model_of(PROFILE, target), target) as judge:
        yield judge


def again(judge: Judge, finding: Finding) -> Divergence | None:
    """What a finding's lines show when they are read and run."""
    told = finding.as_json()["history"]
    return judge.run(written.history(told["lines"], told["protocol"]))


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("name", HISTORIES)
def test_the_lines_of_a_finding_diverge_again(embedded: machine.Running, name: str, protocol: int) -> None:
    """By the same rule, as often as they are run; without the fault they conform."""
    (behind, steps), broken = HISTORIES[name], [True]
    with ExitStack() as opened:
        judge = opened.enter_context(judge_of(opened.enter_context(behind(embedded, broken))))
        finding = judge.shortest(History(steps, protocol))
        assert finding is not None
        assert finding.reproduced
        for _ in range(3):
            found = again(judge, finding)
            assert found is not None, finding.as_json()["history"]["lines"]
            assert (found.command, found.rules) == (finding.command, finding.rules)
        broken[0] = False
        assert again(judge, finding) is None


@given(histories.filter(lambda history: history.size > 0))
def test_a_saved_example_is_the_history_that_failed(tmp_path_factory: pytest.TempPathFactory, history: History) -> None:
    """Whatever was asked, in whatever bytes, by whomever and after whatever pause: what is loaded is equal to it."""
    folder = tmp_path_factory.mktemp("saved")
    found = Divergence("GET", ("GET/told",), (), "nothing", b"", (), 0, history)
    Saved(folder, "t", PROFILE).store([Finding(found, True, history.size)])
    (example,) = Saved(folder, "t", PROFILE).load()
    assert example.history == history


@given(histories)
def test_a_part_is_read_back_from_json(history: History) -> None:
    """In witnesses and vectors, too: each part of a request, in whatever bytes, is the same after it was written."""
    for part in (part for step in history.steps for one in step.requests for part in one.parts):
        assert encoded.from_json(json.loads(json.dumps(encoded.as_json(part)))) == part


@pytest.mark.parametrize(("seen", "by", "stays"), [(False, True, True), (True, True, False), (True, False, False)])
def test_a_loose_run_removes_no_example_of_a_strict_one(tmp_path: Path, seen: bool, by: bool, stays: bool) -> None:
    """What was seen strictly says nothing when it conforms loosely; otherwise what conforms goes."""
    found = Divergence("GET", ("GET/told",), (), "nothing", b"", (), 0, History.of("GET k"))
    Saved(tmp_path, "t", PROFILE, seen).store([Finding(found, True, 1)])
    later = Saved(tmp_path, "t", PROFILE, by)
    (example,) = later.load()
    example.ran = example.times
    later.store([])
    assert bool(list(tmp_path.glob("*.json"))) == stays


def test_an_example_in_a_protocol_that_is_not_judged_says_nothing(embedded: machine.Running, tmp_path: Path) -> None:
    """It is kept, and a reviewed one is left undecided: it was not run."""
    found = Divergence("GET", ("GET/missing",), (), "nothing", b"", (), 0, History.of("GET k", protocol=3))
    saved, known = tmp_path / "kept", tmp_path / "known.toml"
    Saved(saved, embedded.url, PROFILE).store([Finding(found, True, 1)])
    entry: dict[str, Any] = {
        "rule": "PING/pong", "command": "GET", "reason": "so be it", "seen": "nothing", "protocol": 3,
    }  # fmt: skip
    rows = [f"{name} = {value!r}" for name, value in entry.items()]
    known.write_text("\n".join(["[[divergence]]", *rows, "expires = 2999-01-01", "example = ['GET k']", ""]))
    both = ["--saved", str(saved), "--baseline", str(known)]
    status, said = run(embedded.url, 10, "--protocol", "2", *both)
    assert status == 0, said
    assert "nothing is said of it" in said
    assert len(list(saved.glob("*.json"))) == 1
