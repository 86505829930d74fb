"""Memory, growth and start: what elements take, what commands cost as keys and elements grow, when a server answers."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import click
from attrs import frozen

from redlark.conformance.targets.servers import Running
from tests.bench import load, measure
from tests.bench.load import key, request
from tests.bench.report import Growth, Report
from tests.bench.shapes import CHUNK, digits, element_of, field_of, scored_of
from tests.bench.stage import Stage

FEW = 10  # elements of a small collection
STARTS = 5


def _number(n: int) -> list[bytes]:
    return [b"%d" % (n * 7)]


@frozen
class Kind:
    """A type of collection: how elements are added, and how one is asked for."""

    name: str
    add: bytes
    words: Callable[[int], list[bytes]]
    ask: tuple[str, ...]

    def elements(self, name: bytes, begin: int, end: int) -> Iterable[bytes]:
        """Requests that add the elements of these numbers to a key."""
        if self.add == b"XADD":
            for n in range(begin, end):
                yield request(b"XADD", name, b"%d-0" % (n + 1), b"field", b"value:" + digits(n))
            return
        for at in range(begin, end, CHUNK):
            words = [word for n in range(at, min(at + CHUNK, end)) for word in self.words(n)]
            yield request(self.add, name, *words)

    @property
    def lines(self) -> int:
        """Line ends of each reply."""
        return 2 if self.add == b"XADD" else 1


_RANDOM = "element:__rand_int__"
KINDS = (
    Kind("list", b"RPUSH", element_of, ("LRANGE", "large", "0", "9")),
    Kind("set", b"SADD", element_of, ("SISMEMBER", "large", _RANDOM)),
    Kind("numbers", b"SADD", _number, ("SISMEMBER", "large", "700")),
    Kind("hash", b"HSET", field_of, ("HGET", "large", _RANDOM)),
    Kind("sorted-set", b"ZADD", scored_of, ("ZSCORE", "large", _RANDOM)),
    Kind("stream", b"XADD", field_of, ("XRANGE", "large", "-", "+", "COUNT", "10")),
)


def memory(stage: Stage, part: int, report: Report) -> None:
    """Bytes a key, and bytes an element in one large collection of each type and in many small ones."""
    keys, elements, smalls = 1_000_000 // part, 1_000_000 // part, 100_000 // part
    for name in stage.programs:
        report.memory[name] = _grown(stage, name, _strings(0, keys), 1, keys)
        for kind in KINDS:
            large = _grown(stage, name, kind.elements(b"large", 0, elements), kind.lines, elements)
            small = _grown(stage, name, _smalls(kind, smalls), kind.lines, smalls * FEW)
            report.sizes.setdefault(f"{kind.name}, large", {})[name] = large
            report.sizes.setdefault(f"{kind.name}, {FEW} each", {})[name] = small
        click.echo(f"memory of {name}: done", err=True)


def _smalls(kind: Kind, count: int) -> Iterator[bytes]:
    for n in range(count):
        yield from kind.elements(key(n), n * FEW, (n + 1) * FEW)


def _strings(begin: int, end: int) -> Iterable[bytes]:
    return (request(b"SET", key(n), load.VALUE) for n in range(begin, end))


def _grown(stage: Stage, name: str, requests: Iterable[bytes], lines: int, count: int) -> float:
    """Growth of resident memory a piece."""
    with stage.running(name) as server:
        _put(server, _strings(0, 1000), 1)
        _put(server, [request(b"FLUSHALL")], 1)
        before = measure.resident(server.process.pid)
        _put(server, requests, lines)
        return (measure.resident(server.process.pid) - before) / count


def _put(server: Running, requests: Iterable[bytes], lines: int) -> None:
    """All requests, some at a time so that they need not all be in memory."""
    some: list[bytes] = []
    for one in requests:
        some.append(one)
        if len(some) == 20_000:
            load.drive((server.host, server.port), some, lines, 200, 1)
            some = []
    if some:
        load.drive((server.host, server.port), some, lines, 200, 1)


def growth(stage: Stage, largest: int, report: Report) -> None:
    """From a thousand to ten to the ``largest``: CPU a command at each size, and the longest stall on the way there."""
    sizes = [10**power for power in range(3, largest + 1)]
    for name in stage.programs:
        with stage.running(name) as server:
            _grow(server, name, "keys", sizes, _strings, 1, ("GET", "key:__rand_int__"), report)
        for kind in KINDS:
            with stage.running(name) as server:
                _grow(server, name, kind.name, sizes, partial(kind.elements, b"large"), kind.lines, kind.ask, report)
        click.echo(f"growth of {name}: done", err=True)


def _grow(
    server: Running,
    name: str,
    what: str,
    sizes: list[int],
    more: Callable[[int, int], Iterable[bytes]],
    lines: int,
    ask: tuple[str, ...],
    report: Report,
) -> None:
    before, address = 0, (server.host, server.port)
    for size in sizes:
        with pinged(server) as stall:
            began = measure.cpu_ns(server.process.pid)
            _put(server, more(before, size), lines)
            adding = (measure.cpu_ns(server.process.pid) - began) / (size - before)
        began = measure.cpu_ns(server.process.pid)
        done = load.redis_benchmark(address, ask, 50_000, 16, keyspace=size)
        asking = (measure.cpu_ns(server.process.pid) - began) / done.requests
        report.growth.append(Growth(what, size, name, round(adding), round(asking), stall[0]))
        before = size


# Asks for PING over and over, and tells the longest time that an answer took, in milliseconds, when its input ends.
_PINGER = """
import os, select, socket, sys, time
try: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
except OSError: pass
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
longest = 0.0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.001)[0]:
    began = time.perf_counter()
    s.sendall(b"PING\\r\\n")
    s.recv(100)
    longest = max(longest, time.perf_counter() - began)
print(longest * 1000)
"""


@contextlib.contextmanager
def pinged(server: Running) -> Iterator[list[float]]:
    """Meanwhile somebody asks for PING: afterwards the list holds the longest wait, in milliseconds."""
    command = [sys.executable, "-c", _PINGER, str(server.port)]
    found = [0.0]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pinger:
        assert pinger.stdout is not None
        pinger.stdout.readline()
        yield found
        said, _ = pinger.communicate("end\n")
        found[0] = round(float(said), 3)


def starting(stage: Stage, report: Report) -> None:
    """Milliseconds from the start of a process to its first answer."""
    for number in range(STARTS):
        for name in stage.turn(number):
            began = time.perf_counter()
            with stage.running(name) as server, socket.create_connection((server.host, server.port)) as connection:
                connection.sendall(b"PING\r\n")
                connection.recv(100)
                report.starts.setdefault(name, []).append(round((time.perf_counter() - began) * 1000, 1))
