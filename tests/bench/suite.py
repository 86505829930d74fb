"""What is run on all servers in turn: the six of the first goal, the shapes, and crowds of clients."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence

import click

from redlark.conformance.targets.servers import Running
from tests.bench import load, measure
from tests.bench.report import BASE, OURS, Report, Run
from tests.bench.shapes import Shape
from tests.bench.stage import Stage

REQUESTS = {1: 100_000, 16: 400_000, 64: 800_000}
SECONDS = 0.4  # that a run of a shape is to last on the server that others are compared with
FEWEST = 300  # requests of a run
TRIAL = 1_000  # requests that tell how fast a shape is


def simple(
    stage: Stage, tests: Iterable[load.Test], depths: Sequence[int], runs: int, part: int, by_ours: bool, report: Report
) -> None:
    """The tests whose goals are the report's own; a ``part``-th of the requests."""
    with stage.all() as running:
        report.versions.update(stage.versions(running))
        for test in tests:
            for depth in depths:
                count = REQUESTS.get(depth, 400_000) // part // (10 if test.name == "MSET" else 1)
                for number in range(runs):
                    for name in stage.turn(number):
                        report.runs.append(_simple(test, depth, name, running[name], count, number, by_ours))
                click.echo(f"{test.name}, pipeline {depth}: done", err=True)


def _simple(test: load.Test, depth: int, name: str, server: Running, count: int, seed: int, by_ours: bool) -> Run:
    address = (server.host, server.port)
    load.fill(address, count if test.filled else load.KEYSPACE)
    by_ours = by_ours or not test.words
    requests = list(test.make(load.shuffled(count, load.KEYSPACE, test.filled, seed))) if by_ours else []
    before = measure.cpu_ns(server.process.pid)
    if by_ours:
        done = load.drive(address, requests, test.lines, depth)
    else:
        done = load.redis_benchmark(address, test.words, count, depth)
    spent = measure.cpu_ns(server.process.pid) - before
    return Run(test.name, depth, name, "own" if by_ours else "redis-benchmark", done.requests, done.seconds, spent)


def shapes(
    stage: Stage,
    wanted: Iterable[Shape],
    depths: Sequence[int],
    runs: int,
    part: int,
    report: Report,
    clients: Sequence[int] = (load.CLIENTS,),
) -> None:
    """Shapes, by redis-benchmark; what a server refuses is noted and left out."""
    with stage.all() as running:
        report.versions.update(stage.versions(running))
        for shape in wanted:
            for depth in depths:
                for crowd in clients:
                    _shape(stage, running, shape, depth, crowd, runs, part, report)
            click.echo(f"{shape.name}: done", err=True)


def _shape(
    stage: Stage,
    running: Mapping[str, Running],
    shape: Shape,
    depth: int,
    clients: int,
    runs: int,
    part: int,
    report: Report,
) -> None:
    try:
        first = BASE if BASE in running else OURS
        trial = _once(shape, depth, first, running, min(shape.most, TRIAL * depth), clients)
        count = min(shape.most, max(FEWEST, clients, int(trial.requests / trial.seconds * SECONDS))) // part
        for number in range(runs):
            report.shapes += [_once(shape, depth, name, running, count, clients) for name in stage.turn(number)]
    except (OSError, ValueError, subprocess.CalledProcessError) as problem:
        said = getattr(problem, "stderr", "") or str(problem)
        report.refused.append(f"{shape.name}, pipeline {depth}: {said.strip()[:200]}")


def _once(shape: Shape, depth: int, name: str, running: Mapping[str, Running], count: int, clients: int) -> Run:
    server = running[name]
    address = (server.host, server.port)
    load.drive(address, [load.request(b"FLUSHALL")], 1, 1)
    load.put(address, shape.prepare(count))
    before = measure.cpu_ns(server.process.pid)
    done = load.redis_benchmark(address, shape.words, count, depth, clients, shape.keyspace)
    spent = measure.cpu_ns(server.process.pid) - before
    by = "redis-benchmark"
    return Run(shape.name, depth, name, by, done.requests, done.seconds, spent, clients, done.latencies)
