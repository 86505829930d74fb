"""RESP as the plain core reads and writes it: bytes in, requests out; replies in, bytes out.  No sockets here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from redlark.server import doubles, errors
from redlark.server.interfaces import (
    CommandError,
    NoReply,
    NullArray,
    Push,
    Reply,
    SetReply,
    Status,
    Verbatim,
)
from redlark.server.values import to_integer
from redlark.server.words import split_words

LONGEST_LINE: Final = 64 * 1024  # an inline request, or the line with a count or a length
MOST_ARGUMENTS: Final = 2**31 - 1
UNAUTHENTICATED_ARGUMENTS: Final = 10
UNAUTHENTICATED_BULK: Final = 16384


class ProtocolError(Exception):
    """`line` is the error reply; the connection is to be closed after it."""

    def __init__(self, line: bytes) -> None:
        super().__init__(line)
        self.line = line


class Parser:
    """Requests out of a stream that arrives in pieces.

    `feed` takes bytes, `request` gives the next complete request or None; an empty request gives [].

    >>> parser = Parser(2**29)
    >>> parser.feed(b"*2\\r\\n$4\\r\\nECHO\\r\\n$2\\r\\nh")
    >>> parser.request()
    >>> parser.feed(b"i\\r\\nPING\\r\\n")
    >>> parser.request(), parser.request(), parser.request()
    ([b'ECHO', b'hi'], [b'PING'], None)
    """

    __slots__ = ("_arguments", "_buffer", "_bulk", "_left", "_place", "authenticated", "longest_bulk")

    def __init__(self, longest_bulk: int, authenticated: bool = True) -> None:
        self.longest_bulk = longest_bulk
        self.authenticated = authenticated
        self._buffer = bytearray()
        self._place = 0  # what stands before it has been read
        self._arguments: list[bytes] = []
        self._left = 0  # arguments that the request under way still lacks
        self._bulk = -1  # length of the argument under way, once read

    def forget(self) -> None:
        """Nobody reads any more."""
        self._buffer, self._place = bytearray(), 0
        self._arguments, self._left, self._bulk = [], 0, -1

    def __len__(self) -> int:
        return len(self._buffer) - self._place

    def feed(self, data: bytes) -> None:
        if self._place:
            del self._buffer[: self._place]
            self._place = 0
        self._buffer += data

    def request(self) -> list[bytes] | None:
        """The next request.  Raises ProtocolError."""
        if not self._left:
            if self._place >= len(self._buffer):
                return None
            if self._buffer[self._place] != 0x2A:
                return self._inline()
            count = self._number(errors.PROTOCOL_MULTIBULK_STRING, errors.PROTOCOL_MULTIBULK_LENGTH)
            if count is None:
                return None
            if count > MOST_ARGUMENTS:
                raise ProtocolError(errors.PROTOCOL_MULTIBULK_LENGTH)
            if count > UNAUTHENTICATED_ARGUMENTS and not self.authenticated:
                raise ProtocolError(errors.PROTOCOL_MULTIBULK_UNAUTHENTICATED)
            if count <= 0:
                return []
            self._left = count
            self._arguments = []
        while self._left:
            if not self._argument():
                return None
        return self._arguments

    def _inline(self) -> list[bytes] | None:
        end = self._line_end(b"\n")
        if end < 0:
            if len(self) > LONGEST_LINE:
                raise ProtocolError(errors.PROTOCOL_INLINE)
            return None
        line = bytes(self._buffer[self._place : end])
        words = split_words(line.removesuffix(b"\r"))
        if words is None:
            raise ProtocolError(errors.PROTOCOL_QUOTES)
        self._place = end + 1
        return words

    def _argument(self) -> bool:
        """Read one argument; False when more bytes are needed."""
        if self._bulk < 0:
            length = self._number(errors.PROTOCOL_BULK_STRING, errors.PROTOCOL_BULK_LENGTH, dollar=True)
            if length is None:
                return False
            if not 0 <= length <= self.longest_bulk:
                raise ProtocolError(errors.PROTOCOL_BULK_LENGTH)
            if length > UNAUTHENTICATED_BULK and not self.authenticated:
                raise ProtocolError(errors.PROTOCOL_BULK_UNAUTHENTICATED)
            self._bulk = length
        if len(self) < self._bulk + 2:
            return False
        self._arguments.append(bytes(self._buffer[self._place : self._place + self._bulk]))
        self._place += self._bulk + 2  # what stands where CRLF should is not looked at, nor is it by Redis
        self._bulk = -1
        self._left -= 1
        return True

    def _number(self, too_long: bytes, invalid: bytes, dollar: bool = False) -> int | None:
        """The number on the line that starts here, behind its sign; None when the line is not complete."""
        end = self._line_end(b"\r")
        if end < 0:
            if len(self) > LONGEST_LINE:
                raise ProtocolError(too_long)
            return None
        if end + 2 > len(self._buffer):
            return None
        sign = bytes(self._buffer[self._place : self._place + 1])
        if dollar and sign != b"$":
            raise ProtocolError(errors.one_line(errors.PROTOCOL_DOLLAR.replace(b"%c", sign)))
        number = to_integer(bytes(self._buffer[self._place + 1 : end]))
        if number is None:
            raise ProtocolError(invalid)
        self._place = end + 2
        return number

    def _line_end(self, sign: bytes) -> int:
        """Where sign comes next; -1 when it does not, or behind a NUL, where C would stop looking."""
        end = self._buffer.find(sign, self._place)
        return -1 if end >= 0 and self._buffer.find(b"\0", self._place, end) >= 0 else end


def encode(reply: Reply, resp: int) -> bytes:
    """A reply as bytes, for protocol 2 or 3.

    >>> encode([b"a", 1, None, {b"k": 1.5}], 2)
    b'*4\\r\\n$1\\r\\na\\r\\n:1\\r\\n$-1\\r\\n*2\\r\\n$1\\r\\nk\\r\\n$3\\r\\n1.5\\r\\n'
    >>> encode([True, None, {b"k": SetReply([b"m"])}], 3)
    b'*3\\r\\n#t\\r\\n_\\r\\n%1\\r\\n$1\\r\\nk\\r\\n~1\\r\\n$1\\r\\nm\\r\\n'
    """
    out = bytearray()
    _encode(reply, resp, out)
    return bytes(out)


def _encode(reply: Reply, resp: int, out: bytearray) -> None:
    if isinstance(reply, bytes):
        out += b"$%d\r\n%b\r\n" % (len(reply), reply)
    elif reply is None:
        out += b"$-1\r\n" if resp == 2 else b"_\r\n"
    elif isinstance(reply, bool):
        out += (b":1\r\n" if reply else b":0\r\n") if resp == 2 else (b"#t\r\n" if reply else b"#f\r\n")
    elif isinstance(reply, int):
        out += b":%d\r\n" % reply
    elif isinstance(reply, Status):
        out += b"+%b\r\n" % reply.text
    elif isinstance(reply, CommandError):
        out += b"-%b\r\n" % reply.line.replace(b"\r\n", b"  ")
    elif isinstance(reply, list | tuple):
        _encode_items(b"*", reply, resp, out)
    elif isinstance(reply, Mapping):
        out += (b"*%d\r\n" % (2 * len(reply))) if resp == 2 else (b"%%%d\r\n" % len(reply))
        for key, value in reply.items():
            _encode(key, resp, out)
            _encode(value, resp, out)
    elif isinstance(reply, SetReply):
        _encode_items(b"*" if resp == 2 else b"~", reply.items, resp, out)
    elif isinstance(reply, Push):
        _encode_items(b"*" if resp == 2 else b">", reply.items, resp, out)
    else:
        _encode_rare(reply, resp, out)


def _encode_items(sign: bytes, items: list[Reply] | tuple[Reply, ...] | object, resp: int, out: bytearray) -> None:
    assert isinstance(items, list | tuple)
    out += b"%b%d\r\n" % (sign, len(items))
    for item in items:
        _encode(item, resp, out)


def _encode_rare(reply: Reply, resp: int, out: bytearray) -> None:
    if isinstance(reply, float):
        text = doubles.show(reply)
        out += b"$%d\r\n%b\r\n" % (len(text), text) if resp == 2 else b",%b\r\n" % text
    elif isinstance(reply, NullArray):
        out += b"*-1\r\n" if resp == 2 else b"_\r\n"
    elif isinstance(reply, Verbatim):
        if resp == 2:
            _encode(reply.text, resp, out)
        else:
            out += b"=%d\r\n%b:%b\r\n" % (len(reply.text) + 4, reply.format, reply.text)
    elif not isinstance(reply, NoReply):
        raise TypeError(f"{type(reply).__name__} is not a reply")
