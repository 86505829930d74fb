"""The packed forms of small collections: listpack and intset, read and written; ziplist and zipmap of before, read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from redlark.server.rdb.reading import BadFormat
from redlark.server.values import to_integer

END: Final = 0xFF
_MANY: Final = 0xFFFF  # a count that says nothing
_WIDTHS: Final = ((0xF1, 2), (0xF2, 3), (0xF3, 4), (0xF4, 8))  # numbers in a listpack: the first byte, those behind
_LISTPACK_WIDTHS: Final = dict(_WIDTHS)
_ZIPLIST_WIDTHS: Final = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}
_INTSET_WIDTHS: Final = (2, 4, 8)


def _signed(data: bytes) -> bytes:
    return b"%d" % int.from_bytes(data, "little", signed=True)


def _bounded(data: bytes, head: int, size_bytes: int) -> int:
    """The place of the end mark of a form that begins with its own size.  Raises BadFormat."""
    if len(data) <= head or int.from_bytes(data[:size_bytes], "little") != len(data) or data[-1] != END:
        raise BadFormat("a packed form of another size than it says")
    return len(data) - 1


# ---- listpack ----------------------------------------------------------------------------------------------------


def listpack(data: bytes) -> list[bytes]:
    """The elements of a listpack.  Raises BadFormat."""
    last = _bounded(data, 6, 4)
    found: list[bytes] = []
    at = 6
    while at < last:
        first = data[at]
        if first < 0x80:
            found.append(b"%d" % first)
            at += 2
            continue
        begin = at + 1
        if first < 0xC0:
            end = begin + (first & 0x3F)
        elif first < 0xE0:
            number = (first & 0x1F) << 8 | data[begin]
            found.append(b"%d" % (number - 0x2000 if number & 0x1000 else number))
            at += 3
            continue
        elif first < 0xF0:
            begin, end = at + 2, at + 2 + ((first & 0x0F) << 8 | data[begin])
        elif first == 0xF0:
            begin, end = at + 5, at + 5 + int.from_bytes(data[begin : at + 5], "little")
        elif first in _LISTPACK_WIDTHS:
            end = begin + _LISTPACK_WIDTHS[first]
            found.append(_signed(data[begin:end]))
            at = end + 1
            continue
        else:
            raise BadFormat(f"no element of a listpack begins with {first:#x}")
        found.append(data[begin:end])
        at = end + _size_size(end - at)
    _counted(found, int.from_bytes(data[4:6], "little"), at == last)
    return found


def _counted(found: Sequence[bytes], count: int, ended: bool) -> None:
    if not ended or count not in (len(found), _MANY):
        raise BadFormat("a packed form of another length than it says")


def _size_size(size: int) -> int:
    """The bytes in which the size of an element stands behind it; of 16383 and the like one more than it needs."""
    return 1 if size < 128 else 2 if size < 16383 else 3 if size < 2097151 else 4 if size < 268435455 else 5


def _size_behind(size: int) -> bytes:
    """The size of an element, to be read from its end."""
    digits = [size >> 7 * place & 0x7F | 0x80 for place in reversed(range(_size_size(size)))]
    return bytes((digits[0] & 0x7F, *digits[1:]))


_SMALL: Final = tuple(bytes((number, 1)) for number in range(128))


def written_listpack(elements: Iterable[bytes | int]) -> bytes:
    """A listpack; what reads as a number is written as one."""
    body = bytearray()
    count = 0
    for element in elements:
        count += 1
        number = element if isinstance(element, int) else to_integer(element)
        if number is None:
            assert isinstance(element, bytes)
            size = len(element)
            if size < 64:
                head = bytes((0x80 | size,))
            elif size < 4096:
                head = bytes((0xE0 | size >> 8, size & 0xFF))
            else:
                head = b"\xf0" + size.to_bytes(4, "little")
            body += head
            body += element
            body += _size_behind(len(head) + size)
        else:
            body += _SMALL[number] if 0 <= number < 128 else _written_number(number)
    return (len(body) + 7).to_bytes(4, "little") + min(count, _MANY).to_bytes(2, "little") + body + b"\xff"


def _written_number(number: int) -> bytes:
    if -4096 <= number < 4096:
        number &= 0x1FFF
        return bytes((0xC0 | number >> 8, number & 0xFF, 2))
    first, width = next(each for each in _WIDTHS if -(1 << 8 * each[1] - 1) <= number < 1 << 8 * each[1] - 1)
    return bytes((first,)) + number.to_bytes(width, "little", signed=True) + bytes((width + 1,))


# ---- intset ------------------------------------------------------------------------------------------------------


def intset(data: bytes) -> list[bytes]:
    """The members of a set of integers, the smallest first.  Raises BadFormat."""
    width, count = int.from_bytes(data[:4], "little"), int.from_bytes(data[4:8], "little")
    if width not in _INTSET_WIDTHS or len(data) != 8 + width * count:
        raise BadFormat("an intset of another size than it says")
    return [_signed(data[at : at + width]) for at in range(8, len(data), width)]


def written_intset(members: Iterable[bytes]) -> bytes:
    """A set of integers, as narrow as they allow."""
    numbers = sorted(map(int, members))
    width = next(
        each for each in _INTSET_WIDTHS if all(-(1 << 8 * each - 1) <= one < 1 << 8 * each - 1 for one in numbers)
    )
    body = b"".join(number.to_bytes(width, "little", signed=True) for number in numbers)
    return width.to_bytes(4, "little") + len(numbers).to_bytes(4, "little") + body


# ---- of older servers --------------------------------------------------------------------------------------------


def ziplist(data: bytes) -> list[bytes]:
    """The elements of a ziplist, which came before listpacks (until 7.0).  Raises BadFormat."""
    last = _bounded(data, 10, 4)
    found: list[bytes] = []
    at = 10
    while at < last:
        at += 5 if data[at] == 0xFE else 1  # behind the size of the element before
        if at >= last:
            break
        first = data[at]
        begin = at + 1
        if first < 0x40:
            end = begin + first
        elif first < 0x80:
            begin, end = at + 2, at + 2 + ((first & 0x3F) << 8 | data[begin])
        elif first < 0xC0:
            begin, end = at + 5, at + 5 + int.from_bytes(data[begin : at + 5], "big")
        elif 0xF1 <= first <= 0xFD:
            found.append(b"%d" % (first - 0xF1))
            at = begin
            continue
        elif first in _ZIPLIST_WIDTHS:
            at = begin + _ZIPLIST_WIDTHS[first]
            found.append(_signed(data[begin:at]))
            continue
        else:
            raise BadFormat(f"no element of a ziplist begins with {first:#x}")
        found.append(data[begin:end])
        at = end
    _counted(found, int.from_bytes(data[8:10], "little"), at == last)
    return found


def zipmap(data: bytes) -> list[bytes]:
    """Fields and values in turn of a zipmap, the packed hash of before 2.6.  Raises BadFormat."""
    found: list[bytes] = []
    at, last = 1, len(data) - 1
    if last < 1 or data[-1] != END:
        raise BadFormat("a zipmap without an end")
    while at < last:
        is_value = len(found) % 2 == 1
        first = data[at]
        size, at = (int.from_bytes(data[at + 1 : at + 5], "little"), at + 5) if first == 0xFE else (first, at + 1)
        if first == END or at + is_value > last:
            raise BadFormat("a zipmap that ends early")
        unused = data[at] if is_value else 0
        at += is_value
        found.append(data[at : at + size])
        at += size + unused
    if at != last or len(found) % 2:
        raise BadFormat("a zipmap that ends early")
    return found
