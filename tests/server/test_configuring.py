"""The configuration beside Redis 8.2.3: names and defaults, CONFIG SET of anything, files, CONFIG REWRITE."""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from redlark.server.conf_file import from_arguments
from redlark.server.config import Config
from redlark.server.parameters import PARAMETERS, ConfigError
from redlark.server.rewriting import MARK, merged, replace
from redlark.spec.parameters import generated

from .conftest import Connect, Start, Wire

LISTED = {name: one for one in generated("redis-8.2") for name in one.names}
# Not asked for: what would take the server away, what needs something that this server does not have, and what is
# raised to two turns of a rate that Redis takes over only at its next turn.
APART = {name for name, row in PARAMETERS.items() if row.only is not None} | {"watchdog-period"}
FREE = [name for name, one in LISTED.items() if one.kind != "special" and name not in APART]
OTHERWISE = {"bind", "dir", "port", "maxclients"}  # docs/reference/serve.md

WORDS = (
    *(
        "yes",
        "no",
        "YES",
        "",
        "0",
        "1",
        "5",
        "05",
        "+5",
        "-1",
        "-0",
        "101",
        "64",
        "65",
        "501",
        "1k",
        "1mb",
        "2GB",
        "kb",
    ),
    *("9223372036854775807", "9223372036854775808", "18446744073709551616", "abc", "50%", "101%", "%", "1.5", "0x10"),
    *("KEA", "gxE", "Ag$lshzxeKEtmdnoc", "normal", "replica", "pubsub", "900", "default", "now", "force", "nosave"),
    *("always", "nosuch", "1e1", "nan", "100", "0", "60", "a\0b", "1\0", "two words", "ALLKEYS-lru", "-5%", "1mb5"),
)
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)


def choices(name: str) -> st.SearchStrategy[str]:
    """Texts for a parameter, often of its own words."""
    words = LISTED[name].words
    return st.one_of(TEXTS, st.lists(st.sampled_from(words), min_size=1, max_size=3).map(" ".join)) if words else TEXTS


PAIRS = st.sampled_from(FREE).flatmap(lambda name: st.tuples(st.just(name), choices(name)))


@pytest.fixture(scope="module")
def ours() -> Iterator[Wire]:
    """A connection to a server of ours whose configuration is changed at will."""
    with Server() as running:
        wire = Wire(running.port)
        yield wire
        wire.close()


@pytest.fixture(scope="module")
def real() -> Iterator[Wire]:
    """The same of Redis 8.2.3: a process of its own, for its configuration stays changed."""
    with redis("") as (wire, _):
        yield wire


@contextmanager
def redis(text: str, *more: str) -> Iterator[tuple[Wire, Path]]:
    """Redis 8.2.3 with a configuration file and more options, and the file; skips where there is no such Redis."""
    from redlark.conformance.errors import CannotRun
    from redlark.conformance.targets import servers

    try:
        program = servers.pick("redis:8.2", servers.find_servers())
    except CannotRun as none:
        pytest.skip(str(none))
    with tempfile.TemporaryDirectory() as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        file = Path(folder) / "redis.conf"
        file.write_text(text)
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, *more]
        process = subprocess.Popen([program.path, file, *options], stdout=subprocess.DEVNULL)
        try:
            yield _reached(port), file
        finally:
            process.kill()
            process.wait()


def _reached(port: int) -> Wire:
    end = time.monotonic() + 20
    while True:
        try:
            wire = Wire(port)
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.01)
        else:
            return wire


def told(wire: Wire, *names: str) -> dict[str, str]:
    """What CONFIG GET tells."""
    words = wire("CONFIG", "GET", *names).decode("latin-1").split("\r\n")[2:-1:2]
    return dict(zip(words[::2], words[1::2], strict=True))


def test_names_and_defaults_are_those_of_redis(wire: Connect, start: Start) -> None:
    """CONFIG GET * names what Redis names, with Redis's values but for a few that are documented; hidden ones too."""
    hidden = [name for name, one in LISTED.items() if one.hidden]
    running = wire(start("--save", "").port)
    with redis("") as (real, _):
        theirs, here = told(real, "*"), told(running, "*")
        assert sorted(here) == sorted(theirs)
        assert {name: here[name] for name in here if name not in OTHERWISE} == {
            name: theirs[name] for name in theirs if name not in OTHERWISE
        }
        assert told(running, *hidden) == told(real, *hidden)


@settings(max_examples=400)
@given(st.lists(PAIRS, min_size=1, max_size=3))
def test_anything_is_set_as_in_redis(ours: Wire, real: Wire, pairs: list[tuple[str, str]]) -> None:
    """CONFIG SET takes and refuses the same, with the same words, of several all or none; GET tells the same."""
    request = ("CONFIG", "SET", *(word for pair in pairs for word in pair))
    names = [name for name, _ in pairs]
    assert ours(*request) == real(*request)
    assert told(ours, *names) == told(real, *names)


