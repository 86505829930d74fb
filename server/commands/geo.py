"""The geo group: sorted sets whose scores are cells of a map."""

from __future__ import annotations

from typing import Final

import attrs

from redlark.server import doubles, errors, geo
from redlark.server.commands.common import store_over, zset_at
from redlark.server.commands.registry import command
from redlark.server.commands.sorted_sets import read_score, zadd
from redlark.server.interfaces import NULL_ARRAY, CommandError, Context, Reply
from redlark.server.types import Near, SortedSet, Types
from redlark.server.values import integer

UNIT: Final = b"ERR unsupported unit provided. please use M, KM, FT, MI"
NO_PLACE: Final = b"ERR could not decode requested zset member"
FROM: Final = (b"FROMMEMBER", b"FROMLONLAT")
WITH: Final = (b"WITHDIST", b"WITHHASH", b"WITHCOORD")


def _on_map(longitude: bytes, latitude: bytes) -> geo.Place:
    """A place from its two arguments.  Raises CommandError."""
    place = read_score(longitude), read_score(latitude)
    if not geo.on_map(*place):
        raise CommandError(b"ERR invalid longitude,latitude pair %f,%f" % place)
    return place


def _unit(text: bytes) -> float:
    """A unit's length in metres.  Raises CommandError."""
    metres = geo.UNITS.get(text.partition(b"\0")[0].lower())
    if metres is None:
        raise CommandError(UNIT)
    return metres


def _length(text: bytes, what: bytes) -> float:
    found = doubles.read(text)
    if found is None:
        raise CommandError(b"ERR need numeric %b" % what)
    return found


def _radius(text: bytes) -> float:
    radius = _length(text, b"radius")
    if radius < 0:
        raise CommandError(b"ERR radius cannot be negative")
    return radius


def _shown_length(metres: float, unit: float) -> bytes:
    """A distance with four digits behind the point."""
    whole, rest = divmod(round(metres / unit * 10_000), 10_000)
    return b"%d.%04d" % (whole, rest)


def _shown_place(place: geo.Place) -> Reply:
    return list(place)


# ---- members --------------------------------------------------------------------------------------------------------


@command("GEOADD")
def geoadd(ctx: Context, args: list[bytes]) -> Reply:
    behind = 2
    while behind < len(args) and args[behind].upper() in (b"NX", b"XX", b"CH"):
        behind += 1
    options = [word.upper() for word in args[2:behind]]
    if (len(args) - behind) % 3 or len(args) == behind or (b"NX" in options and b"XX" in options):
        raise errors.syntax()
    pairs: list[bytes] = []
    for place in range(behind, len(args), 3):
        pairs += (b"%d" % geo.score(_on_map(args[place], args[place + 1])), args[place + 2])
    told = [b"zadd", args[1], *args[2:behind], *pairs]
    changes = ctx.server.propagation.changes
    reply = zadd(ctx, [b"zadd", args[1], *options, *pairs])
    if ctx.server.propagation.changes != changes:
        ctx.propagate(*told)
    return reply


@command("GEOPOS")
def geopos(ctx: Context, args: list[bytes]) -> Reply:
    found = zset_at(ctx, args[1])
    scores = [None if found is None else found.score(member) for member in args[2:]]
    return [NULL_ARRAY if score is None else _shown_place(geo.place(score)) for score in scores]


@command("GEOHASH")
def geohash(ctx: Context, args: list[bytes]) -> Reply:
    found = zset_at(ctx, args[1])
    scores = [None if found is None else found.score(member) for member in args[2:]]
    return [None if score is None else geo.text(score) for score in scores]


@command("GEODIST")
def geodist(ctx: Context, args: list[bytes]) -> Reply:
    if len(args) > 5:
        raise errors.syntax()
    unit = _unit(args[4]) if len(args) == 5 else 1.0
    found = zset_at(ctx, args[1])
    one, other = (None if found is None else found.score(member) for member in args[2:4])
    if one is None or other is None:
        return None
    return _shown_length(geo.distance(geo.place(one), geo.place(other)), unit)


# ---- searching ------------------------------------------------------------------------------------------------------


