"""What watching must never do: alter a byte, or write a secret down."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.conformance.watch import Watch
from redlark.conformance.watch.forward import Event, Relay, connector
from redlark.conformance.watch.hashing import Hashing
from redlark.conformance.watch.secrets import MARK, secrets_in, without_secrets
from redlark.conformance.watch.trace import bytes_of, read, text_of
from redlark.conformance.watch.wire import Requests, Talk
from redlark.reference import Model
from redlark.reference.resp import encode_request, frame
from tests.conftest import Starter

Chunks = list[bytes]
LARGE = st.tuples(st.binary(min_size=1, max_size=9), st.integers(10_000, 40_000)).map(lambda pair: pair[0] * pair[1])
CHUNKS = st.lists(st.binary(min_size=1, max_size=60) | LARGE, max_size=6)


@contextmanager
def relayed(events: list[Event]) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both outer ends of a connection through a relay."""
    behind, front = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    relay = Relay(front, connector("127.0.0.1", behind.getsockname()[1], None), events.append)
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        with behind, socket.create_connection(front.getsockname()) as client:
            server, _ = behind.accept()
            with server:
                client.settimeout(10)
                server.settimeout(10)
                yield client, server
    finally:
        relay.stop()
        thread.join()


def send(sock: socket.socket, chunks: Chunks) -> threading.Thread:
    """Send chunks, then say that no more come; in a thread, since nobody may be reading yet."""

    def work() -> None:
        for chunk in chunks:
            sock.sendall(chunk)
        sock.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def received(sock: socket.socket) -> bytes:
    """All that comes until the other side sends no more."""
    found = bytearray()
    while data := sock.recv(1 << 16):
        found += data
    return bytes(found)


@settings(max_examples=40)
@given(CHUNKS, CHUNKS)
def test_no_byte_is_altered(asked: Chunks, told: Chunks) -> None:
    """Any bytes in any pieces, both ways at once and each side half closed, arrive as they were; and so are told."""
    events: list[Event] = []
    with relayed(events) as (client, server):
        threads = [send(client, asked), send(server, told)]
        assert received(server) == b"".join(asked)
        assert received(client) == b"".join(told)
        for thread in threads:
            thread.join()
    assert b"".join(e.data for e in events if e.kind == 1) == b"".join(asked)
    assert b"".join(e.data for e in events if e.kind == 2) == b"".join(told)


def test_who_does_not_read_is_waited_for() -> None:
    """Twenty megabytes for a client that reads late: the server is made to wait, and not a byte is lost."""
    events: list[Event] = []
    data = bytes(range(256)) * 80_000
    with relayed(events) as (client, server):
        thread = send(server, [data])
        time.sleep(0.3)
        assert sum(len(e.data) for e in events) < 12 << 20
        assert received(client) == data
        thread.join()


WORDS = st.lists(st.binary(max_size=40), min_size=1, max_size=5).map(tuple)


@given(st.lists(WORDS, max_size=6), st.data())
def test_requests_in_any_pieces(requests: list[tuple[bytes, ...]], data: st.DataObject) -> None:
    """Requests cut anywhere are read as they were sent, each with its own bytes."""
    stream = b"".join(map(encode_request, requests))
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, found = Requests(), []
    for begin, end in zip([0, *places], [*places, len(stream)], strict=True):
        found += list(reader.feed(stream[begin:end]))
    assert [words for words, _ in found] == requests
    assert b"".join(raw for _, raw in found) == stream
    assert reader.unread == 0


def test_lines_are_requests_too() -> None:
    """What a person types, empty lines and arrays of nothing between, and what is no request at all."""
    reader = Requests()
    assert [w for w, _ in reader.feed(b"set a 'b c'\r\n\r\n*0\r\nget a\n")] == [(b"set", b"a", b"b c"), (b"get", b"a")]
    assert list(reader.feed(b"get 'a\r\n")) == []
    assert reader.broken


