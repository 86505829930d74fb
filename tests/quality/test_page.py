"""What a measurement writes: nothing is lost where it is interrupted, and the page tells what was measured."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from .beside import Seen, every
from .faults import FAULTS, LAYERS
from .kept import Kept
from .page import page
from .power import LONGEST, Power

NAMES = [one.name for one in FAULTS]
sure = st.booleans()
powers = st.builds(
    Power,
    st.sampled_from(NAMES),
    st.just("string"),
    st.integers(0, 90_000),
    st.floats(0, 100),
    st.integers(0, 9),
    *(sure, sure, sure),
    paste=st.text(max_size=5),
)


@given(st.lists(powers, max_size=9), st.integers(0, 9))
def test_what_was_found_is_kept(tmp_path_factory: object, rows: list[Power], cut: int) -> None:
    """Who reads it has the last of each fault, even where writing the next one was broken off."""
    path = Path(tmp_path_factory.mktemp("kept")) / "of" / "a seed.json"  # type: ignore[attr-defined]
    kept = Kept(path, Power)
    for row in rows:
        kept.add(row)
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".new").write_text('[{"fault": "SET'[:cut])
    assert Kept(path, Power).found == {row.fault: row for row in rows}


@given(st.lists(powers, min_size=1, max_size=9, unique_by=lambda one: one.fault))
def test_the_page_counts_what_was_found(rows: list[Power]) -> None:
    """Each fault has a row, each layer one that counts it, and none that is not sure counts as found."""
    rows = [*rows, Power("GETDEL leaves the key", "string", 12, 0.1, 3, True, True, True)]
    rows = list({row.fault: row for row in rows}.values())
    seen = [Seen("no invalidation comes", "tracking", 7, 4, 6), Seen("every event is told twice", "events", 7, 7, 6)]
    written = page(rows, seen, 5)
    found = [row for row in rows if row.found]
    assert f"**{len(found) + 1} of {len(rows) + 2} are found.**" in written
    cells = [re.split(r" *(?<!\\)\| *", line)[1:-1] for line in written.splitlines() if line.startswith("| ")]
    each = [line for line in cells if len(line) == 4][1:]
    assert len(each) == len(rows) + 3  # a heading
    counted = {line[0]: (int(line[1]), int(line[2])) for line in cells if len(line) == 7 and line[1].isdigit()}
    for layer in {LAYERS[row.fault] for row in rows}:
        own = [row for row in rows if LAYERS[row.fault] == layer]
        assert counted[layer] == (len(own), sum(row.found for row in own))
    assert counted["tracking"] == (1, 1)
    assert counted["events"] == (1, 0)


def test_every_fault_has_one_name() -> None:
    """What the page tells of is told once, and what is measured beside the proxy of replies is of six layers."""
    beside = every()
    assert len({*NAMES, *beside}) == len(NAMES) + len(beside)
    assert {layer for layer, _, _ in beside.values()} == {
        "pub/sub", "events", "waiting", "tracking", "propagation", "several clients",
    }  # fmt: skip
    assert all(longest >= LONGEST for _, longest, _ in beside.values())
