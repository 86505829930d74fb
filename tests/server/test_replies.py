"""Every error text, every order of errors and every edge that was asked of Redis 8.2.3: both cores answer the same.

`replies.txt` holds the requests, a line each as redis-cli would take it; where several lines stand together they belong
together.  An answer is compared to the byte, but for what cannot be the same twice.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from redlark.server import Server

from .conftest import Connect, Wire

GROUPS = [
    [line for line in group.split("\n") if line and not line.startswith("#")]
    for group in (Path(__file__).parent / "replies.txt").read_text(encoding="utf-8").split("\n\n")
]


def words_of(line: str) -> list[bytes]:
    return [word.encode().decode("unicode_escape").encode("latin-1") for word in shlex.split(line)]


def comparable(words: list[bytes], reply: bytes) -> bytes:
    """The reply without what differs from server to server: ids, modules, the order of keys."""
    name = words[0].upper()
    if name in (b"HELLO", b"EXEC"):
        reply = re.sub(rb"(\$2\r\nid\r\n:)\d+", rb"\1", reply)
        return re.sub(rb"(modules\r\n)\*1\r\n.*?args\r\n\*0", rb"\1*0", reply, flags=re.DOTALL)
    if name in (b"KEYS", b"SCAN") and reply[:1] == b"*":
        return b" ".join(sorted(reply.split(b"\r\n")))
    if name in (b"TTL", b"PTTL") and reply[:1] == b":":
        unit = 10 if name == b"TTL" else 10_000
        return b":%d tens of seconds" % ((int(reply[1:]) + unit // 2) // unit)
    return reply


def answers(connection: Wire, lines: list[str]) -> Iterator[tuple[str, bytes]]:
    connection("RESET")
    connection("FLUSHALL")
    for line in lines:
        words = words_of(line)
        yield line, comparable(words, connection(*words))
    connection("RESET")


@pytest.mark.parametrize("lines", GROUPS, ids=lambda lines: lines[0])
def test_replies_are_those_of_redis(server: Server, real_port: int, wire: Connect, lines: list[str]) -> None:
    """The same requests get the same bytes, in both protocols."""
    for version in (2, 3):
        ours = answers(wire(server.port), [f"HELLO {version}", *lines])
        theirs = answers(wire(real_port), [f"HELLO {version}", *lines])
        assert list(ours) == list(theirs)
