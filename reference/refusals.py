"""The rules by which the argument parser itself refuses a request: which there are, by what a syntax line holds.

What must live here: names of rules only; how a request is refused is the parser's (`arguments.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from redlark.reference.arguments import OVERLOOKED, Hooks, Refusals
from redlark.reference.lines import is_positional, named
from redlark.spec import syntax as s


def _takes_all(group: s.Group) -> bool:
    """``[channel...]``: any number of arguments, whatever they are."""
    parts = group.alternatives[0].parts
    return len(group.alternatives) == 1 and len(parts) == 1 and getattr(parts[0], "repeat", None) == "many"


def _may_refuse(part: s.Part, refusals: Refusals) -> bool:
    """Whether a part can refuse a request for which the facts give no error of its own, past the arity."""
    if isinstance(part, s.Group):
        if is_positional(part) and (part.many or _takes_all(part)):
            return False
        kinds = ("unknown", "excess") if is_positional(part) else ("unknown",)
    elif isinstance(part, s.Choice):
        if part.late:  # any word is read: a rule decides
            return False
        kinds = (part.name, "unknown")
    elif isinstance(part, s.Token):
        kinds = ("unknown",)
    elif part.repeat is None or (part.repeat == "many" and isinstance(part, s.Argument)):
        return False
    else:
        kinds = ("unpaired",) if part.repeat == "many" else ("too-few",)
    return not any(kind in refusals for kind in kinds)


_REFUSED = frozenset(("unknown", "excess", "too-many", "unpaired", "too-few", "missing", "repeated"))


def _labels(parts: Iterable[s.Part]) -> Iterable[str]:
    for part in parts:
        if isinstance(part, s.Group):
            yield part.label or ""
            for alternative in part.alternatives:
                yield from _labels(alternative.parts)
        elif isinstance(part, s.Pairs):
            yield from _labels(part.parts)


def syntax_rules(parts: Sequence[s.Part], hooks: Hooks) -> list[str]:
    """The rules by which the parser itself may refuse a request."""
    rules = list(hooks.rules)
    if any(_may_refuse(part, hooks.refusals) for part in parts):
        rules.append(f"{hooks.command}/syntax")
    known = _REFUSED | set(_labels(parts))  # what is refused by the name of an argument is a rule of its own
    own = (kind for kind, error in hooks.refusals.items() if error is not OVERLOOKED and kind not in named(parts))
    kinds = [kind for kind in own if kind in known]
    rules.extend(f"{hooks.command}/{kind}" for kind in kinds)
    return list(dict.fromkeys(rules))
