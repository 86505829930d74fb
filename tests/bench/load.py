"""Load for a server: redis-benchmark where it is found and can do the test, a generator of our own for the rest.

Our own sends precomputed batches over many connections and counts line ends in what comes back, so that a single Python
process keeps a pipelined server busy.  Without a pipeline it is slower than any server: then only the server's CPU per
command means something, and requests per second are redis-benchmark's to tell.
"""

from __future__ import annotations

import itertools
import random
import re
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence

from attrs import field, frozen

CLIENTS = 50
VALUE = b"v" * 16
KEYSPACE = 100_000


def key(number: int) -> bytes:
    """16 bytes, the keys that redis-benchmark makes of key:__rand_int__."""
    return b"key:%012d" % number


def request(*words: bytes) -> bytes:
    """A request as RESP."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


@frozen
class Test:
    """One command under load: `make` gives the requests for some keys, `lines` the line ends of each reply."""

    name: str
    make: Callable[[Sequence[int]], Iterable[bytes]]
    lines: int
    filled: bool = False  # the keys are put in place first, each is used once
    words: tuple[str, ...] = ()  # the same for redis-benchmark; () where it lacks the test


def _mset(numbers: Sequence[int]) -> Iterable[bytes]:
    for at in range(len(numbers)):
        keys = [numbers[(at + step) % len(numbers)] for step in range(10)]
        yield request(b"MSET", *itertools.chain.from_iterable((key(number), VALUE) for number in keys))


TESTS = (
    Test("GET", lambda keys: (request(b"GET", key(k)) for k in keys), 2, words=("GET", "key:__rand_int__")),
    Test(
        "SET",
        lambda keys: (request(b"SET", key(k), VALUE) for k in keys),
        1,
        words=("SET", "key:__rand_int__", VALUE.decode()),
    ),
    Test("INCR", lambda keys: (request(b"INCR", b"n" + key(k)) for k in keys), 1, words=("INCR", "nkey:__rand_int__")),
    Test("MSET", _mset, 1, words=("MSET", *("key:__rand_int__", VALUE.decode()) * 10)),
    Test("DEL", lambda keys: (request(b"DEL", key(k)) for k in keys), 1, filled=True),
    Test("EXPIRE", lambda keys: (request(b"EXPIRE", key(k), b"1000") for k in keys), 1, filled=True),
)


@frozen
class Load:
    """What was done: requests, the seconds they took, and milliseconds until the reply of the median one and others."""

    requests: int
    seconds: float
    latencies: dict[str, float] = field(factory=dict, eq=False)


def drive(
    address: tuple[str, int], requests: Iterable[bytes], lines: int, pipeline: int, clients: int = CLIENTS
) -> Load:
    """Send all requests, `pipeline` at a time on each connection, and wait for every reply.  Raises OSError."""
    flat = list(requests)
    batches = iter([b"".join(flat[at : at + pipeline]) for at in range(0, len(flat), pipeline)])
    sizes = iter([len(flat[at : at + pipeline]) * lines for at in range(0, len(flat), pipeline)])
    poll = select.epoll()
    connections: dict[int, socket.socket] = {}
    waiting: dict[int, int] = {}
    try:
        for _ in range(min(clients, (len(flat) + pipeline - 1) // pipeline)):
            connection = socket.create_connection(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections[connection.fileno()] = connection
            poll.register(connection, select.EPOLLIN)
        start = time.perf_counter()
        for number, connection in connections.items():
            connection.sendall(next(batches))
            waiting[number] = next(sizes)
        while waiting:
            for number, _ in poll.poll():
                got = connections[number].recv(1 << 18)
                if not got:
                    raise ConnectionError("the server closed a connection")
                if got.startswith(b"-"):
                    raise ConnectionError(f"the server refuses: {got[:80]!r}")
                left = waiting[number] - got.count(b"\n")
                if left:
                    waiting[number] = left
                    continue
                batch = next(batches, None)
                if batch is None:
                    del waiting[number]
                    poll.unregister(number)
                else:
                    waiting[number] = next(sizes)
                    connections[number].sendall(batch)
        return Load(len(flat), time.perf_counter() - start)
    finally:
        poll.close()
        for connection in connections.values():
            connection.close()


def put(address: tuple[str, int], requests: Iterable[bytes], some: int = 200) -> None:
    """Send what has replies of any kind, so many at a time, and wait until the server has taken all of it."""
    mark = b"every reply is here"
    left = iter(requests)
    with socket.create_connection(address) as connection:
        while batch := list(itertools.islice(left, some)):
            connection.sendall(b"".join(batch) + request(b"ECHO", mark))
            end = b""
            while not end.endswith(mark + b"\r\n"):
                got = connection.recv(1 << 20)
                if not got:
                    raise ConnectionError("the server closed a connection")
                end = (end + got)[-64:]


def fill(address: tuple[str, int], count: int) -> None:
    """An empty server, then `count` keys."""
    with socket.create_connection(address) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(100) == b"+OK\r\n"
    drive(address, (request(b"SET", key(number), VALUE) for number in range(count)), 1, 200, 4)


def shuffled(count: int, keyspace: int, once: bool, seed: int) -> list[int]:
    """Keys in random order; `once`: each of `count` keys exactly once."""
    rng = random.Random(seed)
    if once:
        numbers = list(range(count))
        rng.shuffle(numbers)
        return numbers
    return [rng.randrange(keyspace) for _ in range(count)]


def redis_benchmark(
    address: tuple[str, int],
    words: Sequence[str],
    count: int,
    pipeline: int,
    clients: int = CLIENTS,
    keyspace: int = KEYSPACE,
) -> Load:
    """The same by redis-benchmark, with its latencies.  Raises OSError and subprocess.CalledProcessError."""
    options = ["-h", address[0], "-p", str(address[1]), "-n", str(count), "-P", str(pipeline), "-c", str(clients)]
    done = subprocess.run(
        ["redis-benchmark", *options, "-r", str(keyspace), "--precision", "3", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    return read_benchmark(done.stdout, count)


def read_benchmark(said: str, count: int) -> Load:
    """What redis-benchmark tells at its end.  Raises ValueError where it does not.

    >>> read_benchmark("99.902% <= 2.879 milli\\n  throughput summary: 50.00 requests per second\\n", 100).seconds
    2.0
    """
    rate = re.search(r"throughput summary: ([\d.]+) requests per second", said)
    if rate is None:
        raise ValueError(f"redis-benchmark said nothing of its requests: {said[-200:]!r}")
    passed = [(float(share), float(ms)) for share, ms in re.findall(r"([\d.]+)% <= ([\d.]+) milli", said)]
    whole = passed[: next((n for n, (share, _) in enumerate(passed) if share == 100), len(passed)) + 1]
    latencies = {
        name: next((ms for share, ms in whole if share >= least), 0.0)
        for name, least in (("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9), ("max", 100.0))
    }
    return Load(count, count / float(rate[1]), latencies)


def has_redis_benchmark() -> bool:
    return shutil.which("redis-benchmark") is not None
