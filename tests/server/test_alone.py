"""What a server answers that has no cluster, no replicas, no disk and one user, and what it says is off."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from redlark.server import Server
from redlark.server.off import OFF
from redlark.spec.metadata import generated

from .conftest import Connect, Wire
from .test_configuring import redis
from .test_lifecycle import SERVE, until_ready

FACTS = generated("redis-8.2").commands
CLUSTER = [name.split("|") for name in FACTS if name.startswith("cluster|")]
ASKED = [
    *(words + ["1"] * count for words in CLUSTER for count in range(4)),
    ["CLUSTER", "NOSUCH"], ["READONLY"], ["READWRITE"], ["ASKING"],
    ["ACL", "WHOAMI"], ["ACL", "USERS"], ["ACL", "LIST"], ["ACL", "CAT"], ["ACL", "CAT", "no\r\nsuch"],
    ["ACL", "CAT", "a", "b"], ["ACL", "LOAD"], ["ACL", "SAVE"], ["ACL", "GENPASS", "x"], ["ACL", "GENPASS", "0"],
    ["ACL", "GENPASS", "4097"], ["ACL", "GENPASS", "1", "2"], ["ACL", "NOSUCH"], ["ROLE"], ["WAIT", "0", "0"],
    *(["FAILOVER", *words.split()] for words in (
        "", "ABORT", "abort abort", "TIMEOUT 5 ABORT", "TO h 1", "TO h x", "TO h", "FORCE", "FORCE TO h 1 TIMEOUT 5",
        "TIMEOUT 0", "TIMEOUT x", "TIMEOUT", "TIMEOUT 1 TIMEOUT 2", "TO h 1 TO h 2", "FORCE FORCE", "NOSUCH",
    )),
]  # fmt: skip


@pytest.fixture
def real(real_port: int, wire: Connect) -> Wire:
    """Redis 8.2.3, alone as well."""
    return wire(real_port)


def test_who_is_alone_answers_as_redis(client: Wire, real: Wire) -> None:
    """Requests about clusters, users and replicas have Redis's own replies, where it has neither as well."""
    for words in ASKED:
        own, its = client(*words), real(*words)
        if words == ["ROLE"]:  # others may have followed it
            its = re.sub(rb":\d+", b":0", its)
        assert own == its, words
    bits = [len(client("ACL", "GENPASS", count)) for count in (1, 5, 8, 4096)]
    assert bits == [len(real("ACL", "GENPASS", count)) for count in (1, 5, 8, 4096)]


def test_a_password_is_told_of_as_redis_tells_of_it(server: Server, client: Wire, wire: Connect) -> None:
    """ACL LIST has its digest."""
    with redis("") as (real, _):
        for one in (client, real):
            one("CONFIG", "SET", "requirepass", "foo")
        assert client("ACL", "LIST") == real("ACL", "LIST")
        client("CONFIG", "SET", "requirepass", "")


@pytest.mark.parametrize("name", sorted(OFF))
def test_what_is_off_says_so(client: Wire, name: bytes) -> None:
    """It is a command of Redis that this server has not: its error tells so, in MULTI and scripts it is none."""
    assert name.decode().lower() in FACTS
    words = name.split(b"|")
    said = client(*words, "x", "y")
    assert said.startswith(b"-ERR %b is off: " % b" ".join(words))
    assert client("COMMAND", "INFO", name) == b"*1\r\n$-1\r\n"
    client("MULTI")
    assert client(*words) == said
    assert client("EXEC").startswith(b"-EXECABORT")
    script = f"return redis.call({','.join(repr(word.decode()) for word in words)})"
    assert client("EVAL", script, "0").startswith(b"-ERR Unknown Redis command called from script")


def test_what_is_off_may_be_renamed(tmp_path: Path, wire: Connect) -> None:
    """A file that takes commands away which are not there yet is understood."""
    file = tmp_path / "redis.conf"
    file.write_text('port 0\nrename-command BGSAVE ""\nrename-command replicaof away\n')
    process = subprocess.Popen(
        [*SERVE, str(file), "--unixsocket", str(tmp_path / "s")], stdout=subprocess.PIPE, text=True
    )
    until_ready(process)
    process.terminate()
    assert process.wait(10) == 0


