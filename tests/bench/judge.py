"""How many requests the model judges in a second of one core, in process: what the judge costs beside the sockets.

    python tests/bench/judge.py [PROFILE] [--seconds 2]

The simple requests are those of the goal, at least 40,000 a second: few keys, replies that leave no freedom. The mixed
ones are the product's own draws, replies and all, as a campaign judges them. It is CPU time that counts, so that what
else the machine does is left out.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable

from redlark.conformance.drawing.generate import Generator, grammar
from redlark.reference import Model, Observed, Worlds
from redlark.reference.replies import encode, some
from redlark.reference.resp import Frame
from redlark.spec.profiles import DEFAULT, PROFILES

Exchange = tuple[tuple[bytes, ...], Frame]
ROUNDS = 5
LENGTH = 2_000
NOW = 1_700_000_000_000


def simple(rng: random.Random) -> tuple[bytes, ...]:
    """GET, SET, INCR, MSET, DEL, EXPIRE and TTL of four keys."""
    key, number = b"k%d" % rng.randrange(4), b"n%d" % rng.randrange(4)
    drawn: tuple[tuple[bytes, ...], ...] = (
        (b"GET", key), (b"SET", key, b"value"), (b"INCR", number), (b"MSET", key, b"1", b"k0", b"2"), (b"DEL", key),
        (b"EXPIRE", key, b"100"), (b"TTL", number), (b"SET", key, b"value", b"EX", b"100"), (b"EXISTS", key),
    )  # fmt: skip
    return rng.choice(drawn)


def mixed(model: Model) -> Callable[[random.Random], tuple[bytes, ...]]:
    """Any command of the profile that changes no connection, with any of its options."""
    names = [name for name, command in model.commands.items() if command.facts["group"][0] in ("string", "generic")]
    generator = Generator({name: grammar(model.commands[name].block, model.profile) for name in names})

    def draw(rng: random.Random) -> tuple[bytes, ...]:
        drawn = generator.request(rng.choice(generator.names), rng)
        return drawn.resolve(NOW, lambda _: b"0")

    return draw


def history(model: Model, worlds: Worlds, draw: Callable[[random.Random], tuple[bytes, ...]]) -> list[Exchange]:
    """Requests, each with a reply that the model itself gives."""
    rng, world = random.Random(1), worlds[0]
    exchanges: list[Exchange] = []
    while len(exchanges) < LENGTH:
        request = draw(rng)
        run, reply = next(iter(model.ways(world, 1, request, NOW)))
        if request and not run.delay:
            world = run.finish()
            exchanges.append((request, Observed(encode(some(reply, 2), 2))))
    return exchanges


def rate(model: Model, worlds: Worlds, exchanges: list[Exchange], seconds: float) -> float:
    """Requests judged in a second of CPU time, the median of several rounds."""
    rates = []
    for _ in range(ROUNDS):
        judged, begun = 0, time.process_time()
        while time.process_time() - begun < seconds / ROUNDS:
            now = worlds
            for request, seen in exchanges:
                now = model.allows(now, 1, request, (NOW, NOW), seen)
            if not now:
                raise AssertionError("the model does not allow its own replies")
            judged += len(exchanges)
        rates.append(judged / (time.process_time() - begun))
    return statistics.median(rates)


def main() -> None:
    """Prints a line for each kind of requests."""
    parser = argparse.ArgumentParser(description="How many requests the model judges in a second.")
    parser.add_argument("profile", nargs="?", default=DEFAULT, choices=list(PROFILES))
    parser.add_argument("--seconds", type=float, default=2.0, help="for each kind of requests (default: 2)")
    options = parser.parse_args()
    begun = time.process_time()
    model = Model.load(options.profile)
    print(f"{options.profile}: loaded and compiled in {time.process_time() - begun:.2f} s")
    worlds = model.connect(model.start(now=NOW), 1)
    for name, draw in (("simple", simple), ("mixed", mixed(model))):
        judged = rate(model, worlds, history(model, worlds, draw), options.seconds)
        print(f"{name:>6}: {judged:>9,.0f} requests a second")


if __name__ == "__main__":
    main()