@pytest.mark.parametrize("name", ["C", "POSIX", "C.utf8", "nosuch", "C.nosuch", "c", "/", "en_US.nosuch", ""])
def test_a_locale_is_one_of_the_machine(ours: Wire, real: Wire, name: str) -> None:
    """What is none is refused with Redis's words; what is one, and orders texts as bytes, is taken."""
    assert ours("CONFIG", "SET", "locale-collate", name) == real("CONFIG", "SET", "locale-collate", name)
    assert told(ours, "locale-collate") == told(real, "locale-collate")


def test_of_several_all_or_none_are_set(ours: Wire, tmp_path: Path) -> None:
    """What was set before one that fails is as it was, the folder of the process too."""
    before = told(ours, "hz", "dir", "maxmemory")
    request = ("CONFIG", "SET", "hz", "77", "maxmemory", "5mb", "appendonly", "yes")
    assert ours(*request).startswith(
        b"-ERR CONFIG SET failed (possibly related to argument 'appendonly') - redlark has"
    )
    assert told(ours, "hz", "dir", "maxmemory") == before


def test_the_folder_is_protected(start: Start, wire: Connect, tmp_path: Path) -> None:
    """`dir` is set where the configuration allows it, and not to what is not there; a failure leaves it."""
    here = os.getcwd()
    try:
        refused = wire(start().port)("CONFIG", "SET", "dir", str(tmp_path))
        assert refused.endswith(b"(possibly related to argument 'dir') - can't set protected config\r\n")
        client = wire(start("--enable-protected-configs", "local").port)
        failed = client("CONFIG", "SET", "hz", "99", "dir", "/no/such/folder")
        assert failed.endswith(b"(possibly related to argument 'dir') - No such file or directory\r\n")
        assert told(client, "hz", "dir") == {"hz": "10", "dir": here}
        assert client("CONFIG", "SET", "dir", str(tmp_path), "dbfilename", "other.rdb") == b"+OK\r\n"
        assert told(client, "dir", "dbfilename") == {"dir": str(tmp_path), "dbfilename": "other.rdb"}
    finally:
        os.chdir(here)


# ------------------------------------------------------------------------------------------------------------- files

LINES = (
    *("# a comment", "", "hz 50", "HZ 20", "timeout 7", 'masterauth "a \\x41 b"', "maxmemory 3mb", "maxmemory 1500"),
    *("save 900 1", "save 300 10 60 5", 'save ""', "client-output-buffer-limit normal 1mb 1k 5", "loglevel warning"),
    *("client-output-buffer-limit replica 5 6 7 pubsub 1 2 3", "zset-max-ziplist-entries 7", "appendfsync always"),
    *(
        "oom-score-adj-values 1 2 3",
        "shutdown-on-sigint now force",
        "notify-keyspace-events KEA",
        "maxmemory-clients 5%",
    ),
    *(
        "latency-tracking-info-percentiles 10 20.5",
        "proc-title-template 'x y'",
        "io-threads-do-reads no",
        "tcp-backlog 9",
        "slaveof no one",
    ),
)
CHANGES = (
    *(("hz", "10"), ("hz", "30"), ("timeout", "0"), ("masterauth", ""), ("masterauth", 'q"\n'), ("maxmemory", "7gb")),
    *(("save", "1 2 3 4"), ("save", ""), ("client-output-buffer-limit", "normal 0 0 0 pubsub 9 9 9")),
    *(("zset-max-listpack-entries", "128"), ("appendfsync", "no"), ("oom-score-adj-values", "0 200 800")),
    *(("shutdown-on-sigint", "default"), ("notify-keyspace-events", ""), ("maxmemory-clients", "0")),
    *(("list-compress-depth", "3"), ("repl-backlog-size", "2mb"), ("protected-mode", "no"), ("loglevel", "debug")),
)


def read(text: str) -> Config:
    return from_arguments(["-"], text.encode())


def settings_of(config: Config) -> dict[str, bytes]:
    return {name: config.told(name) for name in PARAMETERS}


