"""Who tracks keys and listens to events hears of both in Redis's order, command by command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redlark.server import Server

from .conftest import Wire
from .test_configuring import redis

HELD = """
SADD s m|SADD s2 a b c|SADD si 1 2 3|ZADD z 1 q|ZADD z2 1 a 2 b|RPUSH l x|RPUSH l2 a b c|HSET h f v
HSET h2 a 1 b 2|HSET ht a 1 b 2|HEXPIRE ht 100 FIELDS 1 a|XADD x 1-1 a b|XADD x 1-2 a b|XADD x 1-3 a b
XGROUP CREATE x g 0|SET k 1 EX 100|SET n 5|GEOADD geo 0 0 a 1 1 b|PFADD p a
"""
ASKED = """
LPOP l|RPOP l|LPOP l2|LPOP l2 2|LMPOP 1 l LEFT|LREM l 0 x|LREM l2 0 a|LTRIM l 1 0|LTRIM l2 1 1
LMOVE l l2 LEFT LEFT|LMOVE l2 l LEFT LEFT|RPOPLPUSH l l|LSET l2 0 q|LINSERT l2 BEFORE a q|LPUSH l a|BLPOP l 1
BLMOVE l l2 LEFT LEFT 1|LPUSH new 1|SREM s m|SREM s2 a|SPOP s|SPOP s2|SPOP s2 2|SPOP s2 5|SMOVE s s2 m
SMOVE s2 s a|SMOVE s new m|SADD s q|SADD new 1|SINTERSTORE s s2|SUNIONSTORE new s2|SDIFFSTORE s si si|ZADD z 2 w
ZADD new 1 a|ZINCRBY z 1 q|ZREM z q|ZREM z2 a|ZPOPMIN z|ZPOPMIN z2|ZPOPMAX z2 2|ZMPOP 1 z MIN|BZPOPMIN z 1
ZREMRANGEBYSCORE z 0 5|ZREMRANGEBYRANK z2 0 0|ZREMRANGEBYLEX z2 - +|ZRANGESTORE z z2 0 -1|ZUNIONSTORE new 1 z2
ZDIFFSTORE z 2 z2 z2|HSET h f w|HSET new a 1|HDEL h f|HDEL h2 a|HINCRBY h2 a 1|HEXPIRE h2 100 FIELDS 1 a
HEXPIRE h 0 FIELDS 1 f|HPERSIST ht FIELDS 1 a|HGETDEL h FIELDS 1 f|HGETDEL h2 FIELDS 1 a
HGETEX h2 EX 10 FIELDS 1 a|HGETEX ht PERSIST FIELDS 1 a|HGETEX h PX 0 FIELDS 1 f|HSETEX h2 EX 10 FIELDS 1 a 1
HSETNX h q 1|XADD x 5-1 a b|XADD new 1-1 a b|XADD x MAXLEN 1 5-1 a b|XTRIM x MAXLEN 1|XDEL x 1-1
XDELEX x IDS 1 1-1|XSETID x 9-9|XGROUP CREATE x g2 0|XGROUP DESTROY x g|XREADGROUP GROUP g c STREAMS x >
XGROUP CREATE new g 0 MKSTREAM|SET k 2|SET k 2 EX 5|SET k 2 GET|SETNX new 1|GETSET k 1|GETDEL k|GETEX k PERSIST
GETEX k EX 5|GETEX k EXAT 1|APPEND k x|SETRANGE k 0 x|INCR n|INCR new|MSET k 1 n 2 new 3|MSETNX new 1 new2 2
SETBIT k 1 1|BITOP NOT new k|BITFIELD k SET u8 0 1|DEL k n|UNLINK k|EXPIRE k 50|EXPIRE k -1|PERSIST k|MOVE k 1
PFADD p b|PFMERGE new p|GEOADD geo 2 2 c|GEOSEARCHSTORE new geo FROMLONLAT 0 0 BYRADIUS 1 km
SORT l2 ALPHA STORE new|SORT l2 ALPHA STORE k|SORT nokey STORE k|COPY k new|COPY k n REPLACE|COPY l n REPLACE
COPY ht n REPLACE|COPY k n DB 1 REPLACE|RENAME k new|RENAME k n|RENAME l n|RENAME ht n|RENAMENX k new|RESTORE
RESTORE REPLACE|FLUSHALL|FLUSHDB
"""
KEYS = ["s", "s2", "si", "z", "z2", "l", "l2", "h", "h2", "ht", "x", "k", "n", "geo", "p", "new", "new2"]


def rows(text: str) -> Iterator[list[str]]:
    for line in text.strip().splitlines():
        for row in line.split("|"):
            yield row.split()


def heard(port: int, mode: list[str]) -> list[tuple[list[str], bytes]]:
    """Each request with all that a client is told which has read every key and listens to every event."""
    asking, told = Wire(port), []
    asking("SELECT", 0)
    asking("SET", "of", "a")
    payload = asking("DUMP", "of").split(b"\r\n", 1)[1][:-2]
    for request in rows(ASKED):
        asking("FLUSHALL")
        for row in rows(HELD):
            asking(*row)
        listening = Wire(port)
        listening("HELLO", 3)
        listening("PSUBSCRIBE", "__keyevent*")
        listening("CLIENT", "TRACKING", "ON", *mode)
        for key in KEYS:
            listening("TTL", key)
        if request[0] == "RESTORE":
            asking("RESTORE", "k" if request[1:] else "new", 0, payload, *request[1:])
        else:
            asking(*request)
        listening.send("ECHO", "end")
        frames = b""
        while not frames.endswith(b"$3\r\nend\r\n"):
            frames += listening.frame()
        told.append((request, frames))
        listening.close()
    asking.close()
    return told


@pytest.mark.parametrize("mode", [[], ["BCAST"], ["BCAST", "PREFIX", "s", "PREFIX", "n"]], ids=" ".join)
def test_events_and_changes_are_told_in_redis_s_order(core: str, mode: list[str]) -> None:
    """Whichever comes first there, the message or the invalidation, comes first here."""
    with (
        Server("--notify-keyspace-events", "EAno", core=core) as ours,
        redis("notify-keyspace-events EAno\n") as (real, _),
    ):
        port = int(real("CONFIG", "GET", "port").split(b"\r\n")[4])
        for mine, theirs in zip(heard(ours.port, mode), heard(port, mode), strict=True):
            assert mine == theirs
