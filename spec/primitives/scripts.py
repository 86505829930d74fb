"""What scripts are named and headed by: their digest, and the words of a first line that begins with ``#!``.

What lives here: pure functions of texts. Which words and flags there are is the text's business.
"""

from __future__ import annotations

import hashlib

from redlark.spec.primitives import primitive


@primitive("sha1(text) -> text")
def sha1(text: bytes) -> bytes:
    """The SHA-1 digest of a text, in small hexadecimal letters.

    >>> sha1(b"abc")
    b'a9993e364706816aba3e25717850c26c9cd0d89d'

    Source: FIPS 180-4.
    """
    return hashlib.sha1(text).hexdigest().encode()


@primitive("first-line(text) -> text?")
def first_line(text: bytes) -> bytes | None:
    r"""What stands before the first line break; absent where there is none, or a zero byte ends the text before it.

    >>> first_line(b"#!lua\nreturn 1"), first_line(b"#!lua")
    (b'#!lua', None)

    Source: observed with scripts of redis 7.0.15.
    """
    head, found, _ = text.partition(b"\n")
    return head if found and b"\0" not in head else None


@primitive("split(text, text) -> list of text")
def split(text: bytes, separator: bytes) -> tuple[bytes, ...]:
    """The parts of a text between separators, empty ones left out.

    >>> split(b"no-writes,,allow-oom", b",")
    (b'no-writes', b'allow-oom')

    Source: observed with the flags of scripts of redis 7.0.15.
    """
    return tuple(part for part in text.split(separator) if part)


@primitive("parts-of(text, text) -> list of text")
def parts_of(text: bytes, separator: bytes) -> tuple[bytes, ...]:
    """The parts of a text between separators, empty ones among them; nothing has none.

    >>> parts_of(b"900  1", b" "), parts_of(b"", b" ")
    ((b'900', b'', b'1'), ())

    Source: observed with CONFIG SET save of redis 6.2.14, 7.0.15, 8.2.3 and valkey 8.1.8, 9.1.2.
    """
    return tuple(text.split(separator)) if text else ()


@primitive("is-plain-name(text) -> bool")
def is_plain_name(text: bytes) -> bool:
    """Whether a text is one or more ASCII letters, digits and underscores.

    >>> is_plain_name(b"my_lib2"), is_plain_name(b""), is_plain_name(b"a-b")
    (True, False, False)

    Source: observed with the names of libraries of redis 7.0.15.
    """
    return text.replace(b"_", b"a").isalnum()


_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
_SPACE = b" \n\r\t\v\f\0"


@primitive("split-arguments(text) -> list of text?")
def split_arguments(text: bytes) -> tuple[bytes, ...] | None:
    r"""The words of a line, quoted ones unquoted, as an inline request is read; absent where a quote is left open.

    >>> split_arguments(b'#!lua name=a "b c"'), split_arguments(b"a 'b"), split_arguments(rb'"\x41\n"')
    ((b'#!lua', b'name=a', b'b c'), None, (b'A\n',))

    Source: the Redis protocol's inline commands.
    """
    words: list[bytes] = []
    at = 0
    while True:
        while at < len(text) and text[at : at + 1] in _split(_SPACE):
            at += 1
        if at >= len(text):
            return tuple(words)
        found = _word(text, at)
        if found is None:
            return None
        word, at = found
        words.append(word)


def _split(octets: bytes) -> frozenset[bytes]:
    return frozenset(octets[i : i + 1] for i in range(len(octets)))


def _word(text: bytes, at: int) -> tuple[bytes, int] | None:
    word, quote = bytearray(), b""
    while True:
        sign = text[at : at + 1]
        if not sign:
            return None if quote else (bytes(word), at)
        if quote == b'"' and sign == b"\\" and _is_hexadecimal(text[at + 1 : at + 4]):
            word.append(int(text[at + 2 : at + 4], 16))
            at += 4
        elif quote == b'"' and sign == b"\\" and at + 1 < len(text):
            word += _ESCAPES.get(text[at + 1 : at + 2], text[at + 1 : at + 2])
            at += 2
        elif quote == b"'" and text[at : at + 2] == b"\\'":
            word += b"'"
            at += 2
        elif quote and sign == quote:
            behind = text[at + 1 : at + 2]
            return None if behind and behind not in _split(_SPACE) else (bytes(word), at + 1)
        elif quote:
            word += sign
            at += 1
        elif sign in _split(_SPACE):
            return bytes(word), at
        elif sign in (b'"', b"'"):
            quote = sign
            at += 1
        else:
            word += sign
            at += 1


def _is_hexadecimal(text: bytes) -> bool:
    return len(text) == 3 and text[:1] == b"x" and all(digit in b"0123456789abcdefABCDEF" for digit in text[1:])