def test_writes_that_lack_replicas_are_refused_as_in_redis(client: Wire) -> None:
    """`min-replicas-to-write` holds for commands, transactions, scripts and functions; INFO tells of it."""
    library = (
        "#!lua name=x\nredis.register_function('w', function() return 1 end)\n"
        "redis.register_function{function_name='r', callback=function() return 1 end, flags={'no-writes'}}"
    )
    asked: list[tuple[str, ...]] = [
        ("FUNCTION", "LOAD", "REPLACE", library), ("CONFIG", "SET", "min-replicas-to-write", "1"),
        ("SET", "a", "b"), ("SET",), ("GET", "a"), ("PUBLISH", "a", "b"), ("PFCOUNT", "a"), ("SORT", "l"),
        ("INCR", "n"),
        ("EVAL", "return redis.call('set', 'a', 'b')", "0"), ("EVAL", "return redis.pcall('incr', 'a')", "0"),
        ("EVAL", "return redis.call('get', 'a')", "0"), ("EVAL", "#!lua\nreturn 1", "0"),
        ("EVAL", "#!lua flags=no-writes\nreturn 1", "0"), ("EVAL", "#!lua flags=allow-oom\nreturn 1", "0"),
        ("EVAL_RO", "return 1", "0"), ("FCALL", "w", "0"), ("FCALL", "r", "0"), ("FLUSHALL",), ("SWAPDB", "0", "1"),
        ("MULTI",), ("GET", "a"), ("EXEC",), ("MULTI",), ("SET", "a", "b"), ("EXEC",), ("MULTI",),
        ("EVAL", "return redis.call('set', 'a', 'b')", "0"), ("EXEC",), ("FUNCTION", "LOAD", "REPLACE", library),
        ("EVAL_RO", "#!lua\nreturn 1", "0"), ("FCALL_RO", "w", "0"), ("FCALL_RO", "r", "0"),
        ("MULTI",), ("EVAL", "#!lua\nreturn 1", "0"), ("EXEC",), ("MULTI",), ("FCALL", "w", "0"), ("EXEC",),
        ("MULTI",), ("FCALL", "r", "0"), ("EXEC",), ("EVAL", "#!lua flags=none\nreturn 1", "0"),
        ("CONFIG", "SET", "min-replicas-max-lag", "0"), ("SET", "a", "b"),
        ("CONFIG", "SET", "min-replicas-max-lag", "10"), ("SET", "a", "b"),
        ("CONFIG", "SET", "min-slaves-to-write", "0"), ("SET", "a", "c"), ("FUNCTION", "FLUSH"),
        ("INFO", "errorstats"),
    ]  # fmt: skip
    with redis("") as (real, _):
        for one in (real, client):
            one("CONFIG", "RESETSTAT")
        for request in asked:
            assert client(*request) == real(*request), request
    client("CONFIG", "SET", "min-replicas-to-write", "1")
    assert b"\r\nmin_slaves_good_slaves:0\r\n" in client("INFO", "replication")
    client("CONFIG", "SET", "min-replicas-to-write", "0")


def score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def shown(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()


def test_what_the_system_shows_of_the_process(core: str, wire: Connect) -> None:
    """The title is what the template makes of the settings, the score for the killer what `oom-score-adj` asks for."""
    with Server(
        "--oom-score-adj", "relative", "--oom-score-adj-values", "7", "8", "9", core=core, process=True
    ) as server:
        client, own = wire(server.port), score(server.pid) - 7
        assert shown(server.pid) == f"redlark 127.0.0.1:{server.port}"
        assert client("CONFIG", "SET", "proc-title-template", "{title}: {{{port}") == b"+OK\r\n"
        assert shown(server.pid) == f"redlark: {{{server.port}"
        for words in (("oom-score-adj", "absolute"), ("oom-score-adj-values", "500 1 1")):
            assert client("CONFIG", "SET", *words) == b"+OK\r\n"
        assert score(server.pid) == 500
        assert client("CONFIG", "SET", "oom-score-adj", "no") == b"+OK\r\n"
        assert score(server.pid) == own


@pytest.mark.parametrize("template", ["{{title}}", "}}x", "{{", "{{{title}", " ", "{}", "a{", "{title", "{ title}", ""])
def test_templates_are_those_of_redis(client: Wire, real: Wire, template: str) -> None:
    """The same texts are taken and refused."""
    name, default = "proc-title-template", "{title} {listen-addr} {server-mode}"
    assert client("CONFIG", "SET", name, template) == real("CONFIG", "SET", name, template)
    assert client("CONFIG", "GET", name) == real("CONFIG", "GET", name)
    for one in (client, real):
        one("CONFIG", "SET", name, default)
