"""Hit rates of a cache that cannot hold all: `redlark serve` beside redis-server 8.2.3, the same trace, the same room.

    python -m tests.bench.eviction [POLICY ...]

Keys are asked for by a power law; what is not there is set, with a deadline far away. Each server's limit is what it
takes for 2,500 of its own keys, so that what a key takes does not count.
"""

from __future__ import annotations

import random

import click
import redis

from redlark.conformance.targets import servers
from redlark.server.parameters import PARAMETERS
from tests.bench.report import OURS

KEYS, ROOM, SKEW, BATCH = 20_000, 2_500, 1.1, 50
VALUE = "x" * 100
FAR = 100_000  # seconds


def trace(requests: int, seed: int) -> list[int]:
    """Which key is asked for, request by request."""
    rng = random.Random(seed)
    keys = list(range(KEYS))
    rng.shuffle(keys)
    return rng.choices(keys, [1 / (place + 1) ** SKEW for place in range(KEYS)], k=requests)


def hit_rate(port: int, policy: str, asked: list[int]) -> float:
    """How many of the requests found their key, of one."""
    client = redis.Redis(port=port)
    client.config_set("maxmemory", 0)
    client.flushall()
    client.config_set("maxmemory-policy", policy)
    empty = client.info("memory")["used_memory"]
    with client.pipeline(transaction=False) as pipe:
        for number in range(ROOM):
            pipe.set(f"key:{number}", VALUE, ex=FAR)
        pipe.execute()
    full = client.info("memory")["used_memory"]
    client.flushall()
    client.config_set("maxmemory", client.info("memory")["used_memory"] + full - empty)
    hits = 0
    for start in range(0, len(asked), BATCH):
        names = [f"key:{number}" for number in asked[start : start + BATCH]]
        with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.get(name)
            found = pipe.execute()
            for name, value in zip(names, found, strict=True):
                if value is None:
                    pipe.set(name, VALUE, ex=FAR)
            pipe.execute()
        hits += sum(value is not None for value in found)
    client.config_set("maxmemory", 0)
    return hits / len(asked)


@click.command()
@click.argument("policies", nargs=-1)
@click.option("--requests", default=200_000, show_default=True)
@click.option("--seed", default=5, show_default=True)
def main(policies: tuple[str, ...], requests: int, seed: int) -> None:
    """Print a line for each policy."""
    asked = trace(requests, seed)
    chosen = policies or [policy for policy in PARAMETERS["maxmemory-policy"].words if policy != "noeviction"]
    rival = servers.pick("redis:8.2", servers.find_servers())
    click.echo(f"{'':<16} {rival.product} {rival.version:<8} {OURS}")
    with servers.running(rival) as other, servers.running(None) as ours:
        for policy in chosen:
            theirs, own = (hit_rate(server.port, policy, asked) for server in (other, ours))
            click.echo(f"{policy:<16} {theirs:>14.1%} {own:>8.1%}")


if __name__ == "__main__":
    main()
