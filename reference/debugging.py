"""What DEBUG tells: digests of values and of everything that is stored, where a value is, how long it sleeps.

Theory of operation. Twenty octets, at first zero, take in one text after another. What has an order is mixed in: the
SHA-1 of the text is added without carry, and the SHA-1 of that taken. What has none (members, keys) is only added.
Asked of redis 6.2.14, 7.0.15, 8.2.3 and valkey 8.1.8, 9.1.2, which all agree on values of each type. What must not live
here: which subcommand tells which.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable
from typing import Any

from immutables import Map

from redlark.reference.fields import is_late
from redlark.reference.functions import of_run, pure
from redlark.reference.replies import Predicate
from redlark.reference.resp import Frame
from redlark.reference.streams import entries
from redlark.reference.values import SortedSet, Status, type_of
from redlark.spec.primitives.doubles import print_double_17, print_double_shortest

NOTHING = bytes(20)
TYPES = {"string": 0, "list": 1, "set": 2, "zset": 3, "hash": 4, "stream": 6}  # as RDB files number them
_SECONDS = re.compile(rb"\s*(\d+(?:\.\d*)?|\.\d+)")
EXPIRES, FIELD_EXPIRES = b"!!expire!!", b"!!hexpire!!"


def added(digest: bytes, text: bytes) -> bytes:
    """A digest with a text taken in, whatever comes before and after it."""
    return bytes(one ^ other for one, other in zip(digest, hashlib.sha1(text).digest(), strict=True))


def mixed(digest: bytes, *texts: bytes) -> bytes:
    """A digest with texts taken in, in this order."""
    for text in texts:
        digest = hashlib.sha1(added(digest, text)).digest()
    return digest


def digest_of(
    digest: bytes, value: Any, timed: bool, timed_fields: frozenset[bytes], print_score: Callable[[float], bytes]
) -> bytes:
    """A digest with a value taken in; ``timed``: whether its key has a deadline, and which of its fields have."""
    kind = type_of(value)
    digest = mixed(digest, struct.pack(">I", TYPES[kind]))
    if isinstance(value, bytes):
        digest = mixed(digest, value)
    elif isinstance(value, tuple):
        digest = mixed(digest, *value)
    elif isinstance(value, frozenset):
        for member in value:
            digest = added(digest, member)
    elif isinstance(value, SortedSet):
        for member, score in value:
            digest = added(digest, mixed(NOTHING, member, print_score(score)))
    elif isinstance(value, Map):
        for field, held in value.items():
            one = mixed(NOTHING, field, held)
            digest = added(digest, added(one, FIELD_EXPIRES) if field in timed_fields else one)
    else:
        for id_, fields in entries(value):
            digest = mixed(digest, b"%d.%d" % divmod(id_, 1 << 64), *fields)
    return added(digest, EXPIRES) if timed else digest


def _stored(run: Any, number: int, key: bytes, digest: bytes) -> bytes:
    entry = run.databases[number][key]
    timed = frozenset(entry.fields or ()) if run.model.definition("digests-fields-deadlines") else frozenset[bytes]()
    print_score = print_double_shortest if run.model.definition("digests-short-scores") else print_double_17
    return digest_of(digest, entry.value, entry.deadline is not None, timed, print_score)


@of_run
def digest_at(run: Any, key: bytes) -> bytes:
    """The digest of what is stored at a key, expired or not, as 40 hexadecimal digits; zeros where nothing is."""
    if key not in run.databases[run.selected]:
        return NOTHING.hex().encode()
    return _stored(run, run.selected, key, NOTHING).hex().encode()


@of_run
def digest_of_all(run: Any) -> bytes | None:
    """The digest of all databases; absent where a server may have cleared away what is stored in the model."""
    digest = NOTHING
    for number, database in enumerate(run.databases):
        if not database:
            continue
        digest = mixed(digest, struct.pack(">I", number))
        for key in sorted(database):
            if run.expired(number, key) or may_lack_fields(run, number, key):
                return None
            digest = added(digest, _stored(run, number, key, mixed(NOTHING, key)))
    return digest.hex().encode()


def may_lack_fields(run: Any, number: int, key: bytes) -> bool:
    """Whether fields of a key have expired, so that they may be gone."""
    entry = run.databases[number][key]
    return entry.fields is not None and any(is_late(run, number, key, field) for field in entry.fields)


@of_run
def lacks_fields(run: Any, key: bytes) -> bool:
    """Whether fields of a key have expired, so that a server may have cleared them away."""
    return key in run.databases[run.selected] and may_lack_fields(run, run.selected, key)


@pure
def some_digest() -> Predicate:
    """Any digest."""
    return Predicate("40 hexadecimal digits", _is_digest, Status(NOTHING.hex().encode()))


def _is_digest(frame: Frame) -> bool:
    return frame.kind == b"+" and re.fullmatch(rb"[0-9a-f]{40}", frame.value) is not None


@pure
def object_told(encodings: tuple[bytes, ...]) -> Predicate:
    """What DEBUG OBJECT tells of a value in one of these encodings: where it is, and how long it was not asked for."""
    told = rb"Value at:0x[0-9a-f]+ refcount:\d+ encoding:%b (serializedlength:\d+ )?lru:\d+ lru_seconds_idle:\d+( .*)?"
    pattern = re.compile(told % b"(%b)" % b"|".join(map(re.escape, encodings)))
    example = b"Value at:0x1 refcount:1 encoding:%b serializedlength:1 lru:1 lru_seconds_idle:0" % encodings[0]

    def holds(frame: Frame) -> bool:
        return frame.kind == b"+" and pattern.fullmatch(frame.value) is not None

    told_of = b" or ".join(encodings).decode()
    return Predicate(f"where the value is, encoding:{told_of}", holds, Status(example))


@pure
def microseconds_slept(text: bytes) -> int:
    """For how many microseconds the seconds of a text let a server sleep: the number that it begins with, or none."""
    found = _SECONDS.match(text)
    return int(float(found[1]) * 1_000_000) if found else 0
