"""Real clients: redis-py in both protocols, synchronous and not, and redis-cli."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import threading

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from redlark.server import Server
from redlark.server.commands import command_table

from .conftest import Start, Wire

NO_RETRY = Retry(NoBackoff(), 0)


@pytest.fixture(params=[2, 3])
def db(server: Server, client: Wire, request: pytest.FixtureRequest) -> redis.Redis:
    return redis.Redis(port=server.port, protocol=request.param, decode_responses=True)


def test_redis_py_strings_and_keys(db: redis.Redis) -> None:
    """redis-py's own methods for strings, keys and expiry get what they expect."""
    assert db.set("a", 1, ex=100)
    assert db.get("a") == "1"
    assert db.incrbyfloat("a", 0.5) == 1.5
    assert 0 < db.ttl("a") <= 100
    assert db.persist("a")
    assert db.mset({"b": "x", "c": "y"})
    assert db.mget("a", "b", "nokey") == ["1.5", "x", None]
    assert db.getex("b", ex=10) == "x"
    assert db.set("b", "z", get=True) == "x"
    assert db.append("b", "!") == 2
    assert db.setrange("b", 1, "??") == 3
    assert db.getrange("b", 0, -1) == "z??"
    assert db.lcs("b", "c") == ""
    assert db.copy("b", "d")
    assert db.rename("d", "e")
    assert sorted(db.scan_iter(count=2)) == ["a", "b", "c", "e"]
    assert sorted(db.keys("[a-c]")) == ["a", "b", "c"]
    assert db.type("a") == "string"
    assert db.object("encoding", "c") == "embstr"
    assert db.delete("a", "nokey") == 1
    assert db.dbsize() == 3
    with pytest.raises(redis.ResponseError, match="value is not an integer"):
        db.incr("c")


def test_redis_py_collections(db: redis.Redis) -> None:
    """The list and set commands that are there work from redis-py, and types do not mix."""
    assert db.rpush("l", "a", "b") == 2
    assert db.lrange("l", 0, -1) == ["a", "b"]
    assert db.sadd("s", "x", "x", "y") == 2
    assert list(db.scan_iter(_type="list")) == ["l"]
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        db.get("l")


def test_redis_py_transactions(db: redis.Redis) -> None:
    """Pipelines, transactions, and the optimistic loop with WATCH."""
    with db.pipeline(transaction=False) as pipeline:
        assert pipeline.set("a", 1).incr("a").get("a").execute() == [True, 2, "2"]
    with db.pipeline() as pipeline:
        assert pipeline.incr("a").incr("a").execute() == [3, 4]
        pipeline.watch("a")
        pipeline.multi()
        pipeline.incr("a")
        db.set("a", 100)
        with pytest.raises(redis.WatchError):
            pipeline.execute()


def test_redis_py_optimistic_loop(db: redis.Redis) -> None:
    """redis-py's loop of WATCH, read, MULTI, EXEC goes round again when somebody else writes."""
    db.set("a", 100)
    rounds = 0

    def add(pipeline: redis.client.Pipeline) -> None:
        nonlocal rounds
        rounds += 1
        value = int(pipeline.get("a"))
        if rounds == 1:
            db.set("a", 200)
        pipeline.multi()
        pipeline.set("a", value + 1)

    assert db.transaction(add, "a") == [True]
    assert (db.get("a"), rounds) == ("201", 2)


def test_redis_py_connections(db: redis.Redis) -> None:
    """What redis-py does when it connects, names itself and asks about clients and commands."""
    assert db.ping()
    assert db.client_setname("me")
    assert db.client_getname() == "me"
    assert any(one["lib-name"] == "redis-py" for one in db.client_list())
    assert db.client_info()["id"] == db.client_id()
    assert db.command_count() == len(command_table())
    assert db.command()["get"]["arity"] == 2
    assert db.info("server")["redis_version"] == "8.2.3"
    assert db.config_get("maxclients") == {"maxclients": "10000"}
    seconds, micros = db.time()
    assert seconds > 1_700_000_000
    assert 0 <= micros < 1_000_000


def test_redis_py_with_a_password(start: Start) -> None:
    """A password in the URL is enough; a wrong one is redis-py's AuthenticationError."""
    server = start("--requirepass", "p@ss word")
    assert redis.Redis.from_url(server.url).ping()
    for protocol in (2, 3):
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=server.port, password="wrong", protocol=protocol, retry=NO_RETRY).ping()


def test_redis_py_asyncio(server: Server, client: Wire) -> None:
    """Fifty tasks share asyncio connections; every increment is counted once."""

    async def work() -> list[int]:
        async with redis.asyncio.Redis(port=server.port, protocol=3) as db:

            async def one() -> int:
                async with db.pipeline(transaction=True) as pipeline:
                    results: list[int] = await pipeline.incr("n").incr("n").execute()
                return results[1] - results[0]

            return await asyncio.gather(*(one() for _ in range(50)))

    assert asyncio.run(work()) == [1] * 50
    assert client("GET", "n") == b"$3\r\n100\r\n"


def test_redis_py_threads(server: Server, client: Wire) -> None:
    """Threads with connections of their own lose no write."""

    def work() -> None:
        db = redis.Redis(port=server.port)
        for _ in range(200):
            db.incr("n")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client("GET", "n") == b"$4\r\n1600\r\n"


def cli(port: int, *arguments: str, stdin: str = "") -> str:
    program = shutil.which("redis-cli")
    if not program:
        pytest.skip("redis-cli is not installed")
    done = subprocess.run(
        [program, "-p", str(port), *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=30
    )
    return done.stdout + done.stderr


def test_redis_cli(server: Server, client: Wire) -> None:
    """redis-cli reads and shows every kind of reply, in both protocols."""
    assert cli(server.port, "SET", "a", "1") == "OK\n"
    assert cli(server.port, "--no-raw", "GET", "a") == '"1"\n'
    assert cli(server.port, "-3", "--no-raw", "GET", "nokey") == "(nil)\n"
    assert cli(server.port, "--no-raw", "INCR", "a") == "(integer) 2\n"
    assert "(error) WRONGTYPE" in cli(server.port, "--no-raw", stdin="RPUSH l 1\nGET l\n")
    assert "1# " in cli(server.port, "-3", "--no-raw", "HELLO", "3")
    assert cli(server.port, stdin="MULTI\nPING\nEXEC\n") == "OK\nQUEUED\nPONG\n"
    assert cli(server.port, "--scan", "--pattern", "a*") == "a\n"


def test_redis_cli_pipe(server: Server, client: Wire) -> None:
    """Mass insertion by redis-cli --pipe arrives whole."""
    lines = "".join(f"SET key:{number} {number}\r\n" for number in range(5000))
    assert "errors: 0, replies: 5000" in cli(server.port, "--pipe", stdin=lines)
    assert client("DBSIZE") == b":5000\r\n"


def test_redis_benchmark(server: Server, client: Wire) -> None:
    """redis-benchmark runs its tests for the commands that are there."""
    program = shutil.which("redis-benchmark")
    if not program:
        pytest.skip("redis-benchmark is not installed")
    done = subprocess.run(
        [program, "-p", str(server.port), "-q", "-n", "2000", "-P", "16", "-t", "ping,set,get,incr,rpush,sadd,mset"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.count("requests per second") == 8
    assert "error" not in done.stdout.lower() + done.stderr.lower().replace("config", "")
