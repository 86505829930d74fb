"""The stream group, groups of consumers: making them, delivering to them, acknowledging."""

from __future__ import annotations

from itertools import islice
from typing import Final

from redlark.server import errors, ids
from redlark.server.blocking import ANY, wake
from redlark.server.commands.common import stream_at
from redlark.server.commands.registry import command
from redlark.server.commands.streams import (
    Reading,
    changed_quietly,
    told,
)
from redlark.server.interfaces import NULL_ARRAY, OK, CommandError, Context, Reply
from redlark.server.types import Consumer, Group, Stream
from redlark.server.values import integer, until_nul

NEEDS_KEY: Final = (
    b"ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM "
    b"option to create an empty stream automatically."
)
MEANINGLESS: Final = (
    b"ERR The %b ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by "
    b"specifying a proper ID, or use the > ID to get new messages. The %b ID would just return an empty result set."
)


def no_group_of(group: bytes, key: bytes) -> bytes:
    """The group of a subcommand is not there."""
    return errors.one_line(
        b"NOGROUP No such consumer group '%b' for key name '%b'" % (until_nul(group), until_nul(key))
    )


def no_group(key: bytes, group: bytes) -> bytes:
    """The key or the group that a command names is not there."""
    return errors.one_line(b"NOGROUP No such key '%b' or consumer group '%b'" % (until_nul(key), until_nul(group)))


def heard_of(ctx: Context, key: bytes, group: Group, name: bytes) -> Consumer:
    """The consumer of a name, made where it is named first; it was seen just now."""
    consumer = group.consumers.get(name)
    if consumer is None:
        consumer = group.join(name, ctx.now)
        ctx.notify(b"xgroup-createconsumer", key)
    consumer.seen = ctx.now
    return consumer


def tell_delivery(ctx: Context, key: bytes, name: bytes, id_: int, group: Group) -> None:
    """Others are told for whom an entry is pending."""
    held = group.held(id_)
    assert held is not None
    words = (b"TIME", b"%d" % held.time, b"RETRYCOUNT", b"%d" % held.count, b"FORCE", b"JUSTID", b"LASTID")
    ctx.propagate(b"XCLAIM", key, name, held.consumer, b"0", ids.shown(id_), *words, ids.shown(group.last_id))


def tell_progress(ctx: Context, key: bytes, name: bytes, group: Group) -> None:
    """Others are told how far a group has come."""
    read = b"%d" % (-1 if group.read is None else group.read)
    ctx.propagate(b"XGROUP", b"SETID", key, name, ids.shown(group.last_id), b"ENTRIESREAD", read)


# ---- XGROUP ----------------------------------------------------------------------------------------------------------


def _group_at(ctx: Context, key: bytes, name: bytes) -> tuple[Stream, Group]:
    """The stream and the group that a subcommand is about.  Raises CommandError."""
    stream = stream_at(ctx, key)
    if stream is None:
        raise CommandError(NEEDS_KEY)
    if name not in stream.groups:
        raise CommandError(no_group_of(name, key))
    return stream, stream.groups[name]


def _entries_read(text: bytes) -> int:
    count = integer(text)
    if count < -1:
        raise CommandError(b"ERR value for ENTRIESREAD must be positive or -1")
    return count


def _known(count: int, stream: Stream) -> int | None:
    return None if count == -1 else min(count, stream.added)


@command("XGROUP|CREATE")
def xgroup_create(ctx: Context, args: list[bytes]) -> Reply:
    key, name, make, read, place = args[2], args[3], False, -1, 5
    while place < len(args):
        word = args[place].upper()
        if word == b"MKSTREAM":
            make = True
        elif word == b"ENTRIESREAD" and place + 1 < len(args):
            place += 1
            read = _entries_read(args[place])
        else:
            raise CommandError(errors.subcommand_syntax(args))
        place += 1
    stream = stream_at(ctx, key)
    if stream is None and not make:
        raise CommandError(NEEDS_KEY)
    if len(args) > 8:
        raise CommandError(errors.subcommand_syntax(args))
    old = stream if stream is not None else ctx.server.types.Stream(ctx.server.config)
    start = old.last_id if until_nul(args[4]) == b"$" else ids.strict(args[4])
    if name in old.groups:
        raise CommandError(b"BUSYGROUP Consumer Group name already exists")
    if stream is None:
        ctx.db.put(key, old)
    old.groups[name] = ctx.server.types.Group(start, _known(read, old))
    changed_quietly(ctx, key)
    ctx.notify(b"xgroup-create", key)
    return OK


