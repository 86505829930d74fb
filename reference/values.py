"""The values that the model computes with, and the kinds of reply it makes of them.

What must live here: immutable values, uncertain times included, and nothing of commands or of the wire. In the
model a text is ``bytes``, a list ``tuple``, a set ``frozenset``, a map ``immutables.Map``, a sorted set
:class:`SortedSet`, absent ``None``.

Theory of uncertain times: the server's clock is not seen, only that a command ran between the moment it was sent
and the moment its reply came. ``now`` and each key's deadline are therefore *variables* with bounds; a
:class:`Moment` is a variable plus an offset. Comparing two of them narrows both (``world.Run.compare``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import copysign
from typing import Any, Final, NamedTuple

from attrs import evolve
from immutables import Map


class Entry(NamedTuple):
    """What a key holds: its value, its deadline in Unix milliseconds as bounds (None: forever), its encoding.

    ``fields`` are the deadlines of those fields of a hash that have one (None: no field has; see ``fields.py``).
    """

    value: Any
    deadline: tuple[int, int] | None = None
    encoding: bytes | None = None
    fields: Map[bytes, Any] | None = None


class Record:
    """A value with named fields: ``s.last-id`` reads one, ``db[key].last-id := x`` writes it.

    A subclass is a frozen attrs class. A moment is kept as its bounds and read as one again, a variable of its own.
    """

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        value = getattr(self, name.replace("-", "_"))
        return Moment(Variable(value.lo, value.hi)) if type(value) is Span else value

    def put(self, name: str, value: Any) -> Any:
        """The record with another value in a field."""
        changed: Any = self
        return evolve(changed, **{name.replace("-", "_"): kept(value)})


class Span(NamedTuple):
    """The bounds of a time that is kept in a value."""

    lo: int
    hi: int


def kept(value: Any) -> Any:
    """A value as it is kept in another one: a moment as its bounds."""
    return Span(value.lo, value.hi) if isinstance(value, Uncertain) else value


FOREVER: Final = 1 << 62  # milliseconds


class SortedSet:
    """Members with scores, immutable; walking over it gives pairs of member and score, by score and then by member.

    The order is worked out when it is first asked for, so that a series of writes sorts once.
    """

    __slots__ = ("_order", "scores")

    def __init__(self, scores: Map[bytes, float] = Map()) -> None:  # noqa: B008 - a Map is immutable
        self.scores = scores
        self._order: tuple[tuple[bytes, float], ...] | None = None

    @property
    def order(self) -> tuple[tuple[bytes, float], ...]:
        """The pairs in their order: scores as numbers (-0 is 0), equal ones by the bytes of the members."""
        if self._order is None:
            self._order = tuple(sorted(self.scores.items(), key=lambda pair: (pair[1], pair[0])))
        return self._order

    def get(self, member: bytes) -> float | None:
        """The score of a member, None where it is none."""
        return self.scores.get(member)

    def set(self, member: bytes, score: float) -> SortedSet:
        """The sorted set in which this member has this score."""
        return SortedSet(self.scores.set(member, score))

    def __sub__(self, members: Iterable[bytes]) -> SortedSet:
        left = self.scores.mutate()
        for member in members:
            left.pop(member, None)
        return SortedSet(left.finish())

    def __contains__(self, member: object) -> bool:
        return member in self.scores

    def __iter__(self) -> Iterator[tuple[bytes, float]]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.scores)

    def __eq__(self, other: object) -> bool:
        """Whether the members and scores are the same; -0 is another score than 0, as replies show it."""
        if not isinstance(other, SortedSet):
            return NotImplemented
        same = self.scores is other.scores
        return same or (self.scores == other.scores and self._below_zero() == other._below_zero())

    def __hash__(self) -> int:
        return hash(self.scores)

    def _below_zero(self) -> frozenset[bytes]:
        return frozenset(member for member, score in self.scores.items() if score == 0 and copysign(1, score) < 0)

    def __repr__(self) -> str:
        return f"SortedSet({', '.join(f'{member!r}: {score!r}' for member, score in self)})"


TYPES: Final[dict[type, str]] = {
    bytes: "string", tuple: "list", frozenset: "set", Map: "hash", SortedSet: "zset",
}  # fmt: skip
EMPTY: Final[dict[str, Any]] = {
    "string": None, "list": (), "set": frozenset(), "hash": Map(), "zset": SortedSet(),
}  # fmt: skip


def type_of(value: Any) -> str:
    """The Redis type of a stored value; ``none`` for an absent one."""
    return "none" if value is None else TYPES[type(value)]


class _Absent:
    """What ``absent`` means: no value, or an empty collection, which is how an absent key reads by its type."""

    def __contains__(self, value: Any) -> bool:
        return value is None or value is False or (type(value) is not bytes and value in _EMPTY)


_EMPTY: tuple[Any, ...] = ((), frozenset(), Map(), SortedSet())
ABSENT: Final = _Absent()


# ---- what is owed to clients ----------------------------------------------------------------------------------


Place = tuple[int, bytes]  # a database's number and a key


class Owed(NamedTuple):
    """A frame that a client is to get, beside the replies to what it asks: a push, or the reply it waited for."""

    client: int
    reply: Any
    resp: int
    bag: Any = None  # what shares a bag with its neighbours may change places with them
    about: Any = None  # of a notification: the place that it is about
    early: bool = False  # whether it may come before what is about other places: that something expired


class Parked(NamedTuple):
    """A client that waits for one of some keys to hold a value of a type (None: for any change of them).

    ``deadline`` is when it stops waiting, as bounds in Unix milliseconds (None: never); ``late`` is the reply then.
    ``kept`` is what its block wants to know again when it is woken.
    """

    client: int
    request: tuple[bytes, ...]
    places: tuple[Place, ...]
    type: str | None
    deadline: tuple[int, int] | None
    late: Any
    kept: Any = None


READ: Final = "read"
CHANGED: Final = "changed"
EXPIRED: Final = "expired"
Happening = tuple[str, Any, int]  # what; a request, or a place; who changed it, -1 for no client


class Waiting(NamedTuple):
    """What a block gives that parks: what `Parked` has and the block knows; the delay in milliseconds, 0 for ever."""

    places: tuple[Place, ...]
    type: str | None
    delay: int
    late: Any
    kept: Any = None


# ---- uncertain numbers ---------------------------------------------------------------------------------------


class Dead(Exception):
    """The assumptions of this branch contradict each other."""


class Variable:
    """A time that is known to lie within bounds, for the length of one run; ``name`` is a key or the clock."""

    __slots__ = ("hi", "lo")

    def __init__(self, lo: int, hi: int) -> None:
        self.lo, self.hi = lo, hi


class Uncertain:
    """A whole number of which only bounds are known."""

    __slots__ = ()

    @property
    def lo(self) -> int:
        """The smallest number it can be."""
        raise AssertionError

    @property
    def hi(self) -> int:
        """The largest number it can be."""
        raise AssertionError

    def narrow(self, lo: int, hi: int) -> None:
        """Assumes that it lies within these bounds; raises :class:`Dead` if it cannot."""
        if max(lo, self.lo) > min(hi, self.hi):
            raise Dead


class Moment(Uncertain):
    """A variable and an offset in milliseconds."""

    __slots__ = ("offset", "variable")

    def __init__(self, variable: Variable, offset: int = 0) -> None:
        self.variable, self.offset = variable, offset

    @property
    def lo(self) -> int:
        return self.variable.lo + self.offset

    @property
    def hi(self) -> int:
        return self.variable.hi + self.offset

    def narrow(self, lo: int, hi: int) -> None:
        variable = self.variable
        variable.lo = max(variable.lo, lo - self.offset)
        variable.hi = min(variable.hi, hi - self.offset)
        if variable.lo > variable.hi:
            raise Dead


class Difference(Uncertain):
    """One moment less another, such as what is left to live."""

    __slots__ = ("later", "sooner")

    def __init__(self, later: Moment, sooner: Moment) -> None:
        self.later, self.sooner = later, sooner

    @property
    def lo(self) -> int:
        if self.later.variable is self.sooner.variable:
            return self.later.offset - self.sooner.offset
        return self.later.lo - self.sooner.hi

    @property
    def hi(self) -> int:
        if self.later.variable is self.sooner.variable:
            return self.later.offset - self.sooner.offset
        return self.later.hi - self.sooner.lo

    def narrow(self, lo: int, hi: int) -> None:
        super().narrow(lo, hi)
        self.later.narrow(lo + self.sooner.lo, hi + self.sooner.hi)
        self.sooner.narrow(self.later.lo - hi, self.later.hi - lo)


class Quotient(Uncertain):
    """An uncertain number divided by a whole one, rounded down."""

    __slots__ = ("divisor", "inner")

    def __init__(self, inner: Uncertain, divisor: int) -> None:
        self.inner, self.divisor = inner, divisor

    @property
    def lo(self) -> int:
        return self.inner.lo // self.divisor

    @property
    def hi(self) -> int:
        return self.inner.hi // self.divisor

    def narrow(self, lo: int, hi: int) -> None:
        self.inner.narrow(lo * self.divisor, hi * self.divisor + self.divisor - 1)


def plus(left: Any, right: Any) -> Any:
    """Addition, also of uncertain numbers and whole ones, of sets (union) and of maps (the right one's pairs win)."""
    if type(left) is int and type(right) is int:  # by far the most
        return left + right
    if isinstance(right, Uncertain):
        left, right = right, left
    if isinstance(left, Moment):
        return Moment(left.variable, left.offset + right)
    if isinstance(left, Difference):
        return Difference(Moment(left.later.variable, left.later.offset + right), left.sooner)
    if isinstance(left, frozenset):
        return left | right
    if isinstance(left, Map):
        return left.update(right)
    return left + right


def minus(left: Any, right: Any) -> Any:
    """Subtraction, also of uncertain numbers."""
    if type(left) is int and type(right) is int:
        return left - right
    if isinstance(left, Moment) and isinstance(right, Moment):
        return Difference(left, right)
    if isinstance(left, Uncertain):
        return plus(left, -right)
    if isinstance(right, Moment):
        return Difference(Moment(Variable(left, left)), right)
    return left - right


def divided(left: Any, right: int) -> Any:
    """``div``: rounded down for uncertain numbers, towards zero as C does for known ones."""
    if isinstance(left, Uncertain):
        return Quotient(left, right)
    return left // right if (left < 0) == (right < 0) else -(-left // right)


def remainder(left: int, right: int) -> int:
    """``mod`` as C's ``%``: the sign of the dividend."""
    return left - int(divided(left, right)) * right


# ---- replies -------------------------------------------------------------------------------------------------


class Status(NamedTuple):
    """A simple string, ``+OK``."""

    text: bytes


class ErrorReply(NamedTuple):
    """An error, ``-ERR ...``."""

    text: bytes


class Raw(NamedTuple):
    """A whole frame as it is: what a script replies, which Lua has put into the client's protocol."""

    frame: bytes


class Kinded(NamedTuple):
    """A value with the kind that ``as`` gave it: set, map, pairs, double, unordered, push, verbatim."""

    kind: str
    value: Any


class Spoken(NamedTuple):
    """A reply in the protocol of its moment: a HELLO inside EXEC changes it for the replies that follow."""

    reply: Any
    resp: int


class Several(NamedTuple):
    """Several frames that answer one request (SUBSCRIBE): each element is one."""

    frames: tuple[Any, ...]


class Leave(NamedTuple):
    """A reply that leaves the whole command, from inside a loop too."""

    reply: Any


class _Mark:
    """A reply that is no value."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


OK: Final = Status(b"OK")
NIL_ARRAY: Final = _Mark("nil-array")
NO_REPLY: Final = _Mark("no-reply")
SKIP: Final = _Mark("skip")
PARKED: Final = _Mark("parked")  # no reply yet: the client waits
STOP: Final = _Mark("stop")  # ends a loop
GO: Final = _Mark("go")  # what a step gives when the command goes on
