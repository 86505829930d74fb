"""The stream group without groups of consumers: adding, trimming, deleting, reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

import attrs

from redlark.server import errors, ids
from redlark.server.blocking import STILL, wait_for, wake
from redlark.server.commands.common import ahead, stream_at, unseen
from redlark.server.commands.registry import command
from redlark.server.interfaces import NULL_ARRAY, OK, CommandError, Context, Pairs, Reply
from redlark.server.types import Stream
from redlark.server.values import INT64_MAX, integer, until_nul

TRIM_TWICE: Final = b"ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
LIMIT_WITHOUT: Final = b"ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
LIMIT_EXACT: Final = b"ERR syntax error, LIMIT cannot be used without the special ~ option"
POLICIES: Final = (b"KEEPREF", b"DELREF", b"ACKED")


def told(id_: int, items: Iterable[bytes]) -> list[Reply]:
    """An entry as it is told."""
    return [ids.shown(id_), list(items)]


def named(ctx: Context, rows: list[list[Reply]]) -> Reply:
    """Rows of a key and what is told of it: a map in RESP3, in which a key that was named twice stands twice."""
    return Pairs(rows) if ctx.client.resp == 3 else rows


# ---- trimming --------------------------------------------------------------------------------------------------------


@attrs.define(slots=True)
class Trimming:
    """What XADD and XTRIM are asked to cut."""

    strategy: bytes = b""  # MAXLEN, MINID
    whole: bool = False  # whole nodes alone: `~`
    longest: int | None = None
    least: int = 0
    limit: int | None = None
    policy: bytes = b""

    def read(self, words: list[bytes], place: int) -> int:
        """Reads one option at a place; the place behind it, or the same where there is none.  Raises CommandError."""
        word, more = words[place].upper(), len(words) - place - 1
        if word in (b"MAXLEN", b"MINID") and more:
            return self._strategy(word, words, place + 1)
        if word == b"LIMIT" and more:
            self.limit = integer(words[place + 1])
            if self.limit < 0:
                raise CommandError(b"ERR The LIMIT argument must be >= 0.")
            return place + 2
        if word in POLICIES and not self.policy:
            self.policy = word
            return place + 1
        return place

    def _strategy(self, word: bytes, words: list[bytes], place: int) -> int:
        if self.strategy:
            raise CommandError(TRIM_TWICE)
        self.strategy = word
        if words[place] in (b"~", b"=") and place + 1 < len(words):
            self.whole = words[place] == b"~"
            place += 1
        if word == b"MINID":
            self.least = ids.strict(words[place])
        else:
            self.longest = integer(words[place])
            if self.longest < 0:
                raise CommandError(b"ERR The MAXLEN argument must be >= 0.")
        return place + 1

    def check(self, needed: bool = False) -> None:
        """Whether the options go together.  Raises CommandError."""
        if self.limit and not self.strategy:
            raise CommandError(LIMIT_WITHOUT)
        if needed and not self.strategy:
            raise CommandError(b"ERR syntax error, XTRIM must be called with a trimming strategy")
        if self.limit is not None and not self.whole:
            raise CommandError(LIMIT_EXACT)

    def cut(self, ctx: Context, stream: Stream) -> int:
        """Cuts; how many entries went.  Where references count they go one by one, and `~` then takes none."""
        if not self.strategy:
            return 0
        if self.policy in (b"", b"KEEPREF"):
            return stream.trim(self.longest, self.least, self.whole, self._limit(ctx))
        return 0 if self.whole else stream.remove(self._excess(stream))

    def settled(self, request: list[bytes], stream: Stream) -> list[bytes]:
        """The request as others are told, who cut by the length or the first id that came of it."""
        if not self.whole:
            return request
        place = request.index(b"~", 2)
        first = stream.first()
        left = b"%d" % len(stream) if self.longest is not None else ids.shown(first[0] if first else ids.MAX_ID)
        return [*request[:place], b"=", left, *request[place + 2 :]]

    def _limit(self, ctx: Context) -> int:
        """How many entries may go, 0: any number."""
        if self.limit is not None:
            return self.limit
        if not self.whole:
            return 0
        in_node = ctx.server.config.stream_node_max_entries
        return 10_000 if in_node <= 0 else min(100 * in_node, 1_000_000)

    def _excess(self, stream: Stream) -> list[int]:
        left, gone = len(stream), []
        for id_, _ in stream.between(0, ids.MAX_ID):
            if left <= self.longest if self.longest is not None else id_ >= self.least:
                break
            if self.policy == b"DELREF":
                unreference(stream, id_)
            elif is_referenced(stream, id_):
                continue
            gone.append(id_)
            left -= 1
        return gone


def is_referenced(stream: Stream, id_: int) -> bool:
    """Whether some group has not delivered an entry yet, or has it pending."""
    return any(group.last_id < id_ or group.held(id_) is not None for group in stream.groups.values())


def unreference(stream: Stream, id_: int) -> None:
    """An entry is pending nowhere any more."""
    for group in stream.groups.values():
        group.take(id_)


# ---- adding and deleting ---------------------------------------------------------------------------------------------


@command("XADD")
def xadd(ctx: Context, args: list[bytes]) -> Reply:
    key, trimming, make, place = args[1], Trimming(), True, 2
    while place < len(args):
        behind = trimming.read(args, place)
        if behind == place and args[place].upper() == b"NOMKSTREAM":
            make, behind = False, place + 1
        if behind == place:
            break
        place = behind
    automatic = open_at = wanted = None
    if place < len(args):
        automatic = until_nul(args[place]) == b"*"
        if not automatic:
            open_at = _milliseconds(args[place])
            wanted = ids.strict(args[place]) if open_at is None else 0
    trimming.check()
    items = tuple(args[place + 1 :])
    if not items or len(items) % 2:
        raise CommandError(errors.wrong_arity(b"xadd"))
    if wanted == 0 and open_at is None:
        raise CommandError(b"ERR The ID specified in XADD must be greater than 0-0")
    stream = stream_at(ctx, key)
    if stream is None and not make:
        return None
    last = stream.last_id if stream is not None else 0
    if last == ids.MAX_ID:
        raise CommandError(b"ERR The stream has exhausted the last possible ID, unable to add more items")
    if automatic:
        new = ctx.now << 64 if ctx.now > last >> 64 else last + 1
    elif open_at is not None:
        new = _within(open_at, last)
    else:
        new = wanted or 0
    if new <= last:
        raise CommandError(b"ERR The ID specified in XADD is equal or smaller than the target stream top item")
    grown = stream if stream is not None else ctx.server.types.Stream(ctx.server.config)
    grown.append(new, items)
    gone = trimming.cut(ctx, grown)
    with ahead(ctx):
        if stream is None:
            ctx.db.put(key, grown)
        else:
            ctx.db.modified(key)
            wake(ctx.db, key)
        ctx.notify(b"xadd", key)
        if gone:
            ctx.notify(b"xtrim", key)
    ctx.propagate(*trimming.settled([*args[:place], ids.shown(new), *items], grown))
    return ids.shown(new)


def _milliseconds(text: bytes) -> int | None:
    """Those of an id whose sequence is left to the server, `5-*`; None of any other."""
    first, _, second = until_nul(text).partition(b"-")
    found = ids.parse(first) if second == b"*" and len(text) <= 127 else None
    return None if found is None else found >> 64


def _within(milliseconds: int, last: int) -> int:
    """The id behind the last in a millisecond; where that has no more, the last again."""
    if milliseconds != last >> 64:
        return milliseconds << 64
    return last if last & ids.SEQUENCE == ids.SEQUENCE else last + 1


@command("XTRIM")
def xtrim(ctx: Context, args: list[bytes]) -> Reply:
    trimming, place = Trimming(), 2
    while place < len(args):
        behind = trimming.read(args, place)
        if behind == place:
            raise errors.syntax()
        place = behind
    trimming.check(needed=True)
    stream = stream_at(ctx, args[1])
    gone = 0 if stream is None else trimming.cut(ctx, stream)
    if gone:
        assert stream is not None
        with ahead(ctx):
            ctx.db.modified(args[1])
            ctx.notify(b"xtrim", args[1])
        ctx.propagate(*trimming.settled(args, stream))
    return gone


@command("XDEL")
def xdel(ctx: Context, args: list[bytes]) -> Reply:
    stream = stream_at(ctx, args[1])
    if stream is None:
        return 0
    wanted = [ids.strict(text) for text in args[2:]]
    there = [id_ for id_ in wanted if stream.get(id_) is not None]
    gone = stream.remove(there)
    if gone:
        stream.max_deleted = max(stream.max_deleted, *there)
        ctx.db.modified(args[1])
        ctx.notify(b"xdel", args[1])
    return gone


@command("XSETID")
def xsetid(ctx: Context, args: list[bytes]) -> Reply:
    last, added, deleted, place = ids.strict(args[2]), None, None, 3
    while place < len(args):
        word, more = args[place].upper(), place + 1 < len(args)
        if word == b"ENTRIESADDED" and more:
            added = integer(args[place + 1])
            if added < 0:
                raise CommandError(b"ERR entries_added must be positive")
        elif word == b"MAXDELETEDID" and more:
            deleted = ids.strict(args[place + 1])
            if last < deleted:
                raise CommandError(b"ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
        else:
            raise errors.syntax()
        place += 2
    stream = stream_at(ctx, args[1])
    if stream is None:
        raise CommandError(errors.NO_SUCH_KEY)
    if last < stream.max_deleted:
        raise CommandError(b"ERR The ID specified in XSETID is smaller than current max_deleted_entry_id")
    top = stream.last()
    if top is not None and last < top[0]:
        raise CommandError(b"ERR The ID specified in XSETID is smaller than the target stream top item")
    if top is not None and added is not None and added < len(stream):
        raise CommandError(b"ERR The entries_added specified in XSETID is smaller than the target stream length")
    stream.last_id = last
    if added is not None:
        stream.added = added
    stream.max_deleted = deleted or stream.max_deleted
    changed_quietly(ctx, args[1])
    ctx.notify(b"xsetid", args[1])
    return OK


def changed_quietly(ctx: Context, key: bytes) -> None:
    """Something of a stream has changed that WATCH does not notice."""
    with unseen(ctx.db):
        ctx.db.modified(key)
    ctx.server.propagation.changed()


# ---- reading ---------------------------------------------------------------------------------------------------------


@command("XLEN")
def xlen(ctx: Context, args: list[bytes]) -> Reply:
    stream = stream_at(ctx, args[1])
    return 0 if stream is None else len(stream)


@command("XRANGE")
def xrange(ctx: Context, args: list[bytes]) -> Reply:
    return _range(ctx, args, ids.low(args[2]), ids.high(args[3]), newest_first=False)


@command("XREVRANGE")
def xrevrange(ctx: Context, args: list[bytes]) -> Reply:
    first = ids.low(args[3])
    return _range(ctx, args, first, ids.high(args[2]), newest_first=True)


def _range(ctx: Context, args: list[bytes], low: int, high: int, newest_first: bool) -> Reply:
    count = None
    for place in range(4, len(args), 2):
        if args[place].upper() != b"COUNT" or place + 1 == len(args):
            raise errors.syntax()
        count = integer(args[place + 1])
    stream = stream_at(ctx, args[1])
    if stream is None:
        return []
    if count is not None and count <= 0:
        return NULL_ARRAY
    return [told(*entry) for entry in islice(stream.between(low, high, newest_first), count)]


@attrs.define(slots=True)
class Reading:
    """What XREAD and XREADGROUP are asked for."""

    keys: list[bytes] = attrs.Factory(list)
    after: list[bytes] = attrs.Factory(list)  # ids as they were given
    count: int | None = None
    block: int | None = None  # milliseconds, 0: for ever
    group: bytes | None = None
    consumer: bytes = b""
    noack: bool = False

    @classmethod
    def of(cls, ctx: Context, args: list[bytes], in_group: bool) -> Reading:
        """Reads the options, left to right.  Raises CommandError."""
        self, place = cls(), 1
        while place < len(args) and not self.keys:
            word, more = args[place].upper(), len(args) - place - 1
            if word == b"BLOCK" and more:
                self.block = _wait_time(ctx, args[place + 1])
                place += 2
            elif word == b"COUNT" and more:
                count = integer(args[place + 1])
                self.count = count if count > 0 else None
                place += 2
            elif word == b"STREAMS" and more:
                self._streams(args[place + 1 :], args[0].lower(), in_group)
            elif word == b"GROUP" and more > 1:
                if not in_group:
                    raise CommandError(_only_in_group(b"GROUP"))
                self.group, self.consumer = args[place + 1 : place + 3]
                place += 3
            elif word == b"NOACK":
                if not in_group:
                    raise CommandError(_only_in_group(b"NOACK"))
                self.noack = True
                place += 1
            else:
                raise errors.syntax()
        if not self.keys:
            raise errors.syntax()
        return self

    def answer(self, ctx: Context, kind: bytes, read: Callable[[], list[list[Reply]]]) -> Reply:
        """The rows that are read, or, where there are none, what they are once one of the keys wakes the client."""
        rows = read()
        if rows:
            return named(ctx, rows)
        if self.block is None or ctx.executing:
            return NULL_ARRAY

        def again() -> Reply:
            found = read()
            return named(ctx, found) if found else STILL

        until = ctx.now + self.block if self.block else 0
        return wait_for(ctx, self.keys, kind, until, NULL_ARRAY, again)

    def _streams(self, words: list[bytes], name: bytes, in_group: bool) -> None:
        if len(words) % 2:
            signs = b" or '>'" if in_group else b", '+', or '$'"
            raise CommandError(
                b"ERR Unbalanced '%b' list of streams: for each stream key an ID%b must be specified." % (name, signs)
            )
        half = len(words) // 2
        self.keys, self.after = words[:half], words[half:]


def _only_in_group(option: bytes) -> bytes:
    return b"ERR The %b option is only supported by XREADGROUP. You called XREAD instead." % option


def _wait_time(ctx: Context, text: bytes) -> int:
    time = integer(text, errors.TIMEOUT_NOT_INTEGER)
    if time < 0:
        raise CommandError(errors.TIMEOUT_NEGATIVE)
    if time > INT64_MAX - ctx.now:
        raise CommandError(errors.TIMEOUT_RANGE)
    return time


@command("XREAD")
def xread(ctx: Context, args: list[bytes]) -> Reply:
    asked = Reading.of(ctx, args, in_group=False)
    places = list(zip(asked.keys, asked.after, strict=True))
    after = [_from(ctx, key, text) for key, text in places]
    woken = False

    def rows() -> list[list[Reply]]:
        """Who is woken looks again: which entry is the last one is seen as it is told, not as the waiting begins."""
        nonlocal woken
        for number, (key, text) in enumerate(places) if woken else ():
            latest = _from(ctx, key, text)
            if until_nul(text) == b"+":
                after[number] = latest
        woken = True
        return read_after(ctx, asked, after)

    return asked.answer(ctx, b"stream", rows)


def _from(ctx: Context, key: bytes, text: bytes) -> int:
    """The id behind which XREAD tells entries.  Raises CommandError."""
    stream, word = stream_at(ctx, key), until_nul(text)
    if word == b"$":
        return stream.last_id if stream is not None else 0
    if word == b"+":
        top = stream.last() if stream is not None else None
        return top[0] - 1 if top is not None else 0
    if word == b">":
        raise CommandError(
            b"ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
        )
    return ids.strict(text)


def read_after(ctx: Context, asked: Reading, after: list[int]) -> list[list[Reply]]:
    """A row for each key that has entries behind its id."""
    rows: list[list[Reply]] = []
    for key, behind in zip(asked.keys, after, strict=True):
        stream = stream_at(ctx, key)
        if stream is not None:
            found = [told(*entry) for entry in islice(stream.between(behind + 1, ids.MAX_ID), asked.count)]
            if found:
                rows.append([key, found])
    return rows