# ---- secrets ---------------------------------------------------------------------------------------------------------

SECRET = st.text("SECRETsecret", min_size=8, max_size=20).map(str.encode)


@st.composite
def secretive(draw: st.DrawFn) -> tuple[tuple[bytes, ...], bytes]:
    """A request that holds a secret, and the secret."""
    secret = draw(SECRET)
    shapes: list[tuple[bytes, ...]] = [
        (b"AUTH", secret), (b"auth", b"ana", secret), (b"AUTH", b"ana", secret, b"more"),
        (b"HELLO", b"3", b"AUTH", b"ana", secret), (b"hello", b"3", b"setname", b"n", b"auth", b"ana", secret),
        (b"HELLO", b"3", b"AUTH", secret), (b"ACL", b"SETUSER", b"ana", b"on", b">" + secret, b"~*"),
        (b"acl", b"setuser", b"ana", b"<" + secret), (b"CONFIG", b"SET", b"requirepass", secret),
        (b"CONFIG", b"SET", b"maxmemory", b"0", b"MasterAuth", secret),
        (b"CONFIG", b"SET", b"tls-key-file-pass", secret),
        (b"MIGRATE", b"h", b"1", b"k", b"0", b"1", b"AUTH", secret),
        (b"MIGRATE", b"h", b"1", b"", b"0", b"1", b"AUTH2", b"ana", secret, b"KEYS", b"k"),
        (b"SENTINEL", b"SET", b"m", b"auth-pass", secret),
        (b"CONFIG", b"SET", b"requirepass", b"my", secret), (b"CONFIG", b"SET", b"masterauth", b"my", b"own", secret),
        (b"ACL", b"SETUSER", b">" + secret), (b"ACL", b"DRYRUN", b"ana", b"AUTH", b"ana", secret),
        (b"ACL", b"DRYRUN", b"ana", b"MIGRATE", b"h", b"1", b"k", b"0", b"1", b"AUTH", secret),
        (b"COMMAND", b"GETKEYS", b"MIGRATE", b"h", b"1", b"k", b"0", b"1", b"auth", secret),
        (b"COMMAND", b"GetKeysAndFlags", b"hello", b"3", b"AUTH", b"ana", secret),
    ]  # fmt: skip
    request = draw(st.sampled_from(shapes))
    cased = draw(st.sampled_from((request[0].upper(), request[0].lower(), request[0].title())))
    return (cased, *request[1:]), secret


@given(secretive())
def test_secrets_are_taken_out(found: tuple[tuple[bytes, ...], bytes]) -> None:
    """Of a request with a secret nothing of the secret is left, and everything that is none."""
    request, secret = found
    places = secrets_in(request)
    assert not any(secret in word for word in without_secrets(request))
    assert all(MARK in word for place, word in enumerate(without_secrets(request)) if place in places)
    assert all(secret not in word for place, word in enumerate(request) if place not in places)


@settings(max_examples=25)
@given(st.lists(secretive(), min_size=1, max_size=4), st.data())
def test_no_secret_in_a_talk(found: list[tuple[tuple[bytes, ...], bytes]], data: st.DataObject) -> None:
    """Cut into any pieces, in arrays or lines, a request is taken apart as one that has a secret."""
    stream = b""
    for request, _ in found:
        line = b" ".join(b'"%b"' % word for word in request) + b"\r\n"
        stream += line if data.draw(st.booleans()) else encode_request(request)
    cut = data.draw(st.integers(0, len(stream)))
    talk = Talk(1)
    asked = [one for part in (stream[:cut], stream[cut:]) for one in talk.ask(part, 0, 0, 1)]
    assert [one.words for one in asked] == [request for request, _ in found]


