"""The set group: one set at a time.  What several have in common is in `set_algebra`, SSCAN in `scanning`."""

from __future__ import annotations

from redlark.server import errors
from redlark.server.commands.common import ahead, random_members, sample_size, set_at, settle
from redlark.server.commands.registry import command
from redlark.server.interfaces import Context, Reply, SetReply
from redlark.server.types import Set
from redlark.server.values import positive

TOLD = 1024  # members that SPOP took are told of with one SREM, at most


def _add(ctx: Context, key: bytes, value: Set | None, members: list[bytes], announced: int) -> int:
    """Add to the set of a key, or to a new one, and tell."""
    added = _put(ctx, key, value, members, announced)
    if added:
        ctx.notify(b"sadd", key)
    return added


def _put(ctx: Context, key: bytes, value: Set | None, members: list[bytes], announced: int) -> int:
    if value is None:
        value = ctx.server.types.Set(ctx.server.config)
        value.add(members, announced or len(members))
        ctx.db.put(key, value)
        added = len(value)
    elif added := value.add(members, announced):
        ctx.db.modified(key)
    return added


@command("SADD")
def sadd(ctx: Context, args: list[bytes]) -> Reply:
    return _add(ctx, args[1], set_at(ctx, args[1]), args[2:], announced=len(args) - 2)


@command("SREM")
def srem(ctx: Context, args: list[bytes]) -> Reply:
    value = set_at(ctx, args[1])
    gone = 0 if value is None else value.remove(args[2:])
    if value is not None and gone:
        settle(ctx, args[1], value, b"srem")
    return gone


@command("SMOVE")
def smove(ctx: Context, args: list[bytes]) -> Reply:
    source, destination, member = args[1:]
    value = set_at(ctx, source)
    if value is None:
        return 0
    target = set_at(ctx, destination)
    if member not in value:
        return 0
    if source != destination:
        value.remove((member,))
        with ahead(ctx):
            settle(ctx, source, value, b"srem")
            added = _put(ctx, destination, target, [member], announced=0)
        if added:
            ctx.notify(b"sadd", destination)
    return 1


@command("SPOP")
def spop(ctx: Context, args: list[bytes]) -> Reply:
    if len(args) > 3:
        raise errors.syntax()
    count = positive(args[2]) if len(args) == 3 else None
    value = set_at(ctx, args[1])
    if value is None:
        return None if count is None else SetReply([])
    if count is None:
        (member,) = value.sample(1)
        value.remove((member,))
        settle(ctx, args[1], value, b"spop")
        ctx.propagate(b"SREM", args[1], member)
        return member
    if count == 0:
        return SetReply([])
    if count >= len(value):
        ctx.db.counts, counts = 1, ctx.db.counts  # once more, as a union of one set does, which counts
        ctx.db.look(args[1])
        ctx.db.counts = counts
        with ahead(ctx):
            ctx.db.delete(args[1])
            ctx.notify(b"spop", args[1])
            ctx.notify(b"del", args[1])
        ctx.propagate(b"DEL", args[1])
        return SetReply(list(value))
    gone = value.take(count)
    with ahead(ctx):
        ctx.db.modified(args[1])
        ctx.notify(b"spop", args[1])
    for start in range(0, len(gone), TOLD):
        ctx.propagate(b"SREM", args[1], *gone[start : start + TOLD])
    return SetReply(gone)


# ------------------------------------------------------------------------------------------------------------ looking


@command("SCARD")
def scard(ctx: Context, args: list[bytes]) -> Reply:
    return len(set_at(ctx, args[1]) or ())


@command("SISMEMBER")
def sismember(ctx: Context, args: list[bytes]) -> Reply:
    return int(args[2] in (set_at(ctx, args[1]) or ()))


@command("SMISMEMBER")
def smismember(ctx: Context, args: list[bytes]) -> Reply:
    value = set_at(ctx, args[1]) or ()
    return [int(member in value) for member in args[2:]]


@command("SMEMBERS")
def smembers(ctx: Context, args: list[bytes]) -> Reply:
    return SetReply(list(set_at(ctx, args[1]) or ()))


@command("SRANDMEMBER")
def srandmember(ctx: Context, args: list[bytes]) -> Reply:
    if len(args) > 3:
        raise errors.syntax()
    count = sample_size(args[2]) if len(args) == 3 else None
    value = set_at(ctx, args[1])
    if value is None:
        return None if count is None else []
    return value.sample(1)[0] if count is None else random_members(value, count)
