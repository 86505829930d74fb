"""Frames as they arrive: cut anywhere, malformed, too long, before authentication; both cores and Redis alike."""

from __future__ import annotations

import contextlib
import socket
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from redlark.server import Server
from redlark.server.plain.codec import Parser, ProtocolError

# What Redis 8.2.3 answers, as it was seen; b"<closed>": the connection is closed behind it.
MALFORMED = [
    (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n<closed>"),
    (b"* 1\r\n", b"-ERR Protocol error: invalid multibulk length\r\n<closed>"),
    (b"*01\r\n$4\r\nPING\r\n", b"-ERR Protocol error: invalid multibulk length\r\n<closed>"),
    (b"*-0\r\n", b"-ERR Protocol error: invalid multibulk length\r\n<closed>"),
    (b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length\r\n<closed>"),
    (b"*99999999999999999999\r\n", b"-ERR Protocol error: invalid multibulk length\r\n<closed>"),
    (b"*1\n$4\nPING\r\n", b"-ERR Protocol error: invalid multibulk length\r\n<closed>"),
    (b"*\r\nPING\r\n", b"-ERR Protocol error: invalid multibulk length\r\n<closed>"),
    (b"*1\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length\r\n<closed>"),
    (b"*1\r\n$x\r\n", b"-ERR Protocol error: invalid bulk length\r\n<closed>"),
    (b"*1\r\n$04\r\nPING\r\n", b"-ERR Protocol error: invalid bulk length\r\n<closed>"),
    (b"*1\r\n$536870913\r\n", b"-ERR Protocol error: invalid bulk length\r\n<closed>"),
    (b"*1\r\n$\r\n", b"-ERR Protocol error: invalid bulk length\r\n<closed>"),
    (b"*1\r\nxPING\r\n", b"-ERR Protocol error: expected '$', got 'x'\r\n<closed>"),
    (b"*1\r\n:1\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n<closed>"),
    (b"*1\r\n\r\n$4\r\nPING\r\n", b"-ERR Protocol error: expected '$', got ' '\r\n<closed>"),
    (b"*1\r\n\xff\r\n", b"-ERR Protocol error: expected '$', got '\xff'\r\n<closed>"),
    (b'ECHO "abc\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n<closed>"),
    (b'ECHO "abc"d\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n<closed>"),
    (b"*" + b"1" * 70_000, b"-ERR Protocol error: too big mbulk count string\r\n<closed>"),
    (b"*1\r\n$" + b"1" * 70_000, b"-ERR Protocol error: too big bulk count string\r\n<closed>"),
    (b"A" * 70_000, b"-ERR Protocol error: too big inline request\r\n<closed>"),
    (b"PING\r\n*x\r\nPING\r\n", b"+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n<closed>"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"<closed>"),
    (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"<closed>"),
]
STRANGE = [
    (b"*-1\r\n*0\r\n*-2\r\n*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
    (b"PING\n", b"+PONG\r\n"),
    (b"\r\n\r\n   ping   \r\n", b"+PONG\r\n"),
    (b'ECHO "a b\\x41\\n\\q"\r\n', b"$6\r\na bA\nq\r\n"),
    (b"ECHO 'a b\\'c\\x41'\r\n", b"$9\r\na b'c\\x41\r\n"),
    (b"ECHO a\"b\"\r\nECHO ''\r\n", b"$2\r\nab\r\n$0\r\n\r\n"),
    (b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", b"+PONG\r\n+PONG\r\n"),
    (b"*1\r\r$4\r\nPING\r\n", b"+PONG\r\n"),
    (b"*1\r\n$0\r\n\r\n", b"-ERR unknown command '', with args beginning with: \r\n"),
    (b"PI\0NG\r\nPING\r\n", b""),
    (b"*1\0\r\n$4\r\nPING\r\n", b""),
    (b"*1\r\n$536870912\r\n", b""),
    (b"*2147483647\r\n", b""),
    (b"*2\r\n$4\r\nECHO\r\n$1", b""),
]
UNAUTHENTICATED = [
    (b"*11\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n<closed>"),
    (b"*1\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n<closed>"),
    (b"*10\r\n$16384\r\n", b""),
    (b"AUTH secret\r\n*1\r\n$16385\r\n", b"+OK\r\n"),
]


def answer(port: int, data: bytes, cut: int = 0, closes: bool = False) -> bytes:
    """All that a server answers to data, which is sent in two pieces.

    closes: wait for the server to close by itself, and say so behind the answer; else our end of the connection says
    that nothing more comes, and the server answers what it has and closes.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        got = b""
        with contextlib.suppress(ConnectionError):  # a server that closes while input waits resets the connection
            for piece in (data[:cut], data[cut:]):
                connection.sendall(piece)
            if not closes:
                with contextlib.suppress(OSError):  # it has closed already
                    connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(1 << 16):
                got += more
        return got + (b"<closed>" if closes else b"")


@pytest.mark.parametrize(("data", "expected"), MALFORMED + STRANGE, ids=lambda case: repr(case[:24]))
def test_frames_are_answered_as_redis_does(server: Server, data: bytes, expected: bytes) -> None:
    """Malformed and strange frames get Redis's own answer to the byte."""
    assert answer(server.port, data, closes=expected.endswith(b"<closed>")) == expected


@pytest.mark.parametrize(("data", "expected"), MALFORMED + STRANGE, ids=lambda case: repr(case[:24]))
def test_the_answers_above_are_those_of_redis(real_port: int, data: bytes, expected: bytes) -> None:
    """What this file says of Redis is what Redis 8.2.3 does."""
    assert answer(real_port, data, closes=expected.endswith(b"<closed>")) == expected


@pytest.mark.parametrize(("data", "expected"), UNAUTHENTICATED)
def test_strangers_may_not_say_much(start: object, data: bytes, expected: bytes) -> None:
    """Before authentication a request has at most 10 arguments of 16 KiB."""
    assert callable(start)
    port = start("--requirepass", "secret").port
    assert answer(port, data, closes=expected.endswith(b"<closed>")) == expected


frames = st.one_of(
    st.binary(max_size=30),
    st.lists(st.sampled_from([b"*1", b"*2", b"$4", b"$0", b"$-1", b"PING", b"ECHO", b"\r\n", b"\r", b"\n", b"x"])).map(
        b"".join
    ),
    st.lists(st.binary(max_size=6), min_size=1, max_size=4).map(
        lambda words: (
            b"*%d\r\n" % (len(words) + 1)
            + b"$4\r\nECHO\r\n"
            + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
        )
    ),
    st.text(alphabet="\"'\\ abx4", max_size=12).map(lambda text: b"ECHO " + text.encode() + b"\r\n"),
)


@given(data=st.lists(frames, max_size=6).map(b"".join), cuts=st.lists(st.integers(0, 200), max_size=6))
@settings(max_examples=300, deadline=None)
def test_where_a_stream_is_cut_does_not_matter(data: bytes, cuts: list[int]) -> None:
    """The plain parser finds the same requests and the same error however the stream arrives."""

    def outcome(places: list[int]) -> list[object]:
        parser = Parser(2**29)
        found: list[object] = []
        edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
        try:
            for first, last in pairwise(edges):
                parser.feed(data[first:last])
                while (request := parser.request()) is not None:
                    found.append(request)
        except ProtocolError as error:
            found.append(error.line)
        return found

    assert outcome(cuts) == outcome([])


@given(data=st.lists(frames, min_size=1, max_size=5).map(b"".join), cut=st.integers(0, 60))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_bytes_get_the_answer_of_redis(server: Server, real_port: int, data: bytes, cut: int) -> None:
    """Whatever bytes come, both cores answer what Redis 8.2.3 answers, and go on serving others."""
    if any(word in data.upper() for word in (b"POST", b"HOST:")):
        return
    assert answer(server.port, data, cut) == answer(real_port, data)
    assert answer(server.port, b"PING\r\n") == b"+PONG\r\n"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.integers(1, 4),
    off=st.integers(-2, 2),
    ends=st.booleans(),
    unfinished=st.sampled_from([b"", b"*1\r\n$4\r\nPI"]),
)
def test_what_comes_at_once_is_read_to_its_end(
    server: Server, pieces: int, off: int, ends: bool, unfinished: bytes
) -> None:
    """A burst that fills the server's reads exactly, or nearly, with the end of the stream right behind it or not."""
    word = b"*2\r\n$4\r\nECHO\r\n$%d\r\n%b\r\n"
    first = pieces * 65_536 + off
    body = first - len(word % (100_000, b""))
    data = word % (body, b"x" * body) + word % (1, b"y")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data + unfinished)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        expected = b"$%d\r\n%b\r\n$1\r\ny\r\n" % (body, b"x" * body)
        got = b""
        while len(got) < len(expected):
            piece = connection.recv(1 << 16)
            assert piece, "closed before all was answered"
            got += piece
        assert got == expected
        if ends:
            assert connection.recv(1) == b""
