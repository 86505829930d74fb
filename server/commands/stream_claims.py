"""The stream group, what is pending: claiming it, and deleting entries with regard to who has use for them."""

from __future__ import annotations

from itertools import islice
from typing import Final

from redlark.server import errors, ids
from redlark.server.commands.common import as_stream, stream_at
from redlark.server.commands.registry import command
from redlark.server.commands.stream_groups import heard_of, no_group, tell_delivery, tell_progress
from redlark.server.commands.streams import POLICIES, changed_quietly, is_referenced, told, unreference
from redlark.server.interfaces import CommandError, Context, Reply
from redlark.server.types import Stream
from redlark.server.values import integer, to_integer, until_nul

MOST_CLAIMED: Final = 576460752303423487


# ---- claiming --------------------------------------------------------------------------------------------------------


@command("XCLAIM")
def xclaim(ctx: Context, args: list[bytes]) -> Reply:
    key, consumer = args[1], args[3]
    stream = stream_at(ctx, key)
    if stream is None or args[2] not in stream.groups:
        raise CommandError(no_group(key, args[2]))
    group = stream.groups[args[2]]
    idle = integer(args[4], b"ERR Invalid min-idle-time argument for XCLAIM")
    place = 5
    while place < len(args) and ids.parse(args[place]) is not None:
        place += 1
    wanted = [ids.strict(text) for text in args[5:place]]
    moment, count, last, words = _claim_options(ctx, args[place:])
    further = last is not None and last > group.last_id
    if last is not None and further:
        group.last_id = last
    ctx.propagate()
    mine = heard_of(ctx, key, group, consumer)
    claimed: list[Reply] = []
    for id_ in wanted:
        items, held = stream.get(id_), group.held(id_)
        if items is None:
            if held is not None:
                further = False
                tell_delivery(ctx, key, args[2], id_, group)
            group.take(id_)
            continue
        if held is None and b"FORCE" not in words:
            continue
        if held is not None and idle > 0 and ctx.now - held.time < idle:
            continue
        times = held.count if held is not None else 1
        if count is not None and count >= 0:
            times = count
        elif b"JUSTID" not in words:
            times += 1
        group.give(id_, consumer, moment, times)
        further = False
        tell_delivery(ctx, key, args[2], id_, group)
        mine.active = ctx.now
        claimed.append(ids.shown(id_) if b"JUSTID" in words else told(id_, items))
    if further:
        tell_progress(ctx, key, args[2], group)
    changed_quietly(ctx, key)
    return claimed


def _claim_options(ctx: Context, rest: list[bytes]) -> tuple[int, int | None, int | None, set[bytes]]:
    """When the entries are said to be delivered, how often, LASTID, and the plain words.  Raises CommandError."""
    moment, count, last, words, place = ctx.now, None, None, set[bytes](), 0
    while place < len(rest):
        word, more = rest[place].upper(), place + 1 < len(rest)
        if word in (b"FORCE", b"JUSTID"):
            words.add(word)
            place += 1
            continue
        if word == b"LASTID" and more:
            last = ids.strict(rest[place + 1])
        elif word in (b"IDLE", b"TIME", b"RETRYCOUNT") and more:
            number = integer(rest[place + 1], b"ERR Invalid %b option argument for XCLAIM" % word)
            if word == b"RETRYCOUNT":
                count = number
            else:
                moment = ctx.now - number if word == b"IDLE" else number
        else:
            shown = until_nul(rest[place])
            raise CommandError(errors.one_line(b"ERR Unrecognized XCLAIM option '%b'" % shown))
        place += 2
    return moment if 0 <= moment <= ctx.now else ctx.now, count, last, words


