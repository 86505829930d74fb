"""Measures how well seeded faults are found, and writes it down: ``python -m tests.quality [--seed N] [--out DIR]``.

Each fault is put before Redlark's own server by itself, and a campaign is run until it finds something.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from attrs import asdict
from rich.progress import track

from .faults import FAULTS
from .power import BUDGET, LONGEST, PROFILE, Power, measure

HEAD = """# How soon a mistake is found

Written by `python -m tests.quality`. Each row is a mistake that a server could make: a proxy before Redlark's own
server makes it, and `redlark conform` is run on the proxy, held to {profile}, with commands of the mistake's group,
until it finds something. A mistake is *found* where what was found is seen again when it is repeated, and conforms
where the mistake is not made. Seed {seed}; at most {budget:,} requests each.

{found} of {all} are found; the median takes {median:,} requests, nine of ten at most {most:,}. What is told of them
shrank to {size} requests in the median, {longest} at most.

| mistake | group | requests | shrunk to |
|---|---|---|---|
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page and its figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args(arguments)
    with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
        places = range(len(FAULTS))
        todo = pool.imap(partial(measure, given.seed), places)
        powers = list(track(todo, "Faults", total=len(places)))
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "power.md").write_text(page(powers, given.seed), encoding="utf-8")
    rows = [{name: value for name, value in asdict(one).items() if name != "paste"} for one in powers]
    (given.out / "power.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def page(powers: Sequence[Power], seed: int) -> str:
    """The table, and what it comes to."""
    found = [one for one in powers if one.found]
    requests = sorted(one.requests for one in found)
    head = HEAD.format(
        profile=PROFILE, seed=seed, budget=BUDGET, found=len(found), all=len(powers),
        median=round(statistics.median(requests)), most=requests[len(requests) * 9 // 10],
        size=round(statistics.median(one.size for one in found)), longest=max(one.size for one in found),
    )  # fmt: skip
    rows = [f"| {one.fault} | {one.group} | {_requests(one)} | {one.size or ''} |" for one in powers]
    long = [f"{one.fault} ({one.size})" for one in found if one.size > LONGEST]
    end = [f"\nLonger than {LONGEST} requests: {', '.join(long)}."] if long else []
    return head + "\n".join((*rows, *end)) + "\n"


def _requests(one: Power) -> str:
    return f"{one.requests:,}" if one.found else "not found" if not one.requests else "found, but not for sure"


if __name__ == "__main__":
    main()
