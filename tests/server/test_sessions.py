"""What happens between requests and between clients: WATCH, CLIENT REPLY, waiting, timeouts, limits, slow readers."""

from __future__ import annotations

import re
import threading
import time
from types import SimpleNamespace

import pytest

from redlark.server import Server
from redlark.server.commands import debugging
from redlark.server.commands.registry import FUNCTIONS
from tests.waiting import soon

from .conftest import Connect, Start, Wire


def test_a_change_by_another_client_breaks_a_transaction(server: Server, client: Wire, wire: Connect) -> None:
    """EXEC answers null when a watched key was written, and runs when another one was."""
    other = wire(server.port)
    for key, expected in ((b"watched", b"*-1\r\n"), (b"other", b"*1\r\n+PONG\r\n")):
        client("WATCH", "watched")
        other("SET", key, "1")
        client("MULTI")
        client("PING")
        assert client("EXEC") == expected


@pytest.mark.parametrize(("read", "expected"), [(False, b"*-1\r\n"), (True, b"*-1\r\n")])
def test_expiry_of_a_watched_key_breaks_a_transaction(
    server: Server, client: Wire, wire: Connect, read: bool, expected: bytes
) -> None:
    """A watched key that expires is a change, whether or not anybody looked; one gone before WATCH is none."""
    client("SET", "k", "1", "PX", "400")
    client("WATCH", "k")
    time.sleep(0.45)
    if read:
        wire(server.port)("GET", "k")
    client("MULTI")
    client("PING")
    assert client("EXEC") == expected
    client("SET", "k", "1", "PX", "1")
    time.sleep(0.01)
    client("WATCH", "k")
    client("MULTI")
    client("PING")
    assert client("EXEC") == b"*1\r\n+PONG\r\n"


def test_reply_modes(server: Server, client: Wire) -> None:
    """OFF silences until ON, SKIP silences one request, and SKIP within OFF changes nothing."""
    for words in (("CLIENT", "REPLY", "SKIP"), ("SET", "a", "1"), ("GET", "a"), ("CLIENT", "REPLY", "OFF")):
        client.send(*words)
    for words in (("GET", "a"), ("NOSUCH",), ("CLIENT", "REPLY", "SKIP"), ("PING",), ("CLIENT", "REPLY", "ON")):
        client.send(*words)
    client.send("ECHO", "end")
    assert client.until_quiet() == b"$1\r\n1\r\n+OK\r\n$3\r\nend\r\n"


def test_skip_inside_a_transaction(server: Server, client: Wire) -> None:
    """CLIENT REPLY SKIP in EXEC shortens nothing of that EXEC but silences the request behind it, as in Redis."""
    for words in (("MULTI",), ("CLIENT", "REPLY", "SKIP"), ("PING",), ("EXEC",), ("ECHO", "lost"), ("ECHO", "seen")):
        client.send(*words)
    assert client.until_quiet() == b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+PONG\r\n$4\r\nseen\r\n"


def test_waiting_for_replicas_keeps_the_order(server: Server, client: Wire, wire: Connect) -> None:
    """WAIT for a replica that never comes ends by its timeout; what was sent behind it is answered afterwards."""
    started = time.monotonic()
    for words in (("WAIT", "1", "500"), ("ECHO", "behind")):
        client.send(*words)
    assert wire(server.port)("PING") == b"+PONG\r\n", "others are served meanwhile"
    assert b"blocked_clients:1\r\n" in wire(server.port)("INFO", "clients")
    assert client.frame() == b":0\r\n"
    assert client.frame() == b"$6\r\nbehind\r\n"
    assert 0.49 <= time.monotonic() - started < 10


def test_a_client_that_waits_can_be_killed(server: Server, client: Wire, wire: Connect) -> None:
    """CLIENT KILL ends a client that waits for ever, and nobody counts as waiting any more."""
    waiting = wire(server.port)
    number = waiting("CLIENT", "ID")[1:].strip()
    waiting.send("WAIT", "1", "0")
    time.sleep(0.05)
    assert client("CLIENT", "KILL", "ID", number) == b":1\r\n"
    assert waiting.rest() == b""
    assert b"blocked_clients:0\r\n" in client("INFO", "clients")


def test_killing_oneself_answers_first(server: Server, client: Wire) -> None:
    """CLIENT KILL of the own connection is answered, and nothing behind it is executed."""
    number = client("CLIENT", "ID")[1:].strip()
    client.send("CLIENT", "KILL", "ID", number, "SKIPME", "no")
    client.send("SET", "after", "1")
    assert client.rest() == b":1\r\n"


def test_quit_ends_the_connection(server: Server, client: Wire, wire: Connect) -> None:
    """QUIT is answered, and what follows in the pipeline is not executed."""
    client.raw(b"PING\r\nQUIT\r\nSET after 1\r\n")
    assert client.rest() == b"+PONG\r\n+OK\r\n"
    assert wire(server.port)("EXISTS", "after") == b":0\r\n"


