"""`make soak`: mixed traffic at full load for ten minutes, and memory back to where it was.

redis-benchmark runs one drawn shape after another, with drawn pipelines and crowds; beside it others come and go in the
middle of a frame, listen and never read, block, watch, and run scripts. A pinger has the longest wait. Then all is
deleted, and the server must hold about what it held before.

    python -m tests.load [--minutes 10] [--seed 1] [--server redis:8.2] [--maxmemory 200mb]
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable

import click

from redlark.conformance.targets import servers
from tests.bench import load, measure
from tests.bench.shapes import SHAPES
from tests.bench.sizes import pinged

WARM = 60.0  # seconds at most until memory has come to rest the first time
SETTLE = 3.0  # seconds for what is freed later
MORE_USED = 2 << 20  # bytes of used_memory that may be left
MORE_RESIDENT = 64 << 20  # and of resident memory, which allocators keep
TRIES = 6  # to have it given back, SETTLE seconds each
CHANNEL = b"channel"


class Traffic:
    """What is done to a server, by threads of this process and by redis-benchmark."""

    def __init__(self, server: servers.Running, seed: int) -> None:
        self.server, self.address = server, (server.host, server.port)
        self.rng = random.Random(seed)
        self.requests = self.visits = 0
        self.problems: list[str] = []

    def run(self, seconds: float) -> None:
        """All of it, for so long."""
        until = time.monotonic() + seconds
        workers: list[tuple[Callable[[random.Random], None], int]] = [(self._shape, 2), (self._visit, 2)]
        threads = [
            threading.Thread(target=self._loop, args=(what, until, self.rng.randrange(1 << 30)))
            for what, many in workers
            for _ in range(many)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _loop(self, what: Callable[[random.Random], None], until: float, seed: int) -> None:
        rng = random.Random(seed)
        while time.monotonic() < until and not self.problems:
            try:
                what(rng)
            except (OSError, ValueError) as problem:
                if self.server.process.poll() is not None:
                    self.problems.append(f"the server has ended: {problem}")
            except subprocess.CalledProcessError as problem:
                if "refused" in problem.stderr or self.server.process.poll() is not None:
                    self.problems.append(f"{problem.cmd}: {problem.stderr.strip()}")
            except Exception as problem:  # or a thread would end, and its traffic with it, without a word
                self.problems.append(repr(problem))
                raise

    def _shape(self, rng: random.Random) -> None:
        """A shape for a short while: what it meets may be of any type, so that errors are part of it."""
        shape = rng.choice(SHAPES)
        pipeline, clients = rng.choice((1, 4, 16, 64)), rng.choice((1, 10, 50, 200))
        count = min(shape.most, rng.choice((500, 5_000, 20_000)))
        load.drive(self.address, [load.request(b"DEL", b"list", b"set", b"hash", b"zset", b"stream", b"geo")], 1, 1)
        with contextlib.suppress(ConnectionError):  # a refusal: somebody else has made the key meanwhile
            load.put(self.address, shape.prepare(min(count, 2_000)))
        with contextlib.suppress(subprocess.CalledProcessError):
            self.requests += load.redis_benchmark(
                self.address, shape.words, count, pipeline, clients, shape.keyspace
            ).requests

    def _visit(self, rng: random.Random) -> None:
        """One who comes and goes."""
        self.visits += 1
        with socket.create_connection(self.address) as connection:
            connection.settimeout(5)
            kind = rng.randrange(7)
            if kind == 0:
                whole = load.request(b"SET", b"half", b"x" * rng.randrange(100_000))
                connection.sendall(whole[: rng.randrange(len(whole))])
            elif kind == 1:
                connection.sendall(load.request(b"SUBSCRIBE", CHANNEL))
                load.drive(
                    self.address, (load.request(b"PUBLISH", CHANNEL, b"m" * 1_000) for _ in range(2_000)), 1, 50, 1
                )
            elif kind == 2:
                connection.sendall(load.request(b"BLPOP", b"nobody:%d" % rng.randrange(100), b"0"))
                time.sleep(rng.random() / 20)
            elif kind == 3:
                connection.sendall(
                    load.request(b"WATCH", b"n") + load.request(b"MULTI") + load.request(b"INCR", b"n") * 50
                )
                if rng.random() < 0.5:
                    connection.sendall(load.request(b"EXEC"))
            elif kind == 4:
                code = b"local t = {} for i = 1, 2000 do t[i] = redis.call('INCR', KEYS[1]) end return t"
                connection.sendall(load.request(b"EVAL", code + b" -- %d" % rng.randrange(1_000), b"1", b"counted"))
                connection.recv(1 << 16)
            elif kind == 5:  # asks for much, and reads nothing
                connection.sendall(
                    load.request(b"SETRANGE", b"large", b"1000000", b"x") + load.request(b"GET", b"large") * 100
                )
                time.sleep(rng.random() / 10)
            else:
                connection.sendall(load.request(b"CLIENT", b"TRACKING", b"ON", b"BCAST") + load.request(b"HELLO", b"3"))
                connection.recv(1 << 16)
                time.sleep(rng.random() / 10)


def used(server: servers.Running) -> int:
    """used_memory, once everything is deleted."""
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(b"FLUSHALL\r\nSCRIPT FLUSH\r\nCONFIG RESETSTAT\r\n")
        time.sleep(SETTLE)
        connection.recv(1 << 16)
        connection.sendall(b"MEMORY PURGE\r\nINFO memory\r\n")  # what allocators keep for later is not left behind
        said = b""
        while b"lazyfreed_objects" not in said:
            said += connection.recv(1 << 16)
    found = re.search(rb"used_memory:(\d+)", said)
    assert found, said
    return int(found[1])


# Of clients that are gone nothing may be told any more; who asks is one.
GONE = {
    "connected_clients": 1, "blocked_clients": 0, "tracking_clients": 0, "pubsub_clients": 0, "watching_clients": 0,
    "clients_in_timeout_table": 0, "total_watched_keys": 0, "total_blocking_keys": 0, "pubsub_channels": 0,
    "pubsub_patterns": 0, "tracking_total_keys": 0, "tracking_total_prefixes": 0, "lazyfree_pending_objects": 0,
}  # fmt: skip


def left_behind(server: servers.Running) -> dict[str, int]:
    """What is told of clients that are gone, and should not be; older servers do not tell all of it."""
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(b"INFO everything\r\nECHO end\r\n")
        said = b""
        while b"\r\n$3\r\nend\r\n" not in said:
            said += connection.recv(1 << 16)
    told = {name.decode(): int(count) for name, count in re.findall(rb"(\w+):(\d+)\r\n", said)}
    return {name: told[name] for name, count in GONE.items() if told.get(name, count) != count}


def descriptors(server: servers.Running) -> int:
    """How many files and sockets the server has open, with one connection, once it has seen that others are closed."""
    with socket.create_connection((server.host, server.port)) as connection:
        for _ in range(2):  # what the loop hears of with the first question it has done before the second
            connection.sendall(b"PING\r\n")
            connection.recv(64)
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))


@click.command()
@click.option("--minutes", default=10.0, show_default=True, help="How long.")
@click.option("--seed", default=1, show_default=True, help="Of what is drawn.")
@click.option("--server", "name", default="", help="Another server of this machine, as `redlark servers` names it.")
@click.option("--maxmemory", default="", help="A limit, so that keys are evicted all the while.")
def soak(minutes: float, seed: int, name: str, maxmemory: str) -> None:
    """Load a server, and see what is left."""
    config = {"maxmemory": maxmemory, "maxmemory-policy": "allkeys-lru"} if maxmemory else {}
    program = servers.pick(name, servers.find_servers()) if name else None
    with servers.running(program, config) as server:
        Traffic(server, seed + 1).run(min(WARM, minutes * 60 / 5))
        before, resident, opened = used(server), measure.resident(server.process.pid), descriptors(server)
        click.echo(f"at rest: {before >> 10:,} KiB used, {resident >> 10:,} KiB resident")
        traffic, spent = Traffic(server, seed), measure.cpu_ns(server.process.pid)
        with pinged(server) as longest:
            traffic.run(minutes * 60)
        if traffic.problems:
            raise click.ClickException("; ".join(traffic.problems) + "\n" + server.last_words())
        spent = measure.cpu_ns(server.process.pid) - spent
        for _ in range(TRIES):
            after, kept = used(server) - before, measure.resident(server.process.pid) - resident
            if kept <= MORE_RESIDENT:
                break
        click.echo(
            f"{minutes:g} minutes, seed {seed}: {traffic.requests:,} requests of shapes, {traffic.visits:,} visits"
        )
        click.echo(f"server CPU {spent / 6e8 / minutes:.0f} %, longest wait {longest[0]:.0f} ms")
        click.echo(f"left: {after >> 10:,} KiB more used, {kept >> 10:,} KiB more resident")
        left, opened = left_behind(server), descriptors(server) - opened
        if left or opened:
            raise click.ClickException(f"of clients that are gone there is left: {left}, {opened} descriptors more")
        if not traffic.requests or not traffic.visits:
            raise click.ClickException("there was no traffic")
        if after > MORE_USED or kept > MORE_RESIDENT:
            raise click.ClickException("memory has not come back")


if __name__ == "__main__":
    soak()
