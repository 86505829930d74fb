"""What `redlark watch` adds to a request: latencies at a steady 1,000 requests a second, with it and without.

    python -m tests.bench.watch [--seconds 10] [--rate 1000] [--server redis:8.2]

One client asks GET and SET in turn, each at its own moment of a fixed schedule, so that a slow answer does not make the
next request later; what is measured is from sending to the reply. With and without alternate, round by round, and the
medians of the rounds are compared. It needs a quiet machine, and the relay's process a core of its own. The goal: at
most 0.5 ms more at the median, and 2 ms at the 99th of a hundred.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from redlark.conformance.targets import servers
from redlark.conformance.watch import Watch
from redlark.reference.resp import encode_request

ROUNDS = 5
GOALS = {50: 0.5, 99: 2.0}  # milliseconds more, by percentile


def latencies(port: int, rate: int, seconds: float) -> list[float]:
    """Milliseconds from sending to the whole reply, request by request."""
    asked = [encode_request((b"SET", b"key", b"x" * 100)), encode_request((b"GET", b"key"))]
    replies = [b"+OK\r\n", b"$100\r\n" + b"x" * 100 + b"\r\n"]
    found = []
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            if (left := due - time.perf_counter()) > 0:
                time.sleep(left)
            sent = time.perf_counter()
            client.sendall(asked[number % 2])
            seen = b""
            while len(seen) < len(replies[number % 2]):
                seen += client.recv(1 << 16)
            found.append(1000 * (time.perf_counter() - sent))
            assert seen == replies[number % 2]
    return found


def percentile(values: list[float], part: int) -> float:
    """The value that so many of a hundred do not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * part // 100)]


def main() -> None:
    """Measure, and print a table; status 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description="What redlark watch adds to a request.")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--server", default="redis:8.2")
    given = parser.parse_args()
    program = servers.pick(given.server, servers.find_servers())
    rounds: dict[str, dict[int, list[float]]] = {way: {part: [] for part in GOALS} for way in ("without", "with")}
    with (
        servers.running(program) as running,
        tempfile.TemporaryDirectory() as folder,
        Watch(running.url, trace=Path(folder) / "trace", apart=True) as watch,
    ):
        for _ in range(ROUNDS):
            for way, port in (("without", running.port), ("with", watch.port)):
                seen = latencies(port, given.rate, given.seconds / ROUNDS)
                for part, values in rounds[way].items():
                    values.append(percentile(seen, part))
        assert watch.settle(120)
        assert watch.judge is not None
        kept_up = sum(watch.judge.unjudged.values()) - watch.judge.unjudged["others are connected past the proxy"]
        judged = watch.judge.judged.total()
    print(f"{given.server}, {given.rate} requests a second, milliseconds")
    missed = False
    for part, goal in GOALS.items():
        bare, watched = (statistics.median(rounds[way][part]) for way in ("without", "with"))
        missed = missed or watched - bare > goal
        print(f"p{part}: {bare:.3f} without, {watched:.3f} with: {watched - bare:+.3f} (goal: at most +{goal})")
    print(f"{judged:,} judged, {kept_up:,} not, for other reasons than that it was asked past the proxy as well")
    sys.exit(missed)


if __name__ == "__main__":
    main()
