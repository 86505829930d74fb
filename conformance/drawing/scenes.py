"""A scene of DUMP and RESTORE: what is dumped, and how it came back."""

from __future__ import annotations

import random
from collections.abc import Callable

from redlark.conformance import payloads
from redlark.conformance.drawing import streaming, values
from redlark.conformance.history import Dumped, Request, Step, request, steps_of

AtKey = Callable[[Request, bytes, random.Random], Request]

# What tells how a value of each type came back, on a key that a payload is put under.
_TOLD = (
    ("OBJECT", "ENCODING"), ("TYPE",), ("PTTL",), ("GET",), ("LRANGE", "0", "-1"), ("SMEMBERS",), ("HGETALL",),
    ("ZRANGE", "0", "-1", "WITHSCORES"), ("XRANGE", "-", "+"), ("DUMP",),
)  # fmt: skip
_TOLD_OF_STREAMS = (("XINFO", "STREAM", "FULL"), ("XINFO", "GROUPS"), ("XPENDING", "g"), ("DUMP",))
_CONTAINERS = {("OBJECT", "ENCODING"): 2, ("XINFO", "STREAM", "FULL"): 2, ("XINFO", "GROUPS"): 2}


def payload(
    client: int,
    write: Callable[[], Request],
    at_key: Callable[[Request, bytes, random.Random], Request],
    rng: random.Random,
) -> tuple[Step, ...]:
    """A value as bytes: dumped and restored, or a payload that was made here; then what has come of it."""
    key, there = values.key(rng, rng.choice(list(values.GROUPS))), values.key(rng)
    streamed = rng.random() < 0.2
    before = [at_key(write(), key, rng) for _ in range(rng.randrange(4))]
    if streamed:
        before = list(streaming.set_up(rng, key))
    told = rng.choices(_TOLD_OF_STREAMS if streamed and rng.random() < 0.7 else _TOLD, k=3)
    given = Dumped() if rng.random() < 0.8 else payloads.made(rng)
    restored = Request((b"RESTORE", there, rng.choice((b"0", b"0", b"100000")), given, b"REPLACE"))
    asked = []
    for words in told:
        head = _CONTAINERS.get(words, 1)
        asked.append(request(*words[:head], there, *words[head:]))
    return (*steps_of(client, [*before, request("DUMP", key), restored]), Step(client, tuple(asked)))
