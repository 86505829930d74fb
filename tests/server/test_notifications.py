"""Keyspace notifications: which events are told, in which order, to whom, and where a client's own ones stand.

That each event is one that the text has, the judge asks in its set-up "events are told"; here the names, classes and
orders are those of a real Redis, class by class.
"""

from __future__ import annotations

import pytest

from redlark.server import Server
from tests.waiting import soon

from .conftest import Connect, Start, Wire

SCRIPT = """
SET a 1|SET a 2 EX 100|RPUSH l a b c a|SET l v|DEL l nokey|SET a 1|SET b x|SET a 1 KEEPTTL|SETNX zz 1|GETSET zz 2
MSET a 1 b 2|MSETNX c 1 d 2|SETRANGE a 2 xx|APPEND a x|APPEND nn x|INCR c|INCRBYFLOAT c 1|PSETEX a 10000 x|SETEX a 10 x
SETBIT bits 1 1|SETBIT bits 1 1|BITFIELD bits SET u8 0 9|BITOP AND a bits bits|BITOP AND a q q|PFADD p a|PFADD p a
PFCOUNT p
PFMERGE p2 p|GETDEL p2|GETEX p PERSIST|GETEX p EX 10|GETEX p PERSIST|GETEX p PXAT 5|GETEX bits|SET k v PXAT 1|GET k
RPUSH l a b c a|LPUSH l z|LSET l 0 q|LINSERT l BEFORE a w|LREM l 1 a|LTRIM l 0 3|LTRIM l 0 99|LMOVE l l LEFT RIGHT
LMOVE l m LEFT RIGHT|RPOPLPUSH m l|LPOP l 1|RPOP l|LMPOP 1 l LEFT COUNT 9|RPUSH l a b|BLPOP l 0|BLMOVE l m LEFT LEFT 0
SADD s a b c d|SADD s a|SREM s a|SMOVE s t b|SMOVE s t b|SPOP s|SPOP s 5|SADD s 1 2|SUNIONSTORE a s t|SINTERSTORE a s q
SDIFFSTORE a s|SDIFFSTORE m s|SORT s STORE a|ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h|ZADD z INCR 1 a|ZINCRBY z 1 a
ZINCRBY z 0 a|ZADD z 1 h|ZREM z a|ZREMRANGEBYRANK z 0 0|ZREMRANGEBYSCORE z 3 3|ZREMRANGEBYLEX z [d [d|ZPOPMIN z
ZPOPMAX z|ZRANGESTORE y z 0 -1|ZUNIONSTORE y 1 z|ZINTERSTORE y 1 z|ZDIFFSTORE y 1 z|ZDIFFSTORE y 1 q|GEOADD g 1 1 a
GEOSEARCHSTORE y g FROMMEMBER a BYRADIUS 1 km|GEORADIUS g 1 1 1 km STORE y|ZMPOP 1 z MIN|ZMPOP 1 z MIN COUNT 9
HSET h a 1 b 2 c 3|HINCRBY h a 1|HINCRBYFLOAT h a 1|HDEL h a|HDEL h b c|HSETNX h a 1|HSETNX h a 1
SET a 1|EXPIRE a 100|PERSIST a|PERSIST a|EXPIRE a -1|SET a 1|RENAME a b|SET a 1|RENAME a b|RPUSH l 1|RENAME l b|SET a 1
COPY a b REPLACE|COPY a c DB 1 REPLACE|COPY a c DB 1 REPLACE|MOVE a 1|RENAMENX b bbb|SWAPDB 0 1|FLUSHDB
XADD x 1-1 a 1|XADD x MAXLEN 1 2-2 a 1|XGROUP CREATE x g 0|XGROUP SETID x g 0|XREADGROUP GROUP g c STREAMS x >
XGROUP CREATECONSUMER x g d|XGROUP DELCONSUMER x g d|XCLAIM x g e 0 2-2|XTRIM x MAXLEN 0|XSETID x 9-9|XDEL x 2-2
XGROUP DESTROY x g|XADD x 10-1 a b|XDELEX x IDS 1 10-1|XGROUP CREATE xx g 0 MKSTREAM
SET a 1 PXAT 1|SET b 1 PXAT 1|MSET a 1 d 1|EXISTS b|EXPIRE d 0|GET d|SET d 1|SET d 2 PXAT 1|GET d
"""

