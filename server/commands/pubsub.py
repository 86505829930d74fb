"""The pubsub group: listening to channels, patterns and channels of shards, and sending messages to who does."""

from __future__ import annotations

from redlark.server import errors
from redlark.server.commands.registry import command
from redlark.server.glob import matches
from redlark.server.interfaces import NO_REPLY, CommandError, Context, Reply
from redlark.server.pubsub import CHANNEL, PATTERN, SHARD, Listeners


def _counted(ctx: Context, kind: str) -> int:
    """Channels and patterns count together, channels of shards by themselves."""
    listening = ctx.listening
    return len(listening.shards) if kind == SHARD else len(listening.channels) + len(listening.patterns)


def _answer(ctx: Context, kind: str, word: bytes, name: bytes | None) -> None:
    """One frame, which comes whatever CLIENT REPLY has asked for."""
    resp3 = ctx.client.resp == 3
    if name is not None:
        shown = b"$%d\r\n%b\r\n" % (len(name), name)
    else:
        shown = b"_\r\n" if resp3 else b"$-1\r\n"
    frame = b"3\r\n$%d\r\n%b\r\n%b:%d\r\n" % (len(word), word, shown, _counted(ctx, kind))
    ctx.client.deliver((b">" if resp3 else b"*") + frame)


def _join(ctx: Context, kind: str, names: list[bytes], word: bytes) -> Reply:
    for name in names:
        ctx.server.pubsub.join(ctx.client, kind, name)
        _answer(ctx, kind, word, name)
    return NO_REPLY


def _leave(ctx: Context, kind: str, names: list[bytes], word: bytes) -> Reply:
    leaving = names or list(ctx.listening.names(kind))
    for name in leaving:
        ctx.server.pubsub.leave(ctx.client, kind, name)
        _answer(ctx, kind, word, name)
    if not leaving:
        _answer(ctx, kind, word, None)
    return NO_REPLY


def _commands(prefix: str, kind: str) -> None:
    """The command that begins to listen to names of a kind, and the one that ends it."""
    join_word, leave_word = f"{prefix}subscribe".encode(), f"{prefix}unsubscribe".encode()

    def join(ctx: Context, args: list[bytes]) -> Reply:
        if kind == SHARD and ctx.executing:
            raise CommandError(b"ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
        return _join(ctx, kind, args[1:], join_word)

    def leave(ctx: Context, args: list[bytes]) -> Reply:
        return _leave(ctx, kind, args[1:], leave_word)

    command(f"{prefix}subscribe".upper())(join)
    command(f"{prefix}unsubscribe".upper())(leave)


_commands("", CHANNEL)
_commands("p", PATTERN)
_commands("s", SHARD)


@command("PUBLISH")
def publish(ctx: Context, args: list[bytes]) -> Reply:
    ctx.propagate(*args)
    return ctx.server.pubsub.publish(args[1], args[2])


@command("SPUBLISH")
def spublish(ctx: Context, args: list[bytes]) -> Reply:
    ctx.propagate(*args)
    return ctx.server.pubsub.publish_to_shard(args[1], args[2])


# ---- what is there -------------------------------------------------------------------------------------------------


def _names(listeners: Listeners, args: list[bytes]) -> Reply:
    if len(args) > 3:
        raise CommandError(errors.subcommand_syntax(args))
    return [name for name in listeners if len(args) < 3 or matches(args[2], name)]


def _counts(listeners: Listeners, names: list[bytes]) -> Reply:
    return [part for name in names for part in (name, len(listeners.get(name, ())))]


@command("PUBSUB|CHANNELS")
def pubsub_channels(ctx: Context, args: list[bytes]) -> Reply:
    return _names(ctx.server.pubsub.channels, args)


@command("PUBSUB|NUMSUB")
def pubsub_numsub(ctx: Context, args: list[bytes]) -> Reply:
    return _counts(ctx.server.pubsub.channels, args[2:])


@command("PUBSUB|NUMPAT")
def pubsub_numpat(ctx: Context, args: list[bytes]) -> Reply:
    return len(ctx.server.pubsub.patterns)


@command("PUBSUB|SHARDCHANNELS")
def pubsub_shardchannels(ctx: Context, args: list[bytes]) -> Reply:
    return _names(ctx.server.pubsub.shards, args)


@command("PUBSUB|SHARDNUMSUB")
def pubsub_shardnumsub(ctx: Context, args: list[bytes]) -> Reply:
    return _counts(ctx.server.pubsub.shards, args[2:])