@settings(max_examples=200)
@given(st.lists(st.sampled_from(LINES), max_size=8), st.lists(st.sampled_from(CHANGES), max_size=5))
def test_what_is_written_reads_back(lines: list[str], changes: list[tuple[str, str]]) -> None:
    """A file that was rewritten gives the settings of now, keeps its comments, and does so a second time."""
    text = "\n".join(lines)
    config = read(text)
    for name, value in changes:
        config.put(name, [value.encode()])
    new = merged(text.encode(), config)
    assert settings_of(read(new.decode())) == settings_of(config)
    assert new.count(b"# a comment") == lines.count("# a comment")
    assert new.count(MARK) <= 1
    again = merged(new, config)
    assert again.count(MARK) == new.count(MARK)
    assert settings_of(read(again.decode())) == settings_of(config)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(LINES), min_size=2, max_size=8, unique=True),
    st.lists(st.sampled_from(CHANGES), max_size=6, unique_by=lambda pair: pair[0]),
)
def test_a_file_is_rewritten_as_by_redis(lines: list[str], changes: list[tuple[str, str]]) -> None:
    """What the file has stays in its place and order, line by line as Redis has it; what is new comes behind."""
    always = (b"user ", b"latency-tracking-info-percentiles ")  # which Redis writes in any case
    assume(not any(line.startswith("latency-tracking-info-percentiles") for line in lines))
    assume("io-threads-do-reads no" not in lines)  # which Redis makes a comment, behind "???"
    text = "".join(f"{line}\n" for line in lines)
    with redis(text) as (real, file):
        port = told(real, "port")["port"]
        config = from_arguments(
            [str(file), "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", str(file.parent)]
        )
        for name, value in changes:
            assert real("CONFIG", "SET", name, value) == b"+OK\r\n"
            config.put(name, [value.encode()])
        assert real("CONFIG", "REWRITE") == b"+OK\r\n"
        theirs = file.read_bytes()
    here = os.getcwd()
    try:
        os.chdir("/")
        ours = merged(text.encode(), config).replace(b'dir "/"\n', b'dir "%b"\n' % os.fsencode(file.parent))
    finally:
        os.chdir(here)
    kept, _, new = (part.strip(b"\n") for part in ours.partition(MARK))
    their_kept, _, their_new = (part.strip(b"\n") for part in theirs.partition(MARK))
    # of lines that it takes out Redis leaves an empty one, and makes one of several
    assert [line for line in kept.split(b"\n") if line] == [line for line in their_kept.split(b"\n") if line]
    their_new = their_new.replace(b"\n\n", b"\n")
    assert sorted(new.split(b"\n")) == sorted(line for line in their_new.split(b"\n") if not line.startswith(always))


def test_a_name_and_its_values_may_be_one_argument() -> None:
    """As in a compose file's `command: ["redis-server", "--save 60 1", "--maxmemory 5mb"]`, which Redis takes."""
    options = ["--maxmemory 5mb", "--save 60 1", "--requirepass 'a b'", "--bind 127.0.0.1", "127.0.0.2", "--hz", "20"]
    config = from_arguments(options)
    names = "maxmemory", "save", "requirepass", "bind", "hz"
    assert [config.told(name) for name in names] == [b"5242880", b"60 1", b"a b", b"127.0.0.1 127.0.0.2", b"20"]
    with redis("", *options) as (real, _):
        assert real("AUTH", "a b") == b"+OK\r\n"
        assert told(real, *names) == {name: config.told(name).decode() for name in names}
    with pytest.raises(ConfigError, match="--requirepass 'a: unbalanced quotes"):
        from_arguments(["--requirepass 'a"])


def test_includes_are_read_in_their_place(tmp_path: Path) -> None:
    """A file is read where it is included, patterns in the order of names, and none that includes itself for ever."""
    (tmp_path / "b.inc").write_text("hz 30\ntimeout 3\n")
    (tmp_path / "a.inc").write_text("hz 40\n")
    main = tmp_path / "redis.conf"
    main.write_text(f"timeout 9\ninclude {tmp_path}/*.inc\nmaxmemory 5mb\ninclude {tmp_path}/nothing-*\n")
    config = from_arguments([str(main), "--maxmemory", "6mb"])
    assert (config.hz, config.timeout, config.maxmemory) == (30, 3, 6 * 2**20)
    main.write_text(f"include {main}\n")
    with pytest.raises(Exception, match="more than 16 files, each including the next"):
        from_arguments([str(main)])


def test_a_rewrite_replaces_the_file_or_leaves_it(start: Start, wire: Connect, tmp_path: Path) -> None:
    """It needs a file, keeps the file's rights and the file behind a link, and says why it could not be written."""
    said = wire(start().port)("CONFIG", "REWRITE")
    assert said == b"-ERR The server is running without a config file\r\n"
    file, link = tmp_path / "there" / "redis.conf", tmp_path / "redis.conf"
    file.parent.mkdir()
    file.write_text("# mine\nhz 12\n")
    file.chmod(0o600)
    link.symlink_to(file)
    with Server(str(link)) as running:
        client = wire(running.port)
        assert client("CONFIG", "SET", "hz", "13") == b"+OK\r\n"
        assert client("CONFIG", "REWRITE") == b"+OK\r\n"
        assert file.read_text().startswith("# mine\nhz 13\n")
        assert file.stat().st_mode & 0o777 == 0o600
        assert link.is_symlink()
        assert os.listdir(file.parent) == ["redis.conf"]
        shutil.rmtree(file.parent)
        assert client("CONFIG", "REWRITE") == b"-ERR Rewriting config file: No such file or directory\r\n"


