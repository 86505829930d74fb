"""Comparing numbers of which only bounds are known: each comparison that could go either way is a decision of a run.

What must live here: how an assumption narrows the bounds of what was compared. Not what is compared, or why.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from redlark.reference.values import Dead, Moment, Uncertain, Variable


class Comparing:
    """The part of a run that compares moments and other uncertain numbers."""

    __slots__ = ()

    differences: dict[tuple[Variable, Variable], tuple[int, int]]  # bounds of differences that were assumed

    now: Any  # a moment: Unix milliseconds
    latest: int  # Unix milliseconds by which the request was done

    def read_clock(self) -> None:
        """Reads the clock again: what follows may be later than what was before."""
        self.now = Moment(Variable(self.now.lo, self.latest))

    @abstractmethod
    def fork(self, alternatives: int) -> int:
        """One of this many alternatives."""

    def compare(self, operator: str, left: Any, right: Any) -> bool:
        """Compares numbers of which at least one is uncertain; what that assumes, it narrows."""
        if operator in ("=", "!="):
            numbers = isinstance(right, (int, Uncertain)) and isinstance(left, (int, Uncertain))
            equal = numbers and self.equal(left, right)
            return equal == (operator == "=")
        if operator == "<=":
            return self.at_most(left, right)
        if operator == "<":
            return not self.at_most(right, left)
        if operator == ">":
            return not self.at_most(left, right)
        return self.at_most(right, left)

    def _bounds(self, left: Any, right: Any) -> tuple[int, int]:
        """Bounds of left minus right."""
        if type(left) is not Moment or type(right) is not Moment:
            return _lo(left) - _hi(right), _hi(left) - _lo(right)
        one, other, offset = left.variable, right.variable, left.offset - right.offset
        if one is other:
            return offset, offset
        lo, hi = one.lo - other.hi + offset, one.hi - other.lo + offset
        known = self.differences.get((one, other)) if self.differences else None
        return (lo, hi) if known is None else (max(lo, known[0] + offset), min(hi, known[1] + offset))

    def at_most(self, left: Any, right: Any) -> bool:
        lo, hi = self._bounds(left, right)
        if hi <= 0:
            return True
        if lo > 0:
            return False
        if self.fork(2) == 0:
            self._assume(left, right, lo, 0)
            return True
        self._assume(left, right, 1, hi)
        return False

    def equal(self, left: Any, right: Any) -> bool:
        lo, hi = self._bounds(left, right)
        if lo == hi == 0:
            return True
        if lo > 0 or hi < 0:
            return False
        if self.fork(2) == 0:
            self._assume(left, right, 0, 0)
            return True
        return False

    def _assume(self, left: Any, right: Any, lo: int, hi: int) -> None:
        """Narrows both sides to a difference within these bounds."""
        if lo > hi:
            raise Dead
        if isinstance(left, Uncertain):
            left.narrow(_lo(right) + lo, _hi(right) + hi)
        if isinstance(right, Uncertain):
            right.narrow(_lo(left) - hi, _hi(left) - lo)
        if isinstance(left, Moment) and isinstance(right, Moment):
            offset = left.offset - right.offset
            self.differences[left.variable, right.variable] = (lo - offset, hi - offset)
            self.differences[right.variable, left.variable] = (offset - hi, offset - lo)


def _lo(number: Any) -> int:
    return number.lo if isinstance(number, Uncertain) else number


def _hi(number: Any) -> int:
    return number.hi if isinstance(number, Uncertain) else number