@command("XAUTOCLAIM")
def xautoclaim(ctx: Context, args: list[bytes]) -> Reply:
    key, consumer = args[1], args[3]
    found = ctx.db.look(key)  # before anything else is read
    idle = integer(args[4], b"ERR Invalid min-idle-time argument for XAUTOCLAIM")
    low, left, just, place = ids.low(args[5]), 100, False, 6
    while place < len(args):
        word = args[place].upper()
        if word == b"COUNT" and place + 1 < len(args):
            count = to_integer(args[place + 1])
            if count is None or not 0 < count <= MOST_CLAIMED:
                raise CommandError(b"ERR COUNT must be > 0")
            left, place = count, place + 1
        elif word == b"JUSTID":
            just = True
        else:
            raise errors.syntax()
        place += 1
    stream = as_stream(found)
    if stream is None or args[2] not in stream.groups:
        raise CommandError(no_group(key, args[2]))
    group = stream.groups[args[2]]
    ctx.propagate()
    mine = heard_of(ctx, key, group, consumer)
    claimed, deleted, passed = list[Reply](), list[Reply](), low - 1
    for id_, held in list(islice(group.between(low, ids.MAX_ID), left * 10)):
        if not left:
            break
        passed, items = id_, stream.get(id_)
        if items is None:
            tell_delivery(ctx, key, args[2], id_, group)
            group.take(id_)
            deleted.append(ids.shown(id_))
            left -= 1
        elif idle <= 0 or ctx.now - held.time >= idle:
            group.give(id_, consumer, ctx.now, held.count + (not just))
            tell_delivery(ctx, key, args[2], id_, group)
            mine.active = ctx.now
            claimed.append(ids.shown(id_) if just else told(id_, items))
            left -= 1
    after = next(group.between(passed + 1, ids.MAX_ID), None)
    changed_quietly(ctx, key)
    return [ids.shown(after[0]) if after is not None else b"0-0", claimed, deleted]


# ---- deleting with regard to references -----------------------------------------------------------------------------


def _ids_of(words: list[bytes]) -> tuple[bytes, list[bytes]]:
    """The policy and the ids of `[KEEPREF | DELREF | ACKED] IDS numids id ...`.  Raises CommandError."""
    policy, found, place = b"", None, 0
    while place < len(words):
        word = words[place].upper()
        if word in POLICIES and not policy:
            policy, place = word, place + 1
        elif word == b"IDS" and place + 1 < len(words):
            count = to_integer(words[place + 1])
            if count is None or count < 1:
                raise CommandError(b"ERR Number of IDs must be a positive integer")
            found = words[place + 2 : place + 2 + count]
            if len(found) < count:
                raise CommandError(b"ERR The `numids` parameter must match the number of arguments")
            place += 2 + count
        else:
            raise errors.syntax()
    if found is None:
        raise errors.syntax()
    return policy, found


def _delete(stream: Stream, id_: int, policy: bytes) -> int:
    """1 where an entry went, -1 where there was none, 2 where a group has use for it and it stays."""
    if policy == b"ACKED" and is_referenced(stream, id_):
        return 2
    if policy == b"DELREF":
        unreference(stream, id_)
    if not stream.remove((id_,)):
        return -1
    stream.max_deleted = max(stream.max_deleted, id_)
    return 1


@command("XDELEX")
def xdelex(ctx: Context, args: list[bytes]) -> Reply:
    stream = stream_at(ctx, args[1])
    policy, texts = _ids_of(args[2:])
    if stream is None:
        return [-1] * len(texts)
    results = [_delete(stream, id_, policy) for id_ in [ids.strict(text) for text in texts]]
    gone = any(result == 1 for result in results)
    if gone or policy == b"DELREF":
        _deleted(ctx, args[1], gone)
    return results


@command("XACKDEL")
def xackdel(ctx: Context, args: list[bytes]) -> Reply:
    stream = stream_at(ctx, args[1])
    policy, texts = _ids_of(args[3:])
    if stream is None or args[2] not in stream.groups:
        return [-1] * len(texts)
    group, results, before = stream.groups[args[2]], list[Reply](), len(stream)
    for id_ in [ids.strict(text) for text in texts]:
        if not group.take(id_):
            results.append(-1)
            continue
        results.append(2 if _delete(stream, id_, policy) == 2 else 1)
    if any(result != -1 for result in results):
        _deleted(ctx, args[1], len(stream) < before)
    return results


def _deleted(ctx: Context, key: bytes, entries: bool) -> None:
    if entries:
        ctx.db.modified(key)
        ctx.notify(b"xdel", key)
    else:
        changed_quietly(ctx, key)
