"""Stream ids as texts, and how much room an entry takes in a node of a stream.

An id is a number of 128 bits, milliseconds before sequence: greater ids are later, the next id is one more. What
lives here: reading and writing ids, sizes in bytes. What a stream holds and when a node is full is the
model's and the text's.
"""

from __future__ import annotations

from redlark.spec.primitives import primitive
from redlark.spec.primitives.integers import MAX_UNSIGNED, parse_unsigned
from redlark.spec.primitives.listpack import entry_size

MAX_ID = 2**128 - 1
LONGEST = 127  # bytes; what is longer is no id


def _parse(text: bytes, missing: int) -> int | None:
    if len(text) > LONGEST:
        return None
    milliseconds, dash, sequence = text.partition(b"\0")[0].partition(b"-")
    first = parse_unsigned(milliseconds)
    second = parse_unsigned(sequence) if dash else missing
    return None if first is None or second is None else first << 64 | second


@primitive("parse-id(text) -> int?")
def parse_id(text: bytes) -> int | None:
    """A whole id, ``5-3``; without its sequence, ``5``, the first one of its millisecond.

    >>> parse_id(b"0-5"), parse_id(b"1") == 2**64, parse_id(b"-"), parse_id(b"1-*")
    (5, True, None, None)

    Source: redis.io, Redis streams; observed on every server: both halves are read as `parse_unsigned` reads numbers,
    so ``007-+1`` is an id, and so is ``5--0``.
    """
    return _parse(text, 0)


@primitive("parse-first-id(text) -> int?")
def parse_first_id(text: bytes) -> int | None:
    """An id at which a range begins: ``-`` and ``+`` are the smallest and the greatest.

    >>> parse_first_id(b"-"), parse_first_id(b"0-1")
    (0, 1)

    Source: redis.io, XRANGE.
    """
    return _parse_end(text, 0)


@primitive("parse-last-id(text) -> int?")
def parse_last_id(text: bytes) -> int | None:
    """An id at which a range ends; without its sequence, the last one of its millisecond.

    >>> parse_last_id(b"0") == 2**64 - 1, parse_last_id(b"+") == 2**128 - 1
    (True, True)

    Source: redis.io, XRANGE.
    """
    return _parse_end(text, MAX_UNSIGNED)


def _parse_end(text: bytes, missing: int) -> int | None:
    plain = text.partition(b"\0")[0]
    if plain in (b"-", b"+") and len(text) <= LONGEST:
        return 0 if plain == b"-" else MAX_ID
    return _parse(text, missing)


@primitive("parse-open-id(text) -> int?")
def parse_open_id(text: bytes) -> int | None:
    """The milliseconds of an id whose sequence is left to the server, ``5-*``.

    >>> parse_open_id(b"5-*"), parse_open_id(b"5-3")
    (5, None)

    Source: redis.io, XADD.
    """
    plain = text.partition(b"\0")[0]
    if len(text) > LONGEST or plain.partition(b"-")[2] != b"*":
        return None
    return parse_unsigned(plain.partition(b"-")[0])


@primitive("print-id(int) -> text")
def print_id(number: int) -> bytes:
    """The text of an id.

    >>> print_id(5 << 64 | 3)
    b'5-3'

    Source: redis.io, Redis streams.
    """
    return b"%d-%d" % (number >> 64, number & MAX_UNSIGNED)


def size_of_integer(number: int) -> int:
    """The bytes that a whole number takes in a listpack; what has no 64 bits with a sign wraps.

    >>> size_of_integer(0), size_of_integer(128), size_of_integer(2**63)
    (2, 3, 10)
    """
    return entry_size(b"%d" % ((number + 2**63) % 2**64 - 2**63))


def head_size(fields: tuple[bytes, ...]) -> int:
    """The bytes of a node without entries: the listpack's own, the two counts, the fields that most entries share.

    Source: antirez, "Listpack specification"; redis.io, "Streams" on macro nodes; observed as XINFO's radix-tree-keys.
    """
    return (
        7
        + size_of_integer(1)
        + size_of_integer(0)
        + size_of_integer(len(fields))
        + sum(map(entry_size, fields))
        + size_of_integer(0)
    )


def size_in_node(id_: int, first: int, items: tuple[bytes, ...], fields: tuple[bytes, ...]) -> int:
    """The bytes that an entry takes in a node whose first id and shared fields are known: flags, id, pairs, count."""
    mine, values = items[::2], items[1::2]
    same = mine == fields
    milliseconds, sequence = (id_ >> 64) - (first >> 64), (id_ & MAX_UNSIGNED) - (first & MAX_UNSIGNED)
    size = size_of_integer(2 if same else 0) + size_of_integer(milliseconds) + size_of_integer(sequence)
    size += sum(map(entry_size, values))
    count = len(values) + 3
    if not same:
        size += size_of_integer(len(mine)) + sum(map(entry_size, mine))
        count += len(mine) + 1
    return size + size_of_integer(count)
