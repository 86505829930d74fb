"""Parameters of the configuration that a run may change: those after which a server goes on as before.

What must live here: names, and values that are good or bad for each. What was changed is put back when a history ends.
"""

from __future__ import annotations

import random

BOOLEANS = (b"yes", b"no", b"YES", b"No", b"1", b"", b"true", b"yes\x00x", b"on")
NUMBERS = (
    b"1", b"10", b"0", b"-1", b"128", b"64", b"65", b"100", b"1001", b"abc", b"", b"05", b"+5", b" 5", b"1.5", b"5\x00",
    b"2147483647", b"2147483648", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-0",
)  # fmt: skip
SIZES = (
    b"1", b"1024", b"1k", b"1kb", b"2MB", b"1Mb", b"1g", b"0", b"-1", b"k", b"", b"1 k", b"1kk", b"01k", b"1.5", b"1b",
    b"1\x00k", b"9223372036854775807", b"1048575", b"1e3", b"0x10",
)  # fmt: skip
FEW = (b"0", b"1", b"2", b"3", b"5", b"8", b"64", b"512", b"-1", b"-2", b"abc", b"1k")
WORDS = (
    b"everysec", b"ALWAYS", b"no", b"always\x00x", b"nosuch", b"", b"allchannels", b"ResetChannels", b"disabled",
    b"swapdb", b"on-empty-db",
)  # fmt: skip
CLASSES = (
    b"KEA", b"KEAn", b"KEAm", b"AKE", b"g$lshzxetdKE", b"Kg", b"mK", b"Elx", b"", b"n", b"ocK", b"q", b"K E", b"kea",
    b"K\x00q",
)  # fmt: skip
SAVES = (
    b"",
    b"900",
    b"900 a",
    b"a 900",
    b"0 1",
    b"900 -1",
    b" 900 1",
    b"900 1 ",
    b" ",
    b"900 1\x00 a",
)  # none that saves
LIMITS = (
    b"normal 0 0 0", b"Replica 256mb 64mb 60", b"slave 268435456 67108864 60", b"pubsub 33554432 8388608 60", b"",
    b"pubsub 32mb 8mb 060 normal 0 0 0", b"master 0 0 0", b"normal 0 0 -1", b"normal 0x 0 0", b"normal  0 0 0",
    b"pubsub 64mb 8mb 4294967295", b"normal 0 0 4294967296", b"normal 0 0 0\x00x", b"nosuch 0 0", b"normal 0 0",
)  # fmt: skip
SCORES = (
    b"0 200 800",
    b"-1 +5 07",
    b"0  800",
    b"1 2",
    b"1 2 2001",
    b"-2001 0 0",
    b"a 0 0",
    b"",
    b"800 200 0",
    b"0 200 800 ",
)
PERCENTILES = (
    b"50 99 99.9",
    b"",
    b"0 100",
    b"50.0 1e1",
    b"33.3333333",
    b"50 abc",
    b"-1",
    b"100.1",
    b"101 abc",
    b"50  99",
    b"nan",
)
SHARES = (b"0", b"0%", b"1gb", b"%", b"101%", b"-1%", b"05%", b"", b"abc", b"5%%", b"9223372036854775808", b"101%\x00")
SIGNALS = (
    b"default",
    b"nosave now",
    b"NOW Force",
    b"save nosave",
    b"abort",
    b"",
    b"default default",
    b"now  force",
    b"safe now",
)
RATES = (b"10", b"0", b"500", b"501", b"-1", b"2147483648", b"a", b"")
LOGGING = (b"0", b"0", b"-1", b"3", b"2", b"100", b"10000", b"1048576", b"-2", b"x")

