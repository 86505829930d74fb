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


@pytest.mark.parametrize("stopped", [False, True], ids=["taken", "awaited"])
@pytest.mark.parametrize(
    "words",
    [
        ("LMPOP", 2, "k", "l", "LEFT"), ("BLMPOP", "0.01", 2, "k", "l", "LEFT"), ("BLPOP", "k", "l", "0.01"),
        ("BRPOP", "k", "l", "0.01"), ("ZMPOP", 2, "k", "z", "MIN"), ("BZMPOP", "0.01", 2, "k", "z", "MIN"),
        ("BZPOPMIN", "k", "z", "0.01"),
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_who_pops_passes_over_a_hash_that_is_over(client: Wire, words: tuple[str | int, ...], stopped: bool) -> None:
    """A hash whose fields have all ended is nothing to take from, whether or not another key holds something."""
    if not stopped:
        client("RPUSH", "l", "a")
        client("ZADD", "z", 1, "a")
    client("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    client("HSET", "k", "f", "v")
    client("HPEXPIRE", "k", 1, "FIELDS", 1, "f")
    time.sleep(0.003)
    told = client(*words)
    client("DEBUG", "SET-ACTIVE-EXPIRE", 1)
    assert told == b"*-1\r\n" if stopped else told.startswith(b"*") and b"$1\r\na\r\n" in told
