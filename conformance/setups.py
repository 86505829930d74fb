"""Set-ups: servers configured otherwise, for the rules that a default configuration cannot reach.

A table: a name, the configuration, which requests help there, and which rules need it. On a server that the runner
starts, the configuration is given at start; on a server that was given, it is set by CONFIG SET and put back after.
Where neither is possible the rules stay unreached, and the report says why.
"""

from __future__ import annotations

import re

from attrs import frozen

from redlark.conformance.history import Request, request

PASSWORD = "secret"


@frozen
class Setup:
    """A configuration, the rules that need it (a pattern over `COMMAND/rule`), and requests drawn more often there."""

    name: str
    config: dict[str, str]
    needed_by: str
    likely: tuple[Request, ...] = ()
    signed_in: bool = True
    spares: frozenset[str] = frozenset()  # commands that are not drawn there

    def reaches(self, rule: str) -> bool:
        """Whether this set-up exists for that rule."""
        return re.fullmatch(self.needed_by, rule) is not None


# Rules that no run can reach yet, each with the reason.
OUT_OF_REACH: tuple[tuple[str, str], ...] = (
    (r"P?EXPIRE(AT)?/syntax", "the command has no options in this version: what stands behind is refused as arity"),
    ("DISPATCH/subscribed", "needs SUBSCRIBE, which the text does not specify yet"),
)

# What tells how values are kept, on the keys that are drawn most often.
_ENCODINGS = tuple(request("OBJECT", "ENCODING", key) for key in ("k1", "k3", "k4", "k3", "k4"))

SETUPS: tuple[Setup, ...] = (
    Setup(
        "a password is required",
        {"requirepass": PASSWORD},
        r".*/(no-auth|stranger|wrong-pass|known)",
        (
            request("AUTH", PASSWORD),
            request("AUTH", "default", PASSWORD),
            request("AUTH", "wrong"),
            request("HELLO", "3"),
            request("HELLO", "3", "AUTH", "default", PASSWORD),
            request("HELLO", "2", "AUTH", "default", "wrong"),
            request("PING"),
            request("RESET"),
            request("EXEC"),
            request("ECHO", "x" * 16385),
            request("DEL", *["k1"] * 10),
        ),
        signed_in=False,
    ),
    Setup(
        "strings are short",
        {"proto-max-bulk-len": "1048576"},
        r"(APPEND|SETRANGE|LCS)/too-(long|large)",
        (
            request("SETRANGE", "k1", "1048575", "x"),
            request("SETRANGE", "k2", "1048570", "x"),
            request("SETRANGE", "k3", "600", "x"),
            request("APPEND", "k1", "x"),
            request("APPEND", "k2", "123456"),
            request("LCS", "k3", "k3"),
            request("LCS", "k1", "k4"),
            request("SETBIT", "k1", "8388608", "1"),
            request("SETBIT", "k4", "8388607", "1"),
            request("GETBIT", "k1", "8388608"),
            request("BITFIELD", "k1", "GET", "u8", "8388608"),
            request("BITFIELD", "k4", "INCRBY", "u8", "8388607", "1"),
        ),
        # 6.2 sets no limit to the work of STRALGO: two strings of a megabyte are 10^12 steps, for server and text
        spares=frozenset({"STRALGO"}),
    ),
    Setup(
        "hashes are packed while they are very small",
        {"hash-max-ziplist-entries": "3", "hash-max-ziplist-value": "6"},  # the name that every version has
        r"HSETNX/stored",
        (
            request("OBJECT", "ENCODING", "k2"),
            request("OBJECT", "ENCODING", "k1"),
            request("DEL", "k2"),
            request("HSET", "k2", "a", "1"),
            request("HSET", "k2", "b", "1", "c", "1"),
            request("HSET", "k2", "a", "1", "a", "2", "a", "3", "a", "4"),
            request("HMSET", "k2", "d", "123456", "e", "123456"),
            request("HSETNX", "k2", "a", "1234567"),
            request("HINCRBY", "k2", "a", "1000000"),
            request("HINCRBYFLOAT", "k2", "a", "0.00001"),
            request("HINCRBY", "k2", "a long one", "1"),
            request("HDEL", "k2", "a", "b"),
            request("RENAME", "k2", "k1"),
        ),
    ),
    Setup("memory is full", {"maxmemory": "1"}, r".*/(full|full-at-exec|oom)"),
    Setup(
        "collections are small",
        {"list-max-ziplist-size": "3", "set-max-intset-entries": "3"},
        r"OBJECT\|ENCODING/told",
        _ENCODINGS,
    ),
    Setup(
        "keys are evicted by frequency",
        {"maxmemory-policy": "allkeys-lfu"},
        r"OBJECT\|(FREQ|IDLETIME)/.*",
        (request("OBJECT", "FREQ", "k1"), request("OBJECT", "IDLETIME", "k1")),
    ),
)
