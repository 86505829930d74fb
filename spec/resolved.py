"""One profile's text: every guard decided, so that what is left holds by itself.

What must live here: taking guards and version choices out of trees. Options that a profile lacks stay in the syntax
line, behind a guard that never holds: steps may ask for their words, which are then always false.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import attrs

from redlark.spec import syntax as s
from redlark.spec.profiles import Profile
from redlark.spec.profiles import profile as profile_named

NEVER: Final = s.Guard("until", (s.Version(None, (0,)),))


class _Gone:
    """What a profile has not."""


_GONE: Final = _Gone()


@cache
def resolved_text(profile: str) -> s.Specification:
    """Redlark's own text as one profile has it."""
    from redlark.spec.loader import specification

    return resolve(specification(), profile_named(profile))


def resolve(text: s.Specification, profile: Profile) -> s.Specification:
    """A text as one profile has it: commands, definitions and steps of other profiles are gone."""
    found = _resolved(text, profile)
    assert isinstance(found, s.Specification)
    return found


def _resolved(value: Any, profile: Profile) -> Any:
    if isinstance(value, tuple):
        return _tuple(value, profile)
    if isinstance(value, s.VersionConditional):
        return _resolved(value.yes if profile.holds(value.guard) else value.no, profile)
    if not attrs.has(type(value)) or isinstance(value, (s.Guard, s.Version, s.Place)):
        return value
    guard = getattr(value, "guard", None)
    holds = profile.holds(guard)
    if not holds and not isinstance(value, (s.Group, s.Alternative)):
        return _GONE
    changed = {}
    for field in attrs.fields(type(value)):
        if field.name in ("place", "guard"):
            continue
        before = getattr(value, field.name)
        after = _resolved(before, profile)
        if after is not before:
            changed[field.name] = after
    if guard is not None:
        changed["guard"] = None if holds else NEVER
    if changed.get("steps") == () and (isinstance(value, s.On) or (isinstance(value, s.Each) and value.reply is None)):
        return _GONE
    return attrs.evolve(value, **changed) if changed else value


def _tuple(value: tuple[Any, ...], profile: Profile) -> Any:
    if value and isinstance(value[-1], s.Guard):  # a word, a field of the state or a swap, with its guard
        return (*_tuple(value[:-1], profile), None) if profile.holds(value[-1]) else _GONE
    after = [_resolved(item, profile) for item in value]
    if all(new is old for new, old in zip(after, value, strict=True)):
        return value
    return tuple(item for item in after if item is not _GONE)
