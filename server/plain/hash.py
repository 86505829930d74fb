"""A hash: a listpack while it is small, else a hash table, which it stays.  See `types.Hash`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from redlark.server.plain.deadlines import Deadlines
from redlark.server.plain.members import Members
from redlark.server.types import Limits

FIELD: Final = 170  # bytes that Python needs for a field and its value beside their own
ORDERED: Final = 104  # and for the field's place in the order of hashes


class Hash(Members):
    """See `types.Hash`."""

    __slots__ = ("_bytes", "_deadlines", "_limits", "_values", "timed")

    kind: Literal[b"hash"] = b"hash"

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._values: dict[bytes, bytes] = {}
        self._bytes = 0
        self.timed = False
        self._deadlines = Deadlines()

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._values)

    def __contains__(self, field: object, /) -> bool:
        return field in self._values

    @property
    def encoding(self) -> bytes:
        if self._index is not None:
            return b"hashtable"
        return b"listpackex" if self.timed else b"listpack"

    def memory(self) -> int:
        each = FIELD if self._index is None else FIELD + ORDERED
        return 250 + each * len(self._values) + self._bytes + self._deadlines.memory()

    def get(self, field: bytes) -> bytes | None:
        return self._values.get(field)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        return self._values.items()

    @property
    def ends(self) -> int | None:
        first = self._deadlines.first()
        return None if first is None else first[0]

    def be_timed(self) -> None:
        self.timed = True

    def deadline(self, field: bytes) -> int | None:
        return self._deadlines.get(field)

    def set_deadline(self, field: bytes, at: int | None) -> None:
        if at is None:
            self._deadlines.drop(field)
        else:
            self._deadlines.put(field, at)

    def end(self, now: int, most: int) -> int:
        gone = 0
        while gone < most and (first := self._deadlines.first()) is not None and first[0] < now:
            gone += self.remove((first[1],))
        return gone

    def set(self, fields: Sequence[bytes], values: Sequence[bytes], keep_deadlines: bool = False) -> int:
        before = len(self._values)
        if self._deadlines and not keep_deadlines:
            for field in fields:
                self._deadlines.drop(field)
        if self._index is None and not self._packs(fields, values):
            self._unpack()
        for field, value in zip(fields, values, strict=True):
            old = self._values.get(field)
            if old is None:
                self._bytes += len(field) + len(value)
                if self._index is not None:
                    self._index.add(field)
            else:
                self._bytes += len(value) - len(old)
            self._values[field] = value
        if self._index is None and len(self._values) > self._limits.hash_max_listpack_entries:
            self._unpack()
        return len(self._values) - before

    def load(self, fields: Sequence[bytes], values: Sequence[bytes]) -> None:
        self._values = dict(zip(fields, values, strict=True))
        self._bytes = sum(len(field) + len(value) for field, value in self._values.items())
        if len(self._values) > self._limits.hash_max_listpack_entries:
            self._unpack()

    def _packs(self, fields: Sequence[bytes], values: Sequence[bytes]) -> bool:
        """May these come into a listpack?  Of repeated fields each counts."""
        longest = self._limits.hash_max_listpack_value
        if len(fields) > self._limits.hash_max_listpack_entries:
            return False
        return all(len(text) <= longest for texts in (fields, values) for text in texts)

    def remove(self, fields: Iterable[bytes]) -> int:
        gone = 0
        for field in fields:
            value = self._values.pop(field, None)
            if value is not None:
                self._deadlines.drop(field)
                self._bytes -= len(field) + len(value)
                if self._index is not None:
                    self._index.remove(field)
                gone += 1
        return gone

    def copy(self) -> Hash:
        other = Hash(self._limits)
        other._values = self._values.copy()
        other._bytes = self._bytes
        other.timed = self.timed
        other._deadlines = self._deadlines.copy()
        if self._index is not None:
            other._unpack()
        return other

    def check(self) -> None:
        super().check()
        self._deadlines.check(self._values)
        assert not self._deadlines or self.encoding != b"listpack"
        assert self._bytes == sum(len(field) + len(value) for field, value in self._values.items())
