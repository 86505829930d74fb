"""The Lua engine: runs a script of one version, as a function of the script, its arguments and what its calls reply.

Theory of operation. Lua 5.1 comes from lupa; the sandbox, conversions and libraries are Lua (`lualib`), and this
module holds what they ask of the outside: a command's reply as bytes, the print of a double. Nothing of Python is
reachable from a script. An exception of a call passes through the script, which cannot catch it: the model runs a
request once for each way it may go, and gives up a way so. What must not live here: anything about a command, or
about the text.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import lupa.lua51 as lua51
from attrs import define, field, frozen

from redlark.reference.lua_bytecode import flatten
from redlark.spec.primitives.doubles import print_double, print_double_17

LUA = Path(__file__).with_name("lualib")
LIBRARIES = ("bit", "cjson", "cmsgpack", "struct")
MEMORY = 512 << 20  # bytes that scripts may take
Kept = tuple[bytes | None, bytes | None]  # what lasts between two scripts: cjson's settings, random numbers


class Asked(Protocol):
    """What a script asks of the model while it runs."""

    @property
    def resp(self) -> int:
        """The protocol of the client that gets the reply."""

    def call(self, words: tuple[bytes, ...] | None, protocol: int) -> tuple[bytes, bool]:
        """The reply to a command, and whether it was refused before it ran; None: its words cannot be read."""

    def known(self, words: tuple[bytes, ...]) -> bool:
        """Whether a request names a command."""

    def set_repl(self, flags: int) -> None:
        """What of the script's writes is to be replicated."""


@frozen
class Function:
    """A function that a library registers."""

    name: bytes
    description: bytes | None
    flags: tuple[bytes, ...]


@frozen
class Call:
    """A call of a function that changed what its library keeps: what it was given, and what its own calls replied."""

    name: bytes
    keys: tuple[bytes, ...]
    arguments: tuple[bytes, ...]
    resp: int
    kept: Kept
    replies: tuple[tuple[bytes, bool], ...]


@define
class _Hearing:
    """Passes on what a function asks, and notes what it is told."""

    asked: Asked
    resp: int
    replies: list[tuple[bytes, bool]] = field(factory=list)

    def call(self, words: tuple[bytes, ...] | None, protocol: int) -> tuple[bytes, bool]:
        reply = self.asked.call(words, protocol)
        self.replies.append(reply)
        return reply

    def known(self, words: tuple[bytes, ...]) -> bool:
        return self.asked.known(words)

    def set_repl(self, flags: int) -> None:
        self.asked.set_repl(flags)


@define
class _Again:
    """Tells a function what it was told before."""

    asked: Asked
    resp: int
    replies: Iterator[tuple[bytes, bool]]

    def call(self, words: tuple[bytes, ...] | None, protocol: int) -> tuple[bytes, bool]:
        return next(self.replies)

    def known(self, words: tuple[bytes, ...]) -> bool:
        return self.asked.known(words)

    def set_repl(self, flags: int) -> None:
        """It has been done."""


def _denied(*_: Any) -> Any:
    raise AttributeError("nothing of Python is to be seen")


