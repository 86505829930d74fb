"""MONITOR, CLIENT PAUSE, SLOWLOG and LATENCY, as far as several clients are needed; the rest the judge asks."""

from __future__ import annotations

import re
import time

import pytest

from redlark.server import Server
from redlark.server.commands.observing import graph
from redlark.server.observing import Delays
from tests.waiting import soon

from .conftest import Connect, Start, Wire
from .test_configuring import redis

ASKED = """SET a 1|GET a|NOSUCH x|GET|MULTI|SET a 2|EXEC|AUTH x|AUTH default y|CONFIG GET hz|HELLO 2 AUTH default x
HELLO 2 SETNAME q AUTH default|SUBSCRIBE c|UNSUBSCRIBE c|CLIENT LIST|CLIENT SETNAME q|SELECT 1|BLPOP l 0.01|LPUSH l x
BLPOP l 0|MSET a b c|EXPIRE a 10|EVAL return(1) 0|EVALSHA x 0|EVAL_RO return( 0|EVAL return(1) 9|EVAL return(1) x
FCALL none 0|FCALL_RO none x|EVAL return(redis.pcall("NOSUCH")) 0|EVAL return(redis.pcall("GET","a")) 0|PING|RESET
ECHO \\x00\\n\\"\\\\|SLOWLOG LEN"""


def monitored(port: int, wire: Connect) -> list[bytes]:
    """What is told of the requests, without times and ports."""
    monitor, client = wire(port), wire(port)
    assert monitor("MONITOR") == b"+OK\r\n"
    for line in ASKED.replace("\n", "|").split("|"):
        client(*line.encode().decode("unicode_escape").split(" "))
    client("ECHO", "the end")
    told: list[bytes] = []
    while not told or b"the end" not in told[-1]:
        told.append(re.sub(rb"^\+\d+\.\d{6} \[(\d+) (lua|127\.0\.0\.1:)\d*\]", rb"\1 \2", monitor.frame()))
    assert monitor("PING") == b"+PONG\r\n"
    assert b'"PING"' in monitor.frame()
    assert monitor("GET", "a") == b"-ERR Replica can't interact with the keyspace\r\n"
    assert monitor("RESET") == b"+RESET\r\n"
    client("ECHO", "unheard")
    assert monitor.until_quiet() in (b"", told[-1])
    return told


def held(client: Wire) -> int:
    """How many clients wait."""
    return len(re.findall(rb" flags=x?b ", client("CLIENT", "LIST")))


def test_who_monitors_is_told_as_by_redis(server: Server, client: Wire, real_port: int, wire: Connect) -> None:
    """Every request that has run, in its order and quoted alike, without passwords, until RESET."""
    assert monitored(server.port, wire) == monitored(real_port, wire)


def test_paused_clients_go_on_in_their_order(server: Server, client: Wire, wire: Connect) -> None:
    """What writes waits, also to be queued, and keeps what was sent behind it; then each does all that it has sent."""
    one, two = wire(server.port), wire(server.port)
    client("CLIENT", "PAUSE", 60_000, "WRITE")
    two.raw(b"MULTI\r\nRPUSH l two\r\nEXEC\r\nPING\r\n")
    assert two.frame() == b"+OK\r\n"
    soon(lambda: held(client) >= 1)
    one.raw(b"RPUSH l one\r\nLLEN l\r\n")
    soon(lambda: held(client) >= 2)
    assert client("LLEN", "l") == b":0\r\n"
    gone = wire(server.port)
    gone.send("RPUSH", "l", "gone")
    soon(lambda: held(client) >= 3)
    gone.close()
    soon(lambda: held(client) <= 2)
    assert client("CLIENT", "UNPAUSE") == b"+OK\r\n"
    assert [two.frame() for _ in range(3)] == [b"+QUEUED\r\n", b"*1\r\n:1\r\n", b"+PONG\r\n"]
    assert [one.frame(), one.frame()] == [b":2\r\n", b":2\r\n"]
    assert client("LRANGE", "l", 0, -1) == b"*2\r\n$3\r\ntwo\r\n$3\r\none\r\n"


