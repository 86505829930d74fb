"""The Lua engine: code of clients compiled, and run with what `Calls` lets it ask of the server.

Theory of operation.  Lua 5.1 comes from lupa; the sandbox, the libraries and the conversion of values to replies are
Lua (`lua/`).  This module holds what they ask of the outside (`host`): a command's reply, the octets of a number.
These functions are all of Python that Lua ever sees; they take and give plain values, and raise nothing.

Lua counts its memory, and scripts may take `MOST_MEMORY`.  They must not meet that limit while lupa gives something to
Lua: the error would jump over frames of Python.  So Lua sees before each call that `RESERVE` is left, and Python that
what is large fits.

Must not live here: anything about a command, or which scripts and libraries the server knows (`scripting`).
"""

from __future__ import annotations

import hashlib
import math
import struct
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
import lupa.lua51 as lua51

from redlark.server import doubles, errors
from redlark.server.interfaces import Client, CommandError, Context, Database
from redlark.server.lua_bytecode import flatten
from redlark.server.script_client import ITEM

_LUA: Final = Path(__file__).with_name("lua")
_LIBRARIES: Final = ("bit", "cjson", "cmsgpack", "struct")
MOST_MEMORY: Final = 1 << 30  # bytes; more is "not enough memory" to the script
RESERVE: Final = 1 << 24  # bytes of these that only what passes between Lua and Python may take
NO_ROOM: Final = b"ERR not enough memory"
FEW: Final = 64  # words that are passed one by one
STATUS, ERROR = 1, 2  # what Lua is told of a reply
Told = Any  # a value, or a text and STATUS or ERROR


class Calls(Protocol):
    """What code that runs asks of the server."""

    def call(self, *words: Any) -> Told:
        """Run a command of these words, which may be of any type.  Raises nothing."""

    def known(self, *words: Any) -> bool:
        """Do these words name a command?"""

    def speak(self, protocol: int) -> None:
        """Replies to calls are of this protocol from now on."""

    def replicate(self, flags: int) -> None:
        """What of its writes is told to others: bit 0 to the append-only file, bit 1 to replicas."""

    def failed(self, line: bytes, counted: bool) -> None:
        """The reply holds an error, which was counted where a command gave it, or is to be counted now."""

    def log(self, level: int, message: bytes) -> None:
        """Write a line to the server's log."""

    def tick(self) -> bool:
        """Some instructions have run; is the code to end?"""

    def last_words(self) -> bytes:
        """The error of code that was ended."""


class Known(Protocol):
    """A script, or a function, as a core knows it."""

    digest: bytes
    script: Any


class ScriptCalls(Protocol):
    """What runs plain scripts, and answers hot commands that they call; all else is left to `scripting`."""

    module: bytes  # the file of the core, in which Lua finds `rl_lua_open`
    address: int  # what that is to be called with; its value is the function of Lua that asks
    wrote: bool  # since `open`, here or as `goes_on` said

    functions: dict[bytes, Known]  # that the core may run, by their names in small letters

    def attach(
        self, scripts: dict[bytes, Any], by_source: dict[bytes, Any], evaluated: dict[bytes, None], usable: int, /
    ) -> None:
        """The core may run scripts of these by itself, as long as Lua holds less than so many KiB."""

    def know(self, script: Any, code: int, digest: bytes, source: bytes, /) -> Known:
        """A script that it may run; code: the number that Lua gave to its function."""

    def know_function(self, function: Registered, code: int, name: bytes, only_reads: bool, /) -> Known:
        """The same of a function of a library."""

    def forget(self, known: Known, /) -> None:
        """It is not to run any more."""

    def used_another(self) -> None:
        """A script was used, or came to be known, without the core."""

    def told(self) -> tuple[Any, Context, list[bytes], int, bool] | None:
        """The script that the core runs, its caller and request, for how many ns, and whether it may only read.

        None once it is told."""

    def open(self, database: Database, read_only: bool, full: bool, caller: Client, /) -> None:
        """A script begins, for a caller.  full: it may not let memory grow until it has written."""

    def goes_on(self, database: Database, in_resp2: bool, wrote: bool, /) -> None:
        """A call of it was answered by Python, or it has changed its protocol."""

    def close(self) -> None:
        """It has ended."""


@attrs.frozen(slots=True)
class Registered:
    """A function that a library has registered."""

    name: bytes
    description: bytes | None
    flags: frozenset[bytes]
    callback: Any


class CompileError(Exception):
    """Code that Lua cannot compile; `problem` is what it says."""

    def __init__(self, problem: bytes) -> None:
        super().__init__(problem)
        self.problem = problem


def _denied(*_: Any) -> Any:
    raise AttributeError("nothing of Python is to be seen")


