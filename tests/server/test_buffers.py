"""How much may wait: replies and messages for a client, a client's own input, and all connections together."""

from __future__ import annotations

import gc
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from redlark.server import Server
from redlark.server.commands import debugging
from tests.waiting import soon

from .conftest import Connect, Start, Wire
from .test_configuring import redis


def figure(wire: Wire, name: str) -> int:
    """A number of INFO."""
    lines = wire("INFO", "everything").decode("latin-1").split("\r\n")
    return int(next(line.split(":")[1] for line in lines if line.startswith(f"{name}:")))


def ends(client: Wire) -> bool:
    """Whether the server has closed the connection, read to its end."""
    return client.until_quiet(0.5).endswith(b"<closed>")


def test_who_does_not_read_messages_is_closed(start: Start, wire: Connect) -> None:
    """A subscriber for whom more waits than the hard limit is gone, in the midst of a script that publishes too."""
    publisher, listener = wire((running := start()).port), wire(running.port)
    publisher("CONFIG", "SET", "client-output-buffer-limit", "pubsub 300kb 0 0")
    listener("SUBSCRIBE", "c")
    script = "local n = 0 for i = 1, 300 do n = n + redis.call('PUBLISH', 'c', ARGV[1]) end return n"
    for _ in range(100):
        publisher("EVAL", script, 0, "x" * 10_000)
        if publisher("PUBLISH", "c", "x") == b":0\r\n":
            break
    else:
        pytest.fail("300 MB wait for it")
    assert ends(listener)
    assert figure(publisher, "client_output_buffer_limit_disconnections") == 1
    assert figure(publisher, "connected_clients") == 1


def test_what_has_come_of_a_large_argument_is_told(start: Start, wire: Connect) -> None:
    """CLIENT LIST and INFO know what waits in a query buffer, be it a part of one argument, and not what is to come."""
    sending, client = wire((running := start()).port), wire(running.port)
    number = int(sending("CLIENT", "ID")[1:])
    head = b"*2\r\n$3\r\nGET\r\n$100000\r\n"
    with redis("") as (real, _):
        same = wire(real.socket.getpeername()[1])
        theirs = int(same("CLIENT", "ID")[1:])
        for one, asking, of in ((sending, client, number), (same, real, theirs)):
            one.raw(head + b"x" * 50_000)

            def buffered(asking: Wire = asking, of: int = of) -> int:
                return int(re.findall(rb" qbuf=(\d+)", asking("CLIENT", "LIST", "ID", of))[0])

            soon(lambda buffered=buffered: 50_000 <= buffered() <= 50_000 + len(head))
            soon(lambda asking=asking: figure(asking, "client_recent_max_input_buffer") >= 50_000)


def test_a_script_is_not_kept_by_one_that_it_closes(start: Start, wire: Connect) -> None:
    """What is published once a subscriber has too much waiting goes to the others, from the same request on."""
    running = start("--client-output-buffer-limit", "pubsub", "1kb", "0", "0")
    publisher, reader, other = (wire(running.port) for _ in range(3))
    for listener in (reader, other):
        listener("SUBSCRIBE", "c")
    assert publisher("PUBLISH", "c", "x" * 2000) == b":2\r\n"
    assert ends(reader)
    assert ends(other)
    assert publisher("PUBLISH", "c", "x") == b":0\r\n"


