"""Lua 5.1 bytecode without tail calls: ``return f(x)`` keeps its frame, as it does where `f` is a C function.

In Redis ``redis.call`` and its kin are C functions, which Lua never tail-calls, so an error in ``return
redis.call(...)`` still knows its line. In the model they are Lua functions. The compiled script is therefore changed,
an opcode here and there; the instruction behind a tail call returns what the call gave, in any case. What it costs:
endless tail recursion in a script.
"""

from __future__ import annotations

import struct

HEADER = b"\x1bLuaQ\x00\x01\x04\x08\x04\x08\x00"  # version 5.1, little-endian, int 4, size_t 8, instruction 4, double 8
TAIL_CALL, CALL = 29, 28
_OPCODE, _C = 0x3F, 0x1FF << 14


def flatten(code: bytes) -> bytes:
    """The same chunk with every tail call a plain call whose results are all returned; raises ValueError."""
    if not code.startswith(HEADER):
        raise ValueError("not bytecode of Lua 5.1 as this machine has it")
    changed = bytearray(code)
    end = _function(changed, len(HEADER))
    if end != len(code):
        raise ValueError("bytes behind the chunk")
    return bytes(changed)


def _function(code: bytearray, at: int) -> int:
    """Changes the function that begins here; gives where it ends."""
    at = _text(code, at) + 4 + 4 + 4  # its source; first line, last line, four bytes of counts
    (count,) = struct.unpack_from("<i", code, at)
    at += 4
    for place in range(at, at + 4 * count, 4):
        (instruction,) = struct.unpack_from("<I", code, place)
        if instruction & _OPCODE == TAIL_CALL:
            struct.pack_into("<I", code, place, (instruction & ~_OPCODE & ~_C) | CALL)
    at = _constants(code, at + 4 * count)
    (count,) = struct.unpack_from("<i", code, at)
    at += 4
    for _ in range(count):
        at = _function(code, at)
    return _debug(code, at)


def _text(code: bytearray, at: int) -> int:
    (size,) = struct.unpack_from("<Q", code, at)
    return at + 8 + int(size)


def _constants(code: bytearray, at: int) -> int:
    (count,) = struct.unpack_from("<i", code, at)
    at += 4
    for _ in range(count):
        kind = code[at]
        at += 1
        if kind == 1:  # a boolean
            at += 1
        elif kind == 3:  # a number
            at += 8
        elif kind == 4:
            at = _text(code, at)
    return at


def _debug(code: bytearray, at: int) -> int:
    """Line numbers, local variables, names of upvalues."""
    (count,) = struct.unpack_from("<i", code, at)
    at += 4 + 4 * count
    (count,) = struct.unpack_from("<i", code, at)
    at += 4
    for _ in range(count):
        at = _text(code, at) + 8
    (count,) = struct.unpack_from("<i", code, at)
    at += 4
    for _ in range(count):
        at = _text(code, at)
    return at
