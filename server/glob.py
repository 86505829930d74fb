"""Glob patterns as KEYS, SCAN and CONFIG GET match them: * ? [a-z] [^x] and a backslash before any of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache


def matcher(pattern: bytes, fold: bool = False) -> Callable[[bytes], bool]:
    """Does a text match as a whole?  With fold, whatever the case.

    Redis looks at the pattern only while there is text left, so the empty text matches the empty pattern alone; but a
    single `*` is no condition at all.

    >>> [matcher(p)(t) for p, t in ((b"h[^e]l*o", b"hallo"), (b"a[z-a]", b"ab"), (b"**", b""), (b"*", b""))]
    [True, True, False, True]
    """
    if pattern == b"*":
        return lambda text: True
    whole = _compiled(pattern, fold).fullmatch
    return lambda text: whole(text) is not None if text else not pattern


def matches(pattern: bytes, text: bytes) -> bool:
    """Does a text match as a whole, where a single `*` is a pattern like others, as in PSUBSCRIBE?

    >>> matches(b"n*", b"news"), matches(b"*", b"")
    (True, False)
    """
    return _compiled(pattern, False).fullmatch(text) is not None if text else not pattern


@lru_cache(maxsize=256)
def _compiled(pattern: bytes, fold: bool) -> re.Pattern[bytes]:
    """The pattern as a regular expression.

    What stands between two stars has a fixed length, so the first place where it fits is as good as any: it is atomic,
    and no pattern takes more than a walk over the text for each star.
    """
    first, *others = _parts(pattern)
    *middle, last = others or [b""]
    text = first + b"".join(b"(?>.*?%b)" % part for part in middle) + (b".*" + last if others else b"")
    return re.compile(text, re.DOTALL | (re.IGNORECASE if fold else 0))


def _parts(pattern: bytes) -> list[bytes]:
    """What stands before, between and behind the stars, each as a regular expression."""
    parts = [b""]
    at = 0
    while at < len(pattern):
        sign = pattern[at : at + 1]
        if sign == b"*":
            if parts[-1] or len(parts) == 1:
                parts.append(b"")
        elif sign == b"?":
            parts[-1] += b"."
        elif sign == b"[":
            members, at = _bracket(pattern, at + 1)
            parts[-1] += members
        else:
            if sign == b"\\" and at + 1 < len(pattern):
                at += 1
            parts[-1] += re.escape(pattern[at : at + 1])
        at += 1
    return parts


def _bracket(pattern: bytes, at: int) -> tuple[bytes, int]:
    """The class that starts behind '[' at `at`, and the place of its last byte; unclosed, it ends with the pattern."""
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
        return rb"(?!)", at
    return b"[" + b"".join(b"\\x%02x" % member for member in wanted) + b"]", at