SPOKEN = [
    (b"AUTH", b"hunter2hunter2"), (b"auth", b"ana", b"hunter2hunter2"),
    (b"HELLO", b"3", b"AUTH", b"ana", b"hunter2hunter2"),
    (b"ACL", b"SETUSER", b"ana", b"on", b">hunter2hunter2", b"+@all", b"~*"),
    (b"ACL", b"SETUSER", b"ana", b"<hunter2hunter2"), (b"ACL", b"SETUSER", b"ana", b">hunter2hunter2", b"nonsense"),
    (b"ACL", b"SETUSER", b"ana", b"!hunter2hunter2"), (b"CONFIG", b"SET", b"masterauth", b"hunter2hunter2"),
    (b"CONFIG", b"GET", b"*auth"), (b"ACL", b"LIST"), (b"ACL", b"GETUSER", b"ana"), (b"ACL", b"GENPASS"),
    (b"MIGRATE", b"127.0.0.1", b"1", b"k", b"0", b"1", b"AUTH", b"hunter2hunter2"),
    (b"MULTI",), (b"AUTH", b"hunter2hunter2"), (b"CONFIG", b"SET", b"masterauth", b"hunter2hunter2"),
    (b"CONFIG", b"GET", b"masterauth"), (b"EXEC",), (b"SLOWLOG", b"GET"), (b"CONFIG", b"SET", b"masterauth", b""),
]  # fmt: skip


@pytest.mark.parametrize("server", ["redis:6.2", "redis:8.2", "valkey:9.1"])
def test_no_secret_in_a_trace(start_server: Starter, tmp_path: Path, server: str) -> None:
    """On real servers, where errors show what they were asked and who asks for users is told of hashes."""
    running = start_server(server, slowlog_log_slower_than="0")
    path = tmp_path / "trace"
    with Watch(running.url, trace=path, judging=False) as watch:
        for inline in (False, True):
            with socket.create_connection(("127.0.0.1", watch.port)) as client:
                client.settimeout(5)
                for number, request in enumerate(SPOKEN):
                    wire = b" ".join(request) + b"\r\n" if inline else encode_request(request)
                    client.sendall(wire[:7])
                    client.sendall(wire[7:])
                    client.sendall(encode_request((b"ECHO", b"n%d" % number)))
                    seen = b""
                    while b"n%d" % number not in seen and b"QUEUED" not in seen:
                        seen += client.recv(1 << 16)
    text = path.read_bytes().lower()
    assert b"hunter2" not in text
    assert not re.search(rb"[0-9a-f]{64}", text)
    recording = read(path)
    assert sum(line.secret for line in recording.lines) == 12 + 11  # a line cannot end in an empty word
    assert not recording.cut


@given(st.binary(max_size=60))
def test_bytes_stand_in_a_trace_as_they_are(data: bytes) -> None:
    """Any bytes come back."""
    assert bytes_of(text_of(data)) == data


# ---- redaction -------------------------------------------------------------------------------------------------------

VALUE = st.text("abcdefghij", min_size=1, max_size=40).map(lambda text: f"value-{text}".encode())


@given(VALUE, VALUE)
def test_values_are_hashed(one: bytes, other: bytes) -> None:
    """The same value has the same hash, another one another; lengths stay from 12 on, and keys and numbers."""
    hashing = Hashing(Model.load("redis-8.2"))
    name, key, hashed, *rest = hashing.words((b"SET", b"the-key", one, b"EX", b"100"))
    assert (name, key, rest) == (b"SET", b"the-key", [b"EX", b"100"])
    assert one not in hashed
    assert len(hashed) == max(12, len(one))
    assert (hashing.words((b"RPUSH", b"l", other))[2] == hashed) == (one == other)
    asked = next(Talk(1).ask(encode_request((b"GET", b"the-key")), 0, 0, 1))
    reply = hashing.frame(asked, frame(b"$%d\r\n%b\r\n" % (len(one), one)))
    assert reply.value == hashed
    assert Hashing(Model.load("redis-8.2")).words((b"SET", b"k", one))[2] != hashed
