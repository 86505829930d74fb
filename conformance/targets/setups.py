"""Set-ups: servers configured otherwise, for the rules that a default configuration cannot reach.

A table: a name, the configuration, which requests help there, and which rules need it. On a server that the runner
starts, the configuration is given at start; on a server that was given, it is set by CONFIG SET and put back after.
Where neither is possible the rules stay unreached, and the report says why.
"""

from __future__ import annotations

import re

from attrs import evolve, frozen

from redlark.conformance.drawing import clustered, harmful
from redlark.conformance.history import Dumped, History, Request, Step, request

PASSWORD = "secret"
LISTENER = 7  # the client that hears of all others, and asks for nothing else


@frozen
class Setup:
    """A configuration, the rules that need it (a pattern over `COMMAND/rule`), and requests drawn more often there."""

    name: str
    config: dict[str, str]
    needed_by: str
    likely: tuple[Request, ...] = ()
    signed_in: bool = True
    spares: frozenset[str] = frozenset()  # commands that are not drawn there
    begins: tuple[Request, ...] = ()  # what a client of its own asks for before each history, to hear of the others
    profiles: str = ".*"  # a pattern over the profiles' names: others have not all of these parameters
    alone: bool = False  # a node that is alone in its cluster: it serves every slot before anything else is asked
    harmed: bool = False  # a server that nobody needs: what is asked of it, and nothing else, takes it away (`harmful`)

    def is_of(self, profile: str) -> bool:
        """Whether this set-up is one for servers of that profile."""
        return re.fullmatch(self.profiles, profile) is not None

    def begun(self, history: History) -> History:
        """The history, with who listens to it before it begins."""
        return evolve(history, steps=(Step(LISTENER, self.begins), *history.steps)) if self.begins else history

    def reaches(self, rule: str) -> bool:
        """Whether this set-up exists for that rule."""
        return re.fullmatch(self.needed_by, rule) is not None


# Rules that need a server of a kind that no run starts yet, each with the reason. What no server can be brought to, the
# text says itself (`unreachable`).
OUT_OF_REACH: tuple[tuple[str, str], ...] = (
    (r"CONFIG\|[GS]ET/syntax", "whatever stands there is taken as an argument"),
    ("SYNC/told", "it makes the connection a replica's, and what comes then is another protocol"),
)

# Rules that hang on what only a server can choose, so no rehearsal reaches them; every run goes through some whole
# iterations (`draw.tour`).
UNREHEARSED = (r"[HSZ]SCAN/goes-on", "SCAN/more")


def _passed_on(key: str, other: str) -> tuple[Request, ...]:
    """A value that is dumped and put under another key: it is then kept as a fresh one of its form is."""
    restore = Request((b"RESTORE", other.encode(), b"0", Dumped(), b"REPLACE"))
    return (request("DUMP", key), request("DUMP", key), restore, request("OBJECT", "ENCODING", other))


def _limits(name: str, *values: str) -> tuple[Request, ...]:
    """Requests that change a limit: what is kept already stays until something looks at the limit."""
    return tuple(request("CONFIG", "SET", name, value) for value in values)


# What tells how lists and sets are kept, on the keys that they are drawn for most often, and what changes that.
_LISTS = (
    *_limits("list-max-ziplist-size", "1", "3", "8", "-1"),
    *(request("OBJECT", "ENCODING", key) for key in ("k3", "k3", "k1")),
    request("RPUSH", "k3", "a", "b"),
    request("LPUSH", "k3", "1", "2", "3"),
    request("LSET", "k3", "-1", "y" * 8200),
    request("LINSERT", "k3", "AFTER", "a", "c"),
    request("LINSERT", "k3", "BEFORE", "2", "c"),
    request("LINSERT", "k3", "BEFORE", "b", "y" * 8200),
    request("LPOP", "k3"),
    request("RPOP", "k3", "2"),
    request("LMOVE", "k3", "k3", "LEFT", "RIGHT"),
    request("LREM", "k3", "0", "a"),
    request("DEL", "k3"),
    request("COPY", "k3", "k1", "REPLACE"),
    *_passed_on("k3", "k1"),
    *_passed_on("k3", "k3"),
    request("SORT", "k3", "ALPHA", "STORE", "k1"),
)
_SETS = (
    *_limits("set-max-intset-entries", "0", "2", "5", "512"),
    *_limits("set-max-listpack-entries", "2", "128"),
    *(request("OBJECT", "ENCODING", key) for key in ("k4", "k4", "k1", "k1")),
    request("SADD", "k4", "1", "2"),
    request("SADD", "k4", "3", "4", "5"),
    request("SADD", "k4", "1", "2", "1", "2", "1", "2"),
    request("SADD", "k4", "a", "b"),
    request("SADD", "k4", "a long member"),
    request("SADD", "k1", "6", "7", "8", "9"),
    request("SADD", "k1", "c", "d", "e", "1"),
    request("SREM", "k4", "a", "b", "a long member"),
    request("SPOP", "k4", "5"),
    request("SPOP", "k4"),
    request("SMOVE", "k1", "k4", "1"),
    request("SUNIONSTORE", "k1", "k4", "k1"),
    request("SINTERSTORE", "k4", "k4", "k1"),
    request("SDIFFSTORE", "k4", "k4", "k2", "k2"),
    request("SDIFFSTORE", "k1", "k4", "k2", "k2", "k2", "k2"),
    request("DEL", "k4"),
    request("DEL", "k1"),
    *_passed_on("k4", "k1"),
    *_passed_on("k1", "k4"),
)

