"""The hash group: deadlines of single fields (HEXPIRE and its kin), and HGETEX, HSETEX, HGETDEL.

What is past no command sees (`redlark.server.fields`); so a field that a hash has is one that lives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from redlark.server import errors
from redlark.server.commands.common import ahead, hash_at, settle
from redlark.server.commands.registry import command
from redlark.server.interfaces import CommandError, Context, Function, Reply
from redlark.server.types import Hash
from redlark.server.values import integer, to_integer

LAST: Final = 2**46 - 1  # the last moment (ms) to which Redis lets a field live

_NO_FIELDS: Final = b"ERR Mandatory argument FIELDS is missing or not at the right position"
_OTHER_COUNT: Final = b"ERR The `numfields` parameter must match the number of arguments"
_NOT_POSITIVE: Final = b"ERR Number of fields must be a positive integer"
_NOT_GREATER: Final = b"ERR Parameter `numFields` should be greater than 0"
_NEGATIVE: Final = b"ERR invalid expire time, must be >= 0"

ABSENT, FOREVER = -2, -1  # what is told of a field
REFUSED, DONE, DELETED = 0, 1, 2
TIMES: Final = {  # in seconds?  since 1970?
    b"EX": (True, False),
    b"PX": (False, False),
    b"EXAT": (True, True),
    b"PXAT": (False, True),
}


# ---- arguments -----------------------------------------------------------------------------------------------------


def _named(args: list[bytes], place: int, not_positive: bytes = _NOT_POSITIVE) -> list[bytes]:
    """The fields behind FIELDS and their number, which stand from that place to the end.  Raises CommandError."""
    if args[place].upper() != b"FIELDS":
        raise CommandError(_NO_FIELDS)
    number = to_integer(args[place + 1])
    if number is None or number < 1:
        raise CommandError(not_positive)
    if number != len(args) - place - 2:
        raise CommandError(_OTHER_COUNT)
    return args[place + 2 :]


def _deadline(ctx: Context, text: bytes, seconds: bool, absolute: bool, name: bytes) -> int:
    """The moment (ms) that a time asks for.  Raises CommandError."""
    amount = integer(text)
    if amount < 0:
        raise CommandError(_NEGATIVE)
    unit, start = 1000 if seconds else 1, 0 if absolute else ctx.now
    if amount > LAST // unit or start + amount * unit > LAST:
        raise CommandError(errors.invalid_expire(name))
    return start + amount * unit


# ---- HEXPIRE and its kin -------------------------------------------------------------------------------------------


def _is_refused(condition: bytes, old: int | None, new: int) -> bool:
    """Does a condition keep a deadline from being set?  What has none lives for ever."""
    if condition == b"NX":
        return old is not None
    if condition == b"XX":
        return old is None
    if condition == b"GT":
        return old is None or new <= old
    return condition == b"LT" and old is not None and new >= old


def _expire_field(ctx: Context, key: bytes, value: Hash, field: bytes, at: int, condition: bytes) -> int:
    if field not in value:
        return ABSENT
    if _is_refused(condition, value.deadline(field), at):
        return REFUSED
    if at <= ctx.now:
        value.remove((field,))
        ctx.propagate(b"HDEL", key, field)
        return DELETED
    value.set_deadline(field, at)
    return DONE


def _expire(seconds: bool, absolute: bool, name: bytes) -> Function:
    def expire(ctx: Context, args: list[bytes]) -> Reply:
        key, value = args[1], hash_at(ctx, args[1])
        at = _deadline(ctx, args[2], seconds, absolute, name)
        condition = args[3].upper() if args[3].upper() in (b"NX", b"XX", b"GT", b"LT") else b""
        place = 4 if condition else 3
        fields = _named(args, place, _NOT_GREATER)
        if value is None:
            return [ABSENT] * len(fields)
        value.be_timed()
        told = [_expire_field(ctx, key, value, field, at, condition) for field in fields]
        if DELETED in told:
            _tell_removed(ctx, key, value, b"hexpire" if DONE in told else None)
        elif DONE in told:
            ctx.db.modified(key)
            ctx.notify(b"hexpire", key)
        if done := [field for field, code in zip(fields, told, strict=True) if code == DONE]:
            _tell_deadline(ctx, key, at, args[3 : place + 1], done)
        return list[Reply](told)

    return expire


def _tell_deadline(ctx: Context, key: bytes, at: int, words: Sequence[bytes], fields: list[bytes]) -> None:
    """words: the condition, if any, and FIELDS, as they were sent."""
    ctx.propagate(b"HPEXPIREAT", key, b"%d" % at, *words, b"%d" % len(fields), *fields)


def _tell_removed(ctx: Context, key: bytes, value: Hash, then: bytes | None = None) -> None:
    """Fields were taken out, and perhaps something else was done: what is empty goes."""
    if value:
        ctx.db.modified(key)
    else:
        ctx.db.delete(key)
    ctx.notify(b"hdel", key)
    if then is not None:
        ctx.notify(then, key)
    if not value:
        ctx.notify(b"del", key)


for _name, _seconds, _absolute in (
    ("HEXPIRE", True, False),
    ("HPEXPIRE", False, False),
    ("HEXPIREAT", True, True),
    ("HPEXPIREAT", False, True),
):
    command(_name)(_expire(_seconds, _absolute, _name.lower().encode()))


def _left(seconds: bool, absolute: bool) -> Function:
    def left(ctx: Context, args: list[bytes]) -> Reply:
        """Seconds are rounded up."""
        value = hash_at(ctx, args[1])
        told: list[Reply] = []
        for field in _named(args, 2):
            at = None if value is None else value.deadline(field)
            if value is None or at is None:
                told.append(ABSENT if value is None or field not in value else FOREVER)
            else:
                time = at if absolute else at - ctx.now
                told.append((time + 999) // 1000 if seconds else time)
        return told

    return left


command("HTTL")(_left(seconds=True, absolute=False))
command("HPTTL")(_left(seconds=False, absolute=False))
command("HEXPIRETIME")(_left(seconds=True, absolute=True))
command("HPEXPIRETIME")(_left(seconds=False, absolute=True))


def _persist(value: Hash, field: bytes) -> int:
    if field not in value:
        return ABSENT
    if value.deadline(field) is None:
        return FOREVER
    value.set_deadline(field, None)
    return DONE


@command("HPERSIST")
def hpersist(ctx: Context, args: list[bytes]) -> Reply:
    key, value = args[1], hash_at(ctx, args[1])
    fields = _named(args, 2)
    if value is None:
        return [ABSENT] * len(fields)
    told = [_persist(value, field) for field in fields]
    if DONE in told:
        with ahead(ctx):
            ctx.db.modified(key)
            ctx.notify(b"hpersist", key)
    return list[Reply](told)


# ---- reading and writing with deadlines ----------------------------------------------------------------------------


@command("HGETEX")
def hgetex(ctx: Context, args: list[bytes]) -> Reply:
    key, value = args[1], hash_at(ctx, args[1])
    option, place, at = args[2].upper(), 2, None
    if option in TIMES:
        at, place = _deadline(ctx, args[3], *TIMES[option], b"hgetex"), 4
    elif option == b"PERSIST":
        place = 3
    if len(args) < place + 2:
        raise CommandError(errors.wrong_arity(b"hgetex"))
    fields = _named(args, place)
    if value is None:
        return [None] * len(fields)
    if at is not None or option == b"PERSIST":
        value.be_timed()
    found = [field for field in fields if field in value]
    if at is not None and at <= ctx.now:
        for field in dict.fromkeys(found):
            ctx.propagate(b"HDEL", key, field)
        return _take(ctx, key, value, fields)
    if at is not None and found:
        for field in found:
            value.set_deadline(field, at)
        ctx.db.modified(key)
        ctx.notify(b"hexpire", key)
        _tell_deadline(ctx, key, at, args[place : place + 1], fields)
    elif option == b"PERSIST" and DONE in [_persist(value, field) for field in found]:
        ctx.db.modified(key)
        ctx.notify(b"hpersist", key)
        ctx.propagate(b"HPERSIST", key, args[place], b"%d" % len(fields), *fields)
    return [value.get(field) for field in fields]


def _take(ctx: Context, key: bytes, value: Hash, fields: list[bytes]) -> list[Reply]:
    """Take fields out; their values, of one that is named twice the first time only."""
    told: list[Reply] = []
    gone = 0
    for field in fields:
        told.append(value.get(field))
        gone += value.remove((field,))
    if gone:
        settle(ctx, key, value, b"hdel")
    return told


@command("HGETDEL")
def hgetdel(ctx: Context, args: list[bytes]) -> Reply:
    value = hash_at(ctx, args[1])
    fields = _named(args, 2)
    if value is None:
        return [None] * len(fields)
    if any(field in value for field in fields):
        ctx.propagate(b"HDEL", args[1], *fields)
    return _take(ctx, args[1], value, fields)


@attrs.define(slots=True)
class _Setting:
    """What HSETEX is asked for."""

    condition: bytes = b""  # FNX or FXX
    time: bytes = b""  # the option that says when fields end, or KEEPTTL
    at: int | None = None
    fields: list[bytes] = attrs.Factory(list)
    values: list[bytes] = attrs.Factory(list)


def _setting(ctx: Context, args: list[bytes]) -> _Setting:
    """Raises CommandError."""
    asked, place = _Setting(), 2
    while place < len(args):
        word = args[place].upper()
        place += 1
        if word == b"FIELDS":
            asked.fields, asked.values = _pairs(args[place:])
            return asked
        if word in (b"FNX", b"FXX"):
            if asked.condition:
                raise _repeated(b"FXX or FNX")
            asked.condition = word
        elif word in TIMES or word == b"KEEPTTL":
            if asked.time:
                raise _repeated(b"EX, PX, EXAT, PXAT or KEEPTTL")
            asked.time = word
            if word in TIMES and place < len(args):
                asked.at = _deadline(ctx, args[place], *TIMES[word], b"hsetex")
                place += 1
        else:
            said = args[place - 1].split(b"\0", 1)[0].rstrip(b"\r\n")
            raise CommandError(errors.one_line(b"ERR unknown argument: " + said))
    raise CommandError(errors.wrong_arity(b"hsetex"))


def _repeated(words: bytes) -> CommandError:
    return CommandError(b"ERR Only one of %b arguments can be specified" % words)


def _pairs(words: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The fields and values behind their number, with which they end.  Raises CommandError."""
    if len(words) < 3:
        raise CommandError(errors.wrong_arity(b"hsetex"))
    number = to_integer(words[0])
    if number is None or not 1 <= number < 2**31:
        raise CommandError(b"ERR invalid number of fields")
    if len(words) != 1 + 2 * number:
        raise CommandError(errors.wrong_arity(b"hsetex"))
    return words[1::2], words[2::2]


