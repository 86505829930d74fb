"""Iterations: SCAN, SSCAN, HSCAN and ZSCAN, begun and gone on with, and writes in their way.

Theory of operation. An iteration owes what is there from its beginning to its end. Where that goes wrong, it does
because a table has grown or shrunk between two calls and a cursor means another place in it. So half of the iterations
are carried to their end over a table that one request makes several times as large, or nearly empties, between two
calls; the others are short, with any writes. What must not live here: what fills a key (``filled.KINDS``).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from redlark.conformance.drawing import values
from redlark.conformance.drawing.filled import KINDS, Kind
from redlark.conformance.history import Cursor, Request, Step, request

if TYPE_CHECKING:
    from redlark.conformance.drawing.scenarios import Pool

_OPTIONS = ((), ("COUNT", "1"), ("COUNT", "2"), ("MATCH", "k*"), ("MATCH", "[a-m]*"), ("COUNT", "100"))
_WHOLE = 0.5  # how many are carried to their end
_THERE, _MORE = (16, 40, 60), (30, 60)  # how many elements are there, and how many are added
_NAMES = tuple(b"%c%d" % (letter, number) for letter in b"st" for number in range(60))  # all of them
_STAYING = 3  # elements that are left where the others are taken away


def of_keys(pool: Pool, rng: random.Random, whole: float = _WHOLE) -> tuple[Step, ...]:
    """A SCAN, and keys that come and go meanwhile; the pool has SCAN and SET."""
    client = pool.client(rng)

    def added(names: Sequence[bytes]) -> list[Request]:
        if len(names) > 2 and pool.has("MSET"):
            return [request("MSET", *(word for name in names for word in (name, b"v")))]
        return [request("SET", name, b"v") for name in names]

    def taken(names: Sequence[bytes]) -> list[Request]:
        return [request("DEL", *names)] if pool.has("DEL") else []

    if rng.random() < whole:
        return _Whole(("SCAN",), added, taken, tuple(taken(_NAMES))).steps(pool, client, rng)
    options = rng.choice((*_OPTIONS, ("TYPE", "string")))
    fill = added([b"s%d" % number for number in range(rng.choice((0, 2, 8, 20)))])
    steps = [Step(client, tuple(fill))] if fill else []
    return (*steps, *_short(("SCAN",), options, lambda: pool.requests(1, rng)[0], pool, rng, client))


def of_members(
    pool: Pool, rng: random.Random, whole: float = _WHOLE, *, kinds: Sequence[Kind] = ()
) -> tuple[Step, ...]:
    """An iteration over the members of one key, of a type of these or of any; nothing where none is to be drawn."""
    able = [kind for kind in kinds or SCANNED.values() if pool.has(kind.scan, kind.fill, kind.take)]
    if not able:
        return ()
    kind = rng.choice(able)
    client, key = pool.client(rng), values.key(rng)
    asked = (kind.scan.encode(), key)

    def added(names: Sequence[bytes]) -> list[Request]:
        return [request(kind.fill, key, *(word for name in names for word in kind.words(name, rng)))]

    first = [request("DEL", key)] if pool.has("DEL") else []
    long = b"m" * 70  # makes it a table: what is packed is told by one call
    if rng.random() < whole:
        carried = _Whole(asked, added, lambda names: [request(kind.take, key, *names)], tuple(first), (long,))
        return carried.steps(pool, client, rng)
    long = long if rng.random() < 0.5 else b"m"
    members = [*(b"k%d" % number for number in range(rng.choice((3, 10, 30)))), long]

    def meddled() -> Request:
        member = rng.choice(members)
        kinds = (added([member, b"n%d" % rng.randrange(9)]), [request(kind.take, key, member)], pool.requests(1, rng))
        return rng.choice(kinds)[0]

    fill = Step(client, (*first, *added(members)))
    return (fill, *_short(asked, rng.choice(_OPTIONS), meddled, pool, rng, client))


SCANNED: Mapping[str, Kind] = {kind.scan: kind for kind in KINDS.values() if kind.scan}
ITERATIONS: Mapping[str, Callable[..., tuple[Step, ...]]] = {
    "SCAN": of_keys,
    **{name: partial(of_members, kinds=(kind,)) for name, kind in SCANNED.items()},
}


class _Whole:
    """An iteration to its end; between two of its calls what it goes through grows manifold or nearly all goes."""

    def __init__(
        self,
        asked: tuple[str | bytes, ...],
        added: Callable[[Sequence[bytes]], list[Request]],
        taken: Callable[[Sequence[bytes]], list[Request]],
        first: tuple[Request, ...] = (),
        beside: tuple[bytes, ...] = (),
    ) -> None:
        self.asked, self.added, self.taken, self.first, self.beside = asked, added, taken, first, beside

    def steps(self, pool: Pool, client: int, rng: random.Random) -> tuple[Step, ...]:
        """Its steps, with any other request at one place."""
        there = _NAMES[: rng.choice(_THERE)]
        more = _NAMES[-rng.choice(_MORE) :]
        taken = self.taken(there[_STAYING:]) if rng.random() < 0.4 else []
        changes = taken or self.added(more)
        each = len(there) // rng.choice((2, 3))  # so that the first call does not tell all that is there
        left = len(there) + (0 if taken else len(more))
        options = ("COUNT", str(each))
        calls = [Step(client, (_call(self.asked, options),)) for _ in range(left // each + 1)]
        calls.insert(rng.choice((0, 0, 0, 1)), Step(pool.client(rng), tuple(changes)))
        if rng.random() < 0.3:
            calls.insert(rng.randrange(len(calls)), Step(pool.client(rng), pool.requests(1, rng)))
        fill = Step(client, (*self.first, *self.added([*self.beside, *there])))
        return (fill, Step(client, (request(*self.asked, "0", *options),)), *calls)


def _short(
    asked: tuple[str | bytes, ...], options: Sequence[str], meddled: Callable[[], Request], pool: Pool,
    rng: random.Random, client: int,
) -> list[Step]:  # fmt: skip
    """Some calls of one iteration, now and then another request between two of them."""
    steps = [Step(client, (request(*asked, "0", *options),))]
    for _ in range(rng.randrange(1, 7)):
        if rng.random() < 0.3:
            steps.append(Step(pool.client(rng), (meddled(),)))
        steps.append(Step(client, (_call(asked, options),)))
    return steps


def _call(asked: tuple[str | bytes, ...], options: Sequence[str]) -> Request:
    """The call that goes on where the last one left off."""
    words = tuple(word if isinstance(word, bytes) else word.encode() for word in asked)
    return Request((*words, Cursor(), *(option.encode() for option in options)))
