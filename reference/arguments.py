"""The argument parser that a syntax line means.

Theory of operation. A syntax line is compiled to matchers that are walked from left to right; each reads arguments,
converts them where they stand (a type owns its error) and runs the steps of ``on ARGUMENT`` there. Neighbouring
groups are a bag: any order, until a token that is none of theirs. What the parser refuses is an error of its own
unless the facts (``refuses``) give it another. What must not live here: what a command does with its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import define, evolve
from immutables import Map

from redlark.reference.expressions import expression
from redlark.reference.lines import declare, ends_counted, held, is_positional, least, most, read_by
from redlark.reference.scope import Frame, Scope, refuse
from redlark.reference.source import Closure
from redlark.reference.values import GO, Uncertain
from redlark.spec import syntax as s

Arguments = Sequence[bytes]
RAW = frozenset({"text", "key", "pattern", "string"})  # types that take an argument as it is


def OVERLOOKED(v: Frame) -> Any:
    """What stands behind the last argument is not looked at."""


class Ended(Exception):
    """Parsing ended the command with a reply; ``rule`` names what ended it."""

    def __init__(self, reply: Any, rule: str | None = None) -> None:
        self.reply, self.rule = reply, rule


Refusals = dict[str, Closure]
Matcher = Callable[[Arguments, int, int, Frame], int]  # arguments, position, end for this part, frame -> new position


@define
class Hooks:
    """What stands around the syntax line: refusals of the facts, steps of ``on``, the rules that may end parsing."""

    refusals: Refusals
    steps: dict[str, Closure]
    rules: list[str]
    command: str

    def refuse(self, v: Frame, kind: str, token: bytes = b"") -> Ended:
        """The error for a request that the syntax line does not allow; ``token`` is what was in the way."""
        v[self.token] = token
        closure = self.refusals.get(kind)
        if closure is not None:
            return Ended(closure(v), f"{self.command}/{kind}")
        return Ended(self.refusals["syntax"](v), f"{self.command}/syntax")

    token: int = 0


def reader(name: str, scope: Scope, node: s.Node) -> tuple[Closure | None, Closure | None]:
    """How a type reads a text: (conversion, error), both None for a raw type. None as a value is a failure."""
    if name in RAW:
        return None, None
    definition = scope.text.types.get(name)
    if definition is None:
        raise refuse(node, f"no type {name!r}; define it with `type {name} by ... else error ...`")
    inner = Scope(scope.text, elsewhere=scope.elsewhere, command=scope.command)
    text = inner.slot("text")
    within = definition.value if isinstance(definition.value, s.In) else None
    parse = expression(within.item if within else definition.value, inner)
    domain = expression(within.domain, inner) if within else None
    error = expression(definition.error, inner) if definition.error is not None else None
    size = inner.size
    assert text == 1

    def convert(v: Frame) -> Any:
        frame = [v[0], v[1]] + [None] * (size[0] - 2)
        value = parse(frame)
        if value is None or domain is None:
            return value
        return value if isinstance(value, Uncertain) or value in domain(frame) else None

    def failed(v: Frame) -> Any:
        return error([v[0], v[1]] + [None] * (size[0] - 2)) if error is not None else None

    return convert, failed


def compile_parser(parts: Sequence[s.Part], scope: Scope, hooks: Hooks) -> Callable[[Arguments, Frame], None]:
    """Compiles a syntax line; the parser fills the frame, or raises :class:`Ended`."""
    parts = held(parts, scope)
    declare(parts, scope)
    hooks.token = scope.slot("token")
    everything = most(parts)
    limit = everything if all(is_positional(part) for part in parts) else None
    needed = next((place for place, part in enumerate(parts) if isinstance(part, s.Group)), 0) if limit else 0
    begin = _sequence(parts[:needed], scope, hooks) if needed else None
    match = _sequence(parts[needed:], scope, hooks)
    overlooks = hooks.refusals.get("excess") is OVERLOOKED
    at_most = most(parts) if "too-many" in hooks.refusals else None
    known = "unknown" in hooks.refusals and not ("excess" in hooks.refusals and ends_counted(parts))
    surplus = "unknown" if known else "excess"

    def parse(arguments: Arguments, v: Frame) -> None:
        if overlooks and everything is not None:
            arguments = arguments[:everything]
        count, position = len(arguments), 0
        if at_most is not None and count > at_most:
            raise hooks.refuse(v, "too-many", arguments[at_most])
        if begin is not None:  # excess is seen behind what every request has, before any option is read
            position = begin(arguments, 0, count, v)
        if limit is not None and count > limit:
            raise hooks.refuse(v, "excess", arguments[limit])
        position = match(arguments, position, count, v)
        if position < count and not (overlooks and surplus == "excess"):
            raise hooks.refuse(v, surplus, arguments[position])

    return parse


# ---- matchers ------------------------------------------------------------------------------------------------


def _sequence(parts: Sequence[s.Part], scope: Scope, hooks: Hooks, *, inner: bool = False) -> Matcher:
    """Parts one behind another; neighbouring groups become one bag.

    Room is kept for the parts that must follow. But a word that begins an option is one wherever it stands, as servers
    read them from left to right; ``inner``, in an option's own arguments, a word alone is one only where there is room.
    """
    matchers: list[tuple[Matcher, int]] = []
    index = 0
    while index < len(parts):
        part = parts[index]
        if isinstance(part, s.Group):
            stop = index
            while stop < len(parts) and isinstance(parts[stop], s.Group):
                stop += 1
            groups = [p for p in parts[index:stop] if isinstance(p, s.Group)]
            matcher = _bag(groups, scope, hooks, last=stop == len(parts), inner=inner, room=_least(parts[stop:], scope))
            matchers.append((matcher, 0))
            index = stop
            continue
        matcher = _matcher(part, scope, hooks)
        index += 1
        if isinstance(part, s.Token | s.Choice) or part.repeat is None or isinstance(part.repeat, tuple):
            matchers.append((matcher, 0))
            continue
        matchers.append((matcher, _least(parts[index:], scope)))
    if len(matchers) == 1:
        return matchers[0][0]

    def match(arguments: Arguments, position: int, end: int, v: Frame) -> int:
        for matcher, after in matchers:
            position = matcher(arguments, position, end - after, v)
        return position

    return match


def _matcher(part: s.Part, scope: Scope, hooks: Hooks) -> Matcher:
    if isinstance(part, s.Argument):
        return _argument(part, scope, hooks)
    if isinstance(part, s.Token):
        return _token(part, scope, hooks)
    if isinstance(part, s.Choice):
        return _choice(part, scope, hooks)
    assert isinstance(part, s.Pairs)
    return _pairs(part, scope, hooks)


def _one(part: s.Argument, scope: Scope, hooks: Hooks) -> Callable[[bytes, Frame], Any]:
    """Reads one argument's text."""
    convert, failed = (None, None) if part.late else reader(part.type, scope, part)
    if convert is None or failed is None:
        return lambda text, v: text
    rule = f"{hooks.command}/bad-{part.name}"
    if not _owns_no_error(part, scope):
        hooks.rules.append(rule)
    refusal = hooks.refusals.get(part.name)

    def read(text: bytes, v: Frame) -> Any:
        frame = [v[0], text]
        value = convert(frame)
        if value is None:
            v[hooks.token] = text
            error = refusal(v) if refusal is not None else failed(frame)
            if error is None:
                raise hooks.refuse(v, "unknown", text)
            raise Ended(error, rule)
        return value

    return read


