"""The server group: databases as a whole, the clock, INFO, SHUTDOWN."""

from __future__ import annotations

import time

from redlark.server import errors
from redlark.server.blocking import came_by_swap
from redlark.server.commands.registry import command
from redlark.server.commands.transactions import touch_swapped
from redlark.server.ending import hindrance
from redlark.server.info import render
from redlark.server.interfaces import NO_REPLY, OK, CommandError, Context, Reply, Verbatim
from redlark.server.values import to_integer


@command("DBSIZE")
def dbsize(ctx: Context, args: list[bytes]) -> Reply:
    return len(ctx.db)


def _check_flush(args: list[bytes]) -> None:
    """SYNC and ASYNC empty in the same way here.  Raises a syntax error."""
    if len(args) > 2 or (len(args) == 2 and args[1].upper() not in (b"SYNC", b"ASYNC")):
        raise errors.syntax()


@command("FLUSHDB")
def flushdb(ctx: Context, args: list[bytes]) -> Reply:
    _check_flush(args)
    ctx.db.flush()
    ctx.propagate(*args)
    return _emptied(ctx, args)


@command("FLUSHALL")
def flushall(ctx: Context, args: list[bytes]) -> Reply:
    _check_flush(args)
    for database in ctx.server.databases:
        database.flush()
    ctx.propagate(*args)
    return _emptied(ctx, args)


def _emptied(ctx: Context, args: list[bytes]) -> Reply:
    """Redis empties by itself, while the client waits, unless it was told to do so later or cannot be waited for.

    So others go on before it is answered, and what is put off until then is told: nothing else shows that we do not.
    """
    later = args[1].upper() == b"ASYNC" if len(args) > 1 else ctx.server.config.lazyfree_lazy_user_flush
    waits = not ctx.executing and not later
    if ctx.server.tracking.on:
        ctx.server.tracking.emptied(first=waits)
    if waits:
        ctx.server.waiting.yield_to_others(ctx.client, OK)
        return NO_REPLY
    return OK


@command("SWAPDB")
def swapdb(ctx: Context, args: list[bytes]) -> Reply:
    indexes = []
    for text, name in zip(args[1:], (b"first", b"second"), strict=True):
        index = to_integer(text)
        if index is None or not -(2**31) <= index < 2**31:
            raise CommandError(b"ERR invalid %b DB index" % name)
        indexes.append(index)
    databases = ctx.server.databases
    if not all(0 <= index < len(databases) for index in indexes):
        raise CommandError(errors.DB_RANGE)
    one, other = (databases[index] for index in indexes)
    if one is not other:
        touch_swapped(one, other)
        one.swap(other)
        came_by_swap(one, other)
    ctx.propagate(*args)
    return OK


@command("TIME")
def time_(ctx: Context, args: list[bytes]) -> Reply:
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return [b"%d" % seconds, b"%d" % (rest // 1000)]


@command("INFO")
def info(ctx: Context, args: list[bytes]) -> Reply:
    return Verbatim(b"txt", render(ctx.server, args[1:]))


@command("SHUTDOWN")
def shutdown(ctx: Context, args: list[bytes]) -> Reply:
    """Nothing is waited for, so that NOW asks for what is so anyway, and no shutdown is in progress to be aborted."""
    words = {word.decode("latin-1").lower() for word in args[1:]}
    if not words <= {"nosave", "save", "now", "force", "abort"} or {"nosave", "save"} <= words:
        raise errors.syntax()
    if "abort" in words:
        if len(words) > 1:
            raise errors.syntax()
        raise CommandError(b"ERR No shutdown in progress.")
    if ctx.server.busy is not None and "nosave" not in words:
        raise CommandError(ctx.server.busy)  # it may be in the midst of what it writes
    why = hindrance(ctx.server, words)
    if why is not None:
        ctx.server.log("warning", f"SHUTDOWN: {why}")
        raise CommandError(b"ERR Errors trying to SHUTDOWN. Check logs.")
    ctx.server.loop.stop()
    ctx.client.close()
    return NO_REPLY
