"""The parser: however a stream is cut, the replies are the same; what is malformed is refused as Redis does."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")


def resp(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


pieces = st.one_of(
    st.lists(st.binary(max_size=20), max_size=5).map(lambda words: resp(b"ARGS", *words)),
    st.integers(100, 3000).map(lambda size: resp(b"ECHO", b"x" * size)),
    st.integers(1, 60).map(lambda count: resp(b"ARGS", *[b"%d" % number for number in range(count)])),
    st.sampled_from(
        [
            b"PING\r\n",
            b"\r\n",
            b"  ping  'a b'\r\n",
            b'ARGS "\\x41\\n" b\n',
            b"*0\r\n",
            b"*-1\r\n",
            resp(b"SET", b"k", b"v"),
            resp(b"get", b"k"),
            resp(b"INCR", b"n") + resp(b"DEL", b"n"),
            resp(b"NOSUCH", b"x"),
            resp(b"GET"),
        ]
    ),
)
endings = st.sampled_from(
    [
        b"",
        b"",
        b"*x\r\n",
        b"*1\r\n:1\r\n",
        b"*2\r\n$1\r\na\r\n$-1\r\n",
        b'PING "x\r\n',
        b"*99999999999\r\n",
        b"*1\r\n$04\r\n",
    ]
)
LAST = b"$4\r\nlast\r\n"


def talk(running: Any, stream: bytes, cuts: list[int]) -> bytes:
    """All replies to the stream, sent in pieces that the server reads one by one."""
    with running.connect() as connection:
        client = running.client_of(connection)
        start = 0
        for cut in [*sorted(cuts), len(stream)]:
            if start < cut:
                try:
                    connection.sendall(stream[start:cut])
                except OSError:  # refused and closed already
                    break
                start = cut
                until = time.monotonic() + 10
                while client.net_in < cut and client.id in running.loop.clients and time.monotonic() < until:
                    time.sleep(0)
        got = b""
        while not got.endswith(LAST):
            try:
                more = connection.recv(65536)
            except ConnectionResetError:
                break
            if not more:
                break
            got += more
        return got


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(pieces, max_size=25), endings, st.data())
def test_cuts_do_not_matter(running: Any, requests: list[bytes], ending: bytes, data: st.DataObject) -> None:
    """Any split of a stream, valid or malformed at its end, gives the replies that the whole stream gives."""
    stream = b"".join(requests) + ending + resp(b"ECHO", b"last")
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    assert talk(running, stream, cuts) == talk(running, stream, [])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from(
                [
                    b"*",
                    b"$",
                    b"\r\n",
                    b"\r",
                    b"*2\r\n",
                    b"$3\r\nGET\r\n",
                    b"$-1\r\n",
                    b'"',
                    b"'",
                    b"\\x4",
                    b"\0",
                    b"9" * 25,
                ]
            ),
        ),
        max_size=20,
    )
)
def test_any_bytes_are_survived(running: Any, parts: list[bytes]) -> None:
    """Bytes that make no sense end their own connection at most: the server goes on, and another client is answered."""
    with running.connect() as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:  # refused already
            pass
    assert talk(running, resp(b"ECHO", b"last"), []) == LAST


def test_byte_by_byte(running: Any) -> None:
    """A stream that comes a byte at a time is understood."""
    stream = resp(b"SET", b"k", b"1") + b"INCR k\r\n" + resp(b"GET", b"k") + resp(b"ECHO", b"last")
    assert talk(running, stream, list(range(len(stream)))) == b"+OK\r\n:2\r\n$1\r\n2\r\n" + LAST


@pytest.mark.parametrize(
    ("stream", "reply"),
    [
        (b"*abc\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*01\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n+PING\r\n", b"-ERR Protocol error: expected '$', got '+'\r\n"),
        (b"*1\r\n\r\n", b"-ERR Protocol error: expected '$', got ' '\r\n"),
        (b"*1\rXPING\r\n", b"-ERR Protocol error: expected '$', got 'P'\r\n"),
        (b"*1\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n$536870913\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b"*" + b"1" * 70_000, b"-ERR Protocol error: too big mbulk count string\r\n"),
        (b"*1\r\n$" + b"1" * 70_000, b"-ERR Protocol error: too big bulk count string\r\n"),
        (b"a" * 70_000, b"-ERR Protocol error: too big inline request\r\n"),
        (b'PING "abc\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n"),
        (b"PING 'a'b\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n"),
        (b"PING\r\n*a\r\nPING\r\n", b"+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n"),
        (b"POST / HTTP/1.1\r\nHost: a\r\n", b""),
    ],
)
def test_refusals(running: Any, stream: bytes, reply: bytes) -> None:
    """Malformed input gets the reply of Redis 8.2.3, after those to what stood before it, and the connection ends."""
    with running.connect() as connection:
        connection.sendall(stream)
        got = b""
        try:
            while more := connection.recv(65536):
                got += more
        except ConnectionResetError:  # closed with some of our input unread
            pass
    assert got == reply


@pytest.mark.parametrize(
    "stream", [b"*1\r\n\x00", b"PING a\x00b\r\n", b"a" * 65_536, b"*1048577\r\n", b"*1\r\n$536870912\r\n"]
)
def test_what_waits_for_more(running: Any, stream: bytes) -> None:
    """Input that Redis goes on waiting for gets no reply and keeps its connection."""
    with running.connect() as connection:
        connection.sendall(stream)
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_limits_before_authentication(running: Any) -> None:
    """Whoever has not said the password may send ten arguments of 16 KiB; the limit ends within a pipeline."""
    for stream, reply in (
        (b"*11\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n"),
        (b"*1\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n"),
    ):
        with running.connect() as connection:
            running.client_of(connection).authenticated = False
            connection.sendall(stream)
            assert connection.recv(1000) == reply
            assert connection.recv(1000) == b""


def test_a_large_value_takes_time_in_proportion(running: Any) -> None:
    """64 MB in one argument, and a request of 300,000 arguments, arrive without work that grows with the square."""
    value = b"v" * (64 << 20)
    with running.connect() as connection:
        start = time.monotonic()
        connection.sendall(resp(b"SET", b"large", value) + resp(b"STRLEN", b"large") + b"DEL large\r\n")
        assert _until(connection, b":1\r\n") == b"+OK\r\n:%d\r\n:1\r\n" % len(value)
        connection.sendall(resp(b"EXISTS", *[b"%d" % number for number in range(300_000)]))
        assert _until(connection, b":0\r\n") == b":0\r\n"
        assert time.monotonic() - start < 10


def _until(connection: socket.socket, end: bytes) -> bytes:
    got = b""
    while not got.endswith(end):
        more = connection.recv(65536)
        assert more, got
        got += more
    return got
