"""Figures that are the server's own: the texts of INFO, how much memory a value takes, as domains of a choice.

What must live here: what can be said of such a reply without knowing the server's inside. A member is recognised, or
bounded, never computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from immutables import Map

from redlark.reference.counting import COUNTS, TIMED, UNTIMED
from redlark.reference.functions import of_run, pure
from redlark.reference.values import SortedSet

_LINE = re.compile(rb"[\w@|.() -]+:[^\r\n]*")
_HEADING = re.compile(rb"# [A-Z][\w -]*")

# The sections that every server of the text has and tells of in a standalone server, as it spells them.
SECTIONS = {
    name.lower(): b"# " + name
    for name in (b"Server", b"Clients", b"Memory", b"Persistence", b"Stats", b"Replication", b"CPU", b"Keyspace")
}
ALL = frozenset({b"default", b"all", b"everything"})


_DATABASE = re.compile(rb"db(\d+):keys=(\d+),expires=(\d+),avg_ttl=\d+(?:,(\w+)=(\d+))?")
_KEYSPACE = SECTIONS[b"keyspace"]
ROOM = 1 << 20  # bytes for what a value's tables once had to hold
Bounds = tuple[int, int]


# INFO may count more of these than the model does: the judge asks for ECHO without a word, to know that all is done.
_MORE = frozenset((b"total_error_replies", b"errorstat_ERR", b"rejected echo"))
_FIGURE = re.compile(rb"(total_commands_processed|keyspace_hits|keyspace_misses|total_error_replies):(\d+)")
_ERRORS = re.compile(rb"(errorstat_[^\r\n]+):count=(\d+)")
_COMMAND = re.compile(
    rb"cmdstat_([^\r\n]+):calls=(\d+),usec=\d+,usec_per_call=\d+\.\d+,rejected_calls=(\d+),failed_calls=(\d+)"
)
# What a section tells that is counted by names which not every section has.
_COUNTED_IN = {b"# Stats": _FIGURE, b"# Commandstats": _COMMAND, b"# Errorstats": _ERRORS}


def _by_name(heading: bytes, lines: Iterable[bytes]) -> dict[bytes, int]:
    """What the lines of a section tell of what is counted, by its names."""
    found: dict[bytes, int] = {}
    for row in filter(None, map(_COUNTED_IN[heading].fullmatch, lines)):
        if heading == b"# Commandstats":
            found |= {kind + row[1]: int(row[n]) for n, kind in enumerate((b"calls ", b"rejected ", b"failed "), 2)}
        else:
            found[row[1]] = int(row[2])
    return found


def _example(heading: bytes, counts: Mapping[bytes, int | None]) -> bytes:
    """The lines of a section that tell what is counted."""
    known = {name: number for name, number in sorted(counts.items()) if number and _is_of(heading, name)}
    if heading == b"# Commandstats":
        row = b"cmdstat_%b:calls=%d,usec=0,usec_per_call=0.00,rejected_calls=%d,failed_calls=%d\r\n"
        kinds = (b"calls ", b"rejected ", b"failed ")
        commands = sorted({name.partition(b" ")[2] for name in known})
        return b"".join(row % (name, *(known.get(kind + name, 0) for kind in kinds)) for name in commands)
    row = b"%b:count=%d\r\n" if heading == b"# Errorstats" else b"%b:%d\r\n"
    return b"".join(row % pair for pair in known.items())


def _is_of(heading: bytes, name: bytes) -> bool:
    """Whether a section tells of what is counted by this name."""
    if name.startswith((UNTIMED, TIMED)):
        return False
    if name.startswith(b"errorstat_"):
        return heading == b"# Errorstats"
    return heading == (b"# Commandstats" if b" " in name else b"# Stats")


class InfoTexts:
    """The texts that INFO may give for these sections; for none, those that it tells by default.

    ``keyspace`` has, of each database that holds something, within which bounds the numbers lie that INFO tells of it;
    the last of them, of hashes of which fields have deadlines, by the name of ``fields``, or (no name) not at all.
    ``figures``: section, name and number of what hangs on the text's own state.
    """

    def __init__(
        self, sections: Iterable[bytes], keyspace: Mapping[int, tuple[Bounds, Bounds, Bounds]], fields: bytes,
        counts: Mapping[bytes, int | None] | None = None, figures: Iterable[tuple[bytes, bytes, int]] = (),
    ) -> None:  # fmt: skip
        wanted = set(sections)
        self.needed = set(SECTIONS.values() if not wanted or wanted & ALL else map(SECTIONS.get, wanted)) - {None}
        if counts is not None:
            self.needed |= {one for one in _COUNTED_IN if one[2:].lower() in wanted}
        self.describe = "lines of INFO: headings, and names with values"
        self.keyspace, self.fields, self.counted = keyspace, fields, counts
        told = b"".join(
            b"db%d:keys=%d,expires=%d,avg_ttl=0%b\r\n"
            % (number, keys[1], timed[1], b",%b=%d" % (fields, ending[1]) if fields else b"")
            for number, (keys, timed, ending) in sorted(keyspace.items())
        )
        self.figures: dict[bytes, list[bytes]] = {}  # the lines that each heading must have behind it
        for section, name, number in figures:
            self.figures.setdefault(b"# " + section, []).append(b"%b:%d" % (name, number))
        lines = {_KEYSPACE: told, **{one: _example(one, counts or {}) for one in _COUNTED_IN}}
        for heading, rows in self.figures.items():
            lines[heading] = lines.get(heading, b"") + b"".join(row + b"\r\n" for row in rows)
        headings = sorted(filter(None, self.needed))
        self.example = b"\r\n".join(one + b"\r\n" + lines.get(one, b"") for one in headings)

    def __contains__(self, text: Any) -> bool:
        if not isinstance(text, bytes):
            return False
        lines = [line for line in text.split(b"\r\n") if line]
        if not (self.needed <= set(lines) and all(_HEADING.fullmatch(x) or _LINE.fullmatch(x) for x in lines)):
            return False
        told = set(lines)
        if not all(told.issuperset(rows) for heading, rows in self.figures.items() if heading in told):
            return False
        if self.counted is not None and not all(self._agrees(lines, one) for one in _COUNTED_IN if one in lines):
            return False
        return _KEYSPACE not in lines or self._counts(lines[lines.index(_KEYSPACE) + 1 :])

    def _agrees(self, lines: list[bytes], heading: bytes) -> bool:
        """Whether a section tells as many as were counted, of each; of what the judge's own requests raise, or more."""
        assert self.counted is not None
        told, known = _by_name(heading, lines[lines.index(heading) + 1 :]), self.counted
        names = {name for name in known if _is_of(heading, name)} | told.keys()
        wanted = {name: known.get(name, 0) for name in names}
        return all(
            least is None or (told.get(name, 0) >= least if name in _MORE else told.get(name, 0) == least)
            for name, least in wanted.items()
        )

    def _counts(self, lines: list[bytes]) -> bool:
        """Whether the lines behind the heading tell of these databases, each with as many keys as it may have."""
        ended = next((place for place, line in enumerate(lines) if _HEADING.fullmatch(line)), len(lines))
        found = [_DATABASE.fullmatch(line) for line in lines[:ended]]
        told = {int(one[1]): (int(one[2]), int(one[3]), int(one[5] or 0)) for one in found if one}
        names = {one[4] or b"" for one in found if one}
        if len(told) < len(found) or list(told) != sorted(told) or not names <= {self.fields}:
            return False
        missing = [bounds for number, bounds in self.keyspace.items() if number not in told]
        return all(bounds[0][0] == 0 for bounds in missing) and all(
            number in self.keyspace
            and counts[0] > 0
            and all(low <= count <= high for count, (low, high) in zip(counts, self.keyspace[number], strict=True))
            for number, counts in told.items()
        )


