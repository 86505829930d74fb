"""`make bench`: redlark serve beside redis-server 8.2.3 and Valkey 9.1.2, in one run, pinned and alternating.

Each test is run several times, each time on every server in turn, so whatever else the machine does meets all alike.
Medians are compared.  CPU time per command is what counts: it is the server's own, whatever the load generator can do.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path

import click

from redlark.conformance import servers
from redlark.conformance.errors import CannotRun
from tests.bench import load, measure
from tests.bench.report import OURS, Report, Run

RIVALS = ("redis:8.2", "valkey:9.1")
REQUESTS = {1: 100_000, 16: 400_000, 64: 800_000}
MEMORY_KEYS = 1_000_000


@click.command()
@click.option("--quick", is_flag=True, help="A fifth of the requests, three runs: minutes become one.")
@click.option("--runs", default=0, metavar="N", help="Runs of each test on each server (default: 5, quick: 3).")
@click.option("--tests", default="", metavar="NAMES", help="Only these, with commas: GET,SET,INCR,MSET,DEL,EXPIRE.")
@click.option("--pipelines", default="1,16,64", show_default=True, help="Depths.")
@click.option("--servers", "rivals", default=",".join(RIVALS), show_default=True, help="What to compare with.")
@click.option("--own-load", is_flag=True, help="Our own generator for every test, though redis-benchmark is there.")
@click.option("--output", default="bench-results", show_default=True, help="Folder for bench.json and bench.png.")
@click.option("--no-memory", is_flag=True, help="Leave out the memory a key takes.")
def bench(
    quick: bool, runs: int, tests: str, pipelines: str, rivals: str, own_load: bool, output: str, no_memory: bool
) -> None:
    """Measure the fast server beside real ones."""
    wanted = [test for test in load.TESTS if not tests or test.name in tests.upper().split(",")]
    depths = [int(depth) for depth in pipelines.split(",")]
    runs = runs or (3 if quick else 5)
    here = servers.find_servers()
    programs: dict[str, servers.Server | None] = {OURS: None}
    for name in filter(None, rivals.split(",")):
        try:
            programs[name] = servers.pick(name, here)
        except CannotRun as none:
            click.echo(f"left out: {none}", err=True)
    report = Report({name: f"{p.product} {p.version}" if p else "compiled core" for name, p in programs.items()})
    with_redis_benchmark = load.has_redis_benchmark() and not own_load
    if not with_redis_benchmark:
        click.echo("redis-benchmark is not used: requests per second without a pipeline are the generator's", err=True)
    server_core, load_core = measure.two_cores()
    with contextlib.ExitStack() as stack:
        with measure.on_core(server_core):
            running = {name: stack.enter_context(servers.running(program)) for name, program in programs.items()}
        stack.enter_context(measure.on_core(load_core))
        report.versions[OURS] = f"redlark, {_core(running[OURS].port)} core"
        for test in wanted:
            for depth in depths:
                count = REQUESTS.get(depth, 400_000) // (5 if quick else 1) // (10 if test.name == "MSET" else 1)
                for number in range(runs):
                    names = list(running)
                    for name in names[number % len(names) :] + names[: number % len(names)]:
                        report.runs.append(_once(test, depth, name, running[name], count, number, with_redis_benchmark))
                click.echo(f"{test.name}, pipeline {depth}: done", err=True)
    if not no_memory:
        for name, program in programs.items():
            with measure.on_core(server_core):
                one = servers.start(program)
            with one:
                report.memory[name] = _bytes_a_key(one, MEMORY_KEYS // (5 if quick else 1))
    click.echo(report.table())
    for path in report.write(Path(output)):
        click.echo(f"wrote {path}")
    misses = report.misses()
    for line in misses:
        click.echo(f"target missed: {line}")
    sys.exit(1 if misses else 0)


def _once(
    test: load.Test, depth: int, name: str, server: servers.Running, count: int, seed: int, with_redis_benchmark: bool
) -> Run:
    address = (server.host, server.port)
    load.fill(address, count if test.filled else load.KEYSPACE)
    by_ours = not (with_redis_benchmark and test.words)
    requests = list(test.make(load.shuffled(count, load.KEYSPACE, test.filled, seed))) if by_ours else []
    before = measure.cpu_ns(server.process.pid)
    if by_ours:
        done = load.drive(address, requests, test.lines, depth)
    else:
        done = load.redis_benchmark(address, test.words, count, depth)
    spent = measure.cpu_ns(server.process.pid) - before
    return Run(test.name, depth, name, "own" if by_ours else "redis-benchmark", done.requests, done.seconds, spent)


def _bytes_a_key(server: servers.Running, count: int) -> float:
    """Growth of resident memory over many keys of 16 bytes with values of 16 bytes."""
    address = (server.host, server.port)
    load.fill(address, 1000)
    before = measure.resident(server.process.pid)
    new = range(1000, 1000 + count)
    for at in range(0, count, 50_000):
        load.drive(address, (load.request(b"SET", load.key(n), load.VALUE) for n in new[at : at + 50_000]), 1, 200, 4)
    return (measure.resident(server.process.pid) - before) / count


def _core(port: int) -> str:
    """Which core the started server runs, as its INFO says."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"INFO server\r\n")
        return "compiled" if b"redlark_core:compiled" in connection.recv(65536) else "plain"


if __name__ == "__main__":
    bench()