def test_quit_without_replies_leaves_a_deaf_connection(server: Server, client: Wire, wire: Connect) -> None:
    """QUIT while replies are off neither answers nor closes, and nothing behind it is executed, as in Redis."""
    client.raw(b"CLIENT REPLY OFF\r\nQUIT\r\nCLIENT REPLY ON\r\nSET after 1\r\n")
    assert client.until_quiet() == b""
    other = wire(server.port)
    assert other("EXISTS", "after") == b":0\r\n"
    assert b"blocked_clients:0\r\n" in other("INFO", "clients")


def test_too_many_clients_are_turned_away(start: Start, wire: Connect) -> None:
    """Beyond maxclients a connection gets the error and is closed; room is made when another one leaves."""
    server = start("--maxclients", "2")
    clients = [wire(server.port) for _ in range(2)]
    assert [client("PING") for client in clients] == [b"+PONG\r\n"] * 2
    assert wire(server.port).rest() == b"-ERR max number of clients reached\r\n"
    clients[0].close()
    soon(lambda: b"connected_clients:1\r\n" in clients[1]("INFO", "clients"))
    assert wire(server.port)("PING") == b"+PONG\r\n"
    assert b"rejected_connections:1\r\n" in clients[1]("INFO", "stats")


def test_other_machines_are_kept_out_without_a_password(
    start: Start, wire: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In protected mode a server without a password tells a stranger how to open it, and closes."""
    monkeypatch.setattr("redlark.server.state.is_local", lambda address: False)
    assert wire(start().port).rest().startswith(b"-DENIED ")
    assert wire(start("--protected-mode", "no").port)("PING") == b"+PONG\r\n"
    assert wire(start("--requirepass", "secret").port)("PING").startswith(b"-NOAUTH")


def test_a_defect_in_a_command_costs_one_error(
    start: Start, wire: Connect, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A command that fails in an unforeseen way is told on standard error and to its client; the server goes on."""

    def broken(ctx: object, args: list[bytes]) -> None:
        raise ZeroDivisionError("seeded by a test")

    monkeypatch.setitem(FUNCTIONS, "LOLWUT", broken)  # no core will ever answer this one
    client = wire(start().port)
    client.raw(b"PING\r\nLOLWUT\r\nPING\r\n")
    assert client.until_quiet() == b"+PONG\r\n-ERR internal error\r\n+PONG\r\n"
    assert "seeded by a test" in capfd.readouterr().err


def test_idle_clients_are_closed(start: Start, wire: Connect) -> None:
    """With timeout set, a client that says nothing is closed; one that waits, listens or monitors is not."""
    server = start("--timeout", "1")
    idle, waiting, listening, monitoring = (wire(server.port) for _ in range(4))
    waiting.send("WAIT", "1", "2500")
    listening("SUBSCRIBE", "c")
    monitoring("MONITOR")
    assert idle.rest() == b""
    assert waiting.frame() == b":0\r\n"
    assert waiting("PUBLISH", "c", "m") == b":1\r\n"
    assert listening.frame().endswith(b"$1\r\nm\r\n")
    assert b'"PUBLISH"' in monitoring.frame()


@pytest.mark.parametrize("effort", ["1", "10"])
def test_what_is_past_goes_by_itself(start: Start, wire: Connect, effort: str) -> None:
    """Keys that nobody asks for expire in every database, at each effort, and are counted."""
    client = wire(start("--active-expire-effort", effort).port)
    past = int(time.time() * 1000) + 300
    for index in (0, 3, 15):
        client("SELECT", index)
        for number in range(300):
            client("SET", f"k{number}", "v", "PXAT", past)
        client("SET", "lasting", "v")
    end = time.monotonic() + 10
    while b"expired_keys:900\r\n" not in client("INFO", "stats"):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert client("DBSIZE") == b":1\r\n"


def test_a_slow_reader_gets_everything_and_holds_nobody_up(server: Server, client: Wire, wire: Connect) -> None:
    """Replies that the socket does not take wait for it; others are served meanwhile, and nothing is lost."""
    client("SET", "big", "x" * 1_000_000)
    slow = wire(server.port)
    for _ in range(40):
        slow.send("GET", "big")
    started = time.monotonic()
    assert client("PING") == b"+PONG\r\n"
    assert time.monotonic() - started < 10
    for _ in range(40):
        assert len(slow.frame()) == 1_000_000 + len(b"$1000000\r\n\r\n")


def test_a_long_pipeline_sent_before_reading(server: Server, client: Wire) -> None:
    """A client may write all its requests before it reads a reply."""
    count = 50_000
    client.raw(b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n" * count)
    client.send("GET", "n")
    for number in (1, 2):
        assert client.frame() == b":%d\r\n" % number
    got = b""
    while not got.endswith(b"$5\r\n50000\r\n"):
        got += client.until_quiet(2)
    assert got.count(b":") == count - 2


def test_expired_keys_go_by_themselves(server: Server, client: Wire) -> None:
    """Keys past their deadline disappear from DBSIZE without being asked for, and are counted."""
    before = client("INFO", "stats")
    for number in range(200):
        client("SET", f"k{number}", "v", "PX", "30")
    client("SET", "stays", "v")
    end = time.monotonic() + 5
    while client("DBSIZE") != b":1\r\n":
        assert time.monotonic() < end, "active expiry"
        time.sleep(0.02)
    expired = [int(text.split(b"expired_keys:")[1].split()[0]) for text in (before, client("INFO", "stats"))]
    assert expired[1] - expired[0] == 200


def test_client_list_shows_what_was_said(server: Server, client: Wire, wire: Connect) -> None:
    """CLIENT LIST has a line for each connection with its name, database, protocol and last command."""
    other = wire(server.port)
    for words in (("CLIENT", "SETNAME", "me"), ("SELECT", "3"), ("WATCH", "a", "b"), ("MULTI",), ("GET", "a")):
        other(*words)
    text = client("CLIENT", "LIST").decode()
    (line,) = [line for line in text.split("\n") if "name=me " in line]
    fields = dict(field.split("=", 1) for field in line.split())
    assert fields["db"] == "3"
    assert fields["multi"] == "1"
    assert fields["watch"] == "2"
    assert fields["flags"] == "x"
    assert fields["cmd"] == "get"
    assert fields["laddr"] == f"127.0.0.1:{server.port}"
    assert fields["addr"].startswith("127.0.0.1:")


def test_memory_limit_refuses_writes_only(start: Start, wire: Connect) -> None:
    """Over maxmemory what would take memory is refused, reading and deleting are not."""
    server = start("--maxmemory", "2mb")
    client = wire(server.port)
    for number in range(400):
        if client("SET", f"k{number}", "x" * 10_000).startswith(b"-OOM"):
            break
    else:
        pytest.fail("four megabytes fit into two")
    assert client("GET", "k0").startswith(b"$10000")
    assert client("MSET", "a", "1").startswith(b"-OOM")
    assert client("FLUSHALL") == b"+OK\r\n"
    assert client("SET", "a", "1") == b"+OK\r\n"


WATCHED = """three FLUSHALL
one WATCH a b|two WATCH b c|three SET a 1|one WATCH d|three SET b 1|one UNWATCH|one WATCH a|three SET a x
two UNWATCH|two MULTI|two EXEC|one UNWATCH|one WATCH a|three SELECT 1|three SET a 1|three SELECT 0
three FLUSHALL|one MULTI|one EXEC|one SET a 1|one WATCH a|two WATCH a|one SET a 2|one MULTI|one EXEC
two MULTI|two DISCARD|one WATCH e f|three SADD e x|three SADD f x|one RESET|one WATCH a|three SWAPDB 0 1
one UNWATCH|three SELECT 1|three SET g 1|one SELECT 1|one WATCH g a|three SELECT 0|one SELECT 0|one WATCH g
three SET g 2|one UNWATCH|three FLUSHALL"""
FIGURES = re.compile(rb"watch=\d+|flags=\S+|watch\w+:\d+|\w+watched\w+:\d+")


def test_who_watches_what_has_changed_watches_no_longer(
    server: Server, client: Wire, wire: Connect, real_port: int
) -> None:
    """CLIENT LIST and INFO tell of watches as Redis does: FLUSHALL and SWAPDB alone leave who was told counted."""

    def told(port: int) -> list[list[bytes]]:
        sides = {name: wire(port) for name in ("one", "two", "three", "asker")}
        numbers = [sides[name]("CLIENT", "ID")[1:-2] for name in ("one", "two")]
        seen = []
        for line in WATCHED.replace("\n", "|").split("|"):
            name, *words = line.split()
            reply = sides[name](*words)
            lines = sides["asker"]("CLIENT", "LIST", "ID", *numbers) + sides["asker"]("INFO", "clients")
            seen.append([line.encode(), reply, *FIGURES.findall(lines)])
        return seen

    for own, its in zip(told(server.port), told(real_port), strict=True):
        assert own == its


def test_others_have_their_turn_while_a_client_sends_much(
    start: Start, wire: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long pipeline that has come whole only a part is executed at once: a client beside sees it grow."""
    port, pairs = start("--enable-debug-command", "yes").port, 2400
    first, other = wire(port, 60), wire(port, 60)
    asleep, sent = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        if seconds == 9:
            asleep.set()
            sent.wait(20)
        else:
            time.sleep(seconds)

    monkeypatch.setattr(debugging, "time", SimpleNamespace(sleep=sleep))
    first.send("DEBUG", "SLEEP", "9")
    assert asleep.wait(20)
    first.raw(b"DEBUG SLEEP 0.0005\r\nINCR n\r\n" * pairs)
    sent.set()
    seen = set()
    while (told := other("GET", "n")) != b"$4\r\n%d\r\n" % pairs:
        seen.add(told)
    assert len(seen - {b"$-1\r\n"}) >= 2
    assert [first.frame() for _ in range(2 * pairs + 1)][-1] == b":%d\r\n" % pairs
