"""The sorted set group: single members.  Ranges are in `sorted_set_ranges`, several sets in `sorted_set_algebra`."""

from __future__ import annotations

import math
from itertools import takewhile

import attrs

from redlark.server import doubles, errors
from redlark.server.commands.common import (
    first_there,
    has_word,
    pairs,
    pop_from,
    random_members,
    sample_of_pairs,
    settle,
    zset_at,
)
from redlark.server.commands.registry import command
from redlark.server.interfaces import NULL_ARRAY, CommandError, Context, Reply
from redlark.server.types import Scored, SortedSet
from redlark.server.values import positive

NAN = b"ERR resulting score is not a number (NaN)"
ZADD_OPTIONS = frozenset((b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"))


def read_score(text: bytes) -> float:
    """A score as an argument.  Raises CommandError."""
    score = doubles.read(text)
    if score is None:
        raise CommandError(errors.NOT_FLOAT)
    return score


# ------------------------------------------------------------------------------------------------------------ writing


@attrs.define(slots=True)
class _Addition:
    """ZADD: what is asked for, and what has become of it."""

    options: frozenset[bytes]
    added: int = 0
    updated: int = 0
    score: float | None = None  # that the last member has now; None where it was passed over

    def check(self, pairs_given: int) -> None:
        """Raises CommandError where options cannot stand together."""
        given = self.options
        if given >= {b"NX", b"XX"}:
            raise CommandError(b"ERR XX and NX options at the same time are not compatible")
        if (b"GT" in given and given & {b"NX", b"LT"}) or given >= {b"LT", b"NX"}:
            raise CommandError(b"ERR GT, LT, and/or NX options at the same time are not compatible")
        if b"INCR" in given and pairs_given > 1:
            raise CommandError(b"ERR INCR option supports a single increment-element pair")

    def put(self, value: SortedSet, member: bytes, score: float) -> None:
        """One pair.  Raises CommandError."""
        given = self.options
        old = value.score(member)
        self.score = None
        if (b"NX" in given and old is not None) or (b"XX" in given and old is None):
            return
        if old is not None:
            if b"INCR" in given:
                score += old
                if math.isnan(score):
                    raise CommandError(NAN)
            if (b"GT" in given and score <= old) or (b"LT" in given and score >= old):
                return
        self.score = score
        if old is None:
            value.put(member, score)
            self.added += 1
        elif score != old:
            value.put(member, score)
            self.updated += 1


@command("ZADD")
def zadd(ctx: Context, args: list[bytes]) -> Reply:
    words = list(takewhile(lambda word: word.upper() in ZADD_OPTIONS, args[2:]))
    rest = args[2 + len(words) :]
    if len(rest) % 2 or not rest:
        raise errors.syntax()
    work = _Addition(frozenset(word.upper() for word in words))
    work.check(len(rest) // 2)
    scores = list(map(read_score, rest[::2]))
    key = args[1]
    value = old = zset_at(ctx, key)
    if value is None:
        if b"XX" in work.options:
            return None if b"INCR" in work.options else 0
        value = ctx.server.types.SortedSet(ctx.server.config)
    _unpack(ctx, value, len(scores))
    for member, score in zip(rest[1::2], scores, strict=True):
        work.put(value, member, score)
    if work.added or work.updated:
        if old is None:
            ctx.db.put(key, value)
        else:
            ctx.db.modified(key)
        ctx.notify(b"zincr" if b"INCR" in work.options else b"zadd", key)
    if b"INCR" in work.options:
        return work.score
    return work.added + work.updated if b"CH" in work.options else work.added


def _unpack(ctx: Context, value: SortedSet, named: int) -> None:
    """More pairs than a packed one may hold unpack it before anything is done, repeats too."""
    if named > ctx.server.config.zset_max_listpack_entries:
        value.unpack()


@command("ZINCRBY")
def zincrby(ctx: Context, args: list[bytes]) -> Reply:
    score, key, member = read_score(args[2]), args[1], args[3]
    value = zset_at(ctx, key)
    work = _Addition(frozenset((b"INCR",)))
    if value is None:
        value = ctx.server.types.SortedSet(ctx.server.config)
        _unpack(ctx, value, 1)
        work.put(value, member, score)
        ctx.db.put(key, value)
    else:
        _unpack(ctx, value, 1)
        work.put(value, member, score)
        if work.added or work.updated:
            ctx.db.modified(key)
    if work.added or work.updated:
        ctx.notify(b"zincr", key)
    return work.score


@command("ZREM")
def zrem(ctx: Context, args: list[bytes]) -> Reply:
    value = zset_at(ctx, args[1])
    gone = 0 if value is None else value.remove(args[2:])
    if value is not None and gone:
        settle(ctx, args[1], value, b"zrem")
    return gone


# ------------------------------------------------------------------------------------------------------------ looking


@command("ZCARD")
def zcard(ctx: Context, args: list[bytes]) -> Reply:
    return len(zset_at(ctx, args[1]) or ())


@command("ZSCORE")
def zscore(ctx: Context, args: list[bytes]) -> Reply:
    value = zset_at(ctx, args[1])
    return None if value is None else value.score(args[2])


@command("ZMSCORE")
def zmscore(ctx: Context, args: list[bytes]) -> Reply:
    value = zset_at(ctx, args[1])
    return [None if value is None else value.score(member) for member in args[2:]]


def _rank(ctx: Context, args: list[bytes], from_end: bool) -> Reply:
    if len(args) > 4:
        raise CommandError(errors.wrong_arity(args[0].lower()))
    with_score = has_word(args[3:], b"WITHSCORE")
    value = zset_at(ctx, args[1])
    rank = None if value is None else value.rank(args[2])
    if value is None or rank is None:
        return NULL_ARRAY if with_score else None
    if from_end:
        rank = len(value) - 1 - rank
    return [rank, value.score(args[2])] if with_score else rank


@command("ZRANK")
def zrank(ctx: Context, args: list[bytes]) -> Reply:
    return _rank(ctx, args, from_end=False)


@command("ZREVRANK")
def zrevrank(ctx: Context, args: list[bytes]) -> Reply:
    return _rank(ctx, args, from_end=True)


@command("ZRANDMEMBER")
def zrandmember(ctx: Context, args: list[bytes]) -> Reply:
    count, with_scores = sample_of_pairs(args, b"WITHSCORES")
    value = zset_at(ctx, args[1])
    if value is None:
        return None if count is None else []
    if count is None:
        return value.sample(1)[0]
    drawn = random_members(value, count)
    return pairs(ctx, ((member, value.score(member)) for member in drawn)) if with_scores else drawn


# ------------------------------------------------------------------------------------------------------------ popping


def pop_scored(ctx: Context, key: bytes, value: SortedSet, count: int, lowest: bool) -> list[Scored]:
    """Take as many members at most from one end, the one at the very end first."""
    size = len(value)
    start, stop = (0, min(count, size)) if lowest else (max(size - count, 0), size)
    gone = value.range(start, stop)
    value.remove_range(start, stop)
    settle(ctx, key, value, b"zpopmin" if lowest else b"zpopmax")
    return gone if lowest else gone[::-1]


def _pop_end(ctx: Context, args: list[bytes], lowest: bool) -> Reply:
    if len(args) > 3:
        raise errors.syntax()
    count = positive(args[2]) if len(args) == 3 else None
    value = zset_at(ctx, args[1])
    if value is None or count == 0:
        return []
    gone = pop_scored(ctx, args[1], value, 1 if count is None else count, lowest)
    return list(gone[0]) if count is None else pairs(ctx, gone)


@command("ZPOPMIN")
def zpopmin(ctx: Context, args: list[bytes]) -> Reply:
    return _pop_end(ctx, args, lowest=True)


@command("ZPOPMAX")
def zpopmax(ctx: Context, args: list[bytes]) -> Reply:
    return _pop_end(ctx, args, lowest=False)


@command("ZMPOP")
def zmpop(ctx: Context, args: list[bytes]) -> Reply:
    keys, lowest, count = pop_from(args, (b"MIN", b"MAX"))
    found = first_there(ctx, keys, zset_at)
    if found is None:
        return NULL_ARRAY
    key, value = found
    popped = pop_scored(ctx, key, value, count, lowest)
    ctx.propagate(b"ZPOPMIN" if lowest else b"ZPOPMAX", key, b"%d" % len(popped))
    return [key, popped]
