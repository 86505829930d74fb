"""Scripts and functions as applications use them: redis-py's own, what is kept, what they wake, who tracks."""

from __future__ import annotations

import threading
import time

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from redlark.server.scripting import EVALUATED
from tests.server.conftest import Connect, Start, Wire

BUCKET = """
local tokens, at = unpack(redis.call('HMGET', KEYS[1], 'tokens', 'at'))
local capacity, rate, now, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
tokens = math.min(capacity, (tonumber(tokens) or capacity) + (now - (tonumber(at) or now)) * rate)
local allowed = tokens >= wanted
if allowed then tokens = tokens - wanted end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(capacity / rate * 1000))
return {allowed and 1 or 0, tostring(tokens)}
"""


@pytest.fixture
def app(server: Server, client: Wire) -> redis.Redis:
    """redis-py, connected to the empty server."""
    return redis.Redis(port=server.port, decode_responses=True)


def test_locks_of_redis_py(app: redis.Redis) -> None:
    """Locks, which redis-py keeps by scripts: taken once, prolonged, given back by their owner alone."""
    lock = app.lock("lock", timeout=10)
    assert lock.acquire(blocking=False)
    assert not app.lock("lock", timeout=10).acquire(blocking=False)
    assert lock.extend(20)
    assert 20_000 < app.pttl("lock") <= 30_000
    assert lock.reacquire()
    app.set("lock", "stolen")
    with pytest.raises(redis.exceptions.LockError):
        lock.release()


def test_a_registered_script_finds_itself_again(app: redis.Redis) -> None:
    """EVALSHA fails where the script was forgotten, and redis-py loads it anew, in a pipeline too."""
    bucket = app.register_script(BUCKET)
    assert bucket(["b"], [10, 1, 100, 7]) == [1, "3"]
    app.script_flush()
    assert bucket(["b"], [10, 1, 101, 5]) == [0, "4"]
    app.script_flush()
    with app.pipeline(transaction=True) as pipe:
        bucket(["b"], [10, 1, 102, 5], client=pipe)
        pipe.get("nosuch")
        assert pipe.execute() == [[1, "0"], None]


def test_a_script_is_one_unit(server: Server, client: Wire) -> None:
    """Increments by scripts that read and write, of several connections at once: none is lost."""
    code = "local n = tonumber(redis.call('GET', KEYS[1]) or 0) redis.call('SET', KEYS[1], n + 1) return n"

    def count() -> None:
        with redis.Redis(port=server.port) as one:
            for _ in range(100):
                one.eval(code, 1, "n")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client("GET", "n") == b"$3\r\n400\r\n"


def test_watchers_listeners_and_trackers_hear_of_scripts(server: Server, client: Wire, wire: Connect) -> None:
    """What a script changes spoils WATCH, what it publishes is heard behind its reply, what it reads is remembered."""
    other, three = wire(server.port), wire(server.port)
    other("WATCH", "k")
    other("MULTI")
    three("HELLO", "3")
    three("SUBSCRIBE", "c")
    three("CLIENT", "TRACKING", "ON")
    assert three("EVAL_RO", "return redis.call('PUBLISH', 'c', 'm')", "0").startswith(b"-ERR Write commands")
    assert three("EVAL", "redis.call('PUBLISH', 'c', 'm') return redis.call('EXISTS', 'k')", "0") == b":0\r\n"
    assert three.frame() == b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"
    assert client("EVAL", "return redis.call('SET', 'k', 'v')", "0") == b"+OK\r\n"
    assert three.frame() == b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"
    assert other("EXEC") == b"*-1\r\n"


def test_scripts_of_eval_are_forgotten_those_loaded_are_not(start: Start, wire: Connect) -> None:
    """Of scripts that EVAL brought, so many stay, those used last; what SCRIPT LOAD has loaded stays for good."""
    server = start()
    client = wire(server.port)
    first = client("SCRIPT", "LOAD", "return 'loaded'").split(b"\r\n")[1]
    client("EVAL", "return 'both'", "0")
    both = client("SCRIPT", "LOAD", "return 'both'").split(b"\r\n")[1]
    for number in range(EVALUATED + 10):
        client("EVAL", f"return {number}", "0")
        client("EVAL", "return 'often'", "0")
    info = client("INFO").split(b"\r\n")
    assert b"number_of_cached_scripts:%d" % (EVALUATED + 2) in info
    assert b"evicted_scripts:11" in info
    assert server._running is not None
    scripting = server._running.state.scripting
    client("FUNCTION", "LOAD", CODE.format("one", 1))
    client("FUNCTION", "LOAD", "REPLACE", CODE.format("one", 22))
    sources = [*scripting.by_source, *(library.source for library in scripting.libraries.values())]
    assert scripting._code == sum(map(len, sources))
    assert client("EVALSHA", first, "0") == b"$6\r\nloaded\r\n"
    assert client("EVALSHA", both, "0") == b"$4\r\nboth\r\n"
    assert client("EVAL", "return 0", "0") == b":0\r\n"  # compiled anew


