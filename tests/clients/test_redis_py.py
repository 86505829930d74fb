"""redis-py, synchronous: both protocols, with the parser in C (hiredis) and the one in Python."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import product

import pytest
import redis
from redis._parsers import _HiredisParser, _RESP2Parser, _RESP3Parser
from redis.backoff import NoBackoff
from redis.cache import CacheConfig
from redis.exceptions import LockNotOwnedError
from redis.retry import Retry

from redlark.server import Server
from redlark.server.commands import command_table
from tests.waiting import soon

from .conftest import Meanwhile, waiting

NO_RETRY = Retry(NoBackoff(), 0)
TWICE = "#!lua name=mine\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)"


@pytest.fixture(params=product([2, 3], ["hiredis", "python"]), ids=lambda both: f"resp{both[0]}-{both[1]}")
def db(url: str, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """A client of one protocol and one parser."""
    protocol, parser = request.param
    pure = _RESP3Parser if protocol == 3 else _RESP2Parser
    pool = redis.ConnectionPool.from_url(
        url,
        protocol=protocol,
        decode_responses=True,
        parser_class=_HiredisParser if parser == "hiredis" else pure,
    )
    with redis.Redis(connection_pool=pool) as client:
        yield client
    pool.disconnect()


def test_the_parser_is_the_one_that_was_asked_for(db: redis.Redis, request: pytest.FixtureRequest) -> None:
    """A connection made by the fixture reads replies with that parser, in that protocol."""
    db.ping()
    connection = db.connection_pool.get_connection()
    try:
        assert ("Hiredis" in type(connection._parser).__name__) == ("hiredis" in request.node.name)
    finally:
        db.connection_pool.release(connection)
    assert db.client_info()["resp"] == ("3" if "resp3" in request.node.name else "2")


def test_strings_and_keys(db: redis.Redis) -> None:
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
    assert db.bitfield("f").set("u8", 0, 200).incrby("u8", 0, 100).execute() == [0, 44]
    assert db.pfadd("hll", *range(100))
    assert 97 <= db.pfcount("hll") <= 103
    with pytest.raises(redis.ResponseError, match="value is not an integer"):
        db.incr("c")


def test_collections(db: redis.Redis) -> None:
    """Lists, sets, hashes, sorted sets and places come back as the types that redis-py promises."""
    assert db.rpush("l", "a", "b") == 2
    assert db.lrange("l", 0, -1) == ["a", "b"]
    assert db.lpos("l", "b") == 1
    assert db.sadd("s", "x", "x", "y") == 2
    assert set(db.smembers("s")) == {"x", "y"}
    assert [bool(found) for found in db.smismember("s", "x", "z")] == [True, False]
    assert db.hset("h", mapping={"name": "ada", "age": 36}) == 2
    assert db.hgetall("h") == {"name": "ada", "age": "36"}
    assert db.hexpire("h", 100, "age", "nofield") == [1, -2]
    assert db.httl("h", "age", "name") == [100, -1]
    assert dict(db.hscan_iter("h")) == {"name": "ada", "age": "36"}
    assert db.zadd("z", {"a": 1.5, "b": float("inf")}) == 2
    assert [tuple(pair) for pair in db.zrange("z", 0, -1, withscores=True)] == [("a", 1.5), ("b", float("inf"))]
    assert db.zscore("z", "a") == 1.5
    assert db.zmscore("z", ["a", "nobody"]) == [1.5, None]
    assert [tuple(pair) for pair in db.zpopmin("z", 2)] == [("a", 1.5), ("b", float("inf"))]
    assert db.geoadd("g", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")) == 2
    assert 166 < db.geodist("g", "Palermo", "Catania", "km") < 167
    assert sorted(db.geosearch("g", longitude=15, latitude=37, radius=200, unit="km")) == ["Catania", "Palermo"]
    assert db.sort("l", alpha=True, desc=True) == ["b", "a"]
    assert list(db.scan_iter(_type="list")) == ["l"]
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        db.get("l")


def test_bytes_are_whole(url: str, side: redis.Redis) -> None:
    """What is not text, and what is long, goes there and back as it was; DUMP's payload too."""
    with redis.Redis.from_url(url) as raw:
        every = bytes(range(256))
        raw.set(every, every * 20_000)
        assert raw.get(every) == every * 20_000
        payload = raw.dump(every)
        assert raw.restore("copy", 0, payload)
        assert raw.get("copy") == every * 20_000


