"""Clients that wait: for a moment (WAIT), or until a key comes to be (BLPOP and its kin), or until another frees them.

A client that waits is parked: its input is kept, not executed.  A key comes to be when a database stores a collection
under a name that held nothing; the database notes it, if anybody waits for that key, in `Waiting.came`.  When the
request (a whole EXEC) has ended, `Waiting.serve` looks at these keys in their order, and at who waits for each in the
order of their coming: the command runs again from its beginning, as that client, and its reply ends the waiting.

Must live here: who waits for what, and how waiting ends.  Must not: what the commands do.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

import attrs

from redlark.server.errors import bare
from redlark.server.interfaces import (
    NO_REPLY,
    REPLY_ON,
    REPLY_SKIP,
    REPLY_SKIP_NEXT,
    Came,
    Client,
    Command,
    CommandError,
    Database,
    Reply,
    Status,
)
from redlark.server.timers import Timer, Timers

if TYPE_CHECKING:
    from redlark.server.interfaces import Command, Context


def finished(client: Client) -> None:
    """A request is over: CLIENT REPLY SKIP holds for one."""
    if not client.parked:
        if client.reply_mode == REPLY_SKIP:
            client.reply_mode = REPLY_ON
        elif client.reply_mode == REPLY_SKIP_NEXT:
            client.reply_mode = REPLY_SKIP


ANY: Final = b""  # whatever becomes of a key wakes who waits
STILL: Final = Status(b"")  # the outcome of who has to wait again


@attrs.define(slots=True, eq=False)
class Wait:
    """One client's waiting."""

    client: Client
    late: Reply  # what it is told when the time is over
    timer: Timer | None = None
    database: Database | None = None
    keys: list[bytes] = attrs.Factory(list)
    kind: bytes = ANY  # of the values that wake it, by coming to be
    read: tuple[Command, list[bytes]] | None = None  # a command that reads, for who tracks
    again: Callable[[], Reply] = lambda: NO_REPLY
    command: Command | None = None  # what it asked, once that has run for the first time
    request: list[bytes] = attrs.Factory(list)
    may_be_freed: bool = True  # by CLIENT UNBLOCK


@attrs.define(slots=True, eq=False)
class Waiting:
    """Everyone who waits."""

    timers: Timers
    clients: dict[int, Wait] = attrs.Factory(dict)  # by the client's id
    came: list[Came] = attrs.Factory(list)  # noted by the databases

    def park(self, client: Client, until: int, late: Reply) -> Wait:
        """The client waits until a moment (ms; 0: for ever), and is then told `late`."""
        wait = Wait(client, late)
        client.parked = True
        self.clients[client.id] = wait
        if until:
            # `until` was counted from a clock cut to milliseconds, and nobody is freed before the time is over.
            wait.timer = self.timers.at(until + 1, lambda: self.end(wait, late))
        return wait

    def yield_to_others(self, client: Client, reply: Reply) -> None:
        """The client is answered in a later turn of the loop: who can go on does, and is told what was put off."""
        wait = self.park(client, 0, reply)
        wait.may_be_freed = False
        wait.timer = self.timers.at(0, lambda: self.end(wait, reply))

    def end(self, wait: Wait, reply: Reply, nanoseconds: int = 0) -> None:
        """The waiting is over; its client is told so, and goes on with what it has sent meanwhile.

        nanoseconds: for which its request has now run once more.
        """
        self.leave(wait.client)
        client = wait.client
        client.parked = False
        if isinstance(reply, CommandError):
            client.context.server.failed(reply.line)
        client.push(reply)
        client.context.track.caching = False
        if wait.command is not None:
            failed = isinstance(reply, CommandError)
            client.context.server.observer.waited(client, wait.command, wait.request, nanoseconds, failed)
        finished(client)
        client.resume()

    def leave(self, client: Client) -> None:
        """The client waits for nothing any more."""
        wait = self.clients.pop(client.id, None)
        if wait is None:
            return
        if wait.timer is not None:
            self.timers.cancel(wait.timer)
        if wait.database is not None:
            awaited = wait.database.awaited
            for key in set(wait.keys):
                del awaited[key][wait]
                if not awaited[key]:
                    del awaited[key]

    def serve(self) -> None:
        """Serve who waits for the keys that have come to be; those that come to be by that, too."""
        while self.came:
            for (database, key), came in self._places().items():
                for wait in list(database.awaited.get(key, ())):
                    if self.clients.get(wait.client.id) is wait and _concerns(wait, database, key, came):
                        self._run_again(wait)

    def _places(self) -> dict[tuple[Database, bytes], bool]:
        """The keys of which was noted what concerns somebody, each once and where that was first; have they come to be?

        That a key has gone, and comes to be again (RENAME onto it), concerns who waits for anything as soon as it has.
        """
        places: dict[tuple[Database, bytes], bool] = {}
        for database, key, came in self.came:
            if came or any(wait.kind == ANY for wait in database.awaited.get(key, ())):
                places[database, key] = came or places.get((database, key), False)
        self.came.clear()
        return places

    def _run_again(self, wait: Wait) -> None:
        """What its request sends to the client itself comes behind the reply, as it does at once."""
        context, tracking = wait.client.context, wait.client.context.server.tracking
        if tracking.on:
            tracking.shrink(context.server.config.tracking_table_max_keys, wait.client)
        writer, tracking.writer = tracking.writer, wait.client
        context.running = True
        began = perf_counter_ns()
        outcome = _outcome(wait)
        if wait.read is not None:
            tracking.called(context, *wait.read)
        if wait.client.context.server.propagation.on:
            wait.client.context.server.propagation.finish()
        if outcome is STILL:
            _behind_others(wait)
        else:
            self.end(wait, outcome, perf_counter_ns() - began)
        context.ran()
        tracking.answered(wait.client)
        tracking.writer = writer


def _concerns(wait: Wait, database: Database, key: bytes, came: bool) -> bool:
    return wait.kind == ANY or (came and database.kind(key) == wait.kind)


def _behind_others(wait: Wait) -> None:
    """Who has to wait again stands behind the others from then on."""
    if wait.database is not None:
        for key in wait.keys:
            waiting = wait.database.awaited[key]
            waiting.pop(wait, None)
            waiting[wait] = None


def wake(database: Database, key: bytes) -> None:
    """Something has come to a value for which somebody may wait: a stream has an entry more, a group less."""
    if key in database.awaited:
        database.came.append((database, key, True))


def _outcome(wait: Wait) -> Reply:
    """What the request replies as it runs once more, its look-ups counted and told as those of any."""
    database, command = wait.database, wait.command
    if database is not None and command is not None:
        database.counts = command.counts
        database.misses = command.looks and wait.client.context.server.events.misses
    try:
        return wait.again()
    except CommandError as error:
        return bare(error)
    finally:
        if database is not None:
            database.counts, database.misses = 0, False


def wait_for(
    ctx: Context, keys: list[bytes], kind: bytes, until: int, late: Reply, again: Callable[[], Reply]
) -> Reply:
    """The client waits until one of the keys comes to hold a value of that kind; what `again` gives is its reply."""
    wait = ctx.server.waiting.park(ctx.client, until, late)
    wait.database, wait.keys, wait.kind, wait.again = ctx.db, keys, kind, again
    for key in keys:
        ctx.db.awaited.setdefault(key, {})[wait] = None
    return NO_REPLY


def came_by_swap(one: Database, other: Database) -> None:
    """After SWAPDB every key that is there has come to be."""
    for database in (one, other):
        database.came.extend((database, key, database.exists(key)) for key in database.awaited)
