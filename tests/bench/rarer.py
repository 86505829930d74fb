"""Shapes of what is asked more seldom: every other data command, groups of consumers, fields with deadlines."""

from __future__ import annotations

from tests.bench.load import request
from tests.bench.shapes import (
    _ELEMENT,
    _GEO,
    _HASH,
    _KEY,
    _LIST,
    _ONE_SMALL,
    _SET,
    _SMALL_HASH,
    _SMALL_LIST,
    _SMALL_SET,
    _SMALL_ZSET,
    _TWO_SMALL,
    _ZSET,
    RANDOM,
    SMALLS,
    Prepare,
    Requests,
    Shape,
    _adding,
    _stream,
    _strings,
    digits,
    element_of,
    scored_of,
)

_MANY = 100_000  # entries of a stream that are pending
_GROUP = b"group"


def _asked(*requests: tuple[str, ...]) -> Prepare:
    return lambda count: (request(*(word.encode() for word in words)) for words in requests)


def _pending(count: int) -> Requests:
    """A stream all of whose entries a consumer has got."""
    yield request(b"XGROUP", b"CREATE", b"stream", _GROUP, b"0", b"MKSTREAM")
    yield from (request(b"XADD", b"stream", b"%d-0" % n, b"field", b"value") for n in range(1, _MANY + 1))
    yield request(b"XREADGROUP", b"GROUP", _GROUP, b"one", b"STREAMS", b"stream", b">")


def _waiting(count: int) -> Requests:
    """A stream of which a group has got nothing yet."""
    yield request(b"XGROUP", b"CREATE", b"stream", _GROUP, b"0", b"MKSTREAM")
    yield from (request(b"XADD", b"stream", b"%d-0" % n, b"field", b"value") for n in range(1, count + 1))


def _timed(name: bytes, total: int) -> Prepare:
    """A hash each of whose fields has a deadline."""

    def prepare(count: int) -> Requests:
        for n in range(total):
            yield request(b"HSETEX", name, b"EX", b"10000", b"FIELDS", b"1", *element_of(n), b"value:" + digits(n))

    return prepare


def _timed_smalls(count: int) -> Requests:
    for n in range(SMALLS):
        fields = [word for k in range(20) for word in (*element_of(k), b"value")]
        yield request(b"HSETEX", b"small:" + digits(n), b"EX", b"10000", b"FIELDS", b"20", *fields)


def _library(count: int) -> Requests:
    body = "redis.call('SET',K[1],A[1]); redis.call('INCR',K[2]); return redis.call('GET',K[1])"
    text = f"#!lua name=lib\nredis.register_function('three', function(K,A) {body} end)\n"
    text += "redis.register_function{function_name='one', callback=function() return 1 end, flags={'no-writes'}}"
    yield request(b"FUNCTION", b"LOAD", b"REPLACE", text.encode())


_FIELD_40 = "element:000000000040"
_FIELD_10 = "element:000000000010"
_PENDING_ID = f"{RANDOM}-0"
_NAMES = _adding(b"ZADD", b"names", lambda n: [b"0", *element_of(n)], 1_000)

