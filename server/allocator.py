"""What the C library's allocator tells of itself: MEMORY MALLOC-STATS and PURGE.

Objects of Python that are no larger than 512 bytes live elsewhere, in Python's own arenas.
Source: glibc's mallinfo2(3) and malloc_trim(3); a library without them tells nothing.
"""

from __future__ import annotations

import ctypes
from typing import Final

_LIBRARY: Final = ctypes.CDLL(None)
_FIELDS: Final = (
    *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
    *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
)
_TOLD: Final = {
    "arena": "bytes taken from the system in heaps",
    "hblks": "blocks mapped one by one",
    "hblkhd": "bytes in these",
    "uordblks": "bytes in use in heaps",
    "fordblks": "bytes free in heaps",
    "ordblks": "free blocks",
    "keepcost": "bytes that could be given back at the top",
}


class _Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


_info = getattr(_LIBRARY, "mallinfo2", None)
if _info is not None:
    _info.restype = _Info
_trim = getattr(_LIBRARY, "malloc_trim", None)


def figures() -> dict[str, int]:
    """The figures of mallinfo2, by its names; none where the library lacks it."""
    if _info is None:
        return {}
    told = _info()
    return {name: getattr(told, name) for name in _FIELDS}


def stats() -> bytes:
    """A text for people."""
    told = figures()
    if not told:
        return b"Stats not supported for the current allocator"
    rows = [f"{told[name]:>16}  {text}\n" for name, text in _TOLD.items()]
    return ("The C library's allocator, without Python's own arenas:\n" + "".join(rows)).encode()


def give_back() -> None:
    """Have it give back what is free, where it can be asked to."""
    if _trim is not None:
        _trim(0)
