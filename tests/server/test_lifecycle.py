"""Starting and stopping: `Server`, `redlark serve`, configuration files, signals, errors a user makes."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from redlark.server import Server, cores
from redlark.server.conf_file import from_arguments
from redlark.server.parameters import ROWS, ConfigError
from redlark.server.sockets import ListenError

from .conftest import Connect, Start, Wire

SERVE = [sys.executable, "-m", "redlark.server"]


def serve(*arguments: str, core: str = "", stdin: str = "", cwd: Path | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, **({cores.VARIABLE: core} if core else {})}
    process = subprocess.Popen(
        [*SERVE, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=cwd,
    )
    assert process.stdin
    process.stdin.write(stdin)
    process.stdin.close()
    return process


def until_ready(process: subprocess.Popen[str]) -> str:
    """What it said, up to the line that it is ready."""
    said = ""
    assert process.stdout
    for line in process.stdout:
        said += line
        if "Ready to accept" in line:
            return said
    raise AssertionError(said)


def refused(*arguments: str, stdin: str = "") -> str:
    """What `redlark serve` says when it will not start; it must leave with 1 and without a traceback."""
    process = serve(*arguments, stdin=stdin)
    assert process.stdout
    said = process.stdout.read()
    assert process.wait(20) == 1
    assert "Traceback" not in said
    return said


def test_a_server_in_a_thread(core: str, wire: Connect) -> None:
    """`Server` listens on a free port, says its address, and is gone after its block, threads and all."""
    threads = threading.active_count()
    with Server(core=core) as server:
        assert server.core == core
        assert server.pid == os.getpid()
        assert server.url == f"redis://127.0.0.1:{server.port}"
        client = wire(server.port)
        assert client("PING") == b"+PONG\r\n"
    assert client.rest() == b""
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError):
        Wire(server.port)
    server.stop()


def test_two_servers_share_nothing(start: Start, wire: Connect) -> None:
    """Two servers in one process have keyspaces and configurations of their own."""
    one, other = start("--requirepass", "p@ss"), start()
    assert one.url == f"redis://:p%40ss@127.0.0.1:{one.port}"
    assert wire(other.port)("SET", "k", "1") == b"+OK\r\n"
    client = wire(one.port)
    assert client("GET", "k").startswith(b"-NOAUTH")
    assert client("AUTH", "p@ss") == b"+OK\r\n"
    assert client("GET", "k") == b"$-1\r\n"


def test_a_server_in_a_process(core: str, wire: Connect) -> None:
    """`Server(process=True)` serves from another process and takes it along when it stops."""
    with Server(core=core, process=True) as server:
        assert server.pid != os.getpid()
        assert f"process_id:{server.pid}\r\n".encode() in wire(server.port)("INFO", "server")
        pid = server.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_many_starts_leave_nothing_behind(core: str) -> None:
    """Starting and stopping leaks no descriptor."""
    with Server(core=core):
        pass
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with Server(core=core):
            pass
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_port_in_use_is_one_clear_error(start: Start) -> None:
    """A port that is taken is told by address, in Python and on the command line."""
    port = start().port
    with pytest.raises(ListenError, match=f"127.0.0.1:{port}: Address already in use"):
        Server(port=port).start()
    said = refused("--port", str(port), "--bind", "127.0.0.1")
    assert f"can't listen at 127.0.0.1:{port}: Address already in use" in said


def test_unknown_parameters_are_refused_in_python() -> None:
    """`Server` says which parameter it does not know before it starts anything."""
    with pytest.raises(ConfigError, match="unknown option '--maxclient'; did you mean 'maxclients'"):
        Server("--maxclient", "3")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_gracefully(core: str, number: int, wire: Connect) -> None:
    """SIGTERM and SIGINT close the connections and end the process with 0."""
    process = serve("--port", "0", "--bind", "127.0.0.1", core=core)
    said = until_ready(process)
    assert f"{core} core" in said
    client = wire(int(said.rsplit(":", 1)[1]))
    assert client("PING") == b"+PONG\r\n"
    process.send_signal(number)
    assert process.wait(10) == 0
    assert client.rest() == b""
    assert process.stdout
    assert "Gone" in process.stdout.read()


def test_shutdown_ends_it(core: str, wire: Connect) -> None:
    """SHUTDOWN NOSAVE answers nothing and ends the process; SAVE, which cannot be done, is refused."""
    process = serve("--port", "0", "--bind", "127.0.0.1", core=core)
    client = wire(int(until_ready(process).rsplit(":", 1)[1]))
    assert client("SHUTDOWN", "SAVE").startswith(b"-ERR Errors trying to SHUTDOWN")
    client.send("SHUTDOWN", "NOSAVE")
    assert client.rest() == b""
    assert process.wait(10) == 0


def test_the_plain_core_says_so() -> None:
    """Without the compiled core the server says at its start that it is slower."""
    process = serve("--port", "0", "--bind", "127.0.0.1", "--core", "plain")
    said = until_ready(process)
    process.terminate()
    process.wait(10)
    assert "plain core" in said
    assert "no compiled core in use" in said


def test_configuration_from_file_line_and_stdin(tmp_path: Path, wire: Connect) -> None:
    """A file comes first, standard input next, options last; what comes later wins."""
    file = tmp_path / "redis.conf"
    file.write_text('# a comment\nrequirepass "from\\x20file"\nmaxclients 77\ntimeout 5\nbind 127.0.0.1\n\n')
    process = serve(str(file), "-", "--port", "0", "--maxclients", "99", "--save", "", stdin="timeout 6\nhz 20\n")
    client = wire(int(until_ready(process).rsplit(":", 1)[1]))
    assert client("AUTH", "from file") == b"+OK\r\n"
    for name, value in (("timeout", "6"), ("maxclients", "99"), ("hz", "20"), ("save", "")):
        expected = b"*2\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(name), name.encode(), len(value), value.encode())
        assert client("CONFIG", "GET", name) == expected
    process.terminate()
    process.wait(10)


def test_a_unix_socket(tmp_path: Path, core: str) -> None:
    """A Unix socket serves with the permissions asked for, alone when the port is 0, and is removed at the end."""
    path = tmp_path / "redlark.sock"
    process = serve("--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", core=core)
    assert f"Ready to accept connections at {path}:0" in until_ready(process)
    assert path.stat().st_mode & 0o777 == 0o700
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"CLIENT LIST\r\n")
        listed = connection.recv(4096).decode()
    assert f" addr={path}:0 laddr={path}:0 " in listed
    assert " flags=U " in listed
    process.terminate()
    assert process.wait(10) == 0
    assert not path.exists()


def test_log_and_pid_files(tmp_path: Path) -> None:
    """dir, logfile and pidfile are where the configuration says; the pid file goes with the server."""
    process = serve(
        *("--port", "0", "--bind", "127.0.0.1", "--dir", str(tmp_path), "--logfile", "log", "--pidfile", "pid")
    )
    end = time.monotonic() + 10
    while "Ready" not in ((tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert (tmp_path / "pid").read_text() == f"{process.pid}\n"
    process.terminate()
    assert process.wait(10) == 0
    assert not (tmp_path / "pid").exists()
    assert "SIGTERM: closing down" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("arguments", "stdin", "expected"),
    [
        (["--prot", "7000"], "", "unknown option '--prot'; did you mean 'port'?"),
        (["--port", "abc"], "", "--port abc: argument couldn't be parsed into an integer"),
        (["--port", "70000"], "", "--port 70000: argument must be between 0 and 65535 inclusive"),
        (["--port"], "", "--port: wrong number of arguments"),
        (["--save", "900"], "", "--save 900: Invalid save parameters"),
        (["--maxmemory-policy", "lru"], "", "argument(s) must be one of the following: volatile-lru"),
        (["no-such-file.conf"], "", "can't read the configuration file 'no-such-file.conf': No such file"),
        (["-"], "port 1\nfoo bar\n", "standard input, line 2: foo bar\n>>> unknown directive 'foo'"),
        (["-"], 'requirepass "a\n', "unbalanced quotes in configuration line"),
        (["--port", "0", "--bind", "203.0.113.77"], "", "can't listen at 203.0.113.77:0: Cannot assign"),
        (["--port", "0", "--unixsocket", "/no/such/folder/s"], "", "can't listen at /no/such/folder/s: No such file"),
        (["--core", "quick"], "", "there is no core called 'quick': it is one of compiled, plain"),
        (["--dir", "/no/such/folder"], "", "can't change to 'dir', /no/such/folder: No such file or directory"),
        (["--logfile", "/no/such/folder/log"], "", "can't open the log file /no/such/folder/log: No such file"),
        (["-"], "tls-port 1\n", "tls-port 1: redlark has only '0' yet, for lack of TLS; --tls-port 0 overrides a file"),
        (["-"], "user default on\n", "line 1: user default on\n>>> 'user': redlark has no users yet"),
        (["-"], "include no-such-file\n", "can't read the configuration file 'no-such-file': No such file"),
        (["--appendonly", "yes"], "", "redlark has only 'no' yet, for lack of the append-only file"),
        (["--replicaof", "127.0.0.1", "1"], "", "redlark has only '' yet, for lack of replication"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_clear_message(arguments: list[str], stdin: str, expected: str) -> None:
    """Whatever is wrong with the configuration is said in a line or two, with its place; the exit code is 1."""
    said = refused(*arguments, stdin=stdin)
    assert expected in said
    assert len(said.strip().split("\n")) <= 3


def test_a_whole_redis_conf_is_taken() -> None:
    """What only tunes parts that are not here is taken and named; the command line overrides what cannot be had."""
    text = b"daemonize yes\nappendfsync always\nrdbcompression no\nsave 60 1\nio-threads-do-reads no\n"
    config = from_arguments(["-", "--daemonize", "no"], text)
    assert config.inert() == [
        "save: accepted, but nothing is written to disk yet",
        "of the configuration, these change nothing yet: appendfsync, rdbcompression, io-threads-do-reads",
    ]


def test_a_running_server_is_not_started_again() -> None:
    """A second start raises, and the first one goes on."""
    with Server() as server:
        with pytest.raises(RuntimeError, match="runs already"):
            server.start()
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"PING\r\n")
            assert connection.recv(16) == b"+PONG\r\n"


def test_help_names_every_parameter() -> None:
    """--help lists every parameter with its default, and says which ones change nothing yet."""
    said = subprocess.run([*SERVE, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(f"--{name}" in said for row in ROWS for name in row.names)
    assert "redlark serve --port 7000" in said
    assert "only 'no' yet, for lack of the append-only file" in " ".join(said.split())
