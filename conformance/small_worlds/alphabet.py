"""Small alphabets: the requests of which exhaustive runs make every sequence.

Of a command: its plainest request, the same with each other value of each argument (two of what is counted), each
option alone, with each other value of its own arguments, with each and each two of its own options, and with each
option of another kind, and each keyword where there are several. Two keys, two texts, a few numbers: few enough that
every sequence of three can be tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import field, mutable

from redlark.conformance.drawing.generate import Grammar, walk
from redlark.spec import syntax

KEYS = (b"a", b"b")
TEXTS = (b"x", b"1")
NUMBERS = (b"1", b"-1")
BY_NAME: dict[str, tuple[bytes, ...]] = {
    "seconds": (b"100",),
    "milliseconds": (b"100000",),
    "unix-seconds": (b"9999999999",),
    "unix-time-seconds": (b"9999999999",),
    "unix-milliseconds": (b"9999999999999",),
    "unix-time-milliseconds": (b"9999999999999",),
    "cursor": (b"0",),
    "pattern": (b"*",),
    "start": (b"0", b"1"),
    "stop": (b"-1",),
    "end": (b"-1",),
    "min": (b"-inf", b"1"),
    "max": (b"+inf",),
    "score": (b"1", b"2"),
    "index": (b"0", b"-1"),
    "rank": (b"1", b"-1"),
    "count": (b"1", b"2", b"-1"),
    "weight": (b"2",),
    "limit": (b"1",),
    "longitude": (b"1", b"2"),
    "latitude": (b"1",),
    "radius": (b"200", b"0"),
    "width": (b"400",),
    "height": (b"400",),
    "unit": (b"km", b"m"),
    "num-vertices": (b"3",),
    "encoding": (b"u8", b"i2"),
    "offset": (b"0", b"1"),
    "group": (b"g",),
    "consumer": (b"c",),
}
BY_TYPE: dict[str, tuple[bytes, ...]] = {
    "text": TEXTS,
    "string": TEXTS,
    "float": (b"1.5",),
    "double": (b"1.5",),
    "bit": (b"1", b"0"),
    "bit-offset": (b"0", b"9"),
    "stream-id": (b"1-1", b"2-1"),
    "claim-id": (b"1-1", b"2-1"),
    "new-id": (b"1-1", b"2-1", b"*"),
    "group-id": (b"0", b"$"),
    "read-id": (b"0", b"$"),
    "group-read-id": (b">", b"0"),
    "idle-time": (b"0", b"100000"),
    "sketch-question": (b"ENCODING", b"DECODE", b"GETREG", b"TODENSE", b"NOSUCH"),
    "timeout": (b"0",),
}
# What a name says only of an argument of that type.
BY_BOTH: dict[tuple[str, str], tuple[bytes, ...]] = {
    ("start", "range-id"): (b"-", b"2-1"),
    ("end", "range-id"): (b"+",),
    ("offset", "field-offset"): (b"0", b"#1"),
    ("type", "type"): (b"string", b"x"),
    ("last-id", "stream-id"): (b"1-1", b"3-1"),
    ("by-pattern", "pattern"): (b"x", b"*"),
    ("get-pattern", "pattern"): (b"#", b"*"),
    ("id", "text"): (b"1-1", b"2-1"),
    ("bit", "int"): (b"1", b"0"),
    ("milliseconds", "block-time"): (b"0",),
}

Request = tuple[bytes, ...]


def alphabet(grammars: Iterable[Grammar], strangers: Sequence[Request] = ()) -> tuple[Request, ...]:
    """The requests of some commands, each once, in the order of the commands; then a few from elsewhere."""
    found: dict[Request, None] = {}
    for one in grammars:
        name = tuple(word.encode() for word in one.name.split("|"))
        for arguments in _Small(one).requests():
            found[name + arguments] = None
    found.update(dict.fromkeys(strangers))
    return tuple(found)


@mutable
class _Small:
    """One command's few requests."""

    grammar: Grammar
    counters: frozenset[str] = field(init=False)

    @counters.default
    def _counters(self) -> frozenset[str]:
        return frozenset(
            part.repeat[1]
            for part in walk(self.grammar.line)
            if isinstance(part, syntax.Argument | syntax.Pairs) and isinstance(part.repeat, tuple)
        )

    def requests(self) -> list[Request]:
        """The plainest request, then one change of it at a time; a command of two keys with each pair of them."""
        line = self.grammar.line
        fixed = [part for part in line if not isinstance(part, syntax.Group)]
        groups = [part for part in line if isinstance(part, syntax.Group)]
        ways = {id(part): self.part(part) for part in fixed}
        plain = {place: found[0] for place, found in ways.items()}
        needed = {id(group): self.options(group)[0] for group in groups if self._is_needed(group)}
        plain |= needed
        found = [self._joined(line, plain)]
        if needed:
            found.append(self._joined(line, {**plain, **dict.fromkeys(needed, ())}))
        for part in fixed:
            for other in ways[id(part)][1:]:
                found.append(self._joined(line, {**plain, id(part): other}))
        keys = [part for part in fixed if self._is_key(part)]
        if len(keys) == 2:
            found.append(self._joined(line, {**plain, id(keys[0]): (KEYS[0],), id(keys[1]): (KEYS[1],)}))
        found += [self._joined(line, {**plain, **two}) for two in self.twofold(fixed, ways)]
        for group in groups:
            found += [self._joined(line, {**plain, id(group): other}) for other in self.others(group)]
        few = [(id(group), self.options(group, nested=False)) for group in groups]
        for number, (group, (place, options)) in enumerate(zip(groups, few, strict=True)):
            found += [self._joined(line, {**plain, place: option}) for option in self.options(group)]
            for behind, others in few[number + 1 :]:
                pairs = [{place: one, behind: two} for one in options for two in others]
                found += [self._joined(line, {**plain, **chosen}) for chosen in pairs]
        return found

    def twofold(self, fixed: Sequence[syntax.Part], ways: dict[int, list[Request]]) -> Iterable[dict[int, Request]]:
        """Where an argument counts others: two of those."""
        for number in fixed:
            if isinstance(number, syntax.Argument) and number.name in self.counters:
                counted = [part for part in fixed if getattr(part, "repeat", None) == ("counted", number.name)]
                twice = {id(part): (*ways[id(part)][0], *ways[id(part)][-1]) for part in counted}
                yield {id(number): (b"2",), **twice}

    def others(self, group: syntax.Group) -> Iterable[Request]:
        """Each option alone with each other value of its arguments."""
        for alternative in group.alternatives:
            parts = _flat(alternative.parts)
            inner = [self.part(inside) for inside in parts]
            for place, inside in enumerate(parts):
                more: Iterable[Request] = ()
                if isinstance(inside, syntax.Argument):
                    more = inner[place][1:]
                elif isinstance(inside, syntax.Group):
                    more = self.others(inside)
                for other in more:
                    changed = [*inner[:place], [other], *inner[place + 1 :]]
                    yield tuple(word for ways in changed for word in ways[0])

    def _joined(self, line: Sequence[syntax.Part], chosen: dict[int, Request]) -> Request:
        return tuple(word for part in line for word in chosen.get(id(part), ()))

    def _is_needed(self, group: syntax.Group) -> bool:
        """Whether a request without this option is refused."""
        return any(isinstance(part, syntax.Token) and part.word in self.grammar.needs for part in walk((group,)))

    def _is_key(self, part: syntax.Part) -> bool:
        return isinstance(part, syntax.Argument) and (part.name in self.grammar.keys or part.type == "key")

    def part(self, part: syntax.Part) -> list[Request]:
        """The ways in which one part of the line may stand in a request, the plainest first."""
        match part:
            case syntax.Token(text=text):
                return [(text.encode(),)]
            case syntax.Choice(words=words):
                return [(word.encode(),) for word, _ in words]
            case syntax.Pairs(parts=parts, repeat=repeat):
                inner = [self.part(inside) for inside in parts]
                plain: Request = tuple(word for ways in inner for word in ways[0])
                other = tuple(word for ways in inner for word in ways[-1])
                return [plain] if plain == other else [plain, other, *([plain + other] if repeat == "many" else [])]
            case syntax.Argument(repeat=repeat):
                return self.argument(part)
            case syntax.Group():
                return [(), *self.options(part)]
        return [()]

    def argument(self, part: syntax.Argument) -> list[Request]:
        """The few values of an argument; of one that may be repeated, two of them together as well."""
        if part.name in self.counters:
            return [(b"1",)]
        values: tuple[bytes, ...] = KEYS
        if not self._is_key(part):
            named = BY_BOTH.get((part.name, part.type)) or BY_NAME.get(part.name)
            values = named or BY_TYPE.get(part.type) or NUMBERS
        several = [tuple(values[:2])] if part.repeat == "many" and len(values) > 1 else []
        return [(value,) for value in values] + several

    def options(self, group: syntax.Group, nested: bool = True) -> list[Request]:
        """Each alternative: plain, with each keyword; where `nested`, with each and each two of its own options."""
        found: list[Request] = []
        for alternative in group.alternatives:
            parts = _flat(alternative.parts)
            inner = [self.part(inside) for inside in parts]
            plain = {place: ways[0] for place, ways in enumerate(inner)}
            changes: list[dict[int, Request]] = [{}]
            for place, inside in enumerate(parts):
                if isinstance(inside, syntax.Choice):
                    changes += [{place: other} for other in inner[place][1:]]
            within = [
                (place, self.options(inside))
                for place, inside in enumerate(parts)
                if nested and isinstance(inside, syntax.Group)
            ]
            for number, (place, options) in enumerate(within):
                changes += [{place: option} for option in options]
                for behind, others in within[number + 1 :]:
                    changes += [{place: one, behind: two} for one in options for two in others]
            found += [tuple(word for words in {**plain, **change}.values() for word in words) for change in changes]
        return [option for option in dict.fromkeys(found) if option]


def _flat(parts: Sequence[syntax.Part]) -> list[syntax.Part]:
    """The parts of an option, those that are only named together one by one."""
    found: list[syntax.Part] = []
    for part in parts:
        named_together = isinstance(part, syntax.Pairs) and part.repeat is None
        found += _flat(part.parts) if named_together else [part]  # type: ignore[union-attr]
    return found
