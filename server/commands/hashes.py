"""The hash group.  HSCAN is in `scanning`."""

from __future__ import annotations

from redlark.server import errors, longdouble
from redlark.server.commands.common import hash_at, pairs, random_members, sample_of_pairs, settle
from redlark.server.commands.registry import command
from redlark.server.interfaces import OK, CommandError, Context, Reply
from redlark.server.types import Hash
from redlark.server.values import INT64_MAX, INT64_MIN, integer, to_integer

# ------------------------------------------------------------------------------------------------------------ writing


def _set(ctx: Context, key: bytes, value: Hash | None, fields: list[bytes], values: list[bytes]) -> int:
    """Set fields in the hash of a key, or in a new one, without deadlines of theirs; how many were new."""
    if value is None:
        value = ctx.server.types.Hash(ctx.server.config)
        new = value.set(fields, values)
        ctx.db.put(key, value)
    else:
        new = value.set(fields, values)
        ctx.db.modified(key)
    ctx.notify(b"hset", key)
    return new


def _set_sum(ctx: Context, key: bytes, value: Hash | None, field: bytes, text: bytes, event: bytes) -> None:
    """Set a field that was counted up; its deadline stays."""
    if value is None:
        value = ctx.server.types.Hash(ctx.server.config)
        value.set([field], [text])
        ctx.db.put(key, value)
    else:
        value.set([field], [text], keep_deadlines=True)
        ctx.db.modified(key)
    ctx.notify(event, key)


def _set_all(ctx: Context, args: list[bytes]) -> int:
    if len(args) % 2:
        raise CommandError(errors.wrong_arity(args[0].lower()))
    return _set(ctx, args[1], hash_at(ctx, args[1]), args[2::2], args[3::2])


@command("HSET")
def hset(ctx: Context, args: list[bytes]) -> Reply:
    return _set_all(ctx, args)


@command("HMSET")
def hmset(ctx: Context, args: list[bytes]) -> Reply:
    _set_all(ctx, args)
    return OK


@command("HSETNX")
def hsetnx(ctx: Context, args: list[bytes]) -> Reply:
    value = hash_at(ctx, args[1])
    if value is not None and args[2] in value:
        return 0
    return _set(ctx, args[1], value, [args[2]], [args[3]])


@command("HINCRBY")
def hincrby(ctx: Context, args: list[bytes]) -> Reply:
    amount = integer(args[3])
    value = hash_at(ctx, args[1])
    number = to_integer(_number_in(value, args[2]))
    if number is None:
        raise CommandError(b"ERR hash value is not an integer")
    if not INT64_MIN <= number + amount <= INT64_MAX:
        raise CommandError(errors.OVERFLOW)
    _set_sum(ctx, args[1], value, args[2], b"%d" % (number + amount), b"hincrby")
    return number + amount


def _number_in(value: Hash | None, field: bytes) -> bytes:
    """The text of a field that is to be added to; what is not there counts as 0."""
    text = None if value is None else value.get(field)
    return b"0" if text is None else text


@command("HINCRBYFLOAT")
def hincrbyfloat(ctx: Context, args: list[bytes]) -> Reply:
    amount = longdouble.read(args[3])
    if amount is None:
        raise CommandError(errors.NOT_FLOAT)
    if isinstance(amount, float):
        raise CommandError(b"ERR value is NaN or Infinity")
    value = hash_at(ctx, args[1])
    number = longdouble.read(_number_in(value, args[2]))
    if number is None:
        raise CommandError(b"ERR hash value is not a float")
    total = longdouble.add(number, amount)
    if total is None:
        raise CommandError(errors.NAN_OR_INFINITY)
    text = longdouble.show(total)
    _set_sum(ctx, args[1], value, args[2], text, b"hincrbyfloat")
    ctx.propagate(b"HSETEX", args[1], b"KEEPTTL", b"FIELDS", b"1", args[2], text)
    return text


@command("HDEL")
def hdel(ctx: Context, args: list[bytes]) -> Reply:
    value = hash_at(ctx, args[1])
    gone = 0 if value is None else value.remove(args[2:])
    if value is not None and gone:
        settle(ctx, args[1], value, b"hdel")
    return gone


# ------------------------------------------------------------------------------------------------------------ reading


@command("HGET")
def hget(ctx: Context, args: list[bytes]) -> Reply:
    value = hash_at(ctx, args[1])
    return None if value is None else value.get(args[2])


@command("HMGET")
def hmget(ctx: Context, args: list[bytes]) -> Reply:
    value = hash_at(ctx, args[1])
    return [None if value is None else value.get(field) for field in args[2:]]


@command("HGETALL")
def hgetall(ctx: Context, args: list[bytes]) -> Reply:
    value = hash_at(ctx, args[1])
    return {} if value is None else dict(value.items())


@command("HKEYS")
def hkeys(ctx: Context, args: list[bytes]) -> Reply:
    return list(hash_at(ctx, args[1]) or ())


@command("HVALS")
def hvals(ctx: Context, args: list[bytes]) -> Reply:
    value = hash_at(ctx, args[1])
    return [] if value is None else [text for _, text in value.items()]


@command("HLEN")
def hlen(ctx: Context, args: list[bytes]) -> Reply:
    return len(hash_at(ctx, args[1]) or ())


@command("HEXISTS")
def hexists(ctx: Context, args: list[bytes]) -> Reply:
    return int(args[2] in (hash_at(ctx, args[1]) or ()))


@command("HSTRLEN")
def hstrlen(ctx: Context, args: list[bytes]) -> Reply:
    value = hash_at(ctx, args[1])
    return len((value.get(args[2]) if value is not None else None) or b"")


@command("HRANDFIELD")
def hrandfield(ctx: Context, args: list[bytes]) -> Reply:
    count, with_values = sample_of_pairs(args, b"WITHVALUES")
    value = hash_at(ctx, args[1])
    if value is None:
        return None if count is None else []
    if count is None:
        return value.sample(1)[0]
    drawn = random_members(value, count)
    return pairs(ctx, ((field, value.get(field)) for field in drawn)) if with_values else drawn
