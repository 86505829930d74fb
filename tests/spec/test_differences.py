"""What two profiles differ in: nothing is missed, nothing is made up, and each difference can be had alone."""

from __future__ import annotations

import pytest
from attrs import evolve

from redlark.reference.model import Model, profiles
from redlark.spec import syntax as s
from redlark.spec.alignment import aligned, mixed, owners
from redlark.spec.differences import Comparison, Difference
from redlark.spec.loader import NotationError
from redlark.spec.profiles import profile
from redlark.spec.resolved import resolve, resolved_text

PAIRS = [("redis-7.0", "redis-8.2"), ("redis-8.2", "valkey-9.1")]


@pytest.mark.parametrize("name", profiles())
def test_a_profile_does_not_differ_from_itself(name: str) -> None:
    """No difference between a profile and itself."""
    assert Comparison(name, name).differences == ()


@pytest.mark.parametrize("pair", [*PAIRS, ("redis-6.2", "redis-7.0")], ids="-".join)
def test_differences_have_names_of_their_own(pair: tuple[str, str]) -> None:
    """No two differences of a pair have the same id, and each has a text on one side at least."""
    found = Comparison(*pair).differences
    assert len({one.id for one in found}) == len(found)
    assert all(one.before or one.after for one in found)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_turned_round_they_are_the_same(pair: tuple[str, str]) -> None:
    """From B to A there is what there is from A to B, texts exchanged; of two that changed places either moved."""

    def key(one: Difference) -> tuple[object, ...]:
        return one.kind, one.subject, one.name, frozenset((one.before, one.after))

    found = Comparison(*pair).differences, Comparison(*reversed(pair)).differences
    first, second = ([one for one in each if one.before != one.after] for each in found)  # not what moved
    assert set(map(key, first)) == set(map(key, second))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_all_differences_of_a_block_together_are_the_other_block(pair: tuple[str, str]) -> None:
    """Taking each difference of a block's steps from A, one after another, makes of B's steps A's own."""
    first, second = Comparison(*pair).commands
    for name in first.keys() & second.keys():
        wanted, steps = first[name].steps, second[name].steps
        for _ in range(40):
            segments = aligned(wanted, steps)
            left = list(owners(segments))
            if not left:
                break
            steps = mixed(segments, {left[0]})
        assert not list(owners(aligned(wanted, steps))), name


def test_a_rule_that_is_added_is_the_difference() -> None:
    """A text to which one rule is added differs in that rule alone, and without it is the text that it was."""
    text = resolved_text("redis-8.2")
    get = next(c for c in text.commands if c.name == "GET")
    rule = s.Rule("added", None, (), s.Int(1))
    more = evolve(text, commands=tuple(evolve(c, steps=(rule, *c.steps)) if c is get else c for c in text.commands))
    comparison = Comparison("redis-8.2", "redis-8.2")
    comparison.texts = (text, more)
    (found,) = comparison.differences
    assert (found.id, found.change, found.before) == ("rule GET added", "new", ())
    assert comparison.mixed((found,)) == text


@pytest.mark.parametrize("name", profiles())
def test_a_resolved_text_is_the_same_model(name: str) -> None:
    """The text of one profile alone compiles to the rules that the whole text has in that profile."""
    assert Model(resolve(resolved_text(name), profile(name)), profile(name)).rules == Model.load(name).rules


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_most_differences_can_be_had_alone(pair: tuple[str, str]) -> None:
    """The second text but for one difference compiles, unless that difference needs another one."""
    comparison = Comparison(*pair)
    texts = [comparison.mixed((one,)) for one in comparison.differences]
    made = [text for text in texts if text is not None]
    failed = 0
    for text in made[::9]:
        try:
            Model(text, comparison.profiles[1])
        except NotationError:
            failed += 1
    assert failed <= 3