def test_transactions(db: redis.Redis) -> None:
    """Pipelines, transactions, and the optimistic loop with WATCH."""
    with db.pipeline(transaction=False) as pipeline:
        assert pipeline.set("a", 1).incr("a").get("a").execute() == [True, 2, "2"]
        replies = pipeline.set("b", "x").incr("b").get("b").execute(raise_on_error=False)
        assert [replies[0], type(replies[1]), replies[2]] == [True, redis.ResponseError, "x"]
        for number in range(5000):
            pipeline.incrby("n", number)
        assert pipeline.execute()[-1] == 5000 * 4999 // 2
    with db.pipeline() as pipeline:
        assert pipeline.incr("a").incr("a").execute() == [3, 4]
        pipeline.watch("a")
        pipeline.multi()
        pipeline.incr("a")
        db.set("a", 100)
        with pytest.raises(redis.WatchError):
            pipeline.execute()
        with pytest.raises(redis.ResponseError, match="unknown command"):
            pipeline.set("a", "mine").execute_command("NOSUCH").execute()
    assert db.get("a") == "100"


def test_optimistic_loop(db: redis.Redis) -> None:
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


def test_publish_and_subscribe(db: redis.Redis, side: redis.Redis) -> None:
    """Messages by channel, by pattern and of shards arrive as redis-py's messages, in order; in silence it pings."""
    with db.pubsub(ignore_subscribe_messages=True) as ears:
        ears.subscribe("news")
        ears.psubscribe("n*")
        ears.ssubscribe("shard")
        soon(lambda: side.pubsub_numpat() == 1 and side.pubsub_shardnumsub("shard") == [("shard", 1)])
        assert side.pubsub_numsub("news") == [("news", 1)]
        assert side.publish("news", "hello") == 2
        assert side.spublish("shard", "there") == 1
        heard = []
        while len(heard) < 3:
            if message := ears.get_message(timeout=5):
                heard.append((message["type"], message["channel"], message["data"]))
        assert heard == [
            ("message", "news", "hello"),
            ("pmessage", "news", "hello"),
            ("smessage", "shard", "there"),
        ]
        if db.client_info()["resp"] == "2":  # in RESP3 a pong is a reply like any other; redis-py skips it
            ears.ping()
            assert soon(lambda: ears.get_message(timeout=1))["type"] == "pong"
    soon(lambda: side.pubsub_channels() == [])


def test_blocking(db: redis.Redis, side: redis.Redis) -> None:
    """What waits is served by who comes later, or told that nothing came."""
    waits = Meanwhile(db.blpop, ["q1", "q2"], 10)
    waiting(side)
    side.rpush("q2", "job")
    assert tuple(waits.result()) == ("q2", "job")
    assert db.blpop(["q1"], 0.05) is None
    waits = Meanwhile(db.blmove, "from", "to", 10)
    waiting(side)
    side.rpush("from", "x")
    assert waits.result() == "x"
    waits = Meanwhile(db.bzpopmin, "z", 10)
    waiting(side)
    side.zadd("z", {"m": 2})
    assert tuple(waits.result()) == ("z", "m", 2.0)
    waits = Meanwhile(db.blmpop, 10, 1, "l", direction="LEFT", count=2)
    waiting(side)
    side.rpush("l", "a", "b", "c")
    assert waits.result() == ["l", ["a", "b"]]
    waits = Meanwhile(db.blpop, ["q1"], 10)
    waiting(side)
    (number,) = (one["id"] for one in side.client_list() if "b" in one["flags"])
    assert side.client_unblock(number, error=True)
    with pytest.raises(redis.ResponseError, match="UNBLOCKED"):
        waits.result()


