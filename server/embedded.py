"""`Server`: a server for tests and scripts, in a thread of this process or in a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from urllib.parse import quote

from redlark.server.conf_file import from_arguments
from redlark.server.config import Config
from redlark.server.running import Running

STOP_SECONDS = 5.0


class Server:
    """A Redis server as a context manager.

    `arguments` are redis-server's own (a file first, `"--requirepass", "secret"`); port 0, the default, takes a free
    one.  `core` is "compiled", "plain", or None for the best there is.  With `process=True` it runs in a process of its
    own (a crash or a busy interpreter here cannot touch it), else in a thread.  Nothing is written to disk.

    Raises ConfigError, ListenError and NoCore (from `config`, `sockets` and `cores`) when it cannot start; a process of
    its own that ends before it is ready raises RuntimeError with its last words.

    >>> import socket
    >>> with Server() as server:
    ...     with socket.create_connection(("127.0.0.1", server.port)) as connection:
    ...         connection.sendall(b"PING\\r\\n")
    ...         connection.recv(64)
    b'+PONG\\r\\n'
    """

    def __init__(self, *arguments: str, port: int = 0, core: str | None = None, process: bool = False) -> None:
        file = [word for word in arguments[:1] if not word.startswith("--")]
        rest = arguments[len(file) :]
        self._arguments: Sequence[str] = (*file, "--bind", "127.0.0.1", *rest, "--port", str(port))
        self._core = core
        self._in_process = process
        self._running: Running | None = None
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None
        self.config: Config = from_arguments(list(self._arguments))
        self.port = 0

    @property
    def url(self) -> str:
        """The address with the password, as Redis clients take it."""
        password = self.config.requirepass.decode("utf-8", "surrogateescape")
        return f"redis://{':' + quote(password, safe='') + '@' if password else ''}127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process that serves: this one, or its own."""
        return self._process.pid if self._process else os.getpid()

    @property
    def core(self) -> str:
        """The core that runs it; only known here for a server in a thread."""
        return self._running.state.core if self._running else self._core or ""

    def start(self) -> Server:
        """Start, and return once connections are accepted.  Raises RuntimeError where it runs already."""
        if self._running or self._process:
            raise RuntimeError(f"this server runs already, at port {self.port}")
        if self._in_process:
            self._start_process()
        else:
            self._running = Running(self.config, self._core)
            self.port = self._running.state.port
            self._thread = threading.Thread(target=self._running.run, name=f"redlark:{self.port}", daemon=True)
            self._thread.start()
        return self

    def _start_process(self) -> None:
        command = [sys.executable, "-m", "redlark.server", *self._arguments]
        if self._core:
            command += ["--core", self._core]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if "Ready to accept connections" in line:
                self.port = _port(line)
                return
        self.stop()
        raise RuntimeError(f"the server did not start: {''.join(said).strip() or 'it said nothing'}")

    def stop(self) -> None:
        """Stop and wait until it is gone; stopping twice is harmless."""
        if self._running and self._thread:
            self._running.stop()
            self._thread.join(STOP_SECONDS)
            self._running = self._thread = None
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            with contextlib.suppress(OSError):
                assert self._process.stdout is not None
                self._process.stdout.close()
            self._process = None

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _port(ready: str) -> int:
    """The port in the line that says where the server listens; 0 where it has a Unix socket alone.

    >>> _port("Ready to accept connections at [::1]:7000, /run/redlark.sock:0"), _port("connections at /run/x:0")
    (7000, 0)
    """
    found = re.search(r"(?:at|,) (?:[0-9.]+|\[[0-9a-f:]+\]):(\d+)", ready)
    return int(found[1]) if found else 0
