"""Watching real servers: what is allowed passes without a word, what is not is found, and both sides may die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import redis.asyncio

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets import servers
from redlark.conformance.watch import Watch, orders, told
from redlark.conformance.watch.trace import read
from tests.conftest import Address, Starter
from tests.quality.faults import FAULTS
from tests.quality.proxy import Link, proxy
from tests.waiting import soon

SERVERS = ["redis:6.2", "redis:8.2", "valkey:9.1", "embedded"]


@pytest.fixture
def empty(address: Address, request: pytest.FixtureRequest) -> str:
    """The address of a server that holds nothing."""
    url = address(request.param)
    with redis.Redis.from_url(url) as client:
        client.flushall()
        client.script_flush()
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    return url


@contextlib.contextmanager
def watching(url: str, **more: object) -> Iterator[Watch]:
    """A watch that must find nothing, and judge all but what is said."""
    with Watch(url, **more) as watch:  # type: ignore[arg-type]
        yield watch
        assert watch.findings() == ()
        assert not watch.failed


def an_application(port: int, protocol: int) -> None:
    """A bit of everything that applications do."""
    client = redis.Redis(port=port, protocol=protocol)
    client.set("a", 1, ex=100)
    assert client.incr("a") == 2
    client.rpush("l", *range(5))
    client.hset("h", mapping={"f": "1", "g": "2"})
    client.zadd("z", {"m": 1.5, "n": 2})
    client.xadd("s", {"f": "v"})
    client.sadd("set", *range(20))
    client.srandmember("set")
    client.spop("set")
    with client.pipeline() as pipe:
        pipe.watch("a")
        pipe.multi()
        pipe.incr("a")
        pipe.lrange("l", 0, -1)
        assert pipe.execute()[0] == 3
    with client.pipeline(transaction=False) as pipe:
        for number in range(50):
            pipe.set(f"k{number}", number, ex=10)
        pipe.execute()
    assert client.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")(keys=["i"], args=[4]) == 4
    with pytest.raises(redis.ResponseError):
        client.lpush("a", 1)
    listener = client.pubsub()
    listener.subscribe("news")
    listener.psubscribe("n*")
    assert {listener.get_message(timeout=10)["type"] for _ in range(2)} == {"subscribe", "psubscribe"}
    client.publish("news", "x" * 100_000)
    assert {listener.get_message(timeout=5)["type"] for _ in range(2)} == {"message", "pmessage"}
    got: list[object] = []
    workers = [threading.Thread(target=lambda: got.append(_popped(port, protocol))) for _ in range(4)]
    for worker in workers:
        worker.start()
    client.rpush("jobs", "1", "2")
    time.sleep(0.05)
    client.rpush("jobs", "3", "4")
    for worker in workers:
        worker.join()
    assert len(got) == 4
    assert client.blpop(["jobs"], 0.05) is None
    client.set("big", b"\0\r\n" * 400_000)
    assert len(client.get("big")) == 1_200_000
    assert set(client.scan_iter(count=7)) >= {b"a", b"l", b"h"}
    listener.close()
    client.close()


def _popped(port: int, protocol: int) -> object:
    with redis.Redis(port=port, protocol=protocol) as client:
        return client.blpop(["jobs"], 5)


@pytest.mark.parametrize("empty", SERVERS, indirect=True)
def test_an_application_is_judged_and_allowed(empty: str) -> None:
    """What several clients do in either protocol is judged to the last exchange, rules and commands are told."""
    with watching(empty) as watch:
        for protocol in (2, 3):
            an_application(watch.port, protocol)
            redis.Redis(port=watch.port).flushall()
        assert watch.findings() == ()
        assert watch.judge is not None
        assert sum(watch.judge.unjudged.values()) == 0, watch.judge.unjudged
        assert watch.judge.judged["BLPOP"] == 10
        assert watch.judge.judged["(pushes)"] >= 4
        assert watch.rules()["EXEC/run"] >= 2 or any(rule.startswith("EXEC/") for rule in watch.rules())


@pytest.mark.parametrize("empty", ["redis:8.2"], indirect=True)
def test_many_at_once(empty: str) -> None:
    """Forty tasks that meet at four keys, with a listener: what has an order is allowed, nothing is wrong."""

    async def task(client: redis.asyncio.Redis, number: int) -> None:
        for step in range(15):
            await client.incr(f"n{step % 3}")
            await client.rpush("l", number)
            await client.lpop("l")
            await client.get(f"n{number % 3}")
            if number % 10 == 0:
                await client.publish("news", str(step))

    async def run(port: int) -> None:
        client = redis.asyncio.Redis(port=port)
        listener = client.pubsub()
        await listener.subscribe("news")
        await asyncio.gather(*[task(client, number) for number in range(40)])
        await listener.aclose()
        await client.aclose()

    with watching(empty, apart=True) as watch:
        asyncio.run(run(watch.port))
        assert watch.findings() == ()
        assert watch.judge is not None
        assert watch.judge.judged.total() > 500
        assert set(watch.judge.unjudged) <= {"keys that were there before", "too much was asked at once"}


@pytest.mark.parametrize("empty", ["redis:8.2"], indirect=True)
def test_what_was_given_up_is_not_wrong_later(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where few orders are looked at, much is given up; of keys about which those differed nothing is known then."""
    monkeypatch.setattr(orders, "MOST_CONFIGURATIONS", 6)
    monkeypatch.setattr(orders, "MOST_STEPS", 60)

    async def task(client: redis.asyncio.Redis, number: int) -> None:
        rng = random.Random(number)
        for _ in range(40):
            key = f"k{rng.randrange(20)}"
            await rng.choice((lambda k=key: client.rpush(k, "a"), lambda k=key: client.lpop(k)))()
            await client.lrange(f"k{rng.randrange(20)}", 0, -1)

    async def run(port: int) -> None:
        client = redis.asyncio.Redis(port=port)
        await asyncio.gather(*[task(client, number) for number in range(24)])
        await client.aclose()

    with watching(empty) as watch:
        asyncio.run(run(watch.port))
        assert watch.findings() == ()
        assert watch.judge is not None
        assert watch.judge.unjudged["too much was asked at once"] > 0


