"""The sorted set group: ranges of places, of scores and of names, told, counted, stored and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from redlark.server import doubles, errors
from redlark.server.commands.common import pairs, part, settle, store_over, zset_at
from redlark.server.commands.registry import command
from redlark.server.interfaces import CommandError, Context, Function, Reply
from redlark.server.types import Scored, SortedSet
from redlark.server.values import integer

BAD_SCORES = b"ERR min or max is not a float"
BAD_NAMES = b"ERR min or max not valid string range item"
LIMIT_BY_RANK = b"ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
SCORES_BY_LEX = b"ERR syntax error, WITHSCORES not supported in combination with BYLEX"
STRIDE = 64  # members that a walk looks at in one go, at first

Test = Callable[[float, bytes], bool]


@attrs.define(slots=True)
class _Range:
    """What is asked for.  low and high are texts, and their order is never that of REV."""

    by: bytes = b""  # BYSCORE, BYLEX, or by place
    reverse: bool = False
    offset: int = 0
    count: int = -1  # below 0: all
    limited: bool = False
    with_scores: bool = False
    low: bytes = b""
    high: bytes = b""
    removes: bool = False

    def check(self) -> None:
        """Raises CommandError where options cannot stand together."""
        if self.with_scores and self.by == b"BYLEX":
            raise CommandError(SCORES_BY_LEX)
        if self.limited and self.count != -1 and not self.by:
            raise CommandError(LIMIT_BY_RANK)


def _options(asked: _Range, words: list[bytes], allowed: frozenset[bytes]) -> None:
    """Read what stands behind the bounds; BYSCORE, BYLEX and REV cannot be repeated.  Raises CommandError."""
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name not in allowed:
            raise errors.syntax()
        if name == b"LIMIT":
            offset, count = next(rest, None), next(rest, None)
            if offset is None or count is None:
                raise errors.syntax()
            asked.offset, asked.count, asked.limited = integer(offset), integer(count), True
        elif name == b"WITHSCORES":
            asked.with_scores = True
        elif name == b"REV":
            if asked.reverse:
                raise errors.syntax()
            asked.reverse = True
        else:
            if asked.by:
                raise errors.syntax()
            asked.by = name
    asked.check()


# ------------------------------------------------------------------------------------------------------------- bounds


def _score_tests(low: bytes, high: bytes) -> tuple[Test, Test]:
    """Whether a member is at or above low, and whether it is above high.  Raises CommandError."""
    least, most = (doubles.read_bound(text.removeprefix(b"(")) for text in (low, high))
    if least is None or most is None:
        raise CommandError(BAD_SCORES)
    above: Test = (lambda s, m: s > least) if low.startswith(b"(") else (lambda s, m: s >= least)
    beyond: Test = (lambda s, m: s >= most) if high.startswith(b"(") else (lambda s, m: s > most)
    return above, beyond


def _name_tests(low: bytes, high: bytes) -> tuple[Test, Test]:
    """Whether a name is at or above low, and whether it is at or below high.  Raises CommandError."""
    for bound in (low, high):
        if bound[:1] not in (b"[", b"(") and bound.split(b"\0", 1)[0] not in (b"-", b"+"):
            raise CommandError(BAD_NAMES)
    least, most = low[1:], high[1:]
    ups: dict[bytes, Test] = {
        b"-": lambda s, m: True,
        b"+": lambda s, m: False,
        b"[": lambda s, m: m >= least,
        b"(": lambda s, m: m > least,
    }
    downs: dict[bytes, Test] = {
        b"-": lambda s, m: False,
        b"+": lambda s, m: True,
        b"[": lambda s, m: m <= most,
        b"(": lambda s, m: m < most,
    }
    return ups[low[:1]], downs[high[:1]]


# ------------------------------------------------------------------------------------------------------------ picking


def _picker(asked: _Range) -> Callable[[SortedSet], list[Scored]]:
    """What finds the members that are asked for.  Raises CommandError for the bounds."""
    if asked.by == b"BYSCORE":
        above, beyond = _score_tests(asked.low, asked.high)
        return lambda value: _by_score(value, above, beyond, asked)
    if asked.by == b"BYLEX":
        up, down = _name_tests(asked.low, asked.high)
        return lambda value: _by_name(value, up, down, asked)
    first, last = (asked.high, asked.low) if asked.reverse else (asked.low, asked.high)
    start, end = integer(first), integer(last)
    return lambda value: _by_place(value, start, end, asked.reverse)


def _by_place(value: SortedSet, start: int, end: int, reverse: bool) -> list[Scored]:
    wanted = part(start, end, len(value))
    return _picked(value, wanted.start, min(wanted.stop, len(value)), reverse)


def _picked(value: SortedSet, start: int, stop: int, reverse: bool) -> list[Scored]:
    """What has these places, counted from the end that is the first."""
    if reverse:
        return value.range(len(value) - stop, len(value) - start)[::-1]
    return value.range(start, stop)


def _by_score(value: SortedSet, above: Test, beyond: Test, asked: _Range) -> list[Scored]:
    start, stop = value.first(above), value.first(beyond)
    if asked.reverse:
        start, stop = len(value) - stop, len(value) - start
    if asked.offset < 0 or asked.offset >= stop - start:
        return []
    start += asked.offset
    return _picked(value, start, stop if asked.count < 0 else min(stop, start + asked.count), asked.reverse)


# By name a range means something where all scores are equal.  Where they differ Redis walks along from the first member
# in reach, as far as members stay in reach; in a skip list which one is the first depends on its random towers, here on
# where a search by halves arrives.


def _by_name(value: SortedSet, up: Test, down: Test, asked: _Range) -> list[Scored]:
    starts, stays = (down, up) if asked.reverse else (up, down)
    (near,), (far,) = _picked(value, 0, 1, asked.reverse), _picked(value, 0, 1, not asked.reverse)
    if not _holds(starts, far) or asked.offset < 0:
        return []
    if not _holds(stays, near) and not (asked.removes and value.encoding != b"listpack"):
        return []
    begin = _last(value, down) if asked.reverse else value.first(up)
    if asked.reverse:
        begin = len(value) - 1 - begin
    asks = begin if value.encoding == b"listpack" else begin + asked.offset  # a skip list is left at the offset first
    if asks >= len(value) or not _holds(stays, _picked(value, asks, asks + 1, asked.reverse)[0]):
        return []
    return _walk(value, begin + asked.offset, stays, asked)


def _holds(test: Test, item: Scored) -> bool:
    return test(item[1], item[0])


def _last(value: SortedSet, down: Test) -> int:
    """The rank of the last member of which the test holds; it holds of the first, or of none: -1."""
    if value.encoding == b"listpack":
        held = [rank for rank, item in enumerate(value.range(0, len(value))) if _holds(down, item)]
        return held[-1] if held else -1
    return value.first(lambda score, member: not down(score, member)) - 1


def _walk(value: SortedSet, begin: int, stays: Test, asked: _Range) -> list[Scored]:
    """From a place on as long as members stay in reach, at most as many as asked for."""
    found: list[Scored] = []
    for item in _from(value, begin, asked.reverse):
        if not _holds(stays, item) or (0 <= asked.count <= len(found)):
            break
        found.append(item)
    return found


def _from(value: SortedSet, begin: int, reverse: bool) -> Iterator[Scored]:
    """All from a place on, fetched in growing strides."""
    stride = STRIDE
    while begin < len(value):
        yield from _picked(value, begin, min(begin + stride, len(value)), reverse)
        begin, stride = begin + stride, 2 * stride


# ----------------------------------------------------------------------------------------------------------- commands


def _ask(args: list[bytes], asked: _Range, allowed: frozenset[bytes]) -> _Range:
    """The bounds are the two words at the beginning, in the order of the reply.  Raises CommandError."""
    _options(asked, args[2:], allowed)
    asked.low, asked.high = (args[1], args[0]) if asked.reverse else (args[0], args[1])
    return asked


def _tell(ctx: Context, key: bytes, asked: _Range) -> Reply:
    pick = _picker(asked)
    value = zset_at(ctx, key)
    found = [] if value is None else pick(value)
    return pairs(ctx, found) if asked.with_scores else [member for member, _ in found]


_RANGE_OPTIONS = frozenset((b"BYSCORE", b"BYLEX", b"REV", b"LIMIT"))
_TOLD_OPTIONS = frozenset((b"LIMIT", b"WITHSCORES"))


@command("ZRANGE")
def zrange(ctx: Context, args: list[bytes]) -> Reply:
    return _tell(ctx, args[1], _ask(args[2:], _Range(), _RANGE_OPTIONS | _TOLD_OPTIONS))


def _teller(by: bytes, reverse: bool) -> Function:
    def tell(ctx: Context, args: list[bytes]) -> Reply:
        return _tell(ctx, args[1], _ask(args[2:], _Range(by, reverse), _TOLD_OPTIONS))

    return tell


for _name, _by, _reverse in (
    ("ZREVRANGE", b"", True),
    ("ZRANGEBYSCORE", b"BYSCORE", False),
    ("ZREVRANGEBYSCORE", b"BYSCORE", True),
    ("ZRANGEBYLEX", b"BYLEX", False),
    ("ZREVRANGEBYLEX", b"BYLEX", True),
):
    command(_name)(_teller(_by, _reverse))


@command("ZRANGESTORE")
def zrangestore(ctx: Context, args: list[bytes]) -> Reply:
    """By place the size is known before, and decides at once how the result is kept; otherwise it grows."""
    asked = _ask(args[3:], _Range(), _RANGE_OPTIONS)
    pick = _picker(asked)
    value = zset_at(ctx, args[2])
    found = [] if value is None else pick(value)
    result = ctx.server.types.SortedSet(ctx.server.config)
    if not asked.by and len(found) > ctx.server.config.zset_max_listpack_entries:
        result.unpack()
    for member, score in found:
        result.put(member, score)
    store_over(ctx, args[1], result, b"zrangestore")
    return len(result)


@command("ZCOUNT")
def zcount(ctx: Context, args: list[bytes]) -> Reply:
    above, beyond = _score_tests(args[2], args[3])
    value = zset_at(ctx, args[1])
    return 0 if value is None else max(value.first(beyond) - value.first(above), 0)


@command("ZLEXCOUNT")
def zlexcount(ctx: Context, args: list[bytes]) -> Reply:
    up, down = _name_tests(args[2], args[3])
    value = zset_at(ctx, args[1])
    if value is None:
        return 0
    if value.encoding == b"listpack":
        return len(_by_name(value, up, down, _Range(b"BYLEX")))
    size = len(value)
    first, last = value.range(0, 1)[0], value.range(size - 1, size)[0]
    if not _holds(up, last) or not _holds(down, first):
        return 0
    begin, end = value.first(up), _last(value, down)
    if not _holds(down, value.range(begin, begin + 1)[0]):
        return 0
    return end - begin + 1 if _holds(up, value.range(end, end + 1)[0]) else size - begin


# ---------------------------------------------------------------------------------------------------- removing ranges


def _remove(ctx: Context, key: bytes, asked: _Range, event: bytes) -> Reply:
    pick = _picker(asked)
    value = zset_at(ctx, key)
    found = [] if value is None else pick(value)
    if value is None or not found:
        return 0
    start = value.rank(found[0][0])
    assert start is not None
    value.remove_range(start, start + len(found))
    settle(ctx, key, value, event)
    return len(found)


@command("ZREMRANGEBYRANK")
def zremrangebyrank(ctx: Context, args: list[bytes]) -> Reply:
    return _remove(ctx, args[1], _Range(low=args[2], high=args[3]), b"zremrangebyrank")


@command("ZREMRANGEBYSCORE")
def zremrangebyscore(ctx: Context, args: list[bytes]) -> Reply:
    return _remove(ctx, args[1], _Range(b"BYSCORE", low=args[2], high=args[3]), b"zremrangebyscore")


@command("ZREMRANGEBYLEX")
def zremrangebylex(ctx: Context, args: list[bytes]) -> Reply:
    return _remove(ctx, args[1], _Range(b"BYLEX", low=args[2], high=args[3], removes=True), b"zremrangebylex")
