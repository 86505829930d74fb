"""Scripts that take too long, over sockets: who else is told BUSY, who may end them, and that they cannot help it."""

from __future__ import annotations

import time

import pytest

from redlark.server import Server
from tests.server.conftest import Connect, Start, Wire
from tests.waiting import soon

LIMIT = 50  # ms
BUSY = b"-BUSY Redis is busy running a script. You can only call %b KILL or SHUTDOWN NOSAVE.\r\n"
KILLED = b"-ERR Script killed by user with SCRIPT KILL... script: "
FOREVER = "while true do end"
# Until more clients are connected than ARGV[1] says: so a test lets a script go on, however slow the machine.
UNTIL = """
repeat until tonumber(redis.call('INFO', 'clients'):match('connected_clients:(%d+)')) > tonumber(ARGV[1])
"""
LIBRARY = f"#!lua name=l\nredis.register_function('spin', function() {FOREVER} end)"


@pytest.fixture
def slow(start: Start) -> Server:
    """A server that lets nobody wait for long."""
    return start("--busy-reply-threshold", str(LIMIT))


def begin(client: Wire, other: Wire, *words: str, known: bool = True) -> None:
    """Send what runs for ever, and wait until others are told so.  known: a core may run it by itself."""
    if known and words[0] == "EVAL":
        other("SCRIPT", "LOAD", words[1])
    client.send(*words)
    until = time.monotonic() + 20
    while not other("GET", "x").startswith(b"-BUSY"):
        assert time.monotonic() < until


HELD = [
    FOREVER,
    "pcall(function() while true do end end) while true do end",
    "while true do pcall(function() while true do end end) end",
    "while true do xpcall(error, function() while true do end end) end",
    "while true do xpcall(function() while true do end end, function() return 1 end) end",
    "coroutine.wrap(function() while true do end end)()",
    "local co = coroutine.create(function() while true do end end) coroutine.resume(co) while true do end",
    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
    "table.sort({3, 2, 1}, function() while true do end end)",
    "string.gsub('x', 'x', function() while true do end end)",
    "while true do redis.call('GET', 'k') end",
    "while true do redis.pcall('nosuch') end",
    "while true do pcall(cjson.decode, '[1') end",
    "loadstring('while true do end')()",
    "local function f() return f() end while true do pcall(f) end",
]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("code", HELD)
def test_no_script_can_help_being_killed(slow: Server, wire: Connect, code: str, known: bool) -> None:
    """SCRIPT KILL ends what has not written, whatever it catches; its client is told, and the server goes on."""
    client, other = wire(slow.port), wire(slow.port)
    begin(client, other, "EVAL", code, "0", known=known)
    assert other("SCRIPT", "KILL") == b"+OK\r\n"
    assert client.frame().startswith(KILLED)
    assert other("GET", "x") == b"$-1\r\n"
    assert client("PING") == b"+PONG\r\n"
    assert client("EVAL", "return pcall(redis.call, 'PING') and 1", "0") == b":1\r\n"


def test_what_others_may_ask_meanwhile(slow: Server, wire: Connect) -> None:
    """Errors that come first come first; MULTI queues nothing; a script is not ended by FUNCTION KILL."""
    client, other = wire(slow.port), wire(slow.port)
    begin(client, other, "EVAL", FOREVER, "0")
    busy = BUSY % b"SCRIPT"
    assert other("GET") == b"-ERR wrong number of arguments for 'get' command\r\n"
    assert other("MULTI") == b"+OK\r\n"
    assert other("PING") == busy
    assert other("EXEC") == b"-EXECABORT Transaction discarded because of: " + busy[1:]
    assert other("FUNCTION", "STATS") == busy
    assert other("FUNCTION", "KILL") == busy
    assert other("EVAL", "return 1", "0") == busy
    late = wire(slow.port)  # who comes now is served, too
    assert late("HELLO", "3")[:1] == b"%"
    assert late("SCRIPT", "KILL") == b"+OK\r\n"
    assert client.frame().startswith(KILLED)
    assert late("SCRIPT", "KILL") == b"-NOTBUSY No scripts in execution right now.\r\n"


def test_functions_are_told_of_and_ended(slow: Server, wire: Connect) -> None:
    """FUNCTION STATS tells which function runs, since when, and FUNCTION KILL alone ends it."""
    client, other = wire(slow.port), wire(slow.port)
    assert client("FUNCTION", "LOAD", LIBRARY) == b"$1\r\nl\r\n"
    begin(client, other, "FCALL", "spin", "0", "word")
    assert other("GET", "x") == other("SCRIPT", "KILL") == BUSY % b"FUNCTION"
    told = other("FUNCTION", "STATS")
    assert b"$4\r\nname\r\n$4\r\nspin\r\n" in told
    assert b"*4\r\n$5\r\nFCALL\r\n$4\r\nspin\r\n$1\r\n0\r\n$4\r\nword\r\n" in told
    lasted = int(told.split(b"duration_ms\r\n:")[1].split(b"\r\n")[0])
    assert lasted >= LIMIT
    assert other("FUNCTION", "KILL") == b"+OK\r\n"
    assert client.frame() == KILLED + b"spin, on @user_function:2.\r\n"


def test_what_has_written_is_not_ended(slow: Server, wire: Connect) -> None:
    """A script that has written goes on to its own end, and others are told so."""
    client, other = wire(slow.port), wire(slow.port)
    begin(client, other, "EVAL", f"redis.call('SET', 'k', 'v') {UNTIL} return redis.call('GET', 'k')", "0", "2")
    assert other("SCRIPT", "KILL").startswith(b"-UNKILLABLE Sorry the script already executed write commands")
    wire(slow.port)
    assert client.frame() == b"$1\r\nv\r\n"
    assert other("GET", "k") == b"$1\r\nv\r\n"


