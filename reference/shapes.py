"""Declared replies: ``=> declared`` is any reply of the types that a command's ``returns`` declares.

What must live here: whether an observed frame has a declared type in RESP2 or RESP3, an example of one, and the type in
words. Theory of operation: a type is compiled once to a test of a frame and a protocol. What the text knows exactly is
no business of this module: that is an ordinary reply (``replies.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from redlark.reference.replies import Predicate
from redlark.reference.resp import Frame
from redlark.reference.values import NIL_ARRAY, NO_REPLY, OK, ErrorReply, Kinded, Status
from redlark.spec import syntax as s
from redlark.spec.profiles import Profile

Test = Callable[[Frame, int], bool]

# The mark of each plain type in RESP2 and in RESP3.
MARKS: dict[str, tuple[bytes, bytes]] = {
    "bulk": (b"$", b"$"), "int": (b":", b":"), "status": (b"+", b"+"), "double": (b"$", b","), "bool": (b":", b"#"),
    "verbatim": (b"$", b"="), "error": (b"-", b"-"), "array": (b"*", b"*"), "array-of": (b"*", b"*"),
    "set": (b"*", b"~"), "map": (b"*", b"%"), "pairs": (b"*", b"*"),
}  # fmt: skip
COLLECTIONS = frozenset({"array", "array-of", "set", "map", "pairs"})
EXAMPLES: dict[str, Any] = {
    "bulk": b"", "int": 0, "status": Status(b""), "double": Kinded("double", b"0"), "bool": False, "any": b"",
    "verbatim": Kinded("verbatim", b""), "error": ErrorReply(b"ERR"), "OK": OK, "nil": None, "nil-array": NIL_ARRAY,
    "no-reply": NO_REPLY,
}  # fmt: skip


def declared(types: Iterable[s.ReplyType], profile: Profile) -> tuple[Predicate, Predicate]:
    """What a reply of one of these types is, in RESP2 and in RESP3."""
    either = s.ReplyType("either", tuple(types))
    test, words = _test(either, profile), shown(either)

    def in_protocol(resp: int) -> Predicate:
        return Predicate(words, lambda frame: test(frame, resp), _example(either, profile), either)

    return in_protocol(2), in_protocol(3)


def shown(type_: s.ReplyType) -> str:
    """A type as the notation writes it."""
    if type_.fields:
        parts = [f'"{f.name}"{"?" if f.perhaps else ""}: {shown(f.type)}' for f in type_.fields]
        return "{" + ", ".join([*parts, *(["..."] if type_.more else [])]) + "}"
    if type_.name == "either":
        return " | ".join(map(shown, type_.of))
    if type_.name in ("array", "array-of"):
        return "[" + ", ".join(map(shown, type_.of)) + ("..." if type_.name == "array-of" else "") + "]"
    return f"{type_.name} of {shown(type_.of[0])}" if type_.of else type_.name


def _test(type_: s.ReplyType, profile: Profile) -> Test:
    name = type_.name
    if name == "any":
        return lambda frame, resp: frame.kind != b"-"
    if name == "no-reply":
        return lambda frame, resp: False
    if name == "either":
        tests = [_test(inner, profile) for inner in type_.of]
        return lambda frame, resp: any(test(frame, resp) for test in tests)
    if name == "OK":
        return lambda frame, resp: frame.raw == b"+OK\r\n"
    if name == "nil":
        return lambda frame, resp: frame.raw == (b"_\r\n" if resp == 3 else b"$-1\r\n")
    if name == "nil-array":
        return lambda frame, resp: frame.raw == (b"_\r\n" if resp == 3 else b"*-1\r\n")
    marks = MARKS[name]
    content = _content(type_, profile)
    return lambda frame, resp: frame.kind == marks[resp == 3] and frame.value is not None and content(frame.value, resp)


def _content(type_: s.ReplyType, profile: Profile) -> Callable[[Any, int], bool]:
    """What must hold of a frame's value beside its mark."""
    name, inner = type_.name, [_test(one, profile) for one in type_.of]
    if type_.fields:
        return _fields(type_, profile)
    if name == "array":
        return lambda items, resp: (
            (not inner and not type_.of and not items)
            or (len(items) == len(inner) and all(test(item, resp) for test, item in zip(inner, items, strict=True)))
        )
    if name in ("array-of", "set"):
        return lambda items, resp: not inner or all(inner[0](item, resp) for item in items)
    if name == "map":
        return lambda items, resp: (
            len(items) % 2 == 0 and (not inner or all(inner[0](item, resp) for item in items[1::2]))
        )
    if name == "pairs":
        return lambda items, resp: (
            all(len(item.value or ()) == 2 for item in items) if resp == 3 else len(items) % 2 == 0
        )
    if name == "double":
        return lambda value, resp: resp == 3 or _is_float(value)
    if name == "bool":
        return lambda value, resp: resp == 3 or value in (0, 1)
    return lambda value, resp: True


def _fields(type_: s.ReplyType, profile: Profile) -> Callable[[Any, int], bool]:
    held = [field for field in type_.fields if profile.holds(field.guard)]
    tests = {field.name.encode(): _test(field.type, profile) for field in held}
    needed = {field.name.encode() for field in held if not field.perhaps}

    def holds(items: tuple[Frame, ...], resp: int) -> bool:
        names = [item.value for item in items[::2]]
        if len(items) % 2 or not needed <= set(names) or len(set(names)) < len(names):
            return False
        told = zip(names, items[1::2], strict=True)
        return all(tests[name](item, resp) if name in tests else type_.more for name, item in told)

    return holds


def _is_float(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _example(type_: s.ReplyType, profile: Profile) -> Any:
    """The smallest reply of a type: what a model that answers by itself gives."""
    if type_.name == "either":
        return _example(type_.of[0], profile)
    if type_.fields:
        held = [field for field in type_.fields if profile.holds(field.guard) and not field.perhaps]
        return Kinded("map", tuple((field.name.encode(), _example(field.type, profile)) for field in held))
    if type_.name == "array":
        return tuple(_example(inner, profile) for inner in type_.of)
    if type_.name in COLLECTIONS:
        return () if type_.name == "array-of" else Kinded(type_.name, ())
    return EXAMPLES[type_.name]
