"""Glob patterns as KEYS, SCAN and CONFIG GET match them: * ? [a-z] [^x] and a backslash before any of them."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=256)
def compiled(pattern: bytes, fold: bool = False) -> re.Pattern[bytes]:
    """The pattern as a regular expression over bytes; an unclosed bracket ends with the pattern.

    >>> compiled(b"h[^e]l*o").fullmatch(b"hallo") is not None
    True
    >>> compiled(b"a[z-a]").fullmatch(b"ab") is not None
    True
    """
    out: list[bytes] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at : at + 1]
        if sign == b"*":
            if not out or out[-1] != b".*":
                out.append(b".*")
        elif sign == b"?":
            out.append(b".")
        elif sign == b"[":
            members, at = _bracket(pattern, at + 1)
            out.append(members)
        else:
            if sign == b"\\" and at + 1 < len(pattern):
                at += 1
            out.append(re.escape(pattern[at : at + 1]))
        at += 1
    return re.compile(b"".join(out), re.DOTALL | (re.IGNORECASE if fold else 0))


def _bracket(pattern: bytes, at: int) -> tuple[bytes, int]:
    """The class that starts behind '[' at `at`, and the place of its last byte."""
    negated = pattern[at : at + 1] == b"^"
    if negated:
        at += 1
    members: set[int] = set()
    while at < len(pattern) and pattern[at] != 0x5D:
        if pattern[at] == 0x5C and at + 1 < len(pattern):
            at += 1
            members.add(pattern[at])
        elif at + 2 < len(pattern) and pattern[at + 1] == 0x2D:
            low, high = sorted((pattern[at], pattern[at + 2]))
            members.update(range(low, high + 1))
            at += 2
        else:
            members.add(pattern[at])
        at += 1
    wanted = sorted(set(range(256)) - members if negated else members)
    if not wanted:
        return rb"(?!)", min(at, len(pattern))
    return b"[" + b"".join(b"\\x%02x" % member for member in wanted) + b"]", min(at, len(pattern))