def _safe(function: Callable[..., Any]) -> Callable[..., Any]:
    """A defect of ours is an error of the script, never an exception that Lua could hold."""

    def called(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception:
            traceback.print_exc()
            return errors.INTERNAL, ERROR

    return called


class Engine:
    """One interpreter with two worlds: that of scripts, and that of functions.  Either can be made anew."""

    def __init__(self, calls: Calls, version: str, hot: Callable[[bytes], ScriptCalls | None]) -> None:
        """hot: what answers some calls without Python, where it can reach the Lua in this file."""
        self._lua = lua51.LuaRuntime(
            encoding=None,
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            attribute_handlers=(_denied, _denied),
            max_memory=MOST_MEMORY,
        )
        self._used = self._lua.get_memory_used
        self._load = self._lua.eval(b"loadstring")
        self.table: Callable[..., Any] = self._lua.table_from
        self.hot = hot(lua51.__file__.encode())
        host = self.table(self._host(calls, version))
        self._lua.execute(b"python = nil")
        tools = self._file("sandbox", host)
        libraries = self.table({name.encode(): self._file(name) for name in _LIBRARIES})
        self._worlds = self._file("redis", tools, libraries)
        self.forget_scripts()
        self.forget_functions()

    def _file(self, name: str, *arguments: Any) -> Any:
        chunk = self._load((_LUA / f"{name}.lua").read_bytes(), b"=redlark")
        if isinstance(chunk, tuple):
            raise SyntaxError(f"{name}.lua: {chunk[1]!r}")
        return chunk(*arguments)

    def _host(self, calls: Calls, version: str) -> dict[bytes, Any]:
        major, minor, patch = map(int, version.split("."))
        functions: dict[bytes, Callable[..., Any]] = {
            b"known": calls.known,
            b"setresp": calls.speak,
            b"set_repl": calls.replicate,
            b"log": calls.log,
            b"failed": calls.failed,
            b"tick": calls.tick,
            b"last_words": calls.last_words,
            b"flatten": lambda code: flatten(code) if self.has_room(len(code)) else None,
            b"double": lambda text: doubles.show(float(text)),
            b"sha1hex": sha1hex,
            b"strtod": strtod,
            b"ieee": ieee,
            b"real": real,
            b"whole_packed": whole_packed,
            b"whole_read": whole_read,
            b"lower_half": lower_half,
            b"padding": padding,
        }
        others = {
            b"call": calls.call,
            b"version": version.encode(),
            b"version_number": major << 16 | minor << 8 | patch,
            b"usable": (MOST_MEMORY - RESERVE) // 1024,
        }
        if self.hot is not None:
            opened = self._lua.eval(b"package.loadlib")(self.hot.module, b"rl_lua_open")
            others[b"hot"], self._known, others[b"core_world"], self._raise = opened(self.hot.address)
        return {name: _safe(function) for name, function in functions.items()} | others

    # ---- scripts and functions --------------------------------------------------------------------------------------

    def forget_scripts(self) -> None:
        """Scripts begin in a world that no script has touched."""
        self._scripts = self._worlds[b"script_world"]()
        self._run_script = self._scripts[b"run"]

    def forget_functions(self) -> None:
        """The same for functions; those of before can still be called."""
        self._functions = self._worlds[b"function_world"]()
        self._call_function = self._functions[b"run"]

    def compile(self, source: bytes) -> Any:
        """A script.  Raises CompileError, and CommandError where there is no room."""
        self._need(len(source))
        return _compiled(self._scripts, source)

    @property
    def easy(self) -> int:
        """KiB that Lua may hold where a script begins without a closer look at its memory."""
        return (MOST_MEMORY - RESERVE) // 2048

    def known(self, code: Any) -> int:
        """The number by which the core knows a script."""
        return int(self._known(code))

    def offer(self, functions: Iterable[Registered]) -> None:
        """The core runs these functions, and no others."""
        if self.hot is None:
            return
        before = self.hot.functions
        now: dict[bytes, Known] = {}
        for one in functions:
            name = one.name.lower()
            if name in before and before[name].script is one:
                now[name] = before.pop(name)
            else:
                now[name] = self.hot.know_function(one, self.known(one.callback), one.name, b"no-writes" in one.flags)
        for known in before.values():
            self.hot.forget(known)
        self.hot.functions = now

    def raise_again(self) -> None:
        """Raises what has ended a script that the core ran."""
        self._raise()

    def run(self, code: Any, digest: bytes, keys: list[bytes], arguments: list[bytes], protocol: int) -> bytes:
        """Run a script; its reply as one frame of a protocol.  Raises CommandError where there is no room."""
        frame: bytes = self._run_script(code, digest, protocol, *self._given(keys, arguments))
        return frame

    def _given(self, keys: list[bytes], arguments: list[bytes]) -> tuple[Any, ...]:
        """Words as Lua takes them: one by one, and how many are keys, since tables cost more; or two tables."""
        count = len(keys) + len(arguments)
        size = sum(map(len, keys)) + sum(map(len, arguments)) + ITEM * count
        if (self._used() or 0) + size >= MOST_MEMORY - RESERVE // 2:
            self._need(size)
        if count <= FEW:
            return (len(keys), *keys, *arguments)
        return (None, self.table(keys), self.table(arguments))

    def register(self, source: bytes) -> list[Registered] | bytes:
        """Run a library: what it registers, or what it fails with.  Raises as `compile` does."""
        self._need(len(source))
        rows = self._functions[b"load"](_compiled(self._functions, source))
        if isinstance(rows, bytes):
            return rows
        return [Registered(row[1], row[2] or None, frozenset(row[3].split()), row[4]) for row in rows.values()]

    def call(self, function: Registered, keys: list[bytes], arguments: list[bytes], protocol: int) -> bytes:
        """Call a function of a library; its reply as one frame of a protocol.  Raises as `run` does."""
        frame: bytes = self._call_function(function.callback, function.name, protocol, *self._given(keys, arguments))
        return frame

    def has_room(self, size: int) -> bool:
        """May something of so many bytes be given to Lua?"""
        if self.memory() + size < MOST_MEMORY - RESERVE // 2:
            return True
        self._lua.gccollect()
        return self.memory() + size < MOST_MEMORY - RESERVE // 2

    def _need(self, size: int) -> None:
        if not self.has_room(size):
            raise CommandError(NO_ROOM)

    def memory(self) -> int:
        """Bytes that Lua holds."""
        return int(self._used() or 0)


def _compiled(world: Any, source: bytes) -> Any:
    found = world[b"compile"](source)
    if isinstance(found, tuple):
        raise CompileError(found[1])
    return found


# ------------------------------------------------------------------------------------------------- numbers as octets


def sha1hex(text: bytes) -> bytes:
    """The SHA-1 digest, in small letters."""
    return hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()


def strtod(text: bytes) -> float:
    """The number that C reads from digits, decimal or hexadecimal.

    >>> strtod(b"-1e3"), strtod(b"0x1p4"), strtod(b"0x1p9999")
    (-1000.0, 16.0, inf)
    """
    if b"x" not in text.lower():
        return float(text)
    try:
        return float.fromhex(text.decode())
    except OverflowError:
        return -math.inf if text.startswith(b"-") else math.inf


def ieee(number: float, size: int, big: bool) -> bytes:
    """A double in four or eight octets; what is too large for four is infinite."""
    form = (">" if big else "<") + ("f" if size == 4 else "d")
    try:
        return struct.pack(form, number)
    except OverflowError:
        return struct.pack(form, math.copysign(math.inf, number))


def real(octets: bytes, big: bool) -> float:
    """The double that four or eight octets are."""
    return float(struct.unpack((">" if big else "<") + ("f" if len(octets) == 4 else "d"), octets)[0])


def whole_packed(number: float, size: int, big: bool) -> bytes:
    """The integer that C makes of a number, in so many octets: of 64 bits, and zeros beyond them.

    >>> whole_packed(-2, 2, False), whole_packed(1.9, 10, True)[-2:], whole_packed(math.inf, 8, True)[:1]
    (b'\\xfe\\xff', b'\\x00\\x01', b'\\x00')
    """
    if number != number or number < -(2**63):
        cut = 2**63
    elif number >= 2**64:
        cut = 0
    else:
        cut = int(number) % 2**64
    octets = cut.to_bytes(8, "little")[:size].ljust(size, b"\0")
    return octets[::-1] if big else octets


def whole_read(octets: bytes, big: bool, signed: bool) -> float:
    """The number that C reads from an integer of so many octets, of which it keeps the lowest eight.

    Of more than eight the sign is looked for where C happens to look: at a place counted modulo 64.
    """
    little = octets[::-1] if big else octets
    value = int.from_bytes(little[:8], "little")
    size = len(octets)
    if signed and size <= 8:
        return float(int.from_bytes(little, "little", signed=True))
    if signed:
        mask = -1 << (size * 8 - 1) % 64
        value = (value | mask if value & mask else value) % 2**64
        return float(value - 2**64 if value >> 63 else value)
    return float(value)


def lower_half(number: float) -> int:
    """The lower 32 bits of a double."""
    return int.from_bytes(struct.pack("<d", number)[:4], "little")


def padding(size: int, place: int) -> int:
    """Octets that C leaves before a value of a size at a place, by bits."""
    return (size - (int(place) & (size - 1))) & (size - 1)