# What is measured, and told.
_DELAYS = (
    *([request("DEBUG", "SLEEP", "0.012")] * 3),
    request("DEBUG", "SLEEP", "0.03"),
    *([request("LATENCY", "LATEST")] * 2),
    *([request("LATENCY", "HISTORY", "command")] * 2),
    request("LATENCY", "GRAPH", "command"),
    request("LATENCY", "HISTORY", "fast-command"),
    request("LATENCY", "RESET"),
    request("LATENCY", "RESET", "command", "fork"),
    request("LATENCY", "DOCTOR"),
)
_DEBUGGING = (
    *([request("DEBUG", "DIGEST")] * 3),
    *([request("DEBUG", "DIGEST-VALUE", "k1", "k2", "k3", "k4", "{tag}5")] * 3),
    *([request("SET", "k1", "v", "PX", "1")] * 3),  # what has expired and is still stored
    *([request("DEBUG", "OBJECT", "k1")] * 3),
    *(request("DEBUG", "PROTOCOL", kind) for kind in ("double", "map", "bignum", "attrib", "push", "set", "integer")),
    request("DEBUG", "SLEEP", "0.001"),
)
_AT_ONCE = {"repl-diskless-sync-delay": "0"}  # who asks to be a replica is answered
_HARMED = (
    r"(SAVE|BGSAVE|BGREWRITEAOF|REPLICAOF|SLAVEOF|REPLCONF|MONITOR|PSYNC)/told|CLIENT\|PAUSE/paused"
    r"|SHUTDOWN/(ended|nothing-to-abort)|CONFIG\|(REWRITE/told|SET/(protected|special))|FAILOVER/(?!in-cluster).*"
    r"|MIGRATE/(sent|taken-out)|MODULE\|(LOAD|LOADEX|UNLOAD)/.*"
)
_MEASURED = r"LATENCY\|(GRAPH|HISTORY|LATEST|RESET)/(told|drawn|all|some)"


def _events(name: str, classes: str, needed_by: str, profiles: str = ".*") -> Setup:
    """A server that tells of these classes of events, and somebody who hears of them."""
    return Setup(
        name,
        {"notify-keyspace-events": classes},
        needed_by,
        spares=frozenset({"CLIENT|KILL", "CLIENT|REPLY"}),
        begins=(request("PSUBSCRIBE", "__key*__:*"),),
        profiles=profiles,
    )


