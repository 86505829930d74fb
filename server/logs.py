"""The server's log: lines as redis-server writes them, to standard output, a file or the system's log.

The file is opened for each line, as Redis does: what rotates it needs to tell nobody.  Must not live here: what is
worth a line.
"""

from __future__ import annotations

import contextlib
import io
import os
import syslog
from collections.abc import Callable
from datetime import datetime
from typing import Final

from redlark.server.config import Config
from redlark.server.parameters import ConfigError

SIGNS: Final = {"debug": ".", "verbose": "-", "notice": "*", "warning": "#"}
_PRIORITIES: Final = dict(
    zip(SIGNS, (syslog.LOG_DEBUG, syslog.LOG_INFO, syslog.LOG_NOTICE, syslog.LOG_WARNING), strict=True)
)


class Log:
    """Call it with a level of the configuration and a line.  Raises ConfigError where it could not write."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._path = os.fsdecode(os.path.abspath(config.logfile)) if config.logfile else ""
        if self._path:
            try:
                with open(self._path, "ab"):
                    pass
            except OSError as problem:
                shown = os.fsdecode(config.logfile)
                raise ConfigError(f"can't open the log file {shown}: {problem.strerror}") from None
        if config.syslog_enabled:
            facility: int = getattr(syslog, f"LOG_{config.syslog_facility.decode().upper()}")
            ident = config.syslog_ident.decode("utf-8", "replace")
            syslog.openlog(ident, syslog.LOG_PID | syslog.LOG_NDELAY | syslog.LOG_NOWAIT, facility)

    def __call__(self, level: str, text: str) -> None:
        least = self._config.loglevel.decode()
        if least not in SIGNS or list(SIGNS).index(level) < list(SIGNS).index(least):
            return
        now = datetime.now()
        stamp = f"{now:%d %b %Y %H:%M:%S}.{now.microsecond // 1000:03d}"
        line = f"{os.getpid()}:M {stamp} {SIGNS[level]} {text}"
        if self._path:
            try:
                with open(self._path, "a", encoding="utf-8") as file:
                    print(line, file=file)
            except OSError:  # a disk that is full keeps nobody from being served
                return
        else:  # past the stream's buffer: a signal may come in the midst of another line
            with contextlib.suppress(OSError):  # who has read it has gone, or a disk is full
                os.write(1, f"{line}\n".encode(errors="backslashreplace"))
        if self._config.syslog_enabled:
            syslog.syslog(_PRIORITIES[level], text)


class Defects(io.TextIOBase):
    """Takes the place of standard error: what Python says of a defect goes to the log, which somebody may read.

    >>> defects = Defects(lambda level, line: print(level, line))
    >>> defects.write("Traceback ...\\n  ZeroDivi")
    warning Traceback ...
    24
    >>> defects.write("sionError\\n")
    warning   ZeroDivisionError
    10
    """

    def __init__(self, log: Callable[[str, str], None]) -> None:
        self._log, self._begun = log, ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._log("warning", line)
        return len(text)
