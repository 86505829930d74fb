"""Matching: whether a frame is one that a pattern of the files allows.

What must live here: what a consumer in another language writes, too, from docs/reference/vectors.md alone; nothing of
the text or the model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from redlark.reference.resp import Frame

Pattern = Any  # a text, or a dict of JSON


@frozen
class Known:
    """What a run knows that a pattern may ask for: when the case began, by the server's clock in ms, and ids."""

    began: int
    ids: Mapping[int, int]


def holds(pattern: Pattern, frame: Frame, known: Known) -> bool:
    """Whether a frame is one that a pattern allows."""
    if isinstance(pattern, str):
        return frame.raw == pattern.encode("latin-1")
    if "either" in pattern:
        return any(holds(one, frame, known) for one in pattern["either"])
    if "any" in pattern:
        return not frame.is_error
    if "id" in pattern:
        return frame.raw == b":%d\r\n" % known.ids[pattern["id"]]
    if frame.kind != pattern["kind"].encode() or frame.value is None:
        return False
    if "from" in pattern or "to" in pattern:
        unit = pattern.get("clock")
        base = 0 if unit is None else known.began if unit == "ms" else known.began // 1000
        low, high = pattern.get("from"), pattern.get("to")
        return (low is None or frame.value >= base + low) and (high is None or frame.value <= base + high)
    if "matches" in pattern:
        return re.search(pattern["matches"], frame.value.decode("latin-1")) is not None
    return not isinstance(frame.value, tuple) or _within(pattern, list(frame.value), known)


def _within(pattern: dict[str, Any], frames: list[Frame], known: Known) -> bool:
    if "each" in pattern:
        return all(holds(pattern["each"], one, known) for one in frames)
    if "items" in pattern:
        items = pattern["items"]
        return len(items) == len(frames) and all(holds(*pair, known) for pair in zip(items, frames, strict=True))
    if "unordered" in pattern:
        return _in_any_order([[one] for one in pattern["unordered"]], [[one] for one in frames], known)
    if "pairs" in pattern:
        found = [frames[place : place + 2] for place in range(0, len(frames), 2)]
        return len(frames) % 2 == 0 and _in_any_order(pattern["pairs"], found, known)
    return True


def _in_any_order(rows: list[list[Pattern]], found: list[list[Frame]], known: Known) -> bool:
    """Whether each row is met by one of what was found, each by another one: exact ones are looked for first."""
    left = list(found)
    for row in sorted(rows, key=lambda each: sum(not isinstance(one, str) for one in each)):
        met = next((one for one in left if all(holds(*pair, known) for pair in zip(row, one, strict=True))), None)
        if met is None:
            return False
        left = [one for one in left if one is not met]
    return not left
