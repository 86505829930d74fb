"""The first line of code, ``#!lua name=value ...``: what a script or library says of itself.

Must live here: reading it.  Must not: what follows from it.
"""

from __future__ import annotations

from typing import Final

import attrs

from redlark.server import errors
from redlark.server.interfaces import CommandError
from redlark.server.words import split_words

FLAGS: Final = frozenset((b"no-writes", b"allow-oom", b"allow-stale", b"no-cluster", b"allow-cross-slot-keys"))


@attrs.frozen(slots=True)
class Permit:
    """What code says of itself."""

    writes: bool = True
    allows_oom: bool = False
    needs_room: bool = False  # it is refused in a full server before it runs


def shebang(source: bytes) -> tuple[bytes, list[bytes] | None]:
    """A first line that begins with ``#!``, and its words; None where it has no end or its quotes are not balanced."""
    line, found, _ = source.partition(b"\n")
    if not found or b"\0" in line:
        return b"", None
    return line, split_words(line)


def permit_of(words: list[bytes]) -> Permit:
    """What the words of a first line permit.  Raises CommandError."""
    if words[0] != b"#!lua":
        raise _said(b"ERR Unexpected engine in script shebang: ", words[0])
    flags: set[bytes] = set()
    for option in words[1:]:
        if not option.startswith(b"flags="):
            raise _said(b"ERR Unknown lua shebang option: ", option)
        for flag in filter(None, option[6:].split(b",")):
            if flag not in FLAGS:
                raise _said(b"ERR Unexpected flag in script shebang: ", flag)
            flags.add(flag)
    return permit(flags)


def permit(flags: set[bytes] | frozenset[bytes]) -> Permit:
    """What code with these flags may do."""
    writes, allows_oom = b"no-writes" not in flags, b"allow-oom" in flags
    return Permit(writes, allows_oom, writes and not allows_oom)


def _said(message: bytes, word: bytes) -> CommandError:
    return CommandError(errors.one_line(message + word.split(b"\0", 1)[0]))


def headed(source: bytes) -> tuple[bytes, Permit]:
    """A script's code, its first line emptied if that says something, and what it permits.  Raises CommandError."""
    if not source.startswith(b"#!"):
        return source, Permit()
    line, words = shebang(source)
    if not line:
        raise CommandError(b"ERR Invalid script shebang")
    if words is None:
        raise CommandError(b"ERR Invalid engine in script shebang")
    return source[len(line) :], permit_of(words)


def told(source: bytes) -> Permit | None:
    """What a script's first line permits; None where it says nothing, or is wrong: the script is refused for that."""
    try:
        return headed(source)[1] if source.startswith(b"#!") else None
    except CommandError:
        return None