# What looks for keys that are not there.
LOOKS = """
GET q|GET q q|MGET q r q|EXISTS q r|STRLEN q|GETRANGE q 0 1|TTL q|PTTL q|EXPIRETIME q|TYPE q|OBJECT ENCODING q
OBJECT FREQ q|OBJECT IDLETIME q|TOUCH q|DUMP q|KEYS q|RANDOMKEY|GETEX q|GETEX q EX x|GETDEL q|GETSET q 1|DEL q
SET q 1 GET|DEL q|SET q 1 XX|SET q 1 XX GET|SETNX w 1|DEL w|APPEND w 1|DEL w|INCR w|DEL w|SETRANGE q 0 x|DEL q
GETBIT q 0|BITCOUNT q|BITPOS q 1|BITFIELD q GET u8 0|BITFIELD q SET u8 0 1|DEL q|BITFIELD_RO q GET u8 0
BITOP AND d q r|PFCOUNT q|PFCOUNT q r|PFMERGE d q r|DEL d|PFADD q|DEL q|LLEN q|LRANGE q 0 1|LRANGE q x 1|LINDEX q 0
LPOS q a|LPOP q|RPOP q|LMPOP 2 q r LEFT|LINSERT q BEFORE a b|LSET q 0 a|LREM q 0 a|LTRIM q 0 1|LMOVE q r LEFT LEFT
RPOPLPUSH q r|LPUSHX q a|BLPOP q r 0.01|BLMOVE q r LEFT LEFT 0.01|SCARD q|SMEMBERS q|SISMEMBER q a|SMISMEMBER q a b
SRANDMEMBER q|SPOP q|SREM q a|SMOVE q r a|SINTER q r|SUNION q r|SDIFF q r|SINTERSTORE d q r|SUNIONSTORE d q r
SDIFFSTORE d q r|SINTERCARD 2 q r|SSCAN q 0|ZCARD q|ZSCORE q a|ZMSCORE q a b|ZRANGE q 0 1|ZRANGE q x 1
ZRANGEBYSCORE q 0 1|ZRANK q a|ZCOUNT q 0 1|ZLEXCOUNT q - +|ZRANDMEMBER q|ZPOPMIN q|ZMPOP 2 q r MIN|ZREM q a
ZUNION 2 q r|ZINTER 2 q r|ZDIFF 2 q r|ZUNIONSTORE d 2 q r|ZINTERSTORE d 2 q r|ZDIFFSTORE d 2 q r|ZRANGESTORE d q 0 1
ZINTERCARD 2 q r|ZSCAN q 0|ZREMRANGEBYRANK q 0 1|BZPOPMIN q 0.01|HGET q a|HMGET q a b|HGETALL q|HKEYS q|HVALS q
HLEN q|HEXISTS q a|HSTRLEN q a|HRANDFIELD q|HSCAN q 0|HDEL q a|HSETNX w a b|DEL w|HINCRBY w a 1|DEL w
HTTL q FIELDS 1 a|HPERSIST q FIELDS 1 a|HEXPIRE q 1 FIELDS 1 a|HGETEX q FIELDS 1 a|HGETDEL q FIELDS 1 a
HSETEX w FXX FIELDS 1 a b|XLEN q|XRANGE q - +|XREVRANGE q + -|XREAD STREAMS q r 0 0|XREAD BLOCK 10 STREAMS q 0
XINFO STREAM q|XINFO GROUPS q|XPENDING q g|XREADGROUP GROUP g c STREAMS q r > >|XACK q g 1|XCLAIM q g c 0 1
XAUTOCLAIM q g c 0 0|XDEL q 1|XTRIM q MAXLEN 0|XGROUP CREATE q g 0|XGROUP DESTROY q g|XSETID q 1|XACKDEL q g IDS 1 1
XDELEX q IDS 1 1|GEOPOS q a|GEODIST q a b|GEOHASH q a|GEOSEARCH q FROMLONLAT 0 0 BYRADIUS 1 km
GEOSEARCHSTORE d q FROMLONLAT 0 0 BYRADIUS 1 km|GEORADIUS q 0 0 1 km|GEORADIUS q 0 0 1 km STORE d
GEORADIUS_RO q 0 0 1 km|RENAME q r|RENAMENX q r|COPY q r|MOVE q 1|EXPIRE q 1|PERSIST q|SORT q|SORT_RO q
SORT q STORE d|SORT q BY w*|MEMORY USAGE q|WATCH q|UNWATCH|SCAN 0|LCS q r|SUBSTR q 0 1|RPUSH l a b
SORT l BY w_* GET g_*|SORT l BY h_*->f
"""


def events(message: bytes) -> list[bytes]:
    """The words of a frame that are not its lengths."""
    return message.split(b"\r\n")[2::2]


def told(port: int, wire: Connect, classes: str, script: str) -> list[tuple[str, list[list[bytes]]]]:
    """What is told of each request of a script."""
    listener, client = wire(port), wire(port)
    client("FLUSHALL")
    client("CONFIG", "SET", "hz", 1)  # what expires is met by the next request, and not cleared away before
    client("CONFIG", "SET", "notify-keyspace-events", classes)
    listener("PSUBSCRIBE", "__key*")
    requests = script.strip().replace("\n", "|").split("|")
    for asked in requests:
        client(*asked.split(" "))
        client("PUBLISH", "__key", asked)
    found, so_far = [], list[list[bytes]]()
    while len(found) < len(requests):
        message = events(listener.frame())
        so_far.append(message[2:])
        if message[2] == b"__key":
            found.append((message[3].decode(), so_far))
            so_far = []
    client("CONFIG", "SET", "notify-keyspace-events", "")
    return found


