"""Command shapes: what is asked, of what size of value, over how large a collection; and what must be there first.

A shape is written as redis-benchmark takes it: `__rand_int__` is twelve digits, drawn anew wherever it stands. What
uses up what it finds (LPOP, SPOP, ZPOPMIN) has as much put there as there are requests.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence

from attrs import frozen

from tests.bench.load import KEYSPACE, key, request

RANDOM = "__rand_int__"
CHUNK = 100  # elements that one request of a set-up adds
LARGE = 100_000  # elements of a large collection
SMALL = 50  # and of a small one, which servers keep packed
SMALLS = 1_000  # small collections under the numbers of keys

Requests = Iterable[bytes]
Prepare = Callable[[int], Requests]


def digits(number: int) -> bytes:
    """A number as `__rand_int__` has it."""
    return b"%012d" % number


@frozen
class Shape:
    """One command in one shape; `keyspace` is how many numbers `__rand_int__` is drawn from."""

    name: str
    group: str
    words: tuple[str, ...]
    prepare: Prepare = lambda count: ()
    keyspace: int = KEYSPACE
    most: int = 1_000_000  # requests of one run, at most


def _strings(size: int, keys: int = KEYSPACE) -> Prepare:
    return lambda count: (request(b"SET", key(n), b"v" * size) for n in range(keys))


def _adding(
    command: bytes, name: bytes, elements: Callable[[int], Sequence[bytes]], total: int | None = None
) -> Prepare:
    """Adds so many elements to one key (None: as many as there will be requests), a hundred at a time."""

    def prepare(count: int) -> Requests:
        size = count if total is None else total
        for at in range(0, size, CHUNK):
            words = [word for n in range(at, min(at + CHUNK, size)) for word in elements(n)]
            yield request(command, name, *words)

    return prepare


def _small(command: bytes, elements: Callable[[int], Sequence[bytes]], size: int = SMALL) -> Prepare:
    """A thousand small collections."""
    words = [word for n in range(size) for word in elements(n)]
    return lambda count: (request(command, b"small:" + digits(n), *words) for n in range(SMALLS))


def _both(*prepares: Prepare) -> Prepare:
    return lambda count: (one for prepare in prepares for one in prepare(count))


def element_of(n: int) -> list[bytes]:
    return [b"element:" + digits(n)]


def field_of(n: int) -> list[bytes]:
    return [b"element:" + digits(n), b"value:" + digits(n)]


def scored_of(n: int) -> list[bytes]:
    """Scores in no order, so that a large sorted set is as one that has grown."""
    return [b"%d" % (n * 7919 % 1_000_003), b"element:" + digits(n)]


def _place(n: int) -> list[bytes]:
    rng = random.Random(n)
    return [b"%.6f" % rng.uniform(-10, 10), b"%.6f" % rng.uniform(40, 50), b"place:" + digits(n)]


def _stream(entries: int) -> Prepare:
    return lambda count: (request(b"XADD", b"stream", b"%d-0" % n, b"field", b"value") for n in range(1, entries + 1))


_LIST, _SET = _adding(b"RPUSH", b"list", element_of, LARGE), _adding(b"SADD", b"set", element_of, LARGE)
_HASH, _ZSET = _adding(b"HSET", b"hash", field_of, LARGE), _adding(b"ZADD", b"zset", scored_of, LARGE)
_GEO = _adding(b"GEOADD", b"geo", _place, 10_000)
_SMALL_LIST, _SMALL_SET = _small(b"RPUSH", element_of), _small(b"SADD", element_of)
_SMALL_HASH, _SMALL_ZSET = _small(b"HSET", field_of), _small(b"ZADD", scored_of)
_SMALL_NUMBERS = _small(b"SADD", lambda n: [b"%d" % (n * 7)])
_FIFTY = _adding(b"RPUSH", b"fifty", lambda n: [b"%d" % (n * 37 % 50)], 50)
_TWO_SMALL = ("small:000000000001", "small:000000000002")
_NUMBERS = _adding(b"SADD", b"numbers", lambda n: [b"%d" % n], 300)
_ELEMENT, _KEY, _ONE_SMALL = f"element:{RANDOM}", f"key:{RANDOM}", f"small:{RANDOM}"
_THREE_CALLS = "redis.call('SET',KEYS[1],ARGV[1]); redis.call('INCR',KEYS[2]); return redis.call('GET',KEYS[1])"
_NEAR = ("GEOSEARCH", "geo", "FROMLONLAT", "7.5", "46.9", "BYRADIUS", "20", "km")
_COMMON = ("SINTERCARD", "2", "numbers", "set", "LIMIT", "10")
_DIGEST = hashlib.sha1(_THREE_CALLS.encode(), usedforsecurity=False).hexdigest()
_LOADED = lambda count: (request(b"SCRIPT", b"LOAD", _THREE_CALLS.encode()),)  # noqa: E731
_LOOP = "for i=1,1000 do redis.call('INCR',KEYS[1]) end return 1"


def _strings_of(size: int, name: str) -> list[Shape]:
    keys, most = (KEYSPACE, 1_000_000) if size <= 1024 else (200, 4_000)
    return [
        Shape(f"GET_{name}", "string", ("GET", _KEY), _strings(size, keys), keys, most),
        Shape(f"SET_{name}", "string", ("SET", _KEY, "v" * size), keyspace=keys, most=most),
    ]


SHAPES: tuple[Shape, ...] = (
    *_strings_of(3, "3"), *_strings_of(100, "100"), *_strings_of(1024, "1k"), *_strings_of(100_000, "100k"),
    Shape("GET_miss", "string", ("GET", f"none:{RANDOM}")),
    Shape("SET_EX", "string", ("SET", _KEY, "value", "EX", "1000")),
    Shape("SET_NX", "string", ("SET", _KEY, "value", "NX")),
    Shape("GETSET", "string", ("GETSET", _KEY, "value"), _strings(16)),
    Shape("GETEX", "string", ("GETEX", _KEY, "EX", "1000"), _strings(16)),
    Shape("INCR", "string", ("INCR", f"n{RANDOM}")),
    Shape("INCRBY", "string", ("INCRBY", f"n{RANDOM}", "12")),
    Shape("INCRBYFLOAT", "string", ("INCRBYFLOAT", f"n{RANDOM}", "1.5")),
    Shape("APPEND", "string", ("APPEND", _KEY, "tail"), _strings(16)),
    Shape("STRLEN", "string", ("STRLEN", _KEY), _strings(16)),
    Shape("GETRANGE", "string", ("GETRANGE", _KEY, "100", "199"), _strings(1024)),
    Shape("SETRANGE", "string", ("SETRANGE", _KEY, "8", "middle"), _strings(16)),
    Shape("MGET_10", "string", ("MGET", *[_KEY] * 10), _strings(16), most=100_000),
    Shape("MSET_10", "string", ("MSET", *[_KEY, "value"] * 10), most=100_000),
    Shape("EXISTS", "generic", ("EXISTS", _KEY), _strings(16)),
    Shape("DEL", "generic", ("DEL", _KEY), _strings(16)),
    Shape("EXPIRE", "generic", ("EXPIRE", _KEY, "1000"), _strings(16)),
    Shape("TTL", "generic", ("TTL", _KEY), _strings(16)),
    Shape("TYPE", "generic", ("TYPE", _KEY), _strings(16)),
    Shape("PERSIST", "generic", ("PERSIST", _KEY), _strings(16)),
    Shape("SCAN_10", "generic", ("SCAN", "0"), _strings(16), most=100_000),
    Shape("RANDOMKEY", "generic", ("RANDOMKEY",), _strings(16)),
    Shape("DUMP", "generic", ("DUMP", _KEY), _strings(16)),
    Shape("OBJECT_ENCODING", "generic", ("OBJECT", "ENCODING", _KEY), _strings(16)),
    Shape("SORT_50", "generic", ("SORT", "fifty"), _FIFTY, most=20_000),
    Shape("SETBIT", "bitmap", ("SETBIT", _KEY, "100", "1")),
    Shape("GETBIT", "bitmap", ("GETBIT", _KEY, "100"), _strings(16)),
    Shape("BITCOUNT_1k", "bitmap", ("BITCOUNT", _KEY), _strings(1024)),
    Shape("BITFIELD", "bitmap", ("BITFIELD", _KEY, "INCRBY", "u8", "16", "1"), _strings(16)),
    Shape("PFADD", "hyperloglog", ("PFADD", "sketch", _ELEMENT)),
    Shape("PFCOUNT", "hyperloglog", ("PFCOUNT", "sketch"), _adding(b"PFADD", b"sketch", element_of, 10_000)),
    Shape("LPUSH", "list", ("LPUSH", "list", "element")),
    Shape("RPUSH", "list", ("RPUSH", "list", "element")),
    Shape("RPUSH_small", "list", ("RPUSH", _ONE_SMALL, "element"), keyspace=KEYSPACE),
    Shape("LPOP", "list", ("LPOP", "list"), _adding(b"RPUSH", b"list", element_of)),
    Shape("RPOP", "list", ("RPOP", "list"), _adding(b"RPUSH", b"list", element_of)),
    Shape("LLEN", "list", ("LLEN", "list"), _LIST),
    Shape("LINDEX_small", "list", ("LINDEX", _ONE_SMALL, "25"), _SMALL_LIST, SMALLS),
    Shape("LINDEX_large", "list", ("LINDEX", "list", "50000"), _LIST, most=50_000),
    Shape("LRANGE_10", "list", ("LRANGE", "list", "0", "9"), _LIST, most=200_000),
    Shape("LRANGE_100", "list", ("LRANGE", "list", "0", "99"), _LIST, most=50_000),
    Shape("LRANGE_600", "list", ("LRANGE", "list", "0", "599"), _LIST, most=10_000),
    Shape("LSET_small", "list", ("LSET", _ONE_SMALL, "25", "other"), _SMALL_LIST, SMALLS),
    Shape("LMOVE", "list", ("LMOVE", "list", "list", "LEFT", "RIGHT"), _LIST),
    Shape("LPOS_small", "list", ("LPOS", _ONE_SMALL, "element:000000000040"), _SMALL_LIST, SMALLS),
    Shape("SADD", "set", ("SADD", "set", _ELEMENT)),
    Shape("SADD_small", "set", ("SADD", _ONE_SMALL, "element"), keyspace=KEYSPACE),
    Shape("SADD_number", "set", ("SADD", _ONE_SMALL, "70"), _SMALL_NUMBERS, SMALLS),
    Shape("SREM", "set", ("SREM", "set", _ELEMENT), _SET),
    Shape("SISMEMBER_small", "set", ("SISMEMBER", _ONE_SMALL, "element:000000000040"), _SMALL_SET, SMALLS),
    Shape("SISMEMBER_large", "set", ("SISMEMBER", "set", _ELEMENT), _SET),
    Shape("SMEMBERS_50", "set", ("SMEMBERS", _ONE_SMALL), _SMALL_SET, SMALLS, most=100_000),
    Shape("SCARD", "set", ("SCARD", "set"), _SET),
    Shape("SPOP", "set", ("SPOP", "set"), _adding(b"SADD", b"set", element_of)),
    Shape("SRANDMEMBER", "set", ("SRANDMEMBER", "set"), _SET),
    Shape("SINTER_50", "set", ("SINTER", *_TWO_SMALL), _SMALL_SET, most=20_000),
    Shape("SUNION_50", "set", ("SUNION", *_TWO_SMALL), _SMALL_SET, most=20_000),
    Shape("SINTERCARD", "set", _COMMON, _both(_NUMBERS, _SET), most=20_000),
    Shape("HSET", "hash", ("HSET", "hash", _ELEMENT, "value")),
    Shape("HSET_small", "hash", ("HSET", _ONE_SMALL, "field", "value"), keyspace=KEYSPACE),
    Shape("HGET_small", "hash", ("HGET", _ONE_SMALL, "element:000000000040"), _SMALL_HASH, SMALLS),
    Shape("HGET_large", "hash", ("HGET", "hash", _ELEMENT), _HASH),
    Shape("HMGET_10", "hash", ("HMGET", "hash", *[_ELEMENT] * 10), _HASH, most=100_000),
    Shape("HGETALL_10", "hash", ("HGETALL", _ONE_SMALL), _small(b"HSET", field_of, 10), SMALLS, most=200_000),
    Shape("HGETALL_50", "hash", ("HGETALL", _ONE_SMALL), _SMALL_HASH, SMALLS, most=50_000),
    Shape("HINCRBY", "hash", ("HINCRBY", "hash", _ELEMENT, "1")),
    Shape("HDEL", "hash", ("HDEL", "hash", _ELEMENT), _HASH),
    Shape("HEXISTS", "hash", ("HEXISTS", "hash", _ELEMENT), _HASH),
    Shape("HSCAN_10", "hash", ("HSCAN", "hash", "0"), _HASH, most=100_000),
    Shape("ZADD", "sorted-set", ("ZADD", "zset", RANDOM, _ELEMENT)),
    Shape("ZADD_small", "sorted-set", ("ZADD", _ONE_SMALL, "1", "element"), keyspace=KEYSPACE),
    Shape("ZINCRBY", "sorted-set", ("ZINCRBY", "zset", "1", _ELEMENT), _ZSET),
    Shape("ZSCORE_small", "sorted-set", ("ZSCORE", _ONE_SMALL, "element:000000000040"), _SMALL_ZSET, SMALLS),
    Shape("ZSCORE_large", "sorted-set", ("ZSCORE", "zset", _ELEMENT), _ZSET),
    Shape("ZRANK_large", "sorted-set", ("ZRANK", "zset", _ELEMENT), _ZSET),
    Shape("ZRANGE_10", "sorted-set", ("ZRANGE", "zset", "0", "9"), _ZSET, most=200_000),
    Shape("ZRANGE_100_scores", "sorted-set", ("ZRANGE", "zset", "0", "99", "WITHSCORES"), _ZSET, most=30_000),
    Shape("ZREVRANGE_small", "sorted-set", ("ZREVRANGE", _ONE_SMALL, "0", "9"), _SMALL_ZSET, SMALLS, most=200_000),
    Shape("ZRANGEBYSCORE_10", "sorted-set", ("ZRANGEBYSCORE", "zset", "50", "+inf", "LIMIT", "0", "10"), _ZSET),
    Shape("ZCOUNT", "sorted-set", ("ZCOUNT", "zset", "1000", "500000"), _ZSET),
    Shape("ZREM", "sorted-set", ("ZREM", "zset", _ELEMENT), _ZSET),
    Shape("ZPOPMIN", "sorted-set", ("ZPOPMIN", "zset"), _adding(b"ZADD", b"zset", scored_of)),
    Shape("ZCARD", "sorted-set", ("ZCARD", "zset"), _ZSET),
    Shape("ZUNIONSTORE_50", "sorted-set", ("ZUNIONSTORE", "dest", "2", *_TWO_SMALL), _SMALL_ZSET, most=10_000),
    Shape("XADD", "stream", ("XADD", "stream", "*", "field", "value")),
    Shape("XADD_MAXLEN", "stream", ("XADD", "stream", "MAXLEN", "~", "10000", "*", "field", "value")),
    Shape("XLEN", "stream", ("XLEN", "stream"), _stream(10_000)),
    Shape("XRANGE_10", "stream", ("XRANGE", "stream", "-", "+", "COUNT", "10"), _stream(10_000), most=100_000),
    Shape("XREAD_10", "stream", ("XREAD", "COUNT", "10", "STREAMS", "stream", "5000"), _stream(10_000), most=100_000),
    Shape("GEOADD", "geo", ("GEOADD", "geo", "7.1", "47.2", f"place:{RANDOM}")),
    Shape("GEODIST", "geo", ("GEODIST", "geo", "place:000000000001", "place:000000000002"), _GEO),
    Shape("GEOSEARCH", "geo", _NEAR, _GEO, most=20_000),
    Shape("PUBLISH", "pubsub", ("PUBLISH", "channel", "message")),
    Shape("PING", "connection", ("PING",)),
    Shape("ECHO", "connection", ("ECHO", "hello")),
    Shape("EVAL_1", "scripting", ("EVAL", "return 1", "0"), most=50_000),
    Shape("EVAL_3_calls", "scripting", ("EVAL", _THREE_CALLS, "2", _KEY, f"n{RANDOM}", "value"), most=50_000),
    Shape("EVALSHA_3_calls", "scripting", ("EVALSHA", _DIGEST, "2", _KEY, f"n{RANDOM}", "value"), _LOADED, most=50_000),
    Shape("EVAL_1000_calls", "scripting", ("EVAL", _LOOP, "1", "counter"), most=500),
)  # fmt: skip

# The ten of the goal: server CPU per command against Redis 8.2.3, geometric mean.
GOAL = ("GET_3", "SET_3", "INCR", "LPUSH", "SADD", "HSET", "ZADD", "ZPOPMIN", "LRANGE_100", "MSET_10")