VALUES: dict[bytes, tuple[bytes, ...]] = {
    **dict.fromkeys((b"lazyfree-lazy-user-flush", b"rdbcompression", b"rdbchecksum", b"jemalloc-bg-thread"), BOOLEANS),
    **dict.fromkeys((b"no-appendfsync-on-rewrite", b"lazyfree-lazy-eviction", b"replica-lazy-flush"), BOOLEANS),
    **dict.fromkeys((b"slave-lazy-flush", b"aof-load-truncated", b"stop-writes-on-bgsave-error"), BOOLEANS),
    **dict.fromkeys((b"maxmemory-samples", b"lfu-decay-time", b"replica-priority", b"slave-priority"), NUMBERS),
    **dict.fromkeys((b"repl-ping-replica-period", b"repl-ping-slave-period", b"acllog-max-len"), NUMBERS),
    **dict.fromkeys((b"cluster-node-timeout", b"active-expire-effort", b"cluster-announce-port"), NUMBERS),
    **dict.fromkeys((b"auto-aof-rewrite-percentage", b"tracking-table-max-keys", b"min-slaves-max-lag"), NUMBERS),
    **dict.fromkeys((b"auto-aof-rewrite-min-size", b"active-defrag-ignore-bytes", b"repl-backlog-size"), SIZES),
    **dict.fromkeys((b"hash-max-ziplist-entries", b"hash-max-ziplist-value", b"zset-max-ziplist-entries"), FEW),
    **dict.fromkeys((b"zset-max-ziplist-value", b"set-max-intset-entries", b"set-max-listpack-entries"), FEW),
    **dict.fromkeys((b"set-max-listpack-value", b"list-max-ziplist-size"), FEW),
    b"notify-keyspace-events": CLASSES,
    b"save": SAVES,
    b"client-output-buffer-limit": LIMITS,
    b"hz": RATES,
    b"oom-score-adj-values": SCORES,
    b"latency-tracking-info-percentiles": PERCENTILES,
    b"maxmemory-clients": SHARES,
    b"shutdown-on-sigint": SIGNALS,
    **dict.fromkeys((b"slowlog-log-slower-than", b"slowlog-max-len", b"commandlog-execution-slower-than"), LOGGING),
    **dict.fromkeys((b"commandlog-request-larger-than", b"commandlog-reply-larger-than"), LOGGING),
    **dict.fromkeys((b"commandlog-large-request-max-len", b"commandlog-large-reply-max-len"), LOGGING),
    **dict.fromkeys((b"appendfsync", b"acl-pubsub-default", b"repl-diskless-load"), WORDS),
    **dict.fromkeys((b"masteruser", b"replica-announce-ip", b"slave-announce-ip"), (b"", b"abc", b"two words")),
    b"cluster-announce-human-nodename": (b"", b"a b", b"a:b", b"a\0b", b"a!", b"a\xff", b"[", b"a-_./e", b"a\x7f"),
    **dict.fromkeys((b"databases", b"daemonize", b"unixsocket", b"nosuch", b"", b"two\r\nlines"), (b"1", b"yes", b"")),
}
FIXED = (b"databases", b"daemonize", b"unixsocket", b"rdbchecksum")  # no server lets anybody change these
NAMES = tuple(VALUES)
PATTERNS = (
    b"maxmemory-s*", b"*pubsub*", b"MAXMEMORY-SAMPLES", b"maxmemory-samples", b"slave-p*", b"lazyfree-?azy-*", b"?",
    b"rdb[ck]*", b"nosuch*", b"", b"rdb\\compression", b"hash-max-*", b"Databases", b"appendfsync\x00*", b"two\nlines",
)  # fmt: skip


def asked(rng: random.Random) -> bytes:
    """A name or a pattern that CONFIG GET is asked for."""
    return rng.choice(NAMES) if rng.random() < 0.5 else rng.choice(PATTERNS)


def pair(rng: random.Random) -> tuple[bytes, bytes]:
    """A parameter and a value for it; now and then in capitals, now and then a value for another one."""
    name = rng.choice(NAMES)
    value = rng.choice(VALUES[name if rng.random() < 0.95 else rng.choice(NAMES)])
    return (name.upper() if rng.random() < 0.1 else name), value
