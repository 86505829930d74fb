"""Large values go in steps, whichever way they go; small ones at once; all of their memory comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from redlark.server import Server, cores
from tests.waiting import soon

from .conftest import Connect, Wire
from .test_buffers import figure

pytestmark = pytest.mark.skipif("compiled" not in cores.available(), reason="the plain core's objects go at once")
MANY = 30_000
WAYS = {
    "DEL": ["DEL big"],
    "UNLINK": ["UNLINK big"],
    "FLUSHALL": ["FLUSHALL"],
    "FLUSHDB SYNC": ["FLUSHDB SYNC"],
    "a write over it": ["SET big v"],
    "RENAME": ["SET other v", "RENAME other big"],
    "a deadline": ["PEXPIREAT big 1", "GET big"],
    "STORE": ["SUNIONSTORE big none"],
    "EVAL": ["EVAL return{redis.call('del','big')} 0"],
}
ELEMENTS = {"SADD": "m%d", "HSET": "f%d v", "ZADD": "%d m%d", "RPUSH": "e%d" + "." * 100}


def filled(client: Wire, command: str) -> None:
    """A collection of many elements at `big`."""
    for start in range(0, MANY, 1000):
        words: list[str] = []
        for number in range(start, start + 1000):
            form = ELEMENTS[command]
            words += (form % ((number,) * form.count("%d"))).split()
        client(command, "big", *words)


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A process of its own: what is to be freed is of a process, not of a server."""
    with Server(core="compiled", process=True) as running:
        yield running


@pytest.mark.parametrize("command", ELEMENTS)
@pytest.mark.parametrize("way", WAYS)
def test_large_collections_go_in_steps(own: Server, wire: Connect, command: str, way: str) -> None:
    """What has gone is not there any more and weighs nothing; it was freed in steps, and counted once."""
    client = wire(own.port)
    client("FLUSHALL")
    soon(lambda: figure(client, "lazyfree_pending_objects") == 0)
    empty = figure(client, "used_memory_dataset")
    filled(client, command)
    client("CONFIG", "RESETSTAT")
    for line in WAYS[way]:
        client(*re.findall(r"return\{.*\}|\S+", line))
    assert figure(client, "used_memory_dataset") < empty + 1000
    soon(lambda: figure(client, "lazyfree_pending_objects") == 0)
    assert figure(client, "lazyfreed_objects") == 1


def test_a_keyspace_goes_with_all_that_it_holds(own: Server, wire: Connect) -> None:
    """FLUSHALL of many keys, some of them large, leaves an empty keyspace that is used at once; each key is counted."""
    client = wire(own.port)
    client("FLUSHALL")
    soon(lambda: figure(client, "lazyfree_pending_objects") == 0)
    client("CONFIG", "RESETSTAT")
    for number in range(3):
        filled(client, "SADD")
        client("RENAME", "big", f"big:{number}")
    for first in range(0, 10_000, 1000):
        client("MSET", *(word for number in range(first, first + 1000) for word in (f"k{number}", "v")))
    client.raw(b"MULTI\r\nFLUSHALL\r\nINFO memory\r\nEXEC\r\n")
    told = [client.frame() for _ in range(4)][-1]
    assert b"lazyfree_pending_objects:10003\r\n" in told
    assert client("DBSIZE") == b":0\r\n"
    assert client("SADD", "big:0", "a") == b":1\r\n"
    soon(lambda: figure(client, "lazyfree_pending_objects") == 0)
    assert figure(client, "lazyfreed_objects") == 10_003 + 3  # the sets go by themselves
    assert client("SMEMBERS", "big:0") == b"*1\r\n$1\r\na\r\n"


def test_memory_comes_back() -> None:
    """A process that lets go of a large set again and again is no larger for it."""
    with Server(core="compiled", process=True) as running:
        client = Wire(running.port)
        sizes = []
        for _ in range(8):
            filled(client, "HSET")
            client("DEL", "big")
            soon(lambda: figure(client, "lazyfree_pending_objects") == 0)
            pages = Path(f"/proc/{running.pid}/statm").read_text(encoding="ascii").split()[1]
            sizes.append(int(pages) * 4096)
        assert sizes[-1] < sizes[1] + 2_000_000
        client.close()


def test_who_is_served_meanwhile_waits_for_a_step(own: Server, wire: Connect) -> None:
    """Requests of one write that takes several reads are answered between steps, before the last one.

    It is seen in one of some tries: where the client itself is kept waiting, all may be free before it has written.
    """
    client = wire(own.port)
    asked = b"INFO memory\r\n*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$20000\r\n" + b"x" * 20000 + b"\r\n"

    def served_meanwhile() -> int:
        for start_at in range(0, 400_000, 2000):
            client("SADD", "big", *(f"member:{number}" for number in range(start_at, start_at + 2000)))
        client.raw(b"DEL big\r\n" + asked * 12)  # more than a read takes at once
        frames = [client.frame() for _ in range(25)]
        soon(lambda: figure(client, "lazyfree_pending_objects") == 0)
        return sum(b"lazyfree_pending_objects:1\r\n" in told for told in frames[1::2][4:])

    client("DEL", "big")
    assert any(served_meanwhile() >= 3 for _ in range(5))


def test_former_arrays_of_a_table_go_back_to_the_system(wire: Connect) -> None:
    """What a table has grown out of is not resident any more, although the C library has freed larger blocks before."""
    with Server(core="compiled", process=True) as own:
        client = wire(own.port)
        client("SET", "big", "v" * 20_000_000)
        client("DEL", "big")
        for round_ in range(2):  # the first has whatever else must be there: slabs, buffers
            client("FLUSHALL")
            soon(lambda: figure(client, "lazyfree_pending_objects") == 0)
            resident, used = figure(client, "used_memory_rss"), figure(client, "used_memory")
            for start in range(0, 600_000 if round_ else 1_000, 1_000):
                client("MSET", *(word for number in range(start, start + 1_000) for word in (f"k{number}", "v")))
        more = figure(client, "used_memory_rss") - resident - (figure(client, "used_memory") - used)
    assert more < 2_000_000
