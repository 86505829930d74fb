"""The trace: what passed, as lines of JSON, only ever appended; docs/reference/trace.md is its description.

Bytes stand in it as text of which each character is one byte (Latin-1), so that a trace can be searched and read. Each
line is written whole as soon as it is known: of a run that ended badly at most the last one is cut, and a reader
leaves it out and says so. Secrets are taken out before (``secrets.py``), with `--redact` values too (``hashing.py``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from attrs import field, frozen, mutable

from redlark.conformance.errors import CannotRun
from redlark.conformance.watch.secrets import clean, secrets_in, without_secrets
from redlark.conformance.watch.wire import Exchange, Words
from redlark.reference.resp import Frame, encode_request

VERSION = 1
HEADER = {"server": str, "profile": str, "empty": bool, "databases": int, "redacted": bool}


def text_of(data: bytes) -> str:
    """Bytes as they stand in a trace."""
    return data.decode("latin-1")


def bytes_of(text: str) -> bytes:
    """What `text_of` was made of."""
    return text.encode("latin-1")


@mutable
class Trace:
    """A trace that is being written. Raises `CannotRun` where the file is there already, or cannot be written."""

    path: Path
    header: dict[str, Any]
    words: Callable[[Words], Words] = lambda words: words  # what becomes of a request's values
    frame: Callable[[Exchange | None, Frame], Frame] = lambda _, frame: frame  # and of a reply's
    broken: str = ""  # why nothing more is written
    _file: int = field(init=False)

    @_file.default
    def _open(self) -> int:
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise CannotRun(f"{self.path}: is there already, and a trace is never written over") from None
        except OSError as problem:
            raise CannotRun(f"{self.path}: cannot be written: {(problem.strerror or '').lower()}") from None
        return file

    def begin(self) -> None:
        """The first line."""
        self._line({"redlark-trace": VERSION, **self.header})

    def asked(self, one: Exchange) -> None:
        """A request; where a secret was taken out, `secret` says so."""
        row: dict[str, Any] = {"at": one.at, "on": one.connection, "ask": one.number}
        words = self.words(without_secrets(one.words))
        hides = bool(secrets_in(one.words))
        raw = one.raw if words == one.words and not hides else encode_request(words)
        self._line({**row, "bytes": text_of(raw), **({"secret": True} if hides else {})})

    def told(self, connection: int, at: int, one: Exchange | None, frame: Frame) -> None:
        """A frame: of the reply to a request, or, without one, a push."""
        shown = self.frame(one, clean(one, frame))
        row: dict[str, Any] = {"at": at, "on": connection, "bytes": text_of(shown.raw)}
        self._line({**row, **({"reply": one.number} if one is not None else {"push": True})})

    def happened(self, connection: int, at: int, what: str, **more: object) -> None:
        """Something that is neither: `open`, `close`, `unreadable`, `dropped`."""
        self._line({"at": at, "on": connection, "event": what, **more})

    def close(self) -> None:
        """No more lines."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _line(self, row: dict[str, Any]) -> None:
        if self.broken or self._file < 0:
            return
        data = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as problem:  # a full disk must not end what is watched
            self.broken = f"the trace ends early: {(problem.strerror or '').lower()}"


# ---- reading ---------------------------------------------------------------------------------------------------------


@frozen
class Line:
    """One line: what happened on which connection, with the bytes of a request or a frame."""

    at: int
    connection: int
    ask: int = 0  # the number of the request on its connection
    reply: int = 0  # the number of the request that this is a reply to
    push: bool = False
    event: str = ""
    data: bytes = b""
    secret: bool = False


@frozen
class Recording:
    """A trace that was read: its header, its lines, and whether the last one was cut."""

    header: dict[str, Any]
    lines: tuple[Line, ...]
    cut: bool


def read(path: Path) -> Recording:
    """Read a trace. Raises `CannotRun` where it is none; a last line that was cut is left out."""
    try:
        rows = path.read_bytes().split(b"\n")
    except OSError as problem:
        raise CannotRun(f"{path}: cannot be read: {(problem.strerror or '').lower()}") from None
    parsed = list(_parsed(rows, path))
    cut = bool(rows[-1])
    if not parsed or not isinstance(parsed[0], dict) or "redlark-trace" not in parsed[0]:
        raise CannotRun(f"{path}: not a trace of redlark watch")
    if parsed[0]["redlark-trace"] != VERSION:
        raise CannotRun(f"{path}: a trace of version {parsed[0]['redlark-trace']}; this reads version {VERSION}")
    for name, kind in HEADER.items():
        if type(parsed[0].get(name)) is not kind:
            raise CannotRun(f"{path}: not a trace of redlark watch: its first line tells of no {name!r}")
    return Recording(parsed[0], tuple(_line_of(row, at, path) for at, row in enumerate(parsed[1:], 2)), cut)


def _parsed(rows: list[bytes], path: Path) -> Iterator[Any]:
    for number, row in enumerate(rows[:-1], 1):  # what stands behind the last line's end was cut
        try:
            yield json.loads(row)
        except (ValueError, RecursionError):
            raise CannotRun(f"{path}, line {number}: not JSON") from None


def _line_of(row: Any, number: int, path: Path) -> Line:
    """One line as data. Raises `CannotRun` for one that is none; the schema, line by line, would take as long again."""
    try:
        line = _read(row)
        if not all(type(number) is int for number in (line.at, line.connection, line.ask, line.reply)):
            raise TypeError
    except (AttributeError, TypeError, ValueError):
        raise CannotRun(f"{path}, line {number}: no line of a trace: {json.dumps(row)[:100]}") from None
    return line


def _read(row: dict[str, Any]) -> Line:
    return Line(
        row.get("at", 0),
        row.get("on", 0),
        row.get("ask", 0),
        row.get("reply", 0),
        row.get("push", False),
        row.get("event", ""),
        bytes_of(row.get("bytes", "")),
        row.get("secret", False),
    )


def schema() -> dict[str, Any]:
    """The JSON schema of one line of a trace."""
    text = files("redlark.conformance").joinpath("schema/trace.schema.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded
