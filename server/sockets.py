"""Listening sockets, and how an address is shown.  Both cores get their listeners from here."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import stat

from redlark.server.config import Config

SPARE_DESCRIPTORS = 32  # for listeners, logs and the loop itself, besides the clients


class ListenError(Exception):
    """One line: which address could not be listened at, and why."""


def listeners(config: Config) -> list[socket.socket]:
    """A non-blocking listening socket for each address of the configuration.  Raises ListenError.

    An address that starts with '-' may be missing on this machine.  Port 0 with one address takes any free port (with
    several, the one that the first got); a Unix socket alone is meant when the port was given as 0 together with it.
    """
    made: list[socket.socket] = []
    try:
        if config.port or not config.unixsocket:
            made += tcp_listeners(config, config.port)
            if not made:
                raise ListenError("none of the addresses of 'bind' can be listened at")
        if config.unixsocket:
            made.append(_unix(config))
    except ListenError:
        for listener in made:
            listener.close()
        raise
    return made


def tcp_listeners(config: Config, port: int) -> list[socket.socket]:
    """A listening socket for each address of `bind` that is there; port 0 takes any free one.  Raises ListenError."""
    made: list[socket.socket] = []
    try:
        for address in config.bind:
            listener = _tcp(os.fsdecode(address), port, config.tcp_backlog)
            if listener is not None:
                made.append(listener)
                port = port or listener.getsockname()[1]
    except ListenError:
        shut(made)
        raise
    return made


def _tcp(address: str, port: int, backlog: int) -> socket.socket | None:
    optional = address.startswith("-")
    host = address.removeprefix("-")
    host = {"*": "0.0.0.0", "::*": "::"}.get(host, host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        if optional:
            return None
        raise ListenError(f"can't listen at {host}: no such address family on this machine") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        listener.bind((host, port))
        listener.listen(backlog)
    except (OSError, UnicodeError) as problem:
        listener.close()
        if optional:
            return None
        raise ListenError(f"can't listen at {host}:{port}: {getattr(problem, 'strerror', None) or problem}") from None
    listener.setblocking(False)
    return listener


def _unix(config: Config) -> socket.socket:
    path = os.fsdecode(config.unixsocket)
    with contextlib.suppress(OSError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)  # left behind by a server that was killed
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        if config.unixsocketperm:
            os.chmod(path, config.unixsocketperm)
        listener.listen(config.tcp_backlog)
    except OSError as problem:
        listener.close()
        raise ListenError(f"can't listen at {path}: {problem.strerror or problem}") from None
    listener.setblocking(False)
    return listener


def listener_lines(config: Config, port: int, over_tcp: bool) -> dict[str, str]:
    """What is listened at as INFO tells of it: 0 is TCP, if it was ever listened there, 1 a Unix socket.

    >>> listener_lines(Config(), 6379, True)
    {'listener0': 'name=tcp,bind=127.0.0.1,bind=-::1,port=6379'}
    >>> listener_lines(Config(unixsocket=b"/run/s"), 0, False)
    {'listener1': 'name=unix,bind=/run/s'}
    """
    binds = "".join(f",bind={os.fsdecode(address)}" for address in config.bind)
    tcp = f"name=tcp{binds},port={port}" if port else "name=tcp"
    found = {"listener0": tcp} if over_tcp else {}
    if config.unixsocket:
        found["listener1"] = f"name=unix,bind={os.fsdecode(config.unixsocket)}"
    return found


def shut(made: list[socket.socket]) -> None:
    """Close listeners and remove the path of a Unix socket."""
    for listener in made:
        if listener.family == socket.AF_UNIX:
            with contextlib.suppress(OSError):
                os.unlink(listener.getsockname())
        listener.close()


def shown(address: object) -> bytes:
    """An address as CLIENT LIST has it.

    >>> shown(("127.0.0.1", 6379)), shown(("::1", 6379, 0, 0)), shown("/run/redlark.sock")
    (b'127.0.0.1:6379', b'[::1]:6379', b'/run/redlark.sock:0')
    """
    if isinstance(address, tuple):
        host, port = address[:2]
        return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()
    return (address if isinstance(address, bytes) else str(address).encode()) + b":0"


def addresses(connection: socket.socket) -> tuple[bytes, bytes, bool]:
    """(addr, laddr, unix) of an accepted connection; of a Unix socket both are the server's path."""
    here = connection.getsockname()
    if connection.family == socket.AF_UNIX:
        return shown(here), shown(here), True
    return shown(connection.getpeername()), shown(here), False


def allow_descriptors(clients: int) -> int:
    """Raise the process's limit of open files so that many clients fit; returns how many do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = clients + SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return clients if soft == resource.RLIM_INFINITY else min(clients, soft - SPARE_DESCRIPTORS)