WRITER, READER, PLAIN = "#!lua\nreturn 1", "#!lua flags=no-writes\nreturn 1", "return 1"
LIBRARY = """#!lua name=pausing
redis.register_function('writer', function() return 1 end)
redis.register_function{function_name='reader', callback=function() return 1 end, flags={'no-writes'}}"""
CODE = (
    *((name, code, "0") for name in ("EVAL", "EVAL_RO") for code in (WRITER, READER, PLAIN, "#!lua flags=x\nreturn 1")),
    *((name, code, "0") for name in ("EVALSHA", "EVALSHA_RO") for code in (WRITER, READER, PLAIN, "none")),
    *((name, code, "0") for name in ("FCALL", "FCALL_RO") for code in ("writer", "reader", "none")),
    ("PUBLISH", "c", "x"), ("PFCOUNT", "k"), ("GET", "k"), ("SORT", "k"), ("SORT", "k", "STORE", "l"),
)  # fmt: skip


def waits(wire: Wire) -> list[bool]:
    """Of each request, alone and in MULTI, whether it waits while what writes is paused."""
    wire("FUNCTION", "LOAD", "REPLACE", LIBRARY)
    wire("CLIENT", "PAUSE", 600_000, "WRITE")
    found = []
    for name, *words in CODE:
        if name.startswith("EVALSHA"):
            words[0] = wire("SCRIPT", "LOAD", words[0] + " ").split()[1].decode() if words[0] != "none" else "0" * 40
        for first in (b"", b"MULTI\r\n"):
            other = Wire(wire.socket.getpeername()[1])
            other.raw(first)
            if first:
                other.frame()
            other.send(name, *words)
            while not held(wire) and not other.until_quiet(0.001):
                pass
            found.append(bool(held(wire)))
            other.close()
            soon(lambda: not held(wire))
    wire("CLIENT", "UNPAUSE")
    return found


def test_code_that_says_that_it_only_reads_is_not_paused(client: Wire) -> None:
    """Of a script or function its flags tell, where it has some, in MULTI too; any other waits, as in Redis."""
    with redis("") as (real, _):
        own = waits(client)
        assert own == waits(real)
        assert len(set(own[: 2 * len(CODE)])) == 2


def test_a_pause_of_everything_ends_by_itself(server: Server, client: Wire, wire: Connect) -> None:
    """Nobody is served until its time is over, whoever asked for it neither."""
    began = time.monotonic()
    client("CLIENT", "PAUSE", 100)
    assert client("PING") == b"+PONG\r\n"
    assert time.monotonic() - began >= 0.098  # clocks count whole milliseconds
    assert client("SET", "k", "v") == b"+OK\r\n"


def test_a_sleep_is_kept(start: Start, wire: Connect) -> None:
    """What took long is in both logs, with what was asked, until they are emptied; a hot command is not measured."""
    running = start("--enable-debug-command", "yes", "--latency-monitor-threshold", "5")
    client = wire(running.port)
    client("CLIENT", "SETNAME", "sleeper")
    client("DEBUG", "SLEEP", "0.02")
    client("SET", "k", "v")
    assert client("SLOWLOG", "LEN") == b":1\r\n"
    entry = client("SLOWLOG", "GET").split(b"\r\n")
    assert int(entry[4][1:]) >= 20_000
    assert entry[5:12] == [b"*3", b"$5", b"DEBUG", b"$5", b"SLEEP", b"$4", b"0.02"]
    assert entry[15] == b"sleeper"
    assert client("LATENCY", "LATEST").startswith(b"*1\r\n*4\r\n$7\r\ncommand\r\n")
    assert b"command - high" in client("LATENCY", "GRAPH", "command")
    assert client("LATENCY", "RESET", "command", "fork") == b":1\r\n"
    assert client("LATENCY", "HISTORY", "command") == b"*0\r\n"
    client("SLOWLOG", "RESET")
    client("CONFIG", "SET", "slowlog-log-slower-than", 0)
    for number in range(3):
        client("SET", "k", number)
    assert client("SLOWLOG", "LEN") == b":4\r\n"


@pytest.mark.parametrize(
    ("told", "drawn"),
    [
        ((5, 100, 43, 70, 5, 22), " #    \n | #  \n |o|  \n_|||_#\n      \n654321\nssssss\n"),
        ((10, 20, 30), "  #\n _|\n ||\n_||\n   \n321\nsss\n"),
        ((20,), " \n \n \n_\n \n1\ns\n"),
    ],
)
def test_delays_are_drawn_as_by_redis(told: tuple[int, ...], drawn: str) -> None:
    """These pictures were drawn by Redis 8.2.3 of these delays, a second apart."""
    delays = Delays()
    for second, milliseconds in enumerate(told):
        delays.add(second, milliseconds)
    high = max(told)
    head = f"command - high {high} ms, low {min(told)} ms (all time high {high} ms)\n" + "-" * 80 + "\n"
    assert graph(b"command", delays, len(told)) == (head + drawn).encode()


