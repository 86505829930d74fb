"""Nothing leaks: what is stored is given up again, and a server that works does not grow."""

from __future__ import annotations

import gc
import resource
import weakref
from collections.abc import Callable
from typing import Any

import pytest

core = pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")


class Clock:
    now = 1_000_000


class Held:
    """All that a database knows of a collection."""

    kind = b"list"

    def memory(self) -> int:
        return 100


def expire(database: Any) -> None:
    database.set_deadline(b"k", Clock.now - 1)
    assert not database.exists(b"k")


@pytest.mark.parametrize(
    "end",
    [
        lambda database: database.delete(b"k"),
        lambda database: database.put(b"k", b"text"),
        lambda database: database.put(b"k", b"7"),
        lambda database: database.put(b"k", Held()),
        lambda database: database.flush(),
        lambda database: database.swap(core.Database(1, Clock())),
        lambda database: database.expire_cycle(1000),
        expire,
    ],
)
def test_a_collection_is_given_up(end: Callable[[Any], object]) -> None:
    """However a key comes to its end, the object that it held is released."""
    database = core.Database(0, Clock())
    value = Held()
    watch = weakref.ref(value)
    database.put(b"k", value)
    del value
    gc.collect()
    assert watch() is not None
    if end.__name__ == "<lambda>" and "expire_cycle" in end.__code__.co_names:
        database.set_deadline(b"k", Clock.now - 1)
    end(database)
    gc.collect()
    assert watch() is None


def test_a_database_gives_up_what_it_holds() -> None:
    """A keyspace that goes takes its values with it."""
    database = core.Database(0, Clock())
    value = Held()
    watch = weakref.ref(value)
    database.put(b"k", value)
    del value, database
    gc.collect()
    assert watch() is None


def grown_by(work: Callable[[], None]) -> int:
    """KiB by which the process's peak grows from the second round of work to the tenth."""
    for _ in range(2):
        work()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(8):
        work()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def test_the_table_does_not_leak() -> None:
    """Filling, changing and emptying a keyspace again and again takes no more memory than doing so twice."""
    database = core.Database(0, Clock())

    def work() -> None:
        for number in range(20_000):
            key = b"key:%d" % number
            database.put(key, b"v" * (number % 200))
            database.set_deadline(key, Clock.now + 5)
            database.put(key, b"%d" % number, True)
            database.set_deadline(key, -1)
            database.get(key)
        database.scan(0, 10**6)
        for number in range(0, 20_000, 2):
            database.delete(b"key:%d" % number)
        database.flush()
        core.Database(1, Clock())  # no loop turns here: what waits to be freed goes with a keyspace that ends

    assert grown_by(work) < 2000


def test_the_loop_does_not_leak(running: Any, resp: Any) -> None:
    """Requests hot and cold, whole and in pieces, on connections that come and go leave nothing behind."""
    value = b"v" * 100_000

    def work() -> None:
        for _ in range(20):
            with running.connect() as connection:
                stream = b"".join(
                    [
                        resp.request(b"SET", b"k%d" % n, value)
                        + resp.request(b"GET", b"k%d" % n)
                        + resp.request(b"ARGS", b"a", value)
                        + resp.request(b"NOSUCH", b"a")
                        + b"PING inline\r\n"
                        for n in range(5)
                    ]
                )
                for at in range(0, len(stream), 70_000):
                    connection.sendall(stream[at : at + 70_000])
                connection.sendall(b"DEL k0 k1 k2 k3 k4\r\n")
                got = b""
                while not got.endswith(b"\r\n:5\r\n"):
                    got = (got + connection.recv(1 << 20))[-20:]

    assert grown_by(work) < 6000