def _hook(name: str, hooks: Hooks) -> Callable[[Frame], None] | None:
    steps = hooks.steps.get(name)
    if steps is None:
        return None

    def run(v: Frame) -> None:
        reply = steps(v)
        if reply is not GO:
            raise Ended(reply)

    return run


def _argument(part: s.Argument, scope: Scope, hooks: Hooks) -> Matcher:
    slot, read, hook = scope.slot(part.name), _one(part, scope, hooks), _hook(part.name, hooks)
    if part.repeat is None:

        def single(arguments: Arguments, position: int, end: int, v: Frame) -> int:
            if position >= end:
                raise hooks.refuse(v, "missing")
            v[slot] = read(arguments[position], v)
            if hook is not None:
                v[0].read = position + 1
                hook(v)
            return position + 1

        return single
    if _is_endless(part, scope):
        return _while_converted(part, scope, hooks)
    if part.repeat == "many":

        def many(arguments: Arguments, position: int, end: int, v: Frame) -> int:
            if position >= end:
                raise hooks.refuse(v, "missing")
            v[slot] = tuple([read(text, v) for text in arguments[position:end]])
            if hook is not None:
                hook(v)
            return end

        return many
    number = scope.slot(part.repeat[1])

    def counted(arguments: Arguments, position: int, end: int, v: Frame) -> int:
        count = v[number]
        if isinstance(count, bytes):  # a late number: its own `need` comes after, take it as it can be read
            count = int(count) if count.isdigit() else 0
        if count is None:  # `key#n id#n`: n is what is left, shared by the parts that it counts
            count = v[number] = (end - position) // 2
            if (end - position) % 2:
                raise hooks.refuse(v, "unpaired")
        stop: int = position + max(count, 0)
        if stop > end:
            raise hooks.refuse(v, "too-few")
        v[slot] = tuple([read(text, v) for text in arguments[position:stop]])
        if hook is not None:
            hook(v)
        return stop

    return counted


