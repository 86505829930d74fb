"""What is known of the keys of a server that is watched, and what a reply tells of one that was not.

A server that was empty when watching began is known. Of another one each key is unknown until something shows that it
is absent, or writes it whole; so is a key about which something could not be judged. An exchange that touches an
unknown key is not judged by what the key holds.
What must not live here: worlds (``observed.py``).
"""

from __future__ import annotations

from attrs import field, mutable

from redlark.conformance.watch.wire import Exchange

Place = tuple[int, bytes]

# Requests about no key in particular whose replies hang on what all keys hold.
WHOLE = frozenset((
    b"dbsize", b"keys", b"scan", b"randomkey", b"swapdb", b"eval", b"evalsha", b"eval_ro", b"evalsha_ro", b"fcall",
    b"fcall_ro", b"info", b"memory", b"debug", b"sort", b"sort_ro", b"cluster", b"migrate", b"move",
))  # fmt: skip
_EMPTY_REPLY = (b"*0\r\n", b"%0\r\n", b"~0\r\n")
_NIL = (b"$-1\r\n", b"_\r\n")
# Replies which only an absent key has, to requests of so many words at most (0: of any length).
_ABSENT: dict[bytes, tuple[int, tuple[bytes, ...]]] = {
    b"exists": (2, (b":0\r\n",)), b"get": (2, _NIL), b"getdel": (2, _NIL), b"type": (2, (b"+none\r\n",)),
    b"ttl": (2, (b":-2\r\n",)), b"pttl": (2, (b":-2\r\n",)), b"llen": (2, (b":0\r\n",)), b"scard": (2, (b":0\r\n",)),
    b"hlen": (2, (b":0\r\n",)), b"zcard": (2, (b":0\r\n",)), b"hgetall": (2, _EMPTY_REPLY),
    b"smembers": (2, _EMPTY_REPLY), b"setnx": (3, (b":1\r\n",)), b"del": (2, (b":0\r\n",)),
    b"unlink": (2, (b":0\r\n",)), b"lpop": (2, _NIL), b"rpop": (2, _NIL), b"spop": (2, _NIL), b"dump": (2, _NIL),
}  # fmt: skip
_CONDITIONS = frozenset((b"xx", b"get", b"keepttl", b"ifeq", b"ifne", b"ifdeq", b"ifdne"))


def shown_absent(one: Exchange) -> bool:
    """Whether a reply shows that a request's only key was absent before, or the request does not care what it held.

    What expired counts as absent.
    """
    name, words, reply = one.name, one.words, one.reply
    if reply is None or one.queued:
        return False
    if name == b"set":
        return reply.raw == b"+OK\r\n" and _CONDITIONS.isdisjoint(word.lower() for word in words[3:])
    if name in (b"setex", b"psetex", b"mset"):
        return reply.raw == b"+OK\r\n"
    if name in (b"rpush", b"lpush"):
        return reply.raw == b":%d\r\n" % (len(words) - 2)
    most, replies = _ABSENT.get(name, (0, ()))
    return len(words) <= most and reply.raw in replies


def leaves_absent(one: Exchange) -> bool:
    """Whether the keys of a request are absent after it, whatever they held."""
    return one.name in (b"del", b"unlink") and one.reply is not None and one.reply.kind == b":" and not one.queued


@mutable
class Known:
    """Which keys are known: all but `but`, or none but those; of all databases where `everything` holds."""

    everything: bool
    but: set[Place] = field(factory=set)

    @property
    def whole(self) -> bool:
        """Whether every key is known."""
        return self.everything and not self.but

    def knows(self, place: Place) -> bool:
        """Whether a key is known."""
        return (place in self.but) != self.everything

    def learn(self, place: Place) -> None:
        """A key is known from now on."""
        (self.but.discard if self.everything else self.but.add)(place)

    def forget(self, place: Place) -> None:
        """A key is not known any more."""
        (self.but.add if self.everything else self.but.discard)(place)

    def forget_all(self) -> None:
        """No key is known any more."""
        self.everything = False
        self.but.clear()

    def learn_all(self) -> None:
        """Every key is known: there is none."""
        self.everything = True
        self.but.clear()
