"""Units of work and the merging of what they found: nothing lost, nothing counted twice, in whatever order."""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.conformance.options import ELSEWHERE, NOT_REACHED, Options, Share
from redlark.conformance.report import ENDLESS
from redlark.conformance.spread import merging
from redlark.conformance.spread.merging import NOTHING, Outcome, merge
from redlark.conformance.spread.unit import Unit, units_of

COUNTS = st.integers(0, 1000)
NAMES = st.sampled_from(["GET", "SET", "XADD"])
RULES = st.sampled_from(["GET/found", "GET/nothing", "SET/set", "XADD/added"])
REACHED = st.dictionaries(RULES, COUNTS, max_size=4)
WORDS = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=2).map(sorted)
FINDINGS = st.fixed_dictionaries(
    {
        "command": NAMES,
        "rules": st.lists(RULES, max_size=2),
        "kind": st.sampled_from(["+", "-", "$"]),
        "transcript": st.sampled_from(["GET k", "GET kk", "SET k v\nGET k"]),
        "exchanges": st.lists(st.just({"client": 1, "request": "GET k", "reply": None}), max_size=3),
        "reproduced": st.booleans(),
    }
)
VERDICTS = st.fixed_dictionaries(
    {
        "verdict": st.sampled_from(merging.GRAVITY),
        "group": st.just("string"),
        "reason": st.just(""),
        "requests": COUNTS,
        "rules": REACHED,
        "options": st.dictionaries(st.sampled_from(["NX", "EX"]), COUNTS),
        "findings": st.lists(FINDINGS, max_size=3).map(merging._distinct),
    }
)
REASONS = st.sampled_from([NOT_REACHED, f"needs a server where events are told: {ELSEWHERE}", "never sent", "x"])
CONTRADICTIONS = st.lists(st.just({"picture": "|-|", "original": 3, "operations": []}), max_size=1)
CROWDS = st.none() | st.fixed_dictionaries(
    {
        "clients": st.just(8),
        "histories": COUNTS,
        "requests": COUNTS,
        "undecided": COUNTS,
        "contradictions": CONTRADICTIONS,
        "lost": st.sampled_from(["", "closed the connection"]),
    }
)


@st.composite
def outcomes(draw: st.DrawFn, count: int) -> list[Outcome]:
    """So many outcomes, of one unit each."""
    return [
        {
            "units": [f"unit {number}"],
            "target": "redis:8.2",
            "texts": ["0"],
            "servers": ["redis 8.2.3"],
            "profiles": draw(st.sampled_from([[], ["redis-8.2"]])),
            "why": draw(WORDS),
            "notes": draw(WORDS),
            "baselines": [],
            "complaints": draw(
                st.lists(st.sampled_from([["a line", 1], ["another", 2]]), max_size=2, unique_by=str).map(sorted)
            ),
            "ended": draw(st.sampled_from(merging.ENDS)),
            "commands": draw(st.dictionaries(NAMES, VERDICTS)),
            "common": draw(REACHED),
            "reached_in": draw(st.dictionaries(st.sampled_from(["2", "3"]), REACHED)),
            "unreached": draw(st.dictionaries(RULES, REASONS)),
            "worlds": draw(st.integers(1, 100)),
            "crowd": draw(CROWDS),
            **{name: draw(COUNTS) for name in ("requests", "histories", "judging", "given_up", "passed_over")},
        }
        for number in range(count)
    ]


def same(one: Outcome, other: Outcome) -> bool:
    """Whether two outcomes are the same data."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(outcomes(3))
def test_merging_is_associative_and_commutative(three: list[Outcome]) -> None:
    """However outcomes are put together they are the same, and no outcome at all changes nothing."""
    one, two, three_ = three
    assert same(merge(merge(one, two), three_), merge(one, merge(two, three_)))
    assert same(merge(one, two), merge(two, one))
    assert same(merge(NOTHING, merge(one, two)), merge(one, two))


@given(outcomes(4), st.randoms())
def test_what_is_merged_is_the_sum(several: list[Outcome], rng: Any) -> None:
    """Counts add up, the gravest verdict and end stay, every unit is named once, and its second coming is refused."""
    rng.shuffle(several)
    merged = reduce(merge, several, NOTHING)
    assert merged["units"] == [f"unit {number}" for number in range(4)]
    assert merged["requests"] == sum(one["requests"] for one in several)
    for name, verdict in merged["commands"].items():
        parts = [one["commands"][name] for one in several if name in one["commands"]]
        assert verdict["requests"] == sum(part["requests"] for part in parts)
        assert merging.GRAVITY.index(verdict["verdict"]) == max(merging.GRAVITY.index(p["verdict"]) for p in parts)
        faults = {merging.fault(told) for part in parts for told in part["findings"]}
        assert [merging.fault(told) for told in verdict["findings"]] == list(
            dict.fromkeys(merging.fault(told) for told in verdict["findings"])
        )
        assert {merging.fault(told) for told in verdict["findings"]} == faults
    with pytest.raises(ValueError, match="counted twice"):
        merge(merged, several[0])


@given(
    st.integers(1, 5),
    st.none() | st.integers(1, 5000),
    st.none() | st.integers(1, 50),
    st.floats(1, 30_000) | st.just(ENDLESS),
)
def test_units_are_the_whole_search(workers: int, requests: int | None, concurrent: int | None, budget: float) -> None:
    """Units have all requests, histories and rounds between them, none of them twice, and no unit has nothing to do."""
    options = Options(seed=7, workers=workers, requests=requests, concurrent=concurrent, budget=budget, engine="x")
    units = units_of("redis:8.2", options)
    shares = [unit.options.share for unit in units]
    assert shares == [Share(number, len(units)) for number in range(len(units))]
    assert all(sum(share.has(place) for share in shares) == 1 for place in range(40))
    for whole, parts in (
        (requests, [u.options.requests for u in units]),
        (concurrent, [u.options.concurrent for u in units]),
    ):
        assert (
            parts == [None] * len(units) if whole is None else sum(part or 0 for part in parts) == whole and all(parts)
        )
    assert {unit.options.seed for unit in units} == {7}
    assert len({unit.key for unit in units}) == len(units)
    assert all(unit.options.budget <= budget for unit in units)
    assert budget >= ENDLESS or all(unit.options.budget <= 300 for unit in units)
    assert units == units_of("redis:8.2", options)


def test_a_unit_travels_as_json() -> None:
    """A unit that was written as JSON and read again is the same unit, with whatever options."""
    options = Options(
        profile="redis-8.2", protocols=(3,), commands=frozenset({"GET", "SET"}), groups=frozenset({"list"}), seed=3,
        requests=10, concurrent=4, exhaustive=2, state=Path("x"), loose=True, destructive=True, timeout=1.5, workers=2,
    )  # fmt: skip
    for unit in units_of("redis:8.2", options):
        assert Unit.from_json(json.loads(json.dumps(unit.as_json()))) == unit
