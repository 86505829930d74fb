"""MIGRATE: keys as payloads to another server, which makes them of those; what it has taken is gone here.

As in Redis everybody waits meanwhile, at most the given time for each answer, so that nobody sees a key twice or not at
all.  Each MIGRATE has a connection of its own.
"""

from __future__ import annotations

import re
import socket
from itertools import islice
from typing import BinaryIO, Final

import attrs

from redlark.server import errors
from redlark.server.commands.registry import command
from redlark.server.interfaces import NO_DEADLINE, OK, CommandError, Context, Reply, Status
from redlark.server.rdb import dump
from redlark.server.values import integer, until_nul

PATIENCE: Final = 1000  # ms, where no time is given
LONGEST_PATIENCE: Final = 2**31 - 1
LONGEST_LINE: Final = 1024  # bytes of another server's answer that are told on
CONNECTING: Final = b"connecting to the client"
WRITING: Final = b"writing to target instance"
READING: Final = b"reading from target instance"
_NUMBER: Final = re.compile(rb"\s*[+-]?\d{1,9}")


@attrs.define(slots=True)
class _Asked:
    """What stands behind the time."""

    copies: bool = False
    replaces: bool = False
    signs_in: list[bytes] = attrs.Factory(list)  # the words of an AUTH
    keys: list[bytes] | None = None


def _read(key: bytes, words: list[bytes]) -> _Asked:
    """Raises CommandError."""
    asked = _Asked()
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name == b"COPY":
            asked.copies = True
        elif name == b"REPLACE":
            asked.replaces = True
        elif name in (b"AUTH", b"AUTH2"):
            count = 1 if name == b"AUTH" else 2
            asked.signs_in = list(islice(rest, count))
            if len(asked.signs_in) < count:
                raise errors.syntax()
        elif name != b"KEYS":
            raise errors.syntax()
        elif key:
            raise CommandError(b"ERR When using MIGRATE KEYS option, the key argument must be set to the empty string")
        else:
            asked.keys = list(rest)
    return asked


def _failed(what: bytes) -> CommandError:
    return CommandError(b"IOERR error or timeout " + what)


def _connect(host: bytes, port: bytes, patience: int) -> socket.socket:
    """Raises CommandError.  That a connection is refused Redis notices as it writes."""
    try:
        found = socket.create_connection((until_nul(host).decode("latin-1"), _atoi(port)), patience / 1000)
    except ConnectionRefusedError:
        raise _failed(WRITING) from None
    except (OSError, ValueError, OverflowError):  # names that are none, and numbers that no port has
        raise _failed(CONNECTING) from None
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def _atoi(text: bytes) -> int:
    """A number as C's atoi reads it: what begins the text."""
    found = _NUMBER.match(text)
    return int(found[0]) if found else 0


def _send(other: socket.socket, requests: list[bytes]) -> None:
    """Raises CommandError where they are not taken."""
    try:
        other.sendall(b"".join(requests))
    except OSError:
        raise _failed(WRITING) from None


def _answer(answers: BinaryIO) -> bytes:
    """A line.  Raises CommandError where there is none in time."""
    try:
        line = answers.readline(LONGEST_LINE)
    except OSError:
        line = b""
    if not line:
        raise _failed(READING)
    return line.rstrip(b"\r\n")


def _request(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def _restoring(ctx: Context, key: bytes, asked: _Asked) -> bytes | None:
    """The request that makes a key there; None where there is no such key here."""
    value, deadline = ctx.db.get(key), ctx.db.deadline(key)
    if value is None:
        return None
    lives = 0 if deadline == NO_DEADLINE else max(deadline - ctx.now, 1)
    replace = (b"REPLACE",) if asked.replaces else ()
    return _request(b"RESTORE", key, b"%d" % lives, dump(value, ctx.server.types), *replace)


@command("MIGRATE")
def migrate(ctx: Context, args: list[bytes]) -> Reply:
    host, port, key = args[1:4]
    asked = _read(key, args[6:])
    patience = integer(args[5])
    number = integer(args[4])
    patience = min(patience, LONGEST_PATIENCE) if patience > 0 else PATIENCE
    named = [key] if asked.keys is None else asked.keys
    moving = {each: request for each in named if (request := _restoring(ctx, each, asked)) is not None}
    if not moving:
        return Status(b"NOKEY")
    with _connect(host, port, patience) as other, other.makefile("rb") as answers:
        greeting = [_request(b"AUTH", *asked.signs_in)] if asked.signs_in else []
        greeting.append(_request(b"SELECT", b"%d" % number))
        _send(other, greeting)
        _check([_answer(answers) for _ in greeting])  # before any key is sent: it would go where it should not
        _send(other, list(moving.values()))
        refusals = []
        for each in moving:
            line = _answer(answers)
            if line[:1] == b"-":
                refusals.append(line)
            elif not asked.copies and ctx.db.delete(each):
                ctx.notify(b"del", each)
        _check(refusals)
    return OK


def _check(lines: list[bytes]) -> None:
    """Raises CommandError with the first answer that is an error."""
    for line in lines:
        if line[:1] == b"-":
            raise CommandError(errors.one_line(b"ERR Target instance replied with error: " + line[1:]))
