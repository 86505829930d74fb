"""Keys in the order of their hashes: what gives SCAN its guarantee and RANDOMKEY its choice.

A cursor is a point on the line of hashes.  A key's hash never changes, so a key that stays is met exactly once by a
walk from 0 upwards, whatever comes and goes; a table that grows has nothing to do with it.  The order is kept in
blocks, as sorted lists are, so an insertion moves a few hundred pointers at most and growth never stalls.
"""

from __future__ import annotations

import random
from bisect import bisect_left, insort

BLOCK = 512
Item = tuple[int, bytes]


def position(key: bytes) -> int:
    """Where a key stands: Python's hash of bytes (SipHash, seeded anew in each process) without its sign."""
    return hash(key) & 0x7FFF_FFFF_FFFF_FFFF


class Index:
    """A sorted collection of (position, key)."""

    __slots__ = ("_blocks", "_firsts")

    def __init__(self) -> None:
        self._blocks: list[list[Item]] = [[]]
        self._firsts: list[Item] = [(-1, b"")]  # nothing in a block stands before its first; the first block takes all

    def add(self, key: bytes) -> None:
        """Insert a key that is not there."""
        item = (position(key), key)
        at = self._block_of(item)
        block = self._blocks[at]
        insort(block, item)
        if len(block) > BLOCK:
            middle = len(block) // 2
            self._blocks.insert(at + 1, block[middle:])
            self._firsts.insert(at + 1, block[middle])
            del block[middle:]

    def remove(self, key: bytes) -> None:
        """Remove a key that is there."""
        item = (position(key), key)
        at = self._block_of(item)
        block = self._blocks[at]
        del block[bisect_left(block, item)]
        if not block and at:
            del self._blocks[at], self._firsts[at]

    def walk(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """At least count keys from cursor on (keys of one position stay together), and where to go on; 0 at the end."""
        start = (cursor, b"")
        at = self._block_of(start)
        place = bisect_left(self._blocks[at], start)
        found: list[Item] = []
        while at < len(self._blocks):
            for item in self._blocks[at][place:]:
                if len(found) >= count and item[0] != found[-1][0]:
                    return found[-1][0] + 1, [key for _, key in found]
                found.append(item)
            at, place = at + 1, 0
        return 0, [key for _, key in found]

    def choose(self) -> bytes:
        """Any key, all equally likely.  There must be one."""
        while True:  # a short block is refused as often as it is shorter than a full one
            block = random.choice(self._blocks)
            place = random.randrange(BLOCK + 1)
            if place < len(block):
                return block[place][1]
            if len(self._blocks) == 1:
                return random.choice(block)[1]

    def _block_of(self, item: Item) -> int:
        at = bisect_left(self._firsts, item)
        return at if at < len(self._firsts) and self._firsts[at] == item else max(at - 1, 0)

    def check(self) -> None:
        """Order, block sizes and the blocks' firsts hold."""
        assert len(self._blocks) == len(self._firsts)
        flat = [item for block in self._blocks for item in block]
        assert flat == sorted(set(flat))
        assert all(item[0] == position(item[1]) for item in flat)
        for number, (block, first) in enumerate(zip(self._blocks, self._firsts, strict=True)):
            assert len(block) <= BLOCK
            assert all(first <= item for item in block)
            assert block or number == 0

    def __len__(self) -> int:
        return sum(map(len, self._blocks))
