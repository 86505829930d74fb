"""What the patterns of SORT point at: keys, and fields of hashes, that are named after an element.

What lives here: reading such a pattern. Looking up what it points at is the text's business.
"""

from __future__ import annotations

from redlark.spec.primitives import primitive


@primitive("has-star(text) -> bool")
def has_star(pattern: bytes) -> bool:
    """Whether a pattern of SORT says where the element goes; a pattern ends at its first NUL.

    >>> has_star(b"weight_*"), has_star(b"nosort"), has_star(b"weight\\0*")
    (True, False, False)

    Source: observed with SORT ... BY of every server.
    """
    return b"*" in pattern.partition(b"\0")[0]


@primitive("pattern-place(text, text) -> list of text?")
def pattern_place(pattern: bytes, element: bytes) -> tuple[bytes, ...] | None:
    """The key, or the key and the field, that a pattern of SORT means for an element; absent where it means nothing.

    The first star is the element. The first ``->`` behind it, if anything but a NUL follows, begins the field. Both are
    looked for up to the first NUL; what they are told apart from is taken whole.

    >>> pattern_place(b"w_*", b"1"), pattern_place(b"h_*->f", b"1"), pattern_place(b"h->*", b"1")
    ((b'w_1',), (b'h_1', b'f'), (b'h->1',))
    >>> pattern_place(b"nosuch", b"1") is None
    True

    Source: observed with SORT ... GET of every server.
    """
    text = pattern.partition(b"\0")[0]
    star = text.find(b"*")
    if star < 0:
        return None
    arrow = text.find(b"->", star + 1)
    if arrow < 0 or arrow + 2 >= len(text):
        return (pattern[:star] + element + pattern[star + 1 :],)
    return (pattern[:star] + element + pattern[star + 1 : arrow], pattern[arrow + 2 :])
