"""Code of Lua 5.1 without tail calls: what the sandbox asks for, so that an error still knows the line that called.

Redis's functions are C, to which Lua keeps the caller's frame even in ``return redis.call(...)``; ours are Lua.  In
compiled code a tail call is an instruction of its own with the return behind it, so that turning it into a plain call
whose results are all returned is a change of one instruction.  The price: endless tail recursion ends in an overflow.
"""

from __future__ import annotations

import struct
from typing import Final

# Version 5.1, little-endian; sizes of int, size_t, an instruction, a number, which is a double.
_HEADER: Final = b"\x1bLuaQ\x00\x01\x04\x08\x04\x08\x00"
_CALL, _TAIL_CALL = 28, 29
_OPCODE: Final = 0x3F
_RESULTS: Final = 0x1FF << 14  # operand C: as many results as there are
_INT: Final = struct.Struct("<i")
_SIZE: Final = struct.Struct("<Q")
_CONSTANTS: Final = {0: 0, 1: 1, 3: 8}  # bytes behind the type: nil, boolean, number


class _Reader:
    """Walks through a chunk and changes it on the way."""

    def __init__(self, code: bytes) -> None:
        self.code = bytearray(code)
        self.at = len(_HEADER)

    def number(self) -> int:
        (found,) = _INT.unpack_from(self.code, self.at)
        self.at += 4
        return int(found)

    def text(self) -> None:
        (size,) = _SIZE.unpack_from(self.code, self.at)
        self.at += 8 + size

    def function(self) -> None:
        self.text()  # its source
        self.at += 4 + 4 + 4  # first line, last line, four counts of a byte
        self.instructions(self.number())
        for _ in range(self.number()):
            self.constant()
        for _ in range(self.number()):
            self.function()
        lines = self.number()
        self.at += 4 * lines
        for _ in range(self.number()):
            self.text()  # a local variable, and where it begins and ends
            self.at += 8
        for _ in range(self.number()):
            self.text()  # an upvalue

    def instructions(self, count: int) -> None:
        form = struct.Struct(f"<{count}I")
        found = form.unpack_from(self.code, self.at)
        changed = [
            (one & ~_OPCODE & ~_RESULTS) | _CALL if one & _OPCODE == _TAIL_CALL else one for one in found
        ]  # fmt: skip
        form.pack_into(self.code, self.at, *changed)
        self.at += form.size

    def constant(self) -> None:
        kind = self.code[self.at]
        self.at += 1
        if kind == 4:
            self.text()
        else:
            self.at += _CONSTANTS[kind]


def flatten(code: bytes) -> bytes:
    """The same chunk with plain calls in the place of tail calls.  Raises ValueError where it is none."""
    if not code.startswith(_HEADER):
        raise ValueError("not code of Lua 5.1 as this machine has it")
    reader = _Reader(code)
    reader.function()
    if reader.at != len(code):
        raise ValueError("bytes behind the chunk")
    return bytes(reader.code)
