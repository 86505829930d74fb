"""The loop: clients that do not read, many connections, what runs where."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")


def ask(connection: socket.socket, line: bytes) -> bytes:
    connection.sendall(line + b"\r\n")
    return connection.recv(65536)


def test_who_never_reads_stalls_nobody(running: Any) -> None:
    """While one client's replies fill its socket and more, another is answered at once, and nothing is lost."""
    with running.connect() as idle, running.connect() as other:
        value = b"v" * 1_000_000
        idle.sendall(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$1000000\r\n" + value + b"\r\n")
        assert idle.recv(5) == b"+OK\r\n"
        idle.sendall(b"GET big\r\n" * 50)
        for _ in range(20):
            start = time.monotonic()
            assert ask(other, b"PING") == b"+PONG\r\n"
            assert time.monotonic() - start < 10
        wanted = 50 * (len(value) + len(b"$1000000\r\n\r\n"))
        while wanted:
            more = idle.recv(1 << 20)
            assert more
            wanted -= len(more)
        assert ask(idle, b"DEL big") == b":1\r\n"


def test_a_pipeline_of_hot_and_cold_keeps_its_order(running: Any) -> None:
    """Replies come in the order of requests, whichever side of the core answers."""
    with running.connect() as connection:
        stream, wanted = b"", b""
        for number in range(500):
            stream += b"SET p %d\r\nARGS %d\r\nGET p\r\nINCRBY p x\r\n" % (number, number)
            text = b"$%d\r\n%d\r\n" % (len(b"%d" % number), number)
            wanted += b"+OK\r\n*1\r\n" + text + text + b"-ERR not in the core: incrby\r\n"
        threading.Thread(target=connection.sendall, args=(stream,)).start()
        got = b""
        while len(got) < len(wanted):
            got += connection.recv(65536)
        assert got == wanted


def test_names_of_commands_fold(running: Any) -> None:
    """Hot commands are found in any case, and only by their letters."""
    with running.connect() as connection:
        assert ask(connection, b"sEt fold 1") == b"+OK\r\n"
        assert ask(connection, b"GeT fold") == b"$1\r\n1\r\n"
        for wrong in (b"G\x05T fold", b"GE\x14 fold", b"GETT fold", b"GE fold", b"\x07\x05\x14 fold"):
            assert ask(connection, wrong).startswith(b"-ERR unknown command")


def test_the_keyspace_is_seen_alike_from_both_sides(running: Any) -> None:
    """What hot commands write, Python commands read, and the other way round; WATCH's marks included."""
    database = running.state.databases[0]
    with running.connect() as connection:
        client = running.client_of(connection)
        assert ask(connection, b"SET both 1") == b"+OK\r\n"
        assert database.get(b"both") == b"1"
        database.put(b"both", b"41")
        assert ask(connection, b"INCR both") == b":42\r\n"
        for line in (
            b"SET both x",
            b"APPEND both y",
            b"EXPIRE both 100",
            b"DEL both",
            b"INCR both",
            b"MSET both 1 c 2",
        ):
            client.touched = False
            database.watched[b"both"] = [client]
            ask(connection, line)
            assert client.touched, line
        client.touched = False
        for line in (b"GET both", b"TTL both", b"EXISTS both", b"MGET both", b"STRLEN both", b"SET another 1"):
            ask(connection, line)
            assert not client.touched, line
        database.watched.clear()


def test_deadlines_hold_for_hot_commands(running: Any) -> None:
    """A key whose time has come is gone for every hot command, though nothing has removed it yet."""
    with running.connect() as connection:
        for line, reply in (
            (b"GET due", b"$-1\r\n"),
            (b"EXISTS due", b":0\r\n"),
            (b"TTL due", b":-2\r\n"),
            (b"INCR due", b":1\r\n"),
            (b"APPEND due z", b":1\r\n"),
            (b"SETNX due z", b":1\r\n"),
            (b"DEL due", b":0\r\n"),
            (b"EXPIRE due 100", b":0\r\n"),
            (b"TYPE due", b"+none\r\n"),
            (b"MGET due", b"*1\r\n$-1\r\n"),
        ):
            assert ask(connection, b"SET due 5 PX 1") == b"+OK\r\n"
            time.sleep(0.004)
            assert ask(connection, line) == reply, line


def test_an_idle_server_sleeps(running: Any) -> None:
    """With clients connected and nothing to do, the loop uses next to no time."""
    with running.connect():
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.1


def test_five_hundred_connections(running: Any) -> None:
    """Many connections are accepted, each is answered, and all are forgotten once they end."""
    connections = [running.connect() for _ in range(500)]
    try:
        for number, connection in enumerate(connections):
            connection.sendall(b"ECHO %d\r\n" % number)
        for number, connection in enumerate(connections):
            text = b"%d" % number
            assert connection.recv(100) == b"$%d\r\n%b\r\n" % (len(text), text)
    finally:
        for connection in connections:
            connection.close()
    until = time.monotonic() + 10
    while running.loop.clients and time.monotonic() < until:
        time.sleep(0.01)
    assert not running.loop.clients
