"""A campaign's budget: it ends in time, wastes nothing, and draws from its seed alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import campaign
from tests.campaign import Budget, Rounds, run_examples

costs = st.lists(st.lists(st.floats(0.1, 30), min_size=1, max_size=5), min_size=1, max_size=8)


class Clock:
    """A clock that stands still but for what is done."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


def spend(budget: Budget, clock: Clock, costs: list[list[float]]) -> list[list[int]]:
    """Each test's batches take these times in turn; the seeds of those that were run."""
    budget.begin(len(costs))
    done: list[list[int]] = []
    for number, some in enumerate(costs):
        done.append([])
        try:
            for _, seed in budget.batches(f"test {number}"):
                done[-1].append(seed)
                clock.now += some[len(done[-1]) % len(some)]
        except pytest.skip.Exception:
            assert clock.now >= budget.seconds
    return done


@given(costs, st.floats(1, 200), st.integers(0, 9))
def test_a_campaign_ends_in_time_and_its_seed_says_what_it_draws(
    costs: list[list[float]], seconds: float, seed: int
) -> None:
    """It ends within one batch of its end, none early; more time draws the same and more; each batch has its seed."""
    with pytest.MonkeyPatch.context() as patch:
        runs = []
        for factor in (1, 3):
            clock = Clock()
            patch.setattr(campaign, "time", clock)
            runs.append(spend(Budget(seconds * factor, seed), clock, costs))
            assert clock.now < seconds * factor + max(map(max, costs))
            assert clock.now >= seconds * factor * (1 - 1e-9)
    short, long = runs
    assert all(more[: len(some)] == some for some, more in zip(short, long, strict=True))
    assert len({seed for some in long for seed in some}) == sum(map(len, long))


@pytest.mark.parametrize("seed", [1, 2])
def test_rounds_are_few_or_as_many_as_there_is_time_for(seed: int) -> None:
    """Without a budget the same few are drawn each time, with one those of its seed, one at least."""
    few = [source.random() for source in Rounds("it", None)(3)]
    assert few == [source.random() for source in Rounds("it", None)(3)]
    budgets = [Budget(1e-9, seed), Budget(1e-9, seed)]
    for budget in budgets:
        budget.begin(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Budget, "left", property(lambda _: 0.001))
        one, other = ([source.random() for source in Rounds("it", budget)(3)] for budget in budgets)
    assert one
    assert all(a == b for a, b in zip(one, other, strict=False))
    assert not set(one) & set(few)


def test_examples_are_drawn_batch_by_batch() -> None:
    """A test of Hypothesis is run with its fixtures, its cases are counted, and its failure ends it."""
    seen: list[int] = []

    @settings(max_examples=10, deadline=None)
    @given(number=st.integers(0, 1 << 40))
    def test(fixture: str, number: int) -> None:
        assert fixture == "given"
        seen.append(number)
        assert len(seen) < 35

    item: Any = SimpleNamespace(
        obj=test, nodeid="it", funcargs={"fixture": "given"}, _fixtureinfo=SimpleNamespace(argnames=("fixture",))
    )
    budget = Budget(60.0, 3)
    budget.begin(1)
    with pytest.raises(AssertionError):
        run_examples(budget, item)
    (spent,) = budget.spent
    assert spent.batches == 3
    assert spent.cases == len(seen) >= 35
    assert len(set(seen[:30])) > 20