FOUND = (
    "SET keeps the deadline", "DECRBY adds", "STRLEN counts one for an absent key", "PERSIST always says 1",
    "EXISTS counts a key once", "DISCARD runs the transaction", "WATCH is ignored", "an integer reply is a bulk string",
)  # fmt: skip


def provoke(client: redis.Redis) -> None:
    """What shows each of those faults."""
    client.set("a", 1, ex=50)
    client.set("a", 2)
    client.ttl("a")
    client.persist("a")
    client.decrby("a", 3)
    client.strlen("nothing")
    client.exists("a", "a")
    client.execute_command("MULTI")
    client.execute_command("SET", "b", "1")
    client.execute_command("DISCARD")
    client.exists("b")
    client.execute_command("INCR", "c")
    client.execute_command("WATCH", "c")
    with redis.Redis(port=client.connection_pool.connection_kwargs["port"]) as other:
        other.set("c", 9)
    client.execute_command("MULTI")
    client.execute_command("EXEC")


@pytest.mark.parametrize("empty", ["redis:8.2"], indirect=True)
@pytest.mark.parametrize("name", FOUND)
def test_a_fault_is_found(empty: str, name: str) -> None:
    """A server with a fault, behind a watch, used by a client that knows of nothing."""
    fault = next(one for one in FAULTS if one.name == name)
    _, _, port = empty.rpartition(":")
    with proxy("127.0.0.1", int(port), fault.handle) as url, Watch(url) as watch:
        watch.excuses.opened += 20  # the faults ask on connections of their own
        with redis.Redis(port=watch.port, single_connection_client=True) as client:
            client.execute_command("PING")
            provoke(client)
        found = watch.findings()
        assert found
        assert all(one.allowed or one.command == "(push)" for one in found)


