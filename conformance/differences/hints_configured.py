"""Hints for servers that are set up in some way: a node alone in its cluster, one that keeps each request in its logs,
one that lets itself be debugged.

What must not live here: hints for a server as it comes (`hints.py`).
"""

from __future__ import annotations

from redlark.conformance.differences.hint import Hint

CLUSTER = (("cluster-enabled", "yes"),)
DEBUGGING = (("enable-debug-command", "yes"),)
SLOW = (("slowlog-log-slower-than", "0"),)
LARGE = (*SLOW, ("commandlog-request-larger-than", "0"), ("commandlog-reply-larger-than", "0"))

_GET = "EVAL \"return redis.call('GET', KEYS[1])\" 1 k"

HINTS: tuple[Hint, ...] = (
    # ---- a node alone in its cluster -------------------------------------------------------------------------------
    Hint(
        r"(step|rule) COPY .*",
        tuple(
            ("SET k v", f"COPY k {{k}}2 DB {number}") for number in ("1", "0", "-1", "15", "16", "x")
        ),
        CLUSTER,
    ),
    Hint(r"(step|rule) MOVE .*", (("SET k v", "MOVE k 1"), ("MOVE k 1",), ("MOVE k x",)), CLUSTER),
    Hint(
        r"definition \(shared\) looks-in-one-slot",
        (("SET k v PX 1", "WATCH k", "5 ms later MULTI", "SET 0 v", "EXEC"),),
        CLUSTER,
    ),
    Hint(
        r"(option|rule) CLUSTER\|SETSLOT .*",
        tuple((f"CLUSTER SETSLOT 5 STABLE TIMEOUT {time}",) for time in ("10", "x", "-1")),
        CLUSTER,
    ),
    Hint(
        r"(option|rule|step) SHUTDOWN .*",
        (("SHUTDOWN SAFE",), ("SHUTDOWN SAFE FAILOVER",), ("SHUTDOWN NOSAVE SAFE",)),
        CLUSTER,
    ),
    Hint(
        r"step fragment one-slot .*",
        (
            ("CLUSTER DELSLOTS 12706", "MGET k1 k2", "CLUSTER ADDSLOTS 12706"),
            ("CLUSTER DELSLOTS 12706 449", "MGET k1 k2", "CLUSTER ADDSLOTS 12706 449"),
        ),
        CLUSTER,
    ),
    Hint(
        r"(error|definition) \(shared\) (SORT_DENIED|elsewhere)|(step|rule) fragment (get|by)-elsewhere .*",
        (
            ("RPUSH k 1", "SORT k BY w_*"),
            ("RPUSH k 1", "SORT k BY {k}*"),
            ("RPUSH k 1", "SORT k GET {k}*"),
            ("RPUSH k 1", "SORT k GET #"),
            ("RPUSH k 1", "SORT k GET w_*"),
            ("RPUSH k 1", "SORT k BY nosort GET #"),
        ),
        CLUSTER,
    ),
    Hint(
        r"error \(shared\) CALL_CROSS_SLOT|step fragment (keeps-slot|called-in-cluster) .*"
        r"|step CALLED use called-in-cluster",
        (
            ("EVAL \"return redis.call('MGET', 'a', 'b')\" 0",),
            (
                "MULTI",
                "EVAL \"#!lua\\nreturn redis.call('GET', 'b')\" 0",
                "EVAL \"return redis.call('GET', 'c')\" 0",
                "EVAL \"#!lua\\nreturn redis.call('GET', 'a')\" 0",
                "EXEC",
            ),
        ),
        CLUSTER,
    ),
    # ---- logs that keep every request ------------------------------------------------------------------------------
    Hint(
        r"(step|rule) LOGGED .*",
        (("SLOWLOG RESET", "BLPOP k 0.01", "1<", "SLOWLOG LEN"),),
        SLOW,
    ),
    Hint(
        r"definition \(shared\) is-secret",
        tuple(
            ("SLOWLOG RESET", f"CONFIG SET {name} x", "SLOWLOG GET 5")
            for name in ("tls-key-file-pass", "primaryauth", "primaryuser")
        ),
        SLOW,
    ),
    Hint(
        r"definition \(shared\) on-users",
        (
            ("SLOWLOG RESET", "ACL GETUSER nobody", "SLOWLOG GET 5"),
            ("SLOWLOG RESET", "ACL DELUSER nobody", "SLOWLOG GET 5"),
        ),
        SLOW,
    ),
    Hint(
        r"definition \(shared\) (address|name)-shown",
        (
            ("SLOWLOG RESET", _GET, "SLOWLOG GET 5"),
            ("CLIENT SETNAME me", "SLOWLOG RESET", _GET, "SLOWLOG GET 5"),
        ),
        SLOW,
    ),
    Hint(
        r"definition \(shared\) lost-when-unblocked",
        tuple(
            ("2> CLIENT ID", "2> BLPOP k 0", "SLOWLOG RESET", f"CLIENT UNBLOCK {{id}}{how}", "2<", "SLOWLOG GET 5")
            for how in ("", " ERROR")
        ),
        SLOW,
    ),
    Hint(
        r"rule (FUNCTION|SCRIPT)\|FLUSH flushed",
        tuple(
            ("SLOWLOG RESET", f"{kind} FLUSH", *look, "SLOWLOG GET 9")
            for kind in ("SCRIPT", "FUNCTION")
            for look in ((), ('EVAL "return 1" 0',))
        ),
        SLOW,
    ),
    Hint(
        r"definition \(shared\) is-closed",
        (("SLOWLOG RESET", "PING", "CONFIG SET slowlog-max-len 0", "SLOWLOG LEN"),),
        SLOW,
    ),
    Hint(
        r"definition \(shared\) (log-kinds|request-amount|reply-amount)",
        tuple(
            (f"COMMANDLOG RESET {kind}", asked, f"COMMANDLOG {look} {kind}")
            for kind in ("large-request", "large-reply")
            for asked in ("PING", _GET)
            for look in ("LEN", "GET -1")
        ),
        LARGE,
    ),
    # ---- a server that may be debugged -----------------------------------------------------------------------------
    Hint(
        r"definition \(shared\) digests-short-scores|rule DEBUG .*",
        (
            ("ZADD k 0.1 a", "DEBUG DIGEST-VALUE k"),
            ("DEBUG PROTOCOL push",),
            ("CLIENT REPLY SKIP", "DEBUG PROTOCOL push", "PING"),
            ("MULTI", "DEBUG PROTOCOL push", "PING", "EXEC"),
        ),
        DEBUGGING,
    ),
    Hint(r"definition \(shared\) switches", (("DEBUG DICT-RESIZING 1",),), DEBUGGING),
    Hint(
        r"definition \(shared\) digests-fields-deadlines",
        (
            ("HSET k f v", "HPEXPIREAT k 9000000000000 FIELDS 1 f", "DEBUG DIGEST-VALUE k"),
            ("HSET k f v", "HPEXPIREAT k 9000000000000 FIELDS 1 f", "DEBUG DIGEST"),
        ),
        DEBUGGING,
    ),
)  # fmt: skip
