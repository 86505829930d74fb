"""The soak in short, and that it sees a server that keeps what it was given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from redlark.conformance import servers
from tests.bench import load
from tests.campaign import Rounds
from tests.load.__main__ import MORE_USED, Traffic, used

needs_benchmark = pytest.mark.skipif(not load.has_redis_benchmark(), reason="redis-benchmark is not there")


@needs_benchmark
def test_traffic_leaves_nothing() -> None:
    """Two seconds of all of it: the server lives, has answered, and holds what it held."""
    with servers.running(None) as server:
        Traffic(server, 1).run(1.0)
        before, traffic = used(server), Traffic(server, 2)
        traffic.run(2.0)
        assert not traffic.problems
        assert traffic.visits
        assert used(server) - before < MORE_USED


@needs_benchmark
@pytest.mark.campaign
def test_a_minute_of_traffic_under_a_limit(rounds: Rounds) -> None:
    """The command itself, while keys are evicted."""
    for source in rounds(1):
        options = ["--minutes", "1", "--seed", str(source.randrange(10_000)), "--maxmemory", "60mb"]
        done = subprocess.run(
            [sys.executable, "-m", "tests.load", *options],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