# ---- what is not judged, and why -------------------------------------------------------------------------------------


def test_keys_that_were_there(start_server: Starter) -> None:
    """Of a server with data nothing is wrong, replies are held to their types, keys are learnt from what is written."""
    running = start_server("redis:8.2")
    with redis.Redis.from_url(running.url) as before:
        before.set("old", "7")
        before.rpush("list", 1, 2)
    with watching(running.url) as watch:
        client = redis.Redis(port=watch.port)
        assert client.get("old") == b"7"
        assert client.llen("list") == 2
        assert client.dbsize() == 2
        client.incr("old")
        client.set("old", "1")
        assert client.incr("old") == 2
        client.delete("list")
        client.rpush("list", "x")
        assert client.get("nowhere") is None
        client.append("nowhere", "x")
        with pytest.raises(redis.ResponseError):
            client.execute_command("GET")
        client.close()
        assert watch.findings() == ()
        assert watch.judge is not None
        assert watch.judge.unjudged == {"keys that were there before": 5}
        assert watch.judge.judged["INCRBY"] + watch.judge.judged["INCR"] == 1
        assert watch.judge.judged["APPEND"] == watch.judge.judged["RPUSH"] == 1


def test_a_password_that_is_set_is_no_fault(start_server: Starter) -> None:
    """What `requirepass` makes of the server is not specified: who asks for it, or is locked out, is not judged."""
    with watching(start_server("redis:8.2").url) as watch:
        client = redis.Redis(port=watch.port, single_connection_client=True)
        client.config_set("requirepass", "hunter2")
        assert client.config_get("requirepass") == {"requirepass": "hunter2"}
        with pytest.raises(redis.AuthenticationError), redis.Redis(port=watch.port) as other:
            other.get("k")
        client.config_set("requirepass", "")
        client.close()
        assert watch.findings() == ()
        assert watch.judge is not None
        assert "a parameter that is not specified was set" in watch.judge.unjudged


def test_no_secret_in_a_finding(start_server: Starter) -> None:
    """A divergence shows neither the password that came nor the one that is allowed, nor one of before."""
    running = start_server("redis:8.2")
    lies = [False]

    def handle(link: Link, request: tuple[bytes, ...]) -> bytes:
        reply = link.ask(*request)
        return reply.replace(b"hunter2", b"hunter3") if lies[0] else reply

    with proxy(running.host, running.port, handle) as url, Watch(url) as watch:
        watch.excuses.opened += 20
        with redis.Redis(port=watch.port, single_connection_client=True) as client:
            client.config_set("masterauth", "hunter2")
            assert client.config_get("masterauth") == {"masterauth": "hunter2"}
            lies[0] = True
            assert client.config_get("masterauth") == {"masterauth": "hunter3"}
        (found,) = watch.findings()
        assert found.command == "CONFIG|GET"
        assert found.before
        assert "hunter" not in json.dumps(told.as_json(watch, "0"))
        assert "hunter" not in told.block(found).plain
        assert "(redacted)" in found.seen
        assert any("(redacted)" in allowed for allowed in found.allowed)


def test_a_reply_of_another_type_needs_no_state(start_server: Starter) -> None:
    """A fault in the type of a reply is found where nothing is known of the key."""
    running = start_server("redis:8.2")
    with redis.Redis.from_url(running.url) as before:
        before.set("old", "7")
    fault = next(one for one in FAULTS if one.name == "an integer reply is a bulk string")
    with proxy(running.host, running.port, fault.handle) as url, Watch(url) as watch:
        watch.excuses.opened += 20
        with redis.Redis(port=watch.port) as client:
            client.execute_command("INCR", "old")
        assert [one.command for one in watch.findings()] == ["INCR"]


