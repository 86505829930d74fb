"""How a set is kept: as an intset, since Redis 7.2 as a listpack, or as a hash table.

What lives here: what becomes of a set's encoding as members come in, one by one. The limits are parameters:
``set-max-intset-entries``, ``set-max-listpack-entries`` (0 before 7.2, when there was no such form) and
``set-max-listpack-value``. What must not: what a command does with the set.
"""

from __future__ import annotations

from redlark.spec.primitives import primitive
from redlark.spec.primitives.integers import parse_int


@primitive("set-grown(text, set of text, list of text, int, int, int) -> text")
def set_grown(
    encoding: bytes, held: frozenset[bytes], added: tuple[bytes, ...], integers: int, entries: int, longest: int
) -> bytes:
    """The encoding of a set that has one, after members are added in this order; those that it has change nothing.

    >>> set_grown(b"intset", frozenset((b"1",)), (b"2", b"3"), 2, 128, 64)
    b'hashtable'
    >>> set_grown(b"intset", frozenset((b"1",)), (b"2", b"a"), 2, 128, 64)
    b'listpack'
    >>> set_grown(b"intset", frozenset((b"1",)), (b"a",), 512, 0, 64)
    b'hashtable'

    Source: redis.conf on set-max-intset-entries and set-max-listpack-entries; observed with every server.
    """
    members = set(held)
    for member in added:
        if encoding == b"hashtable":
            break
        if member in members:
            continue
        is_int = encoding == b"intset" and parse_int(member) is not None
        if is_int:
            encoding = b"intset" if len(members) < integers else b"hashtable"
        else:
            numbers = max(map(len, members), default=0) if encoding == b"intset" else 0
            packs = len(members) < entries and max(len(member), numbers) <= longest
            encoding = b"listpack" if packs else b"hashtable"
        members.add(member)
    return encoding
