"""What is counted of commands, beside Redis 8.2.3: calls, errors, hits and misses; and how long they took."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from redlark.server.usage import Usage, cell, longest

from .conftest import Connect, Start, Wire
from .test_configuring import redis

REQUESTS = (
    *"""GET s|GET no|GET l|SET s v|SET s|SET s v NX GET|INCR s|INCR n|MGET s no n|EXISTS s no s|TTL s|TTL no|TYPE no
TYPE s|STRLEN s|LPUSH l a b|LRANGE l 0 -1|LRANGE no 0 -1
LLEN s|RPOP l 2|HSET h f v|HGET h f|HGET no f|HGETALL h|SADD t a b
SISMEMBER t a|SMEMBERS no|SINTER t no|ZADD z 1 a|ZSCORE z a|ZRANGE z 0 -1|ZADD z x a|DEL s no|UNLINK l|GETDEL s|GETEX s
NOSUCH x|CONFIG NOSUCH|CONFIG|CONFIG GET hz|CONFIG GET|OBJECT ENCODING s|OBJECT NOSUCH s|OBJECT REFCOUNT s|TOUCH s no
PING|PING a b|MULTI|EXEC|DISCARD|WATCH s|ECHO x|DUMP no|DUMP s|EXPIRE s 100|EXPIRETIME no|APPEND s x|GETRANGE s 0 1
SETRANGE s 0 x|BITCOUNT no|SORT l|COPY s n|RENAME no x|XADD x * f v|XLEN x|XRANGE no - +|SUBSTR s 0 1|HELLO 9|AUTH x
CLIENT LIST|SELECT 0|SELECT 99|BLPOP l 0.01|RANDOMKEY|SCAN 0|KEYS *|MEMORY USAGE s|SETNX s v
SINTERSTORE u t no|LMPOP 1 no LEFT
PFMERGE no n|GETSET s x|LCS s n|PFCOUNT no|SUNIONSTORE t t no|LPOP no|BITOP NOT no s|HTTL h FIELDS 1 f|ZCARD no
EVAL error('x') 0|EVAL_RO return{redis.pcall('set','s','x')} 0|EVAL return{redis.call('lpush','s','x')} 0
EVAL return{redis.pcall('get','s'),redis.pcall('lpush','s','x'),redis.pcall('get'),redis.pcall('nosuch')} 0
EVAL return{redis.pcall('multi'),redis.call('set','s','1'),redis.call('mget','s','no')} 0
EVAL return{redis.error_reply('A'),redis.error_reply('B')} 0|EVAL return{1 0""".replace("\n", "|").split("|"),
)


@pytest.fixture(scope="module", params=["compiled", "plain"])
def ours(request: pytest.FixtureRequest) -> Iterator[Wire]:
    """A connection to a server of ours of which nobody else asks anything."""
    from redlark.server import cores

    if request.param not in cores.available():
        pytest.skip(f"no {request.param} core here")
    with Server(core=request.param) as running:
        wire = Wire(running.port)
        yield wire
        wire.close()


@pytest.fixture(scope="module")
def real() -> Iterator[Wire]:
    """The same of Redis 8.2.3."""
    with redis("") as (wire, _):
        yield wire


def counted(wire: Wire, sequence: list[str]) -> dict[str, str]:
    """What INFO tells of the counts after some requests."""
    wire("RESET")
    wire("FLUSHALL")
    wire("CONFIG", "RESETSTAT")
    for line in sequence:
        wire(*re.findall(r"return\{.*\}|error\(.*\)|\S+", line))
    wire("RESET")
    told = wire("INFO", "commandstats", "errorstats", "stats").decode().split("\r\n")
    rows = dict(line.split(":", 1) for line in told if ":" in line)
    wanted = ("keyspace_hits", "keyspace_misses", "total_error_replies", "total_commands_processed")
    return {
        name: re.sub(r"usec=.*?,usec_per_call=.*?,", "", row)
        for name, row in rows.items()
        if name.startswith(("cmdstat_", "errorstat_")) or name in wanted
    }


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=12))
def test_counts_are_those_of_redis(ours: Wire, real: Wire, sequence: list[str]) -> None:
    """Calls, rejected and failed ones, errors by kind, hits and misses, after CONFIG RESETSTAT and some requests."""
    assert counted(ours, sequence) == counted(real, sequence)


@pytest.mark.parametrize("line", REQUESTS)
def test_each_request_counts_as_in_redis(ours: Wire, real: Wire, line: str) -> None:
    """The same of each request on its own, without and with something at its key."""
    for before in ([], ["SET s 1", "RPUSH l a", "HSET h f v", "SADD t a", "ZADD z 1 a"], ["MULTI"]):
        assert counted(ours, [*before, line]) == counted(real, [*before, line]), before


@given(st.integers(0, 2**40 - 1))
def test_a_cell_holds_its_times(nanoseconds: int) -> None:
    """A time lies in the cell that ends at or behind it, and behind the end of the one before, to a 128th."""
    place = cell(nanoseconds)
    assert nanoseconds <= longest(place) <= nanoseconds * 129 / 128
    assert place == 0 or longest(place - 1) < nanoseconds


@given(st.lists(st.integers(0, 3 * 10**9), min_size=1, max_size=60), st.floats(0, 100))
def test_percentiles_and_histograms_count_every_call(times: list[int], percent: float) -> None:
    """Within a percentile are at least so many percent of the calls; a histogram grows up to all of them."""
    one = Usage()
    for nanoseconds in times:
        one.add(nanoseconds, keep=True)
    most = one.percentile(percent)
    within = sum(min(longest(cell(each)), longest(cell(10**9))) <= most for each in times)
    assert within >= int(len(times) * percent / 100 + 0.5)
    told = one.histogram()
    assert sorted(told) == list(told)
    assert sorted(told.values()) == list(told.values())
    assert list(told.values())[-1] == len(times)
    for bound, count in told.items():
        if bound < 10**6:
            last = next(longest(cell(1024 << n)) for n in range(20) if longest(cell(1024 << n)) // 1000 == bound)
            assert count == sum(each <= last for each in times)


def test_times_are_told_as_redis_tells_them() -> None:
    """What Redis 8.2.3 told of sleeps of 20, 100 and 1200 ms, and of short calls: the same bounds and digits."""
    slow = Usage()
    for milliseconds in (20, 100, 20, 100, 20, 100, 1200):
        slow.add(milliseconds * 1_000_000 + 130_000, keep=True)
    assert slow.histogram() == {33816: 3, 135266: 6, 1073741: 7}
    assert [slow.percentile(percent) for percent in (50, 99)] == [100_139_007, 1_002_438_655]
    quick = Usage()
    for nanoseconds in (8_031, 15_039, 24_063, 60_159, 581_631):
        quick.add(nanoseconds, keep=True)
    assert [quick.percentile(percent) for percent in (20, 40, 50, 80, 100)] == [8_031, 15_039, 24_063, 60_159, 581_631]
    assert list(quick.histogram()) == [8, 16, 33, 66, 1056]


def test_how_long_commands_take_is_told(start: Start, wire: Connect) -> None:
    """INFO latencystats and LATENCY HISTOGRAM tell of every call, of a container all that it holds, while wanted."""
    client = wire(start("--enable-debug-command", "yes").port)
    client("DEBUG", "SLEEP", "0.05")
    for number in range(50):
        client("SET", "k", number)
    client.raw(b"GET k\r\n" * 100)
    assert [client.frame() for _ in range(100)] == [b"$2\r\n49\r\n"] * 100
    client("CONFIG", "SET", "latency-tracking-info-percentiles", "50 99.99")
    told = client("INFO", "latencystats").decode()
    slept = re.search(r"latency_percentiles_usec_debug:p50=(\d+\.\d{3}),p99\.99=(\d+\.\d{3})\r\n", told)
    assert slept
    assert 50_000 <= float(slept[1]) < 100_000
    words = client("LATENCY", "HISTOGRAM", "get", "SET", "nosuch", "config", "GET").split(b"\r\n")
    names = [word for word in words if word in (b"get", b"set", b"config|set", b"config|get")]
    assert names == [b"get", b"set", b"config|set", b"get"]  # as often as it is named, as in Redis
    assert words[words.index(b"get") : words.index(b"get") + 5] == [b"get", b"*4", b"$5", b"calls", b":100"]
    assert words[words.index(b"set") - 2 :].count(b":50") >= 2
    client("CONFIG", "SET", "latency-tracking", "no")
    assert client("LATENCY", "HISTOGRAM") == b"*0\r\n"
    assert b"percentiles" not in client("INFO", "latencystats")
    assert b"cmdstat_get:calls=100," in client("INFO", "commandstats")


def test_a_second_is_told(start: Start, wire: Connect) -> None:
    """What INFO calls instantaneous is what has happened of late, and nothing once nothing happens."""
    client = wire(start().port)
    end = time.monotonic() + 0.5
    sent = 0
    while time.monotonic() < end:
        client("SET", "k", "x" * 100)
        sent += 1
    told = client("INFO", "stats").decode()
    rate = re.search(r"instantaneous_ops_per_sec:(\d+)\r\n", told)
    read = re.search(r"instantaneous_input_kbps:([\d.]+)\r\n", told)
    assert rate
    assert read
    assert 0 < int(rate[1]) <= 4 * sent
    assert float(read[1]) > int(rate[1]) * 100 / 1024 * 0.9
    time.sleep(2)
    assert b"instantaneous_ops_per_sec:0\r\n" in client("INFO", "stats")


def test_sections_are_those_of_redis(ours: Wire, real: Wire) -> None:
    """INFO tells the sections that Redis tells, named, by default and all; figures under names that Redis has."""
    for asked in (
        (),
        ("default",),
        ("all",),
        ("everything",),
        ("SERVER", "Cpu"),
        ("nosuch",),
        ("commandstats", "default"),
    ):
        told = [one("INFO", *asked).decode() for one in (ours, real)]
        sections = [[line for line in text.split("\r\n") if line.startswith("#")] for text in told]
        assert sections[0] == sections[1]
        names = [{line.split(":")[0] for line in text.split("\r\n") if ":" in line} for text in told]
        own = {name for name in names[0] - names[1] if not name.startswith(("cmdstat", "errorstat", "latency_per"))}
        assert own <= {"server_name", "redlark_core", "listener0"}


def test_the_allocator_is_asked(ours: Wire) -> None:
    """MEMORY MALLOC-STATS is a text of what the C library tells."""
    assert b"bytes in use" in ours("MEMORY", "MALLOC-STATS") or b"not supported" in ours("MEMORY", "MALLOC-STATS")


def test_who_leaves_in_silence_is_counted(client: Wire, real_port: int, wire: Connect) -> None:
    """QUIT to which no reply is due is a call like others, as in Redis."""
    told = []
    for other, port in ((client, client.socket.getpeername()[1]), (wire(real_port), real_port)):
        other("CONFIG", "RESETSTAT")
        leaving = wire(port)
        leaving.raw(b"CLIENT REPLY SKIP\r\nQUIT\r\n")
        assert leaving.until_quiet(0.2) == b""
        lines = other("INFO", "commandstats").split(b"\r\n")
        told.append(sorted(line.split(b",")[0] for line in lines if line.startswith((b"cmdstat_q", b"cmdstat_client"))))
    assert told[0] == told[1] == [b"cmdstat_client|reply:calls=1", b"cmdstat_quit:calls=1"]


def test_what_is_looked_at_in_another_database_is_no_miss(start: Start, wire: Connect) -> None:
    """SWAPDB, COPY and MOVE look at keys of a database not selected: who read there before changes nothing."""
    client = wire(start().port)
    for asked in (("WATCH 0", "SWAPDB 0 1"), ("UNWATCH", "SET a 1", "COPY a b DB 1", "MOVE a 1")):
        for words in ("SELECT 1", "LCS a b IDX", "SELECT 0", "CONFIG RESETSTAT", *asked):
            assert not client(*words.split()).startswith(b"-")
        assert b"\r\nkeyspace_misses:0\r\n" in client("INFO", "stats")


def test_what_a_connection_has_asked_is_told(server: Server, client: Wire, wire: Connect, real_port: int) -> None:
    """`tot-cmds` counts what has run to its end, calls of scripts among them, and nothing that was refused or waits."""
    requests = (
        *"""SET a 1|GET a|GET|NOSUCH|LPUSH a 1|MULTI|GET a|GET a|EXEC|EVAL return(redis.call('get','a')) 0|SELECT x
EVAL return{redis.call('get','a'),redis.call('time')} 0|EVAL return(redis.pcall('lpush','a','x')) 0|CLIENT NOSUCH
EVAL return{redis.pcall('nosuch'),redis.pcall('get'),redis.call('config','get','hz')} 0|BLPOP no 0.01|WAIT 1 10|TIME
EVAL return{redis.call('config','get','hz'),redis.call('get','a')} 0|EVAL_RO return(redis.call('get','a')) 0
MULTI|DISCARD|MULTI|NOSUCH|EXEC|SUBSCRIBE c|PING|GET a|UNSUBSCRIBE|MULTI|EVAL return(redis.call('get','a')) 0|EXEC
MULTI|CLIENT INFO|EXEC""".replace("\n", "|").split("|"),
    )

    def told(port: int) -> list[bytes]:
        asker, other = wire(port), wire(port)
        number = asker("CLIENT", "ID")[1:-2]
        seen = []
        for request in requests:
            reply = asker(*request.split())
            line = reply if b"tot-cmds=" in reply else other("CLIENT", "LIST", "ID", number)
            seen.append(line.rpartition(b"tot-cmds=")[2].split()[0])
        asker.send("BLPOP", "no", "0")
        while b" flags=b" not in (line := other("CLIENT", "LIST", "ID", number)):
            time.sleep(0.001)
        other("CLIENT", "UNBLOCK", number)
        asker.frame()
        return [*seen, *(each.rpartition(b"tot-cmds=")[2] for each in (line, other("CLIENT", "LIST", "ID", number)))]

    assert told(server.port) == told(real_port)