def test_what_is_sent_meanwhile_comes_in_order(slow: Server, wire: Connect) -> None:
    """Requests before, behind and around a long script are answered in order, in pieces and in bulk; none is lost."""
    client, other = wire(slow.port), wire(slow.port)
    client.send("SET", "k", "1")
    client.send("EVAL", f"{UNTIL} return ARGV[2]", "0", "2", "x" * 300_000)
    for _ in range(2_000):
        client.send("INCR", "k")
    begin(client, other, "INCR", "k")
    request = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
    other.raw(request * 500 + request[:9])
    time.sleep(0.1)
    other.raw(request[9:])
    assert {other.frame() for _ in range(501)} == {BUSY % b"SCRIPT"}
    client.send("INCR", "k")
    wire(slow.port)
    assert client.frame() == b"+OK\r\n"
    assert client.frame() == b"$300000\r\n" + b"x" * 300_000 + b"\r\n"
    assert [client.frame() for _ in range(2_002)] == [b":%d\r\n" % n for n in range(2, 2_004)]
    assert other("GET", "k") == b"$4\r\n2003\r\n"


def test_a_client_may_leave_its_script(slow: Server, wire: Connect) -> None:
    """A client that goes leaves a script that runs on; the others come and go meanwhile."""
    client, other = wire(slow.port), wire(slow.port)
    begin(client, other, "EVAL", FOREVER, "0")
    client.close()
    for _ in range(20):
        guest = wire(slow.port)
        assert guest("PING") == BUSY % b"SCRIPT"
        guest.close()
    assert other("SCRIPT", "KILL") == b"+OK\r\n"
    assert other("PING") == b"+PONG\r\n"


def test_who_waits_is_served_behind_the_script(slow: Server, wire: Connect) -> None:
    """A script is one unit: who waits for a key is woken once it has ended, and finds what it left."""
    waiting, gone, client, other = (wire(slow.port) for _ in range(4))
    waiting.send("BLPOP", "l", "0")
    gone.send("BLPOP", "m", "0")
    soon(lambda: b"blocked_clients:2" in other("INFO", "clients"))
    code = "redis.call('RPUSH', 'l', 'a', 'b') redis.call('RPUSH', 'm', 'a') redis.call('DEL', 'm')"
    code += f" {UNTIL} return redis.call('LPOP', 'l')"
    begin(client, other, "EVAL", code, "0", "4")
    assert waiting.until_quiet() == b""
    wire(slow.port)
    assert client.frame() == b"$1\r\na\r\n"
    assert waiting.frame() == b"*2\r\n$1\r\nl\r\n$1\r\nb\r\n"
    assert gone.until_quiet() == b""


def test_shutdown_and_stop_end_a_script(start: Start, wire: Connect) -> None:
    """SHUTDOWN NOSAVE may always be asked for, of what has written, too; so may the owner of the server."""
    for how in ("shutdown", "stop"):
        server = start("--busy-reply-threshold", str(LIMIT), process=True)
        client, other = wire(server.port), wire(server.port)
        begin(client, other, "EVAL", "redis.call('SET', 'k', 'v') while true do end", "0")
        if how == "shutdown":
            other.send("SHUTDOWN", "NOSAVE")
            assert other.rest() == b""
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 9  # a process that has to be killed takes ten


@pytest.mark.parametrize("ready", [True, False])
def test_shutdown_waits_for_who_writes(slow: Server, wire: Connect, ready: bool) -> None:
    """SHUTDOWN that does not say NOSAVE is told BUSY, and no data are lost; what is no syntax is told so first."""
    client, other = wire(slow.port), wire(slow.port)
    begin(client, other, "EVAL", FOREVER, "0", known=ready)
    for words in ((), ("SAVE",), ("NOW",), ("FORCE",)):
        assert other("SHUTDOWN", *words) == BUSY % b"SCRIPT"
    assert other("SHUTDOWN", "x") == b"-ERR syntax error\r\n"
    assert other("SHUTDOWN", "ABORT") == b"-ERR No shutdown in progress.\r\n"
    assert other("SCRIPT", "KILL") == b"+OK\r\n"


def test_a_limit_of_nothing_is_none(start: Start, wire: Connect) -> None:
    """With the threshold 0 nobody is told BUSY; both names of the parameter are one."""
    server = start()
    client, other = wire(server.port), wire(server.port)
    assert client("CONFIG", "SET", "lua-time-limit", "0") == b"+OK\r\n"
    assert client("CONFIG", "GET", "busy-reply-threshold") == b"*2\r\n$20\r\nbusy-reply-threshold\r\n$1\r\n0\r\n"
    client.send("EVAL", "local n = os.clock() while os.clock() - n < 0.3 do end return 1", "0")
    time.sleep(0.1)
    assert other("PING") == b"+PONG\r\n"
    assert client.frame() == b":1\r\n"


def test_a_library_that_does_not_end_is_refused(start: Start, wire: Connect) -> None:
    """Loading a library takes half a second at most."""
    client = wire(start().port)
    said = client("FUNCTION", "LOAD", f"#!lua name=l\n{FOREVER}")
    assert said == b"-ERR Error registering functions: ERR FUNCTION LOAD timeout\r\n"
    assert client("FUNCTION", "LOAD", LIBRARY) == b"$1\r\nl\r\n"
