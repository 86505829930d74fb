"""Words of a request that say what stands behind them.

What lives here: searches in lists of texts, letters' case aside. Which words a command knows is the text's business.
"""

from __future__ import annotations

from redlark.spec.primitives import primitive


@primitive("words-behind(list of text, text, text, int) -> list of text?")
def words_behind(texts: tuple[bytes, ...], word: bytes, unless: bytes, count: int) -> tuple[bytes, ...] | None:
    """So many texts behind the first `word` that has so many behind it; absent if there is none, or `unless` is first.

    >>> words_behind((b"len", b"keys", b"a", b"b"), b"KEYS", b"STRINGS", 2)
    (b'a', b'b')

    Source: observed with STRALGO of redis 6.2.14 under COMMAND GETKEYS.
    """
    for place, text in enumerate(texts):
        if text.upper() == unless:
            return None
        behind = texts[place + 1 : place + 1 + count]
        if text.upper() == word and len(behind) == count:
            return behind
    return None
