"""docs/versions.md: each difference has its place there, and what is shown is what was seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from redlark.conformance.differences import kept
from redlark.conformance.differences.sight import Outcome, Said, Sight
from redlark.conformance.differences.versions_page import PAIRS, page, told
from redlark.conformance.differences.witness import Witness
from redlark.conformance.history import History, request, steps_of
from redlark.spec.differences import Comparison

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_difference_has_its_place(pair: tuple[str, str]) -> None:
    """Seen or not, each difference stands on the page, and the figures count it."""
    comparison = Comparison(*pair)
    asked = (b"PING",)
    sights = tuple(Sight(name, (Said(0, asked, reply),)) for name, reply in (("a", b"+ONE\r\n"), ("b", b"+TWO\r\n")))
    witness = Witness(History(steps_of(0, (request("PING"),))), "reply", exact=True)
    seen, unseen = Outcome(True, "", witness, sights), Outcome(False, "nobody looked")
    outcomes = {one.id: unseen if number % 3 else seen for number, one in enumerate(comparison.differences)}
    text = page([(comparison, outcomes)])
    total = len(outcomes)
    assert [one.id for one in comparison.differences if told(comparison, one) not in text] == []
    assert f"| **all** | **{total}** | **{(total + 2) // 3}** |" in text
    assert "> PING\na: ONE\nb: TWO" in text
    assert "Not seen: nobody looked." in text


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_page_is_of_this_text(pair: tuple[str, str]) -> None:
    """docs/versions.md has each difference as the text has it now, and no other; `make versions` writes it anew."""
    comparison, text = Comparison(*pair), (ROOT / "docs/versions.md").read_text()
    assert [one.id for one in comparison.differences if told(comparison, one) not in text] == []
    assert f"| **all** | **{len(comparison.differences)}** |" in text


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_what_is_kept_is_shown(pair: tuple[str, str]) -> None:
    """Every kept witness is of a difference that the text has."""
    assert kept.load(*pair).keys() <= {one.id for one in Comparison(*pair).differences}
