"""Requests and replies as redis-cli takes and prints them: what a person pastes, and what a person sees."""

from __future__ import annotations

import re
from collections.abc import Iterable

from redlark.reference.resp import ProtocolError, frame, show
from redlark.reference.resp import quote as escaped

_PLAIN = re.compile(rb"[A-Za-z0-9_.:/+*?|=,@%^{}()\[\]<>~&$!;-]+\Z")
_UNESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "a": b"\a", "b": b"\b"}


def quote(text: bytes) -> str:
    """One argument, quoted where redis-cli needs it.

    >>> quote(b"plain"), quote(b""), quote(b'two "words"\\x00')
    ('plain', '""', '"two \\\\"words\\\\"\\\\x00"')
    """
    return text.decode() if _PLAIN.match(text) else escaped(text)


def command_line(arguments: Iterable[bytes]) -> str:
    """A request as a line that can be pasted into redis-cli."""
    return " ".join(quote(argument) for argument in arguments)


def split(line: str) -> tuple[bytes, ...]:
    """Take a line apart as redis-cli does. Raises ValueError for quotes that do not close.

    >>> split("SET 'a b' \\"c\\\\x00\\"")
    (b'SET', b'a b', b'c\\x00')
    """
    arguments: list[bytes] = []
    position = 0
    while True:
        while position < len(line) and line[position].isspace():
            position += 1
        if position >= len(line):
            return tuple(arguments)
        argument, position = _argument(line, position)
        arguments.append(argument)


def _argument(line: str, position: int) -> tuple[bytes, int]:
    quotes = line[position] if line[position] in "\"'" else ""
    position += len(quotes)
    built = b""
    while position < len(line):
        char = line[position]
        if quotes and char == quotes:
            if position + 1 < len(line) and not line[position + 1].isspace():
                raise ValueError(f"a closing quote must be followed by a space: {line}")
            return built, position + 1
        if not quotes and char.isspace():
            return built, position
        if quotes == '"' and char == "\\" and (number := re.match(r"x[0-9a-fA-F]{2}", line[position + 1 :])):
            built += bytes.fromhex(number[0][1:])
            position += 4
        elif quotes and char == "\\" and (quotes == '"' or line.startswith("'", position + 1)) and line[position + 1 :]:
            follower = line[position + 1]
            built += _UNESCAPES.get(follower, follower.encode()) if quotes == '"' else b"'"
            position += 2
        else:
            built += char.encode()
            position += 1
    if quotes:
        raise ValueError(f"a quote is not closed: {line}")
    return built, position


def printed(raw: bytes) -> str:
    """A reply as redis-cli prints it in a terminal.

    >>> print(printed(b"*2\\r\\n$1\\r\\na\\r\\n:1\\r\\n"))
    1) "a"
    2) (integer) 1
    """
    try:
        return show(frame(raw))
    except ProtocolError:
        return f"not a RESP frame: {raw[:120]!r}"
