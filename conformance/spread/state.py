"""How far a search in units is, kept in the same file as other runs: `--state` with `--workers` or `--engine`.

Theory of operation. What counts is a unit that has come to its end: its outcome is put into the file as it comes, and
the same command line takes it from there and does the others. A unit that died, was interrupted or has lost its server
is not in the file, and is done again from the beginning, so that nothing is counted twice; at most a leg of each worker
is lost. What must not live here: how far a run of one process is (``state.py``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from redlark.conformance.errors import CannotRun
from redlark.conformance.memory.state_file import FORM, read_file, write_file
from redlark.conformance.spread.merging import Outcome
from redlark.conformance.spread.unit import Unit
from redlark.spec.sources import sources

DONE = ("complete", "requests", "budget")  # ends of a unit that need not be done again


def key_of(units: Sequence[Unit]) -> str:
    """What a search must share with a state to go on: the text, its units, what they accept; not the seed."""
    held = {path: Path(path).read_text(encoding="utf-8") for path in {unit.baseline for unit in units} if path}
    told = [unit.as_json() for unit in units]
    for one in told:
        one["options"].pop("seed")
    whole = json.dumps([sources().digest, told, held], sort_keys=True)
    return f"{units[0].target} in {len(units)} units {hashlib.sha256(whole.encode()).hexdigest()[:16]}"


@frozen
class Kept:
    """The place of one search in a file of states."""

    path: Path
    key: str
    seed: int

    @classmethod
    def of(cls, path: Path, units: Sequence[Unit]) -> Kept:
        """The place of these units."""
        return cls(path, key_of(units), units[0].options.seed)

    def read(self) -> tuple[list[Outcome], float]:
        """The outcomes that are there, and the seconds that they took. Raises `CannotRun`."""
        run = read_file(self.path).get("runs", {}).get(self.key)
        if run is None:
            return [], 0.0
        try:
            seed, outcomes, seconds = run["seed"], list(run["outcomes"]), float(run["seconds"])
        except (KeyError, TypeError, ValueError) as problem:
            raise CannotRun(f"{self.path}: not the state of a run ({problem!r}); remove it") from None
        if seed != self.seed:
            raise CannotRun(f"{self.path}: kept by a run with --seed {seed}; give that one, or remove the file")
        return outcomes, seconds

    def write(self, outcomes: Iterable[Outcome], seconds: float) -> None:
        """Put the outcomes that need not be done again in the place of those that are there. Raises `CannotRun`."""
        file = read_file(self.path)
        run: dict[str, Any] = {
            "seed": self.seed,
            "seconds": seconds,
            "outcomes": [one for one in outcomes if one["ended"] in DONE],
        }
        file |= {"form": FORM, "runs": file.get("runs", {}) | {self.key: run}}
        write_file(self.path, json.dumps(file) + "\n")