@pytest.mark.parametrize("classes", ["KEAnoc", "K", "A", *(f"E{letter}" for letter in "g$lshzxetdnoc")])
def test_events_are_those_of_redis(server: Server, real_port: int, wire: Connect, classes: str) -> None:
    """Each command tells what Redis tells, in its order, class by class."""
    for ours, theirs in zip(*(told(port, wire, classes, SCRIPT) for port in (server.port, real_port)), strict=True):
        assert ours == theirs


@pytest.mark.parametrize("classes", ["Em", "KEAnocm"])
def test_misses_are_those_of_redis(server: Server, real_port: int, wire: Connect, classes: str) -> None:
    """Of keys that are not there it is told which commands looked for them, as often as Redis looks."""
    for ours, theirs in zip(*(told(port, wire, classes, LOOKS) for port in (server.port, real_port)), strict=True):
        assert ours == theirs


def replaced(port: int, wire: Connect, streams: tuple[tuple[str, ...], ...]) -> list[bytes]:
    """What is told as a stream takes the place of another for which clients wait, each by one of these requests."""
    client, listener = wire(port), wire(port)
    client("FLUSHALL")
    client("XADD", "other", "1-1", "f", "v")
    client("XGROUP", "CREATE", "other", "g", 0)
    client("XGROUP", "CREATE", "x", "g", "$", "MKSTREAM")
    for waiting, request in enumerate(streams, 1):
        wire(port).send(*request)
        soon(lambda waiting=waiting: b"blocked_clients:%d\r" % waiting in client("INFO", "clients"))
    client("CONFIG", "SET", "notify-keyspace-events", "EAm")
    listener("PSUBSCRIBE", "__key*")
    client("RENAME", "other", "x")
    client("PUBLISH", "__key", "end")
    told: list[bytes] = []
    while not told or told[-1] != b"end":
        told += events(listener.frame())[2:]
    client("CONFIG", "SET", "notify-keyspace-events", "")
    return told


@pytest.mark.parametrize("order", [1, -1])
def test_who_waits_for_what_is_replaced_looks_in_its_turn(
    server: Server, real_port: int, wire: Connect, order: int
) -> None:
    """XREAD looks again before a group that has begun to wait behind it, and the other way about."""
    streams = (
        ("XREAD", "BLOCK", "0", "STREAMS", "x", "none", "9-9", "0"),
        ("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "x", ">"),
    )[::order]
    assert replaced(server.port, wire, streams) == replaced(real_port, wire, streams)


def test_own_events_come_behind_the_reply(server: Server, client: Wire, wire: Connect) -> None:
    """Of what it writes, of what it finds expired, and of what it is served with after it has waited."""
    client("CONFIG", "SET", "notify-keyspace-events", "KA", "hz", 1)
    own = wire(server.port)
    own("HELLO", 3)
    own("PSUBSCRIBE", "__keyspace@0__:*")

    def heard(count: int) -> list[bytes]:
        return [events(own.frame())[-1] for _ in range(count)]

    assert own("MSET", "a", 1, "b", 2) == b"+OK\r\n"
    assert heard(2) == [b"set", b"set"]
    client("SET", "b", 2, "PXAT", 1)
    assert heard(2) == [b"set", b"expire"]
    assert own("MGET", "a", "b", "a") == b"*3\r\n$1\r\n1\r\n_\r\n$1\r\n1\r\n"
    assert heard(1) == [b"expired"]
    own.send("BLPOP", "l", 0)
    soon(lambda: b"blocked_clients:0" not in client("INFO", "clients"))
    client("RPUSH", "l", "x")
    assert heard(1) == [b"rpush"]
    assert own.frame() == b"*2\r\n$1\r\nl\r\n$1\r\nx\r\n"
    assert heard(2) == [b"lpop", b"del"]
    client("CONFIG", "SET", "notify-keyspace-events", "")


def test_keys_that_nobody_asks_for_are_told_of(start: Start, wire: Connect) -> None:
    """A server started so tells of keys that expire while nobody looks at them; CONFIG GET says the classes."""
    running = start("--notify-keyspace-events", "xE", "--hz", "100")
    listener, client = wire(running.port), wire(running.port)
    assert client("CONFIG", "GET", "notify-keyspace-events") == b"*2\r\n$22\r\nnotify-keyspace-events\r\n$2\r\nxE\r\n"
    listener("SUBSCRIBE", "__keyevent@0__:expired")
    client("SET", "k", "v", "PX", 1)
    assert events(listener.frame()) == [b"message", b"__keyevent@0__:expired", b"k"]