def test_scripts(db: redis.Redis) -> None:
    """A registered script is loaded where it is missing, again after a flush, and within a pipeline; functions too."""
    add = db.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert [add(["n"], [5]), add(["n"], [5])] == [5, 10]
    db.script_flush()
    assert add(["n"], [5]) == 15
    assert db.script_exists(add.sha) == [True]
    with db.pipeline() as pipeline:
        add(["n"], [1], client=pipeline)
        add(["n"], [1], client=pipeline)
        assert pipeline.execute() == [16, 17]
    assert db.eval("return {1, 2.9, 'x', false, {ok = 'fine'}}", 0) == [1, 2, "x", None, "fine"]
    with pytest.raises(redis.ResponseError, match="MINE of my own"):
        db.eval("return redis.error_reply('MINE of my own')", 0)
    assert db.function_load(TWICE) == "mine"
    assert db.fcall("twice", 0, 21) == 42


def test_streams(db: redis.Redis, side: redis.Redis) -> None:
    """Entries, groups, claims, what is pending, and who waits for an entry."""
    first, second = (db.xadd("s", {"n": number}) for number in (1, 2))
    assert db.xgroup_create("s", "g", "0")
    with pytest.raises(redis.ResponseError, match="BUSYGROUP"):
        db.xgroup_create("s", "g", "0")

    def entries(reply: object) -> list[object]:
        """The entries of the one stream; the outermost is a dictionary in RESP3 alone."""
        if isinstance(reply, dict):
            (batches,) = reply.values()
            return [tuple(entry) for batch in batches for entry in batch]
        assert isinstance(reply, list)
        return [tuple(entry) for entry in reply[0][1]]

    assert entries(db.xreadgroup("g", "me", {"s": ">"}, count=1)) == [(first, {"n": "1"})]
    assert db.xpending("s", "g")["pending"] == 1
    assert db.xpending_range("s", "g", "-", "+", 10)[0]["consumer"] == "me"
    start, claimed, gone = db.xautoclaim("s", "g", "you", 0)
    assert (start, [tuple(entry) for entry in claimed], gone) == ("0-0", [(first, {"n": "1"})], [])
    assert db.xack("s", "g", first) == 1
    assert db.xinfo_groups("s")[0]["lag"] == 1
    assert db.xinfo_stream("s")["length"] == 2
    waits = Meanwhile(db.xread, {"s": "$"}, block=10_000)
    waiting(side)
    third = side.xadd("s", {"n": 3})
    assert entries(waits.result()) == [(third, {"n": "3"})]
    assert not db.xread({"s": "$"}, block=20)
    assert db.xdel("s", second) == 1
    assert [name for name, _ in db.xrange("s")] == [first, third]


def test_locks(db: redis.Redis) -> None:
    """A lock keeps others out, for as long as it lives; who no longer has it cannot give it back."""
    mine, yours = db.lock("lock", timeout=10), db.lock("lock", timeout=10)
    assert mine.acquire()
    assert not yours.acquire(blocking_timeout=0.05)
    assert mine.extend(10)
    assert 19 < db.ttl("lock") <= 20
    mine.release()
    assert yours.acquire(blocking=False)
    db.delete("lock")
    with pytest.raises(LockNotOwnedError):
        yours.release()


def test_the_server(db: redis.Redis) -> None:
    """What redis-py does when it connects, names itself and asks about clients and commands."""
    assert db.ping()
    assert db.client_setname("me")
    assert db.client_getname() == "me"
    assert any(one["lib-name"] == "redis-py" for one in db.client_list())
    assert db.client_info()["id"] == db.client_id()
    assert db.command()["get"]["arity"] == 2
    assert db.info("server")["redis_version"] == "8.2.3"
    assert db.config_get("maxclients") == {"maxclients": "10000"}
    seconds, micros = db.time()
    assert abs(seconds - time.time()) < 60
    assert 0 <= micros < 1_000_000
    assert db.memory_usage("nokey") is None
    assert db.slowlog_len() >= 0


