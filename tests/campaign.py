"""A campaign's budget: the tests marked `campaign` share one span of time, and end with it, whatever they have found.

Each test gets an equal part of what is left when its turn comes, and spends it on batches: of Hypothesis's examples, or
of rounds that a test draws itself (`Rounds`). Batch number n of a test is drawn from the campaign's seed, the test's
name and n alone, so whoever names the seed and the test has the same cases again, however long it takes. What must not
live here: what is drawn, and what must hold of it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from zlib import crc32

import pytest
from attrs import define, field
from hypothesis import is_hypothesis_test, seed

BATCH = 50  # examples of Hypothesis, after each of which the clock is looked at
HANGS = 900.0  # seconds beyond its part after which a test is held to hang: shrinking may take 300


@define
class Spent:
    """What one test did with its part; a batch that failed is not counted."""

    test: str
    cases: int = 0
    batches: int = 0
    seconds: float = 0.0


@define
class Budget:
    """So many seconds for so many tests, and the seed of all that they draw."""

    seconds: float
    seed: int
    tests: int = 0
    spent: list[Spent] = field(factory=list)
    _began: float = field(factory=time.monotonic)

    def begin(self, tests: int) -> None:
        """Time runs from now on, for so many tests."""
        self.tests, self._began = tests, time.monotonic()

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self._began + self.seconds - time.monotonic()

    def batches(self, test: str) -> Iterator[tuple[Spent, int]]:
        """The seeds of a test's batches, one at least, until its part is spent. Skips a test that comes too late."""
        if self.left <= 0:
            pytest.skip("the campaign's time was over")
        part = self.left / max(1, self.tests - len(self.spent))
        spent, began = Spent(test), time.monotonic()
        self.spent.append(spent)
        while not spent.batches or spent.seconds < part:
            yield spent, self.seed_of(test, spent.batches)
            spent.batches += 1
            spent.seconds = time.monotonic() - began

    def seed_of(self, test: str, batch: int) -> int:
        """The seed of one batch of a test.

        >>> Budget(60.0, 1).seed_of("test_it", 0) == Budget(9.0, 1).seed_of("test_it", 0)
        True
        """
        return crc32(f"{self.seed} {test} {batch}".encode())

    def told(self) -> Iterator[str]:
        """What was done, a line for each test."""
        for one in self.spent:
            yield f"{one.cases:>9,} cases  {one.batches:>6,} batches  {one.seconds:>7.1f} s  {one.test}"


@define
class Rounds:
    """Rounds of a test that draws by itself: the same few each time; in a campaign as many as there is time for."""

    test: str
    budget: Budget | None

    @property
    def many(self) -> bool:
        """Whether this is a campaign."""
        return self.budget is not None

    def __call__(self, few: int) -> Iterator[random.Random]:
        """A source of chance for each round."""
        if self.budget is None:
            yield from map(random.Random, range(few))
            return
        for spent, number in self.budget.batches(self.test):
            spent.cases += 1
            yield random.Random(number)


def run_examples(budget: Budget, item: pytest.Function) -> None:
    """Run a test of Hypothesis batch by batch, each from a seed of its own, until its part is spent."""
    test = item.obj
    inner = test.hypothesis.inner_test
    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    try:
        for spent, number in budget.batches(item.nodeid):

            def counted(*words: object, spent: Spent = spent, **named: object) -> object:
                spent.cases += 1
                return inner(*words, **named)

            test.hypothesis.inner_test = counted
            seed(number)(test)(**arguments)
    finally:
        test.hypothesis.inner_test = inner


def is_examples(item: pytest.Function) -> bool:
    """Whether a test is one of a campaign, and its cases are Hypothesis's to draw."""
    return item.get_closest_marker("campaign") is not None and is_hypothesis_test(item.obj)