def test_a_full_disk_leaves_the_file(tmp_path: Path) -> None:
    """What cannot be written as a whole is not written at all, and leaves nothing behind."""
    file = tmp_path / "redis.conf"
    file.write_text("hz 12\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            replace(str(file), b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_text() == "hz 12\n"
    assert os.listdir(tmp_path) == ["redis.conf"]


# ----------------------------------------------------------------------------------------------------- where it listens


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something answers a PING there."""
    try:
        with socket.create_connection((host, port), 5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16) == b"+PONG\r\n"
    except ConnectionRefusedError:
        return False


def test_it_listens_elsewhere_when_told(start: Start, wire: Connect) -> None:
    """CONFIG SET port and bind move the listeners; who is connected stays; what fails leaves everything as it was."""
    running = start()
    client, before, other = wire(running.port), running.port, free_port()
    assert client("CONFIG", "SET", "port", other, "bind", "127.0.0.1 127.0.0.2") == b"+OK\r\n"
    assert (answers(before), answers(other), answers(other, "127.0.0.2")) == (False, True, True)
    assert b"listener0:name=tcp,bind=127.0.0.1,bind=127.0.0.2,port=%d\r\n" % other in client("INFO", "server")
    with redis("") as (real, _), socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        for words in (("port", number), ("bind", "203.0.113.7"), ("hz", "30", "port", number), ("port", "70000")):
            assert client("CONFIG", "SET", *words) == real("CONFIG", "SET", *words)
    assert told(client, "port", "bind", "hz") == {"port": str(other), "bind": "127.0.0.1 127.0.0.2", "hz": "10"}
    assert (answers(other), answers(other, "127.0.0.2")) == (True, True)
    assert client("CONFIG", "SET", "bind", "127.0.0.1") == b"+OK\r\n"
    assert (answers(other), answers(other, "127.0.0.2")) == (True, False)
    assert client("CONFIG", "SET", "port", "0") == b"+OK\r\n"
    assert not answers(other)
    assert client("PING") == b"+PONG\r\n"
    assert client("CONFIG", "SET", "port", before) == b"+OK\r\n"
    assert answers(before)


@pytest.mark.parametrize(
    ("rate", "asked", "had"), [(10, 1, 200), (1, 5, 2000), (500, 3, 4), (10, 0, 0), (10, 900, 900)]
)
def test_the_watchdog_looks_no_more_often_than_it_can(ours: Wire, rate: int, asked: int, had: int) -> None:
    """`watchdog-period` is raised to two turns of `hz`, without a word, unless it is 0."""
    assert ours("CONFIG", "SET", "hz", rate) == b"+OK\r\n"
    assert ours("CONFIG", "SET", "watchdog-period", asked) == b"+OK\r\n"
    told_now = b"*2\r\n$15\r\nwatchdog-period\r\n$%d\r\n%d\r\n" % (len(str(had)), had)
    assert ours("CONFIG", "GET", "watchdog-period") == told_now
    assert ours("CONFIG", "SET", "watchdog-period", 0, "hz", 10) == b"+OK\r\n"


def test_info_tells_of_a_unix_socket_alone(wire: Connect, tmp_path: Path, core: str) -> None:
    """INFO names no TCP listener where there was none, and keeps its line once its port is 0, as Redis does."""
    path = str(tmp_path / "s")
    with Server("--port", "0", "--unixsocket", path, core=core), socket.socket(socket.AF_UNIX) as alone:
        alone.connect(path)
        alone.sendall(b"INFO server\r\n")
        told = alone.recv(1 << 16)
        assert re.findall(rb"listener\S+", told) == [b"listener1:name=unix,bind=" + path.encode()]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        Server("--unixsocket", path, port=port, core=core) as running,
        redis("", "--unixsocket", f"{path}.real") as (real, _),
    ):
        for one, where in ((wire(running.port), path), (real, f"{path}.real")):
            assert one("CONFIG", "SET", "port", "0") == b"+OK\r\n"
            lines = re.findall(rb"listener\S+", one("INFO", "server"))
            assert lines == [b"listener0:name=tcp", b"listener1:name=unix,bind=" + where.encode()]