@command("XGROUP|SETID")
def xgroup_setid(ctx: Context, args: list[bytes]) -> Reply:
    read = -1
    for place in range(5, len(args), 2):
        if args[place].upper() != b"ENTRIESREAD" or place + 1 == len(args):
            raise CommandError(errors.subcommand_syntax(args))
        read = _entries_read(args[place + 1])
    stream, group = _group_at(ctx, args[2], args[3])
    if len(args) > 7:
        raise CommandError(errors.subcommand_syntax(args))
    group.last_id = stream.last_id if until_nul(args[4]) == b"$" else ids.end(args[4], 0)
    group.read = _known(read, stream)
    changed_quietly(ctx, args[2])
    ctx.notify(b"xgroup-setid", args[2])
    return OK


@command("XGROUP|DESTROY")
def xgroup_destroy(ctx: Context, args: list[bytes]) -> Reply:
    stream = stream_at(ctx, args[2])
    if stream is None:
        raise CommandError(NEEDS_KEY)
    if stream.groups.pop(args[3], None) is None:
        return 0
    changed_quietly(ctx, args[2])
    wake(ctx.db, args[2])
    ctx.notify(b"xgroup-destroy", args[2])
    return 1


@command("XGROUP|CREATECONSUMER")
def xgroup_createconsumer(ctx: Context, args: list[bytes]) -> Reply:
    _, group = _group_at(ctx, args[2], args[3])
    if args[4] in group.consumers:
        return 0
    heard_of(ctx, args[2], group, args[4])
    changed_quietly(ctx, args[2])
    return 1


@command("XGROUP|DELCONSUMER")
def xgroup_delconsumer(ctx: Context, args: list[bytes]) -> Reply:
    _, group = _group_at(ctx, args[2], args[3])
    if args[4] not in group.consumers:
        return 0
    gone = group.drop(args[4])
    changed_quietly(ctx, args[2])
    ctx.notify(b"xgroup-delconsumer", args[2])
    return gone


# ---- how far a group has come ---------------------------------------------------------------------------------------


def _first_id(stream: Stream) -> int:
    top = stream.first()
    return 0 if top is None else top[0]


def _has_tombstones(stream: Stream, start: int) -> bool:
    """Whether an entry from an id on was deleted out of turn, so that counting tells nothing."""
    return len(stream) > 0 and 0 < stream.max_deleted >= start


def _position(stream: Stream, id_: int) -> int | None:
    """How many entries the stream had up to an id; None where it cannot be told."""
    first = _first_id(stream)
    if stream.added == 0:
        return 0
    if len(stream) == 0 and id_ <= stream.last_id:
        return stream.added
    if id_ != 0 and id_ < stream.max_deleted:
        return None
    if id_ == stream.last_id:
        return stream.added
    if id_ > stream.last_id or 0 < stream.max_deleted >= first:
        return None
    if id_ <= first:
        return stream.added - len(stream) + (id_ == first)
    return None


def lag(stream: Stream, group: Group) -> int | None:
    """How many entries a group has still to get; None where it cannot be told."""
    first = _first_id(stream)
    if stream.added == 0:
        return 0
    if len(stream) == 0 or (group.last_id < first and stream.max_deleted < first):
        return len(stream)
    if group.read is not None and not _has_tombstones(stream, group.last_id):
        return stream.added - group.read
    position = _position(stream, group.last_id)
    return None if position is None else stream.added - position


def _read_after(stream: Stream, group: Group, id_: int) -> int | None:
    """How many entries a group has read once it has got an entry; counted on while none is missing in between."""
    if group.read is not None and group.last_id >= _first_id(stream) and not _has_tombstones(stream, id_):
        return group.read + 1
    return _position(stream, id_) if stream.added else group.read


# ---- XREADGROUP ------------------------------------------------------------------------------------------------------


@command("XREADGROUP")
def xreadgroup(ctx: Context, args: list[bytes]) -> Reply:
    asked = Reading.of(ctx, args, in_group=True)
    if asked.group is None:
        raise CommandError(b"ERR Missing GROUP option for XREADGROUP")
    group = asked.group
    ctx.propagate()

    def read() -> list[list[Reply]]:
        after = [_from(ctx, key, group, text) for key, text in zip(asked.keys, asked.after, strict=True)]
        return read_for(ctx, asked, group, after)

    return asked.answer(ctx, ANY, read)