def test_nobody_waits_in_a_script(client: Wire) -> None:
    """Commands that wait give at once what they give when the time is over."""
    began = time.monotonic()
    for code in (
        "BLPOP', 'l', 0",
        "BLMOVE', 'l', 'm', 'LEFT', 'LEFT', 0",
        "BZPOPMIN', 'z', 0",
        "XREAD', 'BLOCK', 0, 'STREAMS', 's', '$'",
    ):
        assert client("EVAL", f"return type(redis.call('{code}))", "0") == b"$7\r\nboolean\r\n"
    assert time.monotonic() - began < 5


def test_a_script_selects_for_itself(client: Wire) -> None:
    """SELECT lasts as long as the script; its caller's database stays."""
    assert client("EVAL", "redis.call('SELECT', 5) redis.call('SET', 'k', 'there') return 1", "0") == b":1\r\n"
    assert client("GET", "k") == b"$-1\r\n"
    client("SELECT", "5")
    assert client("EVAL", "return redis.call('GET', 'k')", "0") == b"$5\r\nthere\r\n"
    client("SELECT", "0")


def test_monitors_see_a_script_and_then_its_calls(server: Server, client: Wire, wire: Connect) -> None:
    """MONITOR tells of the script first, and of what it calls as of a client called lua."""
    monitor = wire(server.port)
    assert monitor("MONITOR") == b"+OK\r\n"
    client("EVAL", "return redis.call('SET', 'k', 'v')", "0")
    said = [monitor.frame() for _ in range(2)]
    assert said[0].endswith(b"\"EVAL\" \"return redis.call('SET', 'k', 'v')\" \"0\"\r\n")
    assert said[1].endswith(b'[0 lua] "SET" "k" "v"\r\n')


NAMES = st.sampled_from(["one", "two", "three"])
CODE = (
    "#!lua name={0}\nlocal n = {1}\nredis.register_function('{0}', function(k, a) return {{n, a[1]}} end)"
    + "\n-- " * 40
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(NAMES, st.integers(0, 99)),
    st.dictionaries(NAMES, st.integers(0, 99)),
    st.sampled_from(["", "FLUSH", "APPEND", "REPLACE"]),
)
def test_libraries_come_back(client: Wire, first: dict[str, int], second: dict[str, int], policy: str) -> None:
    """FUNCTION RESTORE makes of a dump the libraries that it was made of, beside, for or in the place of others."""
    client("FUNCTION", "FLUSH")
    for name, number in first.items():
        assert client("FUNCTION", "LOAD", CODE.format(name, number)).startswith(b"$")
    payload = client("FUNCTION", "DUMP").split(b"\r\n", 1)[1][:-2]
    client("FUNCTION", "FLUSH")
    for name, number in second.items():
        client("FUNCTION", "LOAD", CODE.format(name, number))
    restored = client("FUNCTION", "RESTORE", payload, *([policy] if policy else []))
    refused = policy in ("", "APPEND") and bool(first.keys() & second.keys())
    assert restored.startswith(b"-ERR Library ") if refused else restored == b"+OK\r\n"
    left = second if refused else first if policy == "FLUSH" else second | first
    for name in ("one", "two", "three"):
        said = client("FCALL", name, "0", "x")
        assert said == (b"*2\r\n:%d\r\n$1\r\nx\r\n" % left[name] if name in left else b"-ERR Function not found\r\n")
    broken = payload[:-1] + bytes([payload[-1] ^ 1])
    assert client("FUNCTION", "RESTORE", broken) == b"-ERR DUMP payload version or checksum are wrong\r\n"


DEBUG = "SCRIPT DEBUG NO"
PIPELINES = (
    f"PING|{DEBUG}|PING", f"{DEBUG}|{DEBUG}|PING", "PING|SCRIPT DEBUG x", f"MULTI|{DEBUG}|EXEC", f"MULTI|EXEC|{DEBUG}",
    f"CLIENT REPLY SKIP|PING|{DEBUG}|PING", f"CLIENT REPLY OFF|PING|{DEBUG}|CLIENT REPLY ON", f"BLPOP no 0.01|{DEBUG}",
    f"GET none|GET none|{DEBUG}", DEBUG,
)  # fmt: skip


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_debugger_is_asked_for_alone(server: Server, wire: Connect, real_port: int, pipeline: str) -> None:
    """SCRIPT DEBUG is refused while the connection has other replies to get, as in Redis."""
    got = []
    for port in (server.port, real_port):
        client = wire(port)
        client.raw(b"".join(b"%b\r\n" % line.encode() for line in pipeline.split("|")))
        got.append(client.until_quiet(2 if "BLPOP" in pipeline else 0.2))  # a wait's end is seen at a server's leisure
    assert got[0] == got[1]


def test_worlds_that_are_flushed_are_given_up(client: Wire) -> None:
    """SCRIPT FLUSH and FUNCTION FLUSH leave nothing of what scripts ran in (40 kB each time)."""
    held = []
    for times in (50, 300):
        for number in range(times):
            client("EVAL", f"return {number}", 0)
            client("SCRIPT", "FLUSH")
            client("FUNCTION", "LOAD", CODE.format("one", number))
            client("FCALL", "one", 0)
            client("FUNCTION", "FLUSH")
        told = client("EVAL", "collectgarbage() collectgarbage() return math.floor(collectgarbage('count'))", 0)
        held.append(int(told[1:]))
    assert held[1] < held[0] + 200
