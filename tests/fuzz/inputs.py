"""Bytes that a fuzzer draws, as what a client writes: octets as they are, or requests of known words; and in pieces.

The first octet says which. Commands whose replies nobody can foretell are named here, so that two servers are compared
only where they must answer alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

WORDS: Sequence[bytes] = (
    b"GET", b"SET", b"INCR", b"APPEND", b"DEL", b"MSET", b"MGET", b"SETRANGE", b"GETRANGE", b"GETEX", b"LCS",
    b"LPUSH", b"RPUSH", b"LPOP", b"LRANGE", b"LINSERT", b"LPOS", b"LTRIM", b"LMOVE", b"SADD", b"SREM", b"SINTER",
    b"SDIFFSTORE", b"SINTERCARD", b"HSET", b"HGET", b"HDEL", b"HINCRBY", b"HINCRBYFLOAT", b"HEXPIRE", b"HPERSIST",
    b"ZADD", b"ZRANGE", b"ZRANGEBYLEX", b"ZRANGESTORE", b"ZINCRBY", b"ZUNION", b"ZPOPMIN", b"ZRANK", b"XADD",
    b"XRANGE", b"XGROUP", b"XREADGROUP", b"XACK", b"XPENDING", b"XCLAIM", b"XTRIM", b"XINFO", b"SETBIT", b"BITFIELD",
    b"BITOP", b"BITPOS", b"PFADD", b"PFCOUNT", b"PFMERGE", b"GEOADD", b"GEOSEARCH", b"GEODIST", b"SORT", b"DUMP",
    b"RESTORE", b"COPY", b"RENAME", b"EXPIRE", b"PERSIST", b"OBJECT", b"TYPE", b"MULTI", b"EXEC", b"DISCARD",
    b"WATCH", b"EVAL", b"SUBSCRIBE", b"UNSUBSCRIBE", b"PUBLISH", b"HELLO", b"RESET", b"QUIT", b"SELECT", b"SWAPDB",
    b"COMMAND", b"CONFIG", b"CLIENT", b"BLPOP", b"CREATE", b"STREAM", b"FULL", b"GROUP", b"STREAMS", b"COUNT",
    b"MKSTREAM", b"MAXLEN", b"ENCODING", b"GETKEYS", b"DOCS", b"NX", b"XX", b"GT", b"CH", b"EX", b"PX", b"KEEPTTL",
    b"BY", b"ALPHA", b"STORE", b"WITHSCORES", b"LIMIT", b"REV", b"BYSCORE", b"BYLEX", b"WEIGHTS", b"AGGREGATE",
    b"FIELDS", b"LEFT", b"RIGHT", b"BEFORE", b"AND", b"NOT", b"u8", b"i64", b"OVERFLOW", b"INCRBY", b"m",
    b"FROMLONLAT", b"BYRADIUS", b"BYBOX", b"ASC", b"ANY", b"REPLACE", b"ABSTTL", b"SET", b"GET", b"SETNAME", b"0",
    b"1", b"-1", b"2", b"3", b"100", b"9223372036854775807", b"-9223372036854775808", b"1.5", b"-inf", b"nan",
    b"1e400", b"", b"*", b"$", b">", b"-", b"+", b"(", b"[", b"(a", b"[b", b"0-0", b"1-1", b"a", b"b", b"c", b"g",
    b"MSETNX", b"SMOVE", b"RENAMENX", b"MOVE", b"MEMORY", b"USAGE", b"SAMPLES", b"GROUPS", b"CONSUMERS", b"HSETEX",
    b"HGETEX", b"HPEXPIREAT", b"HTTL", b"HSCAN", b"PXAT", b"4000000000000", b"4000000000001", b"IDX", b"LEN", b"OR",
    b"XOR", b"PFDEBUG", b"TODENSE", b"EVAL_RO", b"FCALL_RO",
    b"\x00", b"\xff\xfe", b"return redis.call(unpack(ARGV))", b"x" * 70, b"y" * 600,
)  # fmt: skip

# What they answer is of the server, of a clock, of chance, or of an order that nothing promises.
APART = frozenset(
    b"ACL BGREWRITEAOF BGSAVE CLIENT CLUSTER COMMAND CONFIG DEBUG EVAL EVALSHA FUNCTION HELLO HGETALL HKEYS"
    b" HRANDFIELD HSCAN HVALS INFO KEYS LASTSAVE LATENCY LOLWUT MEMORY MODULE MONITOR OBJECT PUBSUB RANDOMKEY"
    b" ROLE SCAN SCRIPT SDIFF SHUTDOWN SINTER SLOWLOG SMEMBERS SORT SORT_RO SPOP SRANDMEMBER SSCAN SUNION TIME"
    b" XADD XAUTOCLAIM XCLAIM XINFO XPENDING XREADGROUP ZRANDMEMBER ZSCAN DUMP FAILOVER HGETDEL HEXPIRE HPEXPIRE"
    b" PSYNC SYNC REPLICAOF SLAVEOF EXPIRETIME".split()
)
NEVER = frozenset((b"SHUTDOWN", b"DEBUG", b"MONITOR", b"SAVE", b"FAILOVER"))  # they end or stop a server


def requests(data: bytes) -> Iterator[list[bytes]]:
    """Requests of known words: an octet says how many words, and each of the next ones which.

    >>> list(requests(bytes([1, 0, 153])))[0][0]
    b'GET'
    """
    at = 0
    while at < len(data):
        count = 1 + data[at] % 8
        words = [WORDS[place % len(WORDS)] for place in data[at + 1 : at + 1 + count]]
        at += 1 + count
        if words and words[0].upper() not in NEVER:
            yield words


def written(data: bytes) -> bytes:
    """What a client writes for a fuzzer's bytes."""
    if not data:
        return b""
    if data[0] & 1:
        return data[1:]
    return b"".join(
        b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
        for words in requests(data[1:])
    )


def pieces(data: bytes) -> Iterator[bytes]:
    """What is written, cut at places that the first octet tells; whole, for most."""
    wire = written(data)
    step = {0: 1, 2: 3, 4: 7, 6: 60}.get(data[0] & 0x0E if data else 0x0E, len(wire) or 1)
    for at in range(0, len(wire), step):
        yield wire[at : at + step]


def is_foretold(data: bytes) -> bool:
    """Whether two servers must answer alike: no word of it names what is apart."""
    upper = written(data).upper()
    return not any(word in upper for word in APART)