def _from(ctx: Context, key: bytes, group: bytes, text: bytes) -> int | None:
    """The id behind which a consumer's history is told; None where new entries are wanted.  Raises CommandError."""
    stream, word = stream_at(ctx, key), until_nul(text)
    if stream is None or group not in stream.groups:
        raise CommandError(no_group(key, group) + b" in XREADGROUP with GROUP option")
    if word in (b"$", b"+"):
        raise CommandError(MEANINGLESS % (word, word))
    behind = ids.MAX_ID if word == b">" else ids.strict(text)
    return None if behind == ids.MAX_ID else behind  # in Redis `>` is that id, and nothing lies behind it


def read_for(ctx: Context, asked: Reading, name: bytes, after: list[int | None]) -> list[list[Reply]]:
    """A row for each key of which there is something to tell a consumer; what is new becomes pending for it."""
    rows: list[list[Reply]] = []
    for key, behind in zip(asked.keys, after, strict=True):
        stream = stream_at(ctx, key)
        assert stream is not None
        group = stream.groups[name]
        if asked.noack and asked.consumer not in group.consumers:
            ctx.propagate(b"XGROUP", b"CREATECONSUMER", key, name, asked.consumer)
        consumer = heard_of(ctx, key, group, asked.consumer)
        if behind is None:
            found = _deliver(ctx, key, stream, group, asked)
            if found and not asked.noack:
                consumer.active = ctx.now
            if found:
                rows.append([key, found])
        else:
            rows.append([key, _again(ctx, stream, group, asked, behind)])
        changed_quietly(ctx, key)
    return rows


def _deliver(ctx: Context, key: bytes, stream: Stream, group: Group, asked: Reading) -> list[Reply]:
    """Entries that nobody of the group has got yet."""
    found: list[Reply] = []
    for id_, items in list(islice(stream.between(group.last_id + 1, ids.MAX_ID), asked.count)):
        group.read = _read_after(stream, group, id_)
        group.last_id = id_
        if not asked.noack:
            group.give(id_, asked.consumer, ctx.now, 1)
            tell_delivery(ctx, key, asked.group or b"", id_, group)
        found.append(told(id_, items))
    if found:
        tell_progress(ctx, key, asked.group or b"", group)
    return found


def _again(ctx: Context, stream: Stream, group: Group, asked: Reading, behind: int) -> list[Reply]:
    """What a consumer has pending behind an id; of an entry that is gone its id alone."""
    found: list[Reply] = []
    for id_, held in list(islice(group.between(behind + 1, ids.MAX_ID, asked.consumer), asked.count)):
        items = stream.get(id_)
        if items is None:
            found.append([ids.shown(id_), NULL_ARRAY])
        else:
            group.give(id_, held.consumer, ctx.now, held.count + 1)
            found.append(told(id_, items))
    return found


@command("XACK")
def xack(ctx: Context, args: list[bytes]) -> Reply:
    stream = stream_at(ctx, args[1])
    if stream is None or args[2] not in stream.groups:
        return 0
    gone = sum([stream.groups[args[2]].take(id_) for id_ in [ids.strict(text) for text in args[3:]]])
    if gone:
        changed_quietly(ctx, args[1])
    return gone


@command("XPENDING")
def xpending(ctx: Context, args: list[bytes]) -> Reply:
    if len(args) != 3 and not 6 <= len(args) <= 9:
        raise errors.syntax()
    idle, place, low, high, count = 0, 3, 0, ids.MAX_ID, 0
    if len(args) > 3:
        if args[3].upper() == b"IDLE":
            idle, place = integer(args[4]), 5
            if len(args) < 8:
                raise errors.syntax()
        count = max(integer(args[place + 2]), 0)
        low, high = ids.low(args[place]), ids.high(args[place + 1])
    stream = stream_at(ctx, args[1])
    if stream is None or args[2] not in stream.groups:
        raise CommandError(no_group(args[1], args[2]))
    group = stream.groups[args[2]]
    if len(args) == 3:
        return _summary(group)
    consumer = args[place + 3] if len(args) > place + 3 else None
    rows: list[Reply] = []
    for id_, held in group.between(low, high, consumer) if count else ():
        if ctx.now - held.time >= idle:
            rows.append([ids.shown(id_), held.consumer, ctx.now - held.time, held.count])
            if len(rows) == count:
                break
    return rows


def _summary(group: Group) -> Reply:
    if not group.size:
        return [0, None, None, NULL_ARRAY]
    held = sorted((name, one.size) for name, one in group.consumers.items() if one.size)
    told = [[name, b"%d" % size] for name, size in held]
    return [group.size, ids.shown(group.first()), ids.shown(group.last()), list[Reply](told)]
