"""The page that tells how soon seeded faults are found: what it comes to, by layer, and every fault."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from .beside import Seen
from .faults import LAYERS
from .power import BUDGET, LONGEST, PROFILE, TRIES, Power

HEAD = """# How soon a mistake is found

Written by `make power`, with seed {seed}. Each row is a mistake that a server could make, seeded between a sound server
and what judges it. **{found} of {all} are found.**

## Mistakes in replies and effects

A proxy before Redlark's own server makes the mistake, and what `redlark conform` does is run on the proxy, held to
{profile}, with the commands of the mistake's group, until it finds something. A mistake is *found* where what was
found is seen again when it is repeated, from what is kept of it, too, and conforms where the mistake is not made. A
search has at most {budget:,} requests. Where what it found does not come again, or does not shrink to {longest}
requests, another seed is tried, {tries} in all, and the requests of all of them count.

{drawn} of {faults} are found. The median takes {median:,} requests, nine of ten at most {most:,}, the slowest {worst:,}
({slowest}). What is told of them shrank to {size} in the median, {largest} at most: requests of the transcript, without
those that only put there what they are about.
"""
BESIDE = """
## Mistakes that a proxy of replies cannot make

What is pushed, what replicas are told, what several clients see: each has a test of its own (`tests/quality`), which
is run here on redis 8.2.3, or on Redlark's server where nobody waits. {seen} of {all} are found; the median takes
{median:,} requests, the slowest {worst:,}; they shrank to {size} in the median, {largest} at most, which counts every
request of every client where there are several.
"""
BY_LAYER = """
| mistakes of | number | found | median requests | most | shrunk to, median | largest |
|---|---|---|---|---|---|---|
"""
EACH = """
| mistake | of | requests | shrunk to |
|---|---|---|---|
"""


def page(powers: Sequence[Power], seen: Sequence[Seen], seed: int) -> str:
    """The whole page; each list in the order in which it tells them."""
    drawn, others = [_figures(one) for one in powers], [_figures(one) for one in seen]
    found = [one for one in powers if one.found]
    requests = sorted(one.requests for one in found)
    head = HEAD.format(
        profile=PROFILE, seed=seed, budget=BUDGET, longest=LONGEST, tries=TRIES, all=len(powers) + len(seen),
        found=len(found) + sum(one.found for one in seen), drawn=len(found), faults=len(powers),
        median=_median(requests), most=requests[len(requests) * 9 // 10], worst=requests[-1],
        slowest=max(found, key=lambda one: one.requests).fault,
        size=_median(one.size for one in found), largest=max(one.size for one in found),
    )  # fmt: skip
    told_of = [one for one in seen if one.found]
    beside = BESIDE.format(
        seen=len(told_of), all=len(seen), median=_median(one.requests for one in told_of),
        worst=max(one.requests for one in told_of), size=_median(one.size for one in told_of),
        largest=max(one.size for one in told_of),
    )  # fmt: skip
    return head + _tables(drawn) + beside + _tables(others)


def told(one: Power | Seen) -> str:
    """How many requests it took, or that it was not found."""
    return f"{one.requests:,}" if one.found else "not found" if not one.requests else "found, but not for sure"


Figures = tuple[str, Power | Seen]  # a fault's layer, and what became of it


def _figures(one: Power | Seen) -> Figures:
    return (LAYERS[one.fault] if isinstance(one, Power) else one.layer), one


def _tables(all_of: Sequence[Figures]) -> str:
    layers = dict.fromkeys(layer for layer, _ in all_of)
    rows = [_layer(layer, [one for other, one in all_of if other == layer]) for layer in layers]
    each = [f"| {_cell(one.fault)} | {layer} | {told(one)} | {one.size or ''} |" for layer, one in all_of]
    return BY_LAYER + "\n".join(rows) + "\n" + EACH + "\n".join(each) + "\n"


def _layer(layer: str, own: Sequence[Power | Seen]) -> str:
    found = [one for one in own if one.found]
    if not found:
        return f"| {layer} | {len(own)} | 0 | | | | |"
    return (
        f"| {layer} | {len(own)} | {len(found)} | {_median(one.requests for one in found):,} "
        f"| {max(one.requests for one in found):,} "
        f"| {_median(one.size for one in found)} | {max(one.size for one in found)} |"
    )


def _median(numbers: Iterable[int]) -> int:
    return round(statistics.median(numbers))


def _cell(name: str) -> str:
    """A name as it may stand in a table, where brackets would make a link and stars weight."""
    return "".join(f"\\{letter}" if letter in "|[]*_<>" else letter for letter in name)
