"""The one call path: what happens to a request before, around and after its command.

The order of errors that hold for every command is the order of the lines in `process`.
"""

from __future__ import annotations

from time import perf_counter_ns

from redlark.server import errors, off
from redlark.server.blocking import finished
from redlark.server.interfaces import (
    QUEUED,
    REPLY_ON,
    Client,
    Command,
    CommandError,
    Context,
    Reply,
)
from redlark.server.pausing import PASSED_ON
from redlark.server.state import State, is_local
from redlark.server.watching import unwatch

# Never queued: they end or refuse the transaction themselves.
UNQUEUED = frozenset((b"exec", b"discard", b"multi", b"watch", b"quit", b"reset"))
# What a client of RESP2 may ask while it listens: replies could be taken for messages.
WHILE_SUBSCRIBED = frozenset((
    b"subscribe", b"psubscribe", b"ssubscribe", b"unsubscribe", b"punsubscribe", b"sunsubscribe", b"ping", b"quit",
    b"reset",
))  # fmt: skip
# What runs code: a full server asks whether that may write.
CODE = frozenset((b"eval", b"eval_ro", b"evalsha", b"evalsha_ro", b"fcall", b"fcall_ro"))
# An HTTP client that talks to the port (cross-protocol scripting): closed without a word.
HTTP_WORDS = frozenset((b"POST", b"HOST:"))
HTTP_TOLD_MS = 60_000  # between two lines of the log about them


def find(table: dict[bytes, Command], request: list[bytes]) -> Command:
    """The command that a request names.  Raises CommandError."""
    command = table.get(request[0].upper())
    if command is None:
        raise CommandError(off.refusal(request[0]) or errors.unknown_command(request))
    if command.subcommands and len(request) > 1:
        container, command = command, command.subcommands.get(request[1].upper())
        if command is None:
            lacking = off.refusal(b"%b|%b" % (container.name, request[1]))
            raise CommandError(lacking or errors.unknown_subcommand(request[0], request[1]))
    return command


def keeps_caching(command: Command) -> bool:
    """CLIENT CACHING counts for the next command that is not CLIENT's own."""
    return command.name.startswith(b"client|") and command.name != b"client|setinfo"


def process(ctx: Context, request: list[bytes]) -> None:
    """Check a request and, if nothing speaks against it, run or queue it."""
    client, tracking, propagation = ctx.client, ctx.server.tracking, ctx.server.propagation
    if propagation.on and ctx.server.busy is None:
        propagation.finish()  # what has expired under hot commands
    command = None
    try:
        command = find(ctx.server.commands, request)
    except CommandError as error:
        if request[0].upper() in HTTP_WORDS:
            _warn_of_http(ctx)
            client.close()
            return
        client.last_command = b""
        _refuse(client, None, error.line)
    else:
        client.last_command = command.name
        _checked(ctx, command, request)
    if client.reply_mode != REPLY_ON:
        finished(client)
    if tracking.on:
        tracking.answered(client, command is not None and keeps_caching(command))
    if propagation.on and ctx.server.busy is None:
        propagation.finish()
    if ctx.server.waiting.came and ctx.server.busy is None:
        ctx.server.waiting.serve()
    tracking.writer = None


def _warn_of_http(ctx: Context) -> None:
    """A line in the log, at most one a minute: who sends HTTP could fill the disk."""
    server = ctx.server
    if server.now - server.http_told >= HTTP_TOLD_MS:
        server.http_told = server.now
        where = ctx.client.addr.decode("latin-1")
        server.log(
            "warning", f"somebody speaks HTTP here, perhaps a page in a browser that is not to: {where} is closed"
        )


def _checked(ctx: Context, command: Command, request: list[bytes]) -> None:
    client = ctx.client
    refusal = _refusal(ctx, command, request)  # of what is evicted for its sake the client is told before its reply
    ctx.command = command
    ctx.running = True
    ctx.server.tracking.writer = client
    if refusal is not None:
        _refuse(client, command, refusal)
    elif ctx.server.pause.is_on and (ctx.server.pause.everything or _writes(ctx, command, request, PASSED_ON)):
        ctx.server.pause.hold(client, request)
    elif client.queue is not None and command.name not in UNQUEUED:
        if not (client.queue_failed or client.touched):  # else EXEC will not run it
            client.queue.append(request)
            ctx.queued += sum(map(len, request))
        client.reply(QUEUED)
        if ctx.queued > ctx.server.config.client_query_buffer_limit:
            ctx.server.loop.stats.query_overflows += 1
            client.close()
    elif client.no_touch and command.name != b"touch":
        ctx.db.touching = False
        client.run(request)
        for database in ctx.server.databases:  # SELECT may have changed the current one
            database.touching = True
    else:
        client.run(request)
    ctx.command = None
    ctx.ran()


