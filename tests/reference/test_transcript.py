"""Transcripts: what is shown can be pasted back, and replies look as redis-cli prints them."""

from __future__ import annotations

import shutil
import socket
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.reference.resp import Decoder, encode_request
from redlark.reference.transcript import command_line, printed, quote, split
from redlark.server import Server

WORDS = st.lists(st.binary(max_size=12), min_size=1, max_size=5)
LINES = [
    'SET k "two words"', "GET k", "MSET a 1 b 2", "KEYS nothing*", "LRANGE nokey 0 -1", "GET nokey", "INCR k", "TYPE l",
    "EXISTS a b", "COPY a c", "RPUSH l x y z", "LRANGE l 0 -1", "COMMAND GETKEYS MSET a 1 b 2", "LCS a b IDX",
    "ECHO \"\\x00\\xff\\n'\"", "MULTI", "GET a", "LRANGE l 0 -1", "INCR l", "EXEC",
]  # fmt: skip


@given(WORDS)
def test_a_line_is_read_back_as_it_was_said(words: list[bytes]) -> None:
    """Whatever bytes a request holds, its line is plain text of one line and splits into the same request."""
    line = command_line(words)
    assert line.isascii()
    assert line.isprintable()
    assert split(line) == tuple(words)


@given(st.binary(max_size=20))
def test_plain_words_are_not_quoted(word: bytes) -> None:
    """A word without blanks, quotes and odd bytes stands as it is."""
    assert (quote(word) == word.decode("latin-1")) == (quote(word)[:1] != '"')


@pytest.mark.parametrize("line", ['GET "k', 'GET "k"x', "GET 'k"])
def test_quotes_that_do_not_close_are_refused(line: str) -> None:
    """A line that redis-cli would refuse is refused."""
    with pytest.raises(ValueError, match="quote"):
        split(line)


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="there is no redis-cli here")
@pytest.mark.parametrize("protocol", ["-2", "-3"])
def test_replies_are_printed_as_redis_cli_prints_them(protocol: str) -> None:
    """Nils, nested arrays, errors, integers and texts look as they do in redis-cli, request by request."""
    with Server() as server:
        command = ["redis-cli", "-p", str(server.port), protocol, "--no-raw"]
        done = subprocess.run(command, input="\n".join(LINES), capture_output=True, text=True, timeout=20, check=True)
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            hello = [(b"HELLO", protocol[1:].encode()), (b"FLUSHALL",)]
            connection.sendall(b"".join(encode_request(words) for words in [*hello, *map(split, LINES)]))
            decoder, frames = Decoder(), []
            while len(frames) < len(LINES) + 2:
                frames += decoder.feed(connection.recv(1 << 16))
    shown = "\n".join(printed(frame.raw) for frame in frames[2:])
    assert [line.rstrip() for line in done.stdout.splitlines() if line] == [
        line.rstrip() for line in shown.splitlines()
    ]
