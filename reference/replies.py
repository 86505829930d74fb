"""Replies on the wire: what the model's values look like as RESP frames, and whether an observed frame is one.

What must live here: one table that lowers kinds to RESP2 and RESP3, and the comparison with what was observed.
Comparison is by the raw bytes where the model leaves no freedom, else structural: order, uncertain numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from immutables import Map

from redlark.reference.resp import Frame, show
from redlark.reference.values import (
    NIL_ARRAY,
    NO_REPLY,
    PARKED,
    Dead,
    ErrorReply,
    Kinded,
    Raw,
    Several,
    Spoken,
    Status,
    Uncertain,
)


class Free(Exception):
    """The reply has some freedom: it is no single frame."""


class Predicate:
    """A reply element that a test accepts and no enumeration gives: ``describe`` says it in words.

    ``example`` is one such element, for a model that answers by itself; ``shape`` the declared type that it has, if
    that is what is tested.
    """

    __slots__ = ("describe", "example", "holds", "shape")

    def __init__(self, describe: str, holds: Callable[[Any], bool], example: Any = None, shape: Any = None) -> None:
        self.describe, self.holds, self.example, self.shape = describe, holds, example, shape


def member_of(domain: Any) -> Predicate:
    """Any member of a domain that recognises its members and does not list them."""
    return Predicate(domain.describe, lambda frame: plain(frame) in domain, domain.example)


def plain(frame: Frame) -> Any:
    """A frame's value without its kinds: bytes, numbers and tuples; a verbatim string without its format."""
    if isinstance(frame.value, tuple):
        return tuple(plain(child) for child in frame.value)
    return frame.value[4:] if frame.kind == b"=" else frame.value


def encode(reply: Any, resp: int) -> bytes:
    """The one frame that this reply is; raises :class:`Free` where it may be several."""
    kind = type(reply)
    if kind is bytes:
        return b"$%d\r\n%b\r\n" % (len(reply), reply)
    if kind is int:
        return b":%d\r\n" % reply
    if kind is Status:
        return b"+%b\r\n" % reply.text
    if reply is None:
        return b"_\r\n" if resp == 3 else b"$-1\r\n"
    if kind is ErrorReply:
        return b"-%b\r\n" % reply.text
    if kind is tuple or kind is list:
        return b"*%d\r\n%b" % (len(reply), b"".join([encode(item, resp) for item in reply]))
    if kind is bool:
        return (b"#t\r\n" if reply else b"#f\r\n") if resp == 3 else b":%d\r\n" % reply
    if reply is NIL_ARRAY:
        return b"_\r\n" if resp == 3 else b"*-1\r\n"
    if kind is Kinded:
        return _encode_kinded(reply, resp)
    if isinstance(reply, Uncertain):
        if reply.lo == reply.hi:
            return b":%d\r\n" % reply.lo
        raise Free
    if kind is frozenset or kind is Map or kind is Predicate:
        raise Free
    if kind is Raw:
        return bytes(reply.frame)
    if kind is Spoken:
        return encode(reply.reply, reply.resp)
    if reply is NO_REPLY or reply is PARKED:
        return b""
    if kind is Several:
        return b"".join([encode(item, resp) for item in reply.frames])
    raise TypeError(f"not a reply: {reply!r}")


