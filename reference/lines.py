"""Syntax lines as data: which parts a profile has, what they name, how few and how many arguments they take.

What must live here: questions about a syntax line that reading arguments (``arguments.py``) and compiling a block
(``blocks.py``) both ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve

from redlark.reference.scope import Scope
from redlark.spec import syntax as s


def held(parts: Sequence[s.Part], scope: Scope) -> tuple[s.Part, ...]:
    """The parts of a syntax line that this profile has."""
    profile = scope.text.profile
    result: list[s.Part] = []
    for part in parts:
        if isinstance(part, s.Group):
            alternatives = tuple(
                evolve(a, parts=held(a.parts, scope)) for a in part.alternatives if profile.holds(a.guard)
            )
            alternatives = tuple(a for a in alternatives if a.parts)
            if profile.holds(part.guard) and alternatives:
                result.append(evolve(part, alternatives=alternatives))
        elif isinstance(part, s.Pairs):
            result.append(evolve(part, parts=held(part.parts, scope)))
        elif isinstance(part, s.Choice):
            result.append(evolve(part, words=tuple(w for w in part.words if profile.holds(w[1]))))
        else:
            result.append(part)
    return tuple(result)


def named(parts: Sequence[s.Part]) -> frozenset[str]:
    """Every argument name and word of a syntax line, all versions."""
    found: set[str] = set()
    for part in parts:
        if isinstance(part, s.Argument):
            found.add(part.name)
        elif isinstance(part, s.Token):
            found.add(part.word)
        elif isinstance(part, s.Choice):
            found.add(part.name)
        elif isinstance(part, s.Pairs):
            found |= named(part.parts)
        else:
            found |= {name for alternative in part.alternatives for name in named(alternative.parts)}
            if part.many and part.label is not None:
                found.add(part.label)
    return frozenset(found)


def ends_counted(parts: Sequence[s.Part]) -> bool:
    """Whether the last part is a list that a number counts: what stands behind it is too much, whatever it is."""
    last = parts[-1] if parts else None
    if isinstance(last, s.Pairs) and last.repeat is None:
        return ends_counted(last.parts)
    return isinstance(last, (s.Argument, s.Pairs)) and isinstance(last.repeat, tuple)


def read_by(parts: Sequence[s.Part]) -> Iterable[str]:
    """The name of every argument and choice of words, in its order, those of groups and pairs among them."""
    for part in parts:
        if isinstance(part, (s.Argument, s.Choice)):
            yield part.name
        elif isinstance(part, s.Pairs):
            yield from read_by(part.parts)
        elif isinstance(part, s.Group):
            for alternative in part.alternatives:
                yield from read_by(alternative.parts)


def declare(parts: Sequence[s.Part], scope: Scope) -> None:
    """Gives every argument and word of a syntax line its slot."""
    for part in parts:
        if isinstance(part, (s.Argument, s.Choice)):
            scope.slot(part.name)
            if isinstance(part, s.Argument) and isinstance(part.repeat, tuple):
                scope.slot(part.repeat[1])
        elif isinstance(part, s.Token):
            scope.word(part.word)
        elif isinstance(part, s.Pairs):
            declare(part.parts, scope)
        else:
            if part.many and part.label is not None:
                scope.slot(part.label)
            for alternative in part.alternatives:
                declare(alternative.parts, scope)


def is_positional(part: s.Part) -> bool:
    """Whether a part is read by its place alone."""
    if isinstance(part, s.Group):
        return all(is_positional(p) for a in part.alternatives for p in a.parts)
    if isinstance(part, s.Pairs):
        return all(is_positional(p) for p in part.parts)
    return isinstance(part, (s.Argument, s.Choice))


def most(parts: Sequence[s.Part]) -> int | None:
    """The most arguments that a syntax line takes; None if there is no end."""
    total = 0
    for part in parts:
        if isinstance(part, s.Group):
            if part.many:
                return None
            sizes = [most(a.parts) for a in part.alternatives]
        elif isinstance(part, s.Pairs):
            sizes = [None if part.repeat else most(part.parts)]
        else:
            sizes = [None if isinstance(part, s.Argument) and part.repeat else 1]
        known = [size for size in sizes if size is not None]
        if len(known) < len(sizes):
            return None
        total += max(known)
    return total


def least(parts: Sequence[s.Part]) -> int:
    """The fewest arguments that a syntax line takes: what the arity counts."""
    total = 0
    for part in parts:
        if isinstance(part, s.Group):
            continue
        if isinstance(part, s.Pairs):
            total += 0 if isinstance(part.repeat, tuple) else least(part.parts)
        elif isinstance(part, s.Argument) and isinstance(part.repeat, tuple):
            total += 1
        else:
            total += 1
    return total


def arguments_of(parts: Sequence[s.Part]) -> Iterable[s.Argument]:
    """Every argument of a syntax line, in its order."""
    for part in parts:
        if isinstance(part, s.Argument):
            yield part
        elif isinstance(part, s.Pairs):
            yield from arguments_of(part.parts)
        elif isinstance(part, s.Group):
            for alternative in part.alternatives:
                yield from arguments_of(alternative.parts)