# What INFO of Redis 8.2.3 tells that has no counterpart here: a module that is built in.
NOT_HERE = ["module"]


def figures(client: Wire) -> dict[str, str]:
    """What INFO tells, but for the counts of commands."""
    lines = client("INFO", "everything").decode().split("\r\n")
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    return {name: told[name] for name in told if not re.match("cmdstat_|latency_percentiles_|errorstat_|db\\d", name)}


def test_info_names_what_redis_names(start: Start, wire: Connect) -> None:
    """Every figure of Redis 8.2.3 but those of its inside; where nothing has happened, zeros where Redis has zeros."""
    client = wire(start(process=True).port)  # what is freed in steps is counted by the process
    with redis("") as (real, _):
        ours, theirs = figures(client), figures(real)
    assert set(theirs) - set(ours) == set(NOT_HERE)
    assert set(ours) - set(theirs) == {"server_name", "redlark_core"}
    counted = re.compile(
        "total_(active|sync|repl)|active_defrag|evict|acl|sync|aof|cow|tracking|blocked|lazyfree|mem_[^c]"
    )
    zeros = {name for name in theirs if theirs[name] in ("0", "0.00") and counted.search(name)} & set(ours)
    assert {name: ours[name] for name in zeros if float(ours[name])} == {}
    assert len(zeros) > 30


def test_memory_is_told_of_each_database(start: Start, wire: Connect) -> None:
    """MEMORY STATS has an entry for each database that holds something, and INFO knows when most was used."""
    client = wire(start().port)
    for number in (0, 3):
        client("SELECT", number)
        client("SET", "k", "v", "PX", 100_000)
    told = client("MEMORY", "STATS")
    assert re.findall(rb"db\.\d+", told) == [b"db.0", b"db.3"]
    assert told.count(b"overhead.hashtable.main") == told.count(b"overhead.hashtable.expires") == 2
    began = time.time()
    client("SET", "large", "x" * 1_000_000)
    told = client("INFO", "memory").decode()
    peak = re.search(r"used_memory_peak:(\d+).*used_memory_peak_time:(\d+)", told, re.DOTALL)
    assert peak
    assert int(peak[1]) > 1_000_000
    assert int(peak[2]) >= int(began)
    assert int(figures(client)["acl_access_denied_auth"]) == 0
    client("AUTH", "default", "right, as any is")
    client("AUTH", "nobody", "x")
    assert int(figures(client)["acl_access_denied_auth"]) == 1


def test_errors_are_counted_once_by_their_first_word(server: Server, client: Wire, wire: Connect) -> None:
    """Of a command, of a request that names none, in a transaction, of who has waited, and of the protocol."""
    client("CONFIG", "RESETSTAT")
    client("NOSUCH")
    client("SET", "k", "v")
    client("LPUSH", "k", "v")
    for request in ("MULTI", "GET", "EXEC", "MULTI", "LLEN k", "EXEC"):
        client(*request.split())
    waiting = wire(server.port)
    number = int(waiting("CLIENT", "ID")[1:])
    waiting.send("BLPOP", "l", 0)
    soon(lambda: client("CLIENT", "UNBLOCK", number, "ERROR") == b":1\r\n")
    broken = wire(server.port)
    broken.raw(b"*x\r\n")
    broken.rest()
    told = client("INFO", "stats", "errorstats")
    assert b"total_error_replies:7\r\n" in told
    counts = dict(re.findall(rb"errorstat_(\w+):count=(\d+)", told))
    assert counts == {b"ERR": b"3", b"WRONGTYPE": b"2", b"EXECABORT": b"1", b"UNBLOCKED": b"1"}


def test_what_a_script_calls_is_kept_before_the_script(server: Server, client: Wire) -> None:
    """It has no address and no name, for it is of no connection."""
    client("CONFIG", "SET", "slowlog-log-slower-than", 0)
    client("CLIENT", "SETNAME", "caller")
    client("SLOWLOG", "RESET")
    client("EVAL", "return redis.call('GET', 'k')", 0)
    client("CONFIG", "SET", "slowlog-log-slower-than", 10_000)
    kept = client("SLOWLOG", "GET", 2)
    assert b"$4\r\nEVAL\r\n" in kept.split(b"$6\r\ncaller\r\n")[0]
    assert kept.endswith(b"$3\r\nGET\r\n$1\r\nk\r\n$0\r\n\r\n$0\r\n\r\n")


