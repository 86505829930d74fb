"""Draws of DEBUG: what a server that allows it survives, and goes on from as before.

What must live here: which words DEBUG is asked with. Nothing that breaks a server, or that outlasts a history and shows
in what is asked later.
"""

from __future__ import annotations

import random

from redlark.conformance.drawing import values

_PLAIN: tuple[tuple[bytes, ...], ...] = (
    (b"DIGEST",), (b"DIGEST",), (b"digest",), (b"DIGEST", b"1"), (b"DIGEST-VALUE",), (b"HELP",), (b"CHANGE-REPL-ID",),
    (b"SLEEP", b"0"), (b"SLEEP", b"0.002"), (b"SLEEP", b"0.0005x"), (b"SLEEP", b"x"), (b"SLEEP",),
    (b"SLEEP", b"0", b"1"), (b"OBJECT",), (b"OBJECT", b"k1", b"k2", b"k3"), (b"SET-ACTIVE-EXPIRE", b"1"),
    (b"SET-ACTIVE-EXPIRE",), (b"SET-DISABLE-DENY-SCRIPTS", b"0"), (b"SET-DISABLE-DENY-SCRIPTS", b"no"),
    (b"QUICKLIST-PACKED-THRESHOLD", b"0"), (b"QUICKLIST-PACKED-THRESHOLD", b"4gb"),
    (b"QUICKLIST-PACKED-THRESHOLD", b"x"), (b"QUICKLIST-PACKED-THRESHOLD",), (b"JMAP",), (b"nosuch",), (b"",),
    (b"two words\r\nhere", b"1"), (b"digest\x00x",), (b"ERROR", b"WRONG thing"), (b"ERROR", b""), (b"ERROR", b"a\r\nb"),
    (b"ERROR", b"a\x00b"), (b"ERROR",), (b"LOG", b"said"), (b"PAUSE-CRON", b"0"), (b"DICT-RESIZING", b"1"),
    (b"SET-SKIP-CHECKSUM-VALIDATION", b"0"), (b"STRUCTSIZE",), (b"SDSLEN", b"nosuch"),
)  # fmt: skip
_TYPES = (
    b"string", b"integer", b"double", b"null", b"array", b"set", b"map", b"verbatim", b"true", b"false", b"nosuch",
    b"STRING", b"", b"bignum", b"attrib", b"push",
)  # fmt: skip


def words(rng: random.Random) -> list[bytes]:
    """What stands behind DEBUG."""
    match rng.randrange(6):
        case 0:
            return [b"DIGEST-VALUE", *(rng.choice(values.KEYS) for _ in range(rng.choice((1, 1, 2, 3))))]
        case 1:
            return [b"OBJECT", rng.choice(values.KEYS)]
        case 2:
            return [b"PROTOCOL", rng.choice(_TYPES)]
        case 3:
            return [b"DIGEST"]
    return list(rng.choice(_PLAIN))
