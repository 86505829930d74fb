"""Replaying traces: what would break on another server is said, and nothing else is."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis

from redlark.conformance.targets import profiles
from redlark.conformance.targets.target import parse_address, prepare
from redlark.conformance.watch import Watch
from redlark.conformance.watch import replay as replaying
from redlark.conformance.watch.differing import (
    BREAKING,
    ERROR,
    FORBIDDEN,
    FREE,
    SILENT,
    SKIPPED,
    UNKNOWN,
    VERSION,
    Difference,
)
from redlark.conformance.watch.replay_cli import of, schema
from redlark.conformance.watch.trace import read
from tests.conftest import Address, Starter
from tests.quality.faults import FAULTS
from tests.quality.proxy import Link, proxy

COMMAND = [sys.executable, "-c", "from redlark.conformance.watch.replay_cli import replay; replay()"]
Work = Callable[[redis.Redis], None]


def recorded(url: str, path: Path, work: Work, redact: bool = False) -> Path:
    """A trace of what a client does on a server that is empty."""
    with redis.Redis.from_url(url) as client:
        client.flushall()
        client.script_flush()
    with Watch(url, trace=path, redact=redact, judging=False) as watch, redis.Redis(port=watch.port) as client:
        work(client)
    return path


def replayed(path: Path, url: str, **more: Any) -> list[Difference]:
    """What differs on another server."""
    target = prepare(parse_address(url), destructive=True)
    model = profiles.model_of(profiles.choose(target.info).profile, target)
    run = replaying.of(read(path), target, model, **more)
    run.excuses.opened += 50  # a fault in between asks on connections of its own
    run.run()
    return [one for one in of(run) if not one.command.startswith(("CLIENT", "HELLO"))]


def busy(client: redis.Redis) -> None:
    """Chance, time, who waits, who listens, transactions, scripts, inline requests and large values."""
    client.sadd("s", *range(30))
    client.spop("s")
    client.spop("s", 3)  # another server takes the same ones once in 24,000 runs
    client.set("t", "1", px=5000)
    client.pttl("t")
    first = client.xadd("x", {"a": "1"})
    client.xrange("x", first, first)
    client.xdel("x", first)
    port = client.connection_pool.connection_kwargs["port"]
    waiter = threading.Thread(target=lambda: redis.Redis(port=port).blpop(["l"], 5))
    waiter.start()
    time.sleep(0.05)
    client.rpush("l", "v")
    waiter.join()
    assert client.blpop(["l"], 0.05) is None
    listener = client.pubsub()
    listener.subscribe("news")
    listener.get_message(timeout=5)
    client.publish("news", "hear")
    listener.get_message(timeout=5)
    with client.pipeline() as pipe:
        pipe.incr("n")
        pipe.get("n")
        pipe.execute()
    client.eval("return redis.call('GET', KEYS[1])", 1, "n")
    client.set("big", b"\0\xff\r\n" * 50_000)
    client.get("big")
    list(client.scan_iter(count=2))
    listener.close()


@pytest.mark.parametrize("target", ["redis:8.2", "embedded", "valkey:9.1"])
@pytest.mark.parametrize("redact", [False, True])
def test_nothing_breaks_where_nothing_differs(address: Address, tmp_path: Path, target: str, redact: bool) -> None:
    """What chance and time alter is judged and allowed; with hashed values, too."""
    path = recorded(address("redis:8.2"), tmp_path / "trace", busy, redact)
    found = replayed(path, address(target))
    assert {one.kind for one in found} <= {FREE} | ({VERSION} if target == "valkey:9.1" else set()), found
    assert "SPOP" in {one.command for one in found} or redact


def test_what_breaks_on_an_older_server(address: Address, tmp_path: Path) -> None:
    """Unknown commands and new errors are named, an error's other words with their rule, and nothing beside them."""

    def work(client: redis.Redis) -> None:
        client.set("a", "1")
        client.execute_command("LMPOP", "1", "l", "LEFT")
        client.execute_command("SET", "a", "2", "NX", "GET")
        client.execute_command("GET", "a")
        with pytest.raises(redis.ResponseError):
            client.execute_command("NOSUCH", "x")

    path = recorded(address("redis:8.2"), tmp_path / "trace", work)
    found = {one.command: one for one in replayed(path, address("redis:6.2"))}
    assert {name: one.kind for name, one in found.items()} == {"LMPOP": UNKNOWN, "SET": ERROR, "NOSUCH": VERSION}
    assert "SET/get-with-nx" in found["SET"].rules
    assert found["NOSUCH"].rules == ("DISPATCH/unknown",)


@pytest.mark.parametrize("name", ["DECRBY adds", "PERSIST always says 1", "EXISTS counts a key once"])
def test_a_fault_of_the_target(address: Address, start_server: Starter, tmp_path: Path, name: str) -> None:
    """A reply that differs and that the text does not allow breaks, with what was allowed."""

    def work(client: redis.Redis) -> None:
        client.set("a", "9")
        client.decrby("a", 3)
        client.execute_command("DECRBY", "a", 3)
        client.persist("a")
        client.exists("a", "a")

    path = recorded(address("redis:8.2"), tmp_path / "trace", work)
    running = start_server("redis:8.2")
    fault = next(one for one in FAULTS if one.name == name)
    with proxy(running.host, running.port, fault.handle) as url:
        found = [one for one in replayed(path, url) if one.breaks]
    assert found
    assert {one.kind for one in found} == {FORBIDDEN}
    assert all(one.allowed for one in found)


