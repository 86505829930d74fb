"""What a server is to the machine: a daemon or not, supervised or not, its pid file, the signals that end it.

Must not live here: what SHUTDOWN means for data (`ending`), or anything about clients.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Final

from redlark.server.config import Config

PID_FILE: Final = b"/var/run/redis.pid"  # of a daemon that was told none
Log = Callable[[str, str], None]


def daemonize() -> None:
    """Go on in the background, in a session of its own, without a terminal; what was started ends with 0."""
    if os.fork():
        os._exit(0)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    if nothing > 2:
        os.close(nothing)


def supervisor(config: Config) -> str:
    """Who supervises this process: "systemd", "upstart" or "no"."""
    told = config.supervised.decode()
    if told != "auto":
        return told
    return "systemd" if "NOTIFY_SOCKET" in os.environ else "upstart" if "UPSTART_JOB" in os.environ else "no"


def tell_supervisor(config: Config, line: str, log: Log) -> None:
    """Tell who supervises that the server is ready, or stops: to systemd in its words, to upstart by stopping once.

    Source: systemd's sd_notify(3); upstart's `expect stop`.
    """
    who = supervisor(config)
    if who == "upstart" and "READY" in line:
        os.environ.pop("UPSTART_JOB", None)
        os.kill(os.getpid(), signal.SIGSTOP)
    path = os.environ.get("NOTIFY_SOCKET", "")
    if who != "systemd":
        return
    if not path:
        log("warning", "systemd supervision asked for, but NOTIFY_SOCKET is not set")
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.connect("\0" + path[1:] if path.startswith("@") else path)
            notify.sendall(line.encode())
    except OSError as problem:
        log("warning", f"can't tell systemd at {path}: {problem.strerror}")


def pid_file(config: Config, background: bool) -> bytes:
    """Where the process id is written; empty: nowhere."""
    return config.pidfile or (PID_FILE if background else b"")


def write_pid(path: bytes, log: Log) -> None:
    """Redis goes on without it, too."""
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
    except OSError as problem:
        log("warning", f"can't write the pid file {os.fsdecode(path)}: {problem.strerror}")


def remove_pid(path: bytes) -> None:
    """The process is about to go."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def ignore_signals() -> None:
    """A terminal that goes (SIGHUP) and sockets that are gone (SIGPIPE, which Python ignores) end nothing.

    Nor does SIGUSR2, by which Redis's threads tell each other where they are.
    """
    for number in (signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def handle_signals(stop: Callable[[str], bool], log: Log) -> None:
    """SIGTERM and SIGINT ask for the end, by `stop(name)`, which may refuse; the second SIGINT waits for nothing.

    See `ignore_signals` for those that end nothing.
    """
    interrupted = False

    def handler(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        name = signal.Signals(number).name
        if number == signal.SIGINT and interrupted:
            log("warning", "SIGINT again: exiting now")
            os._exit(1)
        interrupted = number == signal.SIGINT
        log("notice", f"{name}: closing down")
        if stop(name):
            log("notice", f"{name}: everybody is told")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def log_crashes(config: Config) -> None:
    """A crash (SIGSEGV and its kin) leaves the stack of every thread in the log, and ends the process as ever."""
    if config.crash_log_enabled:
        if config.logfile:
            faulthandler.enable(open(config.logfile, "ab"))  # noqa: SIM115 -- it stays open for the worst moment
        else:
            faulthandler.enable()
