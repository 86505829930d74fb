"""Files as they are written for users: whole, or what stood there stays; what cannot be written is one clear line.

What must live here: how a file is put in its place, and how what an operating system says of it is told.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from redlark.conformance.errors import CannotRun


def why(problem: OSError) -> str:
    """What went wrong, in the operating system's words: `no space left on device`."""
    return (problem.strerror or str(problem)).lower()


def put(path: Path, text: str) -> None:
    """Put a text in the place of a file, whole or not at all; a link stays one. Raises OSError.

    What is no file (/dev/stdout, a pipe) is written to as it stands.
    """
    if not _is_plain(path):
        path.write_text(text, encoding="utf-8")
        return
    place = path.resolve()
    temporary = place.with_name(f"{place.name}.{os.getpid()}.new")
    try:
        temporary.write_text(text, encoding="utf-8")
        if place.exists():
            temporary.chmod(place.stat().st_mode & 0o7777)
        temporary.replace(place)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write(path: Path, text: str, what: str = "the report") -> None:
    """`put`, where what goes wrong is told as a user reads it. Raises `CannotRun`."""
    try:
        put(path, text)
    except OSError as problem:
        raise CannotRun(f"{what} cannot be written to {path}: {why(problem)}") from None


def writable(paths: Iterable[Path | None], what: str = "the report") -> None:
    """See that each file can be written before a run begins, and leave it as it is. Raises `CannotRun`."""
    given: set[Path] = set()
    for path in paths:
        if path is None:
            continue
        found = _hindrance(path) or ("another form of it is" if path.resolve() in given and _is_plain(path) else "")
        if found:
            raise CannotRun(f"{what} cannot be written to {path}: {found}")
        given.add(path.resolve())


def _is_plain(path: Path) -> bool:
    """Whether a file's place can be taken by another one: not that of a pipe, nor of a descriptor by its name."""
    return path.parts[:2] not in (("/", "dev"), ("/", "proc")) and (not path.exists() or path.is_file())


def _hindrance(path: Path) -> str:
    try:
        if path.is_dir():
            return "is a directory"
        if path.exists() and not _is_plain(path):
            return "" if os.access(path, os.W_OK) else "permission denied"
        folder = path.resolve().parent
        if not folder.is_dir():
            return "no such directory"
        trial = folder / f".{path.name}.{os.getpid()}.new"
        trial.touch()
        trial.unlink()
    except OSError as problem:
        return why(problem)
    return ""
