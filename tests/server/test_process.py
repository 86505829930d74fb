"""What a server is to its machine: logs, the background, supervisors, signals, SHUTDOWN, renamed commands."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import syslog
import time
from pathlib import Path

import pytest

from redlark.server.checks import CHECKS, lines
from redlark.server.conf_file import from_arguments
from redlark.server.logs import Log
from tests.waiting import soon

from .conftest import Connect, Wire
from .test_configuring import redis
from .test_lifecycle import SERVE, refused, serve, until_ready

RENAMED = (
    'rename-command GET fetch\nrename-command CONFIG "cfg x"\nrename-command FLUSHALL ""\nrename-command EXEC DOIT\n'
)
ASKED = (
    *("GET k", "FETCH k", "FETCH", "FLUSHALL", "COMMAND INFO get flushall exec|x", "COMMAND GETKEYS fetch a", "MULTI"),
    *("FETCH k", "EXEC", "DOIT", "DOIT", "LPUSH l x", "FETCH l", "COMMAND GETKEYS get a", "SET k v", "fetch k"),
    *("EVAL return{redis.pcall('fetch','k')} 0", "EVAL return{redis.pcall('get','k')} 0", "COMMAND COUNT x"),
)


def own(tmp_path: Path, *options: str) -> list[str]:
    """Options of a server that listens somewhere free and writes into a folder."""
    return ["--port", "0", "--bind", "127.0.0.1", "--dir", str(tmp_path), *options]


def logged(tmp_path: Path) -> str:
    file = tmp_path / "log"
    return file.read_text() if file.exists() else ""


def reached(tmp_path: Path) -> Wire:
    """A connection to a server that says in its log where it listens."""
    soon(lambda: "Ready" in logged(tmp_path))
    return Wire(int(re.findall(r"127\.0\.0\.1:(\d+)", logged(tmp_path))[-1]))


def test_renamed_commands_are_called_as_in_redis(tmp_path: Path, core: str, wire: Connect) -> None:
    """A renamed command answers to its new name alone, tells of itself by its own, and one without a name to none."""
    file = tmp_path / "redis.conf"
    file.write_text(RENAMED)
    process = serve(str(file), *own(tmp_path), core=core)
    ours = wire(int(until_ready(process).rsplit(":", 1)[1]))
    with redis(RENAMED) as (real, _):
        for line in ASKED:
            request = re.findall(r"return\{.*\}|\S+", line)
            assert ours(*request) == real(*request), line
        for request in (
            ("cfg x", "GET", "hz"),
            ("cfg x",),
            ("cfg x", "NOSUCH"),
            ("CFG X", "GET"),
            ("CONFIG", "GET", "hz"),
        ):
            assert ours(*request) == real(*request), request
        names = [one("COMMAND", "LIST").split(b"\r\n")[2::2] for one in (ours, real)]
        assert b"get" in names[0]
        assert b"flushall" not in names[0]
        assert set(names[0]) <= set(names[1])
    process.terminate()
    assert process.wait(10) == 0


def test_what_cannot_be_renamed_is_said() -> None:
    """A command that is not there, and a name that is taken."""
    assert "rename-command NOSUCH: there is no such command" in refused("--rename-command", "NOSUCH", "x")
    assert "there is a command called SET already" in refused("--rename-command", "GET", "SET")


# --------------------------------------------------------------------------------------------------------------- logs


def test_the_level_is_changed_and_the_file_rotated(tmp_path: Path) -> None:
    """CONFIG SET loglevel counts from the next line on; a file that was moved is begun anew; scripts write there."""
    process = serve(*own(tmp_path, "--logfile", "log", "--loglevel", "notice"))
    client = reached(tmp_path)
    client("EVAL", "redis.log(redis.LOG_VERBOSE, 'unheard') redis.log(redis.LOG_WARNING, 'heard')", 0)
    client("CONFIG", "SET", "loglevel", "verbose")
    client("EVAL", "redis.log(redis.LOG_VERBOSE, 'now')", 0)
    assert "# heard\n" in logged(tmp_path)
    assert "- now\n" in logged(tmp_path)
    assert "unheard" not in logged(tmp_path)
    (tmp_path / "log").rename(tmp_path / "log.1")
    client("EVAL", "redis.log(redis.LOG_WARNING, 'afresh')", 0)
    assert re.fullmatch(rf"{process.pid}:M \d\d \w{{3}} \d{{4}} [\d:]{{8}}\.\d{{3}} # afresh\n", logged(tmp_path))
    process.terminate()
    assert process.wait(10) == 0


def test_the_log_tells_what_an_operator_looks_for(tmp_path: Path, core: str) -> None:
    """Who comes and goes, from `verbose` on; a maxmemory that is exceeded as it is set; HTTP, once a minute."""
    process = serve(*own(tmp_path, "--logfile", "log"), core=core)
    client = reached(tmp_path)
    port = client.socket.getpeername()[1]
    client("CONFIG", "SET", "loglevel", "verbose")
    assert "has come" not in logged(tmp_path)
    other = Wire(port)
    number = int(other("CLIENT", "ID")[1:])
    other.raw(b"POST / HTTP/1.1\r\n")
    assert other.rest() == b""
    where = rf"addr=127\.0\.0\.1:{other.socket.getsockname()[1]}"
    for did in ("come", "gone"):
        soon(lambda did=did: re.search(rf"- Client id={number} {where} has {did}\n", logged(tmp_path)))
    again = Wire(port)
    again.raw(b"POST / HTTP/1.1\r\n")
    assert again.rest() == b""
    assert len(re.findall(r"# somebody speaks HTTP here, .* 127\.0\.0\.1:\d+ is closed\n", logged(tmp_path))) == 1
    client("CONFIG", "SET", "maxmemory", "1gb")
    assert "maxmemory" not in logged(tmp_path)
    client("CONFIG", "SET", "maxmemory", 1)
    assert re.search(r"# CONFIG SET: maxmemory is 1, less than the \d+ bytes that are used", logged(tmp_path))
    process.terminate()
    assert process.wait(10) == 0


def test_the_systems_log_is_told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """With syslog-enabled lines go there as well, under the name and in the place that were asked for."""
    told: list[object] = []
    monkeypatch.setattr(syslog, "openlog", lambda *how: told.append((how[0], how[2])))
    monkeypatch.setattr(syslog, "syslog", lambda *line: told.append(line))
    options = ["--syslog-enabled", "yes", "--syslog-ident", "lark", "--syslog-facility", "local3"]
    log = Log(from_arguments(options))
    log("warning", "one")
    log("verbose", "unheard")
    assert told == [("lark", syslog.LOG_LOCAL3), (syslog.LOG_WARNING, "one")]
    assert capfd.readouterr().out.endswith(" # one\n")


def test_a_defect_is_told_to_the_log(tmp_path: Path) -> None:
    """What Python says of an exception that nothing caught is in the log file, where somebody may read it."""
    code = (
        "from redlark.server import cli; from redlark.server.commands import registry\n"
        "def broken(ctx, args): return 1 // 0\n"
        "registry.FUNCTIONS['DEBUG'] = broken\n"
        "cli.serve()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *own(tmp_path, "--logfile", "log", "--enable-debug-command", "yes")],
        stderr=subprocess.PIPE,
    )
    client = reached(tmp_path)
    assert client("DEBUG", "x").startswith(b"-ERR ")
    assert client("PING") == b"+PONG\r\n"
    process.kill()
    assert process.communicate()[1] == b""
    assert re.search(r"# Traceback .*\n(.* #   .*\n)+.* # ZeroDivisionError: .*\n", logged(tmp_path))


def test_nobody_need_read_the_log(tmp_path: Path) -> None:
    """Who has read standard output may go: the server serves on, and ends as ever."""
    (tmp_path / "log").touch()
    process = subprocess.Popen([*SERVE, *own(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    line = b""
    while b"Ready" not in line:
        line = process.stdout.readline()
    process.stdout.close()
    client = Wire(int(re.findall(rb"127\.0\.0\.1:(\d+)", line)[-1]))
    assert client("EVAL", "return redis.log(redis.LOG_WARNING, 'unread')", 0) == b"$-1\r\n"
    process.terminate()
    assert process.communicate(timeout=10)[1] == b""
    assert process.returncode == 0


# ------------------------------------------------------------------------------------- background, supervisors, signals


def test_a_server_in_the_background(tmp_path: Path) -> None:
    """With `daemonize yes` what was started ends with 0, the server serves on, and its pid file tells which it is."""
    options = own(tmp_path, "--daemonize", "yes", "--logfile", "log", "--pidfile", str(tmp_path / "pid"))
    started = subprocess.run([*SERVE, *options], timeout=30, check=False)
    assert started.returncode == 0
    client = reached(tmp_path)
    number = int((tmp_path / "pid").read_text())
    assert os.getsid(number) == number
    assert f"process_id:{number}\r\n".encode() in client("INFO", "server")
    client.send("SHUTDOWN", "NOSAVE")
    assert client.rest() == b""
    soon(lambda: not (tmp_path / "pid").exists())


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under systemd the server stays in the foreground, says when it is ready and when it stops."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        process = serve(*own(tmp_path, "--daemonize", "yes", "--supervised", "auto"))
        assert notified.recv(200).startswith(b"READY=1\n")
        process.terminate()
        assert notified.recv(200).startswith(b"STOPPING=1\n")
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("options", "number", "ends"),
    [
        ((), signal.SIGTERM, True),
        (("--shutdown-on-sigterm", "save"), signal.SIGTERM, False),
        (("--shutdown-on-sigterm", "save"), signal.SIGINT, True),
        (("--shutdown-on-sigterm", "save", "force"), signal.SIGTERM, True),
        (("--shutdown-on-sigint", "nosave", "--save", "60", "1"), signal.SIGINT, True),
        (("--save", "60", "1"), signal.SIGTERM, True),
        ((), signal.SIGHUP, False),
    ],
)
def test_signals_end_it_or_not(tmp_path: Path, options: tuple[str, ...], number: int, ends: bool) -> None:
    """What is to be saved keeps a server, unless it is forced; the log says why, and what is lost."""
    process = serve(*own(tmp_path, "--logfile", "log", *options))
    client = reached(tmp_path)
    process.send_signal(number)
    if ends:
        assert process.wait(10) == 0
        assert ("the data are lost" in logged(tmp_path)) == ("force" in options or options == ("--save", "60", "1"))
    else:
        time.sleep(0.3)
        assert client("PING") == b"+PONG\r\n"
        assert ("the data cannot be saved" in logged(tmp_path)) == (number == signal.SIGTERM)
        process.kill()
        process.wait()


def test_shutdown_is_refused_where_data_would_be_lost(tmp_path: Path, real_port: int, wire: Connect) -> None:
    """SHUTDOWN with save points, or SAVE, needs FORCE or NOSAVE here; what is no syntax is none as in Redis."""
    process = serve(*own(tmp_path, "--logfile", "log", "--save", "60", "1"))
    client, real = reached(tmp_path), wire(real_port)
    for words in ("SAVE NOSAVE", "ABORT", "ABORT NOW", "NOW ABORT", "x", "NOSAVE x", "abort abort"):
        request = ("SHUTDOWN", *words.split())
        assert client(*request) == real(*request), words
    for words in ("", "SAVE", "NOW", "now save"):
        assert client("SHUTDOWN", *words.split()) == b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n", words
    assert "SHUTDOWN: the data cannot be saved" in logged(tmp_path)
    client.send("SHUTDOWN", "SAVE", "FORCE")
    assert client.rest() == b""
    assert process.wait(10) == 0


def test_the_watchdog_tells_where_a_slow_command_is(tmp_path: Path, core: str) -> None:
    """With watchdog-period a command that takes longer leaves its stack in the log, once; others leave nothing."""
    options = ("--logfile", "log", "--enable-debug-command", "yes")
    process = serve(*own(tmp_path, *options), core=core)
    client = reached(tmp_path)
    client("DEBUG", "SLEEP", "0.6")
    assert "watchdog" not in logged(tmp_path)
    assert client("CONFIG", "SET", "watchdog-period", "600") == b"+OK\r\n"
    time.sleep(0.5)
    assert "watchdog" not in logged(tmp_path)
    client("DEBUG", "SLEEP", "1.5")
    told = re.findall(r"watchdog: nobody was served for (\d+) ms; now in (.*)", logged(tmp_path))
    assert len(told) == 1
    assert int(told[0][0]) >= 600
    assert "debugging.py" in told[0][1]
    client("CONFIG", "SET", "watchdog-period", "0")
    client("DEBUG", "SLEEP", "0.6")
    assert logged(tmp_path).count("watchdog") == 1
    process.terminate()
    assert process.wait(10) == 0


# ------------------------------------------------------------------------------------------------- asked from the shell


def test_the_version_is_told_as_tools_read_it() -> None:
    """--version says `v=` and the version of Redis that this behaves as."""
    said = subprocess.run([*SERVE, "--version"], capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"Redlark server v=8\.2\.3 bits=\d+ cores=[a-z,]+\n", said)


def test_the_system_is_looked_at(tmp_path: Path) -> None:
    """--check-system tells of each check, and of what it finds wrong; the exit status is 1 then."""
    for name, text in (
        ("proc/sys/vm/overcommit_memory", "0"),
        ("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never"),
        ("proc/sys/net/core/somaxconn", "128"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "xen"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [well for _, well in lines(tmp_path)][:4] == [False] * 4
    run = subprocess.run([*SERVE, "--check-system"], capture_output=True, text=True, check=False)
    said = run.stdout.splitlines()
    assert [line.split("]")[0] for line in said] == [f"[{name}" for name in CHECKS]
    assert run.returncode == int(any("WARNING" in line for line in said))
