"""The comparison of caches measures hits: of the same trace, each server finds some keys, and not all."""

from __future__ import annotations

from redlark.conformance.targets import servers
from redlark.server import Server
from tests.bench import eviction
from tests.bench.report import BASE


def test_hits_are_counted_and_alike() -> None:
    """A short trace under allkeys-lfu: hot keys are found, cold ones are not, and ours finds no fewer by far."""
    asked = eviction.trace(10_000, seed=5)
    assert asked == eviction.trace(10_000, seed=5) != eviction.trace(10_000, seed=6)
    with Server() as ours, servers.running(servers.pick(BASE, servers.find_servers())) as other:
        own, theirs = (eviction.hit_rate(server.port, "allkeys-lfu", asked) for server in (ours, other))
    most = 1 - len(set(asked)) / len(asked)  # what a cache that holds everything would find
    assert 0.5 < own <= most
    assert own > theirs - 0.1
