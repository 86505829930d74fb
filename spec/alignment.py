"""Two lists of steps side by side: what they share, and what one has otherwise, each under the rule that it is of.

What must live here: laying two versions of a block against each other, and making a block that has one difference as
the first version has it and all others as the second. What differs in meaning is not known here.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from difflib import SequenceMatcher

from attrs import evolve, frozen

from redlark.spec import printing
from redlark.spec import syntax as s

Steps = tuple[s.Step, ...]


@frozen
class Same:
    """Steps that both versions have."""

    steps: Steps


@frozen
class Edit:
    """Steps of one rule (or step) as the first version has them and as the second does; either may be none."""

    owner: str
    first: Steps
    second: Steps


@frozen
class Inside:
    """A rule or a loop that both versions have with the same head, and what they differ in inside it."""

    second: s.Rule | s.Each | s.On
    segments: tuple[Segment, ...]


Segment = Same | Edit | Inside


def aligned(first: Sequence[s.Step], second: Sequence[s.Step], owner: str = "") -> tuple[Segment, ...]:
    """The segments of two versions of a list of steps, in the order of the second."""
    first, second = _apart(first), _apart(second)
    found: list[Segment] = []
    keys = [_key(node) for node in first], [_key(node) for node in second]
    for tag, low, high, start, end in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        if tag == "equal":
            for one, other in zip(first[low:high], second[start:end], strict=True):
                found.append(_pair(one, other, owner))
            continue
        found += [Edit(owner or owner_of(node), (node,), ()) for node in first[low:high]]
        found += [Edit(owner or owner_of(node), (), (node,)) for node in second[start:end]]
    return tuple(found)


def _apart(steps: Sequence[s.Step]) -> Steps:
    """What runs as an argument is read, one step at a time: `on` with several is as good as several of them."""
    return tuple(
        one
        for node in steps
        for one in ((evolve(node, steps=(inner,)) for inner in node.steps) if isinstance(node, s.On) else (node,))
    )


def _pair(first: s.Step, second: s.Step, owner: str) -> Segment:
    if first == second:
        return Same((second,))
    if (
        isinstance(first, (s.Rule, s.Each, s.On))
        and isinstance(second, (s.Rule, s.Each, s.On))
        and _alike(first, second)
    ):
        within = owner_of(second) if isinstance(second, s.Rule) else owner
        inner = tuple(
            evolve(one, owner=within) if isinstance(one, Edit) and not _is_rule(one) else one
            for one in aligned(first.steps, second.steps)
        )
        return Inside(second, inner)
    return Edit(owner or owner_of(second), (first,), (second,))


def _alike(first: s.Step, second: s.Step) -> bool:
    """Whether two steps differ only in what stands inside them, and there are rules of their own inside."""
    if not isinstance(first, (s.Rule, s.Each, s.On)) or not isinstance(second, (s.Rule, s.Each, s.On)):
        return False
    if evolve(first, steps=()) != evolve(second, steps=()):
        return False
    return not isinstance(second, s.Rule) or any(rules_of(first.steps)) or any(rules_of(second.steps))


def _is_rule(edit: Edit) -> bool:
    return any(isinstance(node, (s.Rule, s.Need, s.On, s.Each, s.Use)) for node in (*edit.first, *edit.second))


def mixed(segments: Sequence[Segment], some: Container[str]) -> Steps:
    """The second version, but for what belongs to some rules: that is as in the first."""
    found: list[s.Step] = []
    for segment in segments:
        match segment:
            case Same(steps=steps):
                found += steps
            case Edit(owner=whose, first=first, second=second):
                found += first if whose in some else second
            case Inside(second=node, segments=inner):
                steps = mixed(inner, some)
                if steps or not isinstance(node, s.On):
                    found.append(evolve(node, steps=steps))
    return tuple(found)


def owners(segments: Sequence[Segment]) -> Iterator[str]:
    """The rules and steps in which two versions differ, each once, in order."""
    seen: dict[str, None] = {}
    for segment in segments:
        if isinstance(segment, Edit):
            seen[segment.owner] = None
        elif isinstance(segment, Inside):
            seen.update(dict.fromkeys(owners(segment.segments)))
    yield from seen


def edits_of(segments: Sequence[Segment], owner: str) -> tuple[Steps, Steps]:
    """What belongs to one rule in the first version, and in the second."""
    first: list[s.Step] = []
    second: list[s.Step] = []
    for segment in segments:
        if isinstance(segment, Edit) and segment.owner == owner:
            first += segment.first
            second += segment.second
        elif isinstance(segment, Inside):
            one, other = edits_of(segment.segments, owner)
            first += one
            second += other
    return tuple(first), tuple(second)


def owner_of(node: s.Step) -> str:
    """The rule that a step is, or what it does where it is none: ``let x``, ``use expiry``."""
    match node:
        case s.Rule(name=name):
            return name
        case s.Need(name=name, value=value, rule=rule):
            return rule or ("wrong-type" if isinstance(value, s.At) else f"bad-{name}")
        case s.On(argument=argument, steps=steps):
            return owner_of(steps[0]) if len(steps) == 1 else f"on {argument}"
        case s.Let(names=names):
            return f"let {', '.join(names)}"
        case s.Choose(name=name):
            return f"choose {name}"
        case s.Use(fragment=fragment):
            return f"use {fragment}"
        case s.Each(variables=variables):
            return f"each {', '.join(variables)}"
        case s.Event():
            return "event"
        case s.Propagate():
            return "propagate"
    return "effects"


def rules_of(steps: Sequence[s.Step]) -> Iterator[tuple[str, s.Step]]:
    """Every rule of some steps, those inside others too, each with its step."""
    for node in _apart(steps):
        if isinstance(node, s.On) and isinstance(node.steps[0], (s.Rule, s.Need)):
            yield owner_of(node), node
            yield from rules_of(getattr(node.steps[0], "steps", ()))
            continue
        if isinstance(node, (s.Rule, s.Need)):
            yield owner_of(node), node
        if isinstance(node, (s.Rule, s.Each, s.On)):
            yield from rules_of(node.steps)


def _key(node: s.Step) -> tuple[str, str]:
    kind = type(node).__name__
    match node:
        case s.Rule() | s.Need() | s.On() | s.Let() | s.Choose() | s.Use() | s.Each():
            return kind, owner_of(node)
        case s.Assign(target=target) | s.Delete(target=target):
            return kind, printing.expression(target)
        case s.Event(event=event, key=key):
            return kind, f"{printing.expression(event)} {printing.expression(key)}"
    return kind, ""
