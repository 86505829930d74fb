"""The benchmark measures what it says: every request is answered, CPU time and memory are read, ratios are right."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from redlark.server import Server
from tests.bench import load, measure
from tests.bench.report import BASE, OURS, Report, Run


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


def test_cpu_time_is_counted() -> None:
    """A process that works uses CPU time, about as much as it says itself."""
    before, own = measure.cpu_ns(os.getpid()), time.process_time()
    while time.process_time() - own < 0.1:
        pass
    assert 50_000_000 < measure.cpu_ns(os.getpid()) - before < 2_000_000_000
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
    assert len(report.misses()) == 1
    assert (tmp_path / "bench.json") in report.write(tmp_path)
    assert "GET" in report.table()