RARER: tuple[Shape, ...] = (
    Shape("GETDEL", "string", ("GETDEL", _KEY), _strings(16)),
    Shape("MSETNX_2", "string", ("MSETNX", _KEY, "a", f"other:{RANDOM}", "b")),
    Shape("SETEX", "string", ("SETEX", _KEY, "100", "value")),
    Shape("PSETEX", "string", ("PSETEX", _KEY, "100000", "value")),
    Shape("SET_GET", "string", ("SET", _KEY, "value", "GET"), _strings(16)),
    Shape("DECRBY", "string", ("DECRBY", f"n{RANDOM}", "3")),
    Shape("LCS", "string", ("LCS", "key:000000000001", "key:000000000002"), _strings(16)),
    Shape("COPY", "generic", ("COPY", _KEY, f"other:{RANDOM}", "REPLACE"), _strings(16)),
    Shape("TOUCH", "generic", ("TOUCH", _KEY), _strings(16)),
    Shape("UNLINK", "generic", ("UNLINK", _KEY), _strings(16)),
    Shape("EXPIREAT", "generic", ("EXPIREAT", _KEY, "4000000000"), _strings(16)),
    Shape("PEXPIRE_NX", "generic", ("PEXPIRE", _KEY, "1000000", "NX"), _strings(16)),
    Shape("EXPIRETIME", "generic", ("EXPIRETIME", _KEY), _strings(16)),
    Shape("PTTL", "generic", ("PTTL", _KEY), _strings(16)),
    Shape("MOVE", "generic", ("MOVE", _KEY, "1"), _strings(16)),
    Shape("DBSIZE", "generic", ("DBSIZE",), _strings(16)),
    Shape("MEMORY_USAGE", "generic", ("MEMORY", "USAGE", _KEY), _strings(16)),
    Shape("DUMP_small_hash", "generic", ("DUMP", _ONE_SMALL), _SMALL_HASH, SMALLS, most=100_000),
    Shape("DUMP_stream", "generic", ("DUMP", "stream"), _stream(100), most=10_000),
    Shape("SORT_zset_50", "generic", ("SORT", _ONE_SMALL, "ALPHA"), _SMALL_ZSET, SMALLS, most=20_000),
    Shape("SORT_BY_nosort", "generic", ("SORT", _ONE_SMALL, "BY", "nosort"), _SMALL_ZSET, SMALLS, most=20_000),
    Shape("SORT_large_LIMIT", "generic",
          ("SORT", "fewer", "ALPHA", "LIMIT", "0", "10"), _adding(b"SADD", b"fewer", element_of, 1_000), most=1_000),
    Shape("BITOP_AND", "bitmap", ("BITOP", "AND", "dest", "key:000000000001", "key:000000000002"), _strings(1024)),
    Shape("BITPOS", "bitmap", ("BITPOS", _KEY, "0"), _strings(100)),
    Shape("BITFIELD_RO", "bitmap", ("BITFIELD_RO", _KEY, "GET", "u8", "16"), _strings(16)),
    Shape("PFMERGE", "hyperloglog",
          ("PFMERGE", "dest", "sketch"), _adding(b"PFADD", b"sketch", element_of, 10_000), most=20_000),
    Shape("RPUSHX", "list", ("RPUSHX", "list", "element"), _LIST),
    Shape("RPOPLPUSH", "list", ("RPOPLPUSH", "list", "list"), _LIST),
    Shape("LMPOP", "list", ("LMPOP", "1", "list", "LEFT"), _adding(b"RPUSH", b"list", element_of)),
    Shape("BLPOP", "list", ("BLPOP", "list", "0"), _adding(b"RPUSH", b"list", element_of)),
    Shape("BLMOVE", "list", ("BLMOVE", "list", "list", "LEFT", "RIGHT", "0"), _LIST),
    Shape("LPOP_10", "list",
          ("LPOP", "list", "10"), lambda count: _adding(b"RPUSH", b"list", element_of)(10 * count), most=100_000),
    Shape("LINSERT_small", "list",
          ("LINSERT", _ONE_SMALL, "BEFORE", "element:000000000025", "x"), _SMALL_LIST, SMALLS, most=50_000),
    Shape("LREM_small", "list", ("LREM", _ONE_SMALL, "1", "none"), _SMALL_LIST, SMALLS),
    Shape("LTRIM", "list", ("LTRIM", "list", "0", "99999"), _LIST),
    Shape("SMISMEMBER_3", "set", ("SMISMEMBER", "set", _ELEMENT, _ELEMENT, _ELEMENT), _SET),
    Shape("SMOVE", "set", ("SMOVE", "set", "other", _ELEMENT), _SET),
    Shape("SPOP_10", "set",
          ("SPOP", "set", "10"), lambda count: _adding(b"SADD", b"set", element_of)(10 * count), most=50_000),
    Shape("SRANDMEMBER_10", "set", ("SRANDMEMBER", "set", "10"), _SET, most=50_000),
    Shape("SRANDMEMBER_small", "set", ("SRANDMEMBER", _ONE_SMALL, "5"), _SMALL_SET, SMALLS, most=100_000),
    Shape("SSCAN_10", "set", ("SSCAN", "set", "0"), _SET, most=100_000),
    Shape("SDIFF_50", "set", ("SDIFF", *_TWO_SMALL), _SMALL_SET, most=20_000),
    Shape("SINTERSTORE_50", "set", ("SINTERSTORE", "dest", *_TWO_SMALL), _SMALL_SET, most=20_000),
    Shape("SUNIONSTORE_50", "set", ("SUNIONSTORE", "dest", *_TWO_SMALL), _SMALL_SET, most=20_000),
    Shape("HSETNX", "hash", ("HSETNX", "hash", _ELEMENT, "value")),
    Shape("HMSET_3", "hash", ("HMSET", _ONE_SMALL, "a", "1", "b", "2", "c", "3")),
    Shape("HKEYS_50", "hash", ("HKEYS", _ONE_SMALL), _SMALL_HASH, SMALLS, most=50_000),
    Shape("HVALS_50", "hash", ("HVALS", _ONE_SMALL), _SMALL_HASH, SMALLS, most=50_000),
    Shape("HLEN", "hash", ("HLEN", "hash"), _HASH),
    Shape("HSTRLEN", "hash", ("HSTRLEN", "hash", _ELEMENT), _HASH),
    Shape("HRANDFIELD", "hash", ("HRANDFIELD", "hash"), _HASH),
    Shape("HRANDFIELD_small_5", "hash",
          ("HRANDFIELD", _ONE_SMALL, "5", "WITHVALUES"), _SMALL_HASH, SMALLS, most=100_000),
    Shape("HINCRBYFLOAT", "hash", ("HINCRBYFLOAT", "hash", _ELEMENT, "1.5")),
    Shape("HGETDEL", "hash", ("HGETDEL", "hash", "FIELDS", "1", _ELEMENT), _HASH),
    Shape("HGETEX", "hash", ("HGETEX", "hash", "FIELDS", "1", _ELEMENT), _HASH),
    Shape("HGETEX_EX", "hash", ("HGETEX", "hash", "EX", "1000", "FIELDS", "1", _ELEMENT), _HASH),
    Shape("HSETEX", "hash", ("HSETEX", "hash", "EX", "1000", "FIELDS", "1", _ELEMENT, "value"), most=200_000),
    Shape("HSETEX_small", "hash",
          ("HSETEX", _ONE_SMALL, "EX", "1000", "FIELDS", "1", _FIELD_40, "value"), _SMALL_HASH, SMALLS),
    Shape("HEXPIRE", "hash", ("HEXPIRE", "hash", "1000", "FIELDS", "1", _ELEMENT), _HASH),
    Shape("HEXPIRE_small", "hash", ("HEXPIRE", _ONE_SMALL, "1000", "FIELDS", "1", _FIELD_40), _SMALL_HASH, SMALLS),
    Shape("HTTL_timed", "hash", ("HTTL", "hash", "FIELDS", "1", _ELEMENT), _timed(b"hash", 20_000), 20_000),
    Shape("HEXPIRETIME_timed", "hash",
          ("HEXPIRETIME", "hash", "FIELDS", "1", _ELEMENT), _timed(b"hash", 20_000), 20_000),
    Shape("HPERSIST_timed", "hash", ("HPERSIST", "hash", "FIELDS", "1", _ELEMENT), _timed(b"hash", 20_000), 20_000),
    Shape("HGET_timed", "hash", ("HGET", "hash", _ELEMENT), _timed(b"hash", 20_000), 20_000),
    Shape("HSET_timed", "hash", ("HSET", "hash", _ELEMENT, "other"), _timed(b"hash", 20_000), 20_000),
    Shape("HDEL_timed", "hash", ("HDEL", "hash", _ELEMENT), _timed(b"hash", 20_000), 20_000),
    Shape("HINCRBY_timed", "hash", ("HINCRBY", "hash", f"n{RANDOM}", "1"), _timed(b"hash", 20_000), 20_000),
    Shape("HMGET_timed", "hash", ("HMGET", "hash", _ELEMENT, _ELEMENT, _ELEMENT), _timed(b"hash", 20_000), 20_000),
    Shape("HGET_timed_small", "hash", ("HGET", _ONE_SMALL, _FIELD_10), _timed_smalls, SMALLS),
    Shape("HSET_timed_small", "hash", ("HSET", _ONE_SMALL, _FIELD_10, "value"), _timed_smalls, SMALLS),
    Shape("HGETALL_timed_small", "hash", ("HGETALL", _ONE_SMALL), _timed_smalls, SMALLS, most=100_000),
    Shape("HLEN_timed_small", "hash", ("HLEN", _ONE_SMALL), _timed_smalls, SMALLS),
    Shape("HSCAN_timed_small", "hash", ("HSCAN", _ONE_SMALL, "0"), _timed_smalls, SMALLS, most=100_000),
    Shape("HEXPIRE_timed_small", "hash",
          ("HEXPIRE", _ONE_SMALL, "1000", "FIELDS", "1", _FIELD_10), _timed_smalls, SMALLS),
    Shape("ZADD_GT", "sorted-set", ("ZADD", "zset", "GT", RANDOM, _ELEMENT), _ZSET),
    Shape("ZMSCORE_3", "sorted-set", ("ZMSCORE", "zset", _ELEMENT, _ELEMENT, _ELEMENT), _ZSET),
    Shape("ZREVRANK", "sorted-set", ("ZREVRANK", "zset", _ELEMENT), _ZSET),
    Shape("ZRANK_WITHSCORE", "sorted-set", ("ZRANK", "zset", _ELEMENT, "WITHSCORE"), _ZSET),
    Shape("ZRANGE_BYSCORE", "sorted-set", ("ZRANGE", "zset", "50", "+inf", "BYSCORE", "LIMIT", "0", "10"), _ZSET),
    Shape("ZRANGE_REV", "sorted-set", ("ZRANGE", "zset", "0", "9", "REV"), _ZSET),
    Shape("ZRANGEBYLEX", "sorted-set",
          ("ZRANGEBYLEX", "names", "[element:000000000500", "+", "LIMIT", "0", "10"), _NAMES, most=200_000),
    Shape("ZLEXCOUNT", "sorted-set", ("ZLEXCOUNT", "names", "[element:000000000300", "[element:000000000500"), _NAMES),
    Shape("ZRANGESTORE", "sorted-set", ("ZRANGESTORE", "dest", "zset", "0", "9"), _ZSET, most=100_000),
    Shape("ZREMRANGEBYRANK", "sorted-set", ("ZREMRANGEBYRANK", "zset", "0", "0"), _adding(b"ZADD", b"zset", scored_of)),
    Shape("ZREMRANGEBYSCORE", "sorted-set", ("ZREMRANGEBYSCORE", "zset", "-inf", "(0"), _ZSET),
    Shape("ZMPOP", "sorted-set", ("ZMPOP", "1", "zset", "MIN"), _adding(b"ZADD", b"zset", scored_of)),
    Shape("BZPOPMIN", "sorted-set", ("BZPOPMIN", "zset", "0"), _adding(b"ZADD", b"zset", scored_of)),
    Shape("ZRANDMEMBER", "sorted-set", ("ZRANDMEMBER", "zset"), _ZSET),
    Shape("ZRANDMEMBER_small_5", "sorted-set", ("ZRANDMEMBER", _ONE_SMALL, "5"), _SMALL_ZSET, SMALLS, most=100_000),
    Shape("ZSCAN_10", "sorted-set", ("ZSCAN", "zset", "0"), _ZSET, most=100_000),
    Shape("ZINTERCARD", "sorted-set", ("ZINTERCARD", "2", *_TWO_SMALL), _SMALL_ZSET, most=20_000),
    Shape("ZDIFF_50", "sorted-set", ("ZDIFF", "2", *_TWO_SMALL), _SMALL_ZSET, most=20_000),
    Shape("XADD_ids", "stream", ("XADD", _ONE_SMALL, "*", "field", "value"), keyspace=SMALLS),
    Shape("XDEL", "stream", ("XDEL", "stream", _PENDING_ID), _stream(100_000)),
    Shape("XTRIM", "stream", ("XTRIM", "stream", "MAXLEN", "~", "10000"), _stream(10_000)),
    Shape("XREVRANGE_10", "stream", ("XREVRANGE", "stream", "+", "-", "COUNT", "10"), _stream(10_000), most=100_000),
    Shape("XREADGROUP", "stream",
          ("XREADGROUP", "GROUP", "group", "one", "COUNT", "1", "STREAMS", "stream", ">"), _waiting, most=200_000),
    Shape("XREADGROUP_NOACK", "stream",
          ("XREADGROUP", "GROUP", "group", "one", "COUNT", "1", "NOACK", "STREAMS", "stream", ">"),
          _waiting, most=200_000),
    Shape("XREADGROUP_none", "stream",
          ("XREADGROUP", "GROUP", "group", "one", "COUNT", "1", "STREAMS", "stream", ">"), _pending),
    Shape("XREADGROUP_again", "stream",
          ("XREADGROUP", "GROUP", "group", "one", "COUNT", "10", "STREAMS", "stream", _PENDING_ID),
          _pending, most=50_000),
    Shape("XACK", "stream", ("XACK", "stream", "group", _PENDING_ID), _pending),
    Shape("XACKDEL", "stream", ("XACKDEL", "stream", "group", "IDS", "1", _PENDING_ID), _pending),
    Shape("XDELEX", "stream", ("XDELEX", "stream", "IDS", "1", _PENDING_ID), _pending),
    Shape("XPENDING", "stream", ("XPENDING", "stream", "group"), _pending),
    Shape("XPENDING_10", "stream", ("XPENDING", "stream", "group", "-", "+", "10"), _pending, most=100_000),
    Shape("XCLAIM", "stream", ("XCLAIM", "stream", "group", "two", "0", _PENDING_ID), _pending, most=200_000),
    Shape("XAUTOCLAIM_10", "stream",
          ("XAUTOCLAIM", "stream", "group", "two", "0", _PENDING_ID, "COUNT", "10"), _pending, most=50_000),
    Shape("XINFO_STREAM", "stream", ("XINFO", "STREAM", "stream"), _pending, most=50_000),
    Shape("XINFO_GROUPS", "stream", ("XINFO", "GROUPS", "stream"), _pending, most=50_000),
    Shape("XSETID", "stream", ("XSETID", "stream", "200000-0"), _stream(1_000)),
    Shape("GEOPOS", "geo", ("GEOPOS", "geo", "place:000000000001"), _GEO),
    Shape("GEOHASH", "geo", ("GEOHASH", "geo", "place:000000000001"), _GEO),
    Shape("SPUBLISH", "pubsub", ("SPUBLISH", "channel", "message")),
    Shape("SELECT", "connection", ("SELECT", "0")),
    Shape("CLIENT_ID", "connection", ("CLIENT", "ID")),
    Shape("TIME", "server", ("TIME",)),
    Shape("EVAL_RO_1", "scripting", ("EVAL_RO", "return 1", "0"), most=50_000),
    Shape("EVALSHA_RO_GET", "scripting",
          ("EVAL_RO", "return redis.call('GET',KEYS[1])", "1", _KEY), _strings(16), most=50_000),
    Shape("FCALL_3_calls", "scripting", ("FCALL", "three", "2", _KEY, f"n{RANDOM}", "value"), _library, most=50_000),
    Shape("FCALL_RO_1", "scripting", ("FCALL_RO", "one", "0"), _library, most=50_000),
)  # fmt: skip
