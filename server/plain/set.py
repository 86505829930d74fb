"""A set: an intset while all members are integers, a listpack while it is small, else a hash table.  See `types.Set`.

What it has become it stays, unless it grows further.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from redlark.server.plain.members import Members
from redlark.server.types import Limits
from redlark.server.values import to_integer

INTSET: Final = b"intset"
LISTPACK: Final = b"listpack"
HASHTABLE: Final = b"hashtable"
MEMBER: Final = 73  # bytes that Python needs for a member beside its own
ORDERED: Final = 104  # and for its place in the order of hashes
KEPT_SHARE: Final = 5  # what SPOP leaves is kept anew where it is less than a fifth of what it takes


class Set(Members):
    """See `types.Set`."""

    __slots__ = ("_bytes", "_limits", "_members", "encoding")

    kind: Literal[b"set"] = b"set"

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._members: set[bytes] = set()
        self._bytes = 0
        self.encoding = INTSET

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._members)

    def __contains__(self, member: object, /) -> bool:
        return member in self._members

    def memory(self) -> int:
        each = MEMBER if self._index is None else MEMBER + ORDERED
        return 280 + each * len(self._members) + self._bytes

    # ---- changes ------------------------------------------------------------------------------------------------

    def add(self, members: Sequence[bytes], announced: int = 0) -> int:
        if announced:
            self._announce(members[0], announced)
        return self._add(members)

    def gather(self, members: Iterable[bytes], integers: bool = True) -> None:
        numbers: list[bytes] = []
        others: list[bytes] = []
        for member in members:
            (others if to_integer(member) is None else numbers).append(member)
        if not integers and (others or len(numbers) > self._limits.set_max_intset_entries):
            self.encoding = LISTPACK
        self._add(numbers)
        self._add(others)

    def load(self, members: Sequence[bytes], encoding: bytes) -> None:
        self._members = set(members)
        self._bytes = sum(map(len, self._members))
        limits = self._limits
        most = limits.set_max_intset_entries if encoding == INTSET else limits.set_max_listpack_entries
        packs = encoding != HASHTABLE and len(self._members) <= most
        self._become((INTSET if encoding == INTSET else LISTPACK) if packs else HASHTABLE)

    def _add(self, members: Iterable[bytes]) -> int:
        before = len(self._members)
        for member in members:
            if member not in self._members:
                if self.encoding is not HASHTABLE:
                    self._grow(member)
                self._members.add(member)
                self._bytes += len(member)
                if self._index is not None:
                    self._index.add(member)
        return len(self._members) - before

    def _announce(self, first: bytes, count: int) -> None:
        """The form in which so many are expected; repeats, and those that are there, count."""
        packs, fits = count <= self._limits.set_max_listpack_entries, count <= self._limits.set_max_intset_entries
        if not self._members:
            if not fits or to_integer(first) is None:
                self._become(LISTPACK if packs else HASHTABLE)
        elif (self.encoding is INTSET and not fits) or (self.encoding is LISTPACK and not packs):
            self._become(HASHTABLE)

    def _grow(self, member: bytes) -> None:
        """The form that the packed set takes as this member comes."""
        size, limits = len(self._members), self._limits
        longest = len(member)
        if self.encoding is INTSET:
            if to_integer(member) is not None:
                if size >= limits.set_max_intset_entries:
                    self._become(HASHTABLE)
                return
            longest = max(longest, max(map(len, self._members), default=0))
        packs = size < limits.set_max_listpack_entries and longest <= limits.set_max_listpack_value
        self._become(LISTPACK if packs else HASHTABLE)

    def _become(self, encoding: bytes) -> None:
        self.encoding = encoding
        if encoding is HASHTABLE:
            self._unpack()
        else:
            self._index = None

    def remove(self, members: Iterable[bytes]) -> int:
        gone = 0
        for member in members:
            if member in self._members:
                self._members.remove(member)
                self._bytes -= len(member)
                if self._index is not None:
                    self._index.remove(member)
                gone += 1
        return gone

    def take(self, count: int) -> list[bytes]:
        gone = self.sample(count)
        self.remove(gone)
        if len(self._members) * KEPT_SHARE <= count and self.encoding is not INTSET:
            self._index = None
            self.encoding = LISTPACK
            limits = self._limits
            many = len(self._members) > limits.set_max_listpack_entries
            if many or any(len(member) > limits.set_max_listpack_value for member in self._members):
                self._become(HASHTABLE)
        return gone

    # ---- as a whole ---------------------------------------------------------------------------------------------

    def copy(self) -> Set:
        other = Set(self._limits)
        other._members = self._members.copy()
        other._bytes = self._bytes
        other._become(self.encoding)
        return other

    def check(self) -> None:
        super().check()
        assert self._bytes == sum(map(len, self._members))
        assert (self.encoding is HASHTABLE) == (self._index is not None)
        assert self.encoding in (INTSET, LISTPACK, HASHTABLE)
        if self.encoding is INTSET:
            assert all(to_integer(member) is not None for member in self._members)
