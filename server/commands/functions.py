"""Libraries of functions: FUNCTION with its subcommands, FCALL and FCALL_RO."""

from __future__ import annotations

import re
import time
from typing import Final

from redlark.server import errors
from redlark.server.commands.registry import command
from redlark.server.commands.scripts import RO_WRITES, keys_counted
from redlark.server.glob import matcher
from redlark.server.interfaces import NO_REPLY, OK, CommandError, Context, Pairs, Reply, SetReply, Status
from redlark.server.rdb import is_whole
from redlark.server.rdb.libraries import BadLibrary, dump_libraries, libraries_of
from redlark.server.script_heads import permit, shebang
from redlark.server.scripting import BUSY, Library

NO_FUNCTION: Final = b"ERR Function not found"
BAD_NAME: Final = (
    b"ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"
)
PLAIN_NAME: Final = re.compile(rb"[A-Za-z0-9_]+")


def _shown(text: bytes) -> bytes:
    return errors.one_line(text.split(b"\0", 1)[0])


def _named(source: bytes) -> tuple[bytes, bytes]:
    """The name of a library, and its code behind the first line.  Raises CommandError."""
    if not source.startswith(b"#!"):
        raise CommandError(b"ERR Missing library metadata")
    line, words = shebang(source)
    if not line or words is None:
        raise CommandError(b"ERR Invalid library metadata")
    for place, word in enumerate(words[1:]):
        if word[:5].lower() != b"name=":
            raise CommandError(b"ERR Invalid metadata value given: " + _shown(word))
        if place:
            raise CommandError(b"ERR Invalid metadata value, name argument was given multiple times")
    if len(words) == 1:
        raise CommandError(b"ERR Library name was not given")
    name, engine = words[1][5:], words[0][2:]
    if not PLAIN_NAME.fullmatch(name):
        raise CommandError(BAD_NAME)
    if engine.lower() != b"lua":
        raise CommandError(b"ERR Engine '%b' not found" % _shown(engine))
    return name, source[len(line) :]


def _library(ctx: Context, source: bytes, there: dict[bytes, Library], replaces: bool) -> Library:
    """A library of this code, to stand beside those that are there.  Raises CommandError."""
    from redlark.server.engine import CompileError  # not before the first library: Lua takes memory

    name, body = _named(source)
    if name in there and not replaces:
        raise CommandError(b"ERR Library '%b' already exists" % name)
    try:
        found = ctx.server.scripting.register(name, body, ctx)
    except CompileError as error:
        raise CommandError(b"ERR Error compiling function: " + errors.one_line(error.problem)) from None
    if isinstance(found, bytes):
        raise CommandError(b"ERR " + errors.one_line(found))
    if not found:
        raise CommandError(b"ERR No functions registered")
    library = Library(name, source, found)
    _refuse_clash([library], [other for other in there.values() if other.name != name])
    return library


def _refuse_clash(new: list[Library], there: list[Library]) -> None:
    taken = {function.name.lower() for library in there for function in library.functions}
    for library in new:
        for function in library.functions:
            if function.name.lower() in taken:
                raise CommandError(b"ERR Function %b already exists" % function.name)


@command("FUNCTION|LOAD")
def function_load(ctx: Context, args: list[bytes]) -> Reply:
    *options, source = args[2:]
    for option in options:
        if option.upper() != b"REPLACE":
            shown = errors.one_line(option.split(b"\0", 1)[0].rstrip(b"\r\n"))
            raise CommandError(b"ERR Unknown option given: " + shown)
    scripting = ctx.server.scripting
    library = _library(ctx, source, scripting.libraries, bool(options))
    scripting.keep(scripting.libraries | {library.name: library})
    ctx.propagate(*args)
    return library.name


@command("FUNCTION|DELETE")
def function_delete(ctx: Context, args: list[bytes]) -> Reply:
    scripting = ctx.server.scripting
    if args[2] not in scripting.libraries:
        raise CommandError(b"ERR Library not found")
    scripting.keep({name: library for name, library in scripting.libraries.items() if name != args[2]})
    ctx.propagate(*args)
    return OK


