"""What happens on a site, counted while it happens: views, likes, and how many different people came.

    python docs/examples/counters.py --url redis://localhost:6379

INCR and its kin add in one step at the server, so any number of web servers may count the same thing and lose none.
What is counted by the hour has the hour in its key, and a deadline. Commands: INCR, HINCRBY, PFADD, PFCOUNT, SETBIT,
BITCOUNT, BITOP, EXPIRE, SCAN, pipelines.
"""

from __future__ import annotations

import argparse
import random

import redis
from connecting import options, run

SITE = "example:site"
PAGES = ["home", "shop", "news"]


def record(db: redis.Redis, hour: int, page: str, visitor: int) -> None:
    """Count one view: five commands, one round trip."""
    pipe = db.pipeline(transaction=False)  # nobody reads the five together, so they need not be one unit
    pipe.incr(f"{SITE}:views")
    pipe.hincrby(f"{SITE}:views:{hour}", page, 1)
    pipe.expire(f"{SITE}:views:{hour}", 48 * 3600)
    # A HyperLogLog counts different ones in 12 KiB at most, to about 1 %; a set would hold every visitor.
    pipe.pfadd(f"{SITE}:visitors:{hour}", visitor)
    # A bitmap knows exactly who came, at one bit for each visitor there could be.
    pipe.setbit(f"{SITE}:active:{hour}", visitor, 1)
    pipe.execute()


def main(db: redis.Redis, given: argparse.Namespace) -> None:
    old = list(db.scan_iter(f"{SITE}:*"))  # SCAN, not KEYS: a big server is not kept from others meanwhile
    if old:
        db.delete(*old)

    draw = random.Random(given.seed)
    seen: dict[int, set[int]] = {9: set(), 10: set()}
    for _ in range(given.views):
        hour, visitor = draw.choice([9, 10]), draw.randrange(200)
        seen[hour].add(visitor)
        record(db, hour, draw.choice(PAGES), visitor)

    print(f"views in all: {db.get(f'{SITE}:views')}")
    for hour in (9, 10):
        pages = db.hgetall(f"{SITE}:views:{hour}")
        print(f"{hour} o'clock: {', '.join(f'{page} {pages[page]}' for page in PAGES)}")
        print(
            f"  visitors: about {db.pfcount(f'{SITE}:visitors:{hour}')}, exactly {db.bitcount(f'{SITE}:active:{hour}')}"
        )
    print(f"  both hours, about: {db.pfcount(f'{SITE}:visitors:9', f'{SITE}:visitors:10')}")
    db.bitop("AND", f"{SITE}:loyal", f"{SITE}:active:9", f"{SITE}:active:10")
    print(f"  came in both hours: {db.bitcount(f'{SITE}:loyal')} (known here: {len(seen[9] & seen[10])})")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--views", type=int, default=1000, help="how many views to make up")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes up the same views")
    run(main, parser)