def test_who_writes_past_the_proxy(start_server: Starter) -> None:
    """What another client changed is no divergence: it is counted, with the reason."""
    running = start_server("redis:8.2")
    with watching(running.url) as watch, redis.Redis(port=watch.port) as client:
        client.set("a", "1")
        with redis.Redis.from_url(running.url) as other:
            other.set("a", "2")
        assert client.get("a") == b"2"
        assert watch.findings() == ()
        assert watch.judge is not None
        assert watch.judge.unjudged == {"others are connected past the proxy": 1}


def test_judging_that_cannot_keep_up(start_server: Starter) -> None:
    """It falls back to recording, says so, counts what it left out, and the trace has everything."""
    running = start_server("redis:8.2")
    with watching(running.url, most_queued=50) as watch, redis.Redis(port=watch.port) as client:
        with client.pipeline(transaction=False) as pipe:
            for number in range(3000):
                pipe.incr(f"k{number % 7}")
            pipe.execute()
        assert watch.settle()
        client.ping()
        client.set("a", "1")
        assert client.incr("a") == 2
        assert watch.findings() == ()
        assert watch.judge is not None
        assert watch.judge.unjudged["judging could not keep up"] > 0
        assert any("could not keep up" in note for note in watch.recorder.notes)
        assert watch.recorder.requests >= 3003


# ---- either side dies ------------------------------------------------------------------------------------------------


def test_a_client_that_dies(start_server: Starter, tmp_path: Path) -> None:
    """Cut off in the midst of a request, or while it waits: others are served, and half a request is not kept."""
    running = start_server("redis:8.2")
    with watching(running.url, trace=tmp_path / "trace") as watch, redis.Redis(port=running.port) as behind:
        with socket.create_connection(("127.0.0.1", watch.port)) as half:
            half.sendall(b"*3\r\n$3\r\nSET\r\n$6\r\nsecret\r\n$10\r\nhalf")
        waiter = socket.create_connection(("127.0.0.1", watch.port))
        waiter.sendall(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n")
        soon(lambda: behind.info("clients")["blocked_clients"])
        waiter.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        waiter.close()
        soon(lambda: not behind.info("clients")["blocked_clients"])
        with redis.Redis(port=watch.port) as client:
            client.rpush("l", "x")
            assert client.llen("l") == 1
    assert "half" not in (tmp_path / "trace").read_text()
    assert {line.event for line in read(tmp_path / "trace").lines} >= {"open", "close"}


def test_a_server_that_dies_and_comes_back(start_server: Starter, tmp_path: Path) -> None:
    """Its clients see a clean end; once it is there again they are served, and nothing is called wrong."""
    running = start_server("redis:8.2")
    with watching(running.url, trace=tmp_path / "trace") as watch:
        client = redis.Redis(port=watch.port, retry=None)
        client.set("a", "1")
        plain = socket.create_connection(("127.0.0.1", watch.port))
        plain.sendall(b"PING\r\n")
        assert plain.recv(100) == b"+PONG\r\n"
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        assert plain.recv(100) == b""
        with pytest.raises(redis.ConnectionError):
            redis.Redis(port=watch.port, retry=None).ping()
        program = servers.pick("redis:8.2", servers.find_servers()).path
        again = subprocess.Popen([program, "--port", str(running.port), "--save", ""], stdout=subprocess.DEVNULL)
        try:
            _until_served(running.port)
            assert client.get("a") is None
            client.set("b", "1")
            assert client.incr("b") == 2
            assert watch.findings() == ()
            client.close()
        finally:
            again.terminate()
            again.wait()
    events = [line.event for line in read(tmp_path / "trace").lines]
    assert "refused" in events
    assert "end" in events


def _until_served(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)


def test_a_trace_is_never_written_over(start_server: Starter, tmp_path: Path) -> None:
    """A file that is there is an error of one line; so is a server that is not."""
    running = start_server("redis:8.2")
    (tmp_path / "trace").write_text("mine")
    with pytest.raises(CannotRun, match="is there already"), Watch(running.url, trace=tmp_path / "trace"):
        pass
    with pytest.raises(CannotRun, match="unreachable"), Watch("redis://127.0.0.1:1"):
        pass
