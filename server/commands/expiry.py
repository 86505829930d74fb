"""Deadlines of keys: EXPIRE and its family, TTL and its family, PERSIST."""

from __future__ import annotations

from redlark.server import errors
from redlark.server.commands.common import moment, set_deadline
from redlark.server.commands.registry import command
from redlark.server.interfaces import NO_DEADLINE, CommandError, Context, Function, Reply
from redlark.server.values import integer

_NX_WITH_OTHERS = b"ERR NX and XX, GT or LT options at the same time are not compatible"
_GT_WITH_LT = b"ERR GT and LT options at the same time are not compatible"


def _options(words: list[bytes]) -> frozenset[bytes]:
    """NX, XX, GT, LT.  Raises CommandError."""
    given = frozenset(word.upper() for word in words)
    for word in words:
        if word.upper() not in (b"NX", b"XX", b"GT", b"LT"):
            raise CommandError(errors.one_line(b"ERR Unsupported option " + word.split(b"\0", 1)[0].rstrip(b"\r\n")))
    if b"NX" in given and len(given) > 1:
        raise CommandError(_NX_WITH_OTHERS)
    if given >= {b"GT", b"LT"}:
        raise CommandError(_GT_WITH_LT)
    return given


def _refused(options: frozenset[bytes], old: int, new: int) -> bool:
    """Does an option keep the deadline from being set?  A key without one lasts for ever."""
    if old == NO_DEADLINE:
        return bool(options & {b"XX", b"GT"})
    return b"NX" in options or (b"GT" in options and new <= old) or (b"LT" in options and new >= old)


def _expire(seconds: bool, absolute: bool, name: bytes) -> Function:
    def expire(ctx: Context, args: list[bytes]) -> Reply:
        key = args[1]
        options = _options(args[3:])
        at = moment(ctx, integer(args[2]), seconds, absolute, name)
        if not ctx.db.exists(key) or _refused(options, ctx.db.deadline(key), at):
            return 0
        set_deadline(ctx, key, at, args[3:])
        return 1

    return expire


for _name, _seconds, _absolute in (
    ("EXPIRE", True, False),
    ("PEXPIRE", False, False),
    ("EXPIREAT", True, True),
    ("PEXPIREAT", False, True),
):
    command(_name)(_expire(_seconds, _absolute, _name.lower().encode()))


def _left(ctx: Context, key: bytes, absolute: bool, seconds: bool) -> int:
    """-2 without the key, -1 without a deadline; seconds are rounded to the nearest."""
    if not ctx.db.exists(key):
        ctx.missed(key)
        return -2
    at = ctx.db.deadline(key)
    if at == NO_DEADLINE:
        return -1
    left = at if absolute else max(at - ctx.now, 0)
    return (left + 500) // 1000 if seconds else left


@command("TTL")
def ttl(ctx: Context, args: list[bytes]) -> Reply:
    return _left(ctx, args[1], absolute=False, seconds=True)


@command("PTTL")
def pttl(ctx: Context, args: list[bytes]) -> Reply:
    return _left(ctx, args[1], absolute=False, seconds=False)


@command("EXPIRETIME")
def expiretime(ctx: Context, args: list[bytes]) -> Reply:
    return _left(ctx, args[1], absolute=True, seconds=True)


@command("PEXPIRETIME")
def pexpiretime(ctx: Context, args: list[bytes]) -> Reply:
    return _left(ctx, args[1], absolute=True, seconds=False)


@command("PERSIST")
def persist(ctx: Context, args: list[bytes]) -> Reply:
    if ctx.db.deadline(args[1]) == NO_DEADLINE:
        return 0
    ctx.db.set_deadline(args[1], NO_DEADLINE)
    ctx.notify(b"persist", args[1])
    return 1
