"""Delays that a server measures: what LATENCY tells, where a sleep of its own made one that is known.

What must live here: the shape of what is told, and that a known delay is among it. Which requests make one, and what
forgets them, is the text's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from immutables import Map

from redlark.reference.counting import COUNTS, TIMED, UNTIMED
from redlark.reference.functions import of_run, pure
from redlark.reference.replies import Predicate
from redlark.reference.resp import Frame
from redlark.reference.values import Kinded

_GRAPH = re.compile(rb"([\w-]+) - high (\d+) ms, low (\d+) ms \(all time high (\d+) ms\)\n-{80}\n.*", re.DOTALL)


def _numbers(frame: Frame, count: int) -> list[int] | None:
    """The numbers of a row; None where it is none of that many."""
    row = frame.value if frame.kind == b"*" else None
    if not isinstance(row, tuple) or len(row) != count or any(one.kind != b":" for one in row):
        return None
    return [one.value for one in row]


@pure
def latest_delays(event: bytes, least: int, sums: bool) -> Predicate:
    """The latest and the longest delay of each kind of event: this kind's longest is of so many milliseconds at least.

    Where ``least`` is 0 the kind need not be there. ``sums``: whether the sum and the number of all are told, too.
    """

    def holds(frame: Frame) -> bool:
        if frame.kind != b"*" or not isinstance(frame.value, tuple):
            return False
        longest: dict[bytes, int] = {}
        for row in frame.value:
            if row.kind != b"*" or not row.value or row.value[0].kind != b"$" or row.value[0].value in longest:
                return False
            told = _numbers(Frame(b"*", row.value[1:], b""), 5 if sums else 3)
            if told is None or not 0 < told[1] <= told[2] or (sums and (told[4] < 1 or told[3] < told[2])):
                return False
            longest[row.value[0].value] = told[2]
        return least == 0 or longest.get(event, 0) >= least

    row = (event, 1, least, least, least, 1) if sums else (event, 1, least, least)
    words = f"delays, one of {event.decode()} that took {least} ms or more" if least else "delays, or none"
    return Predicate(words, holds, (row,) if least else ())


@pure
def delays_told(least: int) -> Predicate:
    """The delays of one kind of event, in the order of their times; one of so many milliseconds at least, if not 0."""

    def holds(frame: Frame) -> bool:
        if frame.kind != b"*" or not isinstance(frame.value, tuple):
            return False
        rows = [_numbers(row, 2) for row in frame.value]
        told = [row for row in rows if row is not None and row[1] > 0]
        ordered = all(one[0] < other[0] for one, other in pairwise(told))
        return len(told) == len(rows) and ordered and max((row[1] for row in told), default=0) >= least

    return Predicate(f"delays, one of {least} ms or more" if least else "delays", holds, ((1, least),) if least else ())


@pure
def delay_graph(event: bytes, least: int) -> Predicate:
    """The graph of the delays of a kind of event, the longest of which took so many milliseconds at least."""
    rule = b"-" * 80
    example = b"%b - high %d ms, low %d ms (all time high %d ms)\n%b\n" % (event, least, least, least, rule)

    def holds(frame: Frame) -> bool:
        text = frame.value[4:] if frame.kind == b"=" else frame.value
        found = _GRAPH.fullmatch(text) if isinstance(text, bytes) else None
        if found is None or found[1] != event:
            return False
        high, low, longest = (int(found[place]) for place in (2, 3, 4))
        return low <= high <= longest and longest >= least

    return Predicate(f"the graph of {event.decode()}, {least} ms or more", holds, example)


def _pairs(frame: Frame) -> list[tuple[Frame, Frame]] | None:
    """What a map, or in RESP2 an array of its keys and values, holds; None for what is neither."""
    if frame.kind not in b"%*" or not isinstance(frame.value, tuple) or len(frame.value) % 2:
        return None
    return list(zip(frame.value[::2], frame.value[1::2], strict=True))


def _calls(frame: Frame) -> int | None:
    """How many calls a histogram tells of; None where it is none, or its last row does not tell of them all."""
    fields = _pairs(frame) or []
    if [name.value for name, _ in fields] != [b"calls", b"histogram_usec"]:
        return None
    calls, rows = fields[0][1], _pairs(fields[1][1])
    if calls.kind != b":" or not rows or any(one.kind != b":" for row in rows for one in row):
        return None
    rising = all(one[0].value < other[0].value and one[1].value < other[1].value for one, other in pairwise(rows))
    return int(calls.value) if rising and rows[-1][1].value == calls.value else None


@of_run
def histograms(run: Any, asked: Iterable[bytes]) -> Predicate:
    """How long calls took, of each of these commands (of none: of all) that was called, as often as it is named.

    A container means its subcommands, in any order. Each tells of as many calls as were counted, where they are.
    """
    names = sorted(name.lower().encode() for name in run.model.commands)
    groups = [[n for n in names if n == one or n.startswith(one + b"|")] for one in asked] or [names]
    counts = run.server.get(COUNTS)

    def timed(name: bytes) -> int | None:
        """How many calls of a command were measured; None where nobody knows."""
        kinds = (b"calls ", UNTIMED, TIMED)
        calls, missed, later = (None,) * 3 if counts is None else (counts.get(kind + name, 0) for kind in kinds)
        return None if calls is None or missed is None or later is None else calls - missed + later

    known = {name: timed(name) for group in groups for name in group}

    def holds(frame: Frame) -> bool:
        rows = _pairs(frame)
        told = [(name.value, _calls(row)) for name, row in rows or []]
        if rows is None or any(calls is None or known.get(name, 0) not in (None, calls) for name, calls in told):
            return False
        if None in known.values():
            return bool(len(groups) > 1 or len(dict(told)) == len(told))
        for group in groups:
            here = [name for name in group if known[name]]
            if sorted(name for name, _ in told[: len(here)]) != here:
                return False
            told = told[len(here) :]
        return not told

    rows = {n: Kinded("map-in-order", ((b"calls", c), (b"histogram_usec", Map({1: c})))) for n, c in known.items() if c}
    return Predicate("how long calls took, command by command", holds, Map(rows))