def _owns_no_error(part: s.Argument, scope: Scope) -> bool:
    definition = scope.text.types.get(part.type)
    return definition is not None and definition.error is None and not part.late


def _is_endless(part: s.Part, scope: Scope) -> bool:
    return isinstance(part, s.Argument) and part.repeat == "many" and _owns_no_error(part, scope)


def _least(parts: Sequence[s.Part], scope: Scope) -> int:
    return least([part for part in parts if not _is_endless(part, scope)])


def _while_converted(part: s.Argument, scope: Scope, hooks: Hooks) -> Matcher:
    """Any number of a type that owns no error: the list ends where a text is none of it, and may be taken up again."""
    slot, hook = scope.slot(part.name), _hook(part.name, hooks)
    convert, _ = reader(part.type, scope, part)
    assert convert is not None

    def match(arguments: Arguments, position: int, end: int, v: Frame) -> int:
        found: list[Any] = []
        while position < end:
            value = convert([v[0], arguments[position]])
            if value is None:
                break
            found.append(value)
            position += 1
        v[slot] = (*(v[slot] or ()), *found)
        if hook is not None:
            hook(v)
        return position

    return match


def _token(part: s.Token, scope: Scope, hooks: Hooks) -> Matcher:
    slot, word, hook = scope.word(part.word), part.text.encode(), _hook(part.word, hooks)

    def match(arguments: Arguments, position: int, end: int, v: Frame) -> int:
        if position >= end or arguments[position].upper() != word:
            raise hooks.refuse(v, "unknown", arguments[position] if position < len(arguments) else b"")
        v[slot] = True
        if hook is not None:
            hook(v)
        return position + 1

    return match


def _choice(part: s.Choice, scope: Scope, hooks: Hooks) -> Matcher:
    slot, words = scope.slot(part.name), frozenset(word.encode() for word, _ in part.words)
    hook = _hook(part.name, hooks)

    def match(arguments: Arguments, position: int, end: int, v: Frame) -> int:
        if position >= end:
            raise hooks.refuse(v, "missing")
        word = arguments[position].upper()
        if word not in words and not part.late:
            raise hooks.refuse(v, part.name if part.name in hooks.refusals else "unknown", arguments[position])
        v[slot] = word
        if hook is not None:
            hook(v)
        return position + 1

    return match


def _pairs(part: s.Pairs, scope: Scope, hooks: Hooks) -> Matcher:
    inner = _sequence(part.parts, scope, hooks, inner=True)
    if part.repeat is None:
        return inner
    width = least(part.parts)
    slots = [scope.slot(p.name) for p in part.parts if isinstance(p, (s.Argument, s.Choice))]
    number = scope.slot(part.repeat[1]) if isinstance(part.repeat, tuple) else None

    def match(arguments: Arguments, position: int, end: int, v: Frame) -> int:
        if number is not None:
            stop = position + max(v[number], 0) * width
            if stop > end:
                raise hooks.refuse(v, "too-few")
        else:
            stop = end
            if (end - position) % width or position >= end:
                raise hooks.refuse(v, "unpaired")
        columns: list[list[Any]] = [[] for _ in slots]
        while position < stop:
            position = inner(arguments, position, position + width, v)
            for column, slot in zip(columns, slots, strict=True):
                column.append(v[slot])
        for column, slot in zip(columns, slots, strict=True):
            v[slot] = tuple(column)
        return position

    return match


@define
class _Option:
    """One alternative of a group in a bag."""

    group: int
    alternative: int
    match: Matcher
    width: int  # arguments that it takes at least, its word among them
    many: tuple[int, ...]  # slots that collect a list, where the group may be repeated
    once: bool
    word: bytes  # what it begins with, empty for an argument
    label: int | None  # slot that collects what each taking has read, where a repeated group has a label
    read: tuple[tuple[str, int], ...]  # what is kept there
    by_word: bool