def test_commands_are_counted() -> None:
    """Of our server redis-py counts the commands that its table has."""
    with Server() as server, redis.Redis(port=server.port) as db:
        assert db.command_count() == len(command_table())


def test_monitor(db: redis.Redis, side: redis.Redis) -> None:
    """redis-py takes the lines of MONITOR apart: time, database, client and command."""
    with db.monitor() as spy:
        side.execute_command("SET", "a", 'quo"ted\n')
        seen = next(line for line in spy.listen() if line["command"].startswith("SET"))
    assert (seen["db"], seen["client_type"], seen["command"]) == (0, "tcp", 'SET a quo"ted\\n')


def test_a_password() -> None:
    """A password in the URL is enough; a wrong one is redis-py's AuthenticationError."""
    with Server("--requirepass", "p@ss word") as server:
        with redis.Redis.from_url(server.url) as db:
            assert db.ping()
        for protocol in (2, 3):
            with (
                pytest.raises(redis.AuthenticationError),
                redis.Redis(port=server.port, password="wrong", protocol=protocol, retry=NO_RETRY) as db,
            ):
                db.ping()


def test_threads(url: str, side: redis.Redis) -> None:
    """Threads that share a client lose no write."""
    with redis.Redis.from_url(url) as db:
        workers = [threading.Thread(target=lambda: [db.incr("n") for _ in range(200)]) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert side.get("n") == "1600"


def test_killed_connections(url: str, side: redis.Redis) -> None:
    """A client that may try again does so on a new connection: a request, a subscription, one that waits for a list."""
    with redis.Redis.from_url(url, decode_responses=True, retry=Retry(NoBackoff(), 3)) as db:
        before = db.client_id()
        assert side.client_kill_filter(_id=before) == 1
        assert db.set("a", 1)
        assert db.client_id() > before
        with db.pubsub(ignore_subscribe_messages=True) as ears:
            ears.subscribe("news")
            heard = Meanwhile(lambda: next(ears.listen()))
            soon(lambda: side.pubsub_numsub("news") == [("news", 1)])
            assert side.client_kill_filter(_type="pubsub") == 1
            soon(lambda: side.publish("news", "again"))
            assert heard.result()["data"] == "again"
        waits = Meanwhile(db.blpop, ["q"], 10)
        waiting(side)
        (number,) = (one["id"] for one in side.client_list() if "b" in one["flags"])
        assert side.client_kill_filter(_id=number) == 1
        soon(lambda: any("b" in one["flags"] and one["id"] != number for one in side.client_list()))
        side.rpush("q", "job")
        assert tuple(waits.result()) == ("q", "job")


@pytest.mark.parametrize("parser", [_HiredisParser, _RESP3Parser])
def test_client_side_caching(url: str, side: redis.Redis, parser: type) -> None:
    """What was read is answered from the client's cache, until somebody else changes it, or the database is cleared."""
    with redis.Redis.from_url(
        url, protocol=3, decode_responses=True, cache_config=CacheConfig(max_size=100), parser_class=parser
    ) as db:
        number = str(db.client_id())

        def requests() -> int:
            """How many requests the server has had from it."""
            return next(int(one["tot-cmds"]) for one in side.client_list() if one["id"] == number)

        side.mset({"a": "1", "b": "x"})
        side.hset("h", mapping={"f": "v"})
        assert [db.get("a"), db.hgetall("h"), db.mget("b", "nokey")] == ["1", {"f": "v"}, ["x", None]]
        before = requests()
        assert [db.get("a"), db.hgetall("h"), db.mget("b", "nokey")] == ["1", {"f": "v"}, ["x", None]]
        assert requests() == before
        side.set("a", "2")
        side.set("nokey", "y")
        assert soon(lambda: db.get("a") == "2")
        assert soon(lambda: db.mget("b", "nokey") == ["x", "y"])
        assert db.hgetall("h") == {"f": "v"}
        assert requests() == before + 2
        side.flushall()  # told by one word for all keys
        assert soon(lambda: db.get("a") is None)
        assert db.hgetall("h") == {}
