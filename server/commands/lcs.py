"""LCS: the longest common subsequence of two strings."""

from __future__ import annotations

import attrs

from redlark.server import errors
from redlark.server.commands.registry import command
from redlark.server.interfaces import CommandError, Context, Reply
from redlark.server.values import integer


@attrs.define(slots=True)
class _LcsOptions:
    length: bool = False
    idx: bool = False
    with_match_len: bool = False
    min_match_len: int = 0


def _lcs_options(words: list[bytes]) -> _LcsOptions:
    options = _LcsOptions()
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name == b"LEN":
            options.length = True
        elif name == b"IDX":
            options.idx = True
        elif name == b"WITHMATCHLEN":
            options.with_match_len = True
        elif name == b"MINMATCHLEN" and (amount := next(rest, None)) is not None:
            options.min_match_len = max(integer(amount), 0)
        else:
            raise errors.syntax()
    return options


@command("LCS")
def lcs(ctx: Context, args: list[bytes]) -> Reply:
    values = [ctx.db.look(key) for key in args[1:3]]
    if any(value is not None and not isinstance(value, bytes) for value in values):
        raise CommandError(b"ERR The specified keys must contain string values")
    options = _lcs_options(args[3:])
    if options.length and options.idx:
        raise CommandError(b"ERR If you want both the length and indexes, please just use IDX.")
    one, other = (value if isinstance(value, bytes) else b"" for value in values)
    if 4 * (len(one) + 1) * (len(other) + 1) > ctx.server.config.proto_max_bulk_len:
        raise CommandError(b"ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
    pairs = _common(one, other)
    if options.length:
        return len(pairs)
    if not options.idx:
        return bytes(one[place] for place, _ in pairs)
    matches: list[Reply] = [
        [[start, start + size - 1], [start_other, start_other + size - 1], *([size] if options.with_match_len else [])]
        for start, start_other, size in _runs(pairs)
        if size >= options.min_match_len
    ]
    return {b"matches": matches, b"len": len(pairs)}


def _common(one: bytes, other: bytes) -> list[tuple[int, int]]:
    """The places of the longest common subsequence in both, in order.

    Of several, the one that Redis's walk back from the end finds: on a tie it drops the last byte of `other`.

    A row of the table of lengths rises by nought or one from place to place, so it is kept as bits (nought where it
    rises), and a row follows from the one above by one addition (Hyyrö, "Bit-parallel LCS-length computation
    revisited", 2004).  The table then takes an eighth of a byte a cell, and the walk looks at single bits.
    """
    size = len(other)
    ones = (1 << size) - 1
    places: dict[int, int] = dict.fromkeys(one, 0)
    for place, byte in enumerate(other):
        if byte in places:
            places[byte] |= 1 << place
    row, rows = ones, []
    for byte in one:
        both = row & places[byte]
        row = ((row + both) | (row - both)) & ones
        rows.append(row.to_bytes(size // 8 + 1, "little"))
    pairs: list[tuple[int, int]] = []
    i, j = len(one), size
    while i and j:
        if one[i - 1] == other[j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif rows[i - 1][(j - 1) >> 3] >> ((j - 1) & 7) & 1:
            j -= 1
        else:
            i -= 1
    return pairs[::-1]


def _runs(pairs: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Pairs that follow on in both texts, joined: (start, start in the other, size), the last first."""
    runs: list[tuple[int, int, int]] = []
    for place, other in pairs:
        if runs and (runs[-1][0] + runs[-1][2], runs[-1][1] + runs[-1][2]) == (place, other):
            runs[-1] = (*runs[-1][:2], runs[-1][2] + 1)
        else:
            runs.append((place, other, 1))
    return runs[::-1]
