"""The string group."""

from __future__ import annotations

import attrs

from redlark.server import errors, longdouble
from redlark.server.commands.common import ahead, deadline_of, part, set_deadline, string_at, writing_over
from redlark.server.commands.registry import command
from redlark.server.interfaces import NO_DEADLINE, OK, RAW, UNENCODED, CommandError, Context, Reply
from redlark.server.values import INT64_MAX, INT64_MIN, integer, to_integer

_EXPIRY_OPTIONS = {b"EX": (True, False), b"PX": (False, False), b"EXAT": (True, True), b"PXAT": (False, True)}


@attrs.define(slots=True)
class _Options:
    """What stands behind SET's value or GETEX's key."""

    flags: set[bytes] = attrs.Factory(set)
    unit: bytes = b""
    amount: bytes = b""

    def deadline(self, ctx: Context, name: bytes) -> int:
        if not self.unit:
            return NO_DEADLINE
        seconds, absolute = _EXPIRY_OPTIONS[self.unit]
        return deadline_of(ctx, self.amount, seconds, absolute, name)


def _options(words: list[bytes], allowed: dict[bytes, frozenset[bytes]]) -> _Options:
    """Read options; allowed gives for each word the ones it cannot stand with.  Raises a syntax error.

    An expiry option may be repeated, the last amount counts; another unit may not follow.
    """
    options = _Options()
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name in _EXPIRY_OPTIONS:
            amount = next(rest, None)
            if amount is None or options.unit not in (b"", name) or options.flags & {b"KEEPTTL", b"PERSIST"}:
                raise errors.syntax()
            options.unit, options.amount = name, amount
        elif name in allowed and not options.flags & allowed[name]:
            if options.unit and name in (b"KEEPTTL", b"PERSIST"):
                raise errors.syntax()
            options.flags.add(name)
        else:
            raise errors.syntax()
    return options


_SET_OPTIONS = {
    b"NX": frozenset((b"XX",)),
    b"XX": frozenset((b"NX",)),
    b"GET": frozenset[bytes](),
    b"KEEPTTL": frozenset[bytes](),
}
_GETEX_OPTIONS = {b"PERSIST": frozenset[bytes]()}


@command("SET")
def set_(ctx: Context, args: list[bytes]) -> Reply:
    key, value = args[1:3]
    options = _options(args[3:], _SET_OPTIONS)
    deadline = options.deadline(ctx, b"set")
    get = b"GET" in options.flags
    old = string_at(ctx, key) if get else None
    if (b"NX" in options.flags and ctx.db.exists(key)) or (b"XX" in options.flags and not ctx.db.exists(key)):
        return old
    _store(ctx, key, value, deadline, keep_ttl=b"KEEPTTL" in options.flags)
    if deadline != NO_DEADLINE and options.unit != b"PXAT":
        ctx.propagate(b"SET", key, value, b"PXAT", b"%d" % deadline)
    elif get and deadline == NO_DEADLINE:
        ctx.propagate(b"SET", key, value, *(word for word in args[3:] if word.upper() != b"GET"))
    return old if get else OK


def _store(ctx: Context, key: bytes, value: bytes, deadline: int = NO_DEADLINE, keep_ttl: bool = False) -> None:
    """Put, with a deadline; also one that has come already: the key then expires as any other."""
    with ahead(ctx), writing_over(ctx, key):
        ctx.db.put(key, value, keep_ttl)
    if deadline != NO_DEADLINE:
        ctx.db.set_deadline(key, deadline)
    ctx.notify(b"set", key)
    if deadline != NO_DEADLINE:
        ctx.notify(b"expire", key)


@command("SETNX")
def setnx(ctx: Context, args: list[bytes]) -> Reply:
    if ctx.db.exists(args[1]):
        return 0
    _store(ctx, args[1], args[2])
    return 1


@command("SETEX")
def setex(ctx: Context, args: list[bytes]) -> Reply:
    return _store_until(ctx, args, deadline_of(ctx, args[2], True, False, b"setex"))


@command("PSETEX")
def psetex(ctx: Context, args: list[bytes]) -> Reply:
    return _store_until(ctx, args, deadline_of(ctx, args[2], False, False, b"psetex"))


def _store_until(ctx: Context, args: list[bytes], deadline: int) -> Reply:
    _store(ctx, args[1], args[3], deadline)
    ctx.propagate(b"SET", args[1], args[3], b"PXAT", b"%d" % deadline)
    return OK


@command("GET")
def get(ctx: Context, args: list[bytes]) -> Reply:
    return string_at(ctx, args[1])


@command("GETDEL")
def getdel(ctx: Context, args: list[bytes]) -> Reply:
    value = string_at(ctx, args[1])
    if value is not None:
        ctx.db.delete(args[1])
        ctx.notify(b"del", args[1])
        ctx.propagate(b"DEL", args[1])
    return value