def _bag(
    groups: Sequence[s.Group], scope: Scope, hooks: Hooks, *, last: bool, inner: bool = False, room: int = 0
) -> Matcher:
    """Neighbouring groups: any order; exclusive ones refuse a second alternative, `once` refuses a repeat.

    A word is an option even where too little is left for the parts behind, which need `room` arguments at least. But in
    an option's own arguments (`inner`) what stands before such parts is read once: a second word is the next part.

    An alternative that is itself a group offers that one's alternatives, of which the last of a kind wins; one that is
    a block begun by a word offers what is in it. An alternative of arguments alone, beside others that a word begins,
    is meant only where it takes all that is left.
    """
    by_word: dict[bytes, _Option] = {}
    positional: list[_Option] = []
    alone: list[_Option] = []
    for number, group in enumerate(groups):
        offered = list(_offered(group))
        label = scope.slot(group.label) if group.many and group.label is not None else None
        read = tuple((name, scope.slot(name)) for name in dict.fromkeys(read_by((group,))))
        for index, (alternative, collects) in enumerate(offered):
            many = tuple(scope.slot(p.name) for p in alternative.parts if isinstance(p, s.Argument)) if collects else ()
            match_parts = _sequence(alternative.parts, scope, hooks, inner=True)
            once = group.once or alternative.once
            head = alternative.parts[0]
            word = head.text.encode() if isinstance(head, s.Token) else b""
            by_its_word = isinstance(head, (s.Token, s.Choice))
            counted = sum(isinstance(p, s.Argument) and isinstance(p.repeat, tuple) for p in alternative.parts)
            pairs = sum(isinstance(p, s.Pairs) and isinstance(p.repeat, tuple) for p in alternative.parts)
            # how many there must be is for the count to say; but of pairs, one text is looked for at once
            width = _least(alternative.parts, scope) - counted + pairs
            kept = many if label is None else ()
            option = _Option(number, index, match_parts, width, kept, once, word, label, read, by_its_word)
            if isinstance(head, s.Token):
                by_word[word] = option
            elif isinstance(head, s.Choice):
                by_word.update((each.encode(), option) for each, _ in head.words)
            elif len(offered) > 1 and all(isinstance(p, s.Argument) for p in alternative.parts):
                alone.append(option)
            else:
                positional.append(option)
    repeats = [_repeats(group) for group in groups]

    def match(arguments: Arguments, position: int, end: int, v: Frame) -> int:
        taken: dict[int, int] = {}
        while position < end:
            option, rest = by_word.get(arguments[position].upper()), end - room - position
            if inner and option is not None and option.width == 1 and end - room <= position:
                break
            if alone and (option is None or option.width != rest):
                option = next((o for o in alone if o.group not in taken and o.width == rest), option)
            if option is not None and option.width > rest and positional:
                option = None  # a word that lacks its argument is one itself, where any may stand
            if option is None:
                free = (o for o in positional if o.group not in taken or repeats[o.group])
                option = next(free, None) if position < end - room else None
                if option is None:
                    break
            group = groups[option.group]
            stop = end if option.by_word else end - room
            if stop - position < option.width:
                if not last or inner:
                    break
                raise hooks.refuse(v, "missing" if "missing" in hooks.refusals else "unknown", arguments[position])
            before = taken.get(option.group)
            second = before is not None and not repeats[option.group]
            if second and inner and room:
                break
            if second and (option.once or (group.kind == "exclusive" and before != option.alternative)):
                kind = next((k for k in (group.label, "repeated") if k in hooks.refusals), "unknown")
                raise hooks.refuse(v, kind, arguments[position])
            taken[option.group] = option.alternative
            collected = [v[slot] for slot in option.many]
            position = option.match(arguments, position, stop, v)
            for slot, old in zip(option.many, collected, strict=True):
                v[slot] = (*(old or ()), v[slot])
            if option.label is not None:
                taken_now = Map({"word": option.word, **{name: v[slot] for name, slot in option.read}})
                v[option.label] = (*(v[option.label] or ()), taken_now)
        return position

    return match


def _offered(group: s.Group) -> Iterable[tuple[s.Alternative, bool]]:
    """The alternatives of a group and of the groups that are its alternatives; whether a repetition collects a list."""
    for alternative in group.alternatives:
        inner = alternative.parts
        if len(inner) == 1 and isinstance(inner[0], s.Pairs) and inner[0].repeat is None:
            inner = inner[0].parts
        if inner is not alternative.parts and isinstance(inner[0], s.Token) and not isinstance(inner[-1], s.Token):
            yield evolve(alternative, parts=inner), group.many
        elif all(isinstance(part, s.Group) for part in inner):
            yield from ((one, False) for part in inner if isinstance(part, s.Group) for one, _ in _offered(part))
        else:
            yield alternative, group.many


def _repeats(group: s.Group) -> bool:
    inner = (a.parts[0] for a in group.alternatives if len(a.parts) == 1)
    return group.many or any(isinstance(part, s.Group) and _repeats(part) for part in inner)
