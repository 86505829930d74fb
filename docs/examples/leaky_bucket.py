"""A limit for callers, as a leaky bucket: whatever comes in goes out at a steady pace, and what overflows is refused.

    python docs/examples/leaky_bucket.py --url redis://localhost:6379

A token bucket lets a burst through at once; this one spreads it. Every caller's bucket is one number: the moment at
which the next call may go out. A call moves that moment on by the pace and is told how long to wait; where the wait
would be longer than the bucket is deep, it is refused and nothing changes. Commands: EVALSHA, GET, SET PX, TIME.
"""

from __future__ import annotations

import argparse
import time

import redis
from connecting import options, run

POUR = """
local pace, depth = tonumber(ARGV[1]), tonumber(ARGV[2])     -- microseconds between two calls; calls that may wait
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local turn = math.max(now, tonumber(redis.call('GET', KEYS[1])) or now)
local wait = turn - now
if wait > pace * depth then
  return {0, math.ceil(wait - pace * depth)}
end
-- %.0f, since Lua writes so large a number with an exponent otherwise, and loses its last digits.
redis.call('SET', KEYS[1], string.format('%.0f', turn + pace), 'PX', math.ceil((wait + pace) / 1000))
return {1, wait}
"""


class LeakyBucket:
    """Calls go out `rate` a second, one by one; `depth` of them may wait."""

    def __init__(self, db: redis.Redis, rate: float, depth: int) -> None:
        self.pace, self.depth = round(1_000_000 / rate), depth
        self._pour = db.register_script(POUR)

    def pour(self, caller: str) -> tuple[bool, float]:
        """Whether the call is taken, and in how many seconds it goes out (else: in how many to try again)."""
        taken, micros = self._pour(keys=[f"example:leaky:{caller}"], args=[self.pace, self.depth])
        return bool(taken), micros / 1_000_000


def main(db: redis.Redis, given: argparse.Namespace) -> None:
    db.delete("example:leaky:alice")
    bucket = LeakyBucket(db, given.rate, given.depth)
    print(f"{given.rate:g} a second, {given.depth} may wait")

    began = time.monotonic()
    due = []
    for number in range(1, given.depth + 4):
        taken, wait = bucket.pour("alice")
        print(f"call {number}: {f'goes out in {wait:.2f} s' if taken else f'refused, again in {wait:.2f} s'}")
        if taken:
            due.append(time.monotonic() + wait)
    for moment in due:
        time.sleep(max(moment - time.monotonic(), 0))  # where a real program would do its work
    print(f"{len(due)} calls went out in {time.monotonic() - began:.2f} s")
    taken, wait = bucket.pour("alice")
    print(f"another one: {'goes out' if taken else 'refused, again'} in {wait:.2f} s")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--rate", type=float, default=4.0, help="calls that go out in a second")
    parser.add_argument("--depth", type=int, default=3, help="calls that may wait")
    run(main, parser)