@of_run
def info_texts(run: Any, sections: tuple[bytes, ...], figures: tuple[tuple[bytes, bytes, int], ...]) -> InfoTexts:
    """The texts that INFO may give for these sections, in small letters, with these figures among them."""
    fields = run.model.definition("timed-fields-told-as")
    keyspace = {n: _counted(run, n, bool(fields)) for n, database in enumerate(run.databases) if database}
    return InfoTexts(sections, keyspace, fields, run.server.get(COUNTS), figures)


def _counted(run: Any, number: int, tells: bool) -> tuple[Bounds, Bounds, Bounds]:
    """How many keys a database has, how many with a deadline, and how many hashes of which fields have one."""
    database = run.databases[number]
    live = [entry for key, entry in sorted(database.items()) if not run.expired(number, key)]
    stored = database.values()
    kept = bool(run.model.definition("counts-once-timed"))
    fields = sum(entry.fields is not None or (kept and _once_timed(entry)) for entry in stored) if tells else 0
    timed = [sum(entry.deadline is not None for entry in entries) for entries in (live, stored)]
    return (len(live), len(database)), (timed[0], timed[1]), (0, fields)


def _once_timed(entry: Any) -> bool:
    """Whether fields of a hash may have had deadlines that they have no longer."""
    return isinstance(entry.value, Map) and entry.encoding in (b"listpackex", b"hashtable")


def _parts(value: Any) -> list[bytes] | None:
    """The texts that a value holds; None for a stream."""
    if isinstance(value, bytes):
        return [value]
    if isinstance(value, Map):
        return [text for pair in value.items() for text in pair]
    if isinstance(value, SortedSet):
        return [member for member, _ in value]
    return list(value) if isinstance(value, (tuple, frozenset)) else None


class Amounts:
    """The whole numbers between two bounds, any of which may be told; high None: no bound."""

    def __init__(self, low: int, high: int | None) -> None:
        self.low, self.high, self.example = low, high, low
        self.describe = f"(integer) {low} {'or more' if high is None else f'to {high}'}"

    def __contains__(self, number: Any) -> bool:
        return isinstance(number, int) and self.low <= number and (self.high is None or number <= self.high)


@pure
def memory_bounds(value: Any, packed: bool) -> Amounts:
    """How many bytes a key with this value may take, as its server estimates them from some of its elements.

    A string that is no number takes its own bytes, an element of a packed value two at least. At most each element is
    as long as the longest.
    """
    parts = _parts(value)
    if parts is None:
        return Amounts(1, None)
    longest = max(map(len, parts), default=0)
    is_text = isinstance(value, bytes) and re.fullmatch(rb"-?\d{1,19}", value) is None
    return Amounts(longest if is_text else 2 * len(parts) if packed else 1, ROOM + 4 * len(parts) * (longest + 256))