def _refusal(ctx: Context, command: Command, request: list[bytes]) -> bytes | None:
    """The error that keeps a command from running, in Redis's order: arity, authentication, MULTI, memory."""
    client, server = ctx.client, ctx.server
    size = len(request)
    if size != command.arity and (command.arity > 0 or size < -command.arity):
        return errors.wrong_arity(command.name)
    if command.name == b"debug" and not _may_debug(client):
        return errors.NO_DEBUG
    if not client.authenticated and not command.no_auth:
        return errors.NOAUTH
    if client.queue is not None and command.no_multi:
        return errors.NO_MULTI
    if server.memory_limited and not server.eviction.has_room() and _takes_memory(ctx, command, request):
        return errors.OOM
    if server.lacks_replicas and _writes(ctx, command, request):
        return errors.NO_REPLICAS
    if server.tracking.on:
        server.tracking.shrink(server.config.tracking_table_max_keys, client)
    if client.subscribed and client.resp == 2 and command.name not in WHILE_SUBSCRIBED:
        return errors.subscribed(command.name)
    if client in server.observer.monitors and command.flags & {"write", "readonly"}:
        return errors.ONLY_WATCHES
    return None if command.allow_busy else server.busy


def _may_debug(client: Client) -> bool:
    allowed = client.context.server.config.enable_debug_command
    return allowed == b"yes" or (allowed == b"local" and (client.unix or is_local(client.addr)))


def _writes(ctx: Context, command: Command, request: list[bytes], counted: frozenset[bytes] = frozenset()) -> bool:
    """Does a request write, or one of its transaction?  Code that says whether it does is taken at its word.

    What is in `counted` counts as well.
    """
    queue = ctx.client.queue
    if command.name == b"exec" and queue:
        return any(_writes(ctx, find(ctx.server.commands, queued), queued, counted) for queued in queue)
    told = ctx.server.scripting.told(command.name, request) if command.name in CODE else None
    return command.write or command.name in counted if told is None else told.writes


def go_on(server: State) -> None:
    """A pause is over: who has waited for its end is served, each with all that it has sent (`go_on_with`)."""
    held = server.pause.over()
    server.loop.configure()
    for client, request in held.items():
        if server.clients.get(client.id) is client:
            client.context.held = request
            client.parked = False
            client.resume()


def go_on_with(ctx: Context) -> None:
    """A client that was parked goes on: first with the request that a pause has held."""
    if ctx.held is not None:
        request, ctx.held = ctx.held, None
        process(ctx, request)


def _takes_memory(ctx: Context, command: Command, request: list[bytes]) -> bool:
    queue = ctx.client.queue
    if command.name == b"exec" and queue:
        return any(_takes_memory(ctx, find(ctx.server.commands, queued), queued) for queued in queue)
    told = ctx.server.scripting.told(command.name, request) if command.name in CODE else None
    return command.denyoom if told is None else told.needs_room


def _refuse(client: Client, command: Command | None, line: bytes) -> None:
    if client.queue is not None:
        client.queue_failed = True
    if command is not None and command.name == b"exec":
        discard(client)
        line = errors.exec_abort(line)
    if command is not None:
        command.usage.rejected += 1
    client.context.server.failed(line)
    client.reply(CommandError(line))


def discard(client: Client) -> None:
    """Leave MULTI: nothing is queued, nothing is watched."""
    client.queue = None
    client.context.queued = 0
    client.queue_failed = False
    unwatch(client)


def run(ctx: Context, command: Command, request: list[bytes]) -> Reply:
    """Call a command's function; where it only looks, keys that it looks for in vain are told of."""
    database = ctx.db
    database.counts = command.counts
    database.misses = command.looks and ctx.server.events.misses
    try:
        return command.function(ctx, request)
    finally:
        database.counts, database.misses = 0, False  # or who looks there with another one selected would count


def call(ctx: Context, request: list[bytes]) -> None:
    """Run the Python function of a command that has passed every check, and reply.  (A core's `client.run`.)"""
    command, ctx.command = ctx.command, None
    if command is None:  # of an EXEC
        command = find(ctx.server.commands, request)
    propagation = ctx.server.propagation
    changes = propagation.begin() if propagation.on else 0
    began = perf_counter_ns()
    try:
        reply = run(ctx, command, request)
        if propagation.on:
            propagation.end(changes, command, ctx.index, request)
    except CommandError as error:
        reply = errors.bare(error)
        ctx.server.failed(error.line)
        command.usage.failed += 1
    if ctx.server.tracking.on:
        ctx.server.tracking.called(ctx, command, request)
    ctx.client.reply(reply)
    ctx.server.observer.ran(ctx.client, command, request, perf_counter_ns() - began)
    if ctx.client.parked and (wait := ctx.server.waiting.clients.get(ctx.client.id)) is not None:
        wait.command, wait.request = command, request
