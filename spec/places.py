"""Where the arguments of a syntax line stand in a request: at a fixed place, behind a word, counted, repeated.

What must live here: places and lengths, worked out from the syntax alone. What is told of them is `derivation`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeGuard

from attrs import evolve

from redlark.spec import syntax as s
from redlark.spec.metadata import KeySpec


def length(parts: Iterable[s.Part]) -> tuple[int, bool]:
    """How many texts these parts take at least, and whether they never take more."""
    needed, fixed = 0, True
    for part in parts:
        if isinstance(part, s.Group):
            fixed = False
            continue
        inner, inner_fixed = length(part.parts) if isinstance(part, s.Pairs) else (1, True)
        needed, fixed = needed + inner, fixed and inner_fixed
        if isinstance(part, (s.Argument, s.Pairs)) and part.repeat:
            fixed = False
    return needed, fixed


def is_plain_block(part: s.Part) -> TypeGuard[s.Pairs]:
    """Arguments in brackets that come once."""
    return isinstance(part, s.Pairs) and part.repeat is None


class Slot:
    """Where an argument stands: at a fixed place, or behind a word; alone, repeated or counted."""

    def __init__(
        self, argument: s.Argument, index: int, keyword: str | None, last: int, step: int, count: int | None,
        limit: int = 0,
    ) -> None:  # fmt: skip
        self.argument, self.index, self.keyword, self.last = argument, index, keyword, last
        self.step, self.count, self.limit = step, count, limit

    def spec(self, flags: tuple[str, ...], notes: str | None) -> KeySpec:
        """The key specification of what stands here."""
        if self.count is not None:
            return KeySpec(flags, self.count, step=self.step, count=0, first=self.index - self.count, notes=notes)
        if self.keyword is not None:
            range_ = KeySpec(flags, last=self.last, step=self.step, notes=notes, limit=self.limit)
            return evolve(range_, keyword=self.keyword, start=self.index)
        return KeySpec(flags, self.index, last=self.last, step=self.step, notes=notes)


def argument_slots(parts: tuple[s.Part, ...], index: int, is_needed: Callable[[s.Group], bool]) -> Iterator[Slot]:
    """The arguments at fixed places, and those directly behind a word of an option, with where they stand.

    Behind options an argument has no place of its own: it is found by the word before it.
    """
    counts: dict[str, int] = {}
    floating = False
    parts = tuple(p for part in parts for p in (part.parts if is_plain_block(part) else (part,)))
    for place, part in enumerate(parts):
        behind = length(parts[place + 1 :])[0]
        before = parts[place - 1] if place else None
        if isinstance(part, s.Argument) and floating and isinstance(before, s.Token):
            sharing = [p for p in parts if isinstance(p, s.Argument) and p.repeat == part.repeat]
            yield Slot(part, index - 1, before.word, -1, 1, None, len(sharing) if len(sharing) > 1 else 0)
            index += 1
        elif isinstance(part, s.Argument):
            counts[part.name] = index
            counted = counts.get(part.repeat[1]) if isinstance(part.repeat, tuple) else None
            yield Slot(part, index, None, -1 - behind if part.repeat == "many" else 0, 1, counted)
            index += 1
        elif isinstance(part, s.Pairs):
            size = length(part.parts)[0]
            counted = counts.get(part.repeat[1]) if isinstance(part.repeat, tuple) else None
            for offset, inner in enumerate(part.parts):
                if isinstance(inner, s.Argument):
                    last = -1 - behind if part.repeat == "many" else 0
                    yield Slot(inner, index + offset, None, last, size, counted)
            index += size
        elif isinstance(part, s.Group):
            floating = True
            if is_needed(part):
                index += length(part.alternatives[0].parts)[0]
            for alternative in part.alternatives:
                first, *rest = alternative.parts
                if isinstance(first, s.Argument) and isinstance(first.repeat, tuple) and not rest:
                    yield Slot(
                        first, index, None, 0, 1, counts.get(first.repeat[1])
                    )  # there may be none: [key#numkeys]
                elif isinstance(first, s.Argument) and len(part.alternatives) == 1:
                    yield Slot(first, index, None, -1 if first.repeat == "many" else 0, 1, None)
                if isinstance(first, s.Token) and rest and isinstance(rest[0], s.Argument):
                    yield Slot(rest[0], index, first.word, -1 if rest[0].repeat == "many" else 0, 1, None)
        else:
            index += 1


def key_range(specs: tuple[KeySpec, ...]) -> tuple[int, int, int]:
    """First key, last key and step, as told before there were key specifications: what these say of adjoining ones."""
    ranges = [spec for spec in specs if spec.keyword is None and spec.count is None and not spec.unknown]
    if not ranges:
        return (0, 0, 0)
    first, *rest = ranges
    last = first.last if first.last < 0 else first.index + first.last
    if rest and first.step != 1:
        return (first.index, last, first.step)
    for spec in rest:
        if last < 0 or spec.index != last + 1 or spec.step != 1:
            break
        last = spec.last if spec.last < 0 else spec.index + spec.last
    return (first.index, last, first.step)
