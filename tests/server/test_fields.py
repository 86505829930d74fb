"""Fields of hashes that end by themselves: when they go, what is told of it, and what INFO counts."""

from __future__ import annotations

import time

import pytest

from redlark.server import Server

from .conftest import Connect, Start, Wire


def keyspace(client: Wire) -> bytes:
    """What INFO says of the first database."""
    return client("INFO", "keyspace").split(b"db0:")[-1].split(b"\r\n")[0]


def test_what_nobody_asks_for_goes(start: Start, wire: Connect) -> None:
    """Fields go in the server's own time, in steps where they are many, and the key with the last; both are told."""
    running = start("--notify-keyspace-events", "hgE", "--hz", "100")
    listener, client = wire(running.port), wire(running.port)
    listener("SUBSCRIBE", "__keyevent@0__:hexpired")
    listener("SUBSCRIBE", "__keyevent@0__:del")
    fields = [b"%d" % number for number in range(2500)]
    client("HSET", "few", "a", 1, "b", 2)
    client("HPEXPIRE", "few", 1, "FIELDS", 1, "a")
    client("HSETEX", "many", "PX", 1, "FIELDS", len(fields), *(text for field in fields for text in (field, field)))
    events: list[tuple[bytes, bytes]] = []
    while not {(b"del", b"many"), (b"hexpired", b"few")} <= {*events}:  # which of the two is first, nothing says
        words = listener.frame().split(b"\r\n")
        events.append((words[4].partition(b":")[2], words[6]))
    assert [event for event, key in events if key == b"many"] == [b"hexpired"] * 3 + [b"del"]
    assert [event for event, key in events if key == b"few"] == [b"hexpired"]
    assert client("DBSIZE") == b":1\r\n"
    assert b"expired_subkeys:2501\r\n" in client("INFO", "stats")


def test_info_counts_hashes_with_such_fields(server: Server, client: Wire) -> None:
    """However they come to be there and go: by another name, in a copy, in another database, with their keys."""
    far = "33177117420000"

    def counted() -> bytes:
        return keyspace(client).partition(b"subexpiry=")[2]

    client("HSET", "h", "a", 1, "b", 2)
    assert counted() == b"0"
    client("HPEXPIREAT", "h", far, "FIELDS", 2, "a", "b")
    assert counted() == b"1"
    client("COPY", "h", "copy")
    client("RENAME", "h", "name")
    assert counted() == b"2"
    client("HPERSIST", "name", "FIELDS", 2, "a", "b")
    client("SET", "other", "v")
    assert counted() == b"1"
    client("SWAPDB", 0, 1)
    client("SELECT", 1)
    assert client("HPEXPIRETIME", "copy", "FIELDS", 1, "a") == b"*1\r\n:%b\r\n" % far.encode()
    client("MOVE", "copy", 0)
    client("SELECT", 0)
    assert counted() == b"1"
    client("SET", "copy", "v")
    assert counted() == b"0"


def test_nobody_sees_what_is_past(server: Server, client: Wire) -> None:
    """A field that has ended is in no reply, and a hash without others is none, whoever asks for the key."""
    for command in ("HGETALL", "HLEN", "TYPE", "OBJECT ENCODING", "DUMP", "COPY k2", "SORT BY nosort GET x->f"):
        name, *rest = command.split()
        client("FLUSHALL")
        client("HSET", "h", "f", 1, "g", 2)
        client("HPEXPIRE", "h", 1, "FIELDS", 2, "f", "g")
        time.sleep(0.003)
        client(name, "h", *rest) if name != "OBJECT" else client("OBJECT", "ENCODING", "h")
        assert client("HSET", "h", "f", 3) == b":1\r\n", command
        assert client("HVALS", "h") == b"*1\r\n$1\r\n3\r\n"


OTHERS = (
    "GET k", "INCR k", "APPEND k x", "SET k v GET", "GETRANGE k 0 -1", "BITCOUNT k", "PFADD k a", "LPUSH k a",
    "LPUSHX k a", "LLEN k", "LPOS k a", "LMOVE l k LEFT LEFT", "LMPOP 2 k l LEFT", "BLMPOP 0.01 2 k l LEFT",
    "BLPOP k l 0.01", "BRPOP k l 0.01", "SADD k a", "SUNION k l", "SMOVE s k a", "ZADD k 1 a", "ZMPOP 2 k z MIN",
    "BZMPOP 0.01 2 k z MIN", "BZPOPMIN k z 0.01", "ZUNIONSTORE d 1 k", "GEOADD k 1 1 a", "XADD k * f v",
    "XREAD STREAMS k 0", "SORT k", "EVAL return{redis.pcall('LPUSH',KEYS[1],'a')} 1 k",
)  # fmt: skip


@pytest.mark.parametrize("queued", [False, True], ids=["alone", "in EXEC"])
def test_a_hash_that_is_over_is_a_hash_to_others(start: Start, wire: Connect, queued: bool) -> None:
    """Who asks for another type takes nothing away: it is refused, and the key is there for what comes behind."""
    client = wire(start("--enable-debug-command", "yes").port)
    assert client("DEBUG", "SET-ACTIVE-EXPIRE", 0) == b"+OK\r\n"
    for words in OTHERS:
        client("FLUSHALL")
        client("RPUSH", "l", "a")
        client("ZADD", "z", 1, "a")
        client("SADD", "s", "a")
        client("HSET", "k", "f", "v")
        client("HPEXPIRE", "k", 1, "FIELDS", 1, "f")
        time.sleep(0.003)
        told = [client(*each.split()) for each in (*["MULTI"] * queued, words, "TYPE k", *["EXEC"] * queued)]
        assert b"-WRONGTYPE" in told[-1 if queued else 0], words
        assert told[-1].endswith(b"+hash\r\n"), words
