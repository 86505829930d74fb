"""Measures how well seeded faults are found, and writes it down: ``python -m tests.quality [--seed N] [--out DIR]``.

Each fault is put before a server by itself, and what finds such faults is run until it finds something.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path

from attrs import asdict
from rich.console import Console
from rich.progress import track

from . import beside, power
from .faults import FAULTS
from .kept import Kept, Row
from .page import page, told

HIDDEN = frozenset(("paste",))  # what of a row is not among the figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page and its figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", metavar="TEXT", help="only faults in whose name this stands, and no page")
    parser.add_argument("--kept", type=Path, default=Path("build/power"), help="where an interrupted run goes on from")
    given = parser.parse_args(arguments)
    name = f"seed-{given.seed}{given.only and '-of-'}{given.only.replace('/', ' ')}.json"
    drawn = Kept(given.kept / name, power.Power)
    others = Kept(given.kept / f"beside-{name}", beside.Seen)
    with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
        names = [one.name for one in FAULTS if given.only in one.name]
        powers = _all(pool, drawn, partial(power.measure, given.seed), names)
        seen = _all(pool, others, beside.measure, [one for one in beside.every() if given.only in one])
    if not given.only:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "power.md").write_text(page(powers, seen, given.seed), encoding="utf-8")
        rows = {"seed": given.seed, "faults": _figures(powers), "beside": _figures(seen)}
        (given.out / "power.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    for kept in (drawn, others):
        kept.path.unlink(missing_ok=True)


def _all(pool: Pool, kept: Kept[Row], measure: Callable[[str], Row], names: Sequence[str]) -> list[Row]:
    """What becomes of these faults; what is kept of them is not measured again."""
    todo = [name for name in names if name not in kept.found]
    found = pool.imap_unordered(measure, todo)
    for one in track(found, "Faults", total=len(todo), console=Console(stderr=True)):
        kept.add(one)
        print(f"{one.fault}: {told(one)}, {one.size} in the end", flush=True)
    return [kept.found[name] for name in names]


def _figures(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [{name: value for name, value in asdict(one).items() if name not in HIDDEN} for one in rows]


if __name__ == "__main__":
    main()
