"""Units of work: a search cut into parts that know nothing of each other, and that any process can do.

Theory of operation. A unit is a target, what it is held to and how, a seed, and which share of the search it is: of
examples, set-ups, rounds and concurrent histories each `of`-th. All units of a search draw with the same seed, so that
together they send what one process would, and no two the same. What a unit does hangs on the unit alone, never on who
does it or when: one that was lost is done again. What must not live here: processes (``workers.py``), a cluster
(``dask_engine.py``), and how outcomes are added up (``merging.py``).
"""

from __future__ import annotations

import math
from typing import Any

import attrs
from attrs import evolve, frozen

from redlark.conformance.errors import CannotRun
from redlark.conformance.options import Options, Share
from redlark.conformance.report import ENDLESS

LEG = 300.0  # seconds of a unit, at most: as much is lost with a process that dies

_FROZEN_SETS = frozenset(("commands", "groups"))


@frozen
class Unit:
    """A part of a search: the options have its share, its budget in seconds, its requests or concurrent histories."""

    target: str
    options: Options
    baseline: str | None = None  # files of this machine: what is accepted, and the folder of what failed before
    saved: str | None = None

    @property
    def key(self) -> str:
        """What it is called: the share, counted from 1, of the search with this seed."""
        share = self.options.share
        return f"seed {self.options.seed}, {share.number + 1} of {share.of}"

    def as_json(self) -> dict[str, Any]:
        """The unit as another process is told it."""
        told = attrs.asdict(self.options, recurse=False)
        told["share"] = [self.options.share.number, self.options.share.of]
        told |= {name: sorted(told[name]) for name in _FROZEN_SETS}
        return {"target": self.target, "options": told, "baseline": self.baseline, "saved": self.saved}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Unit:
        """What `as_json` told. Raises `CannotRun` where another Redlark told it that knows other options."""
        options = dict(told["options"])
        options["share"] = Share(*options["share"])
        options |= {name: frozenset(options[name]) for name in _FROZEN_SETS}
        options |= {name: tuple(value) for name, value in options.items() if isinstance(value, list)}
        try:
            return cls(told["target"], Options(**options), told["baseline"], told["saved"])
        except TypeError as problem:
            raise CannotRun(f"a unit of work of another version of Redlark: {problem}") from None


def units_of(target: str, options: Options, baseline: str | None = None, saved: str | None = None) -> list[Unit]:
    """The units of a search: one for each worker, more where the budget is long; the same for the same options."""
    endless = options.budget >= ENDLESS
    legs = 1 if endless else max(1, math.ceil(options.budget / LEG))
    count = options.workers * legs
    for wanted in (options.requests, options.concurrent):
        count = min(count, wanted or count)  # a unit with nothing to do is none
    budget = options.budget if endless else options.budget / legs
    return [
        Unit(
            target,
            evolve(
                options,
                workers=1,
                engine=None,
                state=None,
                budget=budget,
                requests=_part(options.requests, number, count),
                concurrent=_part(options.concurrent, number, count),
                share=Share(number, count),
            ),
            baseline,
            saved,
        )
        for number in range(count)
    ]


def _part(whole: int | None, number: int, of: int) -> int | None:
    """A unit's part of so many; all parts together are the whole."""
    return None if whole is None else whole * (number + 1) // of - whole * number // of