@command("GETEX")
def getex(ctx: Context, args: list[bytes]) -> Reply:
    options = _options(args[2:], _GETEX_OPTIONS)
    key = args[1]
    value = string_at(ctx, key)
    if value is None:
        return None
    deadline = options.deadline(ctx, b"getex")
    if deadline != NO_DEADLINE:
        set_deadline(ctx, key, deadline)
    elif options.flags and ctx.db.deadline(key) != NO_DEADLINE:
        ctx.db.set_deadline(key, NO_DEADLINE)
        ctx.notify(b"persist", key)
        ctx.propagate(b"PERSIST", key)
    return value


@command("GETSET")
def getset(ctx: Context, args: list[bytes]) -> Reply:
    old = string_at(ctx, args[1])
    _store(ctx, args[1], args[2])
    ctx.propagate(b"SET", *args[1:])
    return old


@command("MGET")
def mget(ctx: Context, args: list[bytes]) -> Reply:
    values = map(ctx.db.get, args[1:])
    return [value if isinstance(value, bytes) else None for value in values]


def _pairs(args: list[bytes], name: bytes) -> list[tuple[bytes, bytes]]:
    if len(args) % 2 == 0:
        raise CommandError(errors.wrong_arity(name))
    return list(zip(args[1::2], args[2::2], strict=True))


@command("MSET")
def mset(ctx: Context, args: list[bytes]) -> Reply:
    for key, value in _pairs(args, b"mset"):
        _store(ctx, key, value)
    return OK


@command("MSETNX")
def msetnx(ctx: Context, args: list[bytes]) -> Reply:
    pairs = _pairs(args, b"msetnx")
    if any(ctx.db.exists(key) for key, _ in pairs):
        return 0
    for key, value in pairs:
        _store(ctx, key, value)
    return 1


@command("STRLEN")
def strlen(ctx: Context, args: list[bytes]) -> Reply:
    return len(string_at(ctx, args[1]) or b"")


@command("GETRANGE", "SUBSTR")
def getrange(ctx: Context, args: list[bytes]) -> Reply:
    start, end = integer(args[2]), integer(args[3])
    value = string_at(ctx, args[1]) or b""
    if start < 0 and end < 0 and start > end:
        return b""
    return value[part(start, max(end, -len(value)), len(value))]


def _check_length(ctx: Context, length: int) -> None:
    if length > ctx.server.config.proto_max_bulk_len:
        raise CommandError(errors.TOO_LONG)


@command("SETRANGE")
def setrange(ctx: Context, args: list[bytes]) -> Reply:
    key, patch = args[1], args[3]
    offset = integer(args[2])
    if offset < 0:
        raise CommandError(b"ERR offset is out of range")
    value = string_at(ctx, key) or b""
    if not patch:
        return len(value)
    _check_length(ctx, offset + len(patch))
    changed = value[:offset].ljust(offset, b"\0") + patch + value[offset + len(patch) :]
    ctx.db.put(key, changed, keep_ttl=True, form=RAW)
    ctx.notify(b"setrange", key)
    return len(changed)


@command("APPEND")
def append(ctx: Context, args: list[bytes]) -> Reply:
    key, more = args[1:]
    value = string_at(ctx, key)
    if value is None:
        ctx.db.put(key, more)
        ctx.notify(b"append", key)
        return len(more)
    _check_length(ctx, len(value) + len(more))
    ctx.db.put(key, value + more, keep_ttl=True, form=RAW)
    ctx.notify(b"append", key)
    return len(value) + len(more)


# ------------------------------------------------------------------------------------------------------------- numbers


def _add(ctx: Context, key: bytes, amount: int) -> Reply:
    value = string_at(ctx, key)
    number = to_integer(value if value is not None else b"0")
    if number is None:
        raise CommandError(errors.NOT_INTEGER)
    if not INT64_MIN <= number + amount <= INT64_MAX:
        raise CommandError(errors.OVERFLOW)
    ctx.db.put(key, b"%d" % (number + amount), keep_ttl=True)
    ctx.notify(b"incrby", key)
    return number + amount


@command("INCR")
def incr(ctx: Context, args: list[bytes]) -> Reply:
    return _add(ctx, args[1], 1)


@command("DECR")
def decr(ctx: Context, args: list[bytes]) -> Reply:
    return _add(ctx, args[1], -1)


@command("INCRBY")
def incrby(ctx: Context, args: list[bytes]) -> Reply:
    return _add(ctx, args[1], integer(args[2]))


@command("DECRBY")
def decrby(ctx: Context, args: list[bytes]) -> Reply:
    amount = integer(args[2])
    if amount == INT64_MIN:
        raise CommandError(b"ERR decrement would overflow")
    return _add(ctx, args[1], -amount)


@command("INCRBYFLOAT")
def incrbyfloat(ctx: Context, args: list[bytes]) -> Reply:
    value = string_at(ctx, args[1])
    number = longdouble.read(value if value is not None else b"0")
    amount = longdouble.read(args[2])
    if number is None or amount is None:
        raise CommandError(errors.NOT_FLOAT)
    total = longdouble.add(number, amount)
    if total is None:
        raise CommandError(errors.NAN_OR_INFINITY)
    text = longdouble.show(total)
    ctx.db.put(args[1], text, keep_ttl=True, form=UNENCODED)
    ctx.notify(b"incrbyfloat", args[1])
    ctx.propagate(b"SET", args[1], text, b"KEEPTTL")
    return text
