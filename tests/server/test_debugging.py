"""DEBUG's subcommands that tests of clients and servers use, beside Redis 8.2.3; and that a crash is one."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from redlark.server import Server
from tests.waiting import soon

from .conftest import Connect, Start, Wire
from .test_configuring import redis
from .test_lifecycle import serve
from .test_process import logged, own, reached

ASKED = """DEBUG SLEEP|DEBUG SLEEP x|DEBUG SET-ACTIVE-EXPIRE 0|DEBUG SET-ACTIVE-EXPIRE 1|DEBUG SET-ACTIVE-EXPIRE
DEBUG STRINGMATCH-TEST|DEBUG STRINGMATCH-TEST x|DEBUG STRINGMATCH-LEN 5 *|DEBUG QUICKLIST-PACKED-THRESHOLD 100b
DEBUG QUICKLIST-PACKED-THRESHOLD 5gb|DEBUG QUICKLIST-PACKED-THRESHOLD -1|DEBUG JMAP|DEBUG LISTPACK none|DEBUG LISTPACK
DEBUG LISTPACK l|DEBUG LISTPACK h|DEBUG LISTPACK z|DEBUG LISTPACK s|DEBUG LISTPACK i|DEBUG LISTPACK k|DEBUG LISTPACK q
DEBUG QUICKLIST l|DEBUG QUICKLIST q|DEBUG QUICKLIST q 1|DEBUG QUICKLIST q 1 2|DEBUG QUICKLIST none|DEBUG QUICKLIST k
DEBUG SDSLEN l|DEBUG SDSLEN n|DEBUG SDSLEN none|DEBUG SDSLEN|DEBUG SCRIPT LIST|DEBUG SCRIPT x|DEBUG SCRIPT
DEBUG SCRIPT e0e1f9fabfc9d4800c877a703b823ac0578ff8db|DEBUG KEYSIZES-HIST-ASSERT 1|DEBUG KEYSIZES-HIST-ASSERT x
DEBUG KEYSIZES-HIST-ASSERT|DEBUG DROP-CLUSTER-PACKET-FILTER -1|DEBUG DROP-CLUSTER-PACKET-FILTER x
DEBUG REPL-PAUSE clear|DEBUG REPL-PAUSE x|DEBUG REPLYBUFFER PEAK-RESET-TIME never|DEBUG REPLYBUFFER RESIZING x
DEBUG REPLYBUFFER PEAK-RESET-TIME x|DEBUG REPLYBUFFER peak-reset-time 100|DEBUG REPLYBUFFER x 1|DEBUG REPLYBUFFER
DEBUG AOF-FLUSH-SLEEP 0|DEBUG AOF-FLUSH-SLEEP|DEBUG INTERNAL_SECRET|DEBUG DICT-RESIZING 1|DEBUG PAUSE-CRON 0
DEBUG CHANGE-REPL-ID|DEBUG SET-DISABLE-DENY-SCRIPTS 0|DEBUG LOG x|DEBUG LOG|DEBUG ERROR x|DEBUG OBJECT none
DEBUG LISTPACK t|DEBUG LISTPACK u|DEBUG SCRIPT 0123456789abcdef0123456789abcdef01234567
DEBUG DIGEST|DEBUG DIGEST-VALUE l h z s i k q none|DEBUG NOSUCH|DEBUG
DEBUG LEAK abc|DEBUG LEAK|DEBUG STRUCTSIZE x|DEBUG HTSTATS|DEBUG HTSTATS 99|DEBUG HTSTATS -1|DEBUG HTSTATS x
DEBUG HTSTATS 1|DEBUG HTSTATS 1 full|DEBUG HTSTATS-KEY|DEBUG HTSTATS-KEY none|DEBUG HTSTATS-KEY h|DEBUG HTSTATS-KEY k
DEBUG CLIENT-EVICTION|DEBUG CLIENT-EVICTION x|DEBUG CLUSTERLINK KILL all x|DEBUG CLUSTERLINK x all x|DEBUG CLUSTERLINK
DEBUG RELOAD x|DEBUG RELOAD NOSAVE x|DEBUG RELOAD|DEBUG RELOAD merge NOFLUSH|DEBUG CHANGE-REPL-ID x""".replace(
    "\n", "|"
).split("|")
FILLED = (
    "FLUSHALL|RPUSH l a b|HSET h f v|ZADD z 1 a|SADD s a b|SADD i 1 2|SET k text|SET n 12|SCRIPT FLUSH"
    f"|HSET t f v g w|HPEXPIREAT t 32503680000000 FIELDS 1 f|HSET u f {'x' * 70}|HPEXPIREAT u 32503680000000 FIELDS 1 f"
    f"|CONFIG SET list-max-listpack-size 2|RPUSH q {'x' * 70} b c|EVAL return\t1 0".split("|")
)


@pytest.fixture(scope="module")
def pair(core: str) -> Iterator[tuple[Wire, Wire]]:
    """Redis and a server of ours with the same values in them."""
    with (
        redis("enable-debug-command yes\n") as (real, _),
        Server("--enable-debug-command", "yes", core=core) as running,
    ):
        ours = Wire(running.port)
        for line in FILLED:
            request = [word.replace("\t", " ") for word in line.split(" ")]
            assert ours(*request) == real(*request), line
        yield ours, real
        ours.close()


@pytest.mark.parametrize("line", ASKED)
def test_subcommands_answer_as_in_redis(pair: tuple[Wire, Wire], line: str) -> None:
    """To the byte, what is wrong with a request as well."""
    ours, real = pair
    assert ours(*line.split(" ")) == real(*line.split(" "))


@pytest.mark.parametrize("key", "lhziknqtu")
def test_an_object_is_told_of_as_in_redis(pair: tuple[Wire, Wire], key: str) -> None:
    """Its encoding, its length as written, and of a list how it stands in nodes; but where it is, and since when."""
    ours, real = (re.sub(rb"at:0x[0-9a-f]+|lru:\d+|idle:\d+", b"", one("DEBUG", "OBJECT", key)) for one in pair)
    assert ours == real


def test_lengths_are_told(pair: tuple[Wire, Wire]) -> None:
    """SDSLEN tells how long key and text are; what is free behind them is the allocator's."""
    for one in pair:
        assert one("DEBUG", "SDSLEN", "k").startswith(b"+key_sds_len:1, key_sds_avail:0, key_zmalloc: ")
        assert b", val_sds_len:4, val_sds_avail:" in one("DEBUG", "SDSLEN", "k")


