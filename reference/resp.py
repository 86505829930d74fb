"""RESP2 and RESP3 as the judge reads and writes them, sans I/O: bytes in, frames out.

What must live here: the wire format and nothing else. This is deliberately not the server's codec: a fault that
both shared would be invisible. Source: the RESP specification of the Redis documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

AGGREGATES = b"*~>"  # array, set, push: a count, then as many frames
MAPS = b"%|"  # map, attributes: a count, then twice as many frames
BLOBS = b"$=!"  # bulk string, verbatim string, blob error: a length, then the bytes
LINES = b"+-:,#(_"  # what fits on its first line
LONGEST_LINE = 1 << 16
MOST_NESTED = 128
MOST_DIGITS = 4300  # of a big number; Python reads no more
_NAMES = {b"+": "simple string", b"-": "error", b":": "integer", b"$": "bulk string", b"*": "array", b"_": "null",
          b"#": "boolean", b",": "double", b"(": "big number", b"!": "blob error", b"=": "verbatim string",
          b"%": "map", b"~": "set", b">": "push", b"|": "attributes"}  # fmt: skip


class ProtocolError(Exception):
    """Bytes that are not RESP, with what was expected."""


class Frame:
    """One RESP value as it stood on the wire: its kind (the first byte), its value and its raw bytes.

    ``value`` is bytes for strings and errors (None for a null bulk string), int for ``:`` and ``(``, bool for ``#``,
    bytes for ``,`` (doubles are compared as printed), None for ``_``, and a tuple of frames for aggregates (None for a
    null array; a map's keys and values alternate).
    """

    __slots__ = ("kind", "raw", "value")

    def __init__(self, kind: bytes, value: Any, raw: bytes) -> None:
        self.kind, self.value, self.raw = kind, value, raw

    def __repr__(self) -> str:
        return f"<{_NAMES.get(self.kind, '?')} {self.value!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    @property
    def is_error(self) -> bool:
        """Whether this is an error reply."""
        return self.kind in (b"-", b"!")

    def leaves(self) -> list[Any]:
        """Every value that is not an aggregate, in order: bytes, ints, bools and None."""
        if isinstance(self.value, tuple):
            return [leaf for child in self.value for leaf in child.leaves()]
        return [self.value]


def encode_request(arguments: Iterable[bytes]) -> bytes:
    """A request as clients send it: an array of bulk strings.

    >>> encode_request([b"GET", b"k"])
    b'*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\nk\\r\\n'
    """
    parts = list(arguments)
    return b"*%d\r\n%b" % (len(parts), b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]))


class _Incomplete(Exception):
    """More bytes are needed."""


def _parse(data: bytes, start: int, depth: int = 0) -> tuple[Frame, int]:
    end = data.find(b"\r\n", start)
    if end < 0:
        if len(data) - start > LONGEST_LINE:
            raise ProtocolError(f"no line end within 64 KiB: {data[start : start + 40]!r}...")
        if start < len(data) and data[start : start + 1] not in _NAMES:
            raise ProtocolError(f"not RESP: {data[start : start + 40]!r}")
        raise _Incomplete
    kind, line, after = data[start : start + 1], data[start + 1 : end], end + 2
    if kind in b"+-,":
        value: Any = line
    elif kind == b":" or kind == b"(":
        value = _number(line)
    elif kind in BLOBS:
        length = _number(line)
        if length < 0:
            value = None
            _check_null(kind, length)
        else:
            stop = after + length
            if len(data) < stop + 2:
                raise _Incomplete
            value, after = data[after:stop], stop + 2
            if data[stop:after] != b"\r\n":
                raise ProtocolError(f"a string of {length} bytes does not end in CRLF: {data[stop:after]!r}")
    elif kind in AGGREGATES or kind in MAPS:
        count = _number(line) * (2 if kind in MAPS else 1)
        if count < 0:
            value = None
            _check_null(kind, count)
        elif depth == MOST_NESTED:
            raise ProtocolError(f"arrays within arrays, {depth} deep")
        else:
            items = []
            for _ in range(count):
                item, after = _parse(data, after, depth + 1)
                items.append(item)
            value = tuple(items)
    elif kind == b"_" and not line:
        value = None
    elif kind == b"#" and line in (b"t", b"f"):
        value = line == b"t"
    else:
        raise ProtocolError(f"not RESP: {data[start : start + 40]!r}")
    return Frame(kind, value, data[start:after]), after


def _number(line: bytes) -> int:
    """Decimal digits, perhaps with a sign: int() would take spaces and underscores as well."""
    if (line.isdigit() or (line[:1] in (b"-", b"+") and line[1:].isdigit())) and len(line) <= MOST_DIGITS:
        return int(line)
    raise ProtocolError(f"not a number: {line[:40]!r}")


def _check_null(kind: bytes, length: int) -> None:
    """RESP2 has a null string and a null array, of length -1; nothing else has such a length."""
    if length != -1 or kind not in b"$*":
        raise ProtocolError(f"a {_NAMES[kind]} of length {length}")


class Decoder:
    """Collects what a server sends and gives the frames that are complete.

    A long frame comes in many pieces. It is parsed once, when it is whole; until then only the elements that are new
    are counted, so that a reply of a megabyte does not cost the square of its pieces.
    """

    __slots__ = ("_buffer", "_due", "_next")

    def __init__(self) -> None:
        self._buffer = b""
        self._due = 0  # elements that are missing from the frame at the buffer's beginning; 0 where none was begun
        self._next = 0  # where the next of them begins

    @property
    def pending(self) -> bytes:
        """The bytes of a frame that is not complete yet."""
        return self._buffer

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete; raises :class:`ProtocolError` where they are not RESP."""
        buffer = self._buffer + data if self._buffer else data
        frames: list[Frame] = []
        position, size = 0, len(buffer)
        try:
            while position < size:
                if self._due and not self._whole(buffer):
                    break
                frame, position = _parse(buffer, position)
                frames.append(frame)
        except _Incomplete:
            self._due, self._next = 1, 0
        finally:
            self._buffer = buffer[position:]
        return frames

    def _whole(self, buffer: bytes) -> bool:
        """Whether the frame at the beginning is there; also where it cannot be one, which parsing it will say."""
        while self._due:
            end = buffer.find(b"\r\n", self._next)
            kind = buffer[self._next : self._next + 1]
            if kind and kind not in _NAMES:
                break
            if end < 0:
                if len(buffer) - self._next <= LONGEST_LINE:
                    return False
                break
            after = end + 2
            if kind in BLOBS:
                length = _number(buffer[self._next + 1 : end])
                after += length + 2 if length >= 0 else 0
                if after > len(buffer):
                    return False
            elif kind in AGGREGATES or kind in MAPS:
                self._due += max(0, _number(buffer[self._next + 1 : end]) * (2 if kind in MAPS else 1))
            self._due -= 1
            self._next = after
        self._due = 0
        return True


def frame(raw: bytes) -> Frame:
    """The one frame that these bytes are; raises :class:`ProtocolError` otherwise."""
    try:
        found, end = _parse(raw, 0)
    except _Incomplete:
        raise ProtocolError(f"an incomplete frame: {raw[:40]!r}") from None
    if end != len(raw):
        raise ProtocolError(f"bytes behind the frame: {raw[end : end + 40]!r}")
    return found


def quote(text: bytes) -> str:
    """A text in double quotes, as redis-cli shows and reads it."""
    escapes = {10: "\\n", 13: "\\r", 9: "\\t", 7: "\\a", 8: "\\b", 34: '\\"', 92: "\\\\"}
    return '"' + "".join(escapes.get(c) or (chr(c) if 32 <= c < 127 else f"\\x{c:02x}") for c in text) + '"'


def show(reply: Frame, indent: str = "") -> str:
    """A reply as redis-cli prints it on a terminal."""
    kind, value = reply.kind, reply.value
    if kind == b"+":
        return str(value.decode("latin-1"))
    if kind in b"-!":
        return f"(error) {value.decode('latin-1')}"
    if kind in b":(":
        return f"(integer) {value}"
    if kind == b",":
        return f"(double) {value.decode()}"
    if kind == b"#":
        return "(true)" if value else "(false)"
    if value is None:
        return "(nil)"
    if kind == b"=":
        return quote(value[4:])
    if kind == b"$":
        return quote(value)
    if not value:
        return {b"~": "(empty set)", b"%": "(empty hash)"}.get(kind, "(empty array)")
    if kind in MAPS:
        pairs = zip(value[::2], value[1::2], strict=True)
        return _numbered([f"{show(k)} => {show(v, indent + '   ')}" for k, v in pairs], "#", indent)
    width = len(str(len(value)))
    inner = indent + " " * (width + 2)
    return _numbered([show(item, inner) for item in value], {b"~": "~"}.get(kind, ")"), indent)


def _numbered(items: Sequence[str], mark: str, indent: str) -> str:
    width = len(str(len(items)))
    lines = [f"{number:>{width}}{mark} {item}" for number, item in enumerate(items, 1)]
    return ("\n" + indent).join(lines)
