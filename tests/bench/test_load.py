"""The benchmark measures what it says: every request is answered, CPU time and memory are read, ratios are right."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from redlark.conformance.judging.connection import dial
from redlark.conformance.targets import servers
from redlark.server import Server
from tests.bench import load, measure
from tests.bench.rarer import RARER
from tests.bench.report import BASE, OURS, Growth, Report, Run
from tests.bench.shapes import GOAL, SHAPES


@pytest.mark.parametrize("test", load.TESTS, ids=lambda test: test.name)
@pytest.mark.parametrize("pipeline", [1, 7])
def test_every_request_is_answered(test: load.Test, pipeline: int) -> None:
    """The generator sends exactly the requests of a test, and counts their replies right."""
    with Server() as server:
        address = ("127.0.0.1", server.port)
        load.fill(address, 500)
        requests = list(test.make(load.shuffled(500, 500, test.filled, 1)))
        done = load.drive(address, requests, test.lines, pipeline, clients=5)
        assert done.requests == len(requests) == 500
        load.drive(address, [b"*1\r\n$6\r\nDBSIZE\r\n"], 1, 1)


def test_every_shape_is_answered() -> None:
    """What a shape asks is no error, of ours as of Redis, when some of what it needs is there."""
    assert len({shape.name for shape in (*SHAPES, *RARER)}) == len(SHAPES) + len(RARER) >= 200
    assert {shape.name for shape in SHAPES} >= set(GOAL)
    real = servers.find_servers()
    with Server() as ours, servers.running(servers.pick(BASE, real)) as other:
        for port in (ours.port, other.port):
            connection = dial("127.0.0.1", port)
            for shape in (*SHAPES, *RARER):
                filling = list(itertools.islice(shape.prepare(50), 20))
                asked = load.request(*(word.replace("__rand_int__", "0" * 11 + "7").encode() for word in shape.words))
                connection.send(b"".join([load.request(b"FLUSHALL"), *filling, asked]))
                frames = [connection.frame() for _ in range(len(filling) + 2)]
                assert not [frame.raw for frame in frames if frame.is_error], (shape.name, port)
            connection.close()


def test_latencies_are_read() -> None:
    """The median and others stand where redis-benchmark says that so many had their replies."""
    said = "".join(
        f"{share}% <= {ms} milliseconds (cumulative count 1)\n" for share, ms in ((50, 1), (99.9, 2), (100, 9))
    )
    done = load.read_benchmark(f"{said}10.0% <= 99.0 milli\n throughput summary: 500.0 requests per second", 1000)
    assert (done.seconds, done.latencies) == (2.0, {"p50": 1.0, "p99": 2.0, "p99.9": 2.0, "max": 9.0})
    with pytest.raises(ValueError, match="nothing of its requests"):
        load.read_benchmark("Error from server", 1)


def test_cpu_time_is_counted() -> None:
    """A process that works uses CPU time, about as much as it says itself."""
    code = "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as busy:
        assert busy.stdout is not None
        busy.stdout.readline()
        spent = measure.cpu_ns(busy.pid)
        busy.kill()
    assert 250_000_000 < spent < 3_000_000_000
    assert measure.resident(os.getpid()) > 1_000_000


def test_ratios_are_of_medians(tmp_path: Path) -> None:
    """A row compares the medians of a server's runs with those of Redis; a target that is missed is named."""
    report = Report({OURS: "x", BASE: "8.2.3"})
    for server, costs in ((OURS, (500, 100, 700)), (BASE, (1000, 900, 5000))):
        report.runs += [Run("GET", 16, server, "own", 10, 1.0, cost * 10) for cost in costs]
    ours, base = report.rows()
    assert (ours["cpu_ns_per_command"], base["cpu_ns_per_command"], ours["cpu_ratio"]) == (500, 1000, 0.5)
    assert report.misses() == []
    report.memory[OURS] = 120.0
    report.sizes["set, large"] = {OURS: 51.0, BASE: 50.0}
    for server, cost in ((OURS, 700), (BASE, 1000)):
        report.shapes += [Run(name, 16, server, "own", 10, 1.0, cost * 10, 50, {"p50": 1.0}) for name in GOAL]
    report.growth.append(Growth("keys", 1_000, OURS, 5, 6, 0.25))
    assert report.means() == {16: 0.7}
    assert len(report.misses()) == 3
    assert (tmp_path / "bench.json") in report.write(tmp_path)
    assert {"GET", "the ten of the goal, pipeline 16: CPU 0.700"} <= {
        *report.table().split(),
        *report.table().splitlines(),
    }
