"""A sorted set: members with their scores in a dict, and once more in their order, in blocks.  See `types.SortedSet`.

The order is a list of sorted lists of (score, member), none longer than about twice the root of their number: a change
moves pointers within one block, a rank is the sum of the blocks' sizes before it.  A packed one is kept likewise.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from math import isqrt
from typing import Final, Literal

from redlark.server.plain.members import Members
from redlark.server.types import Limits, Scored

BLOCK: Final = 512  # members that a block may have at least
MEMBER: Final = 220  # bytes that Python needs for a member beside its own
ORDERED: Final = 104  # and for its place in the order of hashes

Item = tuple[float, bytes]


class SortedSet(Members):
    """See `types.SortedSet`.  There is always a block, and no other one is empty."""

    __slots__ = ("_blocks", "_bytes", "_limits", "_scores", "_sizes")

    kind: Literal[b"zset"] = b"zset"

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._scores: dict[bytes, float] = {}
        self._bytes = 0
        self._blocks: list[list[Item]] = [[]]
        self._sizes = [0]

    # ---- looking ------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._scores)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._scores)

    def __contains__(self, member: object, /) -> bool:
        return member in self._scores

    @property
    def encoding(self) -> bytes:
        return b"listpack" if self._index is None else b"skiplist"

    def memory(self) -> int:
        each = MEMBER if self._index is None else MEMBER + ORDERED
        return 400 + each * len(self._scores) + self._bytes

    def score(self, member: bytes) -> float | None:
        return self._scores.get(member)

    def rank(self, member: bytes) -> int | None:
        score = self._scores.get(member)
        if score is None:
            return None
        item = (score, member)
        at = self._block_of(item)
        return sum(islice(self._sizes, at)) + bisect_left(self._blocks[at], item)

    def range(self, start: int, stop: int) -> list[Scored]:
        if start >= stop:
            return []
        at, place = self._find(start)
        found = self._blocks[at][place : place + stop - start]
        while len(found) < stop - start:
            at += 1
            found += self._blocks[at][: stop - start - len(found)]
        return [(member, score) for score, member in found]

    def first(self, test: Callable[[float, bytes], bool]) -> int:
        if self._index is None:  # small, and where the test is not in order the first one counts
            items = chain.from_iterable(self._blocks)
            return next((rank for rank, item in enumerate(items) if test(*item)), len(self._scores))
        if not self._blocks[-1] or not test(*self._blocks[-1][-1]):
            return len(self._scores)
        low, high = -1, len(self._scores) - 1  # by ranks, as the compiled core: where the test is in no order, both
        while high - low > 1:  # arrive at the same
            middle = low + (high - low) // 2
            block, place = self._find(middle)
            if test(*self._blocks[block][place]):
                high = middle
            else:
                low = middle
        return high

    def _find(self, rank: int) -> tuple[int, int]:
        """The block that has a rank, and the place in it."""
        for at, size in enumerate(self._sizes):
            if rank < size:
                return at, rank
            rank -= size
        raise IndexError

    def _block_of(self, item: Item) -> int:
        """The block where an item is, or belongs."""
        at = bisect_left(self._blocks, item, key=lambda block: block[-1]) if self._scores else 0
        return min(at, len(self._blocks) - 1)

    # ---- changes ------------------------------------------------------------------------------------------------

    def put(self, member: bytes, score: float) -> None:
        old = self._scores.get(member)
        if self._index is None:
            limits = self._limits
            many = len(self._scores) >= limits.zset_max_listpack_entries
            if old is None and (many or len(member) > limits.zset_max_listpack_value):
                self._unpack()
            else:
                score += 0.0
        if old is not None:
            self._cut((old, member))
        self._insert((score, member))
        self._scores[member] = score
        if old is None:
            self._bytes += len(member)
            if self._index is not None:
                self._index.add(member)

    def _insert(self, item: Item) -> None:
        at = self._block_of(item) if self._blocks[0] else 0
        block = self._blocks[at]
        insort(block, item)
        self._sizes[at] += 1
        if len(block) > BLOCK and len(block) > 2 * isqrt(len(self._scores)):
            middle = len(block) // 2
            self._blocks.insert(at + 1, block[middle:])
            del block[middle:]
            self._sizes[at : at + 1] = [middle, len(self._blocks[at + 1])]

    def _cut(self, item: Item) -> None:
        at = self._block_of(item)
        block = self._blocks[at]
        del block[bisect_left(block, item)]
        self._sizes[at] -= 1
        self._drop_empty(at, at + 1)

    def _drop_empty(self, start: int, stop: int) -> None:
        """Remove the empty ones of these blocks, unless there is no other."""
        for at in range(stop - 1, start - 1, -1):
            if not self._blocks[at] and len(self._blocks) > 1:
                del self._blocks[at], self._sizes[at]

    def unpack(self) -> None:
        if self._index is None:
            self._unpack()

    def gather(self, scores: Iterable[Scored]) -> None:
        self._scores = dict(scores)
        limits = self._limits
        many = len(self._scores) > limits.zset_max_listpack_entries
        if many or any(len(member) > limits.zset_max_listpack_value for member in self._scores):
            self._unpack()
        else:
            self._scores = {member: score + 0.0 for member, score in self._scores.items()}
        self._order()

    def load(self, scores: Iterable[Scored]) -> None:
        self._scores = dict(scores)
        if len(self._scores) > self._limits.zset_max_listpack_entries:
            self._unpack()
        self._order()

    def _order(self) -> None:
        """Make the blocks of the scores."""
        self._bytes = sum(map(len, self._scores))
        items = sorted((score, member) for member, score in self._scores.items())
        self._blocks = [items[at : at + BLOCK // 2] for at in range(0, len(items), BLOCK // 2)] or [[]]
        self._sizes = [len(block) for block in self._blocks]

    def remove(self, members: Iterable[bytes]) -> int:
        gone = 0
        for member in members:
            score = self._scores.get(member)
            if score is not None:
                self._cut((score, member))
                self._forget(member)
                gone += 1
        return gone

    def remove_range(self, start: int, stop: int) -> None:
        if start >= stop:
            return
        left = stop - start
        begin, place = self._find(start)
        at = begin
        while left:
            gone = self._blocks[at][place : place + left]
            del self._blocks[at][place : place + left]
            self._sizes[at] -= len(gone)
            for _, member in gone:
                self._forget(member)
            left -= len(gone)
            at, place = at + 1, 0
        self._drop_empty(begin, at)

    def _forget(self, member: bytes) -> None:
        del self._scores[member]
        self._bytes -= len(member)
        if self._index is not None:
            self._index.remove(member)

    # ---- as a whole ---------------------------------------------------------------------------------------------

    def copy(self) -> SortedSet:
        other = SortedSet(self._limits)
        other._scores = self._scores.copy()
        other._bytes = self._bytes
        other._blocks = [block.copy() for block in self._blocks]
        other._sizes = self._sizes.copy()
        if self._index is not None:
            other._unpack()
        return other

    def check(self) -> None:
        super().check()
        flat = list(chain.from_iterable(self._blocks))
        assert flat == sorted(flat)
        assert sorted((score, member) for member, score in self._scores.items()) == flat
        assert self._sizes == [len(block) for block in self._blocks]
        assert all(self._blocks) or len(self._blocks) == 1
        assert self._bytes == sum(map(len, self._scores))
