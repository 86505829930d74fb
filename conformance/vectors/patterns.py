"""Patterns: what a frame may be, as JSON, made of the model's replies.

Theory of operation. A text is one exact frame, a character for each byte; an object allows several frames
(docs/reference/vectors.md lists its forms). What only a test in Python can tell has no pattern, but for a few kinds of
reply of which something simple holds. What must not live here: which replies are allowed (the model's to say), and
whether a frame is allowed by a pattern (``matching``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from immutables import Map

from redlark.reference.model import encode_some
from redlark.reference.replies import Free, Predicate, encode
from redlark.reference.shapes import MARKS
from redlark.reference.values import NIL_ARRAY, OK, Kinded, Spoken, Status, Uncertain
from redlark.spec import syntax as s

Pattern = Any  # str, or a dict of JSON
BEGIN = 1_700_000_000_000  # Unix time in milliseconds at which the model begins a case
MOST = 8  # patterns of which one may hold

ANY: Pattern = {"any": True}  # but an error

# What holds of replies that the text only recognises: by how it describes them.
_KNOWN: tuple[tuple[str, Callable[[re.Match[str], int], Pattern]], ...] = (
    (r"\(integer\) (-?\d+) or more", lambda found, _: {"kind": ":", "from": int(found[1])}),
    (r"\(integer\) (-?\d+) to (-?\d+)", lambda found, _: {"kind": ":", "from": int(found[1]), "to": int(found[2])}),
    (r"the id of the connection", lambda *_: {"kind": ":", "from": 1}),
    (r"an array of simple strings", lambda *_: {"kind": "*", "each": {"kind": "+"}}),
    (r"a sentence|a payload .*", lambda *_: {"kind": "$", "matches": "^"}),
    (r"a version number such as .*", lambda *_: {"kind": "$", "matches": r"^[0-9]+(\.[0-9]+)+$"}),
    (r"40 hexadecimal digits", lambda *_: {"kind": "+", "matches": "^[0-9a-f]{40}$"}),
    (r"where the value is, encoding:(.*)", lambda found, _: {"kind": "+", "matches": f" encoding:{found[1]} "}),
    (
        r"lines of (INFO|CLIENT LIST).*",
        lambda found, resp: {"kind": "=" if resp == 3 else "$", "matches": "^"},
    ),
    (r"an error that the other server gave", lambda *_: {"kind": "-"}),
    (r"nil, or what another command of that name is", lambda *_: ANY),
    (r"OK, or an error that begins with TESTFAILED", lambda *_: {"either": ["+OK\r\n", {"kind": "-"}]}),
)


# And those of which nothing holds but the kind that their example has.
_KINDS = (
    r"a list of modules|names, these and no others .*|at least \d+ entries .*|how long calls took, .*|delays.*"
    r"|the graph.*"
)


class Undescribed(Exception):
    """There is no pattern for what the text allows; the message is the reason."""


def of(reply: Any, resp: int) -> Pattern:
    """The pattern of a reply of the model. Raises `Undescribed`."""
    try:
        return text(encode(reply, resp))
    except Free:
        pass
    if isinstance(reply, Uncertain):
        return {"kind": ":", "from": reply.lo, "to": reply.hi}
    if isinstance(reply, Predicate):
        return _recognised(reply, resp)
    if isinstance(reply, Spoken):
        return of(reply.reply, reply.resp)
    if isinstance(reply, frozenset):
        return _unordered("*", sorted(reply), resp)
    if isinstance(reply, Map):
        return _pairs(reply, resp)
    if isinstance(reply, Kinded):
        return _kinded(reply, resp)
    if isinstance(reply, (tuple, list)):
        return {"kind": "*", "items": [of(item, resp) for item in reply]}
    raise Undescribed(f"a reply of a kind that has no pattern: {reply!r}")


def text(raw: bytes) -> str:
    """Bytes as a text of the files: a character for each."""
    return raw.decode("latin-1")


def _kinded(reply: Kinded, resp: int) -> Pattern:
    kind, value = reply
    if kind in ("set", "unordered", "status-set"):
        items = [Status(item) for item in value] if kind == "status-set" else list(value)
        return _unordered("~" if resp == 3 and kind != "unordered" else "*", items, resp)
    if kind == "map":
        return _pairs(value, resp)
    if kind == "map-in-order":
        pairs = list(value.items() if isinstance(value, Map) else value)
        return {"kind": "%" if resp == 3 else "*", "items": [of(item, resp) for pair in pairs for item in pair]}
    if kind == "pairs":
        if resp == 3:
            return {"kind": "*", "items": [of(tuple(pair), 3) for pair in value]}
        return {"kind": "*", "items": [of(item, 2) for pair in value for item in pair]}
    if kind == "push":
        return {"kind": ">" if resp == 3 else "*", "items": [of(item, resp) for item in value]}
    if kind == "verbatim" and isinstance(value, Predicate):
        return {**_recognised(value, resp), "kind": "=" if resp == 3 else "$"}
    raise Undescribed(f"a reply of a kind that has no pattern: {kind}")


def _unordered(mark: str, items: Iterable[Any], resp: int) -> Pattern:
    return {"kind": mark, "unordered": sorted((of(item, resp) for item in items), key=canonical)}


def _pairs(value: Any, resp: int) -> Pattern:
    pairs = value.items() if isinstance(value, Map) else value
    found = sorted(([of(item, resp) for item in pair] for pair in pairs), key=canonical)
    return {"kind": "%" if resp == 3 else "*", "pairs": found}


def _recognised(reply: Predicate, resp: int) -> Pattern:
    for words, pattern in _KNOWN:
        found = re.fullmatch(words, reply.describe)
        if found:
            return pattern(found, resp)
    if reply.shape is not None:
        return typed(reply.shape, resp)
    if re.fullmatch(_KINDS, reply.describe, re.DOTALL):
        return {"kind": text(encode_some(reply, resp)[:1])}
    raise Undescribed(f"the text recognises the reply and does not list it: {reply.describe}")


def typed(type_: s.ReplyType, resp: int) -> Pattern:
    """The pattern of every reply of a declared type."""
    name = type_.name
    if name == "any":
        return ANY
    if name == "either":
        return either([typed(inner, resp) for inner in type_.of if inner.name != "no-reply"])
    if name in ("OK", "nil", "nil-array"):
        return text(encode({"OK": OK, "nil": None, "nil-array": NIL_ARRAY}[name], resp))
    kind = text(MARKS[name][resp == 3])
    if name == "array" and not type_.fields:
        return {"kind": kind, "items": [typed(inner, resp) for inner in type_.of]}
    if name in ("array-of", "set") and type_.of:
        return {"kind": kind, "each": typed(type_.of[0], resp)}
    if name == "bool" and resp == 2:
        return {"kind": kind, "from": 0, "to": 1}
    return {"kind": kind}


def canonical(pattern: Pattern) -> str:
    """The same text for the same pattern."""
    return json.dumps(pattern, sort_keys=True)


def either(patterns: Sequence[Pattern]) -> Pattern:
    """What one of these patterns allows. Raises `Undescribed` where they are too many."""
    found = {canonical(one): one for one in patterns}
    if len(found) > MOST:
        raise Undescribed(f"more than {MOST} replies are allowed")
    ones = [found[key] for key in sorted(found)]
    return ones[0] if len(ones) == 1 else {"either": ones}


def looseness(pattern: Pattern) -> int:
    """How far a pattern is from one exact frame: 0 is exact."""
    if isinstance(pattern, str):
        return 0
    if isinstance(pattern, list):
        return sum(map(looseness, pattern))
    if "either" in pattern:
        return 4 * len(pattern["either"]) + looseness(pattern["either"])
    if "any" in pattern:
        return 4
    if "each" in pattern:
        return 2 + looseness(pattern["each"])
    own = 1 if "unordered" in pattern or "pairs" in pattern else 0 if "items" in pattern else 2
    return own + sum(looseness(pattern[name]) for name in ("items", "unordered", "pairs") if name in pattern)


def fitted(first: Pattern, second: Pattern, shift: int, ids: Mapping[int, tuple[int, int]]) -> Pattern:
    """The pattern that two runs of a case have in common: one begins so many milliseconds later, with other ids.

    `ids` has the ids of each client's connection in both. Raises `Undescribed` where nothing simple holds in both.
    """
    if first == second:
        return first
    if isinstance(first, str) and isinstance(second, str) and first[:1] == second[:1] == ":":
        numbers = int(first[1:]), int(second[1:])
        for client, pair in ids.items():
            if numbers == pair:
                return {"id": client}
        first, second = ({"kind": ":", "from": number, "to": number} for number in numbers)
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        clocked = _clocked(first, second, shift)
        if clocked is not None:
            return clocked
        return {name: fitted(first[name], second[name], shift, ids) for name in first}
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return [fitted(one, other, shift, ids) for one, other in zip(first, second, strict=True)]
    raise Undescribed("the reply tells the time of day, or an id, in a text")


def _clocked(first: dict[str, Any], second: dict[str, Any], shift: int) -> Pattern | None:
    """A number that is a time: as bounds after the time at which the case began."""
    if first.get("kind") != ":" or not {"from", "to"} <= first.keys():
        return None
    for unit, scale in (("ms", 1), ("s", 1000)):
        if all(second[end] - first[end] == shift // scale for end in ("from", "to")):
            begin = BEGIN // scale
            late = 1 if unit == "s" else 0  # a case begins somewhere in a second
            return {"kind": ":", "clock": unit, "from": first["from"] - begin, "to": first["to"] - begin + late}
    return None
