"""How often commands ran and for how long: INFO commandstats and latencystats, LATENCY HISTOGRAM.

Times are kept in cells, 128 for each doubling, so that a time is known to a 128th, as in Redis's histograms of two
digits.  The compiled core keeps the same of its hot commands, and `told` brings the two together.

Must not live here: who measures (`dispatch`, the cores), or any command.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from redlark.server.interfaces import Command
    from redlark.server.state import State

STEP_BITS: Final = 7
LEAST_BOUND: Final = 1024  # ns; the first bound of LATENCY HISTOGRAM, of which each next is double
MOST_NS: Final = 10**9  # Redis counts what took longer as this


def cell(nanoseconds: int) -> int:
    """The cell of a time.

    >>> [cell(ns) for ns in (0, 127, 128, 255, 256, 257, 258, 511, 512)]
    [0, 127, 128, 255, 256, 256, 257, 383, 384]
    """
    bits = nanoseconds.bit_length()
    if bits <= STEP_BITS:
        return nanoseconds
    return (bits - STEP_BITS << STEP_BITS) + (nanoseconds >> bits - 1 - STEP_BITS & (1 << STEP_BITS) - 1)


def longest(number: int) -> int:
    """The longest time of a cell, in ns.

    >>> longest(127), longest(128), longest(256), longest(cell(1023))
    (127, 128, 257, 1023)
    """
    octave, step = number >> STEP_BITS, number & (1 << STEP_BITS) - 1
    return number if octave == 0 else ((1 << STEP_BITS) + step + 1 << octave - 1) - 1


_LAST: Final = cell(MOST_NS)
_MOST_TOLD: Final = 2**30 - 1  # ns: where the cells of Redis end


@attrs.define(slots=True, eq=False)
class Stats:
    """Counters of a loop, for INFO.  The compiled core has a class of its own with the same attributes."""

    connections: int = 0  # total_connections_received
    rejected: int = 0  # rejected_connections (maxclients)
    commands: int = 0  # total_commands_processed
    net_in: int = 0
    net_out: int = 0
    reads: int = 0  # total_reads_processed, and the same of what is written:
    writes: int = 0
    errors: int = 0  # total_error_replies
    output_overflows: int = 0  # client_output_buffer_limit_disconnections, and the same of query buffers:
    query_overflows: int = 0
    turns: int = 0  # eventloop_cycles,
    busy_ns: int = 0  # and how long they took, without what they waited
    output_grown: int = 0  # reply_buffer_expands: room for what a client does not take at once,
    output_shrunk: int = 0  # reply_buffer_shrinks: and that it was given back


@attrs.define(slots=True, eq=False)
class Usage:
    """What is counted of one command."""

    calls: int = 0
    nanoseconds: int = 0
    rejected: int = 0  # before it ran
    failed: int = 0
    times: dict[int, int] = attrs.Factory(dict)  # how many calls fell into a cell

    def add(self, nanoseconds: int, keep: bool) -> None:
        """It has run, for so long."""
        self.calls += 1
        self.nanoseconds += nanoseconds
        if keep:
            place = cell(nanoseconds)
            self.times[place] = self.times.get(place, 0) + 1

    def forget(self) -> None:
        """Begin anew."""
        self.calls = self.nanoseconds = self.rejected = self.failed = 0
        self.times.clear()

    def both(self, hot: tuple[int, int, dict[int, int]]) -> Usage:
        """With what a core has counted of the same command."""
        calls, nanoseconds, times = hot
        added = {place: self.times.get(place, 0) + times.get(place, 0) for place in {*self.times, *times}}
        return Usage(self.calls + calls, self.nanoseconds + nanoseconds, self.rejected, self.failed, added)

    def percentile(self, percent: float) -> int:
        """The time, in ns, within which so many percent of the calls were done."""
        wanted = max(1, int(sum(self.times.values()) * percent / 100 + 0.5))
        for place in sorted(self.times):
            wanted -= self.times[place]
            if wanted <= 0:
                return longest(min(place, _LAST))
        return 0

    def histogram(self) -> dict[int, int]:
        """Calls that took at most so many microseconds, for each doubling at which there are more.

        A bound is the longest time of its cell: 33, not 32, is told of 2 ** 15 ns.
        """
        found: dict[int, int] = {}
        counted, total, bound = 0, sum(self.times.values()), LEAST_BOUND
        while counted < total:
            last = cell(bound)
            within = sum(count for place, count in self.times.items() if min(place, _LAST) <= last)
            if within > counted:
                found[min(longest(last), _MOST_TOLD) // 1000] = counted = within
            bound *= 2
        return found


def rows(commands: dict[bytes, Command]) -> Iterator[Command]:
    """Every command of a table, containers' own among them."""
    for command in commands.values():
        yield command
        yield from (command.subcommands or {}).values()


def told(server: State) -> dict[bytes, Usage]:
    """What is counted of each command that was called or rejected, by its full name."""
    hot = server.loop.usage()
    nothing = (0, 0, dict[int, int]())
    found = {row.name: row.usage.both(hot.get(row.name, nothing)) for row in rows(server.commands)}
    return {name: one for name, one in found.items() if one.calls or one.rejected or one.failed}


def forget(server: State) -> None:
    """CONFIG RESETSTAT."""
    server.loop.forget_usage()
    for row in rows(server.commands):
        row.usage.forget()
