"""Keyspace notifications: what happens to keys, as messages to whoever listens to the key's channel or the event's.

Every event comes from one of two places: a command tells of what it did (`Context.notify`), and a database of what
befalls a key by whichever command, that it is new or has expired (`Database.teller`, which is None while nothing is to
be told).  Both end in `Events.tell`.

Must live here: the classes of events, and which of them are told.  Must not: who listens (`pubsub`), or when something
happens to a key.  Source of names and classes: https://redis.io/docs/latest/develop/pubsub/keyspace-notifications/
"""

from __future__ import annotations

from typing import Final

import attrs

from redlark.server.interfaces import Database
from redlark.server.pubsub import PubSub

NEW, EXPIRED, EVICTED = b"new", b"expired", b"evicted"
OVERWRITTEN, TYPE_CHANGED = b"overwritten", b"type_changed"
MISSED = b"keymiss"
HASH_EXPIRED, DELETED = b"hexpired", b"del"
ALL: Final = b"g$lshzxetd"  # the classes for which `A` stands; `d` is the modules'
APART: Final = b"noc"  # those for which it does not: what is new, written over, of another type
STREAM: Final = ord("t")  # all of whose names begin with x, so that no row is needed

CLASSES: Final = {
    event: letter
    for letter, events in zip(
        b"g$lshzxenocm",
        (
            b"del rename_from rename_to move_from move_to copy_to restore expire persist",
            b"set setrange incrby incrbyfloat append setbit pfadd",
            b"lpush rpush lpop rpop linsert lset lrem ltrim sortstore",
            b"sadd srem spop sinterstore sunionstore sdiffstore",
            b"hset hincrby hincrbyfloat hdel hexpire hexpired hpersist",
            b"zadd zincr zrem zpopmin zpopmax zremrangebyrank zremrangebyscore zremrangebylex zunionstore zinterstore"
            b" zdiffstore zrangestore georadiusstore geosearchstore",
            EXPIRED,
            EVICTED,
            NEW,
            OVERWRITTEN,
            TYPE_CHANGED,
            MISSED,
        ),
        strict=True,
    )
    for event in events.split()
}


# What tells of keys that it looks for in vain: whatever only reads, but for the first, and the second.
_LOOK_ASIDE: Final = (b"object|", b"memory|")
_LOOK_TOO: Final = frozenset((
    b"getex", b"getdel", b"getset", b"set", b"bitfield", b"bitop", b"pfmerge", b"copy", b"sort", b"xreadgroup", b"xack",
    b"xackdel", b"xclaim", b"xautoclaim", b"georadius", b"georadiusbymember", b"geosearchstore", b"migrate",
    b"sinterstore", b"sunionstore", b"sdiffstore", b"zinterstore", b"zunionstore", b"zdiffstore", b"zrangestore",
))  # fmt: skip
# What has neither hits nor misses, though it only reads.
_COUNT_NOTHING: Final = frozenset((b"memory|usage", b"scan", b"keys", b"randomkey", b"dbsize"))


def looks(name: bytes, flags: frozenset[str]) -> bool:
    """Does a command tell of keys that are not there?"""
    return name in _LOOK_TOO or ("readonly" in flags and not name.startswith(_LOOK_ASIDE))


def counts(name: bytes, flags: frozenset[str]) -> int:
    """Are keys that a command looks for hits or misses: not (0), where it takes their values (1), in any case (2)?"""
    if "readonly" in flags and name not in _COUNT_NOTHING:
        return 2
    return int(name in _LOOK_TOO)


def spelled(text: bytes) -> bytes:
    """The letters of `notify-keyspace-events` with `A` written out, in the order in which CONFIG GET tells them.

    Raises ValueError at a letter that means nothing.

    >>> spelled(b"KEA"), spelled(b"lgE")
    (b'g$lshzxetdKE', b'glE')
    """
    if text.strip(b"A" + ALL + APART + b"KEm"):
        raise ValueError(text)
    classes = text + (ALL if b"A" in text else b"")
    return bytes(letter for letter in ALL + APART + b"KEm" if letter in classes)


def shown(classes: bytes) -> bytes:
    """Spelled letters as CONFIG GET tells them: `A` again if all of its classes are there, and then none of `noc`.

    >>> shown(spelled(b"KEA")), shown(spelled(b"mKEnzg")), shown(spelled(b"nA"))
    (b'AKE', b'gznKEm', b'A')
    """
    if not classes.startswith(ALL):
        return classes
    return b"A" + classes[len(ALL) :].lstrip(APART)


@attrs.define(slots=True, eq=False)
class Events:
    """What is told, and to whom."""

    pubsub: PubSub
    classes: bytes = b""  # spelled; nothing is told unless K or E is among them
    misses: bool = False  # keys that are not there are told of

    def configure(self, classes: bytes) -> None:
        """Tell of these classes from now on."""
        self.classes = classes if b"K" in classes or b"E" in classes else b""
        self.misses = b"m" in self.classes

    def tell(self, database: Database, event: bytes, key: bytes) -> None:
        """Something has happened to a key: a message on the key's channel, then one on the event's."""
        pubsub = self.pubsub
        if CLASSES.get(event, STREAM) not in self.classes or not (pubsub.channels or pubsub.patterns):
            return
        if b"K" in self.classes:
            pubsub.publish(b"__keyspace@%d__:%b" % (database.index, key), event)
        if b"E" in self.classes:
            pubsub.publish(b"__keyevent@%d__:%b" % (database.index, event), key)
