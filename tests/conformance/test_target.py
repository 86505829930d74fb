"""What must hold before a run begins, and the one line for each way in which it does not."""

from __future__ import annotations

import http.server
import socket
import threading

import pytest

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.target import parse_address, prepare

from .conftest import polite


def refusal(url: str, *, destructive: bool = False, timeout: float = 2.0) -> str:
    """The line with which `prepare` refuses a target."""
    with pytest.raises(CannotRun) as caught:
        prepare(parse_address(url), destructive=destructive, timeout=timeout)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(url.split("?")[0].replace(":secret@", "")), message
    return message


def test_a_closed_port_is_unreachable() -> None:
    """Nobody listening is said as such."""
    assert "unreachable: connection refused" in refusal(f"redis://127.0.0.1:{machine.free_port()}")


def test_an_unknown_host_is_unreachable() -> None:
    """A name that does not resolve is said as such."""
    assert "unreachable" in refusal("redis://no-such-host.invalid:6379")


def test_a_web_server_is_not_redis() -> None:
    """A web server on the port is recognised by its answer, which is shown."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        message = refusal(f"redis://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
    assert "not a Redis server" in message
    assert "web server" in message


def test_a_server_that_hangs_after_accepting_is_told(deaf: str) -> None:
    """Silence ends after the timeout, in a line that says what was asked."""
    assert "accepts connections but does not answer PING (it gave no reply within 0.3 s)" in refusal(deaf, timeout=0.3)


def test_a_server_that_closes_at_once_is_told(scripted) -> None:
    """A connection closed on the first request is not a Redis server that we can use."""
    assert "not usable: it closed the connection on PING" in refusal(scripted(lambda _: None).url)


def test_a_missing_password_is_told(scripted) -> None:
    """NOAUTH says how a password is given."""
    server = scripted(lambda _: b"-NOAUTH Authentication required.\r\n")
    assert "wants a password: give it as redis://:password@host:port" in refusal(server.url)


def test_a_wrong_password_is_told_without_repeating_it(real_server: machine.Server) -> None:
    """The message names the mistake, and never the password."""
    with machine.running(real_server, {"requirepass": "right"}) as running:
        message = refusal(running.url.replace("//", "//:secret@"))
        assert "wrong password: WRONGPASS" in message
        assert "secret" not in message
        assert prepare(parse_address(running.url.replace("//", "//:right@")), destructive=False).databases == 16


def test_a_password_where_none_is_wanted_is_told(real: machine.Running) -> None:
    """A server without a password refuses one: the address is wrong, then."""
    assert "has no password, yet one was given" in refusal(real.url.replace("//", "//:secret@"))


def test_flushall_must_be_allowed(real_server: machine.Server) -> None:
    """A server that renamed FLUSHALL away cannot be judged."""
    with machine.running(real_server, {"rename-command": "FLUSHALL nope"}) as running:
        assert "refuses FLUSHALL, which every run needs" in refusal(running.url)


def test_data_is_not_touched_unasked(real: machine.Running) -> None:
    """A server that holds a key, in whatever database, is left alone until --destructive is given."""
    with socket.create_connection((real.host, real.port)) as sock:
        sock.sendall(b"SELECT 3\r\nSET precious 1\r\nGET precious\r\n")
        sock.recv(100)
        message = refusal(real.url)
        assert "holds data (keys: 1 in db3)" in message
        assert "--destructive" in message
        sock.sendall(b"GET precious\r\n")
        assert b"$1\r\n1" in sock.recv(100)
    prepare(parse_address(real.url), destructive=True)


def test_data_is_seen_without_info(scripted) -> None:
    """DBSIZE answers for a server that has no INFO."""
    said = {b"PING": b"+PONG\r\n", b"DBSIZE": b":7\r\n"}
    server = scripted(lambda request: said.get(request[0], b"-ERR unknown command\r\n"))
    assert "holds data (keys: 7 in db0)" in refusal(server.url)


def test_a_server_that_answers_ping_with_a_bulk_string_is_judged(scripted) -> None:
    """That is a divergence, and no reason to judge nothing."""
    server = scripted(lambda request: b"$4\r\nPONG\r\n" if request[0] == b"PING" else polite(request))
    assert prepare(parse_address(server.url), destructive=False).databases


def test_no_tls_where_tls_was_asked(real: machine.Running) -> None:
    """rediss:// to a plain port is said as such."""
    assert "TLS" in refusal(real.url.replace("redis://", "rediss://"), timeout=2.0)


def test_a_unix_socket_is_a_target(real_server: machine.Server, tmp_path) -> None:
    """unix:// reaches a server over its socket."""
    path = tmp_path / "redis.sock"
    with machine.running(real_server, {"unixsocket": str(path)}):
        assert prepare(parse_address(f"unix://{path}"), destructive=False).info["redis_version"]


def test_a_clock_that_differs_is_measured(scripted) -> None:
    """A server whose clock is ours has no offset; one that lives in 1970 has its offset bounded."""
    offset = prepare(parse_address(scripted(polite).url), destructive=False).clock
    assert offset[1] < -1_000_000_000_000
    assert offset[0] <= offset[1]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("http://localhost", "not a target"),
        ("localhost:6379", "not a target"),
        ("redis://localhost:port", "the port must be a number"),
        ("redis://localhost:99999", "the port must be a number"),
        ("redis://localhost/two", "the database after the port must be a number"),
    ],
)
def test_an_address_that_is_none_is_refused(text: str, line: str) -> None:
    """What is not an address is refused with what to write instead."""
    with pytest.raises(CannotRun, match=line):
        parse_address(text)


def test_addresses_are_read() -> None:
    """User, password, host, port and database are found where they stand."""
    address = parse_address("rediss://ann:p%40ss@example.org/4")
    assert (address.username, address.password, address.host, address.port, address.database, address.tls) == (
        "ann", "p@ss", "example.org", 6379, 4, True,
    )  # fmt: skip
    assert "p%40ss" not in address.text
    assert parse_address("unix:///tmp/r.sock?db=2").path == "/tmp/r.sock"
