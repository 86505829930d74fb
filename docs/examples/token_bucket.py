"""A limit for callers, as a token bucket: bursts are fine, the average is not exceeded.

    python docs/examples/token_bucket.py --url redis://localhost:6379

Everybody has a bucket of tokens. A call takes one, and they come back at a steady rate, up to the bucket's size.
Reading, deciding and writing in three requests would let two calls through on one token, so the server does it all in
one script, and nothing comes between. Its clock (TIME) is the only one, so callers' clocks need not agree.
Commands: EVALSHA, HMGET, HSET, PEXPIRE, TIME.
"""

from __future__ import annotations

import argparse
import time

import redis
from connecting import options, run

TAKE = """
local size, rate, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000

local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(kept[1]) or size          -- a caller never seen has a full bucket
local at = tonumber(kept[2]) or now
tokens = math.min(size, tokens + (now - at) * rate)

local wait = 0
if tokens >= wanted then
  tokens = tokens - wanted
else
  wait = (wanted - tokens) / rate
end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
-- A bucket that is full again says nothing, so it may go. PEXPIRE takes whole milliseconds.
redis.call('PEXPIRE', KEYS[1], math.ceil(size / rate * 1000))
return {wait == 0 and 1 or 0, tostring(math.floor(tokens)), tostring(wait)}
"""


class TokenBucket:
    """At most `size` calls at once, and `rate` a second in the long run, for each caller."""

    def __init__(self, db: redis.Redis, size: int, rate: float) -> None:
        self.size, self.rate = size, rate
        self._take = db.register_script(TAKE)  # sent once; then its SHA1 is enough

    def take(self, caller: str, tokens: int = 1) -> tuple[bool, int, float]:
        """Whether the call is allowed, how many tokens are left, and in how many seconds there are enough."""
        # Numbers come back from Lua as integers, their fractions cut off; what has a fraction is sent as text.
        allowed, left, wait = self._take(keys=[f"example:bucket:{caller}"], args=[self.size, self.rate, tokens])
        return bool(allowed), int(left), float(wait)


def main(db: redis.Redis, given: argparse.Namespace) -> None:
    db.delete("example:bucket:alice", "example:bucket:bob")
    bucket = TokenBucket(db, given.size, given.rate)
    print(f"{given.size} at once, {given.rate:g} a second")

    for number in range(1, given.size + 3):
        allowed, left, wait = bucket.take("alice")
        print(f"alice, call {number}: {f'allowed, {left} left' if allowed else f'wait {wait:.2f} s'}")
    print(f"bob, call 1: {'allowed' if bucket.take('bob')[0] else 'refused'} (a bucket of his own)")

    time.sleep(wait)
    allowed, _, _ = bucket.take("alice")
    print(f"alice, after waiting as told: {'allowed' if allowed else 'refused'}")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--size", type=int, default=5, help="tokens that a bucket holds")
    parser.add_argument("--rate", type=float, default=2.0, help="tokens that come back in a second")
    run(main, parser)
