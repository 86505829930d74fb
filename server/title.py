"""What the system shows of this process: its title in `ps`, and how readily it is killed where memory runs out.

Must not live here: which settings there are, or when they change (`commands/configuring`).
"""

from __future__ import annotations

import ctypes
import re
from typing import Final

from redlark.server.config import Config

TITLE: Final = "redlark"
LOWEST, HIGHEST = -1000, 1000  # of oom_score_adj; source: proc_pid_oom_score_adj(5)
MASTER: Final = 0  # of the three values of oom-score-adj-values; replicas and children come behind it
_VARIABLE: Final = re.compile(r"\{\{|\{([^{}]*)\}")
_ARGUMENTS: Final = 47  # where /proc/self/stat says, from 0, that they begin; then where they end
_SCORE: Final = "/proc/self/oom_score_adj"


def expanded(template: str, config: Config, port: int) -> str:
    """The title that a template makes of a server's settings.

    >>> expanded("{title} {listen-addr} {server-mode}", Config(), 6379), expanded("{{title}", Config(), 6379)
    ('redlark 127.0.0.1:6379', '{title}')
    """
    address = config.unixsocket.decode("utf-8", "replace")
    if port:
        host = config.bind[0].lstrip(b"-").decode("latin-1") if config.bind else "*"
        address = f"{host}:{port}"
    values = {
        "title": TITLE,
        "listen-addr": address,
        "server-mode": "",
        "port": str(port),
        "tls-port": "0",
        "unixsocket": config.unixsocket.decode("utf-8", "replace"),
        "config-file": config.file,
    }
    return _VARIABLE.sub(lambda found: "{" if found[1] is None else values.get(found[1], ""), template).rstrip(" ")


def show(title: str) -> None:
    """Write it where the system keeps the arguments that this process was started with, as far as there is room.

    Nothing is written where the system does not say where that is.
    """
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
        start, end = (int(fields[_ARGUMENTS - 2 + place]) for place in (0, 1))
    except (OSError, ValueError, IndexError):
        return
    if 0 < start < end:
        text = title.encode("utf-8", "replace")[: end - start - 1]
        ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


class OomScore:
    """The adjustment of this process's score for the system's killer, while `oom-score-adj` asks for one."""

    def __init__(self) -> None:
        self._own: int | None = None  # what it was before it was changed here

    def apply(self, config: Config) -> None:
        """Have what the settings ask for; what was before, where they ask for nothing.  Raises OSError."""
        mode = config.oom_score_adj
        if mode == b"no":
            if self._own is not None:
                _write(self._own)
                self._own = None
            return
        if self._own is None:
            with open(_SCORE, encoding="ascii") as file:
                self._own = int(file.read())
        value = config.oom_score_adj_values[MASTER]
        _write(value if mode == b"absolute" else self._own + value)


def _write(score: int) -> None:
    with open(_SCORE, "w", encoding="ascii") as file:
        file.write(str(min(max(score, LOWEST), HIGHEST)))
