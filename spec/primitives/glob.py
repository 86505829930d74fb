r"""Glob patterns, as KEYS, SCAN MATCH and PSUBSCRIBE take them.

What lives here: whether a text matches. A pattern is translated once into a regular expression. Each ``*`` but the last
takes the first place where what follows it fits and never comes back (an atomic group): that finds a match whenever
there is one, and no pattern takes exponential time.

The corners, all observed with real servers: a class without its ``]`` ends with the pattern; a range may be reversed,
and its end may be ``]``, which then does not close the class; ``\`` at the end means itself; the empty text is matched
by the empty pattern alone, not even by ``*`` (KEYS and SCAN look for the lone ``*`` before they match).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from redlark.spec.primitives import primitive

NESTING = 1000  # stars that may be open; one more never matches


def _class(pattern: bytes, at: int, nocase: bool) -> tuple[bytes, int]:
    """The regular expression for the class whose ``[`` stands before `at`, and the place after its end."""
    negated = pattern[at : at + 1] == b"^"
    at += negated
    members: set[int] = set()
    while at < len(pattern) and pattern[at] != ord("]"):
        if pattern[at] == ord("\\") and at + 1 < len(pattern):
            # An escaped byte is compared as it stands, even without regard to case.
            members.add(pattern[at + 1])
            at += 2
        elif pattern[at + 1 : at + 2] == b"-" and at + 2 < len(pattern):
            low, high = sorted((pattern[at], pattern[at + 2]))
            members |= _between(low, high, nocase)
            at += 3
        else:
            members |= _same(pattern[at], nocase)
            at += 1
    if negated:
        members = set(range(256)) - members
    spelled = b"".join(b"\\x%02x" % byte for byte in sorted(members))
    return (b"[" + spelled + b"]" if members else b"(?!)"), at + 1


def _lower(byte: int) -> int:
    return byte + 32 if 65 <= byte <= 90 else byte


def _same(byte: int, nocase: bool) -> set[int]:
    return {other for other in range(256) if _lower(other) == _lower(byte)} if nocase else {byte}


def _between(low: int, high: int, nocase: bool) -> set[int]:
    if not nocase:
        return set(range(low, high + 1))
    return {byte for byte in range(256) if _lower(low) <= _lower(byte) <= _lower(high)}


def _segments(pattern: bytes, nocase: bool) -> list[bytes]:
    """The pattern's pieces between its stars, each as a regular expression; adjacent stars are one."""
    segments, piece, at = [], b"", 0
    while at < len(pattern):
        byte = pattern[at : at + 1]
        at += 1
        if byte == b"*":
            while pattern[at : at + 1] == b"*":
                at += 1
            segments.append(piece)
            piece = b""
        elif byte == b"?":
            piece += b"."
        elif byte == b"[":
            expression, at = _class(pattern, at, nocase)
            piece += expression
        else:
            if byte == b"\\" and at < len(pattern):
                byte = pattern[at : at + 1]
                at += 1
            piece += b"[" + b"".join(b"\\x%02x" % b for b in sorted(_same(byte[0], nocase))) + b"]"
    return [*segments, piece]


@lru_cache(maxsize=1024)
def _matcher(pattern: bytes, nocase: bool) -> Callable[[bytes], object]:
    if not pattern.strip(b"*"):
        return bool if pattern else (lambda text: not text)
    first, *rest = _segments(pattern, nocase)
    if len(rest) - (rest[-1:] == [b""]) > NESTING:
        return lambda text: False
    if not rest:
        expression = first
    else:
        *middle, last = rest
        expression = first + b"".join(b"(?>.*?" + piece + b")" for piece in middle) + b".*" + last
    return re.compile(expression, re.DOTALL).fullmatch


@primitive("glob(text, text) -> bool")
def glob(pattern: bytes, text: bytes) -> bool:
    """Whether a text matches a pattern of ``*``, ``?``, ``[a-c]``, ``[^a-c]`` and ``\\``.

    >>> glob(b"h[^e]l*", b"hallo"), glob(b"h[^e]l*", b"hello"), glob(b"*", b"")
    (True, False, False)

    Source: redis.io, KEYS; the corners named above.
    """
    return bool(_matcher(pattern, False)(text))


@primitive("glob-nocase(text, text) -> bool")
def glob_nocase(pattern: bytes, text: bytes) -> bool:
    """`glob` without regard to the case of ASCII letters.

    Source: observed with COMMAND LIST FILTERBY PATTERN on redis 7.0.15 and 8.2.3, valkey 8.1.8 and 9.1.2.
    """
    return bool(_matcher(pattern, True)(text))