@pytest.mark.parametrize(
    ("word", "number"), [("SEGFAULT", signal.SIGSEGV), ("PANIC", signal.SIGABRT), ("OOM", signal.SIGABRT)]
)
def test_a_crash_ends_the_process(tmp_path: Path, word: str, number: int) -> None:
    """By the signal that ends Redis, and with the stack of its threads in the log."""
    process = serve(*own(tmp_path, "--logfile", "log", "--enable-debug-command", "yes"))
    reached(tmp_path).send("DEBUG", word)
    assert process.wait(20) == -number
    assert "Fatal Python error" in logged(tmp_path)
    assert "debugging.py" in logged(tmp_path)


def test_what_is_off_says_so(start: Start, wire: Connect) -> None:
    """What needs a disk or replicas; and nobody's process is ended but the server's own."""
    client = wire(start("--enable-debug-command", "yes").port)
    for words in ("RELOAD NOSAVE", "LOADAOF", "RESTART", "CRASH-AND-RECOVER"):
        assert (
            client("DEBUG", *words.split())
            == b"-ERR DEBUG %b is off: this server writes nothing to disk yet\r\n" % words.encode()
        )
    assert (
        client("DEBUG", "REPLICATE", "x")
        == b"-ERR DEBUG REPLICATE is off: this server is no replica and has none yet\r\n"
    )
    assert client("DEBUG", "MALLCTL", "x").startswith(b"-ERR DEBUG MALLCTL is off: ")
    assert client("DEBUG", "MARK-INTERNAL-CLIENT").startswith(b"-ERR DEBUG MARK-INTERNAL-CLIENT is off: ")
    assert client("DEBUG", "SEGFAULT") == b"-ERR DEBUG SEGFAULT is off: this server has not a process of its own\r\n"


