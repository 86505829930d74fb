"""What requests on streams are about: a stream that groups have read, and edges that chance alone seldom finds.

What must live here: set-ups and requests of a fixed shape, which `draw` and `rehearse` mix with what the grammar gives.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from redlark.conformance.drawing import values
from redlark.conformance.history import Request, request

LAST = "18446744073709551615-18446744073709551615"  # the greatest id
LONG = "1000000"  # milliseconds for which nothing has been idle
IDS = ("1-1", "1-2", "1-3", "2-1", "2-2", "3-1", "9-9")


def set_up(rng: random.Random, key: bytes | None = None) -> tuple[Request, ...]:
    """A stream with a group that has read some of it, now and then with another group; some entries go again."""
    if key is None:
        key = values.KEYS[4] if rng.random() < 0.7 else values.key(rng)
    ids = [(ms, seq) for ms in range(1, rng.randrange(2, 5)) for seq in (1, 2, 3)]
    made = [request("DEL", key), *(request("XADD", key, f"{ms}-{seq}", "f", f"{ms}") for ms, seq in ids)]
    for group in ("g", "h") if rng.random() < 0.3 else ("g",):
        made.append(request("XGROUP", "CREATE", key, group, rng.choice(("0", "0", "$", "1-2"))))
        count = ("COUNT", str(rng.randrange(1, 6))) if rng.random() < 0.7 else ()
        for consumer in rng.sample(("alice", "bob", "carol"), rng.choice((1, 1, 2))):
            made.append(request("XREADGROUP", "GROUP", group, consumer, *count, "STREAMS", key, ">"))
    after = (
        ("XDEL", key, "1-2"), ("XDEL", key, "1-1", "1-2"), ("XTRIM", key, "MAXLEN", "1"), ("XACK", key, "g", "1-1"),
        ("XTRIM", key, "MAXLEN", "0"), ("XADD", key, LAST, "f", "v"), ("XGROUP", "DELCONSUMER", key, "g", "alice"),
        ("XSETID", key, "20-1"), ("XCLAIM", key, "g", "bob", "0", "1-1", "3-3", "FORCE"),
    )  # fmt: skip
    if rng.random() < 0.6:
        made += [request(*one) for one in rng.sample(after, rng.choice((1, 1, 2)))]
    return tuple(made)


def edges(key: bytes, rng: random.Random) -> dict[str, tuple[str | bytes, ...]]:
    """A request of each of some commands that lies at an edge of what is allowed, or just behind it."""
    pick = rng.choice

    def more(*options: tuple[str, ...]) -> tuple[str, ...]:
        return pick(((), *options))

    read = ("XREADGROUP", "GROUP", "g", pick(("alice", "bob")))
    idle = ("IDLE", pick(("5", "x", "IDLE", LONG, "0")), pick(("-", "IDLE")), "+", "1", "alice", "x")
    ids = rng.sample(IDS, 2)
    policy = pick(((), ("KEEPREF",), ("DELREF",), ("ACKED",), ("ACKED",)))
    bound = pick((LAST, "0", "0-0", "1-1", "+", "-"))
    way = ("IDLE", LONG, "-", "+", "10") if pick((True, False)) else idle[: rng.randrange(2, 8)]
    pending = pick((way, way, ("-", f"({bound}", "3"), (f"({bound}", "+", "3"), ("-", "+", "2")))
    return {
        "XADD": pick((
            ("XADD", key, pick((LAST, "*", "0-0", "1-*")), "f", "v"), ("XADD", key, pick((LAST, "*")), "f", "v"),
            ("XADD", key, "MAXLEN", "1", "MINID", "1-1", "*", "f", "v"), ("XADD", key, "MAXLEN", "~", "3"),
            ("XADD", key, "MAXLEN"), ("XADD", key, "NOMKSTREAM", "LIMIT", "5"), ("XADD", key, "MAXLEN", "=", "2", "*"),
        )),
        "XREADGROUP": pick((
            (*read, "COUNT", "1", "STREAMS"), (*read, "STREAMS", key, pick(("$", "+", "x", "0", "1-1"))),
            (*read, "BLOCK", str(values.MAX), "STREAMS", key, pick((">", "0"))), (*read, "STREAMS", key, "0"),
        )),
        "XREAD": pick((
            ("XREAD", "BLOCK", str(values.MAX), "STREAMS", key, pick(("0", "$"))), ("XREAD", "COUNT", "1", "STREAMS"),
            ("XREAD", "STREAMS", key, pick(("+", ">", "x", LAST))),
        )),
        "XPENDING": ("XPENDING", key, "g", *pending),
        "XRANGE": ("XRANGE", key, f"({bound}", "+") if pick((True, False)) else ("XRANGE", key, "-", f"({bound}"),
        "XREVRANGE": ("XREVRANGE", key, *pick((("+", f"({bound}"), (f"({bound}", "-")))),
        "XGROUP|SETID": (
            "XGROUP", "SETID", key, "g", pick(("x", "0", "-", "+")), *more(("ENTRIESREAD", "1", "ENTRIESREAD", "2"))
        ),
        "XGROUP|CREATE": ("XGROUP", "CREATE", key, pick(("g", "new")), pick(("x", "-", "$")), *more(("MKSTREAM",))),
        "XCLAIM": (
            "XCLAIM", key, "g", "bob", pick(("0", LONG, "x")), *ids, *more(("JUSTID",), ("LASTID", "x"), ("COUNT",))
        ),
        "XAUTOCLAIM": ("XAUTOCLAIM", key, "g", "carol", pick(("0", LONG)), f"({bound}" if pick((True, False)) else "0"),
        "XDELEX": ("XDELEX", key, *policy, "IDS", "2", *ids),
        "XACKDEL": ("XACKDEL", key, "g", *policy, "IDS", "2", *ids),
        "XINFO|STREAM": ("XINFO", "STREAM", key, "FULL", "COUNT", pick(("0", "1", "x", "-1")), *more(("x",))),
        "XSETID": (
            "XSETID", key, pick((*IDS, "0", "x", "20-1")),
            *more(("ENTRIESADDED", pick(("1", "100", "-1"))), ("MAXDELETEDID", pick(IDS))),
        ),
    }  # fmt: skip


def about(key: bytes, rng: random.Random, names: Sequence[str]) -> Request:
    """One of these requests, of a command among these (of any, where none of these has one)."""
    found = edges(key, rng)
    return request(*found[rng.choice([name for name in found if name in names] or list(found))])
