"""DEBUG's subcommands that tests of clients and servers use, beside Redis 8.2.3; and that a crash is one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from redlark.server import Server

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
DEBUG DIGEST|DEBUG DIGEST-VALUE l h z s i k q none|DEBUG NOSUCH|DEBUG""".replace("\n", "|").split("|")
FILLED = (
    "FLUSHALL|RPUSH l a b|HSET h f v|ZADD z 1 a|SADD s a b|SADD i 1 2|SET k text|SET n 12|SCRIPT FLUSH"
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
    for words in ("RELOAD", "LOADAOF", "RESTART", "CRASH-AND-RECOVER"):
        assert (
            client("DEBUG", words)
            == b"-ERR DEBUG %b is off: this server writes nothing to disk yet\r\n" % words.encode()
        )
    assert (
        client("DEBUG", "REPLICATE", "x")
        == b"-ERR DEBUG REPLICATE is off: this server is no replica and has none yet\r\n"
    )
    assert client("DEBUG", "SEGFAULT") == b"-ERR DEBUG SEGFAULT is off: this server has not a process of its own\r\n"