def test_info_counts_changes_payloads_and_buffers(server: Server, wire: Connect) -> None:
    """Keys that were written or removed, payloads that were looked at, room for replies that a client does not take."""

    def figure(name: str) -> int:
        return int(figures(wire(server.port))[name])

    client = wire(server.port)
    client("FLUSHALL")
    begun = {name: figure(name) for name in ("rdb_changes_since_last_save", "dump_payload_sanitizations")}
    client("MSET", "a", 1, "b", 2)
    client("GET", "a")
    client("SADD", "s", 1)
    client("SADD", "s", 1)
    client("DEL", "a", "none")
    assert figure("rdb_changes_since_last_save") - begun["rdb_changes_since_last_save"] == 4
    payload = client("DUMP", "s").partition(b"\r\n")[2][:-2]
    assert client("RESTORE", "copy", 0, payload) == b"+OK\r\n"
    client("RESTORE", "other", 0, b"nothing")
    assert figure("dump_payload_sanitizations") - begun["dump_payload_sanitizations"] == 2
    client("FLUSHALL")
    assert figure("rdb_changes_since_last_save") - begun["rdb_changes_since_last_save"] == 8
    assert (figure("reply_buffer_expands"), figure("reply_buffer_shrinks")) == (0, 0)
    client("SET", "large", b"x" * (8 << 20))
    for _ in range(8):
        client.send("GET", "large")
    soon(lambda: figure("reply_buffer_expands") != 0)
    for _ in range(8):
        assert len(client.frame()) == (8 << 20) + 12
    soon(lambda: figure("reply_buffer_shrinks") != 0)
    client("CONFIG", "RESETSTAT")
    assert (figure("reply_buffer_expands"), figure("reply_buffer_shrinks")) == (0, 0)


@pytest.mark.parametrize("said", ["a\\0b c", "x#y:z w", "q\\nr s", "A" * 30 + " w", "A" * 31 + " w", "noword", ""])
def test_errors_are_counted_by_their_first_word(server: Server, wire: Connect, real_port: int, said: str) -> None:
    """INFO names an error of a script as Redis does: up to a blank that comes soon, without what would spoil a line."""
    told = []
    for port in (server.port, real_port):
        client = wire(port)
        client("CONFIG", "RESETSTAT")
        client("EVAL", f"return {{err='{said}'}}", 0)
        told.append(client("INFO", "errorstats"))
    assert told[0] == told[1]


def test_too_many_kinds_of_errors_are_counted_no_more(start: Start, wire: Connect) -> None:
    """With the 129th first word INFO names none of them any more, as in Redis, until the counters begin anew."""
    client = wire(start().port)
    with redis("") as (real, _):
        for one in (client, real):
            one("NOSUCH")
            for number in range(127):
                one("EVAL", f"return redis.error_reply('E{number} x')", 0)
            assert one("INFO", "errorstats").count(b"errorstat_") == 128
            for request in (("EVAL", "return redis.error_reply('OTHER x')", "0"), ("NOSUCH",)):
                one(*request)
                assert one("INFO", "errorstats").endswith(
                    b"# Errorstats\r\nerrorstat_ERRORSTATS_DISABLED:count=1\r\n\r\n"
                )
            assert b"total_error_replies:130\r\n" in one("INFO", "stats")
            one("CONFIG", "RESETSTAT")
            one("NOSUCH")
            assert one("INFO", "errorstats").endswith(b"# Errorstats\r\nerrorstat_ERR:count=1\r\n\r\n")


def test_what_lua_takes_is_overhead_to_memory_stats_too(start: Start, wire: Connect) -> None:
    """MEMORY STATS calls data what INFO calls so, and scripts are none, as in Redis."""
    client = wire(start().port)
    client("EVAL", "return 1", 0)
    client("SET", "k", "v" * 1000)
    for name in ("HSET", "SADD"):
        client(name, name, *map(str, range(200)))
    told = client("MEMORY", "STATS").decode("latin-1")
    found = {
        name: int(re.findall(rf"{name}\r\n:(\d+)", told)[0])
        for name in ("overhead.total", "dataset.bytes", "script.VMs")
    }
    assert found["script.VMs"] > 10_000
    assert found["overhead.total"] > found["script.VMs"]
    assert 1000 < found["dataset.bytes"] < found["script.VMs"]
    info = figures(client)
    assert abs(int(info["used_memory_overhead"]) - found["overhead.total"]) < 2000
    assert abs(int(info["used_memory_dataset"]) - found["dataset.bytes"]) < 2000
