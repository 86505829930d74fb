"""Clients that wait for keys: who is served when, what is left when waiting ends, and timers that are taken back."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.server import Server
from redlark.server.timers import Timer, Timers
from tests.server.conftest import Connect, Wire
from tests.waiting import soon


def bulks(*texts: str) -> bytes:
    return b"*%d\r\n" % len(texts) + b"".join(b"$%d\r\n%b\r\n" % (len(text), text.encode()) for text in texts)


def waits(client: Wire, other: Wire, *request: str | int) -> None:
    """Send a request, and see that the server counts one more who waits."""
    before = blocked(other)
    client.send(*request)
    soon(lambda: blocked(other) != before)


def blocked(client: Wire) -> int:
    return int(client("INFO", "clients").split(b"blocked_clients:")[1].split(b"\r\n")[0])


def test_who_came_first_is_served_first(server: Server, client: Wire, wire: Connect) -> None:
    """Elements go to those who wait in the order of their coming, and what is left stays."""
    first, second = wire(server.port), wire(server.port)
    waits(first, client, "BLPOP", "l", 0)
    waits(second, client, "BRPOP", "other", "l", 0)
    assert client("RPUSH", "l", "a", "b", "c") == b":3\r\n"
    assert first.frame() == bulks("l", "a")
    assert second.frame() == bulks("l", "c")
    assert client("LRANGE", "l", 0, -1) == bulks("b")
    assert blocked(client) == 0


def test_who_waits_feeds_who_waits(server: Server, client: Wire, wire: Connect) -> None:
    """What a served client moves to another key wakes who waits for that, and a type that does not fit is told."""
    mover, taker, wrong = (wire(server.port) for _ in range(3))
    waits(taker, client, "BLMPOP", 0, 1, "z", "LEFT")
    waits(mover, client, "BLMOVE", "l", "z", "LEFT", "RIGHT", 0)
    waits(wrong, client, "BRPOPLPUSH", "l", "text", 0)
    client("SET", "text", "v")
    client("RPUSH", "l", "a", "b")
    assert mover.frame() == b"$1\r\na\r\n"
    assert taker.frame() == b"*2\r\n$1\r\nz\r\n" + bulks("a")
    assert wrong.frame().startswith(b"-WRONGTYPE")
    assert client("LRANGE", "l", 0, -1) == bulks("b")


@pytest.mark.parametrize(
    "make",
    [
        lambda client: client("ZADD", "z", 1, "m"),
        lambda client: (client("ZADD", "from", 1, "m"), client("RENAME", "from", "z")),
        lambda client: (client("ZADD", "from", 1, "m"), client("COPY", "from", "z")),
        lambda client: (client("ZADD", "from", 1, "m"), client("ZUNIONSTORE", "z", 1, "from")),
        lambda client: (client("SET", "z", "v"), client("ZADD", "from", 1, "m"), client("RENAME", "from", "z")),
        lambda client: [client(*words.split()) for words in ("SELECT 1", "ZADD z 1 m", "MOVE z 0", "SELECT 0")],
        lambda client: [client(*words.split()) for words in ("SELECT 1", "ZADD z 1 m", "SWAPDB 0 1", "SELECT 0")],
        lambda client: [client(*words.split()) for words in ("MULTI", "ZADD z 1 m", "ZADD z 2 n", "EXEC")],
    ],
)
def test_a_key_comes_to_be_in_many_ways(
    server: Server, client: Wire, wire: Connect, make: Callable[[Wire], object]
) -> None:
    """Whatever makes a sorted set where none was wakes who waits for one."""
    waiting = wire(server.port)
    waits(waiting, client, "BZPOPMIN", "y", "z", 0)
    make(client)
    assert waiting.frame() == bulks("z", "m", "1")


def test_who_waits_no_longer_goes_on_in_that_order(server: Server, client: Wire, wire: Connect) -> None:
    """What woken clients have sent meanwhile is done in the order of their waking, whoever got a message before."""
    first, second = wire(server.port), wire(server.port)
    second("HELLO", 3)
    second("SUBSCRIBE", "c")
    client("XGROUP", "CREATE", "k", "g", 0, "MKSTREAM")
    for number, waiting in enumerate((first, second)):
        waits(waiting, client, "XREADGROUP", "GROUP", "g", "b", "BLOCK", 0, "STREAMS", "k", ">")
        waiting.send("RPUSH", "done", number)
    while client("CLIENT", "LIST").count(b" qbuf=0 ") > 1:  # the one that asks
        time.sleep(0.001)
    client.raw(b"PUBLISH c m\r\nDEL k\r\n")
    assert [client.frame(), client.frame()] == [b":1\r\n", b":1\r\n"]
    assert second.frame() == b">3\r\n" + bulks("message", "c", "m")[4:]
    for waiting in (first, second):
        assert waiting.frame().startswith(b"-NOGROUP")
        waiting.frame()
    assert client("LRANGE", "done", 0, -1) == bulks("0", "1")


def test_the_last_entry_is_that_of_the_end(server: Server, client: Wire, wire: Connect) -> None:
    """Who waits for the last entry of a stream gets that of the stream that comes to be, and no other."""
    waiting = wire(server.port)
    waits(waiting, client, "XREAD", "BLOCK", 0, "STREAMS", "k", "+")
    for request in ("SELECT 1", "XADD k 1-0 f v", "XADD k 2-0 f v", "SWAPDB 0 1", "SELECT 0"):
        client(*request.split())
    assert waiting.frame() == b"*1\r\n*2\r\n$1\r\nk\r\n*1\r\n*2\r\n$3\r\n2-0\r\n" + bulks("f", "v")


def test_waiting_ends_in_other_ways(server: Server, client: Wire, wire: Connect) -> None:
    """Time, CLIENT UNBLOCK and a closed connection end it; what was sent meanwhile is then executed; nobody is left."""
    waiting, gone = wire(server.port), wire(server.port)
    number = int(waiting("CLIENT", "ID")[1:])
    assert waiting("BLPOP", "l", "0.01") == b"*-1\r\n"
    waits(waiting, client, "BLPOP", "l", 0)
    waiting.send("PING")
    assert client("CLIENT", "UNBLOCK", number, "ERROR") == b":1\r\n"
    assert waiting.frame() == b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"
    assert waiting.frame() == b"+PONG\r\n"
    waits(waiting, client, "BLPOP", "l", 0)
    assert client("CLIENT", "UNBLOCK", number) == b":1\r\n"
    assert waiting.frame() == b"*-1\r\n"
    assert client("CLIENT", "UNBLOCK", number) == b":0\r\n"
    waits(gone, client, "BLPOP", "l", "l", 30)
    gone.close()
    soon(lambda: not blocked(client))
    assert client("RPUSH", "l", "a") == b":1\r\n"
    assert client("LLEN", "l") == b":1\r\n"


def test_a_timeout_of_before_does_not_end_a_later_wait(server: Server, client: Wire, wire: Connect) -> None:
    """Who was served and waits again does not hear of the first wait's time."""
    waiting = wire(server.port)
    waits(waiting, client, "BLPOP", "l", "0.5")
    client("RPUSH", "l", "a")
    assert waiting.frame() == bulks("l", "a")
    waits(waiting, client, "BLPOP", "l", "0")
    time.sleep(0.6)
    assert blocked(client) == 1
    client("RPUSH", "l", "b")
    assert waiting.frame() == bulks("l", "b")


