"""redis-py's asyncio client, in both protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import redis
import redis.asyncio as aio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

Scene = Callable[[aio.Redis], Awaitable[None]]
Play = Callable[[Scene], None]


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def play(url: str, request: pytest.FixtureRequest) -> Play:
    """Run a coroutine with a client of one protocol, within 30 seconds."""

    def run(scene: Scene) -> None:
        async def whole() -> None:
            retry = Retry(NoBackoff(), 3)
            async with aio.Redis.from_url(url, protocol=request.param, decode_responses=True, retry=retry) as db:
                await asyncio.wait_for(scene(db), 30)

        asyncio.run(whole())

    return run


async def eventually(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until this gives something true; the whole scene has a limit."""
    while not await condition():
        await asyncio.sleep(0.005)


async def waiting(db: aio.Redis, count: int = 1) -> None:
    """Wait until so many clients are blocked."""

    async def blocked() -> bool:
        return sum("b" in one["flags"] for one in await db.client_list()) == count

    await eventually(blocked)


def test_tasks_share_a_client(play: Play) -> None:
    """Fifty tasks with transactions over one client; every increment is counted once, and none comes between two."""

    async def scene(db: aio.Redis) -> None:
        async def one() -> int:
            async with db.pipeline(transaction=True) as pipeline:
                first, second = await pipeline.incr("n").incr("n").execute()
            return int(second) - int(first)

        assert await asyncio.gather(*(one() for _ in range(50))) == [1] * 50
        assert await db.get("n") == "100"

    play(scene)


def test_values(play: Play) -> None:
    """Strings, collections, errors and iterators come back as from the synchronous client."""

    async def scene(db: aio.Redis) -> None:
        assert await db.set("a", "\N{SNOWMAN}", ex=100)
        assert await db.get("a") == "\N{SNOWMAN}"
        assert await db.hset("h", mapping={"f": "v"}) == 1
        assert await db.hgetall("h") == {"f": "v"}
        await db.zadd("z", {"a": 1.5})
        assert await db.zscore("z", "a") == 1.5
        assert sorted([key async for key in db.scan_iter(count=1)]) == ["a", "h", "z"]
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            await db.get("h")
        async with db.pipeline(transaction=False) as pipeline:
            replies = await pipeline.set("b", "x").incr("b").get("b").execute(raise_on_error=False)
        assert [replies[0], type(replies[1]), replies[2]] == [True, redis.ResponseError, "x"]

    play(scene)


def test_watching(play: Play) -> None:
    """A transaction whose keys have changed is not done."""

    async def scene(db: aio.Redis) -> None:
        async with db.pipeline() as pipeline:
            await pipeline.watch("a")
            await db.set("a", "theirs")
            pipeline.multi()
            pipeline.set("a", "mine")
            with pytest.raises(redis.WatchError):
                await pipeline.execute()
        assert await db.get("a") == "theirs"

    play(scene)


def test_publish_and_subscribe(play: Play) -> None:
    """A task that listens hears what is said, and again when its connection has been killed."""

    async def scene(db: aio.Redis) -> None:
        async with db.pubsub(ignore_subscribe_messages=True) as ears:
            await ears.subscribe("news")
            await ears.psubscribe("n*")

            async def listeners() -> bool:
                return await db.pubsub_numsub("news") == [("news", 1)] and await db.pubsub_numpat() == 1

            await eventually(listeners)
            assert await db.publish("news", "hello") == 2
            heard = [await anext(ears.listen()) for _ in range(2)]
            assert [(one["type"], one["data"]) for one in heard] == [("message", "hello"), ("pmessage", "hello")]

            again = asyncio.create_task(anext(ears.listen()))
            assert await db.client_kill_filter(_type="pubsub") == 1
            await eventually(listeners)
            await db.publish("news", "again")
            assert (await again)["data"] == "again"

    play(scene)


def test_blocking(play: Play) -> None:
    """Tasks that wait are served in the order in which they came; who is cancelled takes nothing."""

    async def scene(db: aio.Redis) -> None:
        waits = []
        for number in range(3):
            waits.append(asyncio.create_task(db.blpop(["q"], 10)))
            await waiting(db, number + 1)
        await db.rpush("q", "a", "b", "c")
        assert [tuple(found) for found in await asyncio.gather(*waits)] == [("q", "a"), ("q", "b"), ("q", "c")]
        gone = asyncio.create_task(db.blpop(["q"], 10))
        await waiting(db)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        await waiting(db, 0)  # its connection was closed, since a reply could come at any time
        await db.rpush("q", "d")
        assert await db.lrange("q", 0, -1) == ["d"]

    play(scene)


def test_scripts_and_streams(play: Play) -> None:
    """A script is loaded where it is missing; a consumer group shares a stream among tasks."""

    async def scene(db: aio.Redis) -> None:
        add = db.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
        assert await add(["n"], [5]) == 5
        await db.script_flush()
        assert await add(["n"], [5]) == 10

        await db.xgroup_create("s", "g", "0", mkstream=True)
        seen: list[str] = []

        async def consume(name: str) -> None:
            while reply := await db.xreadgroup("g", name, {"s": ">"}, count=1, block=200):
                entries = reply["s"][0] if isinstance(reply, dict) else reply[0][1]
                for entry, fields in entries:
                    seen.append(fields["n"])
                    await db.xack("s", "g", entry)

        tasks = [asyncio.create_task(consume(name)) for name in ("a", "b", "c")]
        for number in range(30):
            await db.xadd("s", {"n": number})
        await asyncio.gather(*tasks)
        assert sorted(seen, key=int) == [str(number) for number in range(30)]
        assert (await db.xpending("s", "g"))["pending"] == 0

    play(scene)


def test_killed_connections(play: Play) -> None:
    """A client that may try again does so on a new connection."""

    async def scene(db: aio.Redis) -> None:
        before = await db.client_id()
        async with aio.Redis(connection_pool=aio.ConnectionPool.from_url(_address(db))) as other:
            assert await other.client_kill_filter(_id=before) == 1
        assert await db.set("a", "1")
        assert await db.client_id() > before

    play(scene)


def _address(db: aio.Redis) -> str:
    """Where a client is connected to."""
    where = db.connection_pool.connection_kwargs
    return f"redis://{where['host']}:{where['port']}"


def test_locks(play: Play) -> None:
    """Ten tasks take turns under a lock, and lose no update between reading and writing."""

    async def scene(db: aio.Redis) -> None:
        async def one() -> None:
            async with db.lock("lock", timeout=10, sleep=0.005):
                value = int(await db.get("n") or 0)
                await asyncio.sleep(0)
                await db.set("n", value + 1)

        await asyncio.gather(*(one() for _ in range(10)))
        assert await db.get("n") == "10"
        assert not await db.exists("lock")

    play(scene)
