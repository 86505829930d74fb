"""The generic group: keys whatever they hold."""

from __future__ import annotations

from redlark.server import errors
from redlark.server.commands.common import ahead, database_index, writing_over
from redlark.server.commands.registry import command
from redlark.server.commands.scanning import LONGEST_SCAN, read_cursor, read_options
from redlark.server.glob import matcher
from redlark.server.interfaces import NO_DEADLINE, NO_REPLY, OK, CommandError, Context, Database, Reply, Status, Value
from redlark.server.values import encoding_of, integer, positive, to_integer


@command("DEL", "UNLINK")
def del_(ctx: Context, args: list[bytes]) -> Reply:
    gone = 0
    for key in args[1:]:
        if ctx.db.delete(key):
            ctx.notify(b"del", key)
            gone += 1
    return gone


@command("EXISTS")
def exists(ctx: Context, args: list[bytes]) -> Reply:
    there = 0
    for key in args[1:]:
        if ctx.db.exists(key):
            there += 1
        else:
            ctx.missed(key)
    return there


@command("TOUCH")
def touch(ctx: Context, args: list[bytes]) -> Reply:
    return sum(ctx.db.look(key) is not None for key in args[1:])


@command("TYPE")
def type_(ctx: Context, args: list[bytes]) -> Reply:
    kind = ctx.db.kind(args[1]) if ctx.db.exists(args[1]) else None
    if kind is None:
        ctx.missed(args[1])
    return Status(kind or b"none")


@command("RANDOMKEY")
def randomkey(ctx: Context, args: list[bytes]) -> Reply:
    return ctx.db.random_key()


@command("KEYS")
def keys(ctx: Context, args: list[bytes]) -> Reply:
    return list(filter(matcher(args[1]), ctx.db.keys()))


@command("SCAN")
def scan(ctx: Context, args: list[bytes]) -> Reply:
    cursor = read_cursor(args[1])
    options = read_options(args[2:], frozenset((b"TYPE",)))
    cursor, found = ctx.db.scan(cursor, min(options.count, LONGEST_SCAN))
    wanted = filter(options.matches, found)
    if options.kind is None:
        return [b"%d" % cursor, [key for key in wanted if ctx.db.exists(key)]]
    return [b"%d" % cursor, [key for key in wanted if ctx.db.kind(key) == options.kind]]


# ------------------------------------------------------------------------------------------------- moving and copying


def _transfer(source: Database, key: bytes, target: Database, new: bytes, value: Value, renamed: bool = False) -> None:
    """Put value under new with what source knows of key: its deadline and how it is held; renamed: key goes first."""
    deadline, form = source.deadline(key), source.form(key)
    if renamed:
        source.delete(key)
    target.delete(new)  # what is there afterwards has come to be, also for those who wait for it
    target.put(new, value, form=form)
    if deadline != NO_DEADLINE:
        target.set_deadline(new, deadline)


@command("COPY")
def copy(ctx: Context, args: list[bytes]) -> Reply:
    key, new = args[1:3]
    index, replace = _copy_options(ctx, args[3:])
    target = ctx.server.databases[index]
    if target is ctx.db and key == new:
        raise CommandError(errors.SAME_OBJECT)
    value = ctx.db.look(key)
    if value is None or (target.exists(new) and not replace):
        return 0
    with writing_over(ctx, new, target):
        with ahead(ctx, target):
            _transfer(ctx.db, key, target, new, value if isinstance(value, bytes) else value.copy())
        ctx.notify(b"copy_to", new, target)
    return 1


def _copy_options(ctx: Context, words: list[bytes]) -> tuple[int, bool]:
    index, replace = ctx.index, False
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name == b"REPLACE":
            replace = True
        elif name == b"DB" and (given := next(rest, None)) is not None:
            index = database_index(ctx, given)
        else:
            raise errors.syntax()
    return index, replace


@command("MOVE")
def move(ctx: Context, args: list[bytes]) -> Reply:
    key = args[1]
    target = ctx.server.databases[database_index(ctx, args[2])]
    if target is ctx.db:
        raise CommandError(errors.SAME_OBJECT)
    value = ctx.db.look(key)
    if value is None or target.exists(key):
        return 0
    _transfer(ctx.db, key, target, key, value)
    ctx.db.delete(key)
    ctx.notify(b"move_from", key)
    ctx.notify(b"move_to", key, target)
    return 1