@command("HSETEX")
def hsetex(ctx: Context, args: list[bytes]) -> Reply:
    asked = _setting(ctx, args)
    key, value = args[1], hash_at(ctx, args[1])
    there = [value is not None and field in value for field in asked.fields]
    if (asked.condition == b"FXX" and not all(there)) or (asked.condition == b"FNX" and any(there)):
        return 0
    is_new = value is None
    if value is None:
        value = ctx.server.types.Hash(ctx.server.config)
    value.set(asked.fields, asked.values, keep_deadlines=asked.time == b"KEEPTTL")
    if asked.at is not None:
        value.be_timed()
        if asked.at > ctx.now:
            for field in asked.fields:
                value.set_deadline(field, asked.at)
    if is_new:
        ctx.db.put(key, value)
    else:
        ctx.db.modified(key)
    ctx.notify(b"hset", key)
    if asked.at is not None and asked.at <= ctx.now:
        value.remove(asked.fields)
        settle(ctx, key, value, b"hdel")
        for field in asked.fields:
            ctx.propagate(b"HDEL", key, field)
        return 1
    if asked.at is not None:
        ctx.notify(b"hexpire", key)
    ctx.propagate(*_with_deadline(args, asked))
    return 1


def _with_deadline(args: list[bytes], asked: _Setting) -> list[bytes]:
    """HSETEX as others are told: with the time at which fields end."""
    place = len(args) - 2 * len(asked.fields) - 2
    options, rest = args[2:place], args[place:]
    if asked.at is not None:
        behind = 1 if options[0].upper() in (b"FNX", b"FXX") else 0
        options = [*options[:behind], b"PXAT", b"%d" % asked.at, *(options[2:] if not behind else ())]
    return [b"HSETEX", args[1], *options, *rest]
