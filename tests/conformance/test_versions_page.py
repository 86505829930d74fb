"""docs/versions.md: each difference has its place there, and what is shown is what was seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from redlark.conformance.differences.diff_cli import title
from redlark.conformance.differences.sight import Outcome, Said, Sight
from redlark.conformance.differences.versions_page import PAIRS, page, part_of
from redlark.conformance.differences.witness import Witness
from redlark.conformance.history import History, request, steps_of
from redlark.spec.differences import Comparison, Difference

ROOT = Path(__file__).resolve().parents[2]


def place(comparison: Comparison, one: Difference) -> str:
    """What the page has of a difference for certain."""
    match part_of(one):
        case "facts":
            return f"| {one.subject.replace('|', ' ')} | {one.name} |"
        case "parameters":
            return f"| {one.name} | "
    return f"**{title(one, comparison.first, comparison.second)}**"


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
    assert [one.id for one in comparison.differences if place(comparison, one) not in text] == []
    assert f"| **all** | **{total}** | **{(total + 2) // 3}** |" in text
    assert "> PING\na: ONE\nb: TWO" in text
    assert "Not seen: nobody looked." in text


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_page_is_nearly_of_this_text(pair: tuple[str, str]) -> None:
    """docs/versions.md may lack what the text has had for a day, and no more: one difference in ten."""
    comparison, text = Comparison(*pair), (ROOT / "docs/versions.md").read_text()
    missing = [one.id for one in comparison.differences if place(comparison, one) not in text]
    assert len(missing) * 10 <= len(comparison.differences), f"`make versions` writes it anew: {missing}"


@pytest.mark.campaign
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_page_is_of_this_text(pair: tuple[str, str]) -> None:
    """docs/versions.md has every difference that the text has now; `make versions` writes it anew."""
    comparison, text = Comparison(*pair), (ROOT / "docs/versions.md").read_text()
    assert [one.id for one in comparison.differences if place(comparison, one) not in text] == []