def _rename(ctx: Context, key: bytes, new: bytes, replace: bool) -> bool:
    """False when new exists and may not be replaced."""
    value = ctx.db.look(key)
    if value is None:
        raise CommandError(errors.NO_SUCH_KEY)
    if not replace and ctx.db.exists(new):
        return False
    if key != new:
        with writing_over(ctx, new):
            with ahead(ctx):
                _transfer(ctx.db, key, ctx.db, new, value, renamed=True)
            ctx.notify(b"rename_from", key)
            ctx.notify(b"rename_to", new)
    return True


@command("RENAME")
def rename(ctx: Context, args: list[bytes]) -> Reply:
    _rename(ctx, args[1], args[2], replace=True)
    return OK


@command("RENAMENX")
def renamenx(ctx: Context, args: list[bytes]) -> Reply:
    return int(_rename(ctx, args[1], args[2], replace=False))


# -------------------------------------------------------------------------------------------------------------- OBJECT


@command("OBJECT|ENCODING")
def object_encoding(ctx: Context, args: list[bytes]) -> Reply:
    key = args[2]
    touching, ctx.db.touching = ctx.db.touching, False
    value = ctx.db.look(key)
    ctx.db.touching = touching
    return None if value is None else encoding_of(value, ctx.db.form(key))


@command("OBJECT|REFCOUNT")
def object_refcount(ctx: Context, args: list[bytes]) -> Reply:
    return 1 if ctx.db.exists(args[2]) else None


_ADJUST = b"Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."


@command("OBJECT|IDLETIME")
def object_idletime(ctx: Context, args: list[bytes]) -> Reply:
    if not ctx.db.exists(args[2]):
        return None
    if ctx.server.eviction.counts_uses:
        raise CommandError(b"ERR An LFU maxmemory policy is selected, idle time not tracked. " + _ADJUST)
    return ctx.db.idle(args[2])


@command("OBJECT|FREQ")
def object_freq(ctx: Context, args: list[bytes]) -> Reply:
    if not ctx.db.exists(args[2]):
        return None
    if not ctx.server.eviction.counts_uses:
        raise CommandError(b"ERR An LFU maxmemory policy is not selected, access frequency not tracked. " + _ADJUST)
    return ctx.db.frequency(args[2])


# --------------------------------------------------------------------------------------------------- replicas and files


def _timeout(ctx: Context, text: bytes) -> int:
    """When a wait ends (Unix time in ms), 0 for never.  Raises CommandError."""
    timeout = integer(text, errors.TIMEOUT_NOT_INTEGER)
    if timeout < 0:
        raise CommandError(errors.TIMEOUT_NEGATIVE)
    if timeout + ctx.now >= 2**63:
        raise CommandError(errors.TIMEOUT_RANGE)
    return timeout + ctx.now if timeout else 0


@command("WAIT")
def wait(ctx: Context, args: list[bytes]) -> Reply:
    wanted = integer(args[1])
    until = _timeout(ctx, args[2])
    return _wait(ctx, wanted, until, 0)


@command("WAITAOF")
def waitaof(ctx: Context, args: list[bytes]) -> Reply:
    local = to_integer(args[1])
    if local is None:
        raise CommandError(errors.NOT_INTEGER)
    if local not in (0, 1):
        raise CommandError(b"ERR value is out of range, value must between 0 and 1")
    wanted = positive(args[2])
    until = _timeout(ctx, args[3])
    if local:
        raise CommandError(b"ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
    return _wait(ctx, wanted, until, [0, 0])


def _wait(ctx: Context, wanted: int, until: int, reply: Reply) -> Reply:
    """There are no replicas: nothing is acknowledged, now or later; whoever wants more waits to the end.

    Redis keeps the number wanted in 32 bits while it waits, so 2**32 of them are none.
    """
    wanted = (wanted + 2**31) % 2**32 - 2**31
    if wanted <= 0 or ctx.executing:
        return reply
    ctx.server.waiting.park(ctx.client, until, reply)
    return NO_REPLY
