"""Values of 512 MB and the limits on them, beside Redis; keys of a million elements that go under load."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets import servers
from redlark.server import Server, cores
from tests.server.conftest import Wire

MOST = 512 << 20  # bytes of a value: proto-max-bulk-len as it is at first
PIECE = b"0123456789abcdef" * (1 << 16)
ROOM = 4 << 30  # bytes of memory that a test of such values needs
MANY = 1_000_000
STALL = 0.25  # seconds that nobody else may wait while a million elements go
TRIES = 3  # of which one must do: a machine with other work makes everybody wait now and then


def available() -> int:
    """Bytes of memory that are free here."""
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found[1]) << 10 if found else 0


def set_whole(client: Wire, size: int) -> bytes:
    """SET of a value of so many bytes, sent in pieces; what is replied."""
    client.raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % size)
    for _ in range(size // len(PIECE)):
        client.raw(PIECE)
    client.raw(b"\r\n")
    return client.frame()


def got_whole(client: Wire) -> tuple[bytes, int, bytes]:
    """GET of it: the head of the reply, how many bytes follow, and the last of them."""
    client.send("GET", "k")
    got, size, last = b"", 0, b""
    while b"\r\n" not in got:
        got += client.socket.recv(1 << 20)
    head, _, rest = got.partition(b"\r\n")
    size, last = len(rest), rest
    while size < int(head[1:]) + 2:
        last = client.socket.recv(1 << 20)
        size += len(last)
    return head, size, last[-18:]


def large(connect: Callable[[], Wire]) -> list[object]:
    """All that a server says about the largest values, and a little more than those."""
    client = connect()
    told: list[object] = [set_whole(client, MOST), client("STRLEN", "k"), got_whole(client)]
    for line in (
        f"GETRANGE k {MOST - 5} -1|GETRANGE k {MOST} {MOST + 5}|APPEND k x|SETRANGE k {MOST} x|SETRANGE k {MOST - 1} xy"
        f"|SETRANGE k {MOST - 1} x|GETRANGE k -3 -1|STRLEN k|SETBIT k {MOST * 8} 1|SETBIT k {MOST * 8 - 1} 1|GETBIT k 7"
        f"|BITFIELD k SET u8 {MOST * 8 - 7} 1|BITFIELD k GET u8 {MOST * 8 - 8}|SETRANGE new {MOST - 1} x|STRLEN new"
        f"|SETRANGE new {MOST} x|DEL new|COPY k other|STRLEN other|DEL other|TYPE k|OBJECT ENCODING k|GETDEL none"
        f"|SETRANGE k {MOST - 1} ''|EXISTS k|APPEND k ''|DEL k"
    ).split("|"):
        told.append((line, client(*(word.strip("'") for word in line.split(" ")))))
    beyond = connect()
    beyond.raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % (MOST + 1))
    told.append(beyond.rest())
    told += [client("CONFIG", "SET", "proto-max-bulk-len", "1mb"), client("SETRANGE", "k", 1 << 20, "x")]
    told += [client("SETRANGE", "k", (1 << 20) - 1, "x"), client("APPEND", "k", "x"), client("EXISTS", "k")]
    told.append(client("CONFIG", "SET", "proto-max-bulk-len", "512mb"))
    return told


@pytest.mark.slow
@pytest.mark.skipif(available() < ROOM, reason="values of 512 MB need more memory than this machine has free")
def test_the_largest_values_are_those_of_redis() -> None:
    """512 MB are taken, read, changed and copied as by Redis 8.2.3, a byte more is refused; the memory comes back."""
    try:
        program = servers.pick("redis:8.2", servers.find_servers())
    except CannotRun as none:
        pytest.skip(str(none))
    with servers.running(program) as real:
        theirs = large(lambda: Wire(real.port, 120))
    for core in cores.available():
        with Server(core=core, process=True) as server:
            before = resident(server.pid)
            assert large(lambda port=server.port: Wire(port, 120)) == theirs  # type: ignore[misc]
            until = time.monotonic() + 30
            while resident(server.pid) > before + (64 << 20):
                assert time.monotonic() < until, f"{core}: {resident(server.pid) - before:,} bytes more than before"
                time.sleep(0.1)


def resident(pid: int) -> int:
    """Bytes of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4096


# ------------------------------------------------------------------------------------------------ a million elements

ELEMENTS: dict[str, Callable[[int], list[bytes]]] = {
    "RPUSH": lambda n: [b"element:%d" % n],
    "SADD": lambda n: [b"member:%d" % n],
    "HSET": lambda n: [b"field:%d" % n, b"value:%d" % n],
    "ZADD": lambda n: [b"%d" % (n * 7919 % MANY), b"member:%d" % n],
    "XADD": lambda n: [b"%d-1" % (n + 1), b"field", b"value:%d" % n],
}


def filled(client: Wire, command: str) -> None:
    """A key of a million elements."""
    step = 2_000
    for first in range(0, MANY, step):
        if command == "XADD":
            client.raw(b"".join(_written([b"XADD", b"big", *ELEMENTS[command](n)]) for n in range(first, first + step)))
            for _ in range(step):
                client.frame()
        else:
            client.send(command, "big", *(word for n in range(first, first + step) for word in ELEMENTS[command](n)))
            client.frame()


def _written(words: list[bytes]) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


class Others(threading.Thread):
    """Another client, who asks all the while, and knows how long it has waited at most."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.client, self.longest, self.asked, self.over = Wire(port), 0.0, 0, threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            began = time.perf_counter()
            self.client("INCR", "n")
            self.longest = max(self.longest, time.perf_counter() - began)
            self.asked += 1
        self.client.close()


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A process of its own, so that its client's work is not its own."""
    with Server(core="compiled", process=True) as running:
        yield running


@pytest.mark.slow
@pytest.mark.skipif("compiled" not in cores.available(), reason="the plain core's objects go at once")
@pytest.mark.parametrize("command", ELEMENTS)
def test_a_million_elements_go_under_load(own: Server, command: str) -> None:
    """Nobody waits long while a large key is deleted, and all of it goes."""
    client = Wire(own.port, 60)
    client("CONFIG", "RESETSTAT")
    waits: list[float] = []
    while not waits or (min(waits) > STALL and len(waits) < TRIES):
        filled(client, command)
        others = Others(own.port)
        others.start()
        try:
            time.sleep(0.1)
            others.longest = 0.0
            assert client("DEL", "big") == b":1\r\n"
            until = time.monotonic() + 60
            while b"lazyfree_pending_objects:0" not in client("INFO", "memory"):
                assert time.monotonic() < until
        finally:
            others.over.set()
            others.join()
        assert others.asked
        waits.append(others.longest)
    print(f"{command}: {min(waits) * 1000:.1f} ms at most")
    assert min(waits) < STALL
    assert client("EXISTS", "big") == b":0\r\n"
    client.close()