SETUPS: tuple[Setup, ...] = (
    Setup(
        "a password is required",
        {"requirepass": PASSWORD},
        r".*/(no-auth|stranger.*|wrong-pass|known)",
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
            *_limits("hash-max-ziplist-entries", "1", "5"),
            *_limits("hash-max-ziplist-value", "2", "64"),
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
            *_passed_on("k2", "k1"),
        ),
    ),
    Setup(
        "sorted sets are packed while they are very small",
        {"zset-max-ziplist-entries": "3", "zset-max-ziplist-value": "6"},
        r"ZINCRBY/changed",
        (
            request("OBJECT", "ENCODING", "{tag}5"),
            request("OBJECT", "ENCODING", "k1"),
            request("DEL", "{tag}5"),
            *_limits("zset-max-ziplist-entries", "1", "5"),
            *_limits("zset-max-ziplist-value", "2", "64"),
            request("ZADD", "{tag}5", "1", "a"),
            request("ZADD", "{tag}5", "1", "b", "-0", "c"),
            request("ZADD", "{tag}5", "NX", "1", "a", "2", "a", "3", "a", "4", "a"),
            request("ZADD", "{tag}5", "0", "b", "0", "c", "0", "a", "0", "d"),
            request("ZADD", "{tag}5", "5", "1234567"),
            request("ZINCRBY", "{tag}5", "-0", "c"),
            request("ZINCRBY", "{tag}5", "1", "a long one"),
            request("ZREM", "{tag}5", "a", "b"),
            request("ZPOPMIN", "{tag}5"),
            request("ZUNIONSTORE", "{tag}5", "2", "{tag}5", "k1"),
            request("ZRANGESTORE", "k1", "{tag}5", "0", "2"),
            request("ZRANGE", "{tag}5", "0", "-1", "WITHSCORES"),
            request("ZSCAN", "{tag}5", "0", "COUNT", "100"),
            request("ZRANGEBYLEX", "{tag}5", "[b", "(d", "LIMIT", "1", "2"),
            request("ZLEXCOUNT", "{tag}5", "[b", "(d"),
            request("ZREMRANGEBYLEX", "k1", "[b", "(d"),
            request("RENAME", "{tag}5", "k1"),
            *_passed_on("{tag}5", "k1"),
        ),
    ),
    Setup(
        "memory is full",
        {"maxmemory": "1"},
        r"(?!X).*/(full|full-at-exec|oom)",  # a rule `full` of streams is of something else
        (request("EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", "k1"), request("SET", "k1", "v")),
    ),
    _events("events are told", "KEAm", r"NOTIFIED/told", r"redis-6.2"),
    _events("events are told", "KEAmn", r"NOTIFIED/told", r"redis-(7.*|8.0)|valkey.*"),
    _events("events are told", "KEAmnoc", r"NOTIFIED/told", r"redis-8.2"),
    _events("few events are told", "$xK", r"NOTIFIED/unasked"),
    Setup("nodes of lists have few elements", {"list-max-ziplist-size": "3"}, r"LMOVE/moved", _LISTS),
    Setup("nodes of lists are small", {"list-max-ziplist-size": "-1"}, r"RPOPLPUSH/moved", _LISTS),
    Setup(
        "sets are packed while they are very small",
        {"set-max-intset-entries": "5", "set-max-listpack-entries": "3", "set-max-listpack-value": "8"},
        r"SMOVE/moved",
        _SETS,
        profiles=r"(?!redis-(6.2|7.0)).*",
    ),
    Setup(
        "sets of integers are very small",
        {"set-max-intset-entries": "5"},
        r"SPOP/some",
        _SETS,
    ),
    Setup(
        "keys are evicted by frequency",
        {"maxmemory-policy": "allkeys-lfu"},
        r"OBJECT\|(FREQ|IDLETIME)/.*",
        (request("OBJECT", "FREQ", "k1"), request("OBJECT", "IDLETIME", "k1")),
    ),
    Setup(
        "every request is slow",
        {"slowlog-log-slower-than": "0"},
        r"LOGGED/.*|(SLOW|COMMAND)LOG\|.*/told",
        (
            request("SLOWLOG", "RESET"),
            request("SLOWLOG", "GET"),
            request("SLOWLOG", "GET", "-1"),
            request("SLOWLOG", "GET", "3"),
            request("SLOWLOG", "LEN"),
            request("COMMANDLOG", "RESET", "large-request"),
            request("COMMANDLOG", "RESET", "large-reply"),
            request("COMMANDLOG", "GET", "-1", "large-request"),
            request("COMMANDLOG", "GET", "5", "large-reply"),
            request("CONFIG", "SET", "commandlog-request-larger-than", "0"),
            request("CONFIG", "SET", "commandlog-reply-larger-than", "0"),
            request("CONFIG", "SET", "slowlog-max-len", "3"),
            request("SADD", "k4", *map(str, range(40))),
            request("SET", "k1", "x" * 200),
            request("EVAL", "redis.call('SET', KEYS[1], 'v') return redis.call('GET', KEYS[1])", "1", "k1"),
            request("AUTH", "default", "secret"),
            request("HELLO", "2", "AUTH", "default", "secret", "SETNAME", "me"),
            request("ACL", "GETUSER", "nobody"),
        ),
    ),
    Setup(
        "what is counted begins anew",
        {},
        r"COUNTED/.*",
        (
            *([request("INFO", "stats")] * 3),
            *([request("INFO", "commandstats")] * 3),
            *([request("INFO", "errorstats")] * 2),
            request("INFO", "everything"),
            request("CONFIG", "RESETSTAT"),
        ),
        begins=(request("CONFIG", "RESETSTAT"),),
    ),
    Setup("debugging is allowed", {}, r"DEBUG/.*", _DEBUGGING, profiles=r"redis-6.2"),  # which allows it to everybody
    Setup(
        "debugging is allowed",
        {"enable-debug-command": "yes"},
        r"DEBUG/.*",
        _DEBUGGING,
        profiles=r"(?!redis-6.2).*",
    ),
    Setup(
        "delays are measured",
        {"latency-monitor-threshold": "10", "enable-debug-command": "yes"},
        _MEASURED,
        _DELAYS,
        profiles=r"(?!redis-6.2).*",
    ),
    Setup("delays are measured", {"latency-monitor-threshold": "10"}, _MEASURED, _DELAYS, profiles=r"redis-6.2"),
    Setup(
        "sketches become dense early",
        {"hll-sparse-max-bytes": "24"},
        r"PFADD/became-dense",
        (
            request("PFADD", "k1", "a", "b"),
            request("PFADD", "k1", "c", "d", "e"),
            request("PFADD", "k2", "f", "g", "h", "i"),
            request("PFMERGE", "k3", "k1", "k2"),
            request("PFCOUNT", "k1"),
            request("PFDEBUG", "ENCODING", "k3"),
            request("GET", "k1"),
        ),
    ),
    Setup(
        "a node is alone in its cluster",
        {"cluster-enabled": "yes"},
        r"CLUSTER(\|[A-Z-]+|SCAN)?/(?!disabled$).*|ASKING/told|READONLY/allowed|READWRITE/taken-back|.*/in-cluster"
        r"|SORT(_RO)?/(by|get)-denied|DISPATCH/(slot-not-served|cross-slot|cluster-down)"
        r"|CALLED/(cross|other)-slot|(EVAL|FCALL).*/no-cluster|SHUTDOWN/not-safe",
        (
            request("MGET", "k1", "k2"),
            request("MSET", "k1", "v", "{k1}2", "v"),
            request("SET", "{k1}2", "v"),
            request("DEL", "k1", "{k1}2"),
            request("RENAME", "{k1}2", "k1"),
            request("CLUSTER", "COUNTKEYSINSLOT", "12706"),
            request("CLUSTER", "GETKEYSINSLOT", "12706", "10"),
            request("CLUSTER", "GETKEYSINSLOT", "12706", "1"),
            request("CLUSTER", "KEYSLOT", "k1"),
            request("SELECT", "1"),
            request("MOVE", "k1", "1"),
            request("SWAPDB", "0", "1"),
            request("COPY", "k1", "{k1}2", "DB", "1"),
            request("COPY", "k1", "{k1}2", "DB", "0", "REPLACE"),
            request("RPUSH", "{k1}2", "2", "1"),
            request("SORT", "{k1}2", "BY", "w_*"),
            request("SORT", "{k1}2", "BY", "{k1}*", "GET", "#", "GET", "{k1}*"),
            request("SORT", "{k1}2", "GET", "k1"),
            request("SORT_RO", "{k1}2", "GET", "*{k1}"),
            request("SORT_RO", "{k1}2", "BY", "{k1}*"),
            request("SSUBSCRIBE", "a", "b"),
            request("SPUBLISH", "a", "m"),
            request("READONLY"),
            request("ASKING"),
            request("GET", "k1"),
            request("MULTI"),
            request("EXEC"),
            request("FLUSHALL"),
        ),
        spares=clustered.CHANGING | clustered.SCRIPTS | clustered.LOSING,
        alone=True,
    ),
    Setup("users stand in a file", {"aclfile": harmful.USERS}, r"ACL\|(SETUSER|DELUSER|SAVE|LOAD)/told", harmed=True),
    Setup("nobody else is", _AT_ONCE, _HARMED, profiles="redis-6.2", harmed=True),
    Setup(
        "nobody else is",
        {**_AT_ONCE, "enable-module-command": "yes"},
        _HARMED,
        profiles=r"(?!redis-6.2).*",
        harmed=True,
    ),
)
