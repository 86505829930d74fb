"""XINFO: what a stream, its groups and their consumers are made of."""

from __future__ import annotations

from itertools import islice

from redlark.server import errors, ids
from redlark.server.commands.common import stream_at
from redlark.server.commands.registry import command
from redlark.server.commands.stream_groups import lag, no_group_of
from redlark.server.commands.streams import told
from redlark.server.interfaces import CommandError, Context, Reply
from redlark.server.types import Consumer, Group, Stream
from redlark.server.values import integer


def _there(ctx: Context, key: bytes) -> Stream:
    stream = stream_at(ctx, key)
    if stream is None:
        raise CommandError(errors.NO_SUCH_KEY)
    return stream


def _head(stream: Stream) -> dict[bytes, Reply]:
    first = stream.first()
    return {
        b"length": len(stream),
        b"radix-tree-keys": stream.nodes,
        b"radix-tree-nodes": stream.nodes + 1,
        b"last-generated-id": ids.shown(stream.last_id),
        b"max-deleted-entry-id": ids.shown(stream.max_deleted),
        b"entries-added": stream.added,
        b"recorded-first-entry-id": ids.shown(0 if first is None else first[0]),
    }


@command("XINFO|STREAM")
def xinfo_stream(ctx: Context, args: list[bytes]) -> Reply:
    stream = _there(ctx, args[2])
    if len(args) == 3:
        first, last = stream.first(), stream.last()
        return _head(stream) | {
            b"groups": len(stream.groups),
            b"first-entry": None if first is None else told(*first),
            b"last-entry": None if last is None else told(*last),
        }
    words = [word.upper() for word in args[3:]]
    if words[0] != b"FULL" or len(words) not in (1, 3) or words[1:2] not in ([], [b"COUNT"]):
        raise CommandError(errors.subcommand_syntax(args))
    count = integer(args[5]) if len(args) == 6 else 10
    most = None if count == 0 else count if count > 0 else 10
    return _head(stream) | {
        b"entries": [told(*entry) for entry in islice(stream.between(0, ids.MAX_ID), most)],
        b"groups": [_full_group(stream, name, group, most) for name, group in sorted(stream.groups.items(), key=_name)],
    }


def _full_group(stream: Stream, name: bytes, group: Group, most: int | None) -> Reply:
    return {
        b"name": name,
        b"last-delivered-id": ids.shown(group.last_id),
        b"entries-read": group.read,
        b"lag": lag(stream, group),
        b"pel-count": group.size,
        b"pending": [
            [ids.shown(id_), held.consumer, held.time, held.count]
            for id_, held in islice(group.between(0, ids.MAX_ID), most)
        ],
        b"consumers": [
            _full_consumer(group, name, one, most) for name, one in sorted(group.consumers.items(), key=_name)
        ],
    }


def _name(pair: tuple[bytes, object]) -> bytes:
    return pair[0]


def _full_consumer(group: Group, name: bytes, consumer: Consumer, most: int | None) -> Reply:
    return {
        b"name": name,
        b"seen-time": consumer.seen,
        b"active-time": consumer.active,
        b"pel-count": consumer.size,
        b"pending": [
            [ids.shown(id_), held.time, held.count] for id_, held in islice(group.between(0, ids.MAX_ID, name), most)
        ],
    }


@command("XINFO|GROUPS")
def xinfo_groups(ctx: Context, args: list[bytes]) -> Reply:
    stream = _there(ctx, args[2])
    return [
        {
            b"name": name,
            b"consumers": len(group.consumers),
            b"pending": group.size,
            b"last-delivered-id": ids.shown(group.last_id),
            b"entries-read": group.read,
            b"lag": lag(stream, group),
        }
        for name, group in sorted(stream.groups.items(), key=_name)
    ]


@command("XINFO|CONSUMERS")
def xinfo_consumers(ctx: Context, args: list[bytes]) -> Reply:
    stream = _there(ctx, args[2])
    if args[3] not in stream.groups:
        raise CommandError(no_group_of(args[3], args[2]))
    return [
        {
            b"name": name,
            b"pending": one.size,
            b"idle": ctx.now - one.seen,
            b"inactive": ctx.now - one.active if one.active >= 0 else -1,
        }
        for name, one in sorted(stream.groups[args[3]].consumers.items(), key=_name)
    ]
