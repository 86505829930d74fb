"""As much of lists and sets as TYPE, COPY, SCAN and WRONGTYPE need: RPUSH, LRANGE, SADD."""

from __future__ import annotations

from collections import deque
from itertools import islice

from redlark.server.commands.common import list_at, part, set_at
from redlark.server.commands.registry import command
from redlark.server.interfaces import Context, Reply
from redlark.server.values import integer


@command("RPUSH")
def rpush(ctx: Context, args: list[bytes]) -> Reply:
    elements = list_at(ctx, args[1])
    if elements is None:
        elements = deque(args[2:])
        ctx.db.put(args[1], elements)
    else:
        elements.extend(args[2:])
        ctx.db.modified(args[1])
    return len(elements)


@command("LRANGE")
def lrange(ctx: Context, args: list[bytes]) -> Reply:
    start, end = integer(args[2]), integer(args[3])
    elements = list_at(ctx, args[1])
    if elements is None:
        return []
    wanted = part(start, end, len(elements))
    return list(islice(elements, min(wanted.start, len(elements)), min(wanted.stop, len(elements))))


@command("SADD")
def sadd(ctx: Context, args: list[bytes]) -> Reply:
    members = set_at(ctx, args[1])
    if members is None:
        members = set(args[2:])
        ctx.db.put(args[1], members)
        return len(members)
    before = len(members)
    members.update(args[2:])
    if len(members) != before:
        ctx.db.modified(args[1])
    return len(members) - before