class Engine:
    """Lua for one version of Redis; ``flavour`` names what distinguishes it (see :func:`flavour_of`)."""

    def __init__(self, flavour: dict[str, Any]) -> None:
        self._flavour = flavour
        self._name = b"@user_function" if flavour.get("functions") else b"@user_script"
        self._asked: Asked | None = None
        self._lua = lua51.LuaRuntime(
            encoding=None, register_eval=False, register_builtins=False, unpack_returned_tuples=True,
            attribute_handlers=(_denied, _denied), max_memory=MEMORY,
        )  # fmt: skip
        host = {
            b"call": self._ask, b"double": self._double, b"number": self._number,
            b"sha1hex": sha1hex, b"flatten": flatten,
            b"ieee": ieee, b"real": real, b"strtod": strtod, b"widened": widened,
            b"known": lambda *words: self._asked is not None and self._asked.known(words),
            b"set_repl": lambda flags: self._asked.set_repl(int(flags)) if self._asked else None,
        }  # fmt: skip
        libraries = {name.encode(): self._file(name) for name in LIBRARIES}
        flavour = flavour | {"name": self._name}
        self._functions = self._file("prelude", self._table(host), self._table(flavour), self._table(libraries))
        self._lua.execute(b"python = nil")
        self.compiled = lru_cache(maxsize=4096)(self._compiled)
        self.registered = lru_cache(maxsize=4096)(self._registered)  # the functions of a library, or what it fails with

    def _file(self, name: str, *arguments: Any) -> Any:
        source = (LUA / f"{name}.lua").read_bytes()
        load = self._lua.eval(b"loadstring")
        chunk = load(source, b"=redlark")
        if isinstance(chunk, tuple):
            raise SyntaxError(f"{name}.lua: {chunk[1]!r}")
        return chunk(*arguments)

    def _table(self, value: Any) -> Any:
        """A Lua table from nested dictionaries."""
        if isinstance(value, dict):
            items = {k.encode() if isinstance(k, str) else k: self._table(v) for k, v in value.items()}
            return self._lua.table_from(items)
        return value.encode() if isinstance(value, str) else value

    # ---- what Lua asks ----------------------------------------------------------------------------------------------

    def _ask(self, protocol: int, readable: bool, *words: bytes) -> tuple[bytes, bool]:
        assert self._asked is not None
        return self._asked.call(words if readable else None, int(protocol))

    def _double(self, shown: bytes) -> bytes:
        return (print_double if self._flavour["shortest"] else print_double_17)(float(shown))

    def _number(self, shown: bytes) -> bytes:
        """A number as an argument of a command; it comes with 17 digits."""
        if not self._flavour["shortest"] or b"n" in shown:
            return shown
        value = float(shown)
        if value == int(value) and abs(value) < 2**63:
            return b"%d" % int(value)
        return print_double(value)

    # ---- what the model asks ----------------------------------------------------------------------------------------

    def _compiled(self, source: bytes, name: bytes) -> Any:
        found = self._functions.compile(source, name)
        return found[1] if isinstance(found, tuple) else found

    def problem(self, source: bytes) -> bytes | None:
        """What the compiler says of a source that is none; None where it compiles."""
        found = self.compiled(source, self._name)
        return found if isinstance(found, bytes) else None

    def eval(
        self, source: bytes, what: bytes, keys: Sequence[bytes], arguments: Sequence[bytes], asked: Asked, kept: Kept
    ) -> tuple[bytes, Kept]:  # fmt: skip
        """Runs a script that compiles; gives its reply as one frame of the client's protocol, and what lasts of it."""
        return self._run(self._functions.eval, self.compiled(source, self._name), what, keys, arguments, asked, kept)

    def call(
        self, source: bytes, name: bytes, keys: tuple[bytes, ...], arguments: tuple[bytes, ...], asked: Asked,
        kept: Kept, past: tuple[Call, ...] = (),
    ) -> tuple[bytes, Kept, tuple[Call, ...]]:  # fmt: skip
        """Runs a function of a library that registers it, behind the calls that have changed what the library keeps.

        Gives what :meth:`eval` gives, and those calls, this one among them if it has changed something.
        """
        made = self._functions
        library = made.loaded(self.compiled(source, self._name))
        for one in past:
            again = _Again(asked, one.resp, iter(one.replies))
            self._run(made.call, library, one.name, one.keys, one.arguments, again, one.kept)
        before, hearing = made.holds(library), _Hearing(asked, asked.resp)
        reply, lasts = self._run(made.call, library, name, keys, arguments, hearing, kept)
        if made.holds(library) != before:
            past = (*past, Call(name, keys, arguments, asked.resp, kept, tuple(hearing.replies)))
        return reply, lasts, past

    def _run(
        self, how: Any, code: Any, name: bytes, keys: Sequence[bytes], arguments: Sequence[bytes],
        asked: Asked, kept: Kept,
    ) -> tuple[bytes, Kept]:  # fmt: skip
        before, self._asked = self._asked, asked
        try:
            tables = self._lua.table_from(keys), self._lua.table_from(arguments)
            reply, settings, random = how(code, name, *tables, asked.resp, *kept)
            return bytes(reply), (settings, random)
        finally:
            self._asked = before

    def _registered(self, source: bytes) -> tuple[Function, ...] | bytes:
        told = self._functions.load(self.compiled(source, self._name))
        if isinstance(told, bytes):
            return told
        return tuple(Function(row[1], row[2] or None, tuple(row[3].split())) for row in told.values())


def ieee(number: float, size: int) -> bytes:
    """A double in four or eight octets, the highest first; what is too large for four is infinite."""
    try:
        return struct.pack(">f" if size == 4 else ">d", number)
    except OverflowError:
        return struct.pack(">f", math.copysign(math.inf, number))


def real(octets: bytes) -> float:
    """The double that four or eight octets are."""
    return float(struct.unpack(">f" if len(octets) == 4 else ">d", octets)[0])


def strtod(text: bytes) -> float:
    """The number that C reads from a text of digits, decimal or hexadecimal."""
    shown = text.decode()
    if "x" not in shown:
        return float(shown)
    try:
        return float.fromhex(shown)
    except OverflowError:
        return -math.inf if shown.startswith("-") else math.inf


def widened(high: int, low: int, place: int) -> float:
    """A C integer of two halves of 32 bits, as a double; if any bit from a place on is set, all are."""
    mask = -1 << place
    value = int(high) << 32 | int(low)
    if value & mask:
        value |= mask
    value %= 1 << 64
    return float(value - (1 << 64) if value >> 63 else value)


def sha1hex(text: bytes) -> bytes:
    """The SHA-1 digest of a text, in small letters."""
    return hashlib.sha1(text).hexdigest().encode()
