"""Witnesses of differences: found in the models, and seen on real servers."""

from __future__ import annotations

import pytest

from redlark.conformance.outcome import as_data, transcript
from redlark.conformance.rehearse import Rehearsal
from redlark.conformance.sight import Stage
from redlark.conformance.witness import Search, Witness, first_difference
from redlark.reference import Model
from redlark.spec.differences import Comparison

PAIR = ("redis-7.0", "redis-8.2")
SHOWN = {  # a difference, and where it shows
    "rule LREM count-too-small": "reply",
    "option ZRANK WITHSCORE": "reply",
    "rule BITCOUNT wrong-type": "reply",
    "rule HINCRBYFLOAT added": "propagated",
    "definition (shared) pack-limit": "reply",
    "fact BITOP arguments": "reply",
}


@pytest.fixture(scope="module")
def found() -> dict[str, Witness | None]:
    """The witnesses of some differences."""
    comparison = Comparison(*PAIR)
    search = Search(comparison)
    return {one.id: search.witness(one) for one in comparison.differences if one.id in SHOWN}


def test_a_witness_ends_where_the_two_differ(found: dict[str, Witness | None]) -> None:
    """At the end of a witness, and not before, the two models say something else."""
    assert found.keys() == SHOWN.keys()
    for name, witness in found.items():
        assert witness is not None, name
        first, second = (Rehearsal(Model.load(profile)).told(witness.history) for profile in PAIR)
        assert witness.channel == SHOWN[name]
        assert first_difference(first, second, witness.channel) == len(first) - 1 <= 3


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


def test_what_does_not_differ_is_not_seen() -> None:
    """Two servers that answer the same show no difference, and the reason says so."""
    from redlark.conformance.history import History, request, steps_of

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
