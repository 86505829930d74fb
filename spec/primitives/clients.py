"""What servers say of connections: names that they take, the lines of CLIENT LIST, versions and modules in HELLO.

What lives here: texts whose form is known and whose content is the server's own, as domains of a choice: a member is
recognised, never computed. Which connections a list must name is the text's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain, combinations
from typing import Any

from attrs import frozen

from redlark.spec.primitives import primitive


@primitive("is-printable(text) -> bool")
def is_printable(text: bytes) -> bool:
    """Whether a text is made of visible ASCII characters alone, as a connection's name must be; an empty one is.

    >>> is_printable(b"worker-1"), is_printable(b"two words")
    (True, False)

    Source: https://redis.io/docs/latest/commands/client-setname/; observed: bytes 33 to 126.
    """
    return all(33 <= byte <= 126 for byte in text)


@primitive("only-letters(text, text) -> bool")
def only_letters(text: bytes, letters: bytes) -> bool:
    """Whether every byte of a text is one of these letters.

    >>> only_letters(b"NN", b"bNx")
    True

    Source: the flags of CLIENT LIST, https://valkey.io/commands/client-list/, tried one by one with valkey 9.1.2.
    """
    return not text.strip(letters) and all(byte in letters for byte in text)


# ---- domains -------------------------------------------------------------------------------------------------


@frozen
class Ids:
    """The ids that a connection may have: its own if that is known, else any that no other has."""

    own: int | None
    others: frozenset[int]

    def candidates(self, leaves: Sequence[Any]) -> Iterable[int]:
        """The numbers of a reply that may be this connection's id."""
        if self.own is not None:
            return [self.own]
        numbers = (leaf for leaf in leaves if type(leaf) is int)
        shown = (int(found) for leaf in leaves if type(leaf) is bytes for found in re.findall(rb"\bid=(\d+)", leaf))
        return [n for n in dict.fromkeys([*numbers, *shown]) if n > 0 and n not in self.others]

    def all(self, bound: int) -> Iterable[int | None]:
        """Its own, absent where no reply shows it: then it stays unknown."""
        return [self.own]

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether it is known."""
        return self.own is not None


@primitive("client-ids(int?, list of int) -> any")
def client_ids(own: int | None, others: tuple[int, ...]) -> Ids:
    """The ids that a connection may have, its own one known or not.

    Source: https://redis.io/docs/latest/commands/client-id/: never given twice.
    """
    return Ids(own, frozenset(others))


@frozen
class AnyId:
    """The ids that a connection may have of which no reply was seen."""

    describe = "the id of the connection"
    example = 1

    def __contains__(self, value: Any) -> bool:
        return type(value) is int and value > 0


@primitive("any-ids() -> any")
def any_ids() -> AnyId:
    """The ids that a connection may have.

    Source: https://redis.io/docs/latest/commands/client-id/.
    """
    return AnyId()


@frozen
class Between:
    """The lists that hold all of `sure`, and beside them only members of `maybe`, at most `most` altogether."""

    sure: tuple[int, ...]
    maybe: tuple[int, ...]
    most: int

    def candidates(self, leaves: Sequence[Any]) -> Iterable[tuple[int, ...]]:
        """All of them: a reply counts them and names none."""
        return self.all(len(leaves))

    def all(self, bound: int) -> Iterable[tuple[int, ...]]:
        """All of them, the shortest first."""
        rest = [one for one in self.maybe if one not in self.sure]
        room = max(min(self.most - len(self.sure), len(rest)), 0)
        return [self.sure + more for more in chain.from_iterable(combinations(rest, n) for n in range(room + 1))]

    def whole(self, found: Sequence[Any]) -> bool:
        """Always: every one is offered."""
        return True


@primitive("lists-between(list of int, list of int, int) -> any")
def lists_between(sure: tuple[int, ...], maybe: tuple[int, ...], most: int) -> Between:
    """The lists that hold all of the first, and beside them only members of the second; at most so many in all.

    >>> list(lists_between((1,), (1, 2), 2).all(9))
    [(1,), (1, 2)]

    Source: arithmetic.
    """
    return Between(sure, maybe, most)


@frozen
class Counts:
    """The whole numbers from `low` to `high`."""

    low: int
    high: int

    def candidates(self, leaves: Sequence[Any]) -> Iterable[int]:
        """The number that a reply shows."""
        return [leaf for leaf in leaves[:1] if type(leaf) is int and self.low <= leaf <= self.high]

    def all(self, bound: int) -> Iterable[int]:
        """The smallest: what lies beyond it is others' doing."""
        return [self.low]

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether it can be no other."""
        return self.low == self.high


@primitive("counts(int, int) -> any")
def counts(low: int, high: int) -> Counts:
    """The numbers that a count may have of which others than ours may be a part: from `low` to `high`.

    >>> list(counts(2, 9).candidates([5]))
    [5]

    Source: arithmetic.
    """
    return Counts(low, high)


@frozen
class ClientLists:
    """The texts that CLIENT LIST may give: a line for each connection that must be told of, none for those barred.

    `facts` is what is known of each of the former, pairs of a name and a value, the value absent where it is not known.
    """

    facts: tuple[dict[bytes, Any], ...]
    barred: frozenset[int]
    repeats: bool
    most: int
    describe = "lines of CLIENT LIST that agree with what is known of the connections"

    def __contains__(self, text: Any) -> bool:
        if not isinstance(text, bytes) or (text and not text.endswith(b"\n")):
            return False
        lines = [_fields(line) for line in text.split(b"\n")[:-1]]
        if len(lines) > self.most or any(b"id" not in line or not line[b"id"].isdigit() for line in lines):
            return False
        ids = [int(line[b"id"]) for line in lines]
        if (len(set(ids)) < len(ids) and not self.repeats) or self.barred & set(ids):
            return False
        return _each_has_one([[_agrees(facts, line) for line in lines] for facts in self.facts])

    @property
    def example(self) -> bytes:
        """The shortest such text, with what is known."""
        return b"".join(_line(facts, number) for number, facts in enumerate(self.facts, 1))


@primitive("client-lists(list of any, list of int, bool, int) -> any")
def client_lists(facts: tuple[Any, ...], barred: tuple[int, ...], repeats: bool, most: int) -> ClientLists:
    """The texts that CLIENT LIST may give for connections of which these facts are known; `repeats`: some line twice.

    Source: https://redis.io/docs/latest/commands/client-list/.
    """
    return ClientLists(tuple(dict(pairs) for pairs in facts), frozenset(barred), repeats, most)


_LETTERS = {
    b"no-evict": b"e", b"no-touch": b"T", b"subscribed": b"P", b"parked": b"b", b"tracking": b"t", b"broken": b"R",
    b"bcast": b"B",
}  # what a flag tells  # fmt: skip


def _fields(line: bytes) -> dict[bytes, bytes]:
    return dict(field.split(b"=", 1) for field in line.split(b" ") if b"=" in field)


def _agrees(facts: dict[bytes, Any], line: dict[bytes, bytes]) -> bool:
    """Whether a line tells the facts; it may tell more."""
    flags, multi = line.get(b"flags", b""), line.get(b"multi", b"")
    for name, value in facts.items():
        if value is None:
            continue
        if name == b"in-multi":
            # A Valkey connection that once had a transaction tells of an empty one.
            fits = (b"x" in flags) == value and (value or multi in (b"-1", b"0"))
        elif name == b"queued":
            fits = b"x" not in flags or multi == b"%d" % value
        elif name == b"watching":  # once one is touched, servers stop watching the others and take up no more
            fits = line.get(b"watch", b"").isdigit() and int(line[b"watch"]) <= value
        elif name in _LETTERS:
            fits = (_LETTERS[name] in flags) == value
        else:
            fits = line.get(name) == (b"%d" % value if isinstance(value, int) else value)
        if not fits:
            return False
    return True


def _each_has_one(fits: list[list[bool]]) -> bool:
    """Whether every row can have a column of its own that fits it: a matching, by augmenting paths."""
    holder: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for column, good in enumerate(fits[row]):
            if good and column not in tried:
                tried.add(column)
                if column not in holder or place(holder[column], tried):
                    holder[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(fits)))


def _line(facts: dict[bytes, Any], number: int) -> bytes:
    known = {name: value for name, value in facts.items() if value is not None}
    queued = known.pop(b"queued", 0) if known.get(b"in-multi") else -1
    letters = {b"in-multi": b"x", **_LETTERS}
    flags = b"".join(letter for name, letter in letters.items() if known.pop(name, False))
    known.pop(b"queued", None)
    if b"watching" in known:
        known[b"watch"] = known.pop(b"watching")
    told = {b"id": known.pop(b"id", number), b"flags": flags or b"N", b"multi": queued, **known}
    return b" ".join(b"%b=%b" % (k, b"%d" % v if isinstance(v, int) else v) for k, v in told.items()) + b"\n"


@frozen
class Versions:
    """The version numbers of servers."""

    describe = "a version number such as 8.2.3"
    example = b"0.0.0"

    def __contains__(self, text: Any) -> bool:
        return isinstance(text, bytes) and re.fullmatch(rb"\d+\.\d+\.\d+(-?[a-z]+\d*)?", text) is not None


@primitive("server-versions() -> any")
def server_versions() -> Versions:
    """The version numbers of servers.

    Source: https://redis.io/docs/latest/commands/hello/; release candidates end in -rc1 and the like.
    """
    return Versions()


@frozen
class Modules:
    """The lists of loaded modules: a server is free to have any."""

    describe = "a list of modules"
    example = ()

    def __contains__(self, value: Any) -> bool:
        return isinstance(value, tuple) and all(isinstance(one, tuple) and one[:1] == (b"name",) for one in value)


@primitive("server-modules() -> any")
def server_modules() -> Modules:
    """The lists of modules that a server may have loaded; each tells its name first.

    Source: https://redis.io/docs/latest/commands/hello/.
    """
    return Modules()
