"""Hints for what is a part of another difference, or shows beside one: a transaction has one reply for all it asks.

Where a new rule brings a value back to what the other version always has (a list that grows is a quicklist again), what
was before and what is after stand in one reply: the two versions differ there, and differ otherwise without the rule.
So do the figures of INFO, behind several clients. What must not live here: hints for a server as it comes, and a
single reply (`hints.py`).
"""

from __future__ import annotations

from redlark.conformance.differences.hint import Hint

_MANY = " ".join(f"m{number}" for number in range(129))
_LONG = "y" * 8200
_ENCODED = "OBJECT ENCODING k"


def _at_once(*lines: str) -> tuple[str, ...]:
    return ("MULTI", *lines, "EXEC")


def _before_and_after(asked: str, *made: str, key: str = "k") -> tuple[str, ...]:
    """How a list is kept before a request and behind it."""
    return _at_once(*made, f"OBJECT ENCODING {key}", asked, f"OBJECT ENCODING {key}")


HINTS: tuple[Hint, ...] = (
    Hint(
        r"(rule|step) COUNTED .*|definition \(shared\) (has-run|has-failed|is-refused)",
        tuple(
            ("2> CLIENT ID", "CONFIG RESETSTAT", "2> BLPOP k 0", *then, section)
            for then in (
                (),
                ("RPUSH k a", "2<"),
                ("CLIENT UNBLOCK {id}", "2<"),
                ("CLIENT UNBLOCK {id} ERROR", "2<"),
            )
            for section in ("INFO commandstats", "INFO errorstats", "LATENCY HISTOGRAM")
        ),
    ),
    Hint(
        r"(step|rule) (LINSERT|LSET|fragment (push|take-out|move)) .*",
        (
            _before_and_after(f"RPUSH k {_LONG}", "RPUSH k a"),
            _before_and_after(f"LSET k 0 {_LONG}", "RPUSH k a"),
            _before_and_after(f"LINSERT k AFTER a {_LONG}", "RPUSH k a"),
            _at_once("RPUSH k a", _ENCODED, f"RPUSH k {'y' * 5000} {'y' * 5000}", "RPOP k", _ENCODED),
            _at_once("RPUSH k a", _ENCODED, f"RPUSH k {'y' * 5000} {'y' * 5000}", "LREM k 1 a", _ENCODED),
            _before_and_after("LMOVE j k LEFT RIGHT", "RPUSH k a", f"RPUSH j {_LONG}"),
            (f"RPUSH k a {_LONG}", "RPOP k", _ENCODED),
            (f"RPUSH k a {_LONG}", "LSET k 1 b", _ENCODED),
            (f"RPUSH k a {_LONG}", "LREM k 1 a", _ENCODED),
            ("RPUSH k a b", "LSET k 1 b", _ENCODED),
            ("RPUSH k a b", "LINSERT k AFTER a b", _ENCODED),
            ("RPUSH k a b", "RPUSH k b", _ENCODED),
            ("RPUSH k a b", "LMOVE k k LEFT RIGHT", _ENCODED),
        ),
    ),
    Hint(
        r"definition \(shared\) list-read",
        (
            ("RPUSH k a b", "DUMP k", "RESTORE j 0 {payload}", "OBJECT ENCODING j"),
            (f"RPUSH k a {_LONG}", "DUMP k", "RESTORE j 0 {payload}", "OBJECT ENCODING j"),
        ),
    ),
    Hint(
        r"definition \(shared\) met-in",
        (
            ("SADD k 1 a", "SADD j 1 2 b", "SINTERSTORE s k j", "OBJECT ENCODING s"),
            ("SADD k 1 a", "SADD j 1 a b", "SINTERSTORE s k j", "OBJECT ENCODING s"),
            ("SADD k a b", "SADD j a b c", "SINTERSTORE s k j", "OBJECT ENCODING s"),
        ),
    ),
    Hint(r"definition \(shared\) left-as", ((f"SADD k {_MANY}", "SPOP k 128", _ENCODED),)),
    Hint(
        r"definition \(shared\) waits-anew",
        (
            (
                "XGROUP CREATE a g 0 MKSTREAM",
                "XGROUP CREATE b g 0 MKSTREAM",
                "2> XREADGROUP GROUP g x BLOCK 0 STREAMS a >",
                "3> XREADGROUP GROUP g y BLOCK 0 STREAMS a b > >",
                "4> XREADGROUP GROUP g z BLOCK 0 STREAMS b >",
                "XADD a 1-1 f v",
                "2<",
                "XADD b 1-1 f v",
                "4<",
            ),
        ),
    ),
    Hint(
        r"(step|rule) (SET stored|fragment put .*)",
        (
            ("SET k v NX PXAT 9000000000000",),
            ("SET k v GET PXAT 9000000000000",),
            ("set k v pxat 9000000000000",),
        ),
    ),
    Hint(
        r"step fragment written-over event",
        (("SET k v", "SET k w"), ("RPUSH k a", "SET k v"), ("SET k v", "MSET k w")),
    ),
    Hint(
        r"definition \(shared\) (timed-fields-told-as|counts-once-timed)",
        (
            ("SET k v", "INFO keyspace"),
            ("HSET k f v", "HPEXPIRE k 100000 FIELDS 1 f", "HPERSIST k FIELDS 1 f", "INFO keyspace"),
        ),
    ),
    Hint(
        r"definition \(shared\) unpacks",
        (
            ("ZADD k 1 a", f"ZADD k XX 1 {'m' * 65}", _ENCODED),
            ("ZADD k 1 a", f"ZADD k NX GT 1 {'m' * 65}", _ENCODED),
            (f"ZADD k 1 {'m' * 65}", _ENCODED),
        ),
    ),
    Hint(
        r"definition \(shared\) is-memory",
        tuple(
            (f"CONFIG SET maxmemory {value}",)
            for value in ("18446744073709551616", "99999999999999999999", "18446744073709551615kb", "17179869184gb")
        ),
    ),
    Hint(
        r"definition \(shared\) percentile",
        tuple((f"CONFIG SET latency-tracking-info-percentiles {part}",) for part in ("0x10", "0x1p3")),
    ),
    Hint(
        r"step fragment sort choose stale|rule fragment sort stale-range",
        # a number that overflows leaves its mark for the next SORT, which no text can tell: `choose` there
        (("RPUSH k 1.5", "MULTI", "INCRBYFLOAT j 1e5000", "SORT k", "EXEC"),),
    ),
    Hint(r"(option|rule) BGSAVE .*", (("BGSAVE CANCEL",),)),
    Hint(r"(syntax|option) (\S+) .*|syntax .*", (("COMMAND DOCS hgetex",), ("COMMAND DOCS config|get",))),
    Hint(r"type \(shared\) field-unix-time", (("COMMAND DOCS hexpireat",),)),
    Hint(r"reply MEMORY\|STATS", (("MEMORY STATS",),)),
    Hint(
        r"encoding \(shared\) hash",
        tuple(
            ("HSET k f v", "HPEXPIRE k 100000 FIELDS 1 f", asked, _ENCODED)
            for asked in (
                "HSET k g w", "HSET k f w", "HDEL k g", "HINCRBY k n 1", "HINCRBYFLOAT k n 1", "HSETNX k g 1",
                "HMSET k g w", "HPERSIST k FIELDS 1 f", "RENAME k j", "HSETEX k FIELDS 1 g w", "HGETDEL k FIELDS 1 g",
            )
        ),
    ),
    Hint(
        r"rule (XAUTOCLAIM claimed|XCLAIM claimed)",
        tuple(
            ("XADD k 1-1 f v", "XGROUP CREATE k g 0", "XREADGROUP GROUP g a STREAMS k >", asked, *look)
            for asked in ("XCLAIM k g b 0 1-1", "XAUTOCLAIM k g b 0 0")
            for look in ((), ("XINFO CONSUMERS k g",))
        ),
    ),
)  # fmt: skip
