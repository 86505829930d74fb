"""DUMP and RESTORE: values as bytes, and bytes as values."""

from __future__ import annotations

import attrs

from redlark.server import errors
from redlark.server.commands.common import ahead, writing_over
from redlark.server.commands.registry import command
from redlark.server.interfaces import OK, CommandError, Context, Reply
from redlark.server.rdb import BadFormat, dump, is_whole, restore
from redlark.server.values import INT64_MAX, integer


@command("DUMP")
def dump_(ctx: Context, args: list[bytes]) -> Reply:
    value = ctx.db.get(args[1])
    return None if value is None else dump(value, ctx.server.types)


@attrs.define(slots=True)
class _Options:
    """What stands behind the payload."""

    replace: bool = False
    absolute: bool = False
    idle: int | None = None
    frequency: int | None = None


def _read(words: list[bytes]) -> _Options:
    """Raises CommandError."""
    options = _Options()
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name == b"REPLACE":
            options.replace = True
        elif name == b"ABSTTL":
            options.absolute = True
        elif name == b"IDLETIME" and options.frequency is None and (text := next(rest, None)) is not None:
            options.idle = integer(text)
            if options.idle < 0:
                raise CommandError(b"ERR Invalid IDLETIME value, must be >= 0")
        elif name == b"FREQ" and options.idle is None and (text := next(rest, None)) is not None:
            options.frequency = integer(text)
            if not 0 <= options.frequency <= 255:
                raise CommandError(b"ERR Invalid FREQ value, must be >= 0 and <= 255")
        else:
            raise errors.syntax()
    return options


@command("RESTORE", "RESTORE-ASKING")
def restore_(ctx: Context, args: list[bytes]) -> Reply:
    key, payload, options = args[1], args[3], _read(args[4:])
    if ctx.db.exists(key) and not options.replace:  # one that has expired is met even where it is replaced
        raise CommandError(b"BUSYKEY Target key name already exists.")
    lives = integer(args[2])
    if lives < 0:
        raise CommandError(b"ERR Invalid TTL value, must be >= 0")
    if not is_whole(payload, ctx.server.types):
        raise CommandError(b"ERR DUMP payload version or checksum are wrong")
    try:
        value = restore(payload, ctx.server.types, ctx.server.config)
    except BadFormat:
        raise CommandError(b"ERR Bad data format") from None
    at = lives if options.absolute else lives + ctx.now
    if lives and not ctx.now < at <= INT64_MAX:  # too late a time comes round below 0
        if ctx.db.delete(key):
            ctx.notify(b"del", key)
            ctx.propagate(b"DEL", key)
        return OK
    with writing_over(ctx, key):
        with ahead(ctx):
            ctx.db.delete(key)
            ctx.db.put(key, value)
            if lives:
                ctx.db.set_deadline(key, at)
        if options.idle is not None:
            ctx.db.set_idle(key, options.idle)
        if options.frequency is not None:
            ctx.db.set_frequency(key, options.frequency)
        ctx.notify(b"restore", key)
    if lives and not options.absolute:
        ctx.propagate(b"RESTORE", key, b"%d" % at, *args[3:], b"ABSTTL")
    return OK