def test_what_is_loaded_again_is_the_same(wire: Connect, core: str) -> None:
    """RELOAD: every type is as Redis has it after its file was read, encodings too; deadlines stay, WATCH is told."""
    lines = [
        *FILLED,
        "APPEND k more|SET n 12 PX 100000|XADD x 1-1 f v|XGROUP CREATE x g 0|HPEXPIRE h 100000 FIELDS 1 f".replace(
            "|", "\n"
        ),
        "SADD s 7\nSREM s a b\nCONFIG SET hash-max-listpack-entries 2\nHSET t a 1 b 2 c 3\nHDEL t a b",
        "SELECT 3\nSET other 1",
    ]
    with (
        redis("enable-debug-command yes\n") as (real, _),
        Server("--enable-debug-command", "yes", core=core) as running,
    ):
        ours = Wire(running.port)
        for line in "\n".join(lines).split("\n"):
            for one in (real, ours):
                one(*(word.replace("\t", " ") for word in line.split(" ")))
        told = [[one("DEBUG", "RELOAD"), one("DEBUG", "DIGEST")] for one in (real, ours)]
        for one, said in zip((real, ours), told, strict=True):
            one("SELECT", "0")
            said += [one("OBJECT", "ENCODING", key) for key in b"lhzsiknqxt".decode()]
            said += [one("PTTL", "n").startswith(b":9"), one("HPTTL", "h", "FIELDS", "1", "f").startswith(b"*1\r\n:9")]
        assert told[0] == told[1]
        watcher = wire(running.port)
        watcher("WATCH", "k")
        ours("DEBUG", "RELOAD")
        watcher("MULTI")
        assert watcher("EXEC") == b"*-1\r\n"
        ours.close()


def test_tables_are_told(start: Start, wire: Connect) -> None:
    """Of a database how many keys it has, of a large value how many elements, as Redis's lines say it."""
    client = wire(start("--enable-debug-command", "yes").port)
    client("SET", "k", "v", "EX", "100")
    client("SADD", "large", *range(1000))
    line = b"Hash table 0 stats (main hash table):\n number of elements: %d\n"
    told = b"[Dictionary HT]\n" + line % 2 + b"[Expires HT]\n" + line % 1
    assert client("DEBUG", "HTSTATS", "0") == b"$%d\r\n%b\r\n" % (len(told), told)
    assert client("DEBUG", "HTSTATS-KEY", "large").endswith(b"\r\n" + line % 1000 + b"\r\n")
    client("HELLO", "3")
    assert client("DEBUG", "HTSTATS", "0") == b"=%d\r\ntxt:%b\r\n" % (len(told) + 4, told)


def test_all_settings_are_written(tmp_path: Path, start: Start, wire: Connect) -> None:
    """CONFIG-REWRITE-FORCE-ALL writes what nobody has changed, too; without a file it says what Redis says."""
    file = tmp_path / "redlark.conf"
    file.write_bytes(b"enable-debug-command yes\n")
    client = wire(start(str(file)).port)
    assert client("DEBUG", "CONFIG-REWRITE-FORCE-ALL") == b"+OK\r\n"
    assert b"\nzset-max-listpack-entries 128\n" in file.read_bytes()
    assert wire(start(str(file)).port)("PING") == b"+PONG\r\n"
    other = wire(start("--enable-debug-command", "yes").port)
    assert other("DEBUG", "CONFIG-REWRITE-FORCE-ALL") == b"-ERR CONFIG-REWRITE-FORCE-ALL failed: Bad address\r\n"


def test_the_replication_id_changes(start: Start, wire: Connect) -> None:
    """CHANGE-REPL-ID: INFO tells another one."""
    client = wire(start("--enable-debug-command", "yes").port)
    before = client("INFO", "replication").partition(b"master_replid:")[2][:40]
    client("DEBUG", "CHANGE-REPL-ID")
    assert client("INFO", "replication").partition(b"master_replid:")[2][:40] != before


def test_cron_is_paused(start: Start, wire: Connect) -> None:
    """PAUSE-CRON: nothing expires unasked and nobody idle is closed, as in Redis, until it is told to go on."""
    running = start("--enable-debug-command", "yes", "--hz", "100")
    with redis("enable-debug-command yes\nhz 100\n") as (real, _):
        for client, port in ((wire(running.port), running.port), (real, real.socket.getpeername()[1])):
            idle = wire(port)
            assert client("DEBUG", "PAUSE-CRON", "1") == b"+OK\r\n"
            client("CONFIG", "SET", "timeout", 1)
            for number in range(20):
                client("SET", number, "v", "PX", "1")
            until = time.monotonic() + 2.2
            while time.monotonic() < until:
                assert client("DBSIZE") == b":20\r\n"
                time.sleep(0.02)
            assert idle("PING") == b"+PONG\r\n"
            assert client("DEBUG", "PAUSE-CRON", "0") == b"+OK\r\n"
            soon(lambda client=client: client("DBSIZE") == b":0\r\n")
            until = time.monotonic() + 10
            while time.monotonic() < until and b" cmd=ping " in client("CLIENT", "LIST"):
                time.sleep(0.05)
            assert idle.rest() == b""
