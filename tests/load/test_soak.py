"""The soak in short, and that it sees a server that keeps what it was given."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from redlark.conformance.targets import servers
from tests.bench import load
from tests.campaign import Rounds
from tests.load.__main__ import MORE_USED, Traffic, left_behind, used

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
        assert traffic.requests
        assert used(server) - before < MORE_USED
        assert left_behind(server) == {}


def test_what_is_left_of_clients_is_seen() -> None:
    """Who waits, listens and tracks is told of as long as it is there."""
    with servers.running(None) as server, contextlib.ExitStack() as stack:
        for asked in (
            b"BLPOP nobody 0\r\n",
            b"SUBSCRIBE c\r\n",
            b"WATCH k\r\n",
            b"HELLO 3\r\nCLIENT TRACKING ON BCAST\r\n",
        ):
            stack.enter_context(socket.create_connection((server.host, server.port))).sendall(asked)
        assert left_behind(server) == {
            "connected_clients": 5, "blocked_clients": 1, "tracking_clients": 1, "pubsub_clients": 1,
            "watching_clients": 1, "total_watched_keys": 1, "total_blocking_keys": 1, "pubsub_channels": 1,
            "tracking_total_prefixes": 1,
        }  # fmt: skip
        stack.pop_all().close()
        until = time.monotonic() + 20
        while left_behind(server):
            assert time.monotonic() < until


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