def test_a_target_that_does_not_answer(address: Address, start_server: Starter, tmp_path: Path) -> None:
    """No reply, or the end of the connection, breaks; the others go on."""

    def work(client: redis.Redis) -> None:
        client.set("a", "9")
        client.touch("a", "b")
        client.get("a")

    def falls_silent(link: Link, request: tuple[bytes, ...]) -> bytes:
        return b"" if request[0].upper() == b"TOUCH" else link.ask(*request)

    path = recorded(address("redis:8.2"), tmp_path / "trace", work)
    running = start_server("redis:8.2")
    for handle in (falls_silent, next(one for one in FAULTS if one.name == "TOUCH closes the connection").handle):
        with proxy(running.host, running.port, handle) as url:
            found = replayed(path, url, timeout=2.0)
        assert [(one.command, one.kind) for one in found] == [("TOUCH", SILENT), ("GET", SKIPPED)]


def test_secrets_are_the_targets_own(start_server: Starter, tmp_path: Path) -> None:
    """A client that signs in where it was recorded signs in with the target's password, or not at all."""
    source = start_server("redis:8.2", requirepass="owner-one")
    with Watch(f"redis://:owner-one@127.0.0.1:{source.port}", trace=tmp_path / "trace", judging=False) as watch:
        for protocol in (2, 3):
            with redis.Redis(port=watch.port, password="owner-one", protocol=protocol) as client:
                client.set("a", "1")
                client.config_set("masterauth", "x")
                client.config_get("requirepass")
                with client.pipeline() as pipe:
                    pipe.config_get("*pass").execute()
                client.get("a")
    guarded, free = start_server("redis:8.2", requirepass="owner-two"), start_server("redis:8.2")
    for url in (f"redis://:owner-two@127.0.0.1:{guarded.port}", free.url):
        found = replayed(tmp_path / "trace", url)
        assert not [one for one in found if one.breaks], found
        assert {one.command for one in found if one.kind == SKIPPED} <= {"AUTH", "CONFIG|SET"}
        assert not [one for one in found if "owner-" in f"{one.recorded} {one.seen} {one.allowed}"]


def test_who_interrupts_it_hears_what_it_found(address: Address, tmp_path: Path) -> None:
    """Ctrl-C in the midst of sending: what was answered is judged and told, the rest is not taken for silence."""
    path = recorded(address("redis:8.2"), tmp_path / "trace", busy)
    told: list[tuple[str, int, int]] = []

    def progress(what: str, done: int, of: int) -> None:
        told.append((what, done, of))
        if what == "sent" and done > of // 2:
            raise KeyboardInterrupt

    target = prepare(parse_address(address("redis:8.2")), destructive=True)
    run = replaying.of(read(path), target, profiles.model_of("redis-8.2", target), progress=progress)
    run.run()
    assert 10 < len(run.replayed) < len(run.recorded)
    assert [note for note in run.notes if note.startswith("interrupted: ")]
    assert {one.kind for one in of(run)} <= {FREE, SKIPPED}
    assert told[-1][0] == "judged"
    assert told[-1][1] == told[-1][2]


def test_pauses_are_kept_where_that_is_asked(address: Address, tmp_path: Path) -> None:
    """A key that had expired is there without its pause, which the text allows, and is not with it."""

    def work(client: redis.Redis) -> None:
        client.set("a", "1", px=1500)
        time.sleep(1.7)
        client.get("a")

    path = recorded(address("redis:8.2"), tmp_path / "trace", work)
    assert [(one.command, one.kind) for one in replayed(path, address("redis:8.2"))] == [("GET", FREE)]
    assert replayed(path, address("redis:8.2"), pace=True) == []


@pytest.mark.parametrize(("target", "status"), [("redis:8.2", 0), ("redis:6.2", 1), ("redis:1.0", 2)])
def test_exit_status_and_report(address: Address, tmp_path: Path, target: str, status: int) -> None:
    """0 where nothing breaks, 1 where something does, 2 where it cannot be run; the report as its schema says."""
    path = recorded(
        address("redis:8.2"), tmp_path / "trace", lambda client: client.execute_command("LMPOP", 1, "l", "LEFT")
    )
    command = [*COMMAND, str(path), "--target", target, "--json", str(tmp_path / "report")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status, done.stderr
    if status == 2:
        assert "no such server" in done.stderr
        return
    report = json.loads((tmp_path / "report").read_text())
    jsonschema.validate(report, schema())
    assert report["breaks"] == (status == 1)
    assert ("unknown command" in done.stdout) == (status == 1)
    assert {one["kind"] for one in report["differences"] if one["breaks"]} <= set(BREAKING)


def test_what_is_no_trace(tmp_path: Path) -> None:
    """One line, and status 2."""
    (tmp_path / "trace").write_text('{"some": "thing"}\n')
    for path in (tmp_path / "trace", tmp_path / "nothing"):
        command = [*COMMAND, str(path), "--target", "embedded"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
