"""MULTI, EXEC, DISCARD, WATCH, UNWATCH.

Queueing is in `dispatch`; marking watchers is in the databases' writes.  Here a transaction begins, runs, and ends.
"""

from __future__ import annotations

from redlark.server import errors
from redlark.server.commands.registry import command
from redlark.server.dispatch import discard
from redlark.server.interfaces import NO_REPLY, NULL_ARRAY, OK, CommandError, Context, Database, Reply
from redlark.server.watching import unwatch


@command("MULTI")
def multi(ctx: Context, args: list[bytes]) -> Reply:
    if ctx.client.queue is not None:
        raise CommandError(b"ERR MULTI calls can not be nested")
    ctx.client.queue = []
    return OK


@command("DISCARD")
def discard_(ctx: Context, args: list[bytes]) -> Reply:
    if ctx.client.queue is None:
        raise CommandError(b"ERR DISCARD without MULTI")
    discard(ctx.client)
    return OK


@command("EXEC")
def exec_(ctx: Context, args: list[bytes]) -> Reply:
    client = ctx.client
    if client.queue is None:
        raise CommandError(b"ERR EXEC without MULTI")
    for database, key in client.watching:
        database.exists(key)  # one that has expired since is a change: it touches its watchers
    if client.queue_failed or client.touched:
        failed = client.queue_failed
        discard(client)
        if failed:
            raise CommandError(errors.EXECABORT)
        return NULL_ARRAY
    unwatch(client)
    ctx.executing = True
    queue, client.queue = client.queue, None
    client.write(b"*%d\r\n" % len(queue))
    for request in queue:
        client.run(request)
    ctx.executing = False
    return NO_REPLY


@command("WATCH")
def watch(ctx: Context, args: list[bytes]) -> Reply:
    client = ctx.client
    if client.queue is not None:
        raise CommandError(b"ERR WATCH inside MULTI is not allowed")
    if client.touched:
        return OK
    for key in args[1:]:
        ctx.db.exists(key)  # what has expired already is not a change later
        if not any(database is ctx.db and watched == key for database, watched in client.watching):
            client.watching.append((ctx.db, key))
            ctx.db.watched.setdefault(key, []).append(client)
    return OK


@command("UNWATCH")
def unwatch_(ctx: Context, args: list[bytes]) -> Reply:
    unwatch(ctx.client)
    return OK


def touch_swapped(one: Database, other: Database) -> None:
    """SWAPDB is a change of every watched key that exists on either side."""
    for database in (one, other):
        for key in list(database.watched):
            if one.exists(key) or other.exists(key):
                for client in database.watched.get(key, ()):
                    client.touched = True
