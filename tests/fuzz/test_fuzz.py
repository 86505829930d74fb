"""The fuzzer's judge on Hypothesis's bytes, and that it sees what it is there to see."""

from __future__ import annotations

import importlib.util
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.server import cores
from tests.campaign import Rounds
from tests.fuzz import inputs, sanitized
from tests.fuzz.pair import Found, Pair, is_resp

SCRAPS = (b"PING\r\n", b"*1\r\n", b"$4\r\n", b"*-1\r\n", b"GET a\r\n", b"\r\n", b'"', b"$-1\r\n", b"*3\r\n")
DRAWN = st.one_of(
    st.binary(max_size=200),
    st.lists(st.integers(0, 255), max_size=60).map(lambda octets: bytes([0, *octets])),
    st.lists(st.sampled_from(SCRAPS)).map(b"".join).map(lambda wire: b"\x01" + wire),
)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Both cores, or twice the plain one."""
    with Pair.started("plain", "compiled" if "compiled" in cores.available() else "plain") as started:
        yield started


@given(data=DRAWN)
def test_both_cores_bear_any_bytes_and_answer_alike(pair: Pair, data: bytes) -> None:
    """Cut anywhere, whatever they are."""
    pair.judge(data)


@given(data=st.binary(max_size=300))
def test_pieces_are_what_is_written(data: bytes) -> None:
    """Nothing is lost where it is cut, and requests are those that they stand for."""
    assert b"".join(inputs.pieces(data)) == inputs.written(data)
    if data and not data[0] & 1:
        assert inputs.written(data).count(b"\r\n*") + bool(inputs.written(data)) >= len(list(inputs.requests(data[1:])))


@pytest.mark.parametrize("lie", [b"+WRONG\r\n", b"no RESP", b"$5\r\nabc\r\n"])
def test_a_server_that_answers_otherwise_is_found(pair: Pair, lie: bytes) -> None:
    """One of the two is a server that answers each connection's first bytes with a lie, but for the judge's own."""

    class Lying(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            got = self.request.recv(1 << 16)
            self.request.sendall(b"+OK\r\n+OK\r\n+PONG\r\n" if got.startswith(b"FLUSHALL") else lie)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Lying) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(Found):
            Pair((pair.ports[0], server.server_address[1])).judge(b"\x01PING\r\n")
        server.shutdown()


REPORT = """
=================================================================
==7==ERROR: LeakSanitizer: detected memory leaks

Direct leak of 1234 byte(s) in 1 object(s) allocated from:
    #0 0x7f7344cb89cf in __interceptor_malloc asan_malloc_linux.cpp:69
    #1 0x7f7344bc9f79  (/lib/x86_64-linux-gnu/libffi.so.8+0x6f79)

Direct leak of 56 byte(s) in 2 object(s) allocated from:
    #0 0x7f7344cb89cf in __interceptor_malloc asan_malloc_linux.cpp:69
    #1 0x7f322be432bc in rl_alloc server/core/clib.h:20
    #2 0x7f322be432bc in __pyx_f_7redlark_6server_5_core_sort_by server/core/core.c:175309

SUMMARY: AddressSanitizer: 1290 byte(s) leaked in 3 allocation(s).
"""


def test_leaks_of_the_core_are_told_from_others() -> None:
    """Of a report of LeakSanitizer only what the core has asked for counts."""
    (found,) = sanitized.leaked(REPORT)
    assert found.startswith("Direct leak of 56 byte(s)")
    assert sanitized.leaked("SIGTERM: closing down\n") == []


def test_half_a_frame_is_no_resp() -> None:
    """Nothing, or whole frames."""
    assert is_resp(b"") and is_resp(b"+OK\r\n:1\r\n")  # noqa: PT018
    assert not is_resp(b"+OK\r\n:1")


@pytest.mark.campaign
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed (redlark[fuzz])")
def test_a_minute_of_fuzzing_finds_nothing(rounds: Rounds) -> None:
    """The command itself, with a core built with sanitizers."""
    for source in rounds(1):
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz", "--seconds", "60", "--seed", str(source.randrange(1, 100_000))],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert "nothing was found" in done.stdout
