"""redis-cli and redis-benchmark: what they print for our server is what they print for Redis 8.2.3."""

from __future__ import annotations

import re
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest
import redis

from redlark.server import cores
from tests.conftest import Address
from tests.waiting import soon

from .conftest import REAL

SCRIPT = "return {KEYS[1], ARGV[1], redis.call('GET', KEYS[1])}"

# What is typed, one prompt after another; the server is filled alike before.
SESSIONS = {
    "kinds of replies": "GET a\nGET nokey\nINCR n\nLRANGE l 0 -1\nHGETALL h\nSMEMBERS s\nLRANGE nolist 0 -1\n",
    "errors": "GET l\nINCR a\nNOSUCH x\nGET\nSET a b c d\n",
    "a transaction": "MULTI\nSET a 2\nINCR a\nLPUSH a x\nEXEC\nMULTI\nNOSUCH\nEXEC\nDISCARD\n",
    "nesting": "XADD st 1-1 f v\nXRANGE st - +\nXREAD STREAMS st 0\nXINFO STREAM st\n",
    "numbers with fractions": "ZRANGE z 0 -1 WITHSCORES\nZSCORE z m\nGEOADD g 13 38 p\nGEOPOS g p nobody\n",
    "words in quotes": 'SET "a b" "c\\x00d\\n"\nGET "a b"\nSET \'q\' \'it\\\'s\'\nGET q\n',
    "scripts": f'EVAL "{SCRIPT}" 1 a b\nEVAL "return {{1, {{2, {{}}}}, false, 3.7}}" 0\n',
    "errors of scripts": 'EVAL "return redis.error_reply(\'MY own\')" 0\nEVAL "return x" 0\n',
    "databases": "SELECT 3\nSET x 1\nSWAPDB 0 3\nDBSIZE\nKEYS x\nSELECT 99\n",
    "facts": "OBJECT ENCODING l\nTYPE h\nTTL a\nMEMORY USAGE nokey\nCOMMAND INFO get\nCONFIG GET maxmemory\n",
}
MODES = {
    "for people": ["--no-raw"],
    "for people, RESP3": ["--no-raw", "-3"],
    "raw": ["--raw"],
    "raw, RESP3": ["--raw", "-3"],
    "csv": ["--csv"],
    "csv, RESP3": ["--csv", "-3"],
    "json": ["--json"],
}


def program(name: str) -> str:
    """The path of a program of Redis, or the test is skipped."""
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def cli(url: str, *arguments: str, stdin: str | None = "") -> str:
    """What redis-cli prints, on both its outputs."""
    done = subprocess.run(
        [program("redis-cli"), "-u", url, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def steady(text: str) -> list[str]:
    """The lines sorted, less those that --bigkeys prints on its way, which tell of the order of keys."""
    return sorted(line for line in text.splitlines() if " found so far " not in line)


def fill(url: str) -> None:
    """Keys of every type."""
    with redis.Redis.from_url(url) as db:
        db.flushall()
        db.script_flush()
        db.mset({"a": "1", "n": 41, "long": "x" * 1000})
        db.rpush("l", "one", "two", "three")
        db.hset("h", mapping={"f": "v", "g": "w"})
        db.sadd("s", 7)  # of more, nobody promises the order
        db.zadd("z", {"m": 1.5, "n": 3})


@pytest.fixture(params=cores.available())
def both(request: pytest.FixtureRequest, address: Address) -> tuple[str, str]:
    """Our server and the real one, filled alike."""
    pair = address("embedded", core=request.param), address(REAL)
    for url in pair:
        fill(url)
    return pair


@pytest.mark.parametrize("mode", MODES)
def test_sessions(both: tuple[str, str], mode: str) -> None:
    """Every session at the prompt prints the same for both servers, in each of redis-cli's forms of output."""
    for name, typed in SESSIONS.items():
        for url in both:
            fill(url)
        ours, real = (cli(url, *MODES[mode], stdin=typed) for url in both)
        assert ours == real, name
        assert ours


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scan", "--pattern", "[al]*"],
        ["--scan", "--type", "list"],
        ["--bigkeys"],
        ["-n", "2", "PING"],
        ["-r", "3", "INCR", "n"],
        ["-e", "GET", "l"],
        ["--no-raw", "TYPE", "z"],
        ["-X", "tag", "SET", "a", "tag"],
        ["-D", ";", "--raw", "LRANGE", "l", "0", "-1"],
        ["--quoted-input", "SET", '"\\x00"', "v"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_modes(both: tuple[str, str], arguments: list[str]) -> None:
    """What redis-cli does by itself comes to the same with both servers (lines sorted, since keys have no order)."""
    ours, real = (cli(url, *arguments, stdin="piped in") for url in both)
    assert steady(ours) == steady(real)
    assert ours


def test_a_script_from_a_file(both: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """--eval takes a script from a file, keys and arguments parted by a comma."""
    path = tmp_path_factory.mktemp("scripts") / "one.lua"
    path.write_text(SCRIPT)
    ours, real = (cli(url, "--eval", str(path), "a", ",", "b") for url in both)
    assert ours == real == "a\nb\n1\n"


def test_mass_insertion(both: tuple[str, str]) -> None:
    """redis-cli --pipe: every command arrives, errors are counted."""
    lines = "".join(f"SET key:{number} {number}\r\n" for number in range(5000)) + "INCR l\r\n"
    for url in both:
        assert "errors: 1, replies: 5001" in cli(url, "--pipe", stdin=lines)
        assert cli(url, "DBSIZE") == f"{5000 + 7}\n"


@pytest.mark.parametrize("arguments", [["MONITOR"], ["SUBSCRIBE", "news", "more"], ["-3", "PSUBSCRIBE", "n*"]])
def test_listening(both: tuple[str, str], arguments: list[str]) -> None:
    """redis-cli shows what it listens to as it comes, until it is ended."""
    shown = []
    for url in both:
        with redis.Redis.from_url(url, decode_responses=True) as db:
            db.ping()  # what a client says when it connects is not for MONITOR to show
            listener = subprocess.Popen(
                [program("redis-cli"), "-u", url, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            flag = "O" if arguments == ["MONITOR"] else "P"
            soon(lambda db=db, flag=flag: any(flag in one["flags"] for one in db.client_list()))
            if flag == "P":
                want = [("news", 1), ("more", 1)] if arguments[0] == "SUBSCRIBE" else 1
                soon(lambda db=db, want=want: want in (db.pubsub_numsub("news", "more"), db.pubsub_numpat() or None))
            db.publish("news", 'hel"lo')
            db.publish("news", "last")
            lines = []
            assert listener.stdout
            for line in listener.stdout:
                if "client" not in line.lower() and "pubsub" not in line.lower():
                    # A line of MONITOR begins with the time and who it was.
                    lines.append(re.sub(r"^\d+\.\d+ \[0 [\d.:]+\]", "", line))
                if "last" in line:
                    break
            listener.terminate()
            listener.wait(10)
            listener.stdout.close()
            shown.append(lines)
    assert shown[0] == shown[1]
    assert any("last" in line for line in shown[0])


@pytest.mark.parametrize("pipeline", ["1", "16"])
def test_benchmark(both: tuple[str, str], pipeline: str) -> None:
    """redis-benchmark runs its tests, and no request is refused."""
    tests = "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset"
    port = str(urlsplit(both[0]).port)
    done = subprocess.run(
        [program("redis-benchmark"), "-p", port, "-q", "-n", "1000", "-c", "10", "-P", pipeline, "-t", tests],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.count("requests per second") == 17
    assert "rror" not in done.stdout + done.stderr