@command("FUNCTION|FLUSH")
def function_flush(ctx: Context, args: list[bytes]) -> Reply:
    if len(args) > 3:
        raise CommandError(errors.wrong_number(b"FUNCTION", args[1]))
    if len(args) == 3 and args[2].upper() not in (b"SYNC", b"ASYNC"):
        raise CommandError(b"ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
    ctx.server.scripting.forget_functions()
    ctx.propagate(*args)
    return OK


@command("FUNCTION|LIST")
def function_list(ctx: Context, args: list[bytes]) -> Reply:
    pattern, with_code = None, False
    words = iter(args[2:])
    for word in words:
        if word.upper() == b"WITHCODE" and not with_code:
            with_code = True
        elif word.upper() == b"LIBRARYNAME" and pattern is None:
            pattern = next(words, None)
            if pattern is None:
                raise CommandError(b"ERR library name argument was not given")
        else:
            # Line ends and all, as Redis says it.
            raise CommandError(b"ERR Unknown argument " + word.split(b"\0", 1)[0])
    matches = matcher(pattern, fold=True) if pattern is not None else None
    found = [one for one in ctx.server.scripting.libraries.values() if matches is None or matches(one.name)]
    return [_told(library, with_code) for library in found]


def _told(library: Library, with_code: bool) -> Pairs:
    functions = [
        Pairs(
            [
                (b"name", function.name),
                (b"description", function.description),
                (b"flags", SetReply([Status(flag) for flag in sorted(function.flags)])),
            ]
        )
        for function in library.functions
    ]
    code = [(b"library_code", library.source)] if with_code else []
    return Pairs([(b"library_name", library.name), (b"engine", b"LUA"), (b"functions", functions), *code])


@command("FUNCTION|STATS")
def function_stats(ctx: Context, args: list[bytes]) -> Reply:
    scripting = ctx.server.scripting
    running = scripting.running
    told: Reply = None
    if running is not None:
        if not running.is_function:
            raise CommandError(BUSY % b"SCRIPT")
        lasted = int((time.monotonic() - running.began) * 1000)
        told = Pairs([(b"name", running.name), (b"command", running.request), (b"duration_ms", lasted)])
    counts = Pairs(
        [
            (b"libraries_count", len(scripting.libraries)),
            (b"functions_count", len(scripting.functions)),
        ]
    )
    return Pairs([(b"running_script", told), (b"engines", Pairs([(b"LUA", counts)]))])


@command("FUNCTION|KILL")
def function_kill(ctx: Context, args: list[bytes]) -> Reply:
    ctx.server.scripting.kill(is_function=True)
    return OK


@command("FUNCTION|DUMP")
def function_dump(ctx: Context, args: list[bytes]) -> Reply:
    return dump_libraries((library.source for library in ctx.server.scripting.libraries.values()), ctx.server.types)


@command("FUNCTION|RESTORE")
def function_restore(ctx: Context, args: list[bytes]) -> Reply:
    """All or nothing."""
    server, scripting = ctx.server, ctx.server.scripting
    if len(args) > 4:
        raise CommandError(errors.wrong_number(b"FUNCTION", args[1]))
    policy = args[3].upper() if len(args) > 3 else b"APPEND"
    if policy not in (b"FLUSH", b"APPEND", b"REPLACE"):
        raise CommandError(b"ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
    if not is_whole(args[2], server.types):
        raise CommandError(b"ERR DUMP payload version or checksum are wrong")
    made: dict[bytes, Library] = {}
    try:
        for source in libraries_of(args[2], server.types, server.config):
            library = _library(ctx, source, made, replaces=False)
            made[library.name] = library
    except BadLibrary as problem:
        raise CommandError(b"ERR %b" % str(problem).encode()) from None
    if policy == b"FLUSH":
        scripting.keep(made)
        ctx.propagate(*args)
        return OK
    twice = [name for name in made if name in scripting.libraries]
    if twice and policy != b"REPLACE":
        raise CommandError(b"ERR Library %b already exists" % twice[0])
    left = {name: library for name, library in scripting.libraries.items() if name not in made}
    _refuse_clash(list(made.values()), list(left.values()))
    scripting.keep(left | made)
    ctx.propagate(*args)
    return OK


def _call(ctx: Context, args: list[bytes], read_only: bool) -> Reply:
    ctx.server.scripting.asked(ctx, args)
    found = ctx.server.scripting.functions.get(args[1].lower())
    if found is None:
        raise CommandError(NO_FUNCTION)
    function, _ = found
    keys = keys_counted(args, b"ERR Bad number of keys provided")
    allowed = permit(function.flags)
    if read_only and allowed.writes:
        raise CommandError(RO_WRITES)
    ctx.server.scripting.call_function(ctx, function, allowed, args, keys, not allowed.writes)
    return NO_REPLY


@command("FCALL")
def fcall(ctx: Context, args: list[bytes]) -> Reply:
    return _call(ctx, args, False)


@command("FCALL_RO")
def fcall_ro(ctx: Context, args: list[bytes]) -> Reply:
    return _call(ctx, args, True)
