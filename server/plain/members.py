"""What sets, hashes and sorted sets share: drawing members at random, and walking over them.

A packed value has no order of its own to be walked in: a step tells all of it.  Any other keeps its members in an
`Index` as well, in the order of their hashes, as a keyspace keeps its keys; so a walk goes on where it was even in
another value that has been put in the place of the first (decision 16).
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator

from redlark.server.plain.index import Index

SHARE = 3  # a sample of more than a third is not found by trying


class Members(ABC):
    """A collection whose members are walked; subclasses say which they are, and call `_unpack` once they are many."""

    __slots__ = ("_index",)

    def __init__(self) -> None:
        self._index: Index | None = None

    @abstractmethod
    def __iter__(self) -> Iterator[bytes]:
        """Every member, once."""

    @abstractmethod
    def __len__(self) -> int:
        """How many."""

    @abstractmethod
    def __contains__(self, member: object, /) -> bool:
        """Is it there?"""

    def _unpack(self) -> None:
        """Begin to keep the order."""
        self._index = Index()
        for member in self:
            self._index.add(member)

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        return (0, list(self)) if self._index is None else self._index.walk(cursor, count)

    def draw(self, count: int) -> list[bytes]:
        if self._index is None:
            return random.choices(list(self), k=count)
        return [self._index.choose() for _ in range(count)]

    def sample(self, count: int) -> list[bytes]:
        if count >= len(self):
            return list(self)
        if self._index is None or count * SHARE > len(self):
            return random.sample(list(self), count)
        found: dict[bytes, None] = {}
        while len(found) < count:
            found[self._index.choose()] = None
        return list(found)

    def check(self) -> None:
        if self._index is not None:
            self._index.check()
            assert sorted(self) == sorted(self._index.walk(0, len(self) + 1)[1])