def _encode_kinded(reply: Kinded, resp: int) -> bytes:
    kind, value = reply
    if kind in ("map", "map-in-order"):
        if type(value) is Map and len(value) > 1:  # a list of pairs has an order
            raise Free
        items = _flat(value)
        mark = b"%%%d\r\n" % (len(items) // 2) if resp == 3 else b"*%d\r\n" % len(items)
        return mark + b"".join([encode(item, resp) for item in items])
    if kind == "pair-map":
        return _encode_kinded(Kinded("map", value), 3) if resp == 3 else encode(tuple(map(tuple, value)), 2)
    if kind == "pairs":
        if resp == 3:
            return encode(tuple(tuple(pair) for pair in value), 3)
        return encode(tuple(item for pair in value for item in pair), 2)
    if kind == "push":
        return (b">" if resp == 3 else b"*") + encode(tuple(value), resp)[1:]
    if kind == "attributes":  # of RESP3 alone: what stands before the reply that they are of
        return b"|" + _encode_kinded(Kinded("map-in-order", value), 3)[1:]
    if kind == "big-number":
        return b"(%b\r\n" % value if resp == 3 else encode(value, 2)
    if kind == "verbatim" and not isinstance(value, Predicate):
        return b"=%d\r\ntxt:%b\r\n" % (len(value) + 4, value) if resp == 3 else encode(value, 2)
    if kind == "status":
        return b"+%b\r\n" % value
    if kind == "double" and resp == 2:
        return encode(value, 2)
    if kind == "double":
        return b",%b\r\n" % value
    if kind == "set-in-order":
        return b"~" + encode(tuple(value), resp)[1:]
    if kind in ("set", "unordered", "status-set") and len(value) <= 1:
        members = tuple(Status(item) for item in value) if kind == "status-set" else tuple(value)
        encoded = encode(members, resp)
        return b"~" + encoded[1:] if resp == 3 and kind != "unordered" else encoded
    raise Free


def _flat(value: Any) -> list[Any]:
    pairs = value.items() if isinstance(value, Map) else value
    return [item for pair in pairs for item in pair]


def matches(reply: Any, frame: Frame, resp: int) -> bool:
    """Whether an observed frame is this reply; narrows uncertain times to fit."""
    try:
        return encode(reply, resp) == frame.raw
    except Free:
        pass
    if isinstance(reply, Uncertain):
        if frame.kind != b":":
            return False
        try:
            reply.narrow(frame.value, frame.value)
        except Dead:
            return False
        return True
    if isinstance(reply, Predicate):
        return bool(reply.holds(frame))
    if isinstance(reply, Spoken):
        return matches(reply.reply, frame, reply.resp)
    if type(reply) in (tuple, list):
        return _sequence(tuple(reply), frame, b"*", resp)
    if isinstance(reply, (frozenset, Map)):
        reply = Kinded("unordered" if isinstance(reply, frozenset) else "map", reply)
    return _kinded(reply, frame, resp)


def _sequence(items: tuple[Any, ...], frame: Frame, kind: bytes, resp: int) -> bool:
    return (
        frame.kind == kind
        and frame.value is not None
        and len(frame.value) == len(items)
        and all(matches(item, child, resp) for item, child in zip(items, frame.value, strict=True))
    )


def _kinded(reply: Kinded, frame: Frame, resp: int) -> bool:
    kind, value = reply
    if kind in ("set", "unordered", "status-set"):
        mark = b"~" if resp == 3 and kind != "unordered" else b"*"
        items = [Status(item) for item in value] if kind == "status-set" else list(value)
        return frame.kind == mark and frame.value is not None and _multiset(items, list(frame.value), resp)
    if kind == "map":
        if frame.kind != (b"%" if resp == 3 else b"*") or frame.value is None or len(frame.value) % 2:
            return False
        pairs = list(value.items() if isinstance(value, Map) else value)
        found = [Frame(b"*", pair, b"") for pair in zip(frame.value[::2], frame.value[1::2], strict=True)]
        return _multiset([tuple(pair) for pair in pairs], found, resp)
    if kind == "map-in-order":
        return _sequence(tuple(_flat(value)), frame, b"%" if resp == 3 else b"*", resp)
    if kind == "pairs":
        elements = tuple(tuple(p) for p in value) if resp == 3 else tuple(item for p in value for item in p)
        return _sequence(elements, frame, b"*", resp)
    if kind == "push":
        return _sequence(tuple(value), frame, b">" if resp == 3 else b"*", resp)
    if kind == "verbatim":
        return frame.kind == (b"=" if resp == 3 else b"$") and bool(value.holds(frame))
    raise TypeError(f"not a reply: {reply!r}")


def _multiset(items: list[Any], frames: list[Frame], resp: int) -> bool:
    """Whether the frames are these items in some order, each taken once."""
    if len(items) != len(frames):
        return False
    fixed: dict[bytes, int] = {}
    free: list[Any] = []
    for item in items:
        try:
            raw = encode(item, resp)
        except Free:
            free.append(item)
        else:
            fixed[raw] = fixed.get(raw, 0) + 1
    left: list[Frame] = []
    for frame in frames:
        raw = frame.raw or b"*2\r\n" + b"".join(child.raw for child in frame.value)
        if fixed.get(raw):
            fixed[raw] -= 1
        else:
            left.append(frame)
    if any(fixed.values()):
        return False
    for item in free:
        found = next((i for i, frame in enumerate(left) if matches(item, frame, resp)), None)
        if found is None:
            return False
        del left[found]
    return True


def describe(reply: Any, resp: int) -> str:
    """A reply in words, as redis-cli would print it; freedom is said."""
    from redlark.reference.resp import frame

    if reply is NO_REPLY:
        return "(no reply)"
    if reply is PARKED:
        return "(no reply yet)"
    if type(reply) is Several:
        return "\n".join(describe(item, resp) for item in reply.frames)
    try:
        return show(frame(encode(reply, resp)))
    except Free:
        pass
    if isinstance(reply, Uncertain):
        return f"(integer) {reply.lo} to {reply.hi}"
    if isinstance(reply, Predicate):
        return reply.describe
    if isinstance(reply, Spoken):
        return describe(reply.reply, reply.resp)
    if isinstance(reply, Kinded) and reply.kind == "verbatim":
        return str(reply.value.describe)
    if isinstance(reply, Kinded) and reply.kind in ("set", "unordered", "status-set"):
        return "in any order: " + ", ".join(describe(item, resp) for item in reply.value)
    if isinstance(reply, Kinded):
        items = _flat(reply.value) if reply.kind in ("map", "map-in-order", "pairs") else list(reply.value)
        return f"a {reply.kind} of " + ", ".join(describe(item, resp) for item in items)
    if type(reply) in (tuple, list):
        return "[" + ", ".join(describe(item, resp) for item in reply) + "]"
    return repr(reply)


def some(reply: Any, resp: int) -> Any:
    """A reply with its freedom used up: one of those that it allows, for a model that answers by itself."""
    if isinstance(reply, Uncertain):
        return reply.lo
    if isinstance(reply, Predicate):
        return some(reply.example, resp)
    if isinstance(reply, Spoken):
        return Spoken(some(reply.reply, reply.resp), reply.resp)
    if type(reply) is Several:
        return Several(tuple(some(item, resp) for item in reply.frames))
    if isinstance(reply, frozenset):
        return tuple(sorted(reply))
    if isinstance(reply, Map):
        return some(Kinded("map", reply), resp)
    if isinstance(reply, (tuple, list)) and type(reply) in (tuple, list):
        return tuple(some(item, resp) for item in reply)
    if isinstance(reply, Kinded):
        if reply.kind in ("set", "unordered", "status-set"):
            items = tuple(Status(x) for x in reply.value) if reply.kind == "status-set" else tuple(reply.value)
            items = tuple(some(item, resp) for item in items)
            return Kinded("set-in-order", items) if resp == 3 and reply.kind != "unordered" else items
        if reply.kind == "verbatim":
            return Kinded("verbatim", some(reply.value, resp))
        if reply.kind in ("map", "map-in-order", "pairs"):
            pairs = reply.value.items() if isinstance(reply.value, Map) else reply.value
            return Kinded(reply.kind, tuple((some(k, resp), some(v, resp)) for k, v in pairs))
    return reply
