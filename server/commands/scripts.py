"""Scripts: EVAL and its kin, and SCRIPT with its subcommands."""

from __future__ import annotations

from typing import Final

from redlark.server import errors
from redlark.server.commands.registry import command
from redlark.server.interfaces import NO_REPLY, OK, CommandError, Context, Reply
from redlark.server.script_heads import headed
from redlark.server.scripting import Script
from redlark.server.values import integer

NOSCRIPT: Final = b"NOSCRIPT No matching script. Please use EVAL."
RO_WRITES: Final = b"ERR Can not execute a script with write flag using *_ro command."


def keys_counted(args: list[bytes], error: bytes = errors.NOT_INTEGER) -> int:
    """How many of the arguments behind their number are keys.  Raises CommandError."""
    keys = integer(args[2], error)
    if keys > len(args) - 3:
        raise CommandError(b"ERR Number of keys can't be greater than number of args")
    if keys < 0:
        raise CommandError(b"ERR Number of keys can't be negative")
    return keys


def _script(ctx: Context, source: bytes, loaded: bool = False) -> Script:
    """A script, compiled and known from now on.  Raises CommandError."""
    scripting = ctx.server.scripting
    script = scripting.by_source.get(source)
    if script is not None and script.loaded >= loaded:
        scripting.used(script)
        return script
    if script is None:
        from redlark.server.engine import CompileError, sha1hex  # not before the first script: Lua takes memory

        code, allowed = headed(source)
        try:
            compiled = scripting.engine.compile(code)
        except CompileError as error:
            problem = errors.one_line(error.problem)
            raise CommandError(b"ERR Error compiling script (new function): " + problem) from None
        script = Script(source, sha1hex(source), allowed, compiled)
    scripting.remember(script, loaded)
    return script


def _by_digest(ctx: Context, args: list[bytes]) -> tuple[Script, int]:
    """A script that the server knows, and how many keys it is given.  Raises CommandError."""
    if len(args[1]) != 40:
        raise CommandError(NOSCRIPT)
    keys = keys_counted(args)
    script = ctx.server.scripting.scripts.get(args[1].lower())
    if script is None:
        raise CommandError(NOSCRIPT)
    ctx.server.scripting.used(script)
    return script, keys


def _run(ctx: Context, script: Script, args: list[bytes], keys: int, read_only: bool) -> Reply:
    permit = script.permit
    if read_only and permit.writes and script.source.startswith(b"#!"):
        raise CommandError(RO_WRITES)
    ctx.server.scripting.run(ctx, script, args, keys, read_only or not permit.writes)
    return NO_REPLY


@command("EVAL")
def eval_(ctx: Context, args: list[bytes]) -> Reply:
    ctx.server.scripting.asked(ctx, args)
    keys = keys_counted(args)
    return _run(ctx, _script(ctx, args[1]), args, keys, False)


@command("EVAL_RO")
def eval_ro(ctx: Context, args: list[bytes]) -> Reply:
    ctx.server.scripting.asked(ctx, args)
    keys = keys_counted(args)
    return _run(ctx, _script(ctx, args[1]), args, keys, True)


@command("EVALSHA")
def evalsha(ctx: Context, args: list[bytes]) -> Reply:
    ctx.server.scripting.asked(ctx, args)
    script, keys = _by_digest(ctx, args)
    return _run(ctx, script, args, keys, False)


@command("EVALSHA_RO")
def evalsha_ro(ctx: Context, args: list[bytes]) -> Reply:
    ctx.server.scripting.asked(ctx, args)
    script, keys = _by_digest(ctx, args)
    return _run(ctx, script, args, keys, True)


@command("SCRIPT|LOAD")
def script_load(ctx: Context, args: list[bytes]) -> Reply:
    return _script(ctx, args[2], loaded=True).digest


@command("SCRIPT|EXISTS")
def script_exists(ctx: Context, args: list[bytes]) -> Reply:
    scripts = ctx.server.scripting.scripts
    return [int(digest.lower() in scripts) for digest in args[2:]]


@command("SCRIPT|FLUSH")
def script_flush(ctx: Context, args: list[bytes]) -> Reply:
    if len(args) > 3 or (len(args) == 3 and args[2].upper() not in (b"SYNC", b"ASYNC")):
        raise CommandError(b"ERR SCRIPT FLUSH only support SYNC|ASYNC option")
    ctx.server.scripting.forget_scripts()
    return OK


@command("SCRIPT|KILL")
def script_kill(ctx: Context, args: list[bytes]) -> Reply:
    ctx.server.scripting.kill(is_function=False)
    return OK


@command("SCRIPT|DEBUG")
def script_debug(ctx: Context, args: list[bytes]) -> Reply:
    """There is no debugger: what is asked for is accepted, and scripts run as ever."""
    if ctx.client.owes:  # a debugger would speak before it
        raise CommandError(b"ERR SCRIPT DEBUG must be called outside a pipeline")
    if args[2].upper() not in (b"YES", b"SYNC", b"NO"):
        raise CommandError(b"ERR Use SCRIPT DEBUG YES/SYNC/NO")
    return OK