@pytest.mark.parametrize("asked", [("BLPOP", "l", "0.005"), ("XREAD", "BLOCK", 5, "STREAMS", "s", 0), ("WAIT", 1, 5)])
def test_nobody_is_freed_before_the_time_is_over(server: Server, client: Wire, asked: tuple[str | int, ...]) -> None:
    """Whoever waits for 5 ms waits for at least that, whenever in a millisecond it began."""
    for number in range(40):
        time.sleep(number * 0.00013)
        began = time.perf_counter()
        client(*asked)
        assert time.perf_counter() - began >= 0.005


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=200), st.integers(0, 50))
def test_timers_are_called_in_order_unless_taken_back(wanted: list[tuple[int, bool]], now: int) -> None:
    """Of many timers those whose time has come are called, the earliest first, but for what was cancelled."""
    timers, called, made = Timers(), [], list[tuple[Timer, bool]]()
    for number, (when, cancelled) in enumerate(wanted):
        made.append((timers.at(when, lambda place=(when, number): called.append(place)), cancelled))  # type: ignore[misc]
    for timer, cancelled in made:
        if cancelled:
            timers.cancel(timer)
            timers.cancel(timer)
    left = [(when, number) for number, (when, cancelled) in enumerate(wanted) if not cancelled]
    assert timers.next() == (min(left)[0] if left else None)
    timers.run(now)
    assert called == sorted(place for place in left if place[0] <= now)
    assert timers.next() == min((when for when, _ in left if when > now), default=None)


def test_cancelled_timers_are_given_up() -> None:
    """A server on which clients wait and are served all day keeps no timer of theirs."""
    timers = Timers()
    for _ in range(10_000):
        timers.cancel(timers.at(10**12, lambda: None))
    assert len(timers._heap) < 200


def test_nobody_ends_the_moment_that_a_flush_lasts(server: Server, wire: Connect) -> None:
    """CLIENT UNBLOCK frees no one whose FLUSHALL lets others go on first: it is answered with OK, as in Redis."""
    one, other = wire(server.port), wire(server.port)
    number = int(one("CLIENT", "ID")[1:])
    for reason in (b"ERROR", b"TIMEOUT") * 50:
        one.send("FLUSHALL")
        one.send("FLUSHDB", "SYNC")
        assert other("CLIENT", "UNBLOCK", number, reason) == b":0\r\n"
        assert [one.frame(), one.frame()] == [b"+OK\r\n"] * 2
