"""The packed forms of small collections as lists of texts: listpack, ziplist, intset, zipmap; and listpacks written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from redlark.spec.primitives.integers import parse_int
from redlark.spec.rdb.cursor import BadFormat, Cursor

END = 0xFF


def listpack(data: bytes) -> tuple[bytes, ...]:
    """The elements of a listpack.

    Source: antirez, "Listpack specification" (github.com/antirez/listpack).
    """
    cursor = Cursor(data)
    if cursor.number(4) != len(data):
        raise BadFormat("a listpack of another size than it says")
    count, found = cursor.number(2), list(_listpack_elements(cursor))
    if cursor.place != len(data) or count not in (len(found), 0xFFFF):
        raise BadFormat("a listpack of another length than it says")
    return tuple(found)


def _listpack_elements(cursor: Cursor) -> Iterator[bytes]:
    while (first := cursor.byte()) != END:
        start = cursor.place - 1
        yield _listpack_element(first, cursor)
        size = cursor.place - start
        cursor.take(len(_backwards(size)))


def _listpack_element(first: int, cursor: Cursor) -> bytes:
    if first < 0x80:
        return b"%d" % first
    if first < 0xC0:
        return cursor.take(first & 0x3F)
    if first < 0xE0:
        return b"%d" % _signed((first & 0x1F) << 8 | cursor.byte(), 13)
    if first < 0xF0:
        return cursor.take((first & 0x0F) << 8 | cursor.byte())
    if first == 0xF0:
        return cursor.take(cursor.number(4))
    size = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}.get(first)
    if size is None:
        raise BadFormat(f"no element of a listpack begins with {first:#x}")
    return b"%d" % cursor.number(size, signed=True)


def _signed(number: int, bits: int) -> int:
    return number - (1 << bits) if number >> bits - 1 else number


def _backwards(size: int) -> bytes:
    """The length of an element, to be read from its end: 7 bits each, the lowest last; bit 8 says that more follow.

    Of 16383, 2097151 and 268435455 servers write and read a byte more than it needs (seen on Redis 8.2.3).
    """
    count = 1 if size < 128 else ((size + 1).bit_length() - 1) // 7 + 1
    digits = [size >> 7 * place & 0x7F | 0x80 for place in range(count)]
    digits[-1] &= 0x7F
    return bytes(reversed(digits))


def written_listpack(elements: Iterable[bytes | int]) -> bytes:
    """A listpack of these elements; what reads as a number is written as one."""
    items = list(elements)
    body = b"".join(map(_written_element, items))
    return (len(body) + 7).to_bytes(4, "little") + min(len(items), 0xFFFF).to_bytes(2, "little") + body + b"\xff"


def _written_element(element: bytes | int) -> bytes:
    number = element if isinstance(element, int) else parse_int(element)
    if number is not None:
        body = _written_number(number)
    else:
        assert isinstance(element, bytes)
        size = len(element)
        head = bytes([0x80 | size]) if size < 64 else bytes([0xE0 | size >> 8, size & 0xFF])
        body = (head if size < 4096 else b"\xf0" + size.to_bytes(4, "little")) + element
    return body + _backwards(len(body))


def _written_number(number: int) -> bytes:
    if 0 <= number < 128:
        return bytes([number])
    if -4096 <= number < 4096:
        number &= 0x1FFF
        return bytes([0xC0 | number >> 8, number & 0xFF])
    mark, size = next(
        (m, s) for m, s in ((0xF1, 2), (0xF2, 3), (0xF3, 4), (0xF4, 8)) if -(1 << 8 * s - 1) <= number < 1 << 8 * s - 1
    )
    return bytes([mark]) + number.to_bytes(size, "little", signed=True)


def ziplist(data: bytes) -> tuple[bytes, ...]:
    """The elements of a ziplist, which came before listpacks (until 7.0).

    Source: the payloads of redis 6.2.14; "Redis RDB file format" (rdb.fnordig.de).
    """
    cursor = Cursor(data)
    size, _tail, count = cursor.number(4), cursor.number(4), cursor.number(2)
    found = list(_ziplist_elements(cursor))
    if size != len(data) or cursor.place != len(data) or count not in (len(found), 0xFFFF):
        raise BadFormat("a ziplist of another size or length than it says")
    return tuple(found)


def _ziplist_elements(cursor: Cursor) -> Iterator[bytes]:
    while (before := cursor.byte()) != END:
        if before == 0xFE:
            cursor.take(4)
        first = cursor.byte()
        kind = first >> 6
        if kind < 3:
            size = (first & 0x3F, 0, 0)[kind]
            if kind == 1:
                size = (first & 0x3F) << 8 | cursor.byte()
            elif kind == 2:
                size = int.from_bytes(cursor.take(4), "big")
            yield cursor.take(size)
        elif 0xF1 <= first <= 0xFD:
            yield b"%d" % (first - 0xF1)
        else:
            width = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}.get(first)
            if width is None:
                raise BadFormat(f"no element of a ziplist begins with {first:#x}")
            yield b"%d" % cursor.number(width, signed=True)


def intset(data: bytes) -> tuple[bytes, ...]:
    """The members of a set of integers, smallest first.

    Source: the payloads of every server; "Redis RDB file format" (rdb.fnordig.de).
    """
    cursor = Cursor(data)
    width, count = cursor.number(4), cursor.number(4)
    if width not in (2, 4, 8) or len(data) != 8 + width * count:
        raise BadFormat("an intset of another size than it says")
    return tuple(b"%d" % cursor.number(width, signed=True) for _ in range(count))


def written_intset(members: Iterable[int]) -> bytes:
    """A set of integers, as narrow as they allow."""
    numbers = sorted(members)
    width = next(w for w in (2, 4, 8) if all(-(1 << 8 * w - 1) <= n < 1 << 8 * w - 1 for n in numbers))
    head = width.to_bytes(4, "little") + len(numbers).to_bytes(4, "little")
    return head + b"".join(number.to_bytes(width, "little", signed=True) for number in numbers)


def zipmap(data: bytes) -> tuple[bytes, ...]:
    """Fields and values of a zipmap, the packed hash of before 2.6.

    Source: "Redis RDB file format" (rdb.fnordig.de).
    """
    cursor, found = Cursor(data), list[bytes]()
    cursor.byte()
    while (size := cursor.byte()) != END:
        found.append(cursor.take(_zipmap_size(size, cursor)))
        size = _zipmap_size(cursor.byte(), cursor)
        free = cursor.byte()
        found.append(cursor.take(size))
        cursor.take(free)
    if cursor.place != len(data):
        raise BadFormat("a zipmap with something behind it")
    return tuple(found)


def _zipmap_size(first: int, cursor: Cursor) -> int:
    if first == END:
        raise BadFormat("a field of a zipmap without its value")
    return cursor.number(4) if first == 0xFE else first