@attrs.define(slots=True)
class Search:
    """What is looked for, and how it is told."""

    types: Types
    source: SortedSet | None
    centre: geo.Place | None = None
    circle: float | None = None  # its radius
    box: tuple[float, float] | None = None
    unit: float = 1.0
    order: bytes = b""
    count: int | None = None
    any: bool = False
    shown: set[bytes] = attrs.Factory(set)

    def option(self, words: list[bytes], place: int) -> int:
        """Reads an option that all searches have; the place behind it, or the same where there is none."""
        word = words[place].upper()
        if word in (b"ASC", b"DESC"):
            self.order = word
        elif word in WITH:
            self.shown.add(word)
        elif word == b"ANY":
            self.any = True
        elif word == b"COUNT" and place + 1 < len(words):
            self.count = integer(words[place + 1])
            if self.count < 1:
                raise CommandError(b"ERR COUNT must be > 0")
            return place + 2
        else:
            return place
        return place + 1

    def check(self) -> None:
        """Raises CommandError."""
        if self.any and self.count is None:
            raise CommandError(b"ERR the ANY argument requires COUNT argument")

    def centre_at(self, member: bytes) -> None:
        """The centre is a member's place.  Raises CommandError where the key has no such member."""
        score = 0.0 if self.source is None else self.source.score(member)
        if score is None:
            raise CommandError(NO_PLACE)
        self.centre = geo.place(score)

    def found(self) -> list[Near]:
        """All that is wanted, in the order in which it is told."""
        found = self._met(self.count if self.any else None)
        if self.order or (self.count is not None and not self.any):
            found.sort(key=lambda one: one[0], reverse=self.order == b"DESC")
        return found[: self.count]

    def _met(self, most: int | None) -> list[Near]:
        if self.source is None or self.centre is None:
            return []
        if self.box is not None:
            width, height = self.box
            area = geo.Area(self.centre, width * self.unit * 0.5, height * self.unit * 0.5, circle=False)
        else:
            reach = (self.circle or 0.0) * self.unit
            area = geo.Area(self.centre, reach, reach, circle=True)
        return self.types.near(self.source, area, most)

    def told(self) -> Reply:
        """The reply of a search that stores nothing."""
        if not self.shown:
            return [member for _, member, _, _ in self.found()]
        return [self._row(*one) for one in self.found()]

    def _row(self, metres: float, member: bytes, score: float, there: geo.Place) -> Reply:
        row: list[Reply] = [member]
        if b"WITHDIST" in self.shown:
            row.append(_shown_length(metres, self.unit))
        if b"WITHHASH" in self.shown:
            row.append(int(score))
        if b"WITHCOORD" in self.shown:
            row.append(_shown_place(there))
        return row

    def store(self, ctx: Context, key: bytes, distances: bool, event: bytes) -> Reply:
        """Stores scores, or distances; how many members there are."""
        result = ctx.server.types.SortedSet(ctx.server.config)
        result.gather([(member, metres / self.unit if distances else s) for metres, member, s, _ in self.found()])
        store_over(ctx, key, result, event)
        return len(result)


def _read(ctx: Context, args: list[bytes], place: int, stores: bool) -> tuple[Search, bool]:
    """The search of GEOSEARCH and GEOSEARCHSTORE, and whether distances are stored.  Raises CommandError."""
    search, distances, given = Search(ctx.server.types, zset_at(ctx, args[place])), False, set[bytes]()
    place += 1
    while place < len(args):
        word, more = args[place].upper(), len(args) - place - 1
        if word == b"FROMMEMBER" and more and FROM[1] not in given:
            search.centre_at(args[place + 1])
            place += 2
        elif word == b"FROMLONLAT" and more > 1 and FROM[0] not in given:
            search.centre = _on_map(*args[place + 1 : place + 3])
            place += 3
        elif word == b"BYRADIUS" and more > 1 and search.box is None:
            search.circle = _radius(args[place + 1])
            search.unit = _unit(args[place + 2])
            place += 3
        elif word == b"BYBOX" and more > 2 and search.circle is None:
            width, height = _length(args[place + 1], b"width"), _length(args[place + 2], b"height")
            if width < 0 or height < 0:
                raise CommandError(b"ERR height or width cannot be negative")
            search.box = width, height
            search.unit = _unit(args[place + 3])
            place += 4
        elif word == b"STOREDIST" and stores:
            distances, place = True, place + 1
        else:
            behind = search.option(args, place)
            if behind == place:
                raise errors.syntax()
            place = behind
        given.add(word)
    if stores and search.shown:
        raise CommandError(b"ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
    if search.centre is None:
        raise CommandError(b"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %b" % args[0])
    if search.circle is None and search.box is None:
        raise CommandError(b"ERR exactly one of BYRADIUS and BYBOX can be specified for %b" % args[0])
    search.check()
    return search, distances


@command("GEOSEARCH")
def geosearch(ctx: Context, args: list[bytes]) -> Reply:
    return _read(ctx, args, 1, stores=False)[0].told()


@command("GEOSEARCHSTORE")
def geosearchstore(ctx: Context, args: list[bytes]) -> Reply:
    search, distances = _read(ctx, args, 2, stores=True)
    return search.store(ctx, args[1], distances, b"geosearchstore")


# ---- the older searches: a circle alone -----------------------------------------------------------------------------


def _older(ctx: Context, args: list[bytes], by_member: bool, may_store: bool) -> Reply:
    search = Search(ctx.server.types, zset_at(ctx, args[1]))
    place = 5 if by_member else 6
    if by_member:
        search.centre_at(args[2])
    else:
        search.centre = _on_map(args[2], args[3])
    if search.source is not None or not by_member:  # around a member, the circle is not looked at without a key
        search.circle, search.unit = _radius(args[place - 2]), _unit(args[place - 1])
    target, distances = None, False
    while place < len(args):
        word = args[place].upper()
        if may_store and word in (b"STORE", b"STOREDIST") and place + 1 < len(args):
            target, distances = args[place + 1], word == b"STOREDIST"
            place += 2
            continue
        behind = search.option(args, place)
        if behind == place:
            raise errors.syntax()
        place = behind
    if target is not None and search.shown:
        raise CommandError(
            b"ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
        )
    search.check()
    return search.told() if target is None else search.store(ctx, target, distances, b"georadiusstore")


@command("GEORADIUS")
def georadius(ctx: Context, args: list[bytes]) -> Reply:
    return _older(ctx, args, by_member=False, may_store=True)


@command("GEORADIUS_RO")
def georadius_ro(ctx: Context, args: list[bytes]) -> Reply:
    return _older(ctx, args, by_member=False, may_store=False)


@command("GEORADIUSBYMEMBER")
def georadiusbymember(ctx: Context, args: list[bytes]) -> Reply:
    return _older(ctx, args, by_member=True, may_store=True)


@command("GEORADIUSBYMEMBER_RO")
def georadiusbymember_ro(ctx: Context, args: list[bytes]) -> Reply:
    return _older(ctx, args, by_member=True, may_store=False)
