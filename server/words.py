"""A line into words, as redis.conf and inline requests have them."""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = {0x6E: b"\n", 0x72: b"\r", 0x74: b"\t", 0x62: b"\b", 0x61: b"\a"}
_BLANK: Final = b" \t\n\v\f\r"  # may stand before a word, and behind a quote
_END: Final = b" \t\n\r"  # end a word without quotes


def split_words(line: bytes) -> list[bytes] | None:
    r"""A line into words as redis.conf and inline requests have them: "..." with \xHH \n \r \t \b \a, '...' with \'.

    None when the quotes are not balanced.

    >>> split_words(b'set "a b\\x41" \'it\\\'s\'')
    [b'set', b'a bA', b"it's"]
    >>> split_words(b'a "b"c') is None
    True
    """
    words: list[bytes] = []
    at, end = 0, len(line)
    while True:
        while at < end and line[at] in _BLANK:
            at += 1
        if at >= end:
            return words
        found = _word(line, at)
        if found is None:
            return None
        word, at = found
        words.append(word)


def _word(line: bytes, at: int) -> tuple[bytes, int] | None:
    word = bytearray()
    end = len(line)
    quote = 0
    while at < end:
        sign = line[at]
        if quote == 0x22 and sign == 0x5C and at + 1 < end:
            digits = line[at + 2 : at + 4]
            if line[at + 1] == 0x78 and re.fullmatch(rb"[0-9a-fA-F]{2}", digits):
                word.append(int(digits, 16))
                at += 4
            else:
                word += _ESCAPES.get(line[at + 1], line[at + 1 : at + 2])
                at += 2
            continue
        if quote == 0x27 and line[at : at + 2] == b"\\'":
            word += b"'"
            at += 2
            continue
        at += 1
        if quote:
            if sign != quote:
                word.append(sign)
            elif at < end and line[at] not in _BLANK:
                return None
            else:
                return bytes(word), at
        elif sign in (0x22, 0x27):
            quote = sign
        elif sign in _END:
            return bytes(word), at
        else:
            word.append(sign)
    return None if quote else (bytes(word), at)