def test_who_goes_while_messages_are_sent_harms_nobody(
    start: Start, wire: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listener whose connection is found broken while PUBLISH goes through listeners and patterns: others hear it.

    Its own reply waits for the end of a turn in which the publisher sleeps, and it resets the connection meanwhile: the
    server, a thread of this process, does in each sleep what the test says.
    """
    running = start("--enable-debug-command", "yes")
    first, publisher, going = (wire(running.port) for _ in range(3))
    others = [wire(running.port) for _ in range(5)]
    for number, listener in enumerate([*others[:2], going, *others[2:]]):
        listener("HELLO", 3)
        for pattern in (f"own-{number}*", "*", f"?{number % 2}*"):
            listener("PSUBSCRIBE", pattern)
    sent = threading.Event()

    def resets() -> None:
        going.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        going.close()

    sleeps: list[Callable[[], object]] = [lambda: sent.wait(20), resets]
    monkeypatch.setattr(debugging, "time", SimpleNamespace(sleep=lambda seconds: sleeps.pop(0)()))
    first.send("DEBUG", "SLEEP", "1")
    soon(lambda: len(sleeps) == 1)
    going.send("PING")
    publisher.raw(b"DEBUG SLEEP 1\r\nPUBLISH x1 m\r\n")
    sent.set()
    assert publisher.frame() == b"+OK\r\n"
    assert publisher.frame() == b":9\r\n"
    assert publisher("PUBLISH", "x1", "n") == b":8\r\n"
    for other, times in zip(others, [1, 2, 2, 1, 2], strict=True):
        heard = [other.frame() for _ in range(2 * times)]
        assert [frame[-4:] for frame in heard] == [b"\nm\r\n"] * times + [b"\nn\r\n"] * times


def test_a_limit_ends_a_pipeline_where_redis_ends_it(start: Start, wire: Connect) -> None:
    """Of requests that were sent in one go none is executed behind the one whose reply passes the hard limit."""
    running = start("--client-output-buffer-limit", "normal", "100kb", "0", "0")
    with redis("client-output-buffer-limit normal 100kb 0 0\n") as (real, _):
        port = int(real("CONFIG", "GET", "port").split(b"\r\n")[4])
        for counted in (True, False):  # all of it in the core, or a command of Python among it
            told = []
            for setter, asking in ((real, wire(port)), (wire(running.port), wire(running.port))):
                setter("FLUSHALL")
                setter("SET", "k", "x" * 10_000)
                step = b"GET k\r\n" if counted else b"GET k\r\nSETRANGE r 0 x\r\n"
                asking.raw(step * 9 + b"INCR few\r\n" + step * 9 + b"INCR many\r\n")
                told.append((asking.until_quiet(0.3), setter("MGET", "few", "many")))
            assert told[0] == told[1]
            assert told[0] == (b"<closed>", b"*2\r\n$1\r\n1\r\n$-1\r\n")


def test_a_soft_limit_may_be_passed_for_a_while(start: Start, wire: Connect) -> None:
    """More than the soft limit may wait for so many seconds, and no longer, though nothing is written any more."""
    running = start("--client-output-buffer-limit", "pubsub", "0", "100kb", "3")
    publisher, listener = wire(running.port), wire(running.port)
    listener("SUBSCRIBE", "c")
    for _ in range(80):
        publisher("PUBLISH", "c", "x" * 100_000)
    assert publisher("PUBLISH", "c", "x") == b":1\r\n"
    time.sleep(0.5)
    assert figure(publisher, "pubsub_clients") == 1
    soon(lambda: figure(publisher, "pubsub_clients") == 0, 15)
    assert figure(publisher, "client_output_buffer_limit_disconnections") == 1


@pytest.mark.parametrize("size", [1000, 500_000, 1_100_000, 3_000_000])
def test_long_replies_count_as_in_redis(start: Start, wire: Connect, size: int) -> None:
    """A reply that passes the hard limit of normal clients ends the connection, as in Redis, whoever reads it."""
    running = start("--client-output-buffer-limit", "normal", "1mb", "0", "0")
    with redis("client-output-buffer-limit normal 1mb 0 0\n") as (real, _):
        told = []
        port = int(real("CONFIG", "GET", "port").split(b"\r\n")[4])
        for setter, asking in ((real, wire(port)), (wire(running.port), wire(running.port))):
            setter("SET", "k", "x" * size)
            asking.raw(b"GET k\r\n")
            told.append((ends(asking), setter("PING")))
        assert told[0] == told[1]


def test_what_a_client_sends_ahead_is_bounded(start: Start, wire: Connect) -> None:
    """An unfinished request, or a transaction, of more than client-query-buffer-limit ends the connection."""
    running = start("--client-query-buffer-limit", "1mb")
    client, other = wire(running.port), wire(running.port)
    client.raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3000000\r\n" + b"x" * 1_000_000)
    assert client.until_quiet() == b""
    client.raw(b"x" * 500_000)
    soon(lambda: figure(other, "client_query_buffer_limit_disconnections") == 1)
    queueing = wire(running.port)
    queueing("MULTI")
    for _ in range(3):
        queueing.send("SET", "k", "x" * 400_000)
    assert ends(queueing)
    assert figure(other, "client_query_buffer_limit_disconnections") == 2


def test_input_and_output_that_wait_are_memory(start: Start, wire: Connect) -> None:
    """They count in used_memory, of which maxmemory is the limit, and CLIENT LIST tells of them."""
    running = start()
    client, sending, asking = (wire(running.port) for _ in range(3))
    before = figure(client, "used_memory")
    sending.raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9000000\r\n" + b"x" * 5_000_000)
    soon(lambda: figure(client, "mem_clients_normal") > 5_000_000)
    soon(lambda: figure(client, "used_memory") > before + 4_900_000)
    client("SET", "long", "x" * 1_000_000)
    asking.raw(b"GET long\r\n" * 40)
    soon(lambda: figure(client, "used_memory") > before + 20_000_000)
    lines = client("CLIENT", "LIST").decode().split("\n")
    shown = [dict(word.split("=", 1) for word in line.split()) for line in lines if "addr=" in line]
    assert max(int(one["qbuf"]) for one in shown) >= 5_000_000
    assert max(int(one["omem"]) for one in shown) > 10_000_000
    assert all(int(one["tot-mem"]) >= int(one["qbuf"]) + int(one["omem"]) for one in shown)
    client("CONFIG", "SET", "maxmemory", "10mb")
    soon(lambda: client("SET", "k", "v").startswith(b"-OOM"))
    asking.close()
    soon(lambda: client("SET", "k", "v") == b"+OK\r\n")


def test_the_largest_connections_are_closed_first(core: str, wire: Connect) -> None:
    """Beyond maxmemory-clients those that take most are closed until the others fit, not those that asked to stay."""
    with Server("--maxmemory", "100mb", core=core) as running:
        client, small, large, kept = (wire(running.port) for _ in range(4))
        kept("CLIENT", "NO-EVICT", "ON")
        for one, size in ((small, 1_000_000), (large, 2_500_000), (kept, 3_000_000)):
            one.raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % (size + 1000) + b"x" * size)
        soon(lambda: figure(client, "mem_clients_normal") > 6_500_000)
        assert client("CONFIG", "SET", "maxmemory-clients", "6%") == b"+OK\r\n"
        soon(lambda: figure(client, "evicted_clients") == 1)
        assert ends(large)
        time.sleep(0.3)
        assert small.until_quiet() == kept.until_quiet() == b""
        client("CONFIG", "SET", "maxmemory-clients", "1mb")  # less than who stays has: as in Redis, all others go
        assert ends(client)
        assert ends(small)
        assert kept.until_quiet() == b""


REFUSED = """LPUSH k a|INCR k|XADD k * a b|BLPOP k 0|SETRANGE k 99999999999 x|EVALSHA x 0|SORT k|HELLO 9|FCALL none 0
EVAL return(redis.pcall('lpush','k','a')) 0|DEBUG ERROR x|CLIENT KILL x|GEOADD k x y z|CONFIG SET hz x
CONFIG SET hz 20 dir /no/such/folder|MIGRATE 127.0.0.1 1 k 0 1""".replace("\n", "|").split("|")


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused_leaves_nothing(server: Server, client: Wire, line: str) -> None:
    """No value that a refused command has looked at waits for a collector of cycles: it may be of half a gigabyte."""
    client("SET", "k", "text")
    assert client(*line.split(" ")).startswith(b"-")
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            client(*line.split(" "))
        assert gc.collect() < 20
    finally:
        gc.enable()


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def test_what_waits_for_a_client_goes_with_it(server: Server, client: Wire, wire: Connect) -> None:
    """Replies that nobody has read, and half a request, weigh nothing once their connections are gone."""
    client("SET", "k", "x" * 1_000_000)
    gc.collect()
    gc.disable()
    try:
        before = resident()
        for _ in range(4):
            asking, sending = Wire(server.port), Wire(server.port)
            asking.raw(b"GET k\r\n" * 100)
            sending.raw(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$60000000\r\n" + b"y" * 50_000_000)
            soon(lambda: figure(client, "mem_clients_normal") > 120_000_000)
            asking.close()
            sending.close()
            soon(lambda: figure(client, "connected_clients") == 1)
        assert resident() < before + 300_000_000  # of 600 MB
    finally:
        gc.enable()
