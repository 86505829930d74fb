"""Witnesses of differences: found in the models, and seen on real servers."""

from __future__ import annotations

import random

import pytest

from redlark.conformance.differences import kept
from redlark.conformance.differences.looking import Looking
from redlark.conformance.differences.outcome import as_data, transcript
from redlark.conformance.differences.reasons import why_known
from redlark.conformance.differences.sight import Stage
from redlark.conformance.differences.versions_page import PAIRS
from redlark.conformance.differences.witness import Search, Witness, first_difference
from redlark.conformance.drawing.rehearse import Rehearsal
from redlark.conformance.history import History, request, steps_of
from redlark.reference import Model
from redlark.spec.differences import Comparison

LOOKS = 5
PAIR = ("redis-7.0", "redis-8.2")
SHOWN = {  # a difference, and where it shows
    "rule LREM count-too-small": "reply",
    "option ZRANK WITHSCORE": "reply",
    "rule BITCOUNT wrong-type": "reply",
    "rule HINCRBYFLOAT added": "propagated",
    "step fragment tell-gone each rest": "propagated",
    "definition (shared) served": "reply",
    "step fragment set-fields each f": "reply",
    "fact BITOP arguments": "reply",
}


@pytest.fixture(scope="module")
def found() -> dict[str, Witness | None]:
    """The witnesses of some differences."""
    comparison = Comparison(*PAIR)
    search = Search(comparison)
    return {one.id: search.witness(one, 30) for one in comparison.differences if one.id in SHOWN}


def test_a_witness_ends_where_the_two_differ(found: dict[str, Witness | None]) -> None:
    """At the end of a witness, and not before, the two models say something else."""
    assert found.keys() == SHOWN.keys()
    for name, witness in found.items():
        assert witness is not None, name
        first, second = (Rehearsal(Model.load(profile)).told(witness.history) for profile in PAIR)
        assert witness.channel == SHOWN[name]
        assert witness.lacking == ("redis-7.0 has no HPEXPIRE" if "set-fields" in name else "")
        place = first_difference(first, second, witness.channel)
        assert place is not None
        assert place == len(first) - 1 or witness.lacking


@pytest.mark.slow
def test_witnesses_are_seen(found: dict[str, Witness | None]) -> None:
    """The real servers show each, each as its own profile says; the transcript tells both replies."""
    with Stage(PAIR) as stage:
        if None in stage.servers:
            pytest.skip("a server of one of the two versions is not on this machine")
        for name, witness in found.items():
            outcome = stage.outcome(witness)
            assert outcome.seen, f"{name}: {outcome.reason}"
            lines = transcript(outcome)
            assert any(line.startswith(("redis:7.0", "redis:8.2")) for line in lines)
            assert as_data(outcome)["servers"].keys() == {"redis:7.0", "redis:8.2"}


def test_equal_seeds_find_equal_witnesses(found: dict[str, Witness | None]) -> None:
    """What is found is a function of the seed; what is kept can be read again."""
    comparison = Comparison(*PAIR)
    search, name = Search(comparison), "rule BITCOUNT wrong-type"
    (one,) = (each for each in comparison.differences if each.id == name)
    assert search.witness(one, 30) == found[name]
    for witness in found.values():
        assert witness is not None
        assert kept.read(kept.written(witness)) == witness


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_what_is_kept_is_of_this_text(pair: tuple[str, str]) -> None:
    """Some kept witnesses (all, in a campaign) still tell apart the models that have one difference."""
    comparison = Comparison(*pair)
    witnesses, known = kept.load(*pair), {one.id: one for one in comparison.differences}
    searches: dict[str, Search] = {}
    for name in random.Random(1).sample(sorted(known.keys() & witnesses), 40):
        witness = witnesses[name]
        search = searches.setdefault(str(witness.config), Search(comparison, config=witness.config))
        assert search.shown_by(known[name], witness) is not None, name


def looked_at(pair: tuple[str, str], most: int | None) -> tuple[int, list[str]]:
    """How many kept witnesses were looked at on real servers, and which of them did not show their difference.

    Some hang on a key that is there for a millisecond more: what a busy machine does not show is looked at again.
    """
    comparison = Comparison(*pair)
    witnesses = kept.load(*pair)
    found = [one for one in comparison.differences if one.id in witnesses]
    if most is not None:
        found = random.Random(1).sample(found, most)
    with Stage(pair) as stage:
        if None in stage.servers:
            pytest.skip("a server of one of the two versions is not on this machine")
    unseen: dict[str, str] = {}
    left = found
    for _ in range(LOOKS):
        outcomes = Looking(comparison, left, witnesses, seconds=0).run()
        unseen = {name: outcome.reason for name, outcome in outcomes.items() if not outcome.seen}
        left = [one for one in left if one.id in unseen]
        if not left:
            break
    return len(found), [f"{name}: {reason}" for name, reason in unseen.items()]


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_some_of_what_is_kept_is_seen(pair: tuple[str, str]) -> None:
    """A sample (all, in a campaign): real servers show each kept witness, each server as its own profile says."""
    assert looked_at(pair, 25)[1] == []


@pytest.mark.campaign
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_all_that_is_kept_is_seen(pair: tuple[str, str]) -> None:
    """Real servers show every kept witness; what else the texts differ in is explained."""
    seen, unseen = looked_at(pair, None)
    assert unseen == []
    comparison, witnesses = Comparison(*pair), kept.load(*pair)
    others = [one.id for one in comparison.differences if one.id not in witnesses and not why_known(comparison, one)]
    assert seen > 0
    assert others == []


def test_what_does_not_differ_is_not_seen() -> None:
    """Two servers that answer the same show no difference, and the reason says so."""
    same = Witness(History(steps_of(0, (request("PING"),))), "reply", exact=True)
    with Stage(PAIR) as stage:
        if None in stage.servers:
            pytest.skip("a server of one of the two versions is not on this machine")
        outcome = stage.outcome(same)
    assert (outcome.seen, outcome.reason) == (False, "both servers answered the same")


def test_without_a_server_it_says_so() -> None:
    """A profile of which this machine has no server is the reason."""
    with Stage(("redis-7.2", "redis-8.2")) as stage:
        assert "redis-7.2" in stage.outcome(None).reason
